// Decides which values of a graph get memory of their own, and which are computed inside the kernel of another.
import { bytesOf, type Expression, depthOf as levelsOf } from "../../kernels/index.ts";
import { type Graph, match, type Node, producersOf, type Value } from "../graph/graph.ts";
import { countOf, sameShape, staticShape } from "../graph/tensor-type.ts";
import { type Operator, operators } from "../operators/index.ts";

/** A kernel to be: the node whose value it stores, and the contraction or reduction that it starts with, if another. */
export interface FusedKernel {
  readonly node: Node;
  readonly root?: Node;
}

/** Operands that a node reads through addresses, so that they must lie in memory. */
function memoryOperands(node: Node): readonly number[] {
  const { lowering } = node.operator;
  switch (lowering.kind) {
    case "reshape":
      return [0];
    case "control":
      return node.inputs.map((_, at) => at);
    case "source":
      return lowering.inMemory;
    case "kernel":
      return lowering.inMemory.filter((at) => at < node.inputs.length);
    case "pointwise":
    case "reduce":
    case "concat":
    case "pad":
    case "composite":
    case "interpreted":
      return [];
  }
}

/** Whether a node only says where in its operand's memory its result lies; neighbours stay neighbours. */
export function isStridedView({ operator: { lowering }, attributes }: Node): boolean {
  return lowering.kind === "source" && lowering.part?.(attributes).steps.at(-1) === 1;
}

/** The values that some node reads through addresses rather than element by element. */
export function valuesReadFromMemory(graph: Graph): Set<Value> {
  const constants = new Set(graph.constants.map(({ value }) => value));
  const readers = new Map<Value, number>();
  for (const node of graph.nodes)
    for (const value of new Set(node.inputs)) readers.set(value, (readers.get(value) ?? 0) + 1);
  /** Values that lie in memory anyway, so that their parts need not be copied; what no node computes does unless constant. */
  const computed = new Map<Value, boolean>();
  const isInMemory = (value: Value): boolean => computed.get(value) ?? !constants.has(value);
  /** Pointwise values that may be the end of a kernel that starts with another. */
  const ends = new Set<Value>();
  /** Of a part of what lies in memory, that; of others, themselves. */
  const bases = new Map<Value, Value>();
  const base = (value: Value): Value => bases.get(value) ?? value;
  const rootOutputs = new Set<Value>();
  const read = new Set<Value>();
  for (const node of graph.nodes) {
    const {
      inputs,
      outputs: [output],
      operator,
    } = node;
    const { kind } = operator.lowering;
    if (isRoot(node)) rootOutputs.add(output);
    const behindRoot = () =>
      inputs.some(
        (value) => sameShape(value.type.shape, output.type.shape) && (rootOutputs.has(value) || ends.has(value)),
      );
    if (kind === "pointwise" && behindRoot()) ends.add(output);
    if (kind === "reshape") computed.set(output, isInMemory(inputs[0]!));
    else computed.set(output, kind === "pointwise" ? readers.get(output)! > 1 || ends.has(output) : kind !== "source");
    if (isStridedView(node) && isInMemory(base(inputs[0]!))) bases.set(output, base(inputs[0]!));
    for (const at of memoryOperands(node)) read.add(kind === "reshape" ? inputs[at]! : base(inputs[at]!));
  }
  return read;
}

/** Whether a node's kernel can go on with what follows it element by element. */
const isRoot = ({ operator: { lowering } }: Node): boolean =>
  lowering.kind === "reduce" || (lowering.kind === "kernel" && lowering.fuses === true);

/** Nodes that are looked at for one in which all readers of a value come together. */
const mostTogether = 16;

/** Operators that make numbers of other bytes of the same numbers. */
const widening: ReadonlySet<unknown> = new Set([operators.dequantize, operators.cast]);

/** Levels of the expressions of one kernel, at most: those who walk over them call themselves for each. */
const deepest = 400;
/** Levels that a source adds, by its index arithmetic. */
const sourceDepth = 4;
const depthsOfOperators = new WeakMap<Operator, Map<string, number>>();

