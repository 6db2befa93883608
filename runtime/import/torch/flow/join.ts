// What two courses of a program leave, as one: where they leave other values, a tensor that one of the two fills.
import { constant, type Tensor } from "../../../capture/tensor.ts";
import { sameType, showTensorType, staticShape, type TensorType } from "../../../graph/tensor-type.ts";
import { unsupportedTorch } from "../call.ts";
import type { Memory } from "../values.ts";
import {
  kindOfTorch,
  type NumberKind,
  numberDtypes,
  TorchCallable,
  TorchDevice,
  TorchNumber,
  TorchObject,
  TorchOptional,
  TorchTensor,
  TorchTuple,
  type TorchValue,
  unset,
} from "../values.ts";
import { type Container, isSame, type Snapshot } from "./snapshot.ts";

/** A value that is decided while the model runs: what each course leaves there. */
export interface Slot {
  /** What the source calls it, for errors. */
  readonly name: string;
  readonly first: TorchValue | Memory;
  readonly second: TorchValue | Memory;
}

/** Makes a value of what the slots have become. */
export type Recipe = (tensors: readonly Tensor[]) => TorchValue;

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

const isMemory = (value: TorchValue | Memory): value is Memory =>
  typeof value === "object" && value !== null && "peek" in value;

/** What a slot is filled with by a course, whose heap stands as that course left it; undefined where anything will do. */
export function filling(value: TorchValue | Memory): Tensor | undefined {
  if (value === unset) return undefined;
  if (isMemory(value) || value instanceof TorchTensor) return value.read();
  if (value instanceof TorchNumber) return value.tensor;
  const kind = kindOfNumber(value);
  if (kind) return constant([Number(value)], numberDtypes[kind], []);
  throw unsupportedTorch(`${kindOfTorch(value)} is no tensor`);
}

/** Zeros, where it does not matter what stands there. */
export const anything = ({ dtype, shape }: TensorType): Tensor =>
  constant([0], dtype, []).broadcastTo(staticShape(shape));

/** The type that both of a slot's fillings have. Throws `import/unsupported`. */
export function slotType(name: string, first: Tensor | undefined, second: Tensor | undefined): TensorType {
  const type = first?.type ?? second?.type;
  if (!type) throw unsupportedTorch("nothing is set there");
  if (!first || !second || sameType(first.type, second.type)) return type;
  throw unsupportedTorch(
    `${name === "" ? "a tensor" : name} is ${showTensorType(first.type)} or ${showTensorType(second.type)}, as values decide`,
    "give it one shape and dtype in all cases, or interpret the model",
  );
}

type Structure = TorchTuple | TorchObject | TorchValue[] | Map<string | bigint | number | boolean, TorchValue>;

const isStructure = (value: TorchValue): value is Structure =>
  value instanceof TorchTuple || value instanceof TorchObject || value instanceof Map || Array.isArray(value);

/** Whether a value may be there or not as values decide: what statements change in place would have to be one thing in both cases. */
const mayBeOptional = (value: TorchValue): boolean =>
  value === null || value instanceof TorchTuple || value instanceof TorchOptional || !isStructure(value);

/** Whether two values are one that may be None: what is not set may be None as well. */
const isOptional = (one: TorchValue, other: TorchValue): boolean =>
  [one, other].some((each) => each instanceof TorchOptional) ||
  ([one, other].includes(null) && ![one, other].includes(unset));

/** A value as what may be None. */
function optionalParts(value: TorchValue): readonly [isSet: TorchValue, value: TorchValue] {
  if (value === null) return [false, unset];
  if (value === unset) return [unset, unset];
  return value instanceof TorchOptional ? [value.isSet, value.value] : [true, value];
}

/** A structure of the same form whose tensors and numbers are not set. */
function unsetLike(value: TorchValue): TorchValue {
  if (value instanceof TorchTensor || value instanceof TorchNumber || value instanceof TorchOptional) return unset;
  if (value instanceof TorchTuple) return new TorchTuple(value.items.map(unsetLike), value.fields);
  if (Array.isArray(value)) return value.map(unsetLike);
  if (value instanceof Map) return new Map([...value].map(([key, each]) => [key, unsetLike(each)]));
  if (!(value instanceof TorchObject)) return value;
  const object = new TorchObject(value.type);
  for (const [key, each] of value.attributes) object.attributes.set(key, unsetLike(each));
  return object;
}

