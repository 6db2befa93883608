// Cases of operators whose sizes are 0 and 1, made of the usual ones.
import fc from "fast-check";
import type { Operator } from "../../operators/index.ts";
import type { OperatorCase } from "./shapes.ts";

type Change = (size: number) => number;

const isShape = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.every((each) => typeof each === "number");

/** A case with every size of its operands, and of shapes among its attributes, changed. */
function resized({ operands, attributes }: OperatorCase, change: Change): OperatorCase {
  const entries = Object.entries(attributes as { readonly [name: string]: unknown });
  return {
    operands: operands.map(({ dtype, shape }) => ({ dtype, shape: shape.map((size) => change(Number(size))) })),
    attributes: Object.fromEntries(
      entries.map(([name, value]) => [name, name === "shape" && isShape(value) ? value.map(change) : value]),
    ),
  };
}

/** A case with one dimension of one operand changed. */
const withOne = ({ operands, attributes }: OperatorCase, at: number, d: number, size: number): OperatorCase => ({
  operands: operands.map(({ dtype, shape }, o) => ({ dtype, shape: o === at ? shape.with(d, size) : shape })),
  attributes,
});

/** All ways to give sizes of 0 and 1 to a case: one size wherever it stands, two at once, or one dimension alone. */
function variants(given: OperatorCase): OperatorCase[] {
  const sizes = new Set(given.operands.flatMap(({ shape }) => shape.map(Number)));
  for (const value of Object.values(given.attributes as object))
    if (isShape(value)) for (const each of value) sizes.add(each);
  const everywhere = [...sizes].flatMap((size) =>
    [0, 1].map((to) => resized(given, (each) => (each === size ? to : each))),
  );
  const whole = [0, 1].map((to) => resized(given, () => to));
  const alone = given.operands.flatMap(({ shape }, at) =>
    shape.flatMap((_, d) => [0, 1].map((to) => withOne(given, at, d, to))),
  );
  return [...everywhere, ...whole, ...alone];
}

function isSmall({ operands, attributes }: OperatorCase): boolean {
  const { shape = [], size } = attributes as { readonly shape?: readonly number[]; readonly size?: unknown };
  const sizes = [...operands.flatMap((each) => each.shape.map(Number)), ...shape, size];
  return sizes.includes(0) || sizes.includes(1);
}

/** Cases with a size of 0 or 1 that the operator accepts, at most `count` of either kind, all different. */
export function smallCases(
  operator: Operator,
  cases: fc.Arbitrary<OperatorCase>,
  count: number,
  seed: number,
): OperatorCase[] {
  const kept = { empty: new Map<string, OperatorCase>(), single: new Map<string, OperatorCase>() };
  for (const usual of fc.sample(cases, { numRuns: 40, seed })) {
    for (const each of variants(usual)) {
      if (!isSmall(each) || !accepts(operator, each)) continue;
      const kind = each.operands.some(({ shape }) => shape.includes(0)) ? kept.empty : kept.single;
      if (kind.size < count) kind.set(JSON.stringify(each), each);
    }
  }
  return [...kept.empty.values(), ...kept.single.values()];
}

function accepts(operator: Operator, { operands, attributes }: OperatorCase): boolean {
  try {
    operator.infer(operands, operator.parse(attributes, operands));
    return true;
  } catch {
    return false;
  }
}
