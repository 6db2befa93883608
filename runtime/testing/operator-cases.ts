// Generated cases for every operator: operand types, attributes and the values that reach its corners.
import fc from "fast-check";
import { type Dtype, dtypes } from "../../kernels/index.ts";
import type { operators } from "../operators/index.ts";
import { arrayFrom, countOf, newArray, type TensorType, type TypedArray } from "../tensor-type.ts";
import { packedFactor } from "./product-cases.ts";

/** One operand or one application of an operator. */
export interface OperatorCase {
  readonly operands: readonly TensorType<Dtype>[];
  readonly attributes: unknown;
}

const size = fc.constantFrom(1, 15, 16, 17, 33);
const small = fc.constantFrom(1, 2, 3);
const shape = fc.oneof(
  fc.constant([] as number[]),
  fc.tuple(size).map((each): number[] => each),
  fc.tuple(small, size).map((each): number[] => each),
  fc.tuple(small, small, size).map((each): number[] => each),
);
const filledShape = shape.filter((each) => each.length > 0);
const floats = fc.constantFrom<Dtype>("f32", "f32", "f64");
const integers = fc.constantFrom<Dtype>("i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64");
const numbers = fc.oneof(floats, integers);

/** A shape that broadcasts to `whole`: some dimensions 1, some leading ones missing. */
const broadcastable = (whole: readonly number[]): fc.Arbitrary<number[]> =>
  fc
    .tuple(fc.array(fc.boolean(), { minLength: whole.length, maxLength: whole.length }), fc.nat(whole.length))
    .map(([ones, missing]) => whole.map((each, d) => (ones[d] ? 1 : each)).slice(missing));

const pointwise = (arity: number, dtype: fc.Arbitrary<Dtype>): fc.Arbitrary<OperatorCase> =>
  fc
    .tuple(dtype, shape, fc.boolean())
    .chain(([type, whole, broadcasts]) =>
      fc
        .tuple(
          ...Array.from({ length: arity }, (_, at) =>
            broadcasts && at > 0 ? broadcastable(whole) : fc.constant(whole),
          ),
        )
        .map((shapes) => ({ operands: shapes.map((each) => ({ dtype: type, shape: each })), attributes: {} })),
    );

const unary = (dtype: fc.Arbitrary<Dtype>) => pointwise(1, dtype);
const binary = (dtype: fc.Arbitrary<Dtype>) => pointwise(2, dtype);
const bool = fc.constant<Dtype>("bool");

const reduction = (dtype: fc.Arbitrary<Dtype>): fc.Arbitrary<OperatorCase> =>
  fc
    .tuple(dtype, shape, fc.boolean())
    .chain(([type, of, keepDims]) =>
      fc
        .subarray(of.map((_, d) => d))
        .map((axes) => ({ operands: [{ dtype: type, shape: of }], attributes: { axes, keepDims } })),
    );

const alongAxis = (dtype: fc.Arbitrary<Dtype>): fc.Arbitrary<OperatorCase> =>
  fc
    .tuple(dtype, filledShape)
    .chain(([type, of]) =>
      fc.nat(of.length - 1).map((axis) => ({ operands: [{ dtype: type, shape: of }], attributes: { axis } })),
    );

const anyDtype = fc.constantFrom(...dtypes);

/** Applies `attributes` to one operand of any dtype. */
const rearranged = (attributes: (of: readonly number[]) => fc.Arbitrary<unknown>): fc.Arbitrary<OperatorCase> =>
  fc
    .tuple(anyDtype, filledShape)
    .chain(([dtype, of]) => attributes(of).map((each) => ({ operands: [{ dtype, shape: of }], attributes: each })));

const perDimension = <T>(of: readonly number[], each: (length: number) => fc.Arbitrary<T>): fc.Arbitrary<T[]> =>
  fc.tuple(...of.map(each)).map((values) => [...values]);

