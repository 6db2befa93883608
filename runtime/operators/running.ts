// Sums, products and extremes that run along one dimension.
import { z } from "zod";
import { generators } from "../../kernels/index.ts";
import { limitsOf } from "../graph/numbers.ts";
import { staticShape, type TensorType } from "../graph/tensor-type.ts";
import { axisAttribute } from "./axis.ts";
import { atMaximum, unlessAlong } from "./bounded.ts";
import { equal, kindOf, logicalOr, notEqual, where } from "./elementwise.ts";
import { lines, wholeNumber } from "./indexing.ts";
import { type Nd, type Operator, operator, type ResultTypes } from "./operator.ts";
import { requireOrdered } from "./ordering.ts";
import { iota } from "./structure.ts";

const attributes = z.strictObject({ axis: axisAttribute(), exclusive: z.boolean(), reverse: z.boolean() });
type Attributes = z.infer<typeof attributes>;

interface Running {
  readonly reducer: generators.ScanName;
  readonly float: { readonly start: number; readonly step: (a: number, v: number) => number };
  readonly integer: { start(dtype: TensorType["dtype"]): bigint; readonly step: (a: bigint, v: bigint) => bigint };
  /** Whether each step rounds. */
  readonly rounds: boolean;
  /** Whether the error grows with what runs over |x| rather than with the result. */
  readonly cancels?: boolean;
}

/** Stores what runs along each line of x, wrapped to its dtype. */
function run(x: Nd, { axis, exclusive, reverse }: Attributes, { float, integer }: Running, result: Nd): void {
  const { data, dtype } = result;
  const store = (at: number, value: number | bigint): void => {
    if (data instanceof BigInt64Array || data instanceof BigUint64Array) data[at] = value as bigint;
    else data[at] = Number(value);
  };
  const along = <T extends number | bigint>(line: readonly number[], start: T, step: (a: T, v: T) => T): void => {
    let total = start;
    for (const at of line) {
      const before = total;
      total = step(total, x.data[at] as T);
      store(at, exclusive ? before : total);
    }
  };
  for (const line of lines(x.shape, axis)) {
    const order = reverse ? line.reverse() : line;
    if (kindOf(dtype) === "float") along(order, float.start, float.step);
    else {
      const bits = Number(dtype.slice(1));
      const wrap = (value: bigint) =>
        dtype.startsWith("u") ? BigInt.asUintN(bits, value) : BigInt.asIntN(bits, value);
      along(order, integer.start(dtype), (a, v) => wrap(integer.step(a, BigInt(v))));
    }
  }
}

function running(name: string, meaning: Running): Operator<z.infer<typeof attributes>> {
  return operator<Attributes>({
    name,
    attributes,
    errorUlp: meaning.rounds ? 1 : 0,
    infer([x]) {
      requireOrdered(name, x!);
      return x!;
    },
    evaluate: ([x], given, result) => run(x!, given, meaning, result),
    ...(meaning.rounds
      ? {
          magnitude([x]: readonly Nd[], given: Attributes, result: Nd) {
            const data = new Float64Array(result.data.length);
            const absolute = { ...x!, data: Float64Array.from(x!.data as ArrayLike<number>, Math.abs) };
            if (meaning.cancels) run(absolute, given, meaning, { ...result, dtype: "f64", data });
            else
              data.forEach((_, i) => {
                data[i] = Math.abs(Number(result.data[i]!));
              });
            return data.map((each) => each * x!.shape[given.axis]!);
          },
        }
      : {}),
    // In order, what comes behind the count changes nothing before it.
    bounded: (operands, { axis, reverse }) => (reverse ? unlessAlong(operands, [axis]) : atMaximum),
    lowering: {
      kind: "kernel",
      inMemory: [],
      ...(meaning.rounds
        ? { plan: ([x]: readonly TensorType[]) => (x!.dtype === "f32" ? "one chain, in f64" : "one chain") }
        : {}),
      build: ({ name: kernel, buffers, operands: [x], destination, target }, given) =>
        generators.scanKernel(kernel, buffers, x!, meaning.reducer, given, destination, target),
    },
  });
}

