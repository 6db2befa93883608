// What names of a model stand for while its graph is built: tensors, and what is resolved before anything runs.
import { isTensor } from "../../capture/methods/symbolic.ts";
import type { Tensor } from "../../capture/tensor.ts";

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
