// Elementary functions written in the loop language: the same bits on every target.
export { exp, expNonPositive, log, sigmoid, tanh } from "./exponential.ts";
export { pow } from "./power.ts";
export { atan, atan2, cos, sin } from "./trigonometric.ts";
