// Sorting along one dimension.
import { z } from "zod";
import { generators, isFloatDtype } from "../../kernels/index.ts";
import { type Dimension, showTensorType, staticShape, type TensorType } from "../graph/tensor-type.ts";
import { axisAttribute } from "./axis.ts";
import { type Bounded, extremeOf, neutralAlong, unlessAlong } from "./bounded.ts";
import { gather } from "./gather.ts";
import { lines } from "./indexing.ts";
import { type Nd, operandError, operator } from "./operator.ts";

export function requireOrdered(name: string, x: TensorType): void {
  if (x.dtype === "bool") throw operandError("dtype", `${name} is not defined on bool`, "cast to u8 first");
}

const sortAttributes = z.strictObject({ axis: axisAttribute(), descending: z.boolean() });
type SortAttributes = z.infer<typeof sortAttributes>;

/** For each line, the positions of its elements in order. */
function ordered({ data, shape }: Nd, { axis, descending }: SortAttributes): { line: number[]; order: number[] }[] {
  const compare = (a: number | bigint, b: number | bigint): number => {
    if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
    if (a === b) return 0;
    return a < b === descending ? 1 : -1;
  };
  return lines(shape, axis).map((line) => ({
    line,
    order: line.map((_, i) => i).sort((a, b) => compare(data[line[a]!]!, data[line[b]!]!)),
  }));
}

/** Behind a count, what comes last in order: of equals those in front of the count come first. */
function lastBehind(x: TensorType, { axis, descending }: SortAttributes): Bounded {
  if (isFloatDtype(x.dtype)) return neutralAlong(x, [axis], Number.NaN);
  return neutralAlong(x, [axis], extremeOf(x.dtype, descending ? "least" : "greatest"));
}

/**
 * The positions along `axis` of the elements in order: ascending, or descending. x: any dtype but bool → i64. Exact.
 *
 * Equal elements keep their order, zeros of both signs are equal, NaN comes last either way.
 */
export const argsort = operator({
  name: "argsort",
  attributes: sortAttributes,
  errorUlp: 0,
  infer([x]) {
    requireOrdered("argsort", x!);
    return { dtype: "i64", shape: x!.shape };
  },
  evaluate([x], attributes, { data }) {
    for (const { line, order } of ordered(x!, attributes))
      line.forEach((at, rank) => {
        data[at] = BigInt(order[rank]!);
      });
  },
  bounded: ([x], attributes) => lastBehind(x!, attributes),
  lowering: {
    kind: "kernel",
    inMemory: [0],
    work: ([x], { axis }) => ({
      work: { dtype: "i64", elements: generators.argsortWork(staticShape(x!.shape)[axis]!) },
    }),
    build: ({ name, buffers, operands: [x], destination, work }, { axis, descending }) =>
      generators.argsortKernel(name, buffers, x!, axis, descending, work.work!, destination),
  },
});

/** The elements in order along `axis`, as `argsort` orders them, and their positions. x: any dtype but bool → the same type, i64. Exact. */
export const sort = operator({
  name: "sort",
  attributes: sortAttributes,
  errorUlp: 0,
  infer([x]) {
    requireOrdered("sort", x!);
    return [x!, { dtype: "i64", shape: x!.shape }];
  },
  evaluate([x], attributes, values, indices) {
    argsort.evaluate([x!], attributes, indices!);
    gather.evaluate([x!, indices!], { axis: attributes.axis }, values);
  },
  bounded: ([x], attributes) => lastBehind(x!, attributes),
  lowering: {
    kind: "composite",
    decompose([x], attributes, builder) {
      const indices = builder.apply(argsort, [x!], attributes);
      return [builder.apply(gather, [x!, indices], { axis: attributes.axis }), indices];
    },
  },
});

const topAttributes = z.strictObject({ axis: axisAttribute(), count: z.int().min(1), largest: z.boolean() });

/** The shape of the first `count` elements along `axis`, which x has to have. */
function leadingShape(
  name: string,
  x: TensorType,
  { axis, count }: z.infer<typeof topAttributes>,
): readonly Dimension[] {
  requireOrdered(name, x);
  const whole = x.shape[axis]!;
  if (typeof whole === "number" && count > whole)
    throw operandError("shape", `${name} of ${showTensorType(x)} along ${axis} has no ${count} elements`);
  return x.shape.map((size, d) => (d === axis ? count : size));
}

/** The `count` largest elements along `axis`, or smallest, in the order of `argsort`, and their positions. x: any dtype but bool → its dtype, i64. Exact. */
export const topK = operator({
  name: "topK",
  attributes: topAttributes,
  errorUlp: 0,
  infer([x], attributes) {
    const shape = leadingShape("topK", x!, attributes);
    return [
      { dtype: x!.dtype, shape },
      { dtype: "i64", shape },
    ];
  },
  evaluate([x], attributes, values, indices) {
    argtopk.evaluate([x!], attributes, indices!);
    gather.evaluate([x!, indices!], { axis: attributes.axis }, values);
  },
  bounded: (operands, { axis }) => unlessAlong(operands, [axis]),
  lowering: {
    kind: "composite",
    decompose([x], attributes, builder) {
      const indices = builder.apply(argtopk, [x!], attributes);
      return [builder.apply(gather, [x!, indices], { axis: attributes.axis }), indices];
    },
  },
});

/** The positions that `topK` gives. → i64. Exact. */
export const argtopk = operator({
  name: "argtopk",
  attributes: topAttributes,
  errorUlp: 0,
  infer: ([x], attributes) => ({ dtype: "i64", shape: leadingShape("argtopk", x!, attributes) }),
  evaluate([x], { axis, count, largest }, { data, shape }) {
    const places = lines(shape, axis);
    ordered(x!, { axis, descending: largest }).forEach(({ order }, at) => {
      for (let rank = 0; rank < count; rank++) data[places[at]![rank]!] = BigInt(order[rank]!);
    });
  },
  bounded: (operands, { axis }) => unlessAlong(operands, [axis]),
  lowering: {
    kind: "kernel",
    inMemory: [0],
    work: ([x], { axis, count }) =>
      count <= generators.mostLeaders
        ? {}
        : { work: { dtype: "i64", elements: generators.argsortWork(staticShape(x!.shape)[axis]!) } },
    build({ name, buffers, operands: [x], destination, work }, { axis, count, largest }) {
      return work.work
        ? generators.argsortKernel(name, buffers, x!, axis, largest, work.work, destination, count)
        : generators.leadersKernel(name, buffers, x!, axis, largest, count, destination);
    },
  },
});