const pool: fc.Arbitrary<OperatorCase> = fc
  .record({
    dtype: floats,
    c: small,
    h: fc.constantFrom(7, 15),
    w: fc.constantFrom(7, 16, 33),
    size: fc.constantFrom([1, 2], [2, 2], [3, 3], [3, 2], [7, 7]),
    stride: fc.tuple(small, small),
    dilation: fc.constantFrom([1, 1], [1, 2], [2, 1]),
    padding: fc.tuple(fc.nat(2), fc.nat(2), fc.nat(2), fc.nat(2)),
    ceil: fc.boolean(),
  })
  .filter(({ size, dilation, w }) => dilation[1]! * (size[1]! - 1) < w)
  .filter(({ size, dilation, h }) => dilation[0]! * (size[0]! - 1) < h)
  .map(({ dtype, c, h, w, size, stride, dilation, padding: [top, left, bottom, right], ceil }) => {
    const most = (width: number, d: 0 | 1) => Math.min(width, dilation[d]! * (size[d]! - 1));
    return {
      operands: [{ dtype, shape: [1, c, h, w] }],
      attributes: {
        size,
        stride,
        dilation,
        before: [most(top, 0), most(left, 1)],
        after: [most(bottom, 0), most(right, 1)],
        ceil,
      },
    };
  });

const contraction: fc.Arbitrary<OperatorCase> = fc
  .record({ dtype: floats, batch: fc.constantFrom([], [2], [3, 1]), m: size, k: size, n: size, shared: fc.boolean() })
  .map(({ dtype, batch, m, k, n, shared }) => ({
    operands: [
      { dtype, shape: [...batch, m, k] },
      { dtype, shape: [...(shared ? [] : batch), k, n] },
    ],
    attributes: {},
  }));

const convolution: fc.Arbitrary<OperatorCase> = fc
  .record({
    dtype: floats,
    groups: fc.constantFrom(1, 2),
    inner: small,
    outer: small,
    h: fc.constantFrom(5, 7),
    w: fc.constantFrom(5, 15, 16, 17, 33),
    kernel: fc.tuple(fc.constantFrom(1, 3), fc.constantFrom(1, 2, 3)),
    stride: fc.tuple(fc.constantFrom(1, 2), fc.constantFrom(1, 2)),
    dilation: fc.tuple(fc.constantFrom(1, 2), fc.constantFrom(1, 2)),
  })
  .map(({ dtype, groups, inner, outer, h, w, kernel, stride, dilation }) => ({
    operands: [
      { dtype, shape: [1, inner * groups, h, w] },
      { dtype, shape: [outer * groups, inner, ...kernel] },
    ],
    attributes: { stride, dilation, groups },
  }));

const transposedConvolution: fc.Arbitrary<OperatorCase> = fc
  .record({
    dtype: floats,
    groups: fc.constantFrom(1, 1, 2),
    inner: small,
    outer: fc.constantFrom(1, 2),
    h: fc.constantFrom(1, 4),
    w: fc.constantFrom(3, 8, 16),
    kernel: fc.constantFrom([1, 3], [2, 2], [3, 4], [3, 3], [1, 4]),
    stride: fc.constantFrom([1, 1], [1, 2], [2, 1], [2, 2], [1, 3]),
    dilation: fc.constantFrom([1, 1], [1, 2], [2, 3]),
    padding: fc.tuple(fc.nat(1), fc.nat(2)),
    extra: fc.tuple(fc.nat(2), fc.nat(2)),
  })
  .map(({ dtype, groups, inner, outer, h, w, kernel, stride, dilation, padding, extra }) => ({
    operands: [
      { dtype, shape: [1, inner * groups, h, w] },
      { dtype, shape: [inner * groups, outer, ...kernel] },
    ],
    attributes: {
      stride,
      dilation,
      padding: padding.map((width, d) =>
        Math.min(width, Math.floor((([h, w][d]! - 1) * stride[d]! + dilation[d]! * (kernel[d]! - 1)) / 2)),
      ),
      outputPadding: extra.map((width, d) => Math.min(width, Math.max(stride[d]!, dilation[d]!) - 1)),
      groups,
    },
  }));

