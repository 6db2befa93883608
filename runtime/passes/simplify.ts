// Portable simplification: constants folded, equal nodes shared, dead ones dropped.
import { type Constant, Graph, type Node, type Value } from "../graph.ts";
import type { Nd } from "../operators/index.ts";
import { countOf, newArray, staticShape } from "../tensor-type.ts";

/** Largest constant, in elements, that folding may create out of smaller ones. */
const foldLimit = 1 << 20;

const asNd = ({ value: { type }, data }: Constant): Nd => ({ dtype: type.dtype, shape: staticShape(type.shape), data });

/** Evaluates a node whose operands are all constants. */
function fold(node: Node, operands: readonly Constant[]): Constant | undefined {
  const { type } = node.output;
  const shape = staticShape(type.shape);
  if (countOf(shape) > foldLimit) return undefined;
  const result: Nd = { dtype: type.dtype, shape, data: newArray(type.dtype, countOf(shape)) };
  node.operator.evaluate(operands.map(asNd), node.attributes, result);
  return { name: node.output.hint ?? node.operator.name, value: node.output, data: result.data };
}

/** A graph with the same meaning and fewer nodes. */
export function simplify(graph: Graph): Graph {
  const constants = new Map(graph.constants.map((each) => [each.value, each]));
  const replaced = new Map<Value, Value>();
  const seen = new Map<string, Value>();
  const numbers = new Map<Value, number>();
  const numberOf = (value: Value): number => {
    if (!numbers.has(value)) numbers.set(value, numbers.size);
    return numbers.get(value)!;
  };
  const current = (value: Value): Value => replaced.get(value) ?? value;
  const nodes: Node[] = [];
  for (const original of graph.nodes) {
    const node = { ...original, inputs: original.inputs.map(current) };
    const operands = node.inputs.map((value) => constants.get(value));
    const folded = operands.every((each) => each !== undefined) ? fold(node, operands) : undefined;
    if (folded) {
      constants.set(node.output, folded);
      continue;
    }
    const key = JSON.stringify([node.operator.name, node.attributes, node.inputs.map(numberOf)]);
    const twin = seen.get(key);
    if (twin) replaced.set(node.output, twin);
    else {
      seen.set(key, node.output);
      nodes.push(node);
    }
  }
  const outputs = graph.outputs.map(({ name, value }) => ({ name, value: current(value) }));
  const states = graph.states.map((each) => ({ ...each, next: current(each.next) }));
  const live = new Set<Value>([...outputs.map((each) => each.value), ...states.map((each) => each.next)]);
  const kept = nodes.toReversed().filter((node) => {
    if (!live.has(node.output)) return false;
    for (const value of node.inputs) live.add(value);
    return true;
  });
  return new Graph({
    name: graph.name,
    inputs: graph.inputs,
    constants: [...constants.values()].filter((each) => live.has(each.value)),
    states,
    nodes: kept.toReversed(),
    outputs,
  });
}
