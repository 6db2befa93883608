// Where the elements that an operator gave lie outside its stated error.
import type { Node } from "../graph.ts";
import type { Nd } from "../operators/index.ts";
import { staticShape, type TypedArray } from "../tensor-type.ts";

const ulp = (magnitude: number, dtype: string): number => {
  const [bits, least] = dtype === "f32" ? [23, -149] : [52, -1074];
  if (!Number.isFinite(magnitude)) return 0;
  return 2 ** Math.max(least, Math.floor(Math.log2(Math.max(Math.abs(magnitude), 2 ** -1074))) - bits);
};

/** The first element outside the stated error of the operator of `core`, in words. */
export function disagreement(
  core: Node,
  operands: readonly Nd[],
  meant: TypedArray,
  found: TypedArray,
): string | undefined {
  const {
    operator,
    attributes,
    outputs: [output],
  } = core;
  const { dtype } = output.type;
  const result: Nd = { dtype, shape: staticShape(output.type.shape), data: meant };
  const float = dtype === "f32" || dtype === "f64";
  const magnitude = float && operator.errorUlp > 0 ? operator.magnitude?.(operands, attributes, result) : undefined;
  if (found.length !== meant.length) return `${found.length} elements, meant ${meant.length}`;
  for (let i = 0; i < meant.length; i++) {
    const [a, b] = [found[i]!, meant[i]!];
    if (Object.is(a, b)) continue;
    // In float64 the reference itself rounds like the compiled code.
    const units = operator.errorUlp * (dtype === "f64" ? 2 : 1);
    const difference = Math.abs(Number(a) - Number(b));
    const scale = Math.max(Math.abs(Number(magnitude?.[i] ?? b)), Math.abs(Number(b)));
    if (float && units > 0 && difference <= units * ulp(scale, dtype)) continue;
    return `element ${i} of ${meant.length} is ${a}, meant ${b} (${difference / ulp(scale, dtype)} ulp)`;
  }
  return undefined;
}
