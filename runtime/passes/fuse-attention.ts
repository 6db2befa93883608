// Finds products around a softmax, softmax(scale·q·k)·v, and makes them one operator.
import { type Graph, isNodeOf, type Node, type Value } from "../graph/graph.ts";
import { type Editor, rewrite } from "../graph/rewrite.ts";
import { sameShape, staticShape } from "../graph/tensor-type.ts";
import { type Operator, operators } from "../operators/index.ts";
import type { ReductionAttributes } from "../operators/reduction.ts";

/** Longest row of scores that is kept in cache with others of its tile. */
const mostColumns = 4096;
const leastColumns = 4;

/** What a chain of matches has found so far; a step that does not match ends it. */
class Match {
  readonly #editor: Editor;
  readonly #uses: ReadonlyMap<Value, number>;

  constructor(editor: Editor, uses: ReadonlyMap<Value, number>) {
    this.#editor = editor;
    this.#uses = uses;
  }

  /** The operands of a value that such an operator computes, read by exactly so many others. */
  operands(value: Value | undefined, operator: Node["operator"], readers: number): readonly Value[] | undefined {
    const node = value && this.#editor.producerOf(value);
    if (!node || node.operator !== operator || this.#uses.get(value) !== readers) return undefined;
    return node.inputs;
  }

  /** The operand of a reduction along the last dimension that keeps it. */
  alongLast(value: Value | undefined, operator: Operator<ReductionAttributes>): Value | undefined {
    const node = value && this.#editor.producerOf(value);
    if (!isNodeOf(node, operator) || !this.operands(value, operator, 1)) return undefined;
    const [x] = node.inputs as [Value];
    const { axes, keepDims } = node.attributes;
    return keepDims && axes.length === 1 && axes[0] === x.type.shape.length - 1 ? x : undefined;
  }

  /** A product's operands and the constant it is multiplied by. */
  scaled(value: Value, readers: number): { scale: number; operands: readonly Value[] } | undefined {
    const plain = this.operands(value, operators.matmul, readers);
    if (plain) return { scale: 1, operands: plain };
    const [x, factor] = this.operands(value, operators.mul, readers) ?? [];
    const scale = factor && this.#editor.constantOf(factor)?.data;
    const operands = this.operands(x, operators.matmul, 1);
    // A scale of one element may have dimensions that the product lacks.
    if (!x || !operands || scale?.length !== 1 || !sameShape(x.type.shape, value.type.shape)) return undefined;
    return Number.isFinite(scale[0]) ? { scale: Number(scale[0]), operands } : undefined;
  }
}

function attention(node: Node, editor: Editor, uses: ReadonlyMap<Value, number>): Value | undefined {
  if (node.operator !== operators.matmul || node.outputs[0].type.dtype !== "f32") return undefined;
  const match = new Match(editor, uses);
  const [weights, v] = node.inputs as [Value, Value];
  const [powers, sum] = match.operands(weights, operators.div, 1) ?? [];
  if (!powers || match.alongLast(sum, operators.sum) !== powers) return undefined;
  const [difference] = match.operands(powers, operators.exp, 2) ?? [];
  const [scores, top] = match.operands(difference, operators.sub, 1) ?? [];
  if (!scores || match.alongLast(top, operators.max) !== scores) return undefined;
  const found = match.scaled(scores, 2);
  if (!found) return undefined;
  const [q, k] = found.operands as [Value, Value];
  const [qs, ks, vs] = [q, k, v].map((each) => staticShape(each.type.shape)) as [number[], number[], number[]];
  const batch = (shape: readonly number[]) => shape.slice(0, -2).join();
  const columns = ks.at(-1)!;
  if (batch(qs) !== batch(ks) || batch(qs) !== batch(vs)) return undefined;
  if (columns < leastColumns || columns > mostColumns) return undefined;
  return editor.apply(operators.tiledAttention, [q, k, v], { scale: found.scale, causal: false });
}

/** The graph with each softmax between two products computed by the row, the division by its sum last. */
export function fuseAttention(graph: Graph): Graph {
  const uses = new Map<Value, number>();
  const used = [
    ...graph.nodes.flatMap((node) => [...new Set(node.inputs)]),
    ...graph.outputs.map(({ value }) => value),
    ...graph.states.map(({ next }) => next),
  ];
  for (const value of used) uses.set(value, (uses.get(value) ?? 0) + 1);
  return rewrite(graph, (node, editor) => attention(node, editor, uses));
}