const concatenation: fc.Arbitrary<OperatorCase> = fc.tuple(anyDtype, filledShape, small).chain(([dtype, of, count]) =>
  fc.nat(of.length - 1).chain((axis) =>
    fc.array(small, { minLength: count, maxLength: count }).map((lengths) => ({
      operands: lengths.map((length) => ({ dtype, shape: of.map((each, d) => (d === axis ? length : each)) })),
      attributes: { axis },
    })),
  ),
);

const blockedConvolution: fc.Arbitrary<OperatorCase> = fc
  .record({
    channels: fc.constantFrom(1, 3, 16, 21, 32),
    outputs: fc.constantFrom(1, 2, 3),
    h: fc.constantFrom(5, 7),
    w: fc.constantFrom(5, 13, 16),
    kernel: fc.tuple(fc.constantFrom(1, 3), fc.constantFrom(1, 2, 3)),
    stride: fc.tuple(fc.constantFrom(1, 2), fc.constantFrom(1, 2)),
    dilation: fc.tuple(fc.constantFrom(1, 2), fc.constantFrom(1, 2)),
    layout: fc.constantFrom("blocked", "planar"),
  })
  .map(({ channels, outputs, h, w, kernel, layout, ...plan }) => {
    const blocks = Math.ceil(channels / 16);
    return {
      operands: [
        { dtype: "f32", shape: layout === "planar" ? [2, channels, h, w] : [2, blocks, h, w, 16] },
        { dtype: "f32", shape: [outputs, blocks, ...kernel, 16, 16] },
      ],
      attributes: { ...plan, channels, layout },
    };
  });

const depthwise: fc.Arbitrary<OperatorCase> = fc
  .record({
    blocks: small,
    h: fc.constantFrom(5, 7),
    w: fc.constantFrom(5, 15, 16, 33),
    kernel: fc.constantFrom([3, 3], [1, 3], [5, 5]),
    stride: fc.tuple(fc.constantFrom(1, 2), fc.constantFrom(1, 2)),
    dilation: fc.constantFrom([1, 1], [1, 2]),
  })
  .filter(({ kernel, w, dilation }) => dilation[1]! * (kernel[1]! - 1) < w)
  .map(({ blocks, h, w, kernel, ...attributes }) => ({
    operands: [
      { dtype: "f32", shape: [1, blocks, h, w, 16] },
      { dtype: "f32", shape: [blocks, ...kernel, 16] },
    ],
    attributes,
  }));

const winograd: fc.Arbitrary<OperatorCase> = fc
  .record({
    tile: fc.constantFrom(2, 4),
    inputs: small,
    outputs: small,
    rows: fc.constantFrom(1, 4, 7, 8),
    columns: fc.constantFrom(3, 4, 6, 13),
  })
  .map(({ inputs, outputs, ...attributes }) => {
    const { tile } = attributes;
    const reach = (size: number) => Math.ceil(size / tile) * tile + 2;
    return {
      operands: [
        { dtype: "f32", shape: [2, inputs, reach(attributes.rows), reach(attributes.columns), 16] },
        { dtype: "f32", shape: [(tile + 2) ** 2, outputs, inputs * 16, 16] },
      ],
      attributes,
    };
  });

const positions = fc.constantFrom<Dtype>("u8", "i32", "i64");

const resizing: fc.Arbitrary<OperatorCase> = fc
  .record({
    dtype: floats,
    from: fc.tuple(fc.constantFrom(1, 3, 8), fc.constantFrom(2, 7, 16)),
    size: fc.tuple(fc.constantFrom(1, 3, 5, 16), fc.constantFrom(1, 7, 16, 33)),
    mode: fc.constantFrom("nearest", "linear", "cubic"),
    coordinates: fc.constantFrom("halfPixel", "alignCorners", "asymmetric"),
    rounding: fc.constantFrom("floor", "ceil", "preferFloor", "preferCeil"),
  })
  .map(({ dtype, from, ...attributes }) => ({ operands: [{ dtype, shape: [1, 2, ...from] }], attributes }));

