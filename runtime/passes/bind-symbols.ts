// Gives symbolic dimensions their sizes by inferring every type anew.
import { IsochronError } from "../../kernels/index.ts";
import { Graph, type Value } from "../graph.ts";
import type { TensorType } from "../tensor-type.ts";

/** The graph with each symbol replaced by its size. Throws `compile/unknown-symbol` for a name the graph does not have. */
export function bindSymbols(graph: Graph, symbols: { readonly [name: string]: number }): Graph {
  const names = new Set(
    graph.inputs.flatMap(({ value }) =>
      value.type.shape.flatMap((each) => (typeof each !== "number" && each.kind === "symbol" ? [each.name] : [])),
    ),
  );
  const unknown = Object.keys(symbols).find((name) => !names.has(name));
  if (unknown !== undefined) {
    throw new IsochronError("compile/unknown-symbol", `graph "${graph.name}" has no dimension "${unknown}"`, {
      help: names.size === 0 ? "all its dimensions are known" : `it has ${[...names].join(", ")}`,
    });
  }
  if (Object.keys(symbols).length === 0) return graph;
  const bind = (type: TensorType): TensorType => ({
    dtype: type.dtype,
    shape: type.shape.map((each) =>
      typeof each !== "number" && each.kind === "symbol" ? (symbols[each.name] ?? each) : each,
    ),
  });
  const replaced = new Map<Value, Value>();
  const redefine = (value: Value, type: TensorType): Value => {
    const next = { ...value, type };
    replaced.set(value, next);
    return next;
  };
  const current = (value: Value): Value => replaced.get(value) ?? value;
  const inputs = graph.inputs.map(({ name, value }) => ({ name, value: redefine(value, bind(value.type)) }));
  const nodes = graph.nodes.map((node) => {
    const operands = node.inputs.map(current);
    const type = node.operator.infer(
      operands.map((each) => each.type),
      node.attributes,
    );
    return { ...node, inputs: operands, output: redefine(node.output, type) };
  });
  return new Graph({
    ...graph,
    inputs,
    nodes,
    states: graph.states.map((each) => ({ ...each, next: current(each.next) })),
    outputs: graph.outputs.map(({ name, value }) => ({ name, value: current(value) })),
  });
}
