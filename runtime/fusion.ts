// Decides which values of a graph get memory of their own, and which are computed inside the kernel of another.
import type { Graph, Node, Value } from "./graph.ts";
import { countOf, sameShape, staticShape } from "./tensor-type.ts";

/** A kernel to be: the node whose value it stores, and the contraction or reduction that it starts with, if another. */
export interface FusedKernel {
  readonly node: Node;
  readonly root?: Node;
}

/** Operands that a node reads through addresses, so that they must lie in memory. */
function memoryOperands(node: Node): readonly number[] {
  const { lowering } = node.operator;
  switch (lowering.kind) {
    case "matmul":
    case "conv2d":
    case "blockedConv2d":
    case "depthwiseConv2d":
    case "winogradConv2d":
    case "matmulInteger":
    case "convInteger":
    case "packedMatmulInteger":
    case "blockedConvInteger":
      return [0, 1];
    case "reshape":
      return [0];
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
export function isPart({ operator, attributes }: Node): boolean {
  return operator.name === "slice" && (attributes as { readonly steps: readonly number[] }).steps.at(-1) === 1;
}

/** The values that some node reads through addresses rather than element by element. */
export function valuesReadFromMemory(graph: Graph): Set<Value> {
  const producers = new Map(graph.nodes.map((node) => [node.output, node]));
  const constants = new Set(graph.constants.map(({ value }) => value));
  const readers = new Map<Value, number>();
  for (const node of graph.nodes)
    for (const value of new Set(node.inputs)) readers.set(value, (readers.get(value) ?? 0) + 1);
  /** Whether a value lies in memory anyway, so that its parts need not be copied. */
  const lies = (value: Value): boolean => {
    const node = producers.get(value);
    if (!node) return !constants.has(value);
    const { kind } = node.operator.lowering;
    if (kind === "reshape") return lies(node.inputs[0]!);
    return kind === "pointwise" ? readers.get(value)! > 1 || isBehindRoot(node) : kind !== "source";
  };
  /** Whether a pointwise node may be the end of a kernel that starts with another. */
  const isBehindRoot = ({ inputs, output }: Node): boolean =>
    inputs.some((value) => {
      const node = sameShape(value.type.shape, output.type.shape) ? producers.get(value) : undefined;
      return node && (isRoot(node) || (node.operator.lowering.kind === "pointwise" && isBehindRoot(node)));
    });
  const base = (value: Value): Value => {
    const node = producers.get(value);
    return node && isPart(node) && lies(base(node.inputs[0]!)) ? base(node.inputs[0]!) : value;
  };
  return new Set(
    graph.nodes.flatMap((node) =>
      memoryOperands(node).map((at) => {
        const value = node.inputs[at]!;
        return node.operator.lowering.kind === "reshape" ? value : base(value);
      }),
    ),
  );
}

/** Kinds of kernels that can go on with what follows them element by element. */
const roots: ReadonlySet<Node["operator"]["lowering"]["kind"]> = new Set([
  "conv2d",
  "blockedConv2d",
  "depthwiseConv2d",
  "winogradConv2d",
  "convInteger",
  "blockedConvInteger",
  "matmul",
  "matmulInteger",
  "packedMatmulInteger",
  "reduce",
]);
/** Whether a node's kernel can. */
const isRoot = ({ operator: { lowering } }: Node): boolean =>
  roots.has(lowering.kind) || (lowering.kind === "kernel" && lowering.fuses === true);

/** Nodes that are looked at for one in which all readers of a value come together. */
const mostTogether = 16;

const sizeOf = (value: Value): number => countOf(staticShape(value.type.shape));

class Fusion {
  readonly #graph: Graph;
  readonly #producers: ReadonlyMap<Value, Node>;
  readonly #consumers = new Map<Value, Node[]>();
  readonly #inMemory: Set<Value>;
  readonly #order: ReadonlyMap<Node, number>;

  constructor(graph: Graph, stored: Iterable<Value>) {
    this.#graph = graph;
    this.#producers = new Map(graph.nodes.map((node) => [node.output, node]));
    this.#order = new Map(graph.nodes.map((node, at) => [node, at]));
    this.#inMemory = valuesReadFromMemory(graph);
    for (const value of stored) this.#inMemory.add(value);
    for (const node of graph.nodes) {
      for (const value of new Set(node.inputs)) this.#consumers.set(value, [...this.#consumersOf(value), node]);
    }
    for (const node of graph.nodes) this.#keepRepeated(node);
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
      return !roots.has(node) && !claimed.has(node) && this.#isKept(node) ? [{ node }] : [];
    });
  }

  #consumersOf(value: Value): readonly Node[] {
    return this.#consumers.get(value) ?? [];
  }

  /** An element of a smaller operand is read many times: it is computed once and kept. */
  #keepRepeated(node: Node): void {
    if (
      node.operator.lowering.kind !== "pointwise" &&
      node.operator.name !== "broadcastTo" &&
      node.operator.name !== "gather" &&
      node.operator.name !== "takeAlong"
    )
      return;
    for (const value of node.inputs) {
      if (sizeOf(value) < sizeOf(node.output) && !this.#isView(value)) this.#inMemory.add(value);
    }
  }

  /** What only moves an index costs nothing to repeat. */
  #isView(value: Value): boolean {
    const node = this.#producers.get(value);
    if (!node) return true;
    const { lowering } = node.operator;
    if (lowering.kind === "pad") return true;
    if (isPart(node) && this.#lies(node.inputs[0]!)) return true;
    return (
      lowering.kind === "source" && lowering.inMemory.length === 0 && node.inputs.every((each) => this.#isView(each))
    );
  }

  /** Whether a value is in memory, so that parts of it are read there. */
  #lies(value: Value): boolean {
    const node = this.#producers.get(value);
    if (!node) return true;
    return node.operator.lowering.kind === "reshape" ? this.#lies(node.inputs[0]!) : this.#isKept(node);
  }

  #isKept(node: Node): boolean {
    const { kind } = node.operator.lowering;
    if (kind === "reshape") return false;
    if (kind !== "pointwise" && kind !== "source") return true;
    return this.#inMemory.has(node.output) || (this.#consumersOf(node.output).length > 1 && !this.#isView(node.output));
  }

  /** The last of the pointwise nodes that follow a contraction or reduction, element for element. */
  #chainFrom(root: Node, claimed: Set<Node>): Node | undefined {
    if (!isRoot(root)) return undefined;
    let last: Node | undefined;
    for (let node = root; ; ) {
      const following = this.#meeting(node.output, claimed);
      if (!following) return last;
      for (const each of following) claimed.add(each);
      node = following.at(-1)!;
      last = node;
    }
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
        sameShape(next.output.type.shape, value.type.shape);
      if (!follows) return undefined;
      open.delete(next);
      found.push(next);
      if (open.size === 0) return found;
      from = next.output;
    }
    return undefined;
  }
}

/**
 * The kernels of a graph of primitive operators, in order; `stored` are the values that outputs and states take.
 *
 * Pointwise chains and views are computed where they are read. What follows a contraction or a reduction element by
 * element becomes its epilogue.
 */
export const planFusion = (graph: Graph, stored: ReadonlyMap<Value, unknown>): FusedKernel[] =>
  new Fusion(graph, stored.keys()).plan();