/** Rows of the last one or two dimensions, with so many operands of their shape. */
const normalization = (parameters: number): fc.Arbitrary<OperatorCase> =>
  fc.tuple(floats, filledShape, fc.nat(1), fc.constantFrom(1e-5, 0.1)).map(([dtype, of, extra, epsilon]) => {
    const dimensions = Math.min(of.length, 1 + extra);
    const row = { dtype, shape: of.slice(-dimensions) };
    return {
      operands: [{ dtype, shape: of }, ...Array.from({ length: parameters }, () => row)],
      attributes: { dimensions, epsilon },
    };
  });

const attending = (turned: boolean): fc.Arbitrary<OperatorCase> =>
  fc
    .record({
      dtype: floats,
      batch: fc.constantFrom([], [2], [2, 1]),
      shared: fc.boolean(),
      // What differs between the two is the turning of keys: one of them has small tiles.
      m: turned ? fc.constantFrom(1, 2, 3, 7) : fc.constantFrom(1, 2),
      n: turned ? size : fc.constantFrom(3, 17),
      d: fc.constantFrom(1, 3, 8),
      e: fc.constantFrom(1, 7, 16),
      mask: fc.constantFrom("none", "none", "row", "whole"),
      causal: fc.boolean(),
    })
    .map(({ dtype, batch, shared, m, n, d, e, mask, causal }) => ({
      operands: [
        { dtype, shape: [...batch, m, d] },
        { dtype, shape: [...(shared ? [] : batch), ...(turned ? [d, n] : [n, d])] },
        { dtype, shape: [...batch, n, e] },
        ...(mask === "none" ? [] : [{ dtype, shape: mask === "row" ? [n] : [...batch, m, n] }]),
      ],
      attributes: { scale: 1 / Math.sqrt(d), causal },
    }));

/** Sorting: lines of every length around powers of two. */
const sorted: fc.Arbitrary<OperatorCase> = alongAxis(numbers).chain((each) =>
  fc.boolean().map((descending) => ({ ...each, attributes: { ...(each.attributes as object), descending } })),
);
const bytes = fc.constantFrom<Dtype>("u8", "i8");
const quantizable = fc.constantFrom<Dtype>("u8", "i8", "u16", "i16");

/** An operand, a scale and a zero point of it, one for all or one per channel. */
const quantisation = (value: fc.Arbitrary<Dtype>, zero: (dtype: Dtype) => fc.Arbitrary<Dtype>) =>
  fc.tuple(value, filledShape).chain(([dtype, of]) =>
    fc
      .tuple(zero(dtype), fc.constantFrom<number[]>([], [1], of.slice(-1), [of.at(-2) ?? 1, 1]))
      .map(([type, parameters]) => ({
        operands: [
          { dtype, shape: of },
          { dtype: "f32" as Dtype, shape: parameters },
          { dtype: type, shape: parameters },
        ],
        attributes: {},
      })),
  );

const requantisation: fc.Arbitrary<OperatorCase> = fc
  .record({
    of: filledShape,
    dtype: fc.constantFrom("u8", "i8"),
    zeroPoint: fc.constantFrom(0, 17, 127),
    low: fc.constantFrom(0, 3),
    biased: fc.boolean(),
  })
  .map(({ of, biased, ...attributes }) => ({
    operands: [
      { dtype: "i32", shape: of },
      ...(biased ? [of.slice(-1), []] : [of.slice(-1)]).map((each) => ({ dtype: "f32" as Dtype, shape: each })),
    ],
    attributes: { ...attributes, high: attributes.dtype === "u8" ? 255 : 127 },
  }));

