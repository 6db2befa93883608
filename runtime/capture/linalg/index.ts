// Linear algebra of matrices in float32 and float64, in batches, by the names of torch.linalg.
export { type ComplexParts, eig, eigvals } from "./eigenvalues.ts";
export { matrixExp } from "./exponential.ts";
export {
  cholesky,
  choleskyEx,
  geqrf,
  householderProduct,
  type LuFactors,
  type LuParts,
  lu,
  luFactor,
  luUnpack,
  type QrOptions,
  qr,
  type TriangleOptions,
} from "./factors.ts";
export type { Wide } from "./matrices.ts";
export {
  cond,
  type MatrixNormOptions,
  type MatrixOrder,
  matrixNorm,
  type VectorNormOptions,
  vectorNorm,
} from "./norms.ts";
export {
  choleskyInverse,
  choleskySolve,
  det,
  inv,
  invEx,
  type LuSolveOptions,
  luSolve,
  matrixPower,
  type SideOptions,
  slogdet,
  solve,
  solveEx,
  solveTriangular,
  type TriangularOptions,
  type WithInfo,
} from "./solutions.ts";
export {
  eigh,
  eigvalsh,
  type LeastSquares,
  lstsq,
  matrixRank,
  pinv,
  type SvdOptions,
  type SymmetricOptions,
  svd,
  svdvals,
  type ToleranceOptions,
} from "./spectra.ts";
