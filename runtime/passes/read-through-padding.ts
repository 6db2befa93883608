// What is padded for one reader is read by the others from the middle of the padded tensor, so that it is written once.
import { Graph, type Node, type Value } from "../graph.ts";
import { operators } from "../operators/index.ts";
import { staticShape } from "../tensor-type.ts";

/** The padding of each value that is computed, padded once, and otherwise only read element by element. */
function paddingsOf(graph: Graph): Map<Value, Node> {
  const computed = new Set(graph.nodes.map((node) => node.output));
  const stored = new Set([...graph.outputs.map(({ value }) => value), ...graph.states.map(({ next }) => next)]);
  const readers = new Map<Value, Node[]>();
  for (const node of graph.nodes)
    for (const value of new Set(node.inputs)) readers.set(value, [...(readers.get(value) ?? []), node]);
  const found = new Map<Value, Node>();
  for (const [value, all] of readers) {
    const [padding, ...more] = all.filter((node) => node.operator === operators.pad);
    const others = all.filter((node) => node.operator !== operators.pad);
    const elementwise = others.every((node) => node.operator.lowering.kind === "pointwise");
    if (!padding || more.length > 0 || others.length === 0 || !elementwise) continue;
    if (computed.has(value) && !stored.has(value)) found.set(value, padding);
  }
  return found;
}

/** The graph with such values read as slices of what they are padded to. */
export function readThroughPadding(graph: Graph): Graph {
  const paddings = paddingsOf(graph);
  if (paddings.size === 0) return graph;
  const moved = new Set(paddings.values());
  const middle = new Map<Value, Value>();
  const nodes = graph.nodes.flatMap((node): Node[] => {
    if (moved.has(node)) return [];
    const inputs =
      node.operator === operators.pad ? node.inputs : node.inputs.map((value) => middle.get(value) ?? value);
    const current = { ...node, inputs };
    const padding = paddings.get(node.output);
    if (!padding) return [current];
    const { before } = padding.attributes as { readonly before: readonly number[] };
    const shape = staticShape(node.output.type.shape);
    const attributes = {
      starts: before,
      ends: before.map((width, d) => width + shape[d]!),
      steps: shape.map(() => 1),
    };
    const slice: Node = {
      operator: operators.slice,
      attributes: operators.slice.parse(attributes),
      inputs: [padding.output],
      output: { type: node.output.type },
    };
    middle.set(node.output, slice.output);
    return [current, padding, slice];
  });
  return new Graph({ ...graph, nodes });
}
