// Asks for direct convolution in every layer, where values may be NaN or infinite.
import type { Graph } from "../graph.ts";
import { operators } from "../operators/index.ts";
import { rewrite } from "../rewrite.ts";

/** The graph with each convolution computed as the sum of its windows' own products. */
export const directConvolutions = (graph: Graph): Graph =>
  rewrite(graph, ({ operator, attributes, inputs }, editor) =>
    operator === operators.conv2d || operator === operators.convTranspose2d
      ? editor.apply(operator, inputs, { ...(attributes as object), convolution: "direct" })
      : undefined,
  );
