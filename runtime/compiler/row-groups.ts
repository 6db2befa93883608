// Finds kernels that follow each other row by row, as those of softmax and of norms do, to be computed as one over a few rows.

import { type Graph, type Node, producersOf, type Value } from "../graph/graph.ts";
import { countOf, sameShape, staticShape } from "../graph/tensor-type.ts";
import { operators } from "../operators/index.ts";
import type { FusedKernel } from "./fusion.ts";

/** Kernels that one kernel computes, some rows at a time. */
export interface RowGroup {
  /** Leading dimensions, and the length of a row. */
  readonly shape: readonly number[];
  readonly members: readonly FusedKernel[];
  /** What others read of the values computed. */
  readonly visible: ReadonlySet<Value>;
  /** What members read of them. */
  readonly shared: ReadonlySet<Value>;
}

/** Longest row that stays in cache with the others of a tile. */
const longest = 8192;

/** Steps of one kernel: what compiles it should not see all of a deep graph at once. */
const mostMembers = 32;

const rootOf = ({ node, root }: FusedKernel): Node => root ?? node;

/** The shape of the rows that a kernel reduces or computes. */
function rowsOf(kernel: FusedKernel): readonly number[] | undefined {
  const {
    operator,
    attributes,
    inputs,
    outputs: [output],
  } = rootOf(kernel);
  const { lowering } = operator;
  let shape: readonly number[] | undefined;
  if (lowering.kind === "reduce") {
    const given = staticShape(inputs[0]!.type.shape);
    const axes = lowering.axes(attributes);
    if (axes.length === 1 && axes[0] === given.length - 1) shape = given;
  } else if (lowering.kind === "pointwise" && !kernel.root) shape = staticShape(output.type.shape);
  const length = shape?.at(-1) ?? 0;
  return shape && length > 1 && length <= longest && countOf(shape) > 0 ? shape : undefined;
}

/** A value that a kernel reads, and whether it reads each row's elements for that row alone. */
interface Read {
  readonly value: Value;
  readonly byRow: boolean;
}

class Grouping {
  readonly #producers: ReadonlyMap<Value, Node>;
  readonly #kept: ReadonlySet<Value>;
  readonly #kernels: readonly FusedKernel[];
  /** Values that are computed from turned ones where they are read. */
  readonly #turned = new Set<Value>();
  /** The kernels that read a value. */
  readonly #readers = new Map<Value, FusedKernel[]>();
  /** Values that outputs and next states are, or are computed from when they are copied. */
  readonly #leaving = new Set<Value>();

  constructor(graph: Graph, kernels: readonly FusedKernel[]) {
    this.#producers = producersOf(graph);
    this.#kept = new Set(kernels.map(({ node }) => node.outputs[0]));
    this.#kernels = kernels;
    for (const {
      operator,
      inputs,
      outputs: [output],
    } of graph.nodes) {
      const turns = operator === operators.permute || inputs.some((value) => this.#turned.has(value));
      if (turns && !this.#kept.has(output)) this.#turned.add(output);
    }
    for (const kernel of kernels) {
      for (const value of this.#readBy(kernel)) {
        const known = this.#readers.get(value);
        if (known) known.push(kernel);
        else this.#readers.set(value, [kernel]);
      }
    }
    for (const { value } of graph.outputs) this.#leaving.add(value);
    for (const { next } of graph.states) this.#leaving.add(next);
    for (const {
      inputs,
      outputs: [output],
    } of graph.nodes.toReversed())
      if (this.#leaving.has(output) && !this.#kept.has(output)) for (const value of inputs) this.#leaving.add(value);
  }

  run(): (FusedKernel | RowGroup)[] {
    const result: (FusedKernel | RowGroup)[] = [];
    let [shape, members]: [readonly number[] | undefined, FusedKernel[]] = [undefined, []];
    const inside = new Set<Value>();
    const close = () => {
      if (shape && members.length > 1)
        result.push({ shape, members, visible: this.#visible(members), shared: this.#read(members) });
      else result.push(...members);
      members = [];
      inside.clear();
    };
    for (const kernel of this.#kernels) {
      const rows = this.#turns(kernel) ? undefined : rowsOf(kernel);
      const joins =
        rows &&
        shape &&
        members.length > 0 &&
        members.length < mostMembers &&
        sameShape(rows, shape) &&
        this.#follows(kernel, inside, shape);
      if (!joins) {
        close();
        shape = rows;
      }
      if (rows) {
        members.push(kernel);
        inside.add(kernel.node.outputs[0]);
      } else result.push(kernel);
    }
    close();
    return result;
  }

  /** Whether a kernel computes elements from turned ones, which it reads in squares if it does nothing else. */
  #turns({ node, root }: FusedKernel): boolean {
    return !root && node.inputs.some((value) => this.#turned.has(value));
  }

  /** Whether a kernel reads what others of a group compute, and all of that by the row. */
  #follows(kernel: FusedKernel, inside: ReadonlySet<Value>, shape: readonly number[]): boolean {
    const reads = this.#readsOf(kernel, shape).filter(({ value }) => inside.has(value));
    return reads.length > 0 && reads.every(({ byRow }) => byRow);
  }

  #readsOf({ node, root }: FusedKernel, shape: readonly number[]): Read[] {
    const reads: Read[] = [];
    const seen = { true: new Set<Value>(), false: new Set<Value>() };
    const open = (root ? [node, root] : [node]).flatMap(({ inputs }) =>
      inputs.map((value) => ({ value, byRow: true })),
    );
    for (let next = open.pop(); next; next = open.pop()) {
      const { value, byRow } = next;
      const known = seen[`${byRow}`];
      if (value === root?.outputs[0] || known.has(value)) continue;
      known.add(value);
      const whole = byRow && isOfRows(value, shape);
      if (this.#kept.has(value)) reads.push({ value, byRow: whole });
      else {
        const producer = this.#producers.get(value);
        const through = whole && producer?.operator.lowering.kind === "pointwise";
        for (const input of producer?.inputs ?? []) open.push({ value: input, byRow: through });
      }
    }
    return reads;
  }

  #readBy(kernel: FusedKernel): Set<Value> {
    return new Set(this.#readsOf(kernel, []).map(({ value }) => value));
  }

  #read(kernels: readonly FusedKernel[]): Set<Value> {
    return new Set(kernels.flatMap((each) => [...this.#readBy(each)]));
  }

  /** What others than the members read of what they compute. */
  #visible(members: readonly FusedKernel[]): Set<Value> {
    const inside = new Set(members);
    const leaves = (value: Value) =>
      this.#leaving.has(value) || this.#readers.get(value)?.some((reader) => !inside.has(reader));
    return new Set(members.map(({ node }) => node.outputs[0]).filter(leaves));
  }
}

/** Whether a value has an element, or one number, for each element of the rows. */
function isOfRows(value: Value, shape: readonly number[]): boolean {
  const given = staticShape(value.type.shape);
  return (
    given.length === shape.length &&
    given.every((size, d) => size === shape[d] || (d === shape.length - 1 && size === 1))
  );
}

/** A graph's kernels, in order, those that can be computed row by row together as one. */
export const groupRows = (graph: Graph, kernels: readonly FusedKernel[]): readonly (FusedKernel | RowGroup)[] =>
  new Grouping(graph, kernels).run();
