// Replaces composite operators by the primitive ones that they are made of.
import type { Graph } from "../graph.ts";
import type { Builder } from "../operators/index.ts";
import { rewrite } from "../rewrite.ts";

/** The graph in primitive operators; composites inside composites included. */
export const decompose = (graph: Graph): Graph =>
  rewrite(graph, ({ operator, attributes, inputs }, editor) => {
    const nested: Builder = {
      constant: (type, data, name) => editor.constant(type, data, name),
      apply(inner, operands, given = {}) {
        const { lowering } = inner;
        return lowering.kind === "composite"
          ? lowering.decompose(operands, inner.parse(given), nested)
          : editor.apply(inner, operands, given);
      },
    };
    const { lowering } = operator;
    return lowering.kind === "composite" ? lowering.decompose(inputs, attributes, nested) : undefined;
  });
