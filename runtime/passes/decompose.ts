// Replaces composite operators by the primitive ones that they are made of.
import type { Graph, Value } from "../graph.ts";
import type { Builder } from "../operators/index.ts";
import { rewrite } from "../rewrite.ts";
import type { TensorType } from "../tensor-type.ts";

const typesOf = (values: readonly Value[]): TensorType[] => values.map(({ type }) => type);

/** The graph in primitive operators; composites inside composites included. */
export const decompose = (graph: Graph): Graph =>
  rewrite(graph, ({ operator, attributes, inputs }, editor) => {
    const nested: Builder = {
      constant: (type, data, name) => editor.constant(type, data, name),
      results: (...given) => editor.results(...given),
      apply(inner, operands, given = {}) {
        const { lowering } = inner;
        return lowering.kind === "composite"
          ? lowering.decompose(operands, inner.parse(given, typesOf(operands)), nested)
          : editor.apply(inner, operands, given);
      },
    };
    const { lowering } = operator;
    return lowering.kind === "composite" ? lowering.decompose(inputs, attributes, nested) : undefined;
  });
