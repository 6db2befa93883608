// Dead code: what no output and no state depends on.
import { Graph, type Value } from "../graph/graph.ts";

/** The graph without nodes and constants whose values nobody needs; inputs and states stay. */
export function eliminateDeadCode(graph: Graph): Graph {
  const live = new Set<Value>([...graph.outputs.map((each) => each.value), ...graph.states.map((each) => each.next)]);
  const kept = graph.nodes.toReversed().filter((node) => {
    if (!node.outputs.some((value) => live.has(value))) return false;
    for (const value of node.inputs) live.add(value);
    return true;
  });
  return new Graph({
    ...graph,
    constants: graph.constants.filter((each) => live.has(each.value)),
    nodes: kept.toReversed(),
  });
}
