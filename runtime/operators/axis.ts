// Axes and ranges of every operator: counted from the end where they are negative, and refused where there are none such.
import { z } from "zod";
import {
  type Dimension,
  type Shape,
  showShape,
  showTensorType,
  sizeOf,
  type TensorType,
} from "../graph/tensor-type.ts";
import { operandError } from "./operand-error.ts";

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;

/** What may be named of a shape of so many dimensions. */
const nameable = (rank: number): string =>
  rank === 0
    ? "a scalar has no dimensions"
    : `name dimensions from 0 to ${rank - 1}, or from -1 to ${-rank} from the end`;

/**
 * A dimension among `rank`, from 0 or, where it is negative, from the end: as 0 … rank − 1.
 *
 * `what` is the operation with its operand, for the error. Throws `operator/axes` for what is no whole number or lies outside.
 */
export function axisIn(what: string, axis: number, rank: number): number {
  const from = axis < 0 ? axis + rank : axis;
  if (Number.isInteger(from) && from >= 0 && from < rank) return from;
  throw operandError("axes", `${what}: there is no dimension ${axis}`, nameable(rank));
}

/** Dimensions among `rank`, each named once. Throws `operator/axes`. */
export function axesIn(what: string, axes: readonly number[], rank: number): number[] {
  const from = axes.map((axis) => axisIn(what, axis, rank));
  const twice = axes.find((_, at) => from.indexOf(from[at]!) !== at);
  if (twice === undefined) return from;
  throw operandError("axes", `${what}: [${axes}] names dimension ${twice} twice`, "name each dimension once");
}

/** One whole number for each of `rank` dimensions. Throws `operator/ranges`. */
function onePerDimension(what: string, name: string, given: readonly number[], rank: number): readonly number[] {
  if (given.length === rank) return given;
  throw operandError(
    "ranges",
    `${what}: ${name} has ${count(given.length, "number")} for ${count(rank, "dimension")}`,
    "give one for each dimension, and no more",
  );
}

/** The end of a range that goes on to the dimension's own end, whatever its size. */
export const toTheEnd = Number.MAX_SAFE_INTEGER;

/** A place between the elements of a dimension, as Python has it: from the end where negative, cut to its ends. */
function placeIn(place: number, size: Dimension): number {
  if (typeof size !== "number") return place === 0 || place === toTheEnd ? place : placeIn(place, sizeOf(size));
  return place < 0 ? Math.max(0, place + size) : Math.min(place, size);
}

/** What an attribute is read with. */
interface Context {
  /** The operator and its first operand, for errors. */
  readonly what: string;
  readonly name: string;
  readonly shape: Shape;
  /** The attributes before it, as they are in the end. */
  readonly before: { readonly [name: string]: unknown };
}

type Resolve = (given: never, context: Context) => unknown;
const rules = new WeakMap<object, Resolve>();

function ruled<S extends z.ZodType>(schema: S, resolve: (given: z.infer<S>, context: Context) => z.infer<S>): S {
  rules.set(schema, resolve as Resolve);
  return schema;
}

const wholes = () => z.array(z.int()).readonly();

/** An attribute that names one dimension of the first operand, or of the shape that `shape` is among the attributes before it. */
export const axisAttribute = (of: "operand" | "shape" = "operand") =>
  ruled(z.int(), (given, { what, shape, before }) =>
    axisIn(what, given, of === "operand" ? shape.length : (before.shape as Shape).length),
  );

/** An attribute that names some dimensions of the first operand, each once. */
export const axesAttribute = () => ruled(wholes(), (given, { what, shape }) => axesIn(what, given, shape.length));

/** An attribute that names all dimensions of the first operand in some order. */
export const orderAttribute = () =>
  ruled(wholes(), (given, { what, shape }) => {
    if (given.length === shape.length) return axesIn(what, given, shape.length);
    throw operandError(
      "axes",
      `${what}: [${given}] is no order of ${count(shape.length, "dimension")}`,
      "name each dimension once",
    );
  });

/** An attribute of one whole number per dimension of the first operand, `least` or more. */
export const perDimension = (least: number) =>
  ruled(z.array(z.int().min(least)).readonly(), (given, { what, name, shape }) =>
    onePerDimension(what, name, given, shape.length),
  );

/** An attribute of the places at which ranges of the first operand start, as Python has them; 0 where its size is not known yet. */
export const rangeStarts = () =>
  ruled(wholes(), (given, { what, name, shape }) =>
    onePerDimension(what, name, given, shape.length).map((start, d) => placeIn(start, shape[d]!)),
  );

/** An attribute, behind `starts`, of the places before which ranges end; none lies in front of its start. */
export const rangeEnds = () =>
  ruled(wholes(), (given, { what, name, shape, before }) => {
    const starts = before.starts as readonly number[];
    return onePerDimension(what, name, given, shape.length).map((end, d) =>
      Math.max(starts[d]!, placeIn(end, shape[d]!)),
    );
  });

const entriesOf = (schema: z.ZodType): [string, z.ZodType][] =>
  schema instanceof z.ZodObject ? Object.entries(schema.shape as { readonly [name: string]: z.ZodType }) : [];

/** The rule of a schema, also of one with a default. */
const ruleOf = (schema: z.ZodType): Resolve | undefined =>
  rules.get(schema) ?? (schema instanceof z.ZodDefault ? rules.get(schema.unwrap()) : undefined);

/** The names of the attributes that name dimensions, or give something for each of them. */
export const axisAttributeNames = (schema: z.ZodType): string[] =>
  entriesOf(schema).flatMap(([name, each]) => (ruleOf(each) ? [name] : []));

/**
 * The attributes with dimensions and ranges counted from the start, as graphs hold them.
 *
 * Throws `operator/axes` and `operator/ranges`, and `operator/operands` where there is no operand to count in.
 */
export function resolveAxes<A>(name: string, schema: z.ZodType<A>, given: A, operands: readonly TensorType[]): A {
  const entries = entriesOf(schema).flatMap(([key, each]) => {
    const rule = ruleOf(each);
    return rule ? [[key, rule] as const] : [];
  });
  if (entries.length === 0) return given;
  const resolved = { ...(given as Readonly<Record<string, unknown>>) };
  const [first] = operands;
  const shape = first?.shape ?? (resolved.shape as Shape | undefined);
  if (!shape) throw operandError("operands", `${name} of nothing`, "give it one tensor or more");
  const what = first ? `${name} of ${showTensorType(first)}` : `${name} of ${showShape(shape)}`;
  for (const [key, rule] of entries)
    resolved[key] = rule(resolved[key] as never, { what, name: key, shape, before: resolved });
  return resolved as A;
}
