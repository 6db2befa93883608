// Computes at compile time what depends on constants only.
import { constantValue } from "../compiler/constant-value.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { rewrite } from "../graph/rewrite.ts";
import { countOf, staticShape } from "../graph/tensor-type.ts";
import type { Nd } from "../operators/index.ts";

/** Largest constant, in elements, that folding may make of next to nothing, or by reading operands many times. */
const foldLimit = 1 << 20;
/** How much more a constant made element by element may hold than those that it is made of: weights are laid out whatever their size. */
const mostGrowth = 2;
/** Kinds of operators that read each element of their operands about once. */
const elementwise: ReadonlySet<Node["operator"]["lowering"]["kind"]> = new Set([
  "pointwise",
  "source",
  "reshape",
  "concat",
  "pad",
]);

/** The graph with every node over constants replaced by its value, with the bits that computing it in a step would give. */
export const foldConstants = (graph: Graph): Graph =>
  rewrite(graph, (node, editor) => {
    const {
      operator,
      inputs,
      outputs: [output, ...others],
    } = node;
    if (node.regions || others.length > 0) return undefined;
    const operands: Nd[] = [];
    for (const value of inputs) {
      const found = editor.constantOf(value);
      if (!found) return undefined;
      operands.push({ dtype: value.type.dtype, shape: staticShape(value.type.shape), data: found.data });
    }
    const shape = staticShape(output.type.shape);
    const given = operands.reduce((sum, { data }) => sum + data.length, 0);
    const most = elementwise.has(operator.lowering.kind) ? Math.max(foldLimit, mostGrowth * given) : foldLimit;
    if (countOf(shape) > most) return undefined;
    const data = constantValue(node, operands);
    return data && editor.constant(output.type, data, output.hint ?? operator.name);
  });
