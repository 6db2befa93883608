// Generated cases for every operator: operand types and attributes.
import fc from "fast-check";
import type { Dtype } from "../../../kernels/index.ts";
import { countOf } from "../../graph/tensor-type.ts";
import type { operators } from "../../operators/index.ts";
import { arrangementCases } from "./arrangement.ts";
import {
  adaptivePool,
  blockedConvolution,
  channelNorm,
  contraction,
  convolution,
  convolutionOver,
  depthwise,
  groupedConvolution,
  pool,
  transposedConvolution,
  transposedOver,
  winograd,
} from "./convolutions.ts";
import { elementaryCases, withAttributes } from "./elementary.ts";
import {
  blockedIntegerConvolution,
  field,
  groupedIntegerConvolution,
  integerProduct,
  packedProduct,
  quantisation,
  requantisation,
} from "./integers.ts";
import { linearCases } from "./linear.ts";
import { packedFactor } from "./products.ts";
import { resizing } from "./resizing.ts";
import { deformedConvolution, sampling, volumeSampling } from "./sampling.ts";
import {
  alongAxis,
  anyDtype,
  binary,
  bool,
  broadcastable,
  bytes,
  filledShape,
  floats,
  numbers,
  type OperatorCase,
  perDimension,
  positions,
  quantizable,
  rearranged,
  reduction,
  shape,
  size,
  small,
  unary,
} from "./shapes.ts";

export { boundedCases } from "./bounded.ts";
export type { OperatorCase } from "./shapes.ts";
export { valuesFor } from "./values.ts";

const concatenation: fc.Arbitrary<OperatorCase> = fc.tuple(anyDtype, filledShape, small).chain(([dtype, of, count]) =>
  fc.nat(of.length - 1).chain((axis) =>
    fc.array(small, { minLength: count, maxLength: count }).map((lengths) => ({
      operands: lengths.map((length) => ({ dtype, shape: of.map((each, d) => (d === axis ? length : each)) })),
      attributes: { axis },
    })),
  ),
);

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

const running = withAttributes(alongAxis(numbers), fc.record({ exclusive: fc.boolean(), reverse: fc.boolean() }));

