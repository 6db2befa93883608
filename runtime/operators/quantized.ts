// Linear quantisation, and products of bytes summed exactly in 32 bits, plain and as the plan packs them.
import { z } from "zod";
import { type Dtype, generators, loop } from "../../kernels/index.ts";
import { broadcastShapes, sameDimension, showTensorType, staticShape, type TensorType } from "../graph/tensor-type.ts";
import { onlyBatch, onlyRows } from "./bounded.ts";
import { type Convolution, convolutionAttributes, matrices } from "./contraction.ts";
import { indexer } from "./indexing.ts";
import { convolutionLowering, type Operator, operandError, operator, pair } from "./operator.ts";
import { blockedLayout, convolve, multiply, outputPlane, planarLayout } from "./products.ts";

const { channelBlock, dotBytes, dotColumns } = generators;
const none = z.strictObject({});

/** The least and the greatest integer of the dtypes that values are quantised to. */
export const quantizedRange = {
  u8: [0, 255],
  i8: [-128, 127],
  u16: [0, 65535],
  i16: [-32768, 32767],
} as const;
type Quantized = keyof typeof quantizedRange;
const isQuantized = (dtype: Dtype): dtype is Quantized => dtype in quantizedRange;
const isByte = (dtype: Dtype): boolean => dtype === "u8" || dtype === "i8";

const nearestEven = (x: number): number => {
  const low = Math.floor(x);
  const up = x - low;
  if (up !== 0.5) return up < 0.5 ? low : low + 1;
  return low % 2 === 0 ? low : low + 1;
};

/** value to the nearest integer, ties to even, plus the zero point, saturated; NaN gives the lower end. */
const rounded = (value: number, zeroPoint: number, low: number, high: number): number =>
  Number.isNaN(value) ? low : Math.min(Math.max(nearestEven(value) + zeroPoint, low), high);

const mustBroadcast = (name: string, operands: readonly TensorType[]): TensorType["shape"] =>
  operands.slice(1).reduce((shape, { shape: next }) => {
    const joined = broadcastShapes(shape, next);
    if (joined) return joined;
    throw operandError(
      "shape",
      `${name} of ${operands.map(showTensorType).join(", ")}: the shapes do not broadcast`,
      "scale and zero point have one element, or one per channel as [c,1,1]",
    );
  }, operands[0]!.shape);

/**
 * x / scale to the nearest integer, ties to even, plus zeroPoint, saturated to the zero point's dtype: u8, i8, u16 or i16.
 *
 * x: f32; scale: f32 and zeroPoint broadcast to it. The quotient is rounded to f32, NaN gives the lower end. Exact.
 */
export const quantize = operator({
  name: "quantize",
  attributes: none,
  errorUlp: 0,
  infer(operands) {
    const [x, scale, zero] = operands;
    if (x!.dtype !== "f32" || scale!.dtype !== "f32" || !isQuantized(zero!.dtype))
      throw operandError(
        "dtype",
        `quantize of ${operands.map(showTensorType).join(", ")}`,
        "x and scale are f32, the zero point is u8, i8, u16 or i16",
      );
    return { dtype: zero!.dtype, shape: mustBroadcast("quantize", operands) };
  },
  evaluate([x, scale, zero], _, { dtype, shape, data }) {
    const [low, high] = quantizedRange[dtype as Quantized];
    const at = [x!, scale!, zero!].map((each) => indexer(each.shape, shape));
    for (let i = 0; i < data.length; i++) {
      const quotient = Math.fround(Number(x!.data[at[0]!(i)]!) / Number(scale!.data[at[1]!(i)]!));
      data[i] = rounded(quotient, Number(zero!.data[at[2]!(i)]!), low, high);
    }
  },
  lowering: {
    kind: "pointwise",
    expression([x, scale, zero]) {
      const { scalar } = zero!.type;
      const [low, high] = quantizedRange[scalar as Quantized];
      return generators.rounding(loop.div(x!, scale!), loop.convert(zero!, "i32"), low, high, scalar);
    },
  },
});

