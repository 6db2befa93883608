// Functions of images: resizing, of lines and volumes too, and sampling at computed positions.
import { z } from "zod";
import type { Dtype, FloatDtype } from "../../kernels/index.ts";
import { located } from "../graph/place.ts";
import { countOf, showTensorType } from "../graph/tensor-type.ts";
import { operators } from "../operators/index.ts";
import { unravel } from "../operators/indexing.ts";
import { operandError } from "../operators/operand-error.ts";
import { coordinateSystems, roundings } from "../operators/resize-taps.ts";
import { isTensor } from "./methods/symbolic.ts";
import {
  anyNumberOption,
  flag,
  listOf,
  operatorOptions,
  requireArgument,
  tensorOf,
  valueOfOperand,
  wholes,
} from "./options.ts";
import { currentRecorder } from "./recorder.ts";
import { constant, Tensor } from "./tensor.ts";

/** Options of resize. */
export interface ResizeOptions {
  readonly mode?: "nearest" | "linear" | "cubic";
  /** The dimensions that are resized, one for each size; all behind the channels unless named. */
  readonly axes?: readonly number[];
  /**
   * Pixel centres at halves (the default), corners on corners, or pixel 0 on pixel 0; and as ONNX has them: halves around the
   * middle of what is cut, halves but for a single pixel, and a region of the input.
   */
  readonly coordinates?: (typeof coordinateSystems)[number];
  /** How "nearest" chooses between two pixels; the lower of two as near unless given. */
  readonly rounding?: (typeof roundings)[number];
  /** The slope of the cubic kernel: −0.75 unless given, or −0.5, Catmull–Rom's, where antialiased; as in PyTorch. */
  readonly cubic?: number;
  /** Whether a smaller image takes all pixels into account, by a kernel as much wider; of "linear" and "cubic". */
  readonly antialias?: boolean;
  /** Outputs for one input along each dimension, where that is not the ratio of sizes. */
  readonly scales?: readonly number[];
  /** Whether pixels outside weigh nothing, rather than being those of the edge; unless given where antialiased, as in PyTorch. */
  readonly excludeOutside?: boolean;
  /** Of "cropAndResize": from where to where along each dimension, 0 and 1 being the corner pixels; as tensors where the step finds it. */
  readonly region?: { readonly starts: readonly number[] | Tensor; readonly ends: readonly number[] | Tensor };
  /** Of "cropAndResize": what lies outside of the input; 0 unless given. */
  readonly extrapolation?: number;
}

const places = z.union([z.array(z.number()), z.custom<Tensor>(isTensor)]);
const checkResize = operatorOptions<ResizeOptions>("resize", () => ({
  mode: z.enum(["nearest", "linear", "cubic"]).optional(),
  axes: wholes.optional(),
  coordinates: z.enum(coordinateSystems).optional(),
  rounding: z.enum(roundings).optional(),
  cubic: z.number().optional(),
  antialias: flag,
  scales: z.array(z.number().positive()).describe("a list of numbers above 0").optional(),
  excludeOutside: flag,
  region: z
    .strictObject({ starts: places, ends: places })
    .describe("{ starts, ends }, lists of numbers or vectors")
    .optional(),
  extrapolation: anyNumberOption,
}));
const imageSize = z
  .array(z.int().min(1))
  .min(1)
  .describe("whole numbers from 1, one for each dimension that is resized: [rows, columns] of images");

/**
 * x at another size: x[n,c,l], x[n,c,h,w] or x[n,c,d,h,w] behind the channels, [rows, columns] of images, or any x along `axes`;
 * linear unless another mode is named. Integers are rounded to the nearest.
 */
export const resize = <D extends Dtype>(
  x: Tensor<D>,
  size: readonly number[],
  options: ResizeOptions = {},
): Tensor<D> => {
  checkResize(options);
  requireArgument("resize", "size", imageSize, size);
  const { mode = "linear", coordinates = "halfPixel", antialias = false, region, ...rest } = options;
  const cubic = rest.cubic ?? (antialias ? -0.5 : -0.75);
  const { starts, ends } = region ?? {};
  const isFound = isTensor(starts) || isTensor(ends);
  const vector = (given: readonly number[] | Tensor): Tensor => (isTensor(given) ? given : constant(given, "f64"));
  const found = isFound ? [vector(starts!), vector(ends!)] : [];
  const attributes = { ...rest, ...(region && !isFound ? { region } : {}), size, mode, coordinates, cubic, antialias };
  const operands = [x, ...found].map((each) => valueOfOperand("resize", each));
  return new Tensor<D>(currentRecorder().apply(operators.resize, operands, attributes));
};

/** Options of affineGrid, as in PyTorch. */
export interface AffineGridOptions {
  /** Whether −1 and 1 are the centres of the corner pixels, or the corners of the image. */
  readonly alignCorners?: boolean;
}

