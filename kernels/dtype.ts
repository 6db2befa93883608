// Element types of tensors and how many bytes each takes in memory.
import type { Scalar } from "./loop/ir.ts";

/** A tensor's element type: every scalar of the loop language. */
export type Dtype = Scalar;

export const dtypes = [
  "bool",
  "i8",
  "u8",
  "i16",
  "u16",
  "i32",
  "u32",
  "i64",
  "u64",
  "f32",
  "f64",
] as const satisfies readonly Dtype[];

const bytes: { readonly [d in Dtype]: number } = {
  bool: 1,
  i8: 1,
  u8: 1,
  i16: 2,
  u16: 2,
  i32: 4,
  u32: 4,
  i64: 8,
  u64: 8,
  f32: 4,
  f64: 8,
};

/** The classes of the arrays that hold each dtype as memory and the wire do; bool is bytes 0 and 1. */
export const typedArrays = {
  bool: Uint8Array,
  i8: Int8Array,
  u8: Uint8Array,
  i16: Int16Array,
  u16: Uint16Array,
  i32: Int32Array,
  u32: Uint32Array,
  i64: BigInt64Array,
  u64: BigUint64Array,
  f32: Float32Array,
  f64: Float64Array,
} as const;

/** Bytes per element in memory. */
export const bytesOf = (dtype: Dtype): number => bytes[dtype];
