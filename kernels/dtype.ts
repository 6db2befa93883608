// Element types of tensors: how each lies in memory, and which type it is computed in.
import type { Arithmetic, Half, Scalar, SmallFloat, SmallInteger, Stored } from "./loop/ir.ts";

/** A tensor's element type: every scalar of the loop language. */
export type Dtype = Scalar;

/** One element type. */
interface Row {
  /** The class of the arrays that hold its elements as memory and the wire do; bool is bytes 0 and 1, halves and small floats are their bits; small integers are numbers, one to a byte. */
  readonly array:
    | Int8ArrayConstructor
    | Uint8ArrayConstructor
    | Int16ArrayConstructor
    | Uint16ArrayConstructor
    | Int32ArrayConstructor
    | Uint32ArrayConstructor
    | BigInt64ArrayConstructor
    | BigUint64ArrayConstructor
    | Float32ArrayConstructor
    | Float64ArrayConstructor;
  readonly kind: "bool" | "integer" | "float";
  /** What its elements become to be computed with; results are rounded back once. */
  readonly arithmetic: Arithmetic;
}

/** The table of element types: what is stored and what is computed in are two things. */
const table = {
  bool: { array: Uint8Array, kind: "bool", arithmetic: "bool" },
  i8: { array: Int8Array, kind: "integer", arithmetic: "i8" },
  u8: { array: Uint8Array, kind: "integer", arithmetic: "u8" },
  i16: { array: Int16Array, kind: "integer", arithmetic: "i16" },
  u16: { array: Uint16Array, kind: "integer", arithmetic: "u16" },
  i32: { array: Int32Array, kind: "integer", arithmetic: "i32" },
  u32: { array: Uint32Array, kind: "integer", arithmetic: "u32" },
  i64: { array: BigInt64Array, kind: "integer", arithmetic: "i64" },
  u64: { array: BigUint64Array, kind: "integer", arithmetic: "u64" },
  i4: { array: Int8Array, kind: "integer", arithmetic: "i8" },
  u4: { array: Uint8Array, kind: "integer", arithmetic: "u8" },
  i2: { array: Int8Array, kind: "integer", arithmetic: "i8" },
  u2: { array: Uint8Array, kind: "integer", arithmetic: "u8" },
  f8e4m3fn: { array: Uint8Array, kind: "float", arithmetic: "f32" },
  f8e4m3fnuz: { array: Uint8Array, kind: "float", arithmetic: "f32" },
  f8e5m2: { array: Uint8Array, kind: "float", arithmetic: "f32" },
  f8e5m2fnuz: { array: Uint8Array, kind: "float", arithmetic: "f32" },
  f8e8m0: { array: Uint8Array, kind: "float", arithmetic: "f32" },
  f4e2m1: { array: Uint8Array, kind: "float", arithmetic: "f32" },
  f16: { array: Uint16Array, kind: "float", arithmetic: "f32" },
  bf16: { array: Uint16Array, kind: "float", arithmetic: "f32" },
  f32: { array: Float32Array, kind: "float", arithmetic: "f32" },
  f64: { array: Float64Array, kind: "float", arithmetic: "f64" },
} as const satisfies { readonly [d in Dtype]: Row };

export const dtypes = Object.keys(table) as [Dtype, ...Dtype[]];
/** The element types that messages and the loop language compute with. */
export const arithmeticDtypes = dtypes.filter((dtype) => table[dtype].arithmetic === dtype) as [
  Arithmetic,
  ...Arithmetic[],
];

/** The classes of the arrays that hold each dtype. */
export const typedArrays = Object.fromEntries(dtypes.map((dtype) => [dtype, table[dtype].array])) as {
  readonly [D in Dtype]: (typeof table)[D]["array"];
};

/** Bytes per element in memory. */
export const bytesOf = (dtype: Dtype): number => table[dtype].array.BYTES_PER_ELEMENT;

/** The type that elements of a dtype are computed in. */
export const arithmeticOf = (dtype: Dtype): Arithmetic => table[dtype].arithmetic;

/** The element types that are floats, those that are only stored included. */
export type FloatDtype = { [D in Dtype]: (typeof table)[D]["kind"] extends "float" ? D : never }[Dtype];

/** Whether elements are floats, those that are only stored included. */
export const isFloatDtype = (dtype: Dtype): dtype is FloatDtype => table[dtype].kind === "float";

/** Whether elements are stored in fewer bits than they are computed in. */
export const isStored = (dtype: Dtype): dtype is Stored => table[dtype].arithmetic !== dtype;

/** Whether elements are floats of 16 bits. */
export const isHalf = (dtype: Dtype): dtype is Half => dtype === "f16" || dtype === "bf16";

/** Whether elements are floats of 8 or 4 bits. */
export const isSmallFloat = (dtype: Dtype): dtype is SmallFloat =>
  isStored(dtype) && isFloatDtype(dtype) && !isHalf(dtype);

/** Whether elements are integers of 4 or 2 bits. */
export const isSmallInteger = (dtype: Dtype): dtype is SmallInteger =>
  isStored(dtype) && table[dtype].kind === "integer";