/** (x − zeroPoint) · scale, rounded to f32. x: u8, i8, u16, i16 or i32; zeroPoint of its dtype; both broadcast to x. */
export const dequantize = operator({
  name: "dequantize",
  attributes: none,
  errorUlp: 0,
  infer(operands) {
    const [x, scale, zero] = operands;
    if (scale!.dtype !== "f32" || zero!.dtype !== x!.dtype || !(isQuantized(x!.dtype) || x!.dtype === "i32"))
      throw operandError(
        "dtype",
        `dequantize of ${operands.map(showTensorType).join(", ")}`,
        "x and the zero point are of one dtype, u8, i8, u16, i16 or i32; the scale is f32",
      );
    return { dtype: "f32", shape: mustBroadcast("dequantize", operands) };
  },
  evaluate([x, scale, zero], _, { shape, data }) {
    const at = [x!, scale!, zero!].map((each) => indexer(each.shape, shape));
    for (let i = 0; i < data.length; i++) {
      const distance = (Number(x!.data[at[0]!(i)]!) - Number(zero!.data[at[2]!(i)]!)) | 0;
      data[i] = Math.fround(distance) * Number(scale!.data[at[1]!(i)]!);
    }
  },
  lowering: {
    kind: "pointwise",
    expression: ([x, scale, zero]) =>
      loop.mul(loop.convert(loop.sub(loop.convert(x!, "i32"), loop.convert(zero!, "i32")), "f32"), scale!),
  },
});

/** Attributes of requantize: what it rounds to, and the ends between which it stays. */
export const requantizationAttributes = z
  .strictObject({ dtype: z.enum(["u8", "i8"]), zeroPoint: z.int(), low: z.int(), high: z.int() })
  .refine(
    ({ dtype, zeroPoint, low, high }) =>
      [zeroPoint, low, high].every((each) => each >= quantizedRange[dtype][0] && each <= quantizedRange[dtype][1]) &&
      low <= high,
    "the zero point and both ends lie within the dtype, low not above high",
  );

/**
 * 32-bit sums as bytes: x · scale [+ bias] to the nearest integer, ties to even, plus the zero point, within low … high.
 *
 * x: i32; scale, bias: f32, broadcast to it. The number of x, the product and the sum are each rounded to f32. Exact.
 */
export const requantize = operator({
  name: "requantize",
  attributes: requantizationAttributes,
  errorUlp: 0,
  infer(operands, { dtype }) {
    const [x, ...others] = operands;
    if (x!.dtype !== "i32" || others.length < 1 || others.length > 2 || others.some((each) => each.dtype !== "f32"))
      throw operandError(
        "dtype",
        `requantize of ${operands.map(showTensorType).join(", ")}`,
        "x is i32, scale and bias f32",
      );
    return { dtype, shape: mustBroadcast("requantize", operands) };
  },
  evaluate([x, scale, bias], { zeroPoint, low, high }, { shape, data }) {
    const at = [x!, scale!, bias ?? scale!].map((each) => indexer(each.shape, shape));
    for (let i = 0; i < data.length; i++) {
      const product = Math.fround(Math.fround(Number(x!.data[at[0]!(i)]!)) * Number(scale!.data[at[1]!(i)]!));
      // A sum of two f32 in f64 and rounded again is the f32 sum: 53 ≥ 2 · 24 + 2.
      const value = bias ? Math.fround(product + Number(bias.data[at[2]!(i)]!)) : product;
      data[i] = rounded(value, zeroPoint, low, high);
    }
  },
  lowering: {
    kind: "pointwise",
    expression([x, scale, bias], { dtype, zeroPoint, low, high }) {
      const product = loop.mul(loop.convert(x!, "f32"), scale!);
      const zero = loop.constant("i32", zeroPoint, x!.type.lanes);
      return generators.rounding(bias ? loop.add(product, bias) : product, zero, low, high, dtype);
    },
  },
});

