// What stands in variables, lists, dictionaries, objects and memories at one moment, to be put back.
import type { Tensor } from "../../../capture/tensor.ts";
import {
  type Memory,
  TorchNumber,
  TorchObject,
  TorchOptional,
  TorchRange,
  TorchTensor,
  TorchTuple,
  type TorchValue,
} from "../values.ts";

/** Variables by name: those of one function that runs. */
export type Variables = Map<string, TorchValue>;

/** What holds values that statements may change. */
export type Container = Map<unknown, TorchValue> | TorchValue[];

/** All that can be reached from some variables, as it stood when this was made. */
export class Snapshot {
  readonly containers = new Map<Container, readonly (readonly [key: unknown, value: TorchValue])[]>();
  readonly memories = new Map<Memory, Tensor | undefined>();

  /** `also` holds what is no longer reached, and may be again. */
  constructor(roots: readonly TorchValue[], also?: Snapshot) {
    const waiting: TorchValue[] = [...roots];
    if (also) {
      waiting.push(...(also.containers.keys() as Iterable<TorchValue>));
      for (const memory of also.memories.keys()) this.memories.set(memory, memory.peek());
    }
    for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) this.#add(value, waiting);
  }

  #add(value: TorchValue, waiting: TorchValue[]): void {
    if (typeof value !== "object" || value === null) return;
    if (value instanceof TorchTensor) this.memories.set(value.memory, value.memory.peek());
    else if (value instanceof TorchTuple) waiting.push(...value.items);
    else if (value instanceof TorchOptional) waiting.push(value.value);
    else if (value instanceof TorchObject) waiting.push(value.attributes as Map<string, TorchValue>);
    else if (value instanceof Map || Array.isArray(value)) {
      const container = value as Container;
      if (this.containers.has(container)) return;
      const entries = [...container.entries()];
      this.containers.set(container, entries);
      for (const [, each] of entries) waiting.push(each);
    } else if (value instanceof TorchRange) waiting.push(value.start, value.step);
  }

  /** Puts back what stood there. */
  restore(): void {
    for (const [container, entries] of this.containers) {
      if (Array.isArray(container)) container.splice(0, container.length, ...entries.map(([, value]) => value));
      else {
        container.clear();
        for (const [key, value] of entries) container.set(key, value);
      }
    }
    for (const [memory, tensor] of this.memories) memory.poke(tensor);
  }
}

/** Whether one value is the other, without looking inside. */
export const isSame = (one: TorchValue | undefined, other: TorchValue | undefined): boolean =>
  Object.is(one, other) ||
  (one instanceof TorchNumber && other instanceof TorchNumber && one.tensor.value === other.tensor.value);