/** Some of the first along one dimension. */
const leading: fc.Arbitrary<OperatorCase> = alongAxis(numbers).chain(({ operands, attributes }) => {
  const { axis } = attributes as { readonly axis: number };
  return fc.tuple(fc.nat(), fc.boolean()).map(([count, largest]) => ({
    operands,
    attributes: { axis, count: 1 + (count % Number(operands[0]!.shape[axis])), largest },
  }));
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
  ...elementaryCases,
  ...arrangementCases,
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
  bitCast: fc
    .constantFrom<Dtype[]>(
      ["i8", "u8", "bool"],
      ["i16", "u16", "f16", "bf16"],
      ["i32", "u32", "f32"],
      ["i64", "u64", "f64"],
    )
    .chain((alike) => fc.tuple(fc.constantFrom(...alike), fc.constantFrom(...alike), shape))
    .map(([from, to, of]) => ({ operands: [{ dtype: from, shape: of }], attributes: { dtype: to } })),
  reshape: rearranged((of) => fc.constantFrom({ shape: [countOf(of)] }, { shape: [1, ...of].reverse() })),
  permute: rearranged((of) =>
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
  conv1d: convolutionOver(1),
  conv2d: convolution,
  conv3d: convolutionOver(3),
  convTranspose1d: transposedOver(1),
  convTranspose2d: transposedConvolution,
  convTranspose3d: transposedOver(3),
  deformConv2d: deformedConvolution,
  blockedConv2d: blockedConvolution,
  depthwiseConv2d: depthwise,
  groupedConv2d: groupedConvolution,
  winogradConv2d: winograd,
  quantize: quantisation(fc.constant<Dtype>("f32"), () => quantizable),
  dequantize: quantisation(fc.constantFrom<Dtype>("u8", "i8", "u16", "i16", "i32"), (dtype) => fc.constant(dtype)),
  requantize: requantisation,
  bitField: field,
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
  groupedConvInteger: groupedIntegerConvolution,
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
  maxPoolWithIndices: pool,
  adaptiveMaxPool: adaptivePool,
  adaptiveAvgPool: adaptivePool,
  batchNorm: channelNorm(2, 4, () => ({ epsilon: 0.1 })),
  groupNorm: channelNorm(0, 2, (c) => ({ groups: c % 2 === 0 ? 2 : 1, epsilon: 1e-3 })),
  instanceNorm: channelNorm(0, 2, () => ({ epsilon: 1e-3 })),
  avgPool: pool.chain((each) =>
    fc.boolean().map((countPadding) => ({
      ...each,
      attributes: { ...(each.attributes as object), countPadding },
    })),
  ),
  lpPool: withAttributes(pool, fc.record({ norm: fc.constantFrom(1, 2, 2, 3) })).chain((each) =>
    floats.map((dtype) => ({ ...each, operands: each.operands.map((of) => ({ ...of, dtype })) })),
  ),
  indexSelect: fc
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
  gather: fc.tuple(anyDtype, filledShape, positions, size).chain(([dtype, of, at, count]) =>
    fc.nat(of.length - 1).map((axis) => ({
      operands: [
        { dtype, shape: of },
        { dtype: at, shape: of.map((each, d) => (d === axis ? count : each)) },
      ],
      attributes: { axis },
    })),
  ),
  resize: resizing,
  gridSampler2d: sampling,
  gridSampler3d: volumeSampling,
  attention: attending(false),
  tiledAttention: attending(true),
  logSoftmax: alongAxis(floats),
  layerNorm: normalization(2),
  rmsNorm: normalization(1),
  indexPut: fc
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
  scatter: fc
    .tuple(anyDtype, filledShape, positions, size, fc.constantFrom("set", "add", "max", "min"))
    .chain(([dtype, of, at, count, mode]) =>
      fc.tuple(fc.nat(of.length - 1), fc.infiniteStream(fc.boolean())).map(([axis, smaller]) => {
        const shape = of.map((each, d) => (d === axis ? count : smaller.next().value ? Math.max(1, each - 1) : each));
        return {
          operands: [
            { dtype, shape: of },
            { dtype: at, shape },
            { dtype, shape },
          ],
          attributes: { axis, mode: dtype === "bool" ? "set" : mode },
        };
      }),
    ),
  argsort: sorted,
  sort: sorted,
  topK: leading,
  argtopk: leading,
  cumsum: running,
  cumprod: running,
  cummax: running,
  cummin: running,
  cummaxWithIndices: alongAxis(numbers),
  cumminWithIndices: alongAxis(numbers),
  variance: withAttributes(reduction(floats), fc.record({ correction: fc.constantFrom(0, 1) })),
  std: withAttributes(reduction(floats), fc.record({ correction: fc.constantFrom(0, 1) })),
  logSumExp: reduction(floats),
  det: fc
    .record({ dtype: floats, batch: fc.constantFrom([], [1], [2, 3]), n: fc.constantFrom(1, 2, 3, 4, 7) })
    .map(({ dtype, batch, n }) => ({ operands: [{ dtype, shape: [...batch, n, n] }], attributes: {} })),
  ...linearCases,
  philox: fc
    .record({
      of: fc.constantFrom<number[]>([], [1], [3], [4], [2, 17], [3, 4, 16], [70]),
      counter: fc.constantFrom<number[]>([], [1]),
      seed: fc.constantFrom(0, 1, 2 ** 32 + 7, Number.MAX_SAFE_INTEGER),
    })
    .map(({ of, counter, seed }) => ({
      operands: [{ dtype: "u64", shape: counter }],
      attributes: { seed, shape: of },
    })),
  size: alongAxis(anyDtype),
  inFront: fc.tuple(fc.constantFrom(1, 2, 3, 17, 70), fc.nat(2)).map(([places, followers]) => ({
    operands: [{ dtype: "i64", shape: [] }],
    attributes: { size: places, followers },
  })),
  toMaximum: rearranged((of) => fc.subarray(of.map((_, d) => d)).map((axes) => ({ axes, value: 1 }))),
};
