// Computes at compile time what depends on constants only.
import { constantValue } from "../constant-value.ts";
import type { Graph } from "../graph.ts";
import { type Nd, operators } from "../operators/index.ts";
import { rewrite } from "../rewrite.ts";
import { countOf, staticShape } from "../tensor-type.ts";

/** Largest constant, in elements, that folding may make; larger where it only rearranges, as a layer's transposed weight. */
const foldLimit = 1 << 20;
const transposeLimit = 1 << 24;

/** The graph with every node over constants replaced by its value, with the bits that computing it in a step would give. */
export const foldConstants = (graph: Graph): Graph =>
  rewrite(graph, (node, editor) => {
    const { operator, inputs, output } = node;
    const operands: Nd[] = [];
    for (const value of inputs) {
      const found = editor.constantOf(value);
      if (!found) return undefined;
      operands.push({ dtype: value.type.dtype, shape: staticShape(value.type.shape), data: found.data });
    }
    const shape = staticShape(output.type.shape);
    if (countOf(shape) > (operator === operators.transpose ? transposeLimit : foldLimit)) return undefined;
    const data = constantValue(node, operands);
    return data && editor.constant(output.type, data, output.hint ?? operator.name);
  });