const integerProduct: fc.Arbitrary<OperatorCase> = fc
  .record({ dtype: bytes, batch: fc.constantFrom([], [2], [3, 1]), m: size, k: size, n: size, shared: fc.boolean() })
  .map(({ dtype, batch, m, k, n, shared }) => ({
    operands: [
      { dtype, shape: [...batch, m, k] },
      { dtype: "i8", shape: [...(shared ? [] : batch), k, n] },
    ],
    attributes: {},
  }));

const packedProduct: fc.Arbitrary<OperatorCase> = fc
  .record({
    dtype: bytes,
    batch: fc.constantFrom([], [2]),
    m: fc.constantFrom(1, 3, 17),
    k: fc.constantFrom(1, 3, 16, 33, 70),
    columns: fc.constantFrom(1, 7, 16, 37, 80),
  })
  .map(({ dtype, batch, m, k, columns }) => ({
    operands: [
      { dtype, shape: [...batch, m, k] },
      { dtype: "i8", shape: [Math.ceil(columns / 16), Math.ceil(k / 4), 16, 4] },
    ],
    attributes: { columns },
  }));

const blockedIntegerConvolution: fc.Arbitrary<OperatorCase> = fc
  .tuple(bytes, blockedConvolution)
  .map(([dtype, each]) => {
    const { layout: _, ...attributes } = each.attributes as { readonly channels: number; readonly layout: string };
    const blocks = Math.ceil(attributes.channels / 16);
    const [n, , h, w] = each.operands[0]!.shape;
    const [o, , kh, kw] = each.operands[1]!.shape;
    return {
      operands: [
        { dtype, shape: [n!, blocks, h!, w!, 16] },
        { dtype: "i8", shape: [o!, blocks, kh!, kw!, 4, 16, 4] },
      ],
      attributes,
    };
  });