/** The later where it wins or is NaN, else what was before. */
const extreme =
  (wins: (v: number | bigint, a: number | bigint) => boolean) =>
  <T extends number | bigint>(a: T, v: T): T =>
    Number.isNaN(v) || wins(v, a) ? v : a;
const larger = extreme((v, a) => v > a);
const smaller = extreme((v, a) => v < a);

/**
 * Running sums along `axis`: of the elements up to each, itself left out where `exclusive`, from the end where `reverse`.
 *
 * x: any dtype but bool → the same type. Error: n ulp of f64 of the running sum of |x|, and for f32 one rounding; integers wrap.
 */
export const cumsum = running("cumsum", {
  reducer: "sum",
  float: { start: 0, step: (a, v) => a + v },
  integer: { start: () => 0n, step: (a, v) => a + v },
  rounds: true,
  cancels: true,
});

/** Running products along `axis`, else as `cumsum`. Error: n ulp of f64, and for f32 one rounding; integers wrap. */
export const cumprod = running("cumprod", {
  reducer: "prod",
  float: { start: 1, step: (a, v) => a * v },
  integer: { start: () => 1n, step: (a, v) => a * v },
  rounds: true,
});

/** The largest element so far along `axis`, else as `cumsum`; NaN wins, and of none −∞ or the least integer. Exact. */
export const cummax = running("cummax", {
  reducer: "max",
  float: { start: -Infinity, step: larger },
  integer: { start: (dtype) => limitsOf(dtype)[0], step: larger },
  rounds: false,
});

/** The smallest element so far along `axis`, else as `cumsum`; NaN wins, and of none ∞ or the greatest integer. Exact. */
export const cummin = running("cummin", {
  reducer: "min",
  float: { start: Infinity, step: smaller },
  integer: { start: (dtype) => limitsOf(dtype)[1], step: smaller },
  rounds: false,
});

/** The extreme so far along `axis` and its position, the last one of equals; NaN counts as the extreme. → x, i64. Exact. */
const withIndices = (name: string, extremes: Operator, wins: (v: number | bigint, a: number | bigint) => boolean) =>
  operator({
    name,
    attributes: z.strictObject({ axis: axisAttribute() }),
    errorUlp: 0,
    infer([x]): ResultTypes {
      requireOrdered(name, x!);
      return [x!, { dtype: "i64", shape: x!.shape }];
    },
    evaluate([x], { axis }, values, indices) {
      for (const line of lines(x!.shape, axis)) {
        let best = 0;
        line.forEach((at, i) => {
          const [value, record] = [x!.data[at]!, x!.data[line[best]!]!];
          if (Number.isNaN(value) || (!Number.isNaN(record) && !wins(record, value))) best = i;
          indices!.data[at] = BigInt(best);
        });
      }
      extremes.evaluate([x!], { axis, exclusive: false, reverse: false }, values);
    },
    bounded: () => atMaximum,
    lowering: {
      kind: "composite",
      decompose([x], { axis }, builder) {
        const { dtype, shape } = x!.type;
        const so = { axis, exclusive: false, reverse: false };
        const values = builder.apply(extremes, [x!], so);
        const hit = builder.apply(equal, [x!, values]);
        const found =
          kindOf(dtype) === "float" ? builder.apply(logicalOr, [hit, builder.apply(notEqual, [x!, x!])]) : hit;
        const places = builder.apply(iota, [], { dtype: "i64", shape: staticShape(shape), axis });
        const positions = builder.apply(where, [found, places, wholeNumber(builder, -1)]);
        // Positions grow, so that the largest so far is the last.
        return [values, builder.apply(cummax, [positions], so)];
      },
    },
  });

export const cummaxWithIndices = withIndices("cummaxWithIndices", cummax, (v, a) => v > a);
export const cumminWithIndices = withIndices("cumminWithIndices", cummin, (v, a) => v < a);
