// Copies of nodes and graphs whose dimensions are others: every type is inferred anew.
import { type Dimension, withShape } from "./dimension.ts";
import { Graph, type Node, nodeOf, type Value } from "./graph.ts";

/** What a copied dimension becomes. */
export type Resize = (size: Dimension) => Dimension;

/** What copies stand for the values of before; those that are not there stay what they are. */
export type Copies = Map<Value, Value>;

const current = (values: Copies, value: Value): Value => values.get(value) ?? value;

/** The same node on what stands for its operands, its regions resized by `inside`; `values` gets its results. */
export function copiedNode(
  { operator, inputs, attributes, regions, outputs, place }: Node,
  values: Copies,
  resize: Resize,
  inside = resize,
): Node {
  const node = nodeOf(
    operator,
    inputs.map((value) => current(values, value)),
    {
      attributes: withShape(attributes, resize),
      regions: regions?.map((region) => copiedGraph(region, inside)),
      hints: outputs.map(({ hint }) => hint),
      place,
    },
  );
  outputs.forEach((value, at) => void values.set(value, node.outputs[at]!));
  return node;
}

/** The same graph over other dimensions; constants and states are the same. */
export function copiedGraph(graph: Graph, resize: Resize): Graph {
  const values: Copies = new Map();
  const inputs = graph.inputs.map(({ name, value }) => {
    const { dtype, shape } = value.type;
    const copy = { ...value, type: { dtype, shape: shape.map(resize) } };
    values.set(value, copy);
    return { name, value: copy };
  });
  const nodes = graph.nodes.map((node) => copiedNode(node, values, resize));
  return new Graph({
    name: graph.name,
    inputs,
    constants: graph.constants,
    states: graph.states.map((state) => ({ ...state, next: current(values, state.next) })),
    nodes,
    outputs: graph.outputs.map(({ name, value }) => ({ name, value: current(values, value) })),
  });
}