/** How each operator's cases are made: a new operator is missed by the compiler until it has a line here. */
export const caseArbitraries: { readonly [name in keyof typeof operators]: fc.Arbitrary<OperatorCase> } = {
  add: binary(numbers),
  sub: binary(numbers),
  mul: binary(numbers),
  div: binary(numbers),
  maximum: binary(numbers),
  minimum: binary(numbers),
  neg: unary(numbers),
  abs: unary(numbers),
  equal: binary(anyDtype),
  notEqual: binary(anyDtype),
  less: binary(numbers),
  lessEqual: binary(numbers),
  greater: binary(numbers),
  greaterEqual: binary(numbers),
  logicalAnd: binary(bool),
  logicalOr: binary(bool),
  logicalNot: unary(bool),
  sqrt: unary(floats),
  floor: unary(floats),
  ceil: unary(floats),
  round: unary(floats),
  exp: unary(floats),
  log: unary(floats),
  tanh: unary(floats),
  sigmoid: unary(floats),
  sin: unary(floats),
  cos: unary(floats),
  atan: unary(floats),
  atan2: binary(floats),
  pow: binary(floats),
  where: binary(anyDtype).chain((each) =>
    broadcastable(each.operands[0]!.shape as readonly number[]).map((of) => ({
      ...each,
      operands: [{ dtype: "bool", shape: of }, ...each.operands],
    })),
  ),
  cast: fc.tuple(anyDtype, anyDtype, shape).map(([from, to, of]) => ({
    operands: [{ dtype: from, shape: of }],
    attributes: { dtype: to },
  })),
  reshape: rearranged((of) => fc.constantFrom({ shape: [countOf(of)] }, { shape: [1, ...of].reverse() })),
  transpose: rearranged((of) =>
    fc
      .shuffledSubarray(
        of.map((_, d) => d),
        { minLength: of.length, maxLength: of.length },
      )
      .map((axes) => ({ axes })),
  ),
  broadcastTo: fc
    .tuple(anyDtype, shape)
    .chain(([dtype, whole]) =>
      broadcastable(whole).map((of) => ({ operands: [{ dtype, shape: of }], attributes: { shape: whole } })),
    ),
  slice: rearranged((of) =>
    perDimension(of, (length) => fc.tuple(fc.nat(length - 1), fc.nat(length), small)).map((ranges) => ({
      starts: ranges.map(([start]) => start),
      ends: ranges.map(([start, extra]) => start + 1 + extra),
      steps: ranges.map(([, , step]) => step),
    })),
  ),
  pad: rearranged((of) =>
    fc
      .tuple(
        perDimension(of, () => fc.nat(3)),
        perDimension(of, () => fc.nat(3)),
      )
      .map(([before, after]) => ({ before, after, value: 1 })),
  ),
  concat: concatenation,
  iota: fc
    .tuple(numbers, filledShape)
    .chain(([dtype, of]) =>
      fc.nat(of.length - 1).map((axis) => ({ operands: [], attributes: { dtype, shape: of, axis } })),
    ),
  sum: reduction(numbers),
  prod: reduction(numbers),
  max: reduction(numbers),
  min: reduction(numbers),
  any: reduction(bool),
  all: reduction(bool),
  matmul: contraction,
  conv2d: convolution,
  convTranspose2d: transposedConvolution,
  blockedConv2d: blockedConvolution,
  depthwiseConv2d: depthwise,
  winogradConv2d: winograd,
  quantize: quantisation(fc.constant<Dtype>("f32"), () => quantizable),
  dequantize: quantisation(fc.constantFrom<Dtype>("u8", "i8", "u16", "i16", "i32"), (dtype) => fc.constant(dtype)),
  requantize: requantisation,
  matmulInteger: integerProduct,
  convInteger: fc.tuple(bytes, convolution).map(
    ([
      dtype,
      {
        operands: [x, w],
        attributes,
      },
    ]) => ({
      operands: [
        { dtype, shape: x!.shape },
        { dtype: "i8", shape: w!.shape },
      ],
      attributes,
    }),
  ),
  packedMatmul: packedFactor,
  packedMatmulInteger: packedProduct,
  blockedConvInteger: blockedIntegerConvolution,
  gridSample: fc
    .record({ h: small, w: size, n: size, outside: fc.constantFrom("zeros", "border") })
    .map(({ h, w, n, outside }) => ({
      operands: [
        { dtype: "f32", shape: [h, w] },
        { dtype: "f32", shape: [n, 2] },
      ],
      attributes: { outside },
    })),
  softmax: alongAxis(floats),
  mean: reduction(floats),
  linear: fc.record({ dtype: floats, n: small, i: size, o: size }).map(({ dtype, n, i, o }) => ({
    operands: [
      { dtype, shape: [n, i] },
      { dtype, shape: [o, i] },
      { dtype, shape: [o] },
    ],
    attributes: {},
  })),
  argmax: alongAxis(numbers),
  argmin: alongAxis(numbers),
  maxPool: pool,
  avgPool: pool.chain((each) =>
    fc.boolean().map((countPadding) => ({
      ...each,
      attributes: { ...(each.attributes as object), countPadding },
    })),
  ),
  gather: fc
    .tuple(anyDtype, filledShape, fc.constantFrom<Dtype>("u8", "i32", "i64"), shape)
    .chain(([dtype, of, at, positions]) =>
      fc.nat(of.length - 1).map((axis) => ({
        operands: [
          { dtype, shape: of },
          { dtype: at, shape: positions },
        ],
        attributes: { axis },
      })),
    ),
  takeAlong: fc.tuple(anyDtype, filledShape, positions, size).chain(([dtype, of, at, count]) =>
    fc.nat(of.length - 1).map((axis) => ({
      operands: [
        { dtype, shape: of },
        { dtype: at, shape: of.map((each, d) => (d === axis ? count : each)) },
      ],
      attributes: { axis },
    })),
  ),
  resize: resizing,
  attention: attending(false),
  tiledAttention: attending(true),
  logSoftmax: alongAxis(floats),
  layerNorm: normalization(2),
  rmsNorm: normalization(1),
  scatter: fc
    .tuple(anyDtype, filledShape, positions, shape, fc.constantFrom("set", "add", "max", "min"))
    .chain(([dtype, of, at, places, mode]) =>
      fc.nat(of.length - 1).map((axis) => ({
        operands: [
          { dtype, shape: of },
          { dtype: at, shape: places },
          { dtype, shape: [...of.slice(0, axis), ...places, ...of.slice(axis + 1)] },
        ],
        attributes: { axis, mode: dtype === "bool" ? "set" : mode },
      })),
    ),
  argsort: sorted,
  sort: sorted,
  topK: alongAxis(numbers).chain(({ operands, attributes }) => {
    const { axis } = attributes as { readonly axis: number };
    return fc.tuple(fc.nat(), fc.boolean()).map(([count, largest]) => ({
      operands,
      attributes: { axis, count: 1 + (count % Number(operands[0]!.shape[axis])), largest },
    }));
  }),
  cumsum: alongAxis(numbers).chain((each) =>
    fc.tuple(fc.boolean(), fc.boolean()).map(([exclusive, reverse]) => ({
      ...each,
      attributes: { ...(each.attributes as object), exclusive, reverse },
    })),
  ),
};

