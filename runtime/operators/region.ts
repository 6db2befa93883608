// Regions that operators are made of: graphs over inputs of given types, built like any decomposition.
import { constantValueOf } from "../graph/facts.ts";
import { type Constant, Graph, type Node, nodeOf, type Value } from "../graph/graph.ts";
import type { TensorType } from "../graph/tensor-type.ts";
import type { Builder } from "./operator.ts";

/** The graph that gives what `body` makes of inputs of these types. */
export function regionOf(
  name: string,
  types: readonly TensorType[],
  body: (inputs: readonly Value[], builder: Builder) => readonly Value[],
): Graph {
  const nodes: Node[] = [];
  const constants: Constant[] = [];
  const inputs = types.map((type): Value => ({ type }));
  const builder: Builder = {
    apply: (operator, operands, attributes) => builder.results(operator, operands, { attributes })[0],
    results(operator, operands, parts) {
      const node = nodeOf(operator, operands, parts);
      nodes.push(node);
      return node.outputs;
    },
    constant(type, data, label = "c") {
      const value = constantValueOf(type, data);
      constants.push({ name: label, value, data });
      return value;
    },
  };
  const outputs = body(inputs, builder);
  const named = (values: readonly Value[]) => values.map((value, at) => ({ name: `v${at}`, value }));
  return new Graph({ name, inputs: named(inputs), constants, states: [], nodes, outputs: named(outputs) });
}
