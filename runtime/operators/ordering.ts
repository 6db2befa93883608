// Sorting along one dimension.
import { z } from "zod";
import { generators } from "../../kernels/index.ts";
import { showTensorType, staticShape, type TensorType } from "../tensor-type.ts";
import { axisAttribute } from "./axis.ts";
import { unlessAlong } from "./bounded.ts";
import { gather } from "./gather.ts";
import { lines } from "./indexing.ts";
import { type Builder, type Nd, operandError, operator } from "./operator.ts";

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
  bounded: (operands, { axis }) => unlessAlong(operands, [axis]),
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

const sortedPositions = (x: Parameters<Builder["apply"]>[1][number], attributes: SortAttributes, builder: Builder) =>
  builder.apply(argsort, [x], attributes);

/** The elements in order along `axis`, as `argsort` orders them. x: any dtype but bool → the same type. Exact. */
export const sort = operator({
  name: "sort",
  attributes: sortAttributes,
  errorUlp: 0,
  infer([x]) {
    requireOrdered("sort", x!);
    return x!;
  },
  evaluate([x], attributes, { data }) {
    for (const { line, order } of ordered(x!, attributes))
      line.forEach((at, rank) => {
        data[at] = x!.data[line[order[rank]!]!]!;
      });
  },
  bounded: (operands, { axis }) => unlessAlong(operands, [axis]),
  lowering: {
    kind: "composite",
    decompose: ([x], attributes, builder) =>
      builder.apply(gather, [x!, sortedPositions(x!, attributes, builder)], { axis: attributes.axis }),
  },
});

/** The positions along `axis` of the `count` largest elements, or smallest, in the order of `argsort`. → i64. Exact. */
export const topK = operator({
  name: "topK",
  attributes: z.strictObject({ axis: axisAttribute(), count: z.int().min(1), largest: z.boolean() }),
  errorUlp: 0,
  infer([x], { axis, count }) {
    requireOrdered("topK", x!);
    const size = x!.shape[axis]!;
    if (typeof size === "number" && count > size)
      throw operandError("shape", `topK of ${showTensorType(x!)} along ${axis} has no ${count} elements`);
    return { dtype: "i64", shape: x!.shape.map((size, d) => (d === axis ? count : size)) };
  },
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