/** Operators whose chains would overflow on the way where float64 does not: they get values of moderate size. */
const moderate = new Set([
  "sum",
  "prod",
  "mean",
  "matmul",
  "packedMatmul",
  "linear",
  "conv2d",
  "convTranspose2d",
  "blockedConv2d",
  "depthwiseConv2d",
  "winogradConv2d",
  "gridSample",
  "avgPool",
  "softmax",
  "resize",
  "logSoftmax",
  "layerNorm",
  "rmsNorm",
  "attention",
  "tiledAttention",
  "scatter",
  "cumsum",
]);

/** A generator of numbers in [0, 1) with a seed. */
function uniform(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** Values for an operand: ordinary ones mixed with zeros of both signs, subnormals, infinities, NaN and the ends of the type. */
export function valuesFor(name: string, { dtype, shape: of }: TensorType, seed: number): TypedArray {
  const next = uniform(seed * 2654435761 + 1);
  const count = countOf(of as readonly number[]);
  if (dtype === "bool")
    return arrayFrom(
      "bool",
      Array.from({ length: count }, () => next() < 0.5),
    );
  if (dtype !== "f32" && dtype !== "f64") {
    const bits = Number(dtype.slice(1));
    const array = newArray(dtype, count);
    for (let i = 0; i < count; i++) {
      const wide = (BigInt(Math.floor(next() * 2 ** 32)) << 32n) | BigInt(Math.floor(next() * 2 ** 32));
      const value = next() < 0.5 ? BigInt(Math.floor(next() * 9) - 4) : wide;
      if (array instanceof BigInt64Array || array instanceof BigUint64Array) array[i] = value;
      else array[i] = Number(BigInt.asUintN(bits, value));
    }
    return array;
  }
  const [tiny, huge] = dtype === "f32" ? [2 ** -149, 3.4028234663852886e38] : [2 ** -1074, Number.MAX_VALUE];
  const specials = [0, -0, tiny, -tiny, tiny * 1234567, Infinity, -Infinity, NaN, 1, -1, 0.5];
  const extremes = moderate.has(name) ? specials : [...specials, huge, -huge];
  // One tensor in two is free of specials, which would drown reductions in NaN.
  const rate = next() < 0.5 ? 0 : name === "gridSample" || moderate.has(name) ? 0.03 : 0.3;
  const spread = moderate.has(name) ? 1 : 6;
  return arrayFrom(
    dtype,
    Array.from({ length: count }, () => {
      if (next() < rate) return extremes[Math.floor(next() * extremes.length)]!;
      return (next() - 0.5) * 2 ** (1 + Math.floor(next() * spread));
    }),
  );
}