const bytesError = (name: string, a: TensorType, b: TensorType, help: string) =>
  operandError("shape", `${name} of ${showTensorType(a)} with ${showTensorType(b)}`, help);

/** a[…,m,k] · b[…,k,n] → i32[…,m,n], the sum wrapping; a: u8 or i8, b: i8; batch dimensions broadcast. Exact. */
export const matmulInteger: Operator<z.infer<typeof none>> = operator({
  name: "matmulInteger",
  attributes: none,
  errorUlp: 0,
  infer([a, b]) {
    const wrong = () =>
      bytesError("matmulInteger", a!, b!, "a is […,m,k] of u8 or i8, b […,k,n] of i8, and batch dimensions broadcast");
    if (!isByte(a!.dtype) || b!.dtype !== "i8" || a!.shape.length < 2 || b!.shape.length < 2) throw wrong();
    const [m, k] = a!.shape.slice(-2);
    const [k2, n] = b!.shape.slice(-2);
    const batch = broadcastShapes(a!.shape.slice(0, -2), b!.shape.slice(0, -2));
    if (!sameDimension(k!, k2!) || !batch) throw wrong();
    return { dtype: "i32", shape: [...batch, m!, n!] };
  },
  evaluate: (operands, _, result) => multiply(operands, result),
  bounded: onlyRows,
  lowering: {
    kind: "kernel",
    inMemory: [0, 1],
    fuses: true,
    build({ name, buffers, operands, destination, shape, epilogue, target }) {
      const [a, b] = matrices(operands, shape);
      return generators.integerMatmulKernel(name, buffers, a, b, destination, epilogue, target);
    },
  },
});

/** x[n,c,h,w] * w[o,c/groups,kh,kw] → i32[n,o,h',w'] without padding, the sum wrapping; x: u8 or i8, w: i8. Exact. */
export const convInteger: Operator<Convolution> = operator({
  name: "convInteger",
  attributes: convolutionAttributes,
  errorUlp: 0,
  infer([x, w], { groups, ...steps }) {
    const wrong = () => bytesError("convInteger", x!, w!, "x is [n,c,h,w] of u8 or i8, w [o,c/groups,kh,kw] of i8");
    if (!isByte(x!.dtype) || w!.dtype !== "i8" || x!.shape.length !== 4 || w!.shape.length !== 4) throw wrong();
    const [c, ...plane] = staticShape(x!.shape.slice(1)) as [number, ...number[]];
    const [o, i, ...kernel] = staticShape(w!.shape) as [number, number, ...number[]];
    const out = outputPlane(plane, kernel, steps);
    if (c !== i * groups || o % groups !== 0 || out.some((size) => size < 1)) throw wrong();
    return { dtype: "i32", shape: [x!.shape[0]!, o, ...out] };
  },
  evaluate: (operands, { groups, ...steps }, result) =>
    convolve(operands, steps, planarLayout(operands, groups), result),
  bounded: onlyBatch,
  lowering: convolutionLowering(generators.integerConvolutionKernel),
});

const packedMatmulAttributes = z.strictObject({ columns: z.int().min(1) });

