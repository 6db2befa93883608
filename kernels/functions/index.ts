// Elementary functions written in the loop language: the same bits on every target.
export { exp, log, sigmoid, tanh } from "./exponential.ts";
export { atan, atan2 } from "./trigonometric.ts";
