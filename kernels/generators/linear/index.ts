// Kernels of linear algebra.
export { choleskyKernel, choleskyWork } from "./cholesky.ts";
export { luKernel, luSolveKernel, luWork, solveWork, triangularSolveKernel } from "./elimination.ts";
export { eighKernel, eighWork, mostSweeps, svdKernel, svdWork } from "./jacobi.ts";
export { reflectedKernel, reflectedWork, reflectionsKernel, reflectionsWork } from "./reflections.ts";
