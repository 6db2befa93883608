// The numeric plan as text: behind each node of a planned graph, in which order its sums are made.
import { generators, isFloatDtype } from "../../kernels/index.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { staticShape } from "../graph/tensor-type.ts";

/** How a node's value is computed, as far as that decides its bits; undefined where there is nothing to decide. */
function planOf({ operator: { lowering }, attributes, inputs, outputs: [output] }: Node): string | undefined {
  const types = inputs.map(({ type }) => type);
  if (lowering.kind === "kernel") return lowering.plan?.(types, attributes);
  const rounds = lowering.kind === "reduce" && (lowering.reducer === "sum" || lowering.reducer === "prod");
  if (!rounds || !isFloatDtype(output.type.dtype)) return undefined;
  return generators.reductionPlan(staticShape(types[0]!.shape), lowering.axes(attributes));
}

/** A planned graph, with what its nodes' bits depend on. */
export const planText = (graph: Graph): string =>
  graph.toString((node) => {
    const plan = planOf(node);
    return plan === undefined ? undefined : `plan: ${plan}`;
  });
