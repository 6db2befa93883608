// Kernels of linear algebra.
export { choleskyKernel, choleskyWork } from "./cholesky.ts";
export { eighKernel, eighWork } from "./eigen.ts";
export { luKernel, luSolveKernel, luWork, solveWork, triangularSolveKernel } from "./elimination.ts";
export { eigKernel, eigWork } from "./general.ts";
export { reflectedKernel, reflectedWork, reflectionsKernel, reflectionsWork } from "./reflections.ts";
export { svdKernel, svdWork } from "./singular.ts";
export { leastSquares, mostSweeps } from "./spectrum.ts";