/** a[…,m,k] of u8 or i8 · b[⌈n/16⌉,⌈k/4⌉,16,4] of i8 → i32[…,m,n]: a product whose weights the plan has packed. Exact. */
export const packedMatmulInteger: Operator<z.infer<typeof packedMatmulAttributes>> = operator({
  name: "packedMatmulInteger",
  attributes: packedMatmulAttributes,
  errorUlp: 0,
  infer([a, b], { columns }) {
    const [blocks, fours, lanes, bytes] = staticShape(b!.shape);
    const depth = a!.shape.at(-1);
    const fits =
      isByte(a!.dtype) &&
      b!.dtype === "i8" &&
      b!.shape.length === 4 &&
      a!.shape.length >= 2 &&
      typeof depth === "number" &&
      fours === Math.ceil(depth / dotBytes) &&
      blocks === Math.ceil(columns / dotColumns) &&
      lanes === dotColumns &&
      bytes === dotBytes;
    if (!fits) throw bytesError("packedMatmulInteger", a!, b!, "b is packed for a's columns");
    return { dtype: "i32", shape: [...a!.shape.slice(0, -1), columns] };
  },
  evaluate([a, b], { columns }, { data }) {
    const depth = a!.shape.at(-1)!;
    const fours = b!.shape[1]!;
    for (let i = 0; i < data.length; i++) {
      const [row, column] = [Math.floor(i / columns), i % columns];
      const block = Math.floor(column / dotColumns) * fours;
      let total = 0;
      for (let j = 0; j < depth; j++) {
        const four = (block + Math.floor(j / dotBytes)) * dotColumns + (column % dotColumns);
        total += Number(a!.data[row * depth + j]!) * Number(b!.data[four * dotBytes + (j % dotBytes)]!);
      }
      data[i] = total;
    }
  },
  bounded: onlyRows,
  lowering: {
    kind: "kernel",
    inMemory: [0, 1],
    fuses: true,
    build: ({ name, buffers, operands: [a, b], destination, epilogue, target }, { columns }) =>
      generators.packedIntegerMatmulKernel(
        name,
        buffers,
        a as generators.View,
        b as generators.View,
        columns,
        destination,
        epilogue,
        target,
      ),
  },
});

const blockedIntegerAttributes = z.strictObject({
  stride: pair,
  dilation: pair,
  channels: z.int().min(1),
  /** Groups of whole blocks; one unless given. */
  groups: z.int().min(2).optional(),
});

/**
 * x[n,i,h,w,16] of u8 or i8 with w[o,i/groups,kh,kw,4,16,4] of i8 → i32[n,o,h',w',16], the sum wrapping; `channels` of x count.
 *
 * w: a block's input channels in fours, then output channels, then those of a four; zeros beyond `channels`. Exact.
 */
export const blockedConvInteger: Operator<z.infer<typeof blockedIntegerAttributes>> = operator({
  name: "blockedConvInteger",
  attributes: blockedIntegerAttributes,
  errorUlp: 0,
  infer([x, w], { channels, groups = 1, ...steps }) {
    const [n, blocks, height, width, inner] = staticShape(x!.shape) as [number, number, number, number, number];
    const [o, i, kh, kw, ...block] = staticShape(w!.shape) as [number, number, number, number, ...number[]];
    const out = outputPlane([height, width], [kh, kw], steps);
    const fits =
      isByte(x!.dtype) &&
      w!.dtype === "i8" &&
      x!.shape.length === 5 &&
      inner === channelBlock &&
      blocks === Math.ceil(channels / channelBlock) &&
      i * groups === blocks &&
      (groups === 1 || (channels === blocks * channelBlock && o % groups === 0)) &&
      block.join() === [channelBlock / dotBytes, channelBlock, dotBytes].join() &&
      out.every((size) => size >= 1);
    if (!fits) throw bytesError("blockedConvInteger", x!, w!, "both are in blocks of 16 channels");
    return { dtype: "i32", shape: [n, o, ...out, channelBlock] };
  },
  evaluate(operands, { channels, groups = 1, ...steps }, result) {
    // Channels of a started four are multiplied by what the weight holds for them, which the plan makes zeros.
    const counted = Math.ceil(channels / groups / dotBytes) * dotBytes;
    convolve(operands, steps, blockedLayout(operands, counted, { together: dotBytes, groups }), result);
  },
  bounded: onlyBatch,
  lowering: convolutionLowering(generators.blockedIntegerConvolutionKernel),
});
