// What operators mean on what is only stored: those that compute take it as what it is computed in, and round what they give once.
import { arithmeticOf, convertOf, type Dtype, isStored } from "../../kernels/index.ts";
import { countOf, newArray, numberIn } from "../graph/tensor-type.ts";
import type { Nd, OperatorDefinition } from "./operator.ts";

type Meaning<A> = Pick<OperatorDefinition<A>, "evaluate" | "magnitude" | "count">;

const computed = ({ dtype, shape }: Nd): Nd => {
  const wide = arithmeticOf(dtype);
  return { dtype: wide, shape, data: newArray<Dtype>(wide, countOf(shape)) };
};

/** A tensor with its elements as what they are computed in, which holds all of them. */
function widened(x: Nd): Nd {
  if (!isStored(x.dtype)) return x;
  const wide = computed(x);
  for (let at = 0; at < wide.data.length; at++) wide.data[at] = Number(numberIn(x.dtype, x.data[at]!));
  return wide;
}

/** Puts what was computed for a result of stored elements into it. */
function narrow({ dtype, data }: Nd, from: Nd): void {
  if (!isStored(dtype)) return;
  const convert = convertOf(from.dtype, dtype);
  for (let at = 0; at < data.length; at++) data[at] = Number(convert(from.data[at]!));
}

/** The meaning on any operands of one that knows nothing of stored elements. */
export function throughComputed<A>({ evaluate, magnitude, count }: Meaning<A>): Meaning<A> {
  const hasStored = (all: readonly Nd[]): boolean => all.some(({ dtype }) => isStored(dtype));
  return {
    evaluate(operands, attributes, ...results) {
      if (!hasStored(operands) && !hasStored(results)) return evaluate(operands, attributes, ...results);
      // A tensor to compute into, where the result is one of stored elements.
      const wide = results.map((each) => (isStored(each.dtype) ? computed(each) : each)) as [Nd, ...Nd[]];
      evaluate(operands.map(widened), attributes, ...wide);
      results.forEach((each, at) => {
        narrow(each, wide[at]!);
      });
    },
    ...(count && { count: (operands, attributes) => count(operands.map(widened), attributes) }),
    ...(magnitude && {
      magnitude: (operands, attributes, result) => magnitude(operands.map(widened), attributes, widened(result)),
    }),
  };
}
