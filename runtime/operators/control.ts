// Control flow: operators whose regions are graphs that are run as values say.
import { z } from "zod";
import type { Graph, NamedValue } from "../graph/graph.ts";
import { isScalar, sameShape, sameType, showTensorType, type TensorType } from "../graph/tensor-type.ts";
import { operandError, operator, type ResultTypes } from "./operator.ts";

const atMost = z.int().min(1);
const carried = z.int().min(0);

const showTypes = (types: readonly TensorType[]): string => `(${types.map(showTensorType).join(", ")})`;
const typesOf = (values: readonly NamedValue[]): TensorType[] => values.map(({ value }) => value.type);

/** Throws `operator/region` where a region takes or gives other types than it should. */
function requireTypes(what: string, found: readonly TensorType[], wanted: readonly TensorType[]): void {
  if (found.length === wanted.length && found.every((type, at) => sameType(type, wanted[at]!))) return;
  throw operandError("region", `${what} ${showTypes(found)} instead of ${showTypes(wanted)}`);
}

/** Throws `operator/region` where an operand is not one element of a dtype. */
function requireScalar(what: string, type: TensorType | undefined, dtype: TensorType["dtype"]): void {
  if (type && isScalar(type, dtype)) return;
  throw operandError("region", `${what} is ${type ? showTensorType(type) : "missing"} instead of one ${dtype}`);
}

function results(name: string, types: readonly TensorType[]): ResultTypes {
  const [first, ...others] = types;
  if (first) return [first, ...others];
  throw operandError("region", `${name} has no result`);
}

/** What graphs with regions are run by is the interpreter, and the structure of the step. */
const control = {
  errorUlp: 0,
  lowering: { kind: "control" },
  evaluate(): never {
    throw operandError("region", "control flow has no meaning without its regions");
  },
} as const;

/** Throws `operator/region` for another number of regions. */
function requireRegions(name: string, count: number, regions: readonly Graph[]): void {
  if (regions.length !== count) throw operandError("region", `${name} has ${regions.length} regions, not ${count}`);
}

/** The results of one region or of the other, as the first operand says; the rest are the regions' inputs. */
export const cond = operator({
  ...control,
  name: "cond",
  attributes: z.strictObject({}),
  infer([predicate, ...operands], _, regions) {
    requireRegions("cond", 2, regions);
    requireScalar("the predicate", predicate, "bool");
    const [then, otherwise] = regions as [Graph, Graph];
    for (const region of [then, otherwise]) requireTypes(`${region.name} takes`, typesOf(region.inputs), operands);
    requireTypes(`${otherwise.name} gives`, typesOf(otherwise.outputs), typesOf(then.outputs));
    return results("cond", typesOf(then.outputs));
  },
});

/** Runs the second region on what it left before for as long as the first region gives true, `atMost` times. */
export const whileLoop = operator({
  ...control,
  name: "whileLoop",
  attributes: z.strictObject({ atMost }),
  infer(operands, _, regions) {
    requireRegions("whileLoop", 2, regions);
    const [condition, body] = regions as [Graph, Graph];
    requireTypes("the condition takes", typesOf(condition.inputs), operands);
    requireTypes("the condition gives", typesOf(condition.outputs), [{ dtype: "bool", shape: [] }]);
    requireTypes("the body takes", typesOf(body.inputs), operands);
    requireTypes("the body gives", typesOf(body.outputs), operands);
    return results("whileLoop", [...operands]);
  },
});

/** Runs its region as often as the first operand says, on 0, 1, 2, … and on what it left before. */
export const forLoop = operator({
  ...control,
  name: "forLoop",
  attributes: z.strictObject({ atMost }),
  infer([count, ...operands], _, regions) {
    requireRegions("forLoop", 1, regions);
    const [body] = regions as [Graph];
    requireScalar("the count", count, "i64");
    requireTypes("the body takes", typesOf(body.inputs), [{ dtype: "i64", shape: [] }, ...operands]);
    requireTypes("the body gives", typesOf(body.outputs), operands);
    return results("forLoop", operands);
  },
});

/** The count, which is a fault of the step where it is more than `atMost`, or less than 0; `fault` says what else is wrong then. */
export const limit = operator({
  ...control,
  name: "limit",
  attributes: z.strictObject({ atMost: z.int().min(0), dimension: z.string(), fault: z.string().optional() }),
  infer([count]) {
    requireScalar("the count", count, "i64");
    return count!;
  },
});

/**
 * Runs its region on each element of the sequences, which are the operands behind the `carried` ones, and on what it left
 * before; what it gives beside that, of all elements, are its other results.
 */
export const scan = operator({
  ...control,
  name: "scan",
  attributes: z.strictObject({ carried }),
  infer(operands, { carried: count }, regions) {
    requireRegions("scan", 1, regions);
    const [body] = regions as [Graph];
    const [kept, sequences] = [operands.slice(0, count), operands.slice(count)];
    const length = sequences[0]?.shape[0];
    if (length === undefined) throw operandError("region", "scan has no sequence");
    const elements = sequences.map(({ dtype, shape: [own, ...shape] }) => {
      if (own === undefined || !sameShape([own], [length]))
        throw operandError("region", `the sequences are ${showTypes(sequences)}: of unequal length`);
      return { dtype, shape };
    });
    requireTypes("the body takes", typesOf(body.inputs), [...kept, ...elements]);
    const given = typesOf(body.outputs);
    requireTypes("the body carries", given.slice(0, count), kept);
    return results("scan", [
      ...kept,
      ...given.slice(count).map(({ dtype, shape }) => ({ dtype, shape: [length, ...shape] })),
    ]);
  },
});
