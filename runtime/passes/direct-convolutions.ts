// Asks for direct convolution in every layer, where values may be NaN or infinite.
import type { Graph } from "../graph/graph.ts";
import { descending, rewrite } from "../graph/rewrite.ts";
import { operators } from "../operators/index.ts";

const { conv1d, conv2d, conv3d, convTranspose1d, convTranspose2d, convTranspose3d } = operators;
/** Operators that may be computed by another algorithm than the sum of each window's products. */
const convolutions: readonly unknown[] = [conv1d, conv2d, conv3d, convTranspose1d, convTranspose2d, convTranspose3d];

/** The graph with each convolution computed as the sum of its windows' own products. */
export const directConvolutions = descending((graph: Graph) =>
  rewrite(graph, ({ operator, inputs, attributes }, editor) =>
    convolutions.includes(operator)
      ? editor.apply(operator, inputs, { ...(attributes as object), convolution: "direct" })
      : undefined,
  ),
);