/** How many levels a node's own expression has above its operands. */
function depthOf({ operator, attributes, inputs, outputs: [output] }: Node): number {
  const { lowering } = operator;
  if (lowering.kind !== "pointwise") return sourceDepth;
  const known = depthsOfOperators.get(operator) ?? new Map<string, number>();
  depthsOfOperators.set(operator, known);
  const key = inputs.map(({ type }) => type.dtype).join();
  const depth = known.get(key) ?? levelsOf(lowering.expression(inputs.map(operandLike), attributes, output.type)) - 1;
  known.set(key, depth);
  return depth;
}

/** Stands for an element of a value. */
const operandLike = ({ type: { dtype } }: Value): Expression => {
  const type = { scalar: dtype, lanes: 2 } as const;
  return { kind: "local", type, local: { name: "operand", type, kind: "let" } };
};

const sizeOf = (value: Value): number => countOf(staticShape(value.type.shape));

class Fusion {
  readonly #graph: Graph;
  readonly #producers: ReadonlyMap<Value, Node>;
  readonly #consumers = new Map<Value, Node[]>();
  readonly #inMemory: Set<Value>;
  readonly #order: ReadonlyMap<Node, number>;
  /** Values that only move an index of others, which costs nothing to repeat. */
  readonly #views = new Set<Value>();
  /** What reshaped values are reshapes of. */
  readonly #reshaped = new Map<Value, Value>();

