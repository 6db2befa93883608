// Tensor types: element type and shape.
import {
  bytesOf,
  canonicalStored,
  type Dtype,
  dtypes,
  IsochronError,
  isFloatDtype,
  isStored,
  numberOfStored,
  shown,
  storedConstant,
  typedArrays,
  withMeant,
} from "../../kernels/index.ts";
import {
  countOf,
  type Dimension,
  isDimension,
  type Shape,
  sameDimension,
  sameShape,
  showShape,
  staticShape,
} from "./dimension.ts";

export {
  type BoundedDimension,
  bounded,
  countOf,
  type Dimension,
  largestSize,
  type Shape,
  type SymbolDimension,
  sameDimension,
  sameShape,
  showDimension,
  showShape,
  sizeOf,
  staticShape,
  sumOf,
  sym,
} from "./dimension.ts";

/** Type of a tensor; the element type is part of the TypeScript type. */
export interface TensorType<D extends Dtype = Dtype> {
  readonly dtype: D;
  readonly shape: Shape;
}

/** The elements of a small tensor of integers, which may be sizes that have names until the graph is compiled. */
export type Known = readonly Dimension[];

/** What is known of an operand before a graph runs: its type, and its elements where they follow from constants and sizes. */
export interface Fact<D extends Dtype = Dtype> extends TensorType<D> {
  readonly known?: Known;
}

/** Whether a dtype is one of integers; bool is none. */
export const isInteger = (dtype: Dtype): boolean => dtype !== "bool" && !isFloatDtype(dtype);

/** The typed array that holds elements of a dtype; bool is bytes 0 and 1, halves and floats of 8 and 4 bits are their bits, and integers of 4 and 2 bits numbers, each in a byte. */
export type ArrayOf<D extends Dtype> = D extends "f32"
  ? Float32Array
  : D extends "f64"
    ? Float64Array
    : D extends "i64"
      ? BigInt64Array
      : D extends "u64"
        ? BigUint64Array
        : D extends "i32"
          ? Int32Array
          : D extends "u32"
            ? Uint32Array
            : D extends "i16"
              ? Int16Array
              : D extends "u16" | "f16" | "bf16"
                ? Uint16Array
                : D extends "i8" | "i4" | "i2"
                  ? Int8Array
                  : Uint8Array;

/** The typed array of any element type. */
export type TypedArray = ArrayOf<Dtype>;

/** A zeroed array of `length` elements. */
export const newArray = <D extends Dtype>(dtype: D, length: number): ArrayOf<D> =>
  new typedArrays[dtype](length) as ArrayOf<D>;

/** An array over `bytes` bytes of a buffer. */
export const arrayOver = (dtype: Dtype, buffer: ArrayBuffer, offset: number, bytes: number): TypedArray =>
  new typedArrays[dtype](buffer, offset, bytes / typedArrays[dtype].BYTES_PER_ELEMENT);

/** The bytes of an array, where they lie. */
export const bytesIn = ({ buffer, byteOffset, byteLength }: TypedArray): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** The class of the arrays that hold a dtype. */
export const arrayName = (dtype: Dtype): string => typedArrays[dtype].name;

/** What a number that a dtype holds is in its array. */
export const stored = (dtype: Dtype, value: number): number => (isStored(dtype) ? storedConstant(dtype, value) : value);

/** The number that an element of a dtype's array is. */
export const numberIn = (dtype: Dtype, element: number | bigint): number | bigint =>
  isStored(dtype) ? numberOfStored(dtype, Number(element)) : element;

/** The elements, every NaN with the bits that programs give it. */
export function withOneNaN<A extends TypedArray>(dtype: Dtype, data: A): A {
  if (isStored(dtype)) for (let at = 0; at < data.length; at++) data[at] = canonicalStored(dtype, Number(data[at]));
  if (data instanceof Float32Array || data instanceof Float64Array)
    for (let at = 0; at < data.length; at++) if (Number.isNaN(data[at])) data[at] = Number.NaN;
  return data;
}

