// What TorchScript computes with: tensors that are views of memory, numbers, texts, lists, tuples, dictionaries and objects.
import { type Dtype, IsochronError } from "../../../kernels/index.ts";
import type { Tensor } from "../../capture/tensor.ts";
import { type BoundedDimension, showShape, sizeOf } from "../../graph/dimension.ts";
import { type Shape, staticShape, type TensorType } from "../../graph/tensor-type.ts";

/** Memory that tensors are views of: what stands in it now, and how it is replaced as a whole. */
export interface Memory {
  read(): Tensor;
  /** Throws where it may not be written. */
  write(next: Tensor): void;
  /** What was put there, which control flow puts back; undefined where nothing was, or where the trace itself keeps it. */
  peek(): Tensor | undefined;
  /** Puts there what was peeked, or what control flow makes of it. */
  poke(next: Tensor | undefined): void;
}

/** One step from a memory to a view of it, both ways. */
export interface ViewStep {
  /** What the view shows. */
  show(whole: Tensor): Tensor;
  /** The whole, with the view's part replaced. */
  replace(whole: Tensor, part: Tensor): Tensor;
}

/** Memories of which lists keep what stood there, and not the memory. */
const held = new WeakSet<Memory>();

/** A tensor as PyTorch has it: what is written to one view of a memory, all views show. */
export class TorchTensor {
  readonly memory: Memory;
  readonly #steps: readonly ViewStep[];

  constructor(memory: Memory, steps: readonly ViewStep[] = []) {
    this.memory = memory;
    this.#steps = steps;
  }

  /** A tensor of a memory of its own. */
  static of(value: Tensor): TorchTensor {
    let now = value;
    const write = (next: Tensor | undefined): void => {
      now = next ?? now;
    };
    return new TorchTensor({ read: () => now, write, peek: () => now, poke: write });
  }

  /** What it shows now. */
  read(): Tensor {
    return this.#steps.reduce((whole, step) => step.show(whole), this.memory.read());
  }

