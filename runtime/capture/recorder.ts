// What a trace in progress collects, and where in the user's source each operator was called.
import { IsochronError } from "../../kernels/index.ts";
import { type BoundedDimension, bounded } from "../graph/dimension.ts";
import { constantValueOf } from "../graph/facts.ts";
import {
  type Constant,
  type Node,
  type NodeParts,
  nodeOf,
  type Results,
  type State,
  type Value,
} from "../graph/graph.ts";
import { located } from "../graph/place.ts";
import type { TensorType, TypedArray } from "../graph/tensor-type.ts";
import type { Operator } from "../operators/index.ts";

/** What a trace collects. */
export class Recorder {
  readonly constants: Constant[] = [];
  readonly states: State[] = [];
  readonly nodes: Node[] = [];
  /** What constants of graphs that were called are here, by their elements. */
  readonly adopted = new Map<TypedArray, Value>();
  /** What states of graphs that were called are here, by the names that they were called under. */
  readonly adoptedStates = new Map<State, Map<string, State>>();

  readonly #names = new Map<string, number>();
  /** Names of dimensions that users gave. */
  readonly #reserved = new Set<string>();

  readonly #chosen = new Map<Value, BoundedDimension[]>();

  /** A dimension that an operator makes, called by the operator's name, with a number from the second on. */
  newDimension(operator: string, max: number): BoundedDimension {
    const number = this.#names.get(operator) ?? 0;
    this.#names.set(operator, number + 1);
    const name = number === 0 ? operator : `${operator}${number}`;
    return this.#reserved.has(name) ? this.newDimension(operator, max) : bounded(name, max);
  }

  /** Keeps a name from being that of another dimension. */
  reserveDimension(name: string): void {
    this.#reserved.add(name);
  }

  /** The dimension of what a mask chooses: of one mask and one bound it is the same, whatever is chosen from. */
  dimensionUnder(mask: Value, operator: string, max: number): BoundedDimension {
    const known = this.#chosen.get(mask) ?? [];
    const same = known.find((each) => each.max === max);
    if (same) return same;
    const dimension = this.newDimension(operator, max);
    this.#chosen.set(mask, [...known, dimension]);
    return dimension;
  }

  apply(operator: Operator, operands: readonly Value[], attributes: unknown = {}, hint?: string): Value {
    return this.results(operator, operands, { attributes, hints: [hint] })[0];
  }

  results(operator: Operator, operands: readonly Value[], parts?: NodeParts): Results {
    return located((place) => {
      const node = nodeOf(operator, operands, { ...parts, place });
      this.nodes.push(node);
      return node.outputs;
    });
  }

  constant(type: TensorType, data: TypedArray, name = "c"): Value {
    const value = constantValueOf(type, data);
    this.constants.push({ name, value, data });
    return value;
  }

  /** What was last written to a state, or what the step found. */
  readState(state: State): Value {
    return state.next;
  }

  writeState(state: State, next: Value): void {
    state.next = next;
  }

  /** The trace that this belongs to, which has the states. */
  get whole(): Recorder {
    return this;
  }
}

/** Collects a region of control flow, which gets the states that it uses as inputs. */
export class RegionRecorder extends Recorder {
  /** The states that were read or written: the region's input for each, and what it leaves. */
  readonly used = new Map<State, { readonly input: Value; next: Value }>();
  readonly #whole: Recorder;

  constructor(around: Recorder) {
    super();
    this.#whole = around.whole;
  }

  override get whole(): Recorder {
    return this.#whole;
  }

  override readState(state: State): Value {
    return this.use(state).next;
  }

  override writeState(state: State, next: Value): void {
    this.use(state).next = next;
  }

  /** The input and the output that stand for a state. */
  use(state: State): { readonly input: Value; next: Value } {
    const known = this.used.get(state);
    if (known) return known;
    const input: Value = { type: state.value.type, hint: state.name };
    const entry = { input, next: input };
    this.used.set(state, entry);
    return entry;
  }
}

let current: Recorder | undefined;

/** The trace in progress. Throws `trace/outside` when there is none. */
export function currentRecorder(
  message = "tensors are symbolic, and exist only while a function is traced",
  help = "call this inside the function given to trace()",
): Recorder {
  if (current) return current;
  throw new IsochronError("trace/outside", message, { help });
}

/** Runs `body` with `recorder` as the trace in progress. */
export function recording<T>(recorder: Recorder, body: () => T): T {
  const outer = current;
  current = recorder;
  try {
    return body();
  } finally {
    current = outer;
  }
}
