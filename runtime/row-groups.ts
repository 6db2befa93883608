// Finds kernels that follow each other row by row, as those of softmax and of norms do, to be computed as one over a few rows.
import type { FusedKernel } from "./fusion.ts";
import type { Graph, Node, Value } from "./graph.ts";
import { operators } from "./operators/index.ts";
import { countOf, sameShape, staticShape } from "./tensor-type.ts";

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

const rootOf = ({ node, root }: FusedKernel): Node => root ?? node;

/** The shape of the rows that a kernel reduces or computes. */
function rowsOf(kernel: FusedKernel): readonly number[] | undefined {
  const { operator, attributes, inputs, output } = rootOf(kernel);
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
  readonly #leaving: readonly Value[];

  constructor(graph: Graph, kernels: readonly FusedKernel[]) {
    this.#producers = new Map(graph.nodes.map((node) => [node.output, node]));
    this.#kept = new Set(kernels.map(({ node }) => node.output));
    this.#kernels = kernels;
    this.#leaving = [...graph.outputs.map(({ value }) => value), ...graph.states.map(({ next }) => next)];
  }

  run(): (FusedKernel | RowGroup)[] {
    const result: (FusedKernel | RowGroup)[] = [];
    let [shape, members]: [readonly number[] | undefined, FusedKernel[]] = [undefined, []];
    const close = () => {
      if (shape && members.length > 1)
        result.push({ shape, members, visible: this.#visible(members), shared: this.#read(members) });
      else result.push(...members);
      members = [];
    };
    for (const kernel of this.#kernels) {
      const rows = this.#turns(kernel) ? undefined : rowsOf(kernel);
      if (!(rows && shape && members.length > 0 && sameShape(rows, shape) && this.#follows(kernel, members, shape))) {
        close();
        shape = rows;
      }
      if (rows) members.push(kernel);
      else result.push(kernel);
    }
    close();
    return result;
  }

  /** Whether a kernel computes elements from turned ones, which it reads in squares if it does nothing else. */
  #turns({ node, root }: FusedKernel): boolean {
    const visit = (value: Value): boolean => {
      const producer = this.#kept.has(value) ? undefined : this.#producers.get(value);
      return producer !== undefined && (producer.operator === operators.transpose || producer.inputs.some(visit));
    };
    return !root && node.inputs.some(visit);
  }

  /** Whether a kernel reads what others of a group compute, and all of that by the row. */
  #follows(kernel: FusedKernel, members: readonly FusedKernel[], shape: readonly number[]): boolean {
    const inside = new Set(members.map(({ node }) => node.output));
    const reads = this.#readsOf(kernel, shape).filter(({ value }) => inside.has(value));
    return reads.length > 0 && reads.every(({ byRow }) => byRow);
  }

  #readsOf({ node, root }: FusedKernel, shape: readonly number[]): Read[] {
    const reads: Read[] = [];
    const seen = new Set<string>();
    const ids = new Map<Value, number>();
    const visit = (value: Value, byRow: boolean): void => {
      if (value === root?.output) return;
      if (!ids.has(value)) ids.set(value, ids.size);
      const key = `${ids.get(value)} ${byRow}`;
      if (seen.has(key)) return;
      seen.add(key);
      const whole = byRow && isOfRows(value, shape);
      if (this.#kept.has(value)) reads.push({ value, byRow: whole });
      else {
        const producer = this.#producers.get(value);
        const through = whole && producer?.operator.lowering.kind === "pointwise";
        for (const input of producer?.inputs ?? []) visit(input, through);
      }
    };
    for (const each of root ? [node, root] : [node]) for (const input of each.inputs) visit(input, true);
    return reads;
  }

  #read(kernels: readonly FusedKernel[]): Set<Value> {
    return new Set(kernels.flatMap((each) => this.#readsOf(each, []).map(({ value }) => value)));
  }

  #visible(members: readonly FusedKernel[]): Set<Value> {
    const read = this.#read(this.#kernels.filter((each) => !members.includes(each)));
    const leave = (value: Value): void => {
      if (read.has(value)) return;
      read.add(value);
      if (!this.#kept.has(value)) for (const input of this.#producers.get(value)?.inputs ?? []) leave(input);
    };
    this.#leaving.forEach(leave);
    return new Set(members.map(({ node }) => node.output).filter((value) => read.has(value)));
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
