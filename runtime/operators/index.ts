// Every operator, by name: what tracers build, interpreters mean and compilers lower.

import { elu, gelu, silu, softplus } from "./activation.ts";
import { adaptiveAvgPool, adaptiveMaxPool } from "./adaptive-pooling.ts";
import { flip, oneHot, padCopies, roll, tile } from "./arrangement.ts";
import { attention, tiledAttention } from "./attention.ts";
import {
  bitCast,
  bitField,
  bitwiseAnd,
  bitwiseLeftShift,
  bitwiseNot,
  bitwiseOr,
  bitwiseRightShift,
  bitwiseXor,
} from "./bits.ts";
import { blockedConv2d, depthwiseConv2d } from "./blocked.ts";
import { batchNorm, groupNorm, instanceNorm } from "./channel-norms.ts";
import { argmax, argmin, linear, mean, softmax } from "./composite.ts";
import { conv2d, gridSample, matmul } from "./contraction.ts";
import { cond, forLoop, limit, scan, whileLoop } from "./control.ts";
import { conv1d, conv3d } from "./convolution.ts";
import { deformConv2d } from "./deformable-convolution.ts";
import { det } from "./determinant.ts";
import { floorDivide, remainder } from "./division.ts";
import {
  acos,
  asin,
  cosh,
  erf,
  expm1,
  isFinite as isFiniteNumber,
  isInf,
  isNaN as isNotANumber,
  log1p,
  log2,
  rsqrt,
  sign,
  sinh,
  tan,
  trunc,
} from "./elementary.ts";
import {
  abs,
  add,
  atan,
  atan2,
  cast,
  ceil,
  cos,
  div,
  equal,
  exp,
  floor,
  greater,
  greaterEqual,
  less,
  lessEqual,
  log,
  logicalAnd,
  logicalNot,
  logicalOr,
  maximum,
  minimum,
  mul,
  neg,
  notEqual,
  pow,
  round,
  sigmoid,
  sin,
  sqrt,
  sub,
  tanh,
  where,
} from "./elementwise.ts";
import { gather, indexSelect } from "./gather.ts";
import { gridSampler2d, gridSampler3d } from "./grid-sample.ts";
import { groupedConv2d, groupedConvInteger } from "./grouped.ts";
import { cholesky } from "./linear/cholesky.ts";
import { eigh } from "./linear/eigen.ts";
import { lu, luSolve, triangularSolve } from "./linear/elimination.ts";
import { eig } from "./linear/general.ts";
import { reflected, reflections } from "./linear/reflections.ts";
import { svd } from "./linear/singular.ts";
import { lpPool } from "./lp-pooling.ts";
import { gatherND, scatter, scatterND } from "./multi-index.ts";
import { nonMaxSuppression } from "./non-max-suppression.ts";
import { layerNorm, logSoftmax, rmsNorm } from "./normalization.ts";
import type { Operator } from "./operator.ts";
import { argsort, argtopk, sort, topK } from "./ordering.ts";
import { packedMatmul } from "./packed-matmul.ts";
import { avgPool, maxPool, maxPoolWithIndices } from "./pooling.ts";
import {
  blockedConvInteger,
  convInteger,
  dequantize,
  matmulInteger,
  packedMatmulInteger,
  quantize,
  requantize,
} from "./quantized.ts";
import { philox } from "./random.ts";
import { all, any, max, min, prod, sum } from "./reduction.ts";
import { resize } from "./resize.ts";
import { cummax, cummaxWithIndices, cummin, cumminWithIndices, cumprod, cumsum } from "./running.ts";
import { indexPut } from "./scatter.ts";
import { compress, nonzero, unique } from "./selection.ts";
import { inFront, size, toMaximum, truncate } from "./sizes.ts";
import { logSumExp, std, variance } from "./statistics.ts";
import { broadcastTo, concat, iota, pad, permute, reshape, slice, split } from "./structure.ts";
import { convTranspose2d } from "./transposed-convolution.ts";
import { convTranspose1d, convTranspose3d } from "./transposed-volumes.ts";
import { tril, triu } from "./triangle.ts";
import { winogradConv2d } from "./winograd.ts";

/** All operators; each is exported under its own name. */
export const operators = {
  add,
  sub,
  mul,
  div,
  maximum,
  minimum,
  neg,
  abs,
  equal,
  notEqual,
  less,
  lessEqual,
  greater,
  greaterEqual,
  logicalAnd,
  logicalOr,
  logicalNot,
  sqrt,
  floor,
  ceil,
  round,
  exp,
  log,
  tanh,
  sigmoid,
  sin,
  cos,
  atan,
  atan2,
  pow,
  where,
  cast,
  isFinite: isFiniteNumber,
  isNaN: isNotANumber,
  erf,
  tan,
  asin,
  acos,
  sinh,
  cosh,
  expm1,
  log1p,
  log2,
  rsqrt,
  trunc,
  sign,
  isInf,
  remainder,
  floorDivide,
  bitwiseAnd,
  bitwiseOr,
  bitwiseXor,
  bitwiseNot,
  bitwiseLeftShift,
  bitwiseRightShift,
  bitCast,
  bitField,
  elu,
  silu,
  gelu,
  softplus,
  reshape,
  permute,
  broadcastTo,
  slice,
  pad,
  concat,
  iota,
  flip,
  roll,
  tile,
  padCopies,
  oneHot,
  split,
  tril,
  triu,
  indexSelect,
  gather,
  gatherND,
  scatterND,
  indexPut,
  scatter,
  sum,
  prod,
  max,
  min,
  any,
  all,
  matmul,
  conv1d,
  conv2d,
  conv3d,
  gridSample,
  packedMatmul,
  blockedConv2d,
  depthwiseConv2d,
  groupedConv2d,
  groupedConvInteger,
  winogradConv2d,
  quantize,
  dequantize,
  requantize,
  matmulInteger,
  convInteger,
  packedMatmulInteger,
  blockedConvInteger,
  softmax,
  mean,
  linear,
  argmax,
  argmin,
  variance,
  std,
  logSumExp,
  det,
  cholesky,
  lu,
  luSolve,
  triangularSolve,
  reflections,
  reflected,
  eig,
  eigh,
  svd,
  philox,
  argsort,
  sort,
  topK,
  argtopk,
  cumsum,
  cumprod,
  cummax,
  cummin,
  cummaxWithIndices,
  cumminWithIndices,
  maxPool,
  maxPoolWithIndices,
  avgPool,
  lpPool,
  adaptiveMaxPool,
  adaptiveAvgPool,
  convTranspose1d,
  convTranspose2d,
  convTranspose3d,
  deformConv2d,
  resize,
  gridSampler2d,
  gridSampler3d,
  tiledAttention,
  attention,
  logSoftmax,
  layerNorm,
  rmsNorm,
  batchNorm,
  groupNorm,
  instanceNorm,
  size,
  toMaximum,
  inFront,
} as const satisfies { readonly [name: string]: Operator };

/** The operators whose results have as many elements as the values say, up to a maximum. */
export const boundedOperators = { truncate, nonzero, compress, unique, nonMaxSuppression } as const satisfies {
  readonly [name: string]: Operator;
};

/** The operators whose regions are graphs, and those that may end a step. */
export const controlOperators = { cond, whileLoop, forLoop, scan, limit } as const satisfies {
  readonly [name: string]: Operator;
};

export type { Border, Builder, Nd, Operator, OperatorDefinition, ResultTypes } from "./operator.ts";
export { operator } from "./user-operator.ts";
