// Elementary functions written in the loop language: the same bits on every target.
export { acos, asin } from "./arc.ts";
export { floorDivide, remainder } from "./division.ts";
export { erf } from "./error-function.ts";
export { exp, expNonPositive, log, sigmoid, tanh } from "./exponential.ts";
export { cosh, expm1, sinh } from "./hyperbolic.ts";
export { log1p, log2 } from "./logarithm.ts";
export { pow } from "./power.ts";
export { atan, atan2, cos, sin, tan } from "./trigonometric.ts";
