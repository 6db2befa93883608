// Computes at compile time what depends on constants only.
import type { Graph } from "../graph.ts";
import { type Nd, operators } from "../operators/index.ts";
import { rewrite } from "../rewrite.ts";
import { countOf, newArray, staticShape } from "../tensor-type.ts";

/** Largest constant, in elements, that folding may make; larger where it only rearranges, as a layer's transposed weight. */
const foldLimit = 1 << 20;
const transposeLimit = 1 << 24;

/** The graph with every node over constants replaced by its value, by the operator's own meaning. */
export const foldConstants = (graph: Graph): Graph =>
  rewrite(graph, ({ operator, attributes, inputs, output }, editor) => {
    if (operator.lowering.kind === "interpreted") return undefined;
    const operands: Nd[] = [];
    for (const value of inputs) {
      const found = editor.constantOf(value);
      if (!found) return undefined;
      operands.push({ dtype: value.type.dtype, shape: staticShape(value.type.shape), data: found.data });
    }
    const shape = staticShape(output.type.shape);
    if (countOf(shape) > (operator === operators.transpose ? transposeLimit : foldLimit)) return undefined;
    const { dtype } = output.type;
    const result: Nd = { dtype, shape, data: newArray(dtype, countOf(shape)) };
    operator.evaluate(operands, attributes, result);
    return editor.constant(output.type, result.data, output.hint ?? operator.name);
  });
