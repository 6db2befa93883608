// What names of a model stand for while its graph is built: tensors, and what is resolved before anything runs.
import { isTensor } from "../../capture/methods/symbolic.ts";
import type { Tensor } from "../../capture/tensor.ts";
import { showTensorType } from "../../graph/tensor-type.ts";

/** A list of values, of a length that is known while the graph is built. */
export class Sequence {
  readonly elements: readonly Imported[];

  constructor(elements: readonly Imported[]) {
    this.elements = elements;
  }
}

/** A value, or nothing. */
export class Optional {
  readonly value: Imported | undefined;

  constructor(value?: Imported) {
    this.value = value;
  }
}

/** Texts, which are known while the graph is built. */
export class Strings {
  readonly shape: readonly number[];
  readonly data: readonly string[];

  constructor(shape: readonly number[], data: readonly string[]) {
    this.shape = shape;
    this.data = data;
  }
}

/** What a name stands for. */
export type Imported = Tensor | Sequence | Optional | Strings;

/** What a value is, in words. */
export function kindOf(value: Imported | undefined): string {
  if (value === undefined) return "nothing";
  if (isTensor(value)) return "a tensor";
  if (value instanceof Sequence) return "a sequence";
  return value instanceof Optional ? "an optional" : "texts";
}

/** A value taken apart into its tensors. */
export interface Parts {
  readonly tensors: readonly Tensor[];
  /** What is the same of two values that can stand in each other's place: their lists and options, types and texts. */
  readonly structure: string;
  /** The same structure of the next of other tensors. */
  rebuilt(next: () => Tensor): Imported;
}

/** What a value is made of. */
export function partsOf(value: Imported): Parts {
  if (isTensor(value)) return { tensors: [value], structure: showTensorType(value.type), rebuilt: (next) => next() };
  if (value instanceof Strings)
    return { tensors: [], structure: JSON.stringify([value.shape, value.data]), rebuilt: () => value };
  if (value instanceof Optional) {
    if (value.value === undefined) return { tensors: [], structure: "nothing", rebuilt: () => value };
    const { tensors, structure, rebuilt } = partsOf(value.value);
    return { tensors, structure: `optional ${structure}`, rebuilt: (next) => new Optional(rebuilt(next)) };
  }
  const parts = value.elements.map(partsOf);
  return {
    tensors: parts.flatMap(({ tensors }) => tensors),
    structure: `(${parts.map(({ structure }) => structure).join(", ")})`,
    rebuilt: (next) => new Sequence(parts.map(({ rebuilt }) => rebuilt(next))),
  };
}