const checkAffineGrid = operatorOptions<AffineGridOptions>("affineGrid", () => ({ alignCorners: flag }));
const gridSize = z.array(z.int().min(0)).min(4).max(5).describe("[n,c,h,w] of images, or [n,c,d,h,w] of volumes");

/**
 * Where the pixels of images [n,c,h,w] lie under an affine map, theta[n,2,3] → [n,h,w,2], from −1 to 1 over the image; of volumes
 * [n,c,d,h,w], theta[n,3,4] → [n,d,h,w,3]. What gridSample takes as normalized coordinates.
 */
export function affineGrid<D extends FloatDtype>(
  theta: Tensor<D>,
  size: readonly number[] | Tensor,
  options: AffineGridOptions = {},
): Tensor<D> {
  checkAffineGrid(options);
  tensorOf("affineGrid", theta);
  const [n, , ...out] = listOf<number>("affineGrid", "size", gridSize, size);
  const { alignCorners = false } = options;
  return located(() => {
    const rank = out.length;
    const { dtype, shape } = theta.type;
    if (shape.length !== 3 || shape[0] !== n || shape[1] !== rank || shape[2] !== rank + 1)
      throw operandError(
        "shape",
        `affineGrid of ${showTensorType(theta.type)} for ${out}`,
        `theta is [${n},${rank},${rank + 1}]`,
      );
    const place = (i: number, length: number) => {
      if (!alignCorners) return (2 * i + 1) / length - 1;
      return length === 1 ? 0 : (2 * i) / (length - 1) - 1;
    };
    const base = Array.from({ length: countOf(out) }, (_, at) => {
      const index = unravel(at, out);
      return [...index.map((i, d) => place(i, out[d]!)).reverse(), 1];
    });
    const places = constant(base.flat(), dtype, [countOf(out), rank + 1]) as Tensor<D>;
    return places.matmul(theta.permute([0, 2, 1])).reshape([n!, ...out, rank]);
  });
}

/** Options of gridSample; modes and what lies outside as in PyTorch. */
export interface GridSampleOptions {
  readonly mode?: "bilinear" | "nearest" | "bicubic";
  /** What lies outside the image: zeros, its nearest border, or its reflection. */
  readonly outside?: "zeros" | "border" | "reflection";
  /** Whether positions count pixels (the default) or go from −1 to 1 over the image, as PyTorch's do. */
  readonly coordinates?: "pixels" | "normalized";
  /** Whether −1 and 1, and the reflection's ends, are the centres of the corner pixels, or the corners of the image. */
  readonly alignCorners?: boolean;
}

const checkGridSample = operatorOptions<GridSampleOptions>("gridSample", () => ({
  mode: z.enum(["bilinear", "nearest", "bicubic"]).optional(),
  outside: z.enum(["zeros", "border", "reflection"]).optional(),
  coordinates: z.enum(["pixels", "normalized"]).optional(),
  alignCorners: flag,
}));

/**
 * Samples of an image[h,w] at positions (x, y) of grid[…,2], or of images[n,c,h,w] at those of grid[n,h,w,2] as in PyTorch, or of
 * volumes[n,c,d,h,w] at positions (x, y, z) of grid[n,d,h,w,3].
 *
 * Bilinear with zeros outside, positions in pixels, unless said otherwise.
 */
export function gridSample<D extends FloatDtype>(
  image: Tensor<D>,
  grid: Tensor<D>,
  options: GridSampleOptions = {},
): Tensor<D> {
  checkGridSample(options);
  for (const each of [image, grid]) tensorOf("gridSample", each);
  const { mode = "bilinear", outside = "zeros", coordinates = "pixels", alignCorners = false } = options;
  const rank = image.type.shape.length;
  const sampled = (images: Tensor<D>, positions: Tensor<D>) =>
    new Tensor<D>(
      currentRecorder().apply(
        operators[rank === 5 ? "gridSampler3d" : "gridSampler2d"],
        [images.value, positions.value],
        {
          mode,
          outside,
          coordinates,
          alignCorners,
        },
      ),
    );
  if (rank === 4 || rank === 5) return sampled(image, grid);
  const plain = mode === "bilinear" && outside !== "reflection" && coordinates === "pixels" && image.dtype === "f32";
  if (plain)
    return new Tensor<D>(currentRecorder().apply(operators.gridSample, [image.value, grid.value], { outside }));
  return located(() => {
    const result = grid.shape.slice(0, -1);
    if (rank !== 2 || grid.shape.at(-1) !== 2)
      throw operandError(
        "shape",
        `gridSample of ${showTensorType(image.type)} at ${showTensorType(grid.type)}`,
        "the image is [h,w] and the grid […,2], or the images are [n,c,h,w] and the grid [n,h,w,2], or [n,c,d,h,w] and [n,d,h,w,3]",
      );
    const flat = grid.reshape([1, countOf(result), 1, 2]);
    return sampled(image.reshape([1, 1, ...image.shape]), flat).reshape(result);
  });
}
