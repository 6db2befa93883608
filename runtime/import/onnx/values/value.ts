// What the interpreter of values computes with: tensors, texts, sequences and optionals, all of it known.
import type { Dtype } from "../../../../kernels/index.ts";
import { countOf, newArray, type TypedArray } from "../../../graph/tensor-type.ts";
import { modelError } from "../import-error.ts";

/** A tensor of numbers. */
export interface TensorValue {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

/** A tensor of texts. */
export interface TextValue {
  readonly shape: readonly number[];
  readonly data: readonly string[];
}

/** A value of a model: a tensor of numbers or texts, the elements of a sequence, or null for an optional that is empty. */
export type ModelValue = TensorValue | TextValue | readonly ModelValue[] | null;

/** What is one tensor. */
export type Whole = TensorValue | TextValue;

export const isWhole = (value: ModelValue | undefined): value is Whole =>
  value !== undefined && value !== null && "data" in value;
export const isTensorValue = (value: ModelValue | undefined): value is TensorValue =>
  isWhole(value) && "dtype" in value;
export const isTextValue = (value: ModelValue | undefined): value is TextValue => isWhole(value) && !("dtype" in value);
export const isList = (value: ModelValue | undefined): value is readonly ModelValue[] => Array.isArray(value);

/** What a value is, in words. */
export function kindOfValue(value: ModelValue | undefined): string {
  if (value === undefined) return "nothing";
  if (value === null) return "an empty optional";
  if (isList(value)) return `a sequence of ${value.length}`;
  return `${isTensorValue(value) ? value.dtype : "texts"}[${(value as Whole).shape.join(",")}]`;
}

/** The one number that a value is. Throws `import/model`. */
export function numberOf(value: ModelValue | undefined, what: string): number {
  if (isTensorValue(value) && value.data.length === 1) return Number(value.data[0]);
  throw modelError(`${what} is ${kindOfValue(value)} where one number belongs`);
}

export const wholeNumber = (value: number): TensorValue => ({
  dtype: "i64",
  shape: [],
  data: BigInt64Array.of(BigInt(value)),
});

export const flag = (value: boolean): TensorValue => ({
  dtype: "bool",
  shape: [],
  data: Uint8Array.of(Number(value)),
});

/** A tensor of this many elements of the kind of another. */
function arranged(of: Whole, shape: readonly number[], place: (at: number) => number): Whole {
  const count = countOf(shape);
  if (!isTensorValue(of)) return { shape, data: Array.from({ length: count }, (_, at) => of.data[place(at)]!) };
  const data: TypedArray = newArray<Dtype>(of.dtype, count);
  for (let at = 0; at < count; at++) data[at] = of.data[place(at)]!;
  return { dtype: of.dtype, shape, data };
}

/** The part at a place along a dimension, which is left out. */
export function partAt(of: Whole, axis: number, index: number): Whole {
  const inner = countOf(of.shape.slice(axis + 1));
  const size = of.shape[axis]!;
  return arranged(of, of.shape.toSpliced(axis, 1), (at) => {
    return (Math.floor(at / inner) * size + index) * inner + (at % inner);
  });
}

/** Tensors of one shape beside each other along a new dimension. Throws `import/model` where they differ. */
export function stacked(parts: readonly ModelValue[], axis: number): Whole {
  const [first] = parts;
  for (const each of parts)
    if (!isWhole(each) || !isWhole(first) || kindOfValue(each) !== kindOfValue(first))
      throw modelError(`${kindOfValue(first)} and ${kindOfValue(each)} are kept of the turns of a loop`);
  const wholes = parts as readonly Whole[];
  const own = wholes[0]!;
  const outer = countOf(own.shape.slice(0, axis));
  const inner = countOf(own.shape.slice(axis));
  const shape = own.shape.toSpliced(axis, 0, parts.length);
  if (wholes.every(isTensorValue)) {
    const data: TypedArray = newArray<Dtype>((own as TensorValue).dtype, countOf(shape));
    for (const [part, { data: from }] of wholes.entries())
      for (let o = 0; o < outer; o++)
        (data as Uint8Array).set(
          from.subarray(o * inner, (o + 1) * inner) as Uint8Array,
          (o * parts.length + part) * inner,
        );
    return { dtype: (own as TensorValue).dtype, shape, data };
  }
  const texts = Array.from({ length: outer }, (_, o) =>
    wholes.flatMap(({ data }) => (data as readonly string[]).slice(o * inner, (o + 1) * inner)),
  );
  return { shape, data: texts.flat() };
}
