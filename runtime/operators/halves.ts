// What operators mean on halves: those that compute take them as float32 and round what they give once.
import { isHalf } from "../../kernels/index.ts";
import { arrayFrom, countOf, newArray, numberIn } from "../graph/tensor-type.ts";
import type { Nd, OperatorDefinition } from "./operator.ts";

type Meaning<A> = Pick<OperatorDefinition<A>, "evaluate" | "magnitude" | "count">;

/** A tensor with its halves as float32, which holds all of them. */
function widened(x: Nd): Nd {
  if (!isHalf(x.dtype)) return x;
  const { dtype, shape, data } = x;
  return { dtype: "f32", shape, data: Float32Array.from(data as Uint16Array, (bits) => Number(numberIn(dtype, bits))) };
}

/** A tensor to compute into, where the result is one of halves. */
const computedInto = (x: Nd): Nd =>
  isHalf(x.dtype) ? { dtype: "f32", shape: x.shape, data: newArray("f32", countOf(x.shape)) } : x;

/** The meaning on any operands of one that knows no halves. */
export function throughFloat32<A>({ evaluate, magnitude, count }: Meaning<A>): Meaning<A> {
  const hasHalves = (all: readonly Nd[]): boolean => all.some(({ dtype }) => isHalf(dtype));
  return {
    evaluate(operands, attributes, ...results) {
      if (!hasHalves(operands) && !hasHalves(results)) return evaluate(operands, attributes, ...results);
      const computed = results.map(computedInto) as [Nd, ...Nd[]];
      evaluate(operands.map(widened), attributes, ...computed);
      results.forEach(({ dtype, data }, at) => {
        if (isHalf(dtype)) (data as Uint16Array).set(arrayFrom(dtype, [...(computed[at]!.data as Float32Array)]));
      });
    },
    ...(count && { count: (operands, attributes) => count(operands.map(widened), attributes) }),
    ...(magnitude && {
      magnitude: (operands, attributes, result) => magnitude(operands.map(widened), attributes, widened(result)),
    }),
  };
}
