// Generators of kernels: each takes sources and a destination, and returns a kernel of the loop language.
export {
  addressOf,
  broadcasted,
  elementsOf,
  filled,
  fixed,
  type LaneIndex,
  permuted,
  rowMajor,
  type Source,
  sliced,
  type View,
  view,
} from "./access.ts";
export { type Attention, type AttentionSources, attentionKernel, attentionWork } from "./attention.ts";
export {
  type BlockedConvolution,
  blockedConvolutionKernel,
  channelBlock,
  depthwiseKernel,
} from "./blocked.ts";
export {
  type Convolution,
  convolutionKernel,
  type Epilogue,
  matmulKernel,
  productPlan,
  splitsFor,
} from "./contract.ts";
export { determinantKernel, determinantWork } from "./determinant.ts";
export {
  blockWidth,
  columnWork,
  copied,
  firstColumn,
  gemmKernel,
  gemmWork,
  packs,
  packsAnew,
  type RightFactor,
} from "./gemm.ts";
export { fitsBlock, type GroupedConvolution, groupedConvolutionKernel } from "./grouped.ts";
export {
  blockedIntegerConvolutionKernel,
  dotBytes,
  dotColumns,
  integerConvolutionKernel,
  integerMatmulKernel,
  packedIntegerMatmulKernel,
} from "./integer.ts";
export {
  choleskyKernel,
  choleskyWork,
  eighKernel,
  eighWork,
  eigKernel,
  eigWork,
  leastSquares,
  luKernel,
  luSolveKernel,
  luWork,
  mostSweeps,
  reflectedKernel,
  reflectedWork,
  reflectionsKernel,
  reflectionsWork,
  solveWork,
  svdKernel,
  svdWork,
  triangularSolveKernel,
} from "./linear/index.ts";
export { type Assignment, type Destination, mapKernel, whole } from "./map.ts";
export { rounding } from "./quantize.ts";
export { philoxFactors, philoxKernel, philoxRounds, philoxSteps } from "./random.ts";
export {
  type Accumulation,
  type End,
  maximum,
  minimum,
  multiplying,
  type ReducerName,
  reduceKernel,
  reducers,
  reducing,
  reductionPlan,
} from "./reduce.ts";
export { lineWork, RowKernel } from "./rows.ts";
export { bilinear, coordinate, counting, inFront, type Outside } from "./sample.ts";
export { type Scan, type ScanName, scanKernel } from "./scan.ts";
export { type ScatterMode, scatterings, scatterKernel } from "./scatter.ts";
export { argsortKernel, argsortWork, leadersKernel, mostLeaders } from "./sort.ts";
export { type WinogradTile, winogradBlock, winogradKernel } from "./winograd.ts";