  /** Replaces what it shows, in its memory. */
  write(next: Tensor): void {
    if (held.has(this.memory))
      throw new IsochronError(
        "import/unsupported",
        "a tensor is written to that stands in a list whose length, or whose places, values decide",
        { help: "put a copy into the list: xs.append(x.clone())" },
      );
    const wholes = [this.memory.read()];
    for (const step of this.#steps) wholes.push(step.show(wholes.at(-1)!));
    let part = next;
    for (let at = this.#steps.length - 1; at >= 0; at--) part = this.#steps[at]!.replace(wholes[at]!, part);
    this.memory.write(part);
  }

  /** Refuses what would be written to it from now on. */
  hold(): void {
    held.add(this.memory);
  }

  /** A view of this view. */
  view(step: ViewStep): TorchTensor {
    return new TorchTensor(this.memory, [...this.#steps, step]);
  }

  get dtype(): Dtype {
    return this.read().type.dtype;
  }

  /** Its sizes, which must be known. */
  get shape(): readonly number[] {
    return staticShape(this.dimensions);
  }

  /** Its sizes, also those that values decide. */
  get dimensions(): Shape {
    return this.read().type.shape;
  }

  get rank(): number {
    return this.dimensions.length;
  }
}

/** What kinds of numbers there are beside tensors. */
export type NumberKind = "int" | "float" | "bool";

/** The dtypes of numbers as tensors of no dimension. */
export const numberDtypes = { int: "i64", float: "f64", bool: "bool" } as const satisfies {
  [kind in NumberKind]: Dtype;
};

/** Between which numbers one lies that a run knows. */
export interface Bounds {
  readonly least: number;
  readonly most: number;
}

/** The kind of a number, known or not. */
export const kindOfNumber = (value: TorchValue | undefined): NumberKind | undefined => {
  if (value instanceof TorchNumber) return value.kind;
  return typeof value === "bigint"
    ? "int"
    : typeof value === "number"
      ? "float"
      : typeof value === "boolean"
        ? "bool"
        : undefined;
};

/** A number that is known only while the model runs: a tensor of no dimension, of the dtype of its kind. */
export class TorchNumber {
  readonly kind: NumberKind;
  readonly tensor: Tensor;
  /** Of an int, where they are known. */
  readonly bounds: Bounds | undefined;
  /** The dimension whose size it is. */
  readonly dimension: BoundedDimension | undefined;

  constructor(kind: NumberKind, tensor: Tensor, bounds?: Bounds, dimension?: BoundedDimension) {
    this.kind = kind;
    this.tensor = tensor;
    this.bounds = bounds;
    this.dimension = dimension;
  }
}

/** A value that there is or is not (None), as a run decides. */
export class TorchOptional {
  readonly isSet: TorchNumber;
  /** What it is where it is set; read only there. */
  readonly value: TorchValue;

  constructor(isSet: TorchNumber, value: TorchValue) {
    this.isSet = isSet;
    this.value = value;
  }
}

/** What the elements of a list are that is kept in tensors. */
export type ElementForm =
  | { readonly kind: "tensor"; readonly type: TensorType }
  | { readonly kind: "number"; readonly of: NumberKind }
  | { readonly kind: "tuple"; readonly items: readonly ElementForm[]; readonly fields: readonly string[] | undefined };

/** A loop that is being recorded, and in which a list grows: how many elements that had before. What is made of the list keeps it. */
export interface Growth {
  readonly loop: object;
  readonly most: number;
  /** That of the list before the loop, in another one around it. */
  readonly outer: Growth | undefined;
}

/** All elements of a list whose length values decide: what alone stands in such a list. It is not changed, but replaced. */
export class TorchGrown {
  readonly form: ElementForm;
  /** For each part of an element a tensor with those of all, and room behind them. */
  readonly columns: readonly Tensor[];
  readonly count: TorchNumber;
  readonly growth: Growth | undefined;

  constructor(form: ElementForm, columns: readonly Tensor[], count: TorchNumber, growth?: Growth) {
    this.form = form;
    this.columns = columns;
    this.count = count;
    this.growth = growth;
  }

  /** How many elements there is room for. */
  get room(): number {
    return sizeOf(this.columns[0]!.type.shape[0]!);
  }

  get bounds(): Bounds {
    return this.count.bounds ?? { least: 0, most: this.room };
  }
}

/** What a `range` gives whose length is known only while the model runs. */
export class TorchRange {
  readonly start: TorchValue;
  readonly count: TorchNumber;
  readonly step: TorchValue;

  constructor(start: TorchValue, count: TorchNumber, step: TorchValue) {
    this.start = start;
    this.count = count;
    this.step = step;
  }
}

/** What stands in a variable that is set later, where it is read: anything. */
export class TorchUnset {}

/** The one value of its class. */
export const unset = new TorchUnset();

/** Complex numbers, as pairs in the last dimension. Nothing is written to them. */
export class TorchComplex {
  readonly pairs: Tensor;

  constructor(pairs: Tensor) {
    this.pairs = pairs;
  }

  get shape(): readonly number[] {
    return staticShape(this.pairs.type.shape).slice(0, -1);
  }
}

/** A tensor of bytes that stand for numbers, (byte − zero)·scale, one scale for all. Nothing is written to it. */
export class TorchQuantized {
  readonly bytes: Tensor<"i8" | "u8">;
  /** Of f32, without dimensions. */
  readonly scale: Tensor<"f32">;
  /** Of the dtype of the bytes, without dimensions. */
  readonly zero: Tensor<"i8" | "u8">;

  constructor(bytes: Tensor<"i8" | "u8">, scale: Tensor<"f32">, zero: Tensor<"i8" | "u8">) {
    this.bytes = bytes;
    this.scale = scale;
    this.zero = zero;
  }

  get shape(): readonly number[] {
    return staticShape(this.bytes.type.shape);
  }
}

/** A tuple; of a named tuple with its fields' names. */
export class TorchTuple {
  readonly items: readonly TorchValue[];
  readonly fields: readonly string[] | undefined;

  constructor(items: readonly TorchValue[], fields?: readonly string[]) {
    this.items = items;
    this.fields = fields;
  }
}

/** An object of a class by its qualified name, or a member of an enumeration. */
export class TorchObject {
  readonly type: string;
  readonly attributes = new Map<string, TorchValue>();
  /** Whether it lives from step to step, as the objects of a file do; what a step makes is gone after it. */
  readonly lasts: boolean;

  constructor(type: string, lasts = false) {
    this.type = type;
    this.lasts = lasts;
  }
}

/** A function, class or method that an expression names, before it is called. */
export class TorchCallable {
  readonly name: string;
  readonly self: TorchObject | undefined;

  constructor(name: string, self?: TorchObject) {
    this.name = name;
    this.self = self;
  }
}

/** Where tensors are; there is one place here. */
export class TorchDevice {
  readonly name = "cpu";
}

/** A value: integers are bigint and floats number, lists and dictionaries what statements may change. */
export type TorchValue =
  | null
  | boolean
  | bigint
  | number
  | string
  | TorchTensor
  | TorchNumber
  | TorchOptional
  | TorchGrown
  | TorchRange
  | TorchUnset
  | TorchComplex
  | TorchQuantized
  | TorchTuple
  | TorchObject
  | TorchCallable
  | TorchDevice
  | TorchValue[]
  | Map<string | bigint | number | boolean, TorchValue>;

/** What a value is, in a word. */
export function kindOfTorch(value: TorchValue): string {
  if (value === null) return "None";
  if (typeof value === "bigint") return "an int";
  if (typeof value === "number") return "a float";
  if (typeof value === "boolean") return "a bool";
  if (typeof value === "string") return "a text";
  if (value instanceof TorchTensor) return `a tensor ${value.dtype}${showShape(value.dimensions)}`;
  if (value instanceof TorchNumber) return `${value.kind === "int" ? "an" : "a"} ${value.kind} that only a run knows`;
  if (value instanceof TorchOptional) return `${kindOfTorch(value.value)} or None, as values decide`;
  if (value instanceof TorchGrown) return "elements as many as values decide";
  if (value instanceof TorchRange) return "a range";
  if (value instanceof TorchUnset) return "what is not set";
  if (value instanceof TorchComplex) return `a tensor of complex numbers [${value.shape}]`;
  if (value instanceof TorchQuantized) return `a quantised tensor ${value.bytes.type.dtype}[${value.shape}]`;
  if (value instanceof TorchTuple) return "a tuple";
  if (value instanceof TorchDevice) return "a device";
  if (value instanceof TorchCallable) return `the function ${value.name}`;
  if (value instanceof TorchObject) return `an object of ${value.type}`;
  if (Array.isArray(value)) return value[0] instanceof TorchGrown ? "a list whose length values decide" : "a list";
  return "a dictionary";
}

/** Whether two values are the same: lists and tuples by their elements; tensors never are. */
export function sameValue(one: TorchValue, other: TorchValue): boolean {
  const [left, right] = [one, other].map((each) => (each instanceof TorchTuple ? each.items : each));
  if (Array.isArray(left) && Array.isArray(right))
    return (
      left.length === right.length && left.every((each: TorchValue, at) => sameValue(each, right[at] as TorchValue))
    );
  if (typeof left === "bigint" && typeof right === "number") return Number(left) === right;
  if (typeof left === "number" && typeof right === "bigint") return left === Number(right);
  return left === right;
}

/** A value as Python's `str` writes it. */
export function textOfTorch(value: TorchValue): string {
  const listed = (items: readonly TorchValue[]) =>
    items.map((each) => (typeof each === "string" ? `'${each}'` : textOfTorch(each))).join(", ");
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "number") return Number.isInteger(value) && Math.abs(value) < 1e16 ? `${value}.0` : `${value}`;
  if (Array.isArray(value)) return `[${listed(value)}]`;
  if (value instanceof TorchTuple)
    return value.items.length === 1 ? `(${listed(value.items)},)` : `(${listed(value.items)})`;
  return typeof value === "object" ? kindOfTorch(value) : String(value);
}
