// What two courses of a program leave, as one: where they leave other values, a tensor that one of the two fills.
import { constant, type Tensor } from "../../../capture/tensor.ts";
import { sameType, showTensorType, type TensorType } from "../../../graph/tensor-type.ts";
import { unsupportedTorch } from "../call.ts";
import type { Memory } from "../values.ts";
import {
  kindOfNumber,
  kindOfTorch,
  numberDtypes,
  TorchCallable,
  TorchDevice,
  TorchGrown,
  TorchNumber,
  TorchObject,
  TorchOptional,
  TorchTensor,
  TorchTuple,
  type TorchValue,
  unset,
} from "../values.ts";
import { columnsOf, formIn, formParts, grownIn, isGrownList, leastIn, lengthOf, mostIn, roomOf } from "./grown.ts";
import { joinedTensor } from "./joined-tensor.ts";
import { type Container, isSame, type Snapshot } from "./snapshot.ts";

/** A value that is decided while the model runs: what each course leaves there. */
export interface Slot {
  /** What the source calls it, for errors. */
  readonly name: string;
  readonly first: Filled;
  readonly second: Filled;
}

/** What makes the tensor of a slot, recorded behind what the course did. */
class Filling {
  readonly make: () => Tensor;

  constructor(make: () => Tensor) {
    this.make = make;
  }
}

/** What a slot is filled with: a value, what stands in a memory, or what is made of what a course left. */
type Filled = TorchValue | Memory | Filling;

/** Makes a value of what the slots have become. */
export type Recipe = (tensors: readonly Tensor[]) => TorchValue;

const isMemory = (value: Filled): value is Memory => typeof value === "object" && value !== null && "peek" in value;

/** What a slot is filled with by a course, whose heap stands as that course left it; undefined where anything will do. */
export function filling(value: Filled): Tensor | undefined {
  if (value instanceof Filling) return value.make();
  if (value === unset) return undefined;
  if (isMemory(value) || value instanceof TorchTensor) return value.read();
  if (value instanceof TorchNumber) return value.tensor;
  const kind = kindOfNumber(value);
  if (kind) return constant([Number(value)], numberDtypes[kind], []);
  throw unsupportedTorch(`${kindOfTorch(value)} is no tensor`);
}

/** The type that both of a slot's fillings have, or that what `either` makes of two has. Throws `import/unsupported`. */
export function slotType(
  name: string,
  first: Tensor | undefined,
  second: Tensor | undefined,
  either: (one: TensorType, other: TensorType) => TensorType | undefined = () => undefined,
): TensorType {
  const type = first?.type ?? second?.type;
  if (!type) throw unsupportedTorch("nothing is set there");
  if (!first || !second || sameType(first.type, second.type)) return type;
  const joined = either(first.type, second.type);
  if (joined) return joined;
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
  if (Array.isArray(value)) return isGrownList(value) ? [] : value.map(unsetLike);
  if (value instanceof Map) return new Map([...value].map(([key, each]) => [key, unsetLike(each)]));
  if (!(value instanceof TorchObject)) return value;
  const object = new TorchObject(value.type);
  for (const [key, each] of value.attributes) object.attributes.set(key, unsetLike(each));
  return object;
}

/** How many elements a list may have that is one of two. */
function ofEither(first: readonly TorchValue[], second: readonly TorchValue[]) {
  const [one, other] = [grownIn(first)?.growth, grownIn(second)?.growth];
  const most = Math.max(mostIn(first), mostIn(second));
  const length = { least: Math.min(leastIn(first), leastIn(second)), most, growth: one === other ? one : undefined };
  return { during: length, behind: length };
}

/** A loop: how often it turns at most. */
export interface Turns {
  readonly atMost: number;
}

/** Joins what two courses leave. `sticky` are values that stay slots even where both leave the same. */
export class Join {
  readonly slots: Slot[] = [];
  readonly #before: Snapshot;
  readonly #sticky: ReadonlySet<TorchValue | Memory>;
  readonly #known = new Map<TorchValue, Map<TorchValue, Recipe>>();
  readonly #updates: ((tensors: readonly Tensor[]) => void)[] = [];
  /** What stood where each of the courses ended: by now it may stand there no more. */
  #courses: readonly [Snapshot, Snapshot] | undefined;
  /** Whether lists have as many elements as turns of a loop were recorded for. */
  isStable = true;
  /** What stands for slots since the last `apply`. */
  made = new Set<TorchValue | Memory>();

  /** The loop whose turns leave what is joined with what they begin with. */
  readonly #loop: Turns | undefined;
  /** Whether the loop is over, and not in the midst of its turns. */
  #isOver = false;

  constructor(before: Snapshot, sticky: ReadonlySet<TorchValue | Memory> = new Set(), loop?: Turns) {
    this.#before = before;
    this.#sticky = sticky;
    this.#loop = loop;
  }