  constructor(graph: Graph, stored: Iterable<Value>) {
    this.#graph = graph;
    this.#producers = producersOf(graph);
    this.#order = new Map(graph.nodes.map((node, at) => [node, at]));
    this.#inMemory = valuesReadFromMemory(graph);
    for (const value of stored) this.#inMemory.add(value);
    for (const node of graph.nodes) {
      for (const value of new Set(node.inputs)) {
        const readers = this.#consumers.get(value);
        if (readers) readers.push(node);
        else this.#consumers.set(value, [node]);
      }
    }
    for (const node of graph.nodes) {
      const {
        inputs,
        outputs: [output],
      } = node;
      if (node.operator.lowering.kind === "reshape")
        this.#reshaped.set(output, this.#reshaped.get(inputs[0]!) ?? inputs[0]!);
      this.#keepRepeated(node);
      if (this.#moves(node)) this.#views.add(output);
    }
    this.#cutDeep();
  }

  plan(): FusedKernel[] {
    const claimed = new Set<Node>();
    const rootOf = new Map<Node, Node>();
    for (const node of this.#graph.nodes) {
      const last = this.#chainFrom(node, claimed);
      if (last) rootOf.set(last, node);
    }
    const roots = new Set(rootOf.values());
    return this.#graph.nodes.flatMap((node): FusedKernel[] => {
      const root = rootOf.get(node);
      if (root) return [{ node, root }];
      return !roots.has(node) && !claimed.has(node) && this.#isMaterialised(node) ? [{ node }] : [];
    });
  }

  #consumersOf(value: Value): readonly Node[] {
    return this.#consumers.get(value) ?? [];
  }

  /** An element of a smaller operand is read many times: it is computed once and kept. */
  #keepRepeated(node: Node): void {
    const { lowering } = node.operator;
    if (lowering.kind !== "pointwise" && !(lowering.kind === "source" && lowering.repeats)) return;
    for (const value of node.inputs) {
      if (sizeOf(value) < sizeOf(node.outputs[0]) && !this.#isView(value)) this.#inMemory.add(value);
    }
  }

  #isView(value: Value): boolean {
    return !this.#producers.has(value) || this.#views.has(value);
  }

  /** Whether a node's value is a view, those of its operands known. */
  #moves(node: Node): boolean {
    const { lowering } = node.operator;
    if (lowering.kind === "pad") return true;
    if (lowering.kind === "pointwise" && lowering.isCheap) return node.inputs.every((each) => this.#isView(each));
    if (isStridedView(node) && this.#isInMemory(node.inputs[0]!)) return true;
    if (lowering.kind !== "source") return false;
    // One number is read where it lies.
    return node.inputs.every((each, at) => (lowering.inMemory.includes(at) ? sizeOf(each) === 1 : this.#isView(each)));
  }

  /** Whether a value is in memory, so that parts of it are read there. */
  #isInMemory(value: Value): boolean {
    const node = this.#producers.get(this.#reshaped.get(value) ?? value);
    return !node || this.#isMaterialised(node);
  }

  /** Keeps values in memory wherever the expressions of a kernel would get too deep for those that walk over them. */
  #cutDeep(): void {
    const depths = new Map<Value, number>();
    for (const node of this.#graph.nodes) {
      const own = depthOf(node);
      const most = Math.max(0, deepest - own);
      let below = 0;
      for (const value of node.inputs) {
        const depth = depths.get(value) ?? 0;
        if (depth > most) {
          this.#inMemory.add(value);
          depths.delete(value);
        } else if (depth > below) below = depth;
      }
      if (!this.#isMaterialised(node) && node.operator.lowering.kind !== "reshape")
        depths.set(node.outputs[0], own + below);
    }
  }

  #isMaterialised(node: Node): boolean {
    const { kind } = node.operator.lowering;
    if (kind === "reshape") return false;
    if (kind !== "pointwise" && kind !== "source") return true;
    return (
      this.#inMemory.has(node.outputs[0]) ||
      (this.#consumersOf(node.outputs[0]).length > 1 && !this.#isView(node.outputs[0]))
    );
  }

  /** The last of the pointwise nodes that follow a contraction or reduction, element for element. */
  #chainFrom(root: Node, claimed: Set<Node>): Node | undefined {
    if (!isRoot(root)) return undefined;
    const chain: (readonly Node[])[] = [];
    let depth = 0;
    for (let node = root; ; ) {
      const following = this.#meeting(node.outputs[0], claimed);
      depth += following?.reduce((sum, each) => sum + depthOf(each), 0) ?? 0;
      if (!following || depth > deepest) break;
      for (const each of following) claimed.add(each);
      chain.push(following);
      node = following.at(-1)!;
    }
    const end = chain.at(-1);
    if (end?.length === 1 && (this.#isWidenedByReader(end[0]!) || this.#guards(end[0]!))) {
      claimed.delete(end[0]!);
      chain.pop();
    }
    return chain.at(-1)?.at(-1);
  }

  /** Whether a node only makes more bytes of each element, and its one reader can do so itself. */
  #isWidenedByReader({ operator, inputs: [x], outputs: [output] }: Node): boolean {
    if (!widening.has(operator) || bytesOf(x!.type.dtype) >= bytesOf(output.type.dtype)) return false;
    const readers = this.#consumersOf(output).map((each) => each.operator.lowering.kind);
    return (
      !this.#inMemory.has(output) && readers.length === 1 && (readers[0] === "reduce" || readers[0] === "pointwise")
    );
  }

  /** Whether a node puts numbers that change nothing behind a count, for the one reduction that reads it and ends there. */
  #guards(node: Node): boolean {
    if (!match(node, operators.where) || !match(this.#producers.get(node.inputs[0]!), operators.inFront)) return false;
    const readers = this.#consumersOf(node.outputs[0]);
    return readers.length === 1 && readers[0]!.operator.lowering.kind === "reduce";
  }

  /** The fewest pointwise nodes behind a value, in order, that hold all its readers and give one value. */
  #meeting(value: Value, claimed: ReadonlySet<Node>): readonly Node[] | undefined {
    const found: Node[] = [];
    const open = new Set<Node>();
    for (let from = value; found.length < mostTogether; ) {
      const readers = this.#consumersOf(from);
      if (readers.length === 0 || this.#inMemory.has(from)) return undefined;
      for (const each of readers) open.add(each);
      const next = [...open].reduce((a, b) => (this.#order.get(a)! < this.#order.get(b)! ? a : b));
      const follows =
        next.operator.lowering.kind === "pointwise" &&
        !claimed.has(next) &&
        sameShape(next.outputs[0].type.shape, value.type.shape);
      if (!follows) return undefined;
      open.delete(next);
      found.push(next);
      if (open.size === 0) return found;
      from = next.outputs[0];
    }
    return undefined;
  }
}

/**
 * The kernels of a graph of primitive operators, in order; `stored` are the values that outputs and states take, and others that have to be in memory.
 *
 * Pointwise chains and views are computed where they are read. What follows a contraction or a reduction element by
 * element becomes its epilogue.
 */
export const planFusion = (graph: Graph, stored: Iterable<Value>): FusedKernel[] => new Fusion(graph, stored).plan();
