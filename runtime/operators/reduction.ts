// Reductions over dimensions, and the positions of extremes.
import { z } from "zod";
import type { generators } from "../../kernels/index.ts";
import { showTensorType, type TensorType } from "../graph/tensor-type.ts";
import { axesAttribute } from "./axis.ts";
import { extremeOf } from "./bounded.ts";
import { kindOf } from "./elementwise.ts";
import { ravel, unravel } from "./indexing.ts";
import { type Nd, type Operator, operandError, operator } from "./operator.ts";

export const reductionAttributes = z.strictObject({ axes: axesAttribute(), keepDims: z.boolean() });
export type ReductionAttributes = z.infer<typeof reductionAttributes>;

export function reducedType(x: TensorType, { axes, keepDims }: ReductionAttributes): TensorType {
  const shape = keepDims
    ? x.shape.map((each, d) => (axes.includes(d) ? 1 : each))
    : x.shape.filter((_, d) => !axes.includes(d));
  return { dtype: x.dtype, shape };
}

/** Visits every element with the position of its result. */
export function forEachElement(
  x: Nd,
  axes: readonly number[],
  visit: (result: number, element: number, index: readonly number[]) => void,
): void {
  const keptShape = x.shape.filter((_, d) => !axes.includes(d));
  for (let i = 0; i < x.data.length; i++) {
    const index = unravel(i, x.shape);
    visit(
      ravel(
        index.filter((_, d) => !axes.includes(d)),
        keptShape,
      ),
      i,
      index,
    );
  }
}

interface Reduction {
  readonly float?: { readonly start: number; readonly step: (a: number, v: number) => number };
  readonly integer?: { readonly start: bigint | undefined; readonly step: (a: bigint, v: bigint) => bigint };
  readonly bool?: { readonly start: number; readonly step: (a: number, v: number) => number };
  readonly errorUlp: number;
  /** Whether the error grows with |x| summed rather than with the result. */
  readonly cancels?: boolean;
  /** Whether it has no value without elements; of a bounded dimension of which there are none it is the neutral one. */
  readonly ofSome?: boolean;
}

/** Σ|x| · n, or |result| · n: what n roundings of a chain are counted in. */
function chainMagnitude(x: Nd, axes: readonly number[], result: Nd, cancels: boolean): Float64Array {
  const terms = axes.reduce((product, axis) => product * x.shape[axis]!, 1);
  const magnitude = new Float64Array(result.data.length);
  if (cancels) {
    forEachElement(x, axes, (to, from) => {
      magnitude[to] = magnitude[to]! + terms * Math.abs(Number(x.data[from]!));
    });
  } else
    magnitude.forEach((_, i) => {
      magnitude[i] = terms * Math.abs(Number(result.data[i]!));
    });
  return magnitude;
}

function reduction(
  name: generators.ReducerName,
  { errorUlp, cancels = false, ofSome = false, ...meaning }: Reduction,
): Operator<ReductionAttributes> {
  return operator({
    name,
    attributes: reductionAttributes,
    errorUlp,
    ...(errorUlp === 0
      ? {}
      : { magnitude: ([x], { axes }: ReductionAttributes, result) => chainMagnitude(x!, axes, result, cancels) }),
    infer([x], attributes) {
      if (!meaning[kindOf(x!.dtype)]) throw operandError("dtype", `${name} is not defined on ${x!.dtype}`);
      const none = attributes.axes.find((axis) => x!.shape[axis] === 0);
      if (ofSome && none !== undefined)
        throw operandError(
          "empty",
          `${name} of ${showTensorType(x!)}: dimension ${none} has no elements`,
          "there is no such value; give it one element at least",
        );
      return reducedType(x!, attributes);
    },
    evaluate([x], { axes }, { data }) {
      if (kindOf(x!.dtype) === "integer") {
        const { start, step } = meaning.integer!;
        const sums = new Map<number, bigint>();
        forEachElement(x!, axes, (to, from) => {
          const value = BigInt(x!.data[from]!);
          const before = sums.get(to) ?? start;
          sums.set(to, before === undefined ? value : step(before, value));
        });
        const big = data instanceof BigInt64Array || data instanceof BigUint64Array;
        for (let i = 0; i < data.length; i++) {
          const value = sums.get(i) ?? start ?? BigInt(extremeOf(x!.dtype, name === "max" ? "least" : "greatest"));
          if (big) data[i] = value;
          else data[i] = Number(BigInt.asUintN(32, value));
        }
        return;
      }
      const { start, step } = (kindOf(x!.dtype) === "bool" ? meaning.bool : meaning.float)!;
      const sums = new Float64Array(data.length).fill(start);
      forEachElement(x!, axes, (to, from) => {
        sums[to] = step(sums[to]!, Number(x!.data[from]!));
      });
      for (let i = 0; i < data.length; i++) data[i] = sums[i]!;
    },
    lowering: { kind: "reduce", reducer: name, axes: ({ axes }) => axes },
  });
}

/** The later element where it wins or is NaN, else what was found before. */
const extreme =
  <T extends number | bigint>(wins: (v: T, a: T) => boolean) =>
  (a: T, v: T): T =>
    Number.isNaN(v) || wins(v, a) ? v : a;
const larger = (v: number | bigint, a: number | bigint): boolean => v > a;
const smaller = (v: number | bigint, a: number | bigint): boolean => v < a;

/** Σ x over n elements. Error of floats: n ulp of Σ|x|; integers wrap. */
export const sum = reduction("sum", {
  float: { start: 0, step: (a, v) => a + v },
  integer: { start: 0n, step: (a, v) => a + v },
  errorUlp: 1,
  cancels: true,
});
/** Π x over n elements. Error of floats: n ulp; integers wrap. */
export const prod = reduction("prod", {
  float: { start: 1, step: (a, v) => a * v },
  integer: { start: 1n, step: (a, v) => a * v },
  errorUlp: 1,
});
/** The largest element, of one at least; NaN wins. */
export const max = reduction("max", {
  float: { start: -Infinity, step: extreme<number>(larger) },
  integer: { start: undefined, step: extreme<bigint>(larger) },
  ofSome: true,
  errorUlp: 0,
});
/** The smallest element, of one at least; NaN wins. */
export const min = reduction("min", {
  float: { start: Infinity, step: extreme<number>(smaller) },
  integer: { start: undefined, step: extreme<bigint>(smaller) },
  ofSome: true,
  errorUlp: 0,
});
export const any = reduction("any", { bool: { start: 0, step: (a, v) => a | v }, errorUlp: 0 });
export const all = reduction("all", { bool: { start: 1, step: (a, v) => a & v }, errorUlp: 0 });
