// Views of views become one view, and views that change nothing disappear.
import { type Graph, isNodeOf, type Node, type Value } from "../graph/graph.ts";
import { type Editor, rewrite } from "../graph/rewrite.ts";
import { sameShape, staticShape } from "../graph/tensor-type.ts";
import { operators } from "../operators/index.ts";

function simplified(node: Node, editor: Editor): Value | undefined {
  const [x] = node.inputs;
  const {
    outputs: [output],
  } = node;
  if (!x) return undefined;
  if (isNodeOf(node, operators.cast)) return x.type.dtype === output.type.dtype ? x : undefined;
  if (isNodeOf(node, operators.broadcastTo)) return sameShape(x.type.shape, output.type.shape) ? x : undefined;
  if (isNodeOf(node, operators.concat)) return joined(node, editor);
  const producer = editor.producerOf(x);
  if (isNodeOf(node, operators.reshape)) {
    if (sameShape(x.type.shape, output.type.shape)) return x;
    if (!isNodeOf(producer, operators.reshape)) return undefined;
    return simplifiedOr(operators.reshape, producer.inputs[0]!, output.type.shape, editor);
  }
  if (isNodeOf(node, operators.permute)) {
    const { axes } = node.attributes;
    if (axes.every((axis, d) => axis === d)) return x;
    if (!isNodeOf(producer, operators.permute)) return undefined;
    const both = axes.map((axis) => producer.attributes.axes[axis]!);
    const [source] = producer.inputs;
    return both.every((axis, d) => axis === d) ? source : editor.apply(operators.permute, [source!], { axes: both });
  }
  return undefined;
}

/** A concatenation in which neighbouring parts of one tensor stay together; of all its parts, the tensor. */
function joined({ inputs, attributes: { axis } }: Node<{ readonly axis: number }>, editor: Editor): Value | undefined {
  const parts: Value[] = [];
  for (const value of inputs) {
    const last = parts.at(-1);
    const both = last && together(last, value, axis, editor);
    if (both) parts[parts.length - 1] = both;
    else parts.push(value);
  }
  if (parts.length === inputs.length && parts.length > 1) return undefined;
  return parts.length === 1 ? parts[0] : editor.apply(operators.concat, parts, { axis });
}

/** Two parts of one tensor as one, where the second begins along `axis` where the first ends. */
function together(a: Value, b: Value, axis: number, editor: Editor): Value | undefined {
  const [first, second] = [editor.producerOf(a), editor.producerOf(b)];
  const [x] = first?.inputs ?? [];
  if (!isNodeOf(first, operators.slice) || !isNodeOf(second, operators.slice) || x !== second.inputs[0])
    return undefined;
  const [p, q] = [first.attributes, second.attributes];
  const alike = (name: keyof typeof p) => p[name].every((each, d) => d === axis || each === q[name][d]);
  const whole = [...p.steps, ...q.steps].every((step) => step === 1);
  if (!x || !whole || !alike("starts") || !alike("ends") || p.ends[axis] !== q.starts[axis]) return undefined;
  const ends = p.ends.map((end, d) => (d === axis ? q.ends[axis]! : end));
  const shape = staticShape(x.type.shape);
  const all = p.starts.every((start) => start === 0) && shape.every((size, d) => ends[d]! >= size);
  return all ? x : editor.apply(operators.slice, [x], { ...p, ends });
}

const simplifiedOr = (operator: Node["operator"], x: Value, shape: Value["type"]["shape"], editor: Editor): Value =>
  sameShape(x.type.shape, shape) ? x : editor.apply(operator, [x], { shape });

/**
 * The graph with chains of reshapes and of transposes joined, parts of a tensor that are put together again left together, and
 * casts, broadcasts and views to the same type dropped.
 */
export const simplifyViews = (graph: Graph): Graph => rewrite(graph, simplified);
