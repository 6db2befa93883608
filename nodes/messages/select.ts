// What an application says about a message: which fields become which tensors, and what else stands in a message.
import { z } from "zod";
import { type Arithmetic, optionsOf } from "../../kernels/index.ts";
import { argument, dtypeSchema, pathSchema } from "./selection-checks.ts";

/** How fields become a tensor. */
export interface FieldOptions {
  /** The tensor's element type; f32 unless given. What does not fit becomes the nearest that does, NaN becomes 0. */
  readonly dtype?: Arithmetic;
  /** Elements of each sequence on the way; a message with another number is refused. */
  readonly count?: number;
  /** At most so many elements of each sequence; those that a message does not have are 0. */
  readonly most?: number;
  readonly shape?: readonly number[];
}

/** The element type that options ask for. */
type DtypeOf<O> = O extends { readonly dtype: infer D extends Arithmetic } ? D : "f32";

/** Fields of a message, one after another in one tensor. */
export interface FieldSelection<D extends Arithmetic = Arithmetic> {
  readonly kind: "fields";
  readonly paths: readonly string[];
  readonly dtype: D;
  readonly options: Omit<FieldOptions, "dtype">;
}

/** A time of a message as nanoseconds. */
export interface StampSelection {
  readonly kind: "stamp";
  readonly path: string;
}

/** How many elements a sequence has. */
export interface CountSelection<D extends Arithmetic = Arithmetic> {
  readonly kind: "count";
  readonly path: string;
  readonly dtype: D;
}

/** A value that a field always has. */
export interface FixedSelection {
  readonly kind: "fixed";
  readonly value: FixedValue;
}

/** A value that a field of an output message always has. */
export type FixedValue = number | bigint | boolean | string | readonly (number | bigint | boolean | string)[];

/** A text that a number chooses. */
export interface TextSelection {
  readonly kind: "texts";
  readonly path: string;
  readonly values: readonly string[];
}

/** What a tensor of an input message can be made of. */
export type InputSelection = FieldSelection | StampSelection | CountSelection;

const fieldSchemas = {
  dtype: dtypeSchema.optional(),
  count: z.int().min(0).optional(),
  most: z.int().min(0).optional(),
  shape: z.array(z.int().min(0)).describe("a list of whole numbers from 0").optional(),
};
const checkField = optionsOf<FieldOptions>("message", "field", () => fieldSchemas);
const checkFields = optionsOf<FieldOptions>("message", "fields", () => fieldSchemas);

/**
 * A field as a tensor: `angular_velocity.x`, `covariance[0]`, `ranges[*]`, `points[*].x`.
 *
 * `position[name=left_knee]` is the element at the place where the list `name`, beside `position`, says "left_knee": senders
 * order joints as they like. It is looked for in every message; one in which the name is not there, or more than once, or in
 * which the lists are not of one length, is refused.
 */
export function field<const O extends FieldOptions = Record<never, never>>(
  path: string,
  options?: O,
): FieldSelection<DtypeOf<O>> {
  argument("field", "path", pathSchema, path);
  checkField(options === undefined ? {} : options, `field("${path}")`);
  return fields([path], options);
}

const pathList = z.array(pathSchema).min(1).describe("a list of paths of fields");

/** Several fields as one tensor, one after another: `fields(["position[*]", "velocity[*]"], { count: 12 })`. */
export function fields<const O extends FieldOptions = Record<never, never>>(
  paths: readonly string[],
  options?: O,
): FieldSelection<DtypeOf<O>> {
  argument("fields", "paths", pathList, paths);
  checkFields(options === undefined ? {} : options);
  const { dtype = "f32", ...rest }: FieldOptions = options ?? {};
  return { kind: "fields", paths, dtype: dtype as DtypeOf<O>, options: rest };
}

/** A time: of an input as an i64 tensor of nanoseconds; of an output, the time of publication. */
export function stamp(path = "header.stamp"): StampSelection {
  argument("stamp", "path", pathSchema, path);
  return { kind: "stamp", path };
}

/**
 * How many elements a sequence of a message has, as a scalar. Of an output: the tensor that says how many elements of those
 * that fill the sequence are there.
 */
export function count(path: string): CountSelection<"i32">;
export function count<D extends Arithmetic>(path: string, dtype: D): CountSelection<D>;
export function count(path: string, dtype: Arithmetic = "i32"): CountSelection {
  argument("count", "path", pathSchema, path);
  argument("count", "dtype", dtypeSchema, dtype);
  return { kind: "count", path, dtype };
}

/**
 * A field of text that an output chooses by number, from 0: `texts("results[0].hypothesis.class_id", ["car", "truck"])`.
 * Other numbers choose the empty text.
 */
export function texts(path: string, values: readonly string[]): TextSelection {
  argument("texts", "path", pathSchema, path);
  argument("texts", "values", textList, values);
  return { kind: "texts", path, values };
}

const textList = z.array(z.string()).min(1).describe("a list of texts");

/** A value that a field of an output message always has. */
export function fixed(value: FixedValue): FixedSelection {
  argument("fixed", "value", fixedSchema, value);
  return { kind: "fixed", value };
}

const oneValue = z.union([z.custom((given) => typeof given === "number"), z.bigint(), z.boolean(), z.string()]);
const fixedSchema = z
  .union([oneValue, z.array(oneValue)])
  .describe("a number, a truth value, a text, or a list of them");
