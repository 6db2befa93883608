// What is known of tensors while a graph is built: the elements of those that follow from constants alone.

import { currentRecorder, type Recorder } from "../../capture/recorder.ts";
import type { Tensor } from "../../capture/tensor.ts";
import type { Node, Value } from "../../graph/graph.ts";
import { arrayFrom } from "../../graph/tensor-type.ts";
import { evaluate } from "../../interpreters/interpreter.ts";
import type { Nd } from "../../operators/index.ts";
import { KnownBudget } from "./limits.ts";

/** What a trace has computed so far, and which of it follows from constants alone. */
class Followed {
  readonly #recorder: Recorder;
  readonly #producers = new Map<Value, Node>();
  readonly #constant = new Set<Value>();
  readonly #elements = new Map<Value, Nd>();
  readonly #budget = new KnownBudget();
  #nodes = 0;
  #constants = 0;

  constructor(recorder: Recorder) {
    this.#recorder = recorder;
  }

  #update(): void {
    const { constants, nodes } = this.#recorder;
    for (; this.#constants < constants.length; this.#constants++) {
      const { value, data } = constants[this.#constants]!;
      this.#constant.add(value);
      this.#elements.set(value, { ...value.type, shape: value.type.shape as readonly number[], data });
    }
    for (; this.#nodes < nodes.length; this.#nodes++) {
      const node = nodes[this.#nodes]!;
      const folds = node.inputs.every((each) => this.#constant.has(each)) && node.regions === undefined;
      for (const each of node.outputs) {
        this.#producers.set(each, node);
        if (folds) this.#constant.add(each);
      }
    }
  }

  /** The elements of a value that follows from constants alone. */
  elementsOf(value: Value): Nd | undefined {
    this.#update();
    if (!this.#constant.has(value)) return undefined;
    const known = this.#elements.get(value);
    if (known) return known;
    const needed = new Set<Node>();
    const open = [value];
    for (let next = open.pop(); next; next = open.pop()) {
      const node = this.#elements.has(next) ? undefined : this.#producers.get(next);
      if (!node || needed.has(node)) continue;
      needed.add(node);
      open.push(...node.inputs);
    }
    const nodes = this.#recorder.nodes.filter((each) => needed.has(each));
    this.#budget.take(nodes);
    evaluate({ constants: [], nodes }, this.#elements);
    return this.#elements.get(value);
  }

  /** The values that are computed by nothing, of those that a value is computed from. */
  sourcesOf(value: Value): Set<Value> {
    this.#update();
    const seen = new Set<Value>([value]);
    const sources = new Set<Value>();
    for (const each of seen) {
      const node = this.#producers.get(each);
      if (!node) sources.add(each);
      for (const input of node?.inputs ?? []) seen.add(input);
    }
    return sources;
  }
}

const followed = new WeakMap<Recorder, Followed>();

function current(): Followed {
  const recorder = currentRecorder();
  const known = followed.get(recorder) ?? new Followed(recorder);
  followed.set(recorder, known);
  return known;
}

/** The elements of a tensor, where they follow from constants and sizes alone. */
export function elementsOf({ value }: Tensor): Nd | undefined {
  const { known, type } = value;
  if (known?.every((each) => typeof each === "number"))
    return { dtype: type.dtype, shape: type.shape as readonly number[], data: arrayFrom(type.dtype, known) };
  return current().elementsOf(value);
}

/** The inputs, states and constants that a tensor is computed from. */
export const sourcesOf = ({ value }: Tensor): Set<Value> => current().sourcesOf(value);
