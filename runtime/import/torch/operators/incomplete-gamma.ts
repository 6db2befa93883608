// PyTorch's incomplete gamma functions: the share of a gamma distribution below a number, and above it.
import { whileLoop } from "../../../capture/control-flow.ts";
import { constant, type Tensor, where } from "../../../capture/tensor.ts";
import { cast, type TorchCall } from "../call.ts";
import { floatType } from "../promotion.ts";
import { operator, type TorchOperator } from "./definition.ts";
import { logGamma } from "./special.ts";

type Wide = Tensor<"f64">;

const number = (value: number): Wide => constant(value, "f64");

/** As many terms as PyTorch sums at most; with them series and fraction end for orders to some ten thousand. */
const mostTerms = 2000;
const enough = 2 ** -54;

/** Σ xⁿ / ((a+1)·…·(a+n)) over n from 0 on, for x below a + 1. */
function series(a: Wide, x: Wide): Wide {
  const one = x.mul(0).add(a.mul(0)).add(1) as Wide;
  return whileLoop(
    ({ term, sum, turn }) => term.greater(sum.mul(enough)).any().and(turn.less(mostTerms)) as Tensor<"bool">,
    ({ order, end, term, sum, turn }) => {
      const next = turn.add(1) as Wide;
      const added = term.mul(end.div(order.add(next))) as Wide;
      return { order, end, term: added, sum: sum.add(added) as Wide, turn: next };
    },
    { order: a, end: x, term: one, sum: one, turn: number(0) },
    { atMost: mostTerms },
  ).sum;
}

/** 1/(x+1−a− 1·(1−a)/(x+3−a− 2·(2−a)/(x+5−a− …))) by Lentz's algorithm, for x from a + 1 on. */
function fraction(a: Wide, x: Wide): Wide {
  const first = x.add(1).sub(a) as Wide;
  const begin = number(1).div(first) as Wide;
  const huge = first.mul(0).add(1e300) as Wide;
  return whileLoop(
    ({ ratio, turn }) => ratio.sub(1).abs().greater(enough).any().and(turn.less(mostTerms)) as Tensor<"bool">,
    ({ order, start, above, below, value, turn }) => {
      const next = turn.add(1) as Wide;
      const factor = next.mul(order.sub(next));
      const base = start.add(next.mul(2));
      const denominator = number(1).div(factor.mul(below).add(base)) as Wide;
      const numerator = base.add(factor.div(above)) as Wide;
      const ratio = denominator.mul(numerator) as Wide;
      return { order, start, above: numerator, below: denominator, value: value.mul(ratio) as Wide, ratio, turn: next };
    },
    { order: a, start: first, above: huge, below: begin, value: begin, ratio: first.mul(0) as Wide, turn: number(0) },
    { atMost: mostTerms },
  ).value;
}

/** P(a, x) and Q(a, x) = 1 − P(a, x), each of two ways where it loses nothing. */
function shares(a: Wide, x: Wide): { readonly below: Wide; readonly above: Wide } {
  const isPlain = a.greater(0).and(x.greater(0)).and(a.isFinite()).and(x.isFinite());
  const order = where(isPlain, a, number(1)) as Wide;
  const end = where(isPlain, x, number(1)) as Wide;
  const isNear = end.less(order.add(1));
  const scale = order.mul(end.log()).sub(end).sub(logGamma(order)).exp();
  const near = scale.div(order).mul(series(order, where(isNear, end, order) as Wide));
  const far = scale.mul(fraction(order, where(isNear, order.add(1), end) as Wide));
  const below = where(isNear, near, number(1).sub(far));
  const above = where(isNear, number(1).sub(near), far);
  // All is below what has no end, and where the order is 0; nothing is below 0, and where the order has no end.
  const isAll = x.isInf().or(a.equal(0));
  const isUndefined = a
    .less(0)
    .or(x.less(0))
    .or(a.isNaN())
    .or(x.isNaN())
    .or(a.equal(0).and(x.equal(0)))
    .or(a.isInf().and(x.isInf()));
  const ended = (plain: Tensor, all: number, none: number): Wide =>
    where(
      isUndefined,
      number(Number.NaN),
      where(isPlain, plain as Wide, where(isAll, number(all), number(none))),
    ) as Wide;
  return { below: ended(below, 1, 0), above: ended(above, 0, 1) };
}

const share = (names: readonly string[], which: "below" | "above"): readonly TorchOperator[] =>
  names.map((name) =>
    operator(`${name}(Tensor self, Tensor other) -> Tensor`, (call: TorchCall) => {
      const [a, x] = call.promoted(["self", "other"], floatType) as [Tensor, Tensor];
      return cast(shares(cast(a, "f64") as Wide, cast(x, "f64") as Wide)[which], a.dtype);
    }),
  );

export const incompleteGamma: readonly TorchOperator[] = [
  ...share(["igamma", "special_gammainc"], "below"),
  ...share(["igammac", "special_gammaincc"], "above"),
];
