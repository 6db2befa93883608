// Views of views become one view, and views that change nothing disappear.
import { z } from "zod";
import type { Graph, Node, Value } from "../graph.ts";
import { operators } from "../operators/index.ts";
import { type Editor, rewrite } from "../rewrite.ts";
import { sameShape } from "../tensor-type.ts";

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
    default:
      return undefined;
  }
}

const simplifiedOr = (operator: Node["operator"], x: Value, shape: Value["type"]["shape"], editor: Editor): Value =>
  sameShape(x.type.shape, shape) ? x : editor.apply(operator, [x], { shape });

/** The graph with chains of reshapes and of transposes joined, and casts, broadcasts and views to the same type dropped. */
export const simplifyViews = (graph: Graph): Graph => rewrite(graph, simplified);
