// Pooling of boxes of images: samples averaged within parts of each box, or the largest of its pixels, as torchvision and ONNX have them.
import { z } from "zod";
import type { FloatDtype } from "../../kernels/index.ts";
import { located } from "../graph/place.ts";
import { showTensorType } from "../graph/tensor-type.ts";
import { controlOperators } from "../operators/index.ts";
import { operandError } from "../operators/operand-error.ts";
import {
  anyNumberOption,
  flag,
  operatorOptions,
  planeOption,
  requireArgument,
  tensorOf,
  tensorOption,
} from "./options.ts";
import { both, type Pair } from "./pair.ts";
import { currentRecorder } from "./recorder.ts";
import { constant, iota, type Tensor, where } from "./tensor.ts";

/** Options of what pools boxes. */
export interface BoxPoolOptions {
  /** What boxes are multiplied by to lie in the images; 1 unless given. */
  readonly spatialScale?: number;
  /** Which image each box lies in, integers [k]; the first unless given. */
  readonly images?: Tensor;
}

/** Options of roiAlign, as in torchvision. */
export interface RoiAlignOptions extends BoxPoolOptions {
  /** Samples along rows and columns of each part of a box; as many as the part has pixels, unless given or 0. */
  readonly samplingRatio?: number;
  /** Whether pixels have their centres at halves. */
  readonly aligned?: boolean;
  /** The mean of a part's samples, or "max": the largest of the weighed pixels of which they are made, as ONNX has it. */
  readonly mode?: "avg" | "max";
  /** Most samples along rows and columns, where boxes say how many there are; more are a fault of the step. As many as a box within the image has unless given. */
  readonly atMost?: Pair;
}

const boxSchemas = { spatialScale: anyNumberOption, images: tensorOption };
const checkRoiAlign = operatorOptions<RoiAlignOptions>("roiAlign", () => ({
  ...boxSchemas,
  samplingRatio: z.int().min(0).optional(),
  aligned: flag,
  mode: z.enum(["avg", "max"]).optional(),
  atMost: planeOption(1),
}));
const checkRoiPool = operatorOptions<BoxPoolOptions>("roiPool", () => boxSchemas);

/** Images and boxes whose types fit, the boxes' coordinates and images as columns. */
function boxesOf(name: string, x: Tensor, boxes: Tensor, { images }: BoxPoolOptions) {
  const what = `${name} of ${showTensorType(x.type)} at ${showTensorType(boxes.type)}`;
  const [planes, lines] = [x.type.shape, boxes.type.shape];
  const fits = planes.length === 4 && lines.length === 2 && lines[1] === 4 && boxes.dtype === x.dtype;
  if (!fits || (images && (images.type.shape.length !== 1 || images.shape[0] !== boxes.shape[0])))
    throw operandError(
      "shape",
      what,
      "the images are float[n,c,h,w], the boxes [k,4] of the same dtype: x1, y1, x2, y2; images [k]",
    );
  const [count] = boxes.shape as [number];
  const column = (at: number) => boxes.slice([], [at, at + 1]).reshape([count, 1, 1]);
  const image = images ? images.cast("i64") : constant(0, "i64").broadcastTo([count]);
  return { count, image, corners: [column(0), column(1), column(2), column(3)] as const };
}

type Wide = "f32" | "f64";

/** The samples along one dimension of the boxes: between which pixels each lies, and whether it counts. */
interface Samples {
  /** Pixels before and behind, [k,parts,samples]. */
  readonly places: readonly [Tensor<"i64">, Tensor<"i64">];
  readonly weights: readonly [Tensor<Wide>, Tensor<Wide>];
  /** Whether it lies in the image, or by less than a pixel beside it. */
  readonly inside: Tensor<"bool">;
  /** Whether the box has so many; all have where undefined. */
  readonly counted: Tensor<"bool"> | undefined;
  /** How many there are in each part, [k,1,1]. */
  readonly count: Tensor<Wide>;
}