  #slot(name: string, first: Filled, second: Filled): number {
    return this.slots.push({ name, first, second }) - 1;
  }

  #kept(value: TorchValue): TorchValue {
    this.made.add(value);
    return value;
  }

  /** Joins what stood in all that could be reached before. */
  heap(first: Snapshot, second: Snapshot): void {
    this.#courses = [first, second];
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

  /** What a course left in a list or a dictionary. */
  #left(course: 0 | 1, container: Container): readonly (readonly [key: unknown, value: TorchValue])[] {
    return this.#courses?.[course].containers.get(container) ?? [...container.entries()];
  }

  #container(
    container: Container,
    first: readonly (readonly [key: unknown, value: TorchValue])[],
    second: readonly (readonly [key: unknown, value: TorchValue])[],
  ): void {
    if (Array.isArray(container)) {
      const joined = this.#list(
        first.map(([, each]) => each),
        second.map(([, each]) => each),
      );
      this.#updates.push((tensors) => {
        container.splice(0, container.length, ...joined(tensors));
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
    return first.map((each, at) => this.value(each, second[at]!, `an element of ${what}`));
  }

  /** The elements of a list: as many in both courses, or as many as values decide. */
  #list(first: readonly TorchValue[], second: readonly TorchValue[]): (tensors: readonly Tensor[]) => TorchValue[] {
    const [one, other] = [grownIn(first), grownIn(second)];
    if (!one && !other && first.length === second.length) {
      const items = this.#items(first, second, "a list");
      return (tensors) => items.map((each) => each(tensors));
    }
    if (one && one === other && !this.#sticky.has(one)) return () => [one];
    const form = formIn(first, second)!;
    const { during, behind } = this.#loop ? this.#inLoop(this.#loop, first, second) : ofEither(first, second);
    const room = Math.max(roomOf(first), roomOf(second), behind.most, 1);
    const parts = [first, second].map(
      (list) => (part: number) => new Filling(() => columnsOf(list, form, room)[part]!),
    );
    const slots = formParts(form).map((_, part) => this.#slot("a list", parts[0]!(part), parts[1]!(part)));
    const count = this.#slot("the length of a list", lengthOf(first), lengthOf(second));
    return (tensors) => {
      const { least, most, growth } = this.#isOver ? behind : during;
      const columns = slots.map((at) => tensors[at]!);
      const number = new TorchNumber("int", tensors[count]!, { least, most });
      return [this.#kept(new TorchGrown(form, columns, number, growth)) as TorchGrown];
    };
  }

  /** How many elements a list may have where the turns of a loop begin, and behind them. `first` is what a turn begins with. */
  #inLoop(loop: Turns, first: readonly TorchValue[], second: readonly TorchValue[]) {
    const [one, other] = [grownIn(first), grownIn(second)];
    const before = one?.growth;
    const growth = before?.loop === loop ? before : { loop, most: mostIn(first), outer: before };
    const more = Math.max(mostIn(second) - mostIn(first), 0);
    // What a turn leaves is what it began with and so many more: as often as there are turns. Else it is what any turn may leave.
    const descends = !one || other?.growth === before;
    const most = descends ? growth.most + (loop.atMost - 1) * more : Math.max(mostIn(first), mostIn(second));
    const least = leastIn(second) < leastIn(first) ? 0 : leastIn(first);
    // What is said of the list has to be what this round was recorded with.
    if (one && (most !== mostIn(first) || least !== leastIn(first))) this.isStable = false;
    return {
      during: { least, most, growth },
      behind: { least, most: descends ? most + more : most, growth: descends ? growth.outer : undefined },
    };
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
      if (first.items.length !== second.items.length)
        throw unsupportedTorch(
          `a tuple has ${first.items.length} elements or ${second.items.length}, as values decide`,
        );
      const items = this.#items(first.items, second.items, "a tuple");
      return (tensors) =>
        new TorchTuple(
          items.map((each) => each(tensors)),
          first.fields,
        );
    }
    if (Array.isArray(first) && Array.isArray(second))
      return this.#list(
        this.#left(0, first).map(([, each]) => each),
        this.#left(1, second).map(([, each]) => each),
      );
    if (first instanceof Map && second instanceof Map) {
      const [own, others] = [new Map(this.#left(0, first)), new Map(this.#left(1, second))];
      if (own.size === others.size && [...own.keys()].every((key) => others.has(key))) {
        const items = [...own].map(([key, each]) => [key, this.value(each, others.get(key)!, String(key))] as const);
        return (tensors) => new Map(items.map(([key, each]) => [key as string, each(tensors)]));
      }
    }
    if (first instanceof TorchObject && second instanceof TorchObject && first.type === second.type) {
      const others = new Map(this.#left(1, second.attributes));
      const items = this.#left(0, first.attributes).map(
        ([key, each]) => [String(key), this.value(each, others.get(key) ?? null, String(key))] as const,
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

  /** Puts what the slots have become into all that was joined; `isOver` says that it is what a loop leaves. */
  apply(tensors: readonly Tensor[], isOver = false): void {
    this.made = new Set();
    this.#isOver = isOver;
    for (const update of this.#updates) update(tensors);
  }
}
