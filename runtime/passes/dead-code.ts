// Dead code: what no output and no state depends on.
import { Graph, isNodeOf, type Node, type Value } from "../graph/graph.ts";
import { controlOperators } from "../operators/index.ts";

/** Whether a node checks a bound, by itself or in a region: that may end the step, whoever reads the count. */
const checksBound = (node: Node): boolean =>
  isNodeOf(node, controlOperators.limit) || (node.regions ?? []).some(({ nodes }) => nodes.some(checksBound));

/** The graph without nodes and constants whose values nobody needs; checks of bounds, inputs and states stay. */
export function eliminateDeadCode(graph: Graph): Graph {
  const live = new Set<Value>([...graph.outputs.map((each) => each.value), ...graph.states.map((each) => each.next)]);
  const kept = graph.nodes.toReversed().filter((node) => {
    if (!checksBound(node) && !node.outputs.some((value) => live.has(value))) return false;
    for (const value of node.inputs) live.add(value);
    return true;
  });
  return new Graph({
    ...graph,
    constants: graph.constants.filter((each) => live.has(each.value)),
    nodes: kept.toReversed(),
  });
}
