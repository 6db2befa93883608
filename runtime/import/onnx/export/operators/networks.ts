// Products, convolutions, pooling, resizing and sampling, as ONNX has them.
import { isFloatDtype, isStored } from "../../../../../kernels/index.ts";
import { isNodeOf, type Node } from "../../../../graph/graph.ts";
import { countOf } from "../../../../graph/tensor-type.ts";
import { type Operator, operators } from "../../../../operators/index.ts";
import { type Call, type Entry, rule, same } from "../call.ts";
import type { Written } from "../writer.ts";

/** An image with the zeros around it that a convolution may take for its own. */
function unpadded(call: Call): { readonly x: Written; readonly pads: readonly number[] } {
  const value = call.node.inputs[0]!;
  const node: Node | undefined = call.surroundings.producerOf(value);
  if (isNodeOf(node, operators.pad)) {
    const { before, after, value: around } = node.attributes;
    const others = [...before.slice(0, 2), ...after.slice(0, 2)];
    if (around === 0 && others.every((width) => width === 0))
      return {
        x: call.surroundings.written(node.inputs[0]!),
        pads: [...before.slice(2), ...after.slice(2)],
      };
  }
  return { x: call.surroundings.written(value), pads: new Array<number>(2 * (call.type(0).shape.length - 2)).fill(0) };
}

interface Convolution {
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly groups: number;
}

const convolution = (operator: Operator<Convolution>, name: string): Entry =>
  rule(operator, (call, { stride, dilation, groups }) => {
    const { x, pads } = unpadded(call);
    return call.op(name, [x, call.operands[1]], {
      kernel_shape: call.shape(1).slice(2),
      strides: stride,
      dilations: dilation,
      group: groups,
      pads,
    });
  });

interface Transposed extends Convolution {
  readonly padding: readonly number[];
  readonly outputPadding: readonly number[];
}

const transposed = (operator: Operator<Transposed>): Entry =>
  rule(operator, (call, { stride, dilation, groups, padding, outputPadding }) => {
    // What is added at the end is less than a stride in ONNX; more of it is less padding there, and zeros beyond that.
    const isMore = outputPadding.some((width, d) => width >= stride[d]!);
    const after = padding.map((width, d) => (isMore ? width - outputPadding[d]! : width));
    const y = call.op("ConvTranspose", call.operands, {
      kernel_shape: call.shape(1).slice(2),
      strides: stride,
      dilations: dilation,
      group: groups,
      pads: [...padding, ...after.map((width) => Math.max(0, width))],
      ...(isMore ? {} : { output_padding: outputPadding }),
    });
    if (after.every((width) => width >= 0)) return y;
    const behind = after.map((width) => Math.max(0, -width));
    const around = [0, 0, ...behind.map(() => 0), 0, 0, ...behind];
    return call.op("Pad", [y, call.list(around), call.number(call.type(0).dtype, 0)]);
  });

interface Window {
  readonly size: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly ceil: boolean;
}

/** The attributes of a window. */
function windowOf({ size, stride, dilation, before, after, ceil }: Window) {
  const every = (given: readonly number[], value: number): readonly number[] =>
    given.length > 0 ? given : size.map(() => value);
  return {
    kernel_shape: size,
    strides: stride,
    dilations: every(dilation, 1),
    pads: [...every(before, 0), ...every(after, 0)],
    ceil_mode: ceil ? 1 : 0,
  };
}

/** Attributes of what has no dilation in older operator sets. */
function withoutDilation(window: Window): Partial<ReturnType<typeof windowOf>> | undefined {
  const { dilations, ...others } = windowOf(window);
  return dilations.every((each) => each === 1) ? others : undefined;
}

/** Whether padding is less than a window, which onnxruntime asks for. */
const isNarrow = ({ size, before, after }: Window): boolean =>
  [before, after].every((widths) => widths.every((width, d) => width < size[d]!));

/** Whether ONNX takes the largest of such elements. */
function takesLargest(call: Call, window: Window): boolean {
  const { dtype } = call.type(0);
  return isNarrow(window) && (isFloatDtype(dtype) || dtype === "u8" || dtype === "i8");
}