/** An array from numbers that are known to fit, floats rounded; what users give comes through `numbers.ts`. */
export function arrayFrom<D extends Dtype>(dtype: D, values: readonly (number | bigint | boolean)[]): ArrayOf<D> {
  const array: TypedArray = newArray<Dtype>(dtype, values.length);
  values.forEach((value, at) => {
    if (array instanceof BigInt64Array || array instanceof BigUint64Array) {
      array[at] = typeof value === "bigint" ? value : BigInt(Math.trunc(Number(value)));
    } else array[at] = stored(dtype, Number(value));
  });
  return array as ArrayOf<D>;
}

/** What others call a dtype. */
const otherNames: { readonly [name: string]: Dtype } = {
  boolean: "bool",
  byte: "u8",
  int: "i32",
  long: "i64",
  float: "f32",
  single: "f32",
  double: "f64",
  number: "f32",
  half: "f16",
  bfloat16: "bf16",
  f4_e2m1: "f4e2m1",
  f4_e2m1fn: "f4e2m1",
  f4_e2m1fn_x2: "f4e2m1",
  f8_e8m0fnu: "f8e8m0",
};

/** The dtype that was meant by a name such as `float32`; others that are spelled alike mean something else. */
function dtypeMeant(given: unknown): Dtype | undefined {
  const name = String(given).toLowerCase();
  const short = name
    .replace(/^(torch|np)\./, "")
    .replace(/^(u?)int(?=\d)/, (_, u: string) => u || "i")
    .replace(/^float(?=\d)/, "f");
  return dtypes.find((each) => each === (otherNames[short] ?? short.replace("_", "")));
}

/** Throws `tensor/dtype` for a name that is no dtype. */
export function requireDtype(dtype: Dtype): void {
  if (dtypes.includes(dtype)) return;
  const meant = typeof dtype === "string" ? dtypeMeant(dtype) : undefined;
  throw new IsochronError("tensor/dtype", `${shown(dtype)} is no dtype`, {
    help: withMeant(meant, `dtypes are ${dtypes.join(", ")}`),
  });
}

/** The type `dtype[shape]`. Throws `tensor/dtype` and `tensor/shape`. */
export function tensorType<D extends Dtype>(dtype: D, shape: Shape): TensorType<D> {
  requireDtype(dtype);
  if (!Array.isArray(shape)) {
    const example = `tensorType(${shown(dtype)}, [${typeof shape === "number" ? shape : "2, 3"}])`;
    throw new IsochronError("tensor/shape", `a shape cannot be ${shown(shape)}`, {
      help: `give a list of sizes: ${example}; [] is one number`,
    });
  }
  for (const size of shape) {
    if (isDimension(size)) continue;
    throw new IsochronError("tensor/shape", `${shown(size)} is not a dimension`, {
      help: "dimensions are whole numbers from 0, or sym(name)",
    });
  }
  return { dtype, shape: [...shape] };
}

/** `f32[120,160]`; a scalar is `f32`. */
export const showTensorType = ({ dtype, shape }: TensorType): string =>
  shape.length === 0 ? dtype : `${dtype}${showShape(shape)}`;

/** Whether two types are one: element type and shape. */
export const sameType = (a: TensorType, b: TensorType): boolean => a.dtype === b.dtype && sameShape(a.shape, b.shape);

/** Whether a type is that of one element. */
export const isScalar = (type: TensorType, dtype: Dtype): boolean => type.dtype === dtype && type.shape.length === 0;

/** Bytes of a tensor of static shape. */
export const byteLength = (type: TensorType): number => countOf(staticShape(type.shape)) * bytesOf(type.dtype);

/** The shape of two operands together (NumPy's rule), or undefined where they do not fit. */
export function broadcastShapes(a: Shape, b: Shape): Shape | undefined {
  const rank = Math.max(a.length, b.length);
  const result: Dimension[] = [];
  for (let d = 0; d < rank; d++) {
    const left = a[a.length - rank + d] ?? 1;
    const right = b[b.length - rank + d] ?? 1;
    if (left === 1) result.push(right);
    else if (right === 1 || sameDimension(left, right)) result.push(left);
    else return undefined;
  }
  return result;
}
