// Generated cases of what works element by element: elementary functions, activations, division, bits.
import fc from "fast-check";
import type { Dtype } from "../../../kernels/index.ts";
import { binary, bool, floats, integers, numbers, type OperatorCase, unary } from "./shapes.ts";

/** The same operands with drawn attributes. */
export const withAttributes = (cases: fc.Arbitrary<OperatorCase>, attributes: fc.Arbitrary<object>) =>
  fc
    .tuple(cases, attributes)
    .map(([each, given]): OperatorCase => ({ ...each, attributes: { ...(each.attributes as object), ...given } }));

const bits = fc.oneof<fc.Arbitrary<Dtype>[]>(integers, integers, bool);

export const elementaryCases = {
  erf: unary(floats),
  tan: unary(floats),
  asin: unary(floats),
  acos: unary(floats),
  sinh: unary(floats),
  cosh: unary(floats),
  expm1: unary(floats),
  log1p: unary(floats),
  log2: unary(floats),
  rsqrt: unary(floats),
  trunc: unary(floats),
  sign: unary(numbers),
  isNaN: unary(numbers),
  isInf: unary(numbers),
  isFinite: unary(numbers),
  remainder: binary(numbers),
  floorDivide: binary(numbers),
  bitwiseAnd: binary(bits),
  bitwiseOr: binary(bits),
  bitwiseXor: binary(bits),
  bitwiseNot: unary(bits),
  bitwiseLeftShift: binary(integers),
  bitwiseRightShift: binary(integers),
  elu: withAttributes(unary(floats), fc.record({ alpha: fc.constantFrom(1, 0.5, -2) })),
  silu: unary(floats),
  gelu: withAttributes(unary(floats), fc.record({ approximate: fc.constantFrom("none", "tanh") })),
  softplus: withAttributes(
    unary(floats),
    fc.record({ beta: fc.constantFrom(1, 0.5, 3), threshold: fc.constantFrom(20, 2) }),
  ),
};
