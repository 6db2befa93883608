// Dead code: what no output and no state depends on, and what ends no step.
import { type Constant, Graph, match, type Node, type Value } from "../graph/graph.ts";
import { controlOperators } from "../operators/index.ts";

type Constants = ReadonlyMap<Value, Constant>;
const constantsOf = ({ constants }: Graph): Constants => new Map(constants.map((each) => [each.value, each]));

/** Whether a node, or one in its regions, may end the step by a fault, whoever reads its results: a bound, or a loop's turns. */
function mayFault(node: Node, constants: Constants): boolean {
  const { forLoop, limit, whileLoop } = controlOperators;
  if (match(node, limit) || match(node, whileLoop)) return true;
  const counted = match(node, forLoop);
  const times = counted && constants.get(counted.inputs[0]!)?.data[0];
  if (counted && (times === undefined || times > counted.attributes.atMost)) return true;
  return (node.regions ?? []).some((region) => {
    const own = constantsOf(region);
    return region.nodes.some((each) => mayFault(each, own));
  });
}

/** The graph without nodes and constants whose values nobody needs; what may end a step, inputs and states stay. */
export function eliminateDeadCode(graph: Graph): Graph {
  const constants = constantsOf(graph);
  const live = new Set<Value>([...graph.outputs.map((each) => each.value), ...graph.states.map((each) => each.next)]);
  const kept = graph.nodes.toReversed().filter((node) => {
    if (!mayFault(node, constants) && !node.outputs.some((value) => live.has(value))) return false;
    for (const value of node.inputs) live.add(value);
    return true;
  });
  return new Graph({
    ...graph,
    constants: graph.constants.filter((each) => live.has(each.value)),
    nodes: kept.toReversed(),
  });
}
