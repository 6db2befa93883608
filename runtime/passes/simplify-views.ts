// Views of views become one view, and views that change nothing disappear.
import { z } from "zod";
import type { Graph, Node, Value } from "../graph.ts";
import { operators } from "../operators/index.ts";
import { type Editor, rewrite } from "../rewrite.ts";
import { sameShape, staticShape } from "../tensor-type.ts";

const axesOf = (node: Node): readonly number[] => z.object({ axes: z.array(z.number()) }).parse(node.attributes).axes;

function simplified(node: Node, editor: Editor): Value | undefined {
  const [x] = node.inputs;
  const { operator, output } = node;
  if (!x) return undefined;
  const producer = editor.producerOf(x);
  switch (operator) {
    case operators.cast:
      return x.type.dtype === output.type.dtype ? x : undefined;
    case operators.broadcastTo:
      return sameShape(x.type.shape, output.type.shape) ? x : undefined;
    case operators.reshape:
      if (sameShape(x.type.shape, output.type.shape)) return x;
      if (producer?.operator !== operators.reshape) return undefined;
      return simplifiedOr(operators.reshape, producer.inputs[0]!, output.type.shape, editor);
    case operators.transpose: {
      const axes = axesOf(node);
      if (axes.every((axis, d) => axis === d)) return x;
      if (producer?.operator !== operators.transpose) return undefined;
      const inner = axesOf(producer);
      const both = axes.map((axis) => inner[axis]!);
      const [source] = producer.inputs;
      return both.every((axis, d) => axis === d) ? source : editor.apply(operator, [source!], { axes: both });
    }
    case operators.concat:
      return joined(node, editor);
    default:
      return undefined;
  }
}

type Ranges = { readonly [name in "starts" | "ends" | "steps"]: readonly number[] };

/** A concatenation in which neighbouring parts of one tensor stay together; of all its parts, the tensor. */
function joined({ inputs, attributes }: Node, editor: Editor): Value | undefined {
  const { axis } = attributes as { readonly axis: number };
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
  if (first?.operator !== operators.slice || second?.operator !== operators.slice || x !== second.inputs[0])
    return undefined;
  const [p, q] = [first.attributes as Ranges, second.attributes as Ranges];
  const alike = (name: keyof Ranges) => p[name].every((each, d) => d === axis || each === q[name][d]);
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
