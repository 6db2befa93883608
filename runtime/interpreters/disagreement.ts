// Where the elements that an operator gave lie outside its stated error.
import { type Dtype, type FloatDtype, isFloatDtype, isStored } from "../../kernels/index.ts";
import type { Node } from "../graph/graph.ts";
import { numberIn, staticShape, type TypedArray } from "../graph/tensor-type.ts";
import type { Nd } from "../operators/index.ts";

/** Digits of the fraction, and the exponent of the least number. */
const digits: { readonly [D in FloatDtype]: readonly [number, number] } = {
  f8e4m3fn: [3, -9],
  f8e4m3fnuz: [3, -10],
  f8e5m2: [2, -16],
  f8e5m2fnuz: [2, -17],
  f8e8m0: [0, -127],
  f4e2m1: [1, -1],
  f16: [10, -24],
  bf16: [7, -133],
  f32: [23, -149],
  f64: [52, -1074],
};

const ulp = (magnitude: number, dtype: Dtype): number => {
  const [bits, least] = isFloatDtype(dtype) ? digits[dtype] : digits.f64;
  if (!Number.isFinite(magnitude)) return 0;
  return 2 ** Math.max(least, Math.floor(Math.log2(Math.max(Math.abs(magnitude), 2 ** -1074))) - bits);
};

/** The first element of a result outside the stated error of the operator of `core`, in words; of the first of several unless told. */
export function disagreement(
  core: Node,
  operands: readonly Nd[],
  meant: TypedArray,
  found: TypedArray,
  at = 0,
): string | undefined {
  const { operator, attributes } = core;
  const output = core.outputs[at]!;
  const { dtype } = output.type;
  const result: Nd = { dtype, shape: staticShape(output.type.shape), data: meant };
  const float = isFloatDtype(dtype);
  const magnitude = float && operator.errorUlp > 0 ? operator.magnitude?.(operands, attributes, result) : undefined;
  if (found.length !== meant.length) return `${found.length} elements, meant ${meant.length}`;
  for (let i = 0; i < meant.length; i++) {
    const [a, b] = [numberIn(dtype, found[i]!), numberIn(dtype, meant[i]!)];
    if (Object.is(a, b)) continue;
    // In float64 the reference itself rounds like the compiled code.
    const units = operator.errorUlp * (dtype === "f64" ? 2 : 1);
    const difference = Math.abs(Number(a) - Number(b));
    const scale = Math.max(Math.abs(Number(magnitude?.[i] ?? b)), Math.abs(Number(b)));
    // What is only stored is computed in float32, and what lies near the middle between two of them is rounded to either.
    const allowed = isStored(dtype) ? units * ulp(scale, "f32") + ulp(Number(b), dtype) : units * ulp(scale, dtype);
    if (float && units > 0 && difference <= allowed) continue;
    return `element ${i} of ${meant.length} is ${a}, meant ${b} (${difference / ulp(scale, dtype)} ulp)`;
  }
  return undefined;
}
