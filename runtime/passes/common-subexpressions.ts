// Common subexpressions: equal constants and equal nodes are computed once.
import { hashOf } from "../../kernels/index.ts";
import { Graph, type Results, type Value } from "../graph/graph.ts";
import { rewrite } from "../graph/rewrite.ts";
import { bytesIn, showTensorType } from "../graph/tensor-type.ts";

/** Text that tells attributes apart, where JSON would take −0, NaN and infinities for others. */
export const attributesKey = (attributes: unknown): string =>
  JSON.stringify(attributes, (_, value: unknown) =>
    typeof value === "number" && (!Number.isFinite(value) || Object.is(value, -0))
      ? `#${Object.is(value, -0) ? "-0" : value}`
      : value,
  );

/** The graph with one of each group of equal nodes, and one of each group of equal constants. */
export function eliminateCommonSubexpressions(graph: Graph): Graph {
  const first = new Map<string, Value>();
  const same = new Map<Value, Value>();
  for (const { value, data } of graph.constants) {
    const key = `${showTensorType(value.type)} ${hashOf(bytesIn(data))}`;
    const twin = first.get(key);
    if (twin) same.set(value, twin);
    else first.set(key, value);
  }
  const current = (value: Value): Value => same.get(value) ?? value;
  const numbers = new Map<Value, number>();
  const numberOf = (value: Value): number => {
    const known = numbers.get(value) ?? numbers.size;
    numbers.set(value, known);
    return known;
  };
  const seen = new Map<string, Results>();
  const merged = new Graph({
    ...graph,
    nodes: graph.nodes.map((node) => ({ ...node, inputs: node.inputs.map(current) })),
    outputs: graph.outputs.map(({ name, value }) => ({ name, value: current(value) })),
    states: graph.states.map((each) => ({ ...each, next: current(each.next) })),
  });
  return rewrite(merged, ({ operator, attributes, inputs, outputs, regions }) => {
    if (regions) return undefined;
    const key = `${operator.name} ${attributesKey(attributes)} ${inputs.map(numberOf).join(",")}`;
    const twin = seen.get(key);
    if (!twin) seen.set(key, outputs);
    return twin;
  });
}