/** The largest of each window and its place, which ONNX counts through the whole tensor and not through each plane. */
function placesOfLargest(call: Call, window: Window): Written[] | undefined {
  if (!takesLargest(call, window)) return undefined;
  const [n, c, ...plane] = call.shape(0) as [number, number, ...number[]];
  const [values, places] = call.ops("MaxPool", call.operands, windowOf(window), 2);
  const starts = call.constant(
    "i64",
    [n, c, ...plane.map(() => 1)],
    Array.from({ length: n * c }, (_, at) => at * countOf(plane)),
  );
  return [values!, call.op("Sub", [places, starts])];
}

const systems = {
  halfPixel: "half_pixel",
  halfPixelSymmetric: "half_pixel_symmetric",
  pytorchHalfPixel: "pytorch_half_pixel",
  alignCorners: "align_corners",
  asymmetric: "asymmetric",
  cropAndResize: "tf_crop_and_resize",
} as const;
const roundings = {
  preferFloor: "round_prefer_floor",
  preferCeil: "round_prefer_ceil",
  floor: "floor",
  ceil: "ceil",
} as const;

interface Resizing {
  readonly axes: readonly number[];
  readonly mode: string;
  readonly coordinates: string;
  readonly antialias: boolean;
  readonly scales: readonly number[];
  readonly excludeOutside?: boolean | undefined;
}

/** Whether onnxruntime resizes so, and as ONNX says: of the corners of what the scales make, and of pixels outside, it has another idea. */
function peersAgree(given: Resizing, rank: number): boolean {
  const { axes, mode, coordinates, antialias, scales } = given;
  const { excludeOutside = antialias } = given;
  const byCorners = coordinates === "alignCorners" || coordinates === "cropAndResize";
  if (byCorners && scales.length > 0) return false;
  if (mode === "nearest") return true;
  if (mode === "cubic" && (rank !== 4 || axes.length > 0)) return false;
  return antialias ? excludeOutside : mode === "cubic" || !excludeOutside;
}

/** Starts and ends as one operand, of the wider of their types. */
function regionOf(call: Call, starts: Written, ends: Written): Written {
  const [from, to] = [call.type(1).dtype, call.type(2).dtype];
  const dtype = from === to ? from : "f64";
  return call.op("Concat", [call.cast(starts, from, dtype), call.cast(ends, to, dtype)], { axis: 0 });
}

const resizing = rule(operators.resize, (call, given) => {
  const { size, axes, mode, coordinates, rounding, cubic, antialias, scales, region, extrapolation } = given;
  const { excludeOutside = antialias } = given;
  const from = call.shape(0);
  const resized = axes.length > 0 ? axes : from.map((_, d) => d).slice(2);
  const isExact = scales.every((scale, at) => Math.floor(from[resized[at]!]! * Math.fround(scale)) === size[at]);
  if (!isExact) return undefined;
  const { dtype } = call.type(0);
  // Integers are rounded here as the operator says, and elsewhere in one way or another.
  if (mode !== "nearest" && !isFloatDtype(dtype)) return undefined;
  if (!peersAgree(given, from.length)) return undefined;
  const [x, starts, ends] = call.operands;
  const own = region && call.constant("f32", [2 * size.length], [...region.starts, ...region.ends]);
  const roi = starts && ends ? regionOf(call, starts, ends) : own;
  const sized = scales.length > 0 ? [call.constant("f32", [scales.length], scales)] : [undefined, call.list(size)];
  return call.op("Resize", [x, coordinates === "cropAndResize" ? roi : undefined, ...sized], {
    axes: resized,
    mode,
    coordinate_transformation_mode: systems[coordinates],
    nearest_mode: roundings[rounding],
    cubic_coeff_a: { float: cubic },
    antialias: antialias ? 1 : 0,
    exclude_outside: excludeOutside && mode !== "nearest" ? 1 : 0,
    extrapolation_value: { float: extrapolation },
  });
});

const sampleModes = { bilinear: "linear", nearest: "nearest", bicubic: "cubic" } as const;

interface Sampling {
  readonly mode: keyof typeof sampleModes;
  readonly outside: string;
  readonly coordinates: string;
  readonly alignCorners: boolean;
}

const sampling = (operator: Operator<Sampling>): Entry =>
  rule(operator, (call, { mode, outside, coordinates, alignCorners }) => {
    if (coordinates !== "normalized" || call.opset < 20) return undefined;
    return call.op("GridSample", call.operands, {
      mode: sampleModes[mode],
      padding_mode: outside,
      align_corners: alignCorners ? 1 : 0,
    });
  });