/** A tensor that may be another one's memory, as values decide: it is read, and not written to. */
const joinedTensor = (value: Tensor): TorchTensor => {
  const write = () => {
    throw unsupportedTorch(
      "a tensor is written to that is another one in some cases, as values decide",
      "clone it before: x = x.clone()",
    );
  };
  return new TorchTensor({ read: () => value, write, peek: () => value, poke: () => undefined });
};

/** Joins what two courses leave. `sticky` are values that stay slots even where both leave the same. */
export class Join {
  readonly slots: Slot[] = [];
  readonly #before: Snapshot;
  readonly #sticky: ReadonlySet<TorchValue | Memory>;
  readonly #known = new Map<TorchValue, Map<TorchValue, Recipe>>();
  readonly #updates: ((tensors: readonly Tensor[]) => void)[] = [];
  /** What stands for slots since the last `apply`. */
  made = new Set<TorchValue | Memory>();

  constructor(before: Snapshot, sticky: ReadonlySet<TorchValue | Memory> = new Set()) {
    this.#before = before;
    this.#sticky = sticky;
  }

  #slot(name: string, first: TorchValue | Memory, second: TorchValue | Memory): number {
    return this.slots.push({ name, first, second }) - 1;
  }

  #kept(value: TorchValue): TorchValue {
    this.made.add(value);
    return value;
  }

  /** Joins what stood in all that could be reached before. */
  heap(first: Snapshot, second: Snapshot): void {
    const before = this.#before;
    for (const memory of before.memories.keys()) {
      const [one, other] = [first.memories.get(memory), second.memories.get(memory)];
      if (one?.value === other?.value && !this.#sticky.has(memory)) {
        this.#updates.push(() => memory.poke(one));
        continue;
      }
      const at = this.#slot("", memory, memory);
      this.#updates.push((tensors) => {
        memory.poke(tensors[at]!);
        this.made.add(memory);
      });
    }
    for (const container of before.containers.keys())
      this.#container(container, first.containers.get(container)!, second.containers.get(container)!);
  }

  #container(
    container: Container,
    first: readonly (readonly [key: unknown, value: TorchValue])[],
    second: readonly (readonly [key: unknown, value: TorchValue])[],
  ): void {
    if (Array.isArray(container)) {
      const joined = this.#items(
        first.map(([, each]) => each),
        second.map(([, each]) => each),
        "a list",
      );
      this.#updates.push((tensors) => {
        container.splice(0, container.length, ...joined.map((each) => each(tensors)));
      });
      return;
    }
    // What one course alone sets is not read behind it.
    const others = new Map(second);
    const joined = first.flatMap(([key, value]) => {
      const other = others.get(key);
      return other === undefined ? [] : [[key, this.value(value, other, typeof key === "string" ? key : "")] as const];
    });
    this.#updates.push((tensors) => {
      const made = joined.map(([key, each]) => [key, each(tensors)] as const);
      container.clear();
      for (const [key, value] of made) container.set(key, value);
    });
  }

  #items(first: readonly TorchValue[], second: readonly TorchValue[], what: string): readonly Recipe[] {
    if (first.length !== second.length)
      throw unsupportedTorch(
        `${what} has ${first.length} elements or ${second.length}, as values decide`,
        "keep a tensor of as many elements as there may be, and count them",
      );
    return first.map((each, at) => this.value(each, second[at]!, `an element of ${what}`));
  }

  /** A recipe for one value; `name` is what the source calls it. Throws `import/unsupported`. */
  value(first: TorchValue, second: TorchValue, name: string): Recipe {
    if (typeof first !== "object" || first === null) return this.#value(first, second, name);
    // What two variables share, they share behind it.
    const pairs = this.#known.get(first) ?? new Map<TorchValue, Recipe>();
    this.#known.set(first, pairs);
    const known = pairs.get(second);
    if (known) return known;
    const recipe = this.#value(first, second, name);
    const made = new WeakMap<readonly Tensor[], { readonly value: TorchValue }>();
    const once: Recipe = (tensors) => {
      const { value } = made.get(tensors) ?? { value: recipe(tensors) };
      made.set(tensors, { value });
      return value;
    };
    pairs.set(second, once);
    return once;
  }

  /** Whether a value that both courses leave was made with slots inside, which are others the next time. */
  #mayHoldSticky(value: TorchValue): boolean {
    if (this.#sticky.size === 0) return false;
    if (value instanceof TorchTuple || value instanceof TorchOptional) return true;
    if (!isStructure(value)) return false;
    return !this.#before.containers.has((value instanceof TorchObject ? value.attributes : value) as Container);
  }

  #value(first: TorchValue, second: TorchValue, name: string): Recipe {
    const isSticky = this.#sticky.has(first);
    if (isSame(first, second) && !isSticky && !this.#mayHoldSticky(first)) return () => first;
    if (isOptional(first, second) && mayBeOptional(first) && mayBeOptional(second))
      return this.#optional(first, second, name);
    // Of what is not set, anything will do: it becomes like the other one.
    if (first === unset && isStructure(second)) return this.#value(unsetLike(second), second, name);
    if (second === unset && isStructure(first)) return this.#value(first, unsetLike(first), name);
    const [kind, other] = [kindOfNumber(first), kindOfNumber(second)];
    const isDecided = (value: TorchValue) => value instanceof TorchTensor || value instanceof TorchNumber;
    if (!isSticky && first === unset && !isDecided(second)) return () => second;
    if (!isSticky && second === unset && !isDecided(first)) return () => first;
    const isFree = (value: TorchValue) => value === unset;
    if ((kind ?? other) && (kind === other || isFree(first) || isFree(second))) {
      const of = (kind ?? other)!;
      const at = this.#slot(name, first, second);
      return (tensors) => this.#kept(new TorchNumber(of, tensors[at]!));
    }
    const isTensor = (value: TorchValue) => value instanceof TorchTensor || isFree(value);
    if (isTensor(first) && isTensor(second)) {
      const at = this.#slot(name, first, second);
      const isOld = (value: TorchValue) => value instanceof TorchTensor && this.#before.memories.has(value.memory);
      if (isOld(first) || isOld(second)) return (tensors) => this.#kept(joinedTensor(tensors[at]!));
      return (tensors) => this.#kept(TorchTensor.of(tensors[at]!));
    }
    if (first instanceof TorchTuple && second instanceof TorchTuple && first.fields?.join() === second.fields?.join()) {
      const items = this.#items(first.items, second.items, "a tuple");
      return (tensors) =>
        new TorchTuple(
          items.map((each) => each(tensors)),
          first.fields,
        );
    }
    if (Array.isArray(first) && Array.isArray(second)) {
      const items = this.#items(first, second, "a list");
      return (tensors) => items.map((each) => each(tensors));
    }
    if (
      first instanceof Map &&
      second instanceof Map &&
      first.size === second.size &&
      [...first.keys()].every((key) => second.has(key))
    ) {
      const items = [...first].map(([key, each]) => [key, this.value(each, second.get(key)!, String(key))] as const);
      return (tensors) => new Map(items.map(([key, each]) => [key, each(tensors)]));
    }
    if (first instanceof TorchObject && second instanceof TorchObject && first.type === second.type) {
      const items = [...first.attributes].map(
        ([key, each]) => [key, this.value(each, second.attributes.get(key) ?? null, key)] as const,
      );
      return (tensors) => {
        const object = new TorchObject(first.type);
        for (const [key, each] of items) object.attributes.set(key, each(tensors));
        return object;
      };
    }
    if (first instanceof TorchDevice && second instanceof TorchDevice) return () => first;
    if (
      first instanceof TorchCallable &&
      second instanceof TorchCallable &&
      first.name === second.name &&
      first.self === second.self
    )
      return () => first;
    const shown = (value: TorchValue) => (typeof value === "string" ? `the text "${value}"` : kindOfTorch(value));
    throw unsupportedTorch(
      `${name === "" ? "a value" : name} is ${shown(first)} or ${shown(second)}, as values decide`,
      "a graph has tensors and numbers alone for what values decide: interpret the model, or save it without the choice",
    );
  }

  /** What is None in one course, or may be. */
  #optional(first: TorchValue, second: TorchValue, name: string): Recipe {
    const [one, other] = [optionalParts(first), optionalParts(second)];
    const isSet = this.value(one[0], other[0], name);
    const value = this.value(one[1], other[1], name);
    return (tensors) => {
      const set = isSet(tensors);
      if (set instanceof TorchNumber) return new TorchOptional(set, value(tensors));
      return set === false ? null : value(tensors);
    };
  }

  /** Puts what the slots have become into all that was joined. */
  apply(tensors: readonly Tensor[]): void {
    this.made = new Set();
    for (const update of this.#updates) update(tensors);
  }
}
