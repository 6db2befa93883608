// ONNX's operators of images: resizing, sampling at positions, affine grids and deformable convolution.
import { deformConv2d } from "../../../capture/convolutions.ts";
import { affineGrid, type GridSampleOptions, gridSample, type ResizeOptions, resize } from "../../../capture/images.ts";
import type { Tensor } from "../../../capture/tensor.ts";
import type { Call, Definitions } from "../call.ts";
import { unsupported } from "../import-error.ts";
import { elementsOf } from "../known-values.ts";
import { axesOf } from "./axes.ts";
import { windowOf } from "./windows.ts";

type Float = Tensor<"f32">;

const resizeModes = { nearest: "nearest", linear: "linear", bilinear: "linear", cubic: "cubic" } as const;
const coordinates = {
  half_pixel: "halfPixel",
  half_pixel_symmetric: "halfPixelSymmetric",
  pytorch_half_pixel: "pytorchHalfPixel",
  align_corners: "alignCorners",
  asymmetric: "asymmetric",
  tf_crop_and_resize: "cropAndResize",
  // Of operator set 11 alone.
  tf_half_pixel_for_nn: "halfPixel",
} as const;
const roundings = {
  round_prefer_floor: "preferFloor",
  round_prefer_ceil: "preferCeil",
  floor: "floor",
  ceil: "ceil",
} as const;

/** Sizes, and the scales that they come from or make. */
interface Sized {
  readonly sizes: readonly number[];
  /** Undefined where they are the ratio of sizes. */
  readonly scales: readonly number[] | undefined;
}

/** The sizes of the dimensions that are resized, of which some ask to keep their ratio. */
function sizesOf(call: Call, from: readonly number[]): Sized {
  const given = call.has(2) ? call.numbers(2) : [];
  if (given.length > 0) return { sizes: from.map((size, d) => Math.floor(size * given[d]!)), scales: given };
  const wanted = call.numbers(3);
  const policy = call.text("keep_aspect_ratio_policy", "stretch");
  if (policy === "stretch") return { sizes: wanted, scales: undefined };
  const ratios = wanted.map((size, d) => size / from[d]!);
  const scale = policy === "not_larger" ? Math.min(...ratios) : Math.max(...ratios);
  return { sizes: from.map((size) => Math.floor(size * scale + 0.5)), scales: from.map(() => scale) };
}

/** From where to where along so many dimensions: numbers where they are known. */
function regionOf(call: Call, count: number): NonNullable<ResizeOptions["region"]> {
  const roi = call.tensor(1);
  if (!elementsOf(roi)) return { starts: roi.slice([0, count]), ends: roi.slice([count]) };
  const numbers = call.numbers(1);
  return { starts: numbers.slice(0, count), ends: numbers.slice(count) };
}

function resized(call: Call): Tensor {
  const x = call.tensor(0);
  const all = x.shape.map((_, d) => d);
  const mode = call.choice("mode", resizeModes, "nearest");
  if (call.version < 11) {
    const scales = call.numbers(1);
    const sizes = x.shape.map((size, d) => Math.floor(size * scales[d]!));
    return scaled(x, all, { sizes, scales }, { mode, coordinates: "asymmetric", rounding: "floor" });
  }
  const axes = call.attribute("axes") ? axesOf(call.ints("axes"), x.shape.length) : all;
  const system = call.choice("coordinate_transformation_mode", coordinates, "half_pixel");
  const options: ResizeOptions = {
    mode,
    coordinates: system,
    rounding: call.choice("nearest_mode", roundings, "round_prefer_floor"),
    cubic: call.float("cubic_coeff_a", -0.75),
    antialias: call.flag("antialias"),
    excludeOutside: call.flag("exclude_outside"),
  };
  const sized = sizesOf(
    call,
    axes.map((axis) => x.shape[axis]!),
  );
  if (system !== "cropAndResize") return scaled(x, axes, sized, options);
  return resize(x, sized.sizes, {
    ...options,
    axes,
    region: regionOf(call, axes.length),
    extrapolation: call.float("extrapolation_value", 0),
  });
}

/** Along the dimensions that change; the others stay as they are. */
function scaled(x: Tensor, axes: readonly number[], { sizes, scales }: Sized, options: ResizeOptions): Tensor {
  const changed = axes.flatMap((axis, at) =>
    sizes[at] === x.shape[axis] && (scales === undefined || scales[at] === 1) ? [] : [at],
  );
  if (changed.length === 0) return x;
  const of = (values: readonly number[]): number[] => changed.map((at) => values[at]!);
  // Images keep their fast kernels where their plane alone is resized.
  const isPlane =
    x.shape.length >= 3 && of(axes).every((axis, at) => axis === at + 2) && changed.length === x.shape.length - 2;
  return resize(x, of(sizes), {
    ...options,
    ...(isPlane ? {} : { axes: of(axes) }),
    ...(scales ? { scales: of(scales) } : {}),
  });
}

/** Upsample, which Resize replaced: by factors, from the first pixel on. */
function upsampled(call: Call): Tensor {
  const x = call.tensor(0);
  const scales = call.version < 9 ? call.floats("scales") : call.numbers(1);
  const sizes = x.shape.map((size, d) => Math.floor(size * scales[d]!));
  const mode = call.choice("mode", resizeModes, "nearest");
  const axes = x.shape.map((_, d) => d);
  return scaled(x, axes, { sizes, scales }, { mode, coordinates: "asymmetric", rounding: "floor" });
}

const sampleModes = {
  bilinear: "bilinear",
  linear: "bilinear",
  nearest: "nearest",
  bicubic: "bicubic",
  cubic: "bicubic",
} as const;
const outsides = { zeros: "zeros", border: "border", reflection: "reflection" } as const;

function gridSampled(call: Call): Tensor {
  const options: GridSampleOptions = {
    mode: call.choice("mode", sampleModes, "linear"),
    outside: call.choice("padding_mode", outsides, "zeros"),
    coordinates: "normalized",
    alignCorners: call.flag("align_corners"),
  };
  return gridSample(call.tensor(0) as Float, call.tensor(1) as Float, options);
}

function affine(call: Call): Tensor {
  const options = { alignCorners: call.flag("align_corners") };
  return affineGrid(call.tensor(0) as Float, call.numbers(1), options);
}

function deformableConvolution(call: Call): Tensor {
  const [x, w, offset] = [call.tensor(0), call.tensor(1), call.tensor(2)];
  if (x.shape.length !== 4) throw unsupported(`deformable convolution over ${x.shape.length - 2} dimensions`);
  const { stride, dilation, before, after } = windowOf(call, x.shape.slice(2), w.shape.slice(2));
  const [bias, mask] = [call.optional(3), call.optional(4)];
  const plane = (values: readonly number[]): [number, number] => [values[0]!, values[1]!];
  return deformConv2d(x, offset, w, {
    stride: plane(stride),
    dilation: plane(dilation),
    padding: plane(before),
    paddingAfter: plane(after),
    ...(bias ? { bias } : {}),
    ...(mask ? { mask } : {}),
  });
}

export const images: Definitions = {
  AffineGrid: affine,
  DeformConv: deformableConvolution,
  GridSample: gridSampled,
  Resize: resized,
  Upsample: upsampled,
};