function samplesAlong(
  [from, to]: readonly [Tensor<Wide>, Tensor<Wide>],
  parts: number,
  length: number,
  { samplingRatio = 0, aligned = false }: RoiAlignOptions,
  atMost: number,
): Samples {
  const { dtype } = from;
  const size = aligned ? to.sub(from) : to.sub(from).maximum(1);
  const part = size.div(parts);
  const most = samplingRatio > 0 ? samplingRatio : atMost;
  const count = samplingRatio > 0 ? constant(samplingRatio, dtype) : part.ceil();
  if (samplingRatio === 0 && from.shape[0]! > 0) {
    const needed = count.max().maximum(0).cast("i64").value;
    const attributes = { atMost, dimension: "the samples of a box" };
    currentRecorder().results(controlOperators.limit, [needed], { attributes, regions: [] });
  }
  const sample = iota(dtype, [1, 1, most], 2);
  const step = sample.add(0.5).mul(part).div(count);
  const place = from.add(iota(dtype, [1, parts, 1], 1).mul(part)).add(step);
  const inside = place.greaterEqual(-1).and(place.lessEqual(length));
  const within = place.maximum(0);
  const low = within.floor().minimum(length - 1);
  const fraction = where(low.greaterEqual(length - 1), 0, within.sub(low));
  const index = low.cast("i64");
  return {
    places: [index, index.add(1).minimum(length - 1)],
    weights: [fraction.neg().add(1), fraction],
    inside,
    counted: samplingRatio > 0 ? undefined : sample.less(count).broadcastTo(place.type.shape),
    count,
  };
}

/**
 * Samples of images[n,c,h,w] within boxes[k,4] (x1, y1, x2, y2), pooled in each of [rows, columns] parts of a box → [k,c,rows,columns].
 *
 * As torchvision's roi_align, and ONNX's RoiAlign: samples beside the image by a pixel or more are 0, others bilinear.
 */
export function roiAlign<D extends FloatDtype>(
  x: Tensor<D>,
  boxes: Tensor<D>,
  size: Pair,
  options: RoiAlignOptions = {},
): Tensor<D> {
  checkRoiAlign(options);
  for (const each of [x, boxes]) tensorOf("roiAlign", each);
  requireArgument("roiAlign", "size", planeOption(1).unwrap(), size);
  const { spatialScale = 1, aligned = false, mode = "avg", atMost } = options;
  return located(() => {
    const { count, image, corners } = boxesOf("roiAlign", x, boxes, options);
    const [, channels, height, width] = x.shape as [number, number, number, number];
    const [rows, columns] = both(size);
    const dtype: Wide = x.dtype === "f64" ? "f64" : "f32";
    const [x1, y1, x2, y2] = corners.map((each) =>
      (each.cast(dtype) as Tensor<Wide>).mul(spatialScale).sub(aligned ? 0.5 : 0),
    ) as [Tensor<Wide>, Tensor<Wide>, Tensor<Wide>, Tensor<Wide>];
    const most = atMost ? both(atMost) : ([Math.ceil(height / rows), Math.ceil(width / columns)] as const);
    const down = samplesAlong([y1, y2], rows, height, options, Math.max(1, most[0]));
    const across = samplesAlong([x1, x2], columns, width, options, Math.max(1, most[1]));
    const [of, by] = [down.inside.shape[2]!, across.inside.shape[2]!];
    // [k,rows,samples,columns,samples]: rows lie along the first two, columns along the last.
    const vertical = <E extends "f32" | "f64" | "i64" | "bool">(each: Tensor<E>) =>
      each.reshape([count, rows, of, 1, 1]);
    const horizontal = <E extends "f32" | "f64" | "i64" | "bool">(each: Tensor<E>) =>
      each.reshape([count, 1, 1, columns, by]);
    const samples = count * rows * of * columns * by;
    const pixels = x.permute([0, 2, 3, 1]).reshape([-1, channels]);
    const flat = <E extends "f32" | "f64" | "bool">(each: Tensor<E>) =>
      each.broadcastTo([count, rows, of, columns, by]).reshape([samples, 1]);
    const products = [0, 1].flatMap((i) =>
      [0, 1].map((j) => {
        const line = image.reshape([count, 1, 1, 1, 1]).mul(height).add(vertical(down.places[i]!));
        const place = line.mul(width).add(horizontal(across.places[j]!)).reshape([samples]);
        const weight = vertical(down.weights[i]!).mul(horizontal(across.weights[j]!));
        return pixels.indexSelect(0, place).cast(dtype).mul(flat(weight)) as Tensor<Wide>;
      }),
    );
    const sampled = products.reduce((a, b) => (mode === "avg" ? a.add(b) : a.maximum(b)));
    const inside = where(flat(vertical(down.inside).and(horizontal(across.inside))), sampled, 0);
    const counted = down.counted && across.counted && vertical(down.counted).and(horizontal(across.counted));
    const kept = counted ? where(flat(counted), inside, mode === "avg" ? 0 : -Infinity) : inside;
    const parts = kept.reshape([count, rows, of, columns, by, channels]);
    const number = down.count.mul(across.count).maximum(1);
    const pooled =
      mode === "avg"
        ? parts.sum([2, 4]).div(number.broadcastTo([count, 1, 1]).reshape([count, 1, 1, 1]))
        : largestOf(parts, [2, 4]);
    return pooled.permute([0, 3, 1, 2]).cast(x.dtype);
  });
}

