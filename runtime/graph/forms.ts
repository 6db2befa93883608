// The forms that kernels read constants in, as data: how elements are made of a constant's, and the way back.
import { z } from "zod";
import { generators } from "../../kernels/index.ts";
import {
  restoredWeight,
  transformedShape,
  transformedWeight,
  type WinogradWeight,
  winogradWeightSchema,
} from "../operators/winograd-weight.ts";
import { countOf, newArray, type TensorType, type TypedArray } from "./tensor-type.ts";

const sizes = z.array(z.int().min(0));

/** Dimensions divided, filled up with zeros and put into another order. */
const arrangementSchema = z
  .strictObject({
    kind: z.literal("arrangement"),
    shape: sizes,
    /** The parts that each dimension is divided into, the outermost first; together they hold it, or more than it. */
    parts: z.array(sizes),
    /** The order of all parts. */
    order: sizes,
  })
  .refine(
    ({ shape, parts, order }) =>
      parts.length === shape.length &&
      parts.every((each, d) => countOf(each) >= shape[d]!) &&
      order.length === parts.flat().length &&
      order.toSorted((a, b) => a - b).every((part, at) => part === at),
    "parts that hold their dimensions, each once",
  );

/** The right factor of a product in blocks of columns; the last block holds the last columns, whatever the others hold of them. */
const factorSchema = z
  .strictObject({
    kind: z.literal("factor"),
    depth: z.int().min(1),
    columns: z.int().min(1),
    width: z.int().min(1),
  })
  .refine(({ columns, width }) => width <= columns, "blocks that are no wider than the factor");

export const formSchema = z.discriminatedUnion("kind", [arrangementSchema, factorSchema, winogradWeightSchema]);

export type Arrangement = z.infer<typeof arrangementSchema>;
type Factor = z.infer<typeof factorSchema>;
/** How the elements of a constant are made of those of another, all of which can be told from them but for the rounding of sums. */
export type Form = Arrangement | Factor | WinogradWeight;

/** A dimension's part at a place of the result: how far its index counts, in the dimension and among the elements given. */
interface Stride {
  readonly size: number;
  readonly dimension: number;
  readonly scale: number;
}

const stridesOf = ({ parts, order }: Arrangement): Stride[] => {
  const all = parts.flatMap((sizes, dimension) =>
    sizes.map((size, at) => ({ size, dimension, scale: countOf(sizes.slice(at + 1)) })),
  );
  return order.map((part) => all[part]!);
};

/** Calls `run` for each run of elements that are evenly spaced on both sides: `count` of them at `to`, `to`+1, … and `from`, `from`+`step`, … */
function eachRun(form: Arrangement, run: (to: number, from: number, step: number, count: number) => void): void {
  const strides = stridesOf(form);
  const inner = strides.pop() ?? { size: 1, dimension: 0, scale: 1 };
  const { shape } = form;
  const apart = shape.map((_, d) => countOf(shape.slice(d + 1)));
  const index = strides.map(() => 0);
  const at = shape.map(() => 0);
  const step = inner.scale * (apart[inner.dimension] ?? 1);
  const rows = countOf(strides.map(({ size }) => size));
  for (let row = 0; row < rows; row++) {
    let from = 0;
    let inside = true;
    for (let d = 0; d < shape.length; d++) {
      inside &&= at[d]! < shape[d]!;
      from += at[d]! * apart[d]!;
    }
    const left = shape.length === 0 ? 1 : shape[inner.dimension]! - at[inner.dimension]!;
    if (inside) run(row * inner.size, from, step, Math.min(inner.size, Math.ceil(left / inner.scale)));
    for (let d = strides.length - 1; d >= 0; d--) {
      const { size, dimension, scale } = strides[d]!;
      at[dimension]! += scale;
      if (++index[d]! < size) break;
      at[dimension]! -= size * scale;
      index[d] = 0;
    }
  }
}

/** Integers as wide as the elements, over the same memory: moving floats as such may change the bits of NaN. */
function bitsOf({ buffer, byteOffset, length, BYTES_PER_ELEMENT: width }: TypedArray) {
  switch (width) {
    case 1:
      return new Uint8Array(buffer, byteOffset, length);
    case 2:
      return new Uint16Array(buffer, byteOffset, length);
    case 4:
      return new Uint32Array(buffer, byteOffset, length);
    default:
      return new BigUint64Array(buffer, byteOffset, length);
  }
}

/** The shape of what a form makes. */
export function formedShape(form: Form): readonly number[] {
  switch (form.kind) {
    case "arrangement":
      return stridesOf(form).map(({ size }) => size);
    case "factor":
      return [Math.ceil(form.columns / form.width), form.depth, form.width];
    case "winograd":
      return transformedShape(form);
  }
}

/** How many elements a form is made of. */
export function sourceCount(form: Form): number {
  switch (form.kind) {
    case "arrangement":
      return countOf(form.shape);
    case "factor":
      return form.depth * form.columns;
    case "winograd":
      return form.outputs * form.inputs * 9;
  }
}

/** The elements in another form. */
export function formed(data: TypedArray, dtype: TensorType["dtype"], form: Form): TypedArray {
  if (form.kind === "winograd") return transformedWeight(data, form);
  const result = newArray(dtype, countOf(formedShape(form)));
  const [given, made] = [bitsOf(data) as Uint32Array, bitsOf(result) as Uint32Array];
  if (form.kind === "factor")
    eachFactorRow(form, (packed, plain) => made.set(given.subarray(plain, plain + form.width), packed));
  else
    eachRun(form, (to, from, step, count) => {
      for (let i = 0; i < count; i++) made[to + i] = given[from + i * step]!;
    });
  return result;
}

function eachFactorRow(form: Factor, row: (packed: number, plain: number) => void): void {
  const { depth, columns, width } = form;
  for (let block = 0; block < Math.ceil(columns / width); block++)
    for (let i = 0; i < depth; i++)
      row((block * depth + i) * width, i * columns + generators.firstColumn(block, width, columns));
}

/** The elements that a form was made of; of sums, those that are nearest. */
export function restored(data: TypedArray, dtype: TensorType["dtype"], form: Form): TypedArray {
  if (form.kind === "winograd") return restoredWeight(data as Float32Array, form);
  const result = newArray(dtype, sourceCount(form));
  const [given, made] = [bitsOf(data) as Uint32Array, bitsOf(result) as Uint32Array];
  if (form.kind === "factor")
    eachFactorRow(form, (packed, plain) => made.set(given.subarray(packed, packed + form.width), plain));
  else
    eachRun(form, (to, from, step, count) => {
      for (let i = 0; i < count; i++) made[from + i * step] = given[to + i]!;
    });
  return result;
}
