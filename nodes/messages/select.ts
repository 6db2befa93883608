// What an application says about a message: which fields become which tensors, and what else stands in a message.
import type { Dtype } from "../../kernels/index.ts";

/** How fields become a tensor. */
export interface FieldOptions {
  /** The tensor's element type; f32 unless given. What does not fit becomes the nearest that does, NaN becomes 0. */
  readonly dtype?: Dtype;
  /** Elements of each sequence on the way; a message with another number is refused. */
  readonly count?: number;
  /** At most so many elements of each sequence; those that a message does not have are 0. */
  readonly most?: number;
  readonly shape?: readonly number[];
}

/** The element type that options ask for. */
type DtypeOf<O> = O extends { readonly dtype: infer D extends Dtype } ? D : "f32";

/** Fields of a message, one after another in one tensor. */
export interface FieldSelection<D extends Dtype = Dtype> {
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
export interface CountSelection<D extends Dtype = Dtype> {
  readonly kind: "count";
  readonly path: string;
  readonly dtype: D;
}

/** A value that a field always has. */
export interface ConstantSelection {
  readonly kind: "constant";
  readonly value: ConstantValue;
}

/** A value that a field of an output message always has. */
export type ConstantValue = number | bigint | boolean | string | readonly (number | bigint | boolean | string)[];

/** What a tensor of an input message can be made of. */
export type InputSelection = FieldSelection | StampSelection | CountSelection;

/** A field as a tensor: `angular_velocity.x`, `covariance[0]`, `ranges[*]`, `points[*].x`. */
export function field<const O extends FieldOptions = Record<never, never>>(
  path: string,
  options?: O,
): FieldSelection<DtypeOf<O>> {
  return fields([path], options);
}

/** Several fields as one tensor, one after another: `fields(["position[*]", "velocity[*]"], { count: 12 })`. */
export function fields<const O extends FieldOptions = Record<never, never>>(
  paths: readonly string[],
  options?: O,
): FieldSelection<DtypeOf<O>> {
  const { dtype = "f32", ...rest }: FieldOptions = options ?? {};
  return { kind: "fields", paths, dtype: dtype as DtypeOf<O>, options: rest };
}

/** A time: of an input as an i64 tensor of nanoseconds; of an output, the time of publication. */
export const stamp = (path = "header.stamp"): StampSelection => ({ kind: "stamp", path });

/** How many elements a sequence of a message has, as a scalar. */
export function count(path: string): CountSelection<"i32">;
export function count<D extends Dtype>(path: string, dtype: D): CountSelection<D>;
export function count(path: string, dtype: Dtype = "i32"): CountSelection {
  return { kind: "count", path, dtype };
}

/** A value that a field of an output message always has. */
export const constant = (value: ConstantValue): ConstantSelection => ({ kind: "constant", value });
