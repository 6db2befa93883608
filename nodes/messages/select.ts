// What an application says about a message: which fields become which tensors, and what else stands in a message.
import type { Dtype } from "../../kernels/index.ts";

/** How fields become a tensor. */
export interface FieldOptions<D extends Dtype = Dtype> {
  /** The tensor's element type; f32 unless given. What does not fit becomes the nearest that does, NaN becomes 0. */
  readonly dtype?: D;
  /** Elements of each sequence on the way; a message with another number is refused. */
  readonly count?: number;
  /** At most so many elements of each sequence; those that a message does not have are 0. */
  readonly most?: number;
  readonly shape?: readonly number[];
}

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

export type ConstantValue = number | bigint | boolean | string | readonly (number | bigint | boolean | string)[];

/** What a tensor of an input message can be made of. */
export type InputSelection = FieldSelection | StampSelection | CountSelection;

/** A field as a tensor: `angular_velocity.x`, `covariance[0]`, `ranges[*]`, `points[*].x`. */
export function field<D extends Dtype = "f32">(path: string, options: FieldOptions<D> = {}): FieldSelection<D> {
  return fields([path], options);
}

/** Several fields as one tensor, one after another: `fields(["position[*]", "velocity[*]"], { count: 12 })`. */
export function fields<D extends Dtype = "f32">(
  paths: readonly string[],
  options: FieldOptions<D> = {},
): FieldSelection<D> {
  const { dtype = "f32" as D, ...rest } = options;
  return { kind: "fields", paths, dtype, options: rest };
}

/** A time: of an input as an i64 tensor of nanoseconds; of an output, the time of publication. */
export const stamp = (path = "header.stamp"): StampSelection => ({ kind: "stamp", path });

/** How many elements a sequence of a message has, as a scalar. */
export const count = <D extends Dtype = "i32">(path: string, dtype?: D): CountSelection<D> => ({
  kind: "count",
  path,
  dtype: dtype ?? ("i32" as D),
});

/** A value that a field of an output message always has. */
export const constant = (value: ConstantValue): ConstantSelection => ({ kind: "constant", value });