/** The largest along dimensions, 0 where there is none. */
function largestOf<D extends Wide>(x: Tensor<D>, axes: readonly number[]): Tensor<D> {
  const largest = x.max(axes);
  return where(largest.equal(-Infinity), 0, largest);
}

/**
 * The largest pixel in each of [rows, columns] parts of boxes[k,4] (x1, y1, x2, y2) of images[n,c,h,w], 0 in a part without any →
 * [k,c,rows,columns]. As torchvision's roi_pool, and ONNX's MaxRoiPool: boxes are rounded to whole pixels, the last counted in.
 */
export function roiPool<D extends FloatDtype>(
  x: Tensor<D>,
  boxes: Tensor<D>,
  size: Pair,
  options: BoxPoolOptions = {},
): Tensor<D> {
  checkRoiPool(options);
  for (const each of [x, boxes]) tensorOf("roiPool", each);
  requireArgument("roiPool", "size", planeOption(1).unwrap(), size);
  const { spatialScale = 1 } = options;
  return located(() => {
    const { count, image, corners } = boxesOf("roiPool", x, boxes, options);
    const [, channels, height, width] = x.shape as [number, number, number, number];
    const [rows, columns] = both(size);
    // Halves away from zero, as C rounds.
    const [x1, y1, x2, y2] = corners.map((each) => {
      const scaled = each.cast("f64").mul(spatialScale);
      return scaled.abs().add(0.5).floor().mul(scaled.sign());
    }) as [Tensor<"f64">, Tensor<"f64">, Tensor<"f64">, Tensor<"f64">];
    /** Which pixels belong to which part, [k,parts,length]. */
    const membership = (from: Tensor<"f64">, to: Tensor<"f64">, parts: number, length: number) => {
      const part = to.sub(from).add(1).maximum(1).div(parts);
      const at = iota("f64", [1, parts, 1], 1);
      const start = at.mul(part).floor().add(from);
      const end = at.add(1).mul(part).ceil().add(from);
      const pixel = iota("f64", [1, 1, length], 2);
      return pixel.greaterEqual(start).and(pixel.less(end));
    };
    const none = constant(-Infinity, x.dtype);
    const down = membership(y1, y2, rows, height).reshape([count, 1, rows, height, 1]);
    const across = membership(x1, x2, columns, width).reshape([count, 1, 1, columns, width]);
    const planes = x.indexSelect(0, image).reshape([count, channels, 1, height, width]);
    const lines = where(down, planes, none).max([3]).reshape([count, channels, rows, 1, width]);
    const largest = where(across, lines, none).max([4]);
    const filled = down
      .any([3])
      .reshape([count, 1, rows, 1])
      .and(across.any([4]).reshape([count, 1, 1, columns]));
    return where(filled, largest, constant(0, x.dtype));
  });
}