/** Samples of one image at pixels: a pixel p of n is at (2p + 1) / n − 1. */
const planeSampling = rule(operators.gridSample, (call, { outside }) => {
  const [image, grid] = call.operands as [Written, Written];
  const [height, width] = call.shape(0) as [number, number];
  const count = countOf(call.shape(1)) / 2;
  const line = call.reshape(grid, [1, count, 1, 2]);
  const scale = call.constant("f32", [2], [2 / width, 2 / height]);
  const shift = call.constant("f32", [2], [1 / width - 1, 1 / height - 1]);
  const places = call.op("Add", [call.op("Mul", [line, scale]), shift]);
  const found = call.op("GridSample", [call.reshape(image, [1, 1, height, width]), places], {
    mode: call.opset < 20 ? "bilinear" : "linear",
    padding_mode: outside,
    align_corners: 0,
  });
  return call.reshape(found, call.sizes(call.result.shape));
});

const deformed = rule(operators.deformConv2d, (call, { stride, dilation, before, after }) => {
  if (call.opset < 19) return undefined;
  const [x, offset, w, mask] = call.operands;
  const kernel = call.shape(2).slice(2);
  return call.op("DeformConv", [x, w, offset, ...(mask ? [undefined, mask] : [])], {
    kernel_shape: kernel,
    strides: stride,
    dilations: dilation,
    pads: [...before, ...after],
    group: call.shape(0)[1]! / call.shape(2)[1]!,
    offset_group: call.shape(1)[1]! / (2 * countOf(kernel)),
  });
});

/** Attention as the products that it is of: its planned form is no operator of ONNX. */
const attending = rule(operators.attention, (call, { scale, causal }) => {
  const [q, k, v, mask] = call.operands as [Written, Written, Written, Written | undefined];
  const { dtype } = call.type(0);
  const rank = call.type(1).shape.length;
  const turned = call.op("Transpose", [k], {
    perm: [...Array.from({ length: rank - 2 }, (_, d) => d), rank - 1, rank - 2],
  });
  const scores = call.op("Mul", [call.op("MatMul", [q, turned]), call.number(dtype, scale)]);
  const masked = mask ? call.op("Add", [scores, mask]) : scores;
  const [m, n] = [call.shape(0).at(-2)!, call.shape(1).at(-2)!];
  const seen = Array.from({ length: m * n }, (_, at) => Number(at % n <= Math.floor(at / n)));
  const known = causal
    ? call.op("Where", [call.constant("bool", [m, n], seen), masked, call.number(dtype, -Infinity)])
    : masked;
  return call.op("MatMul", [call.op("Softmax", [known], { axis: -1 }), v]);
});

export const networks: readonly Entry[] = [
  rule(operators.matmul, (call) => call.throughWords(call.type(0).dtype, (x) => call.op("MatMul", [x(0), x(1)]))),
  // Of floats that are only stored, the product would be rounded before the bias is added.
  rule(operators.linear, (call) =>
    call.type(0).shape.length === 2 && !isStored(call.type(0).dtype)
      ? call.op("Gemm", call.operands, { transB: 1 })
      : undefined,
  ),
  convolution(operators.conv1d, "Conv"),
  convolution(operators.conv2d, "Conv"),
  convolution(operators.conv3d, "Conv"),
  convolution(operators.convInteger, "ConvInteger"),
  same(operators.matmulInteger, "MatMulInteger"),
  transposed(operators.convTranspose1d),
  transposed(operators.convTranspose2d),
  transposed(operators.convTranspose3d),
  rule(operators.maxPool, (call, window) =>
    takesLargest(call, window) ? call.op("MaxPool", call.operands, windowOf(window)) : undefined,
  ),
  rule(operators.maxPoolWithIndices, placesOfLargest),
  rule(operators.avgPool, (call, window) => {
    const attributes = call.opset >= 19 ? windowOf(window) : withoutDilation(window);
    if (!attributes || !isNarrow(window) || !isFloatDtype(call.type(0).dtype)) return undefined;
    return call.op("AveragePool", call.operands, { ...attributes, count_include_pad: window.countPadding ? 1 : 0 });
  }),
  rule(operators.lpPool, (call, { norm, ...window }) =>
    Number.isInteger(norm) && isNarrow(window)
      ? call.op("LpPool", call.operands, { ...windowOf(window), p: norm })
      : undefined,
  ),
  resizing,
  sampling(operators.gridSampler2d),
  sampling(operators.gridSampler3d),
  planeSampling,
  deformed,
  attending,
];
