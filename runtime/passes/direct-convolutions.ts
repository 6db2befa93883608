// Asks for direct convolution in every layer, where values may be NaN or infinite.
import { type Graph, isNodeOf } from "../graph/graph.ts";
import { descending, rewrite } from "../graph/rewrite.ts";
import { operators } from "../operators/index.ts";

/** The graph with each convolution computed as the sum of its windows' own products. */
export const directConvolutions = descending((graph: Graph) =>
  rewrite(graph, (node, editor) =>
    isNodeOf(node, operators.conv2d) || isNodeOf(node, operators.convTranspose2d)
      ? editor.apply(node.operator, node.inputs, { ...node.attributes, convolution: "direct" })
      : undefined,
  ),
);
