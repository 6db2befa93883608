// Gives symbolic dimensions their sizes: inputs and attributes get them, and every type is inferred anew.
import { IsochronError } from "../../kernels/index.ts";
import { type Dimension, replaced, symbolsOf, withShape } from "../graph/dimension.ts";
import { Graph, type Node, nodeOf, type Value, withRegions } from "../graph/graph.ts";

/** Sizes by the names of symbols. */
export type Sizes = { readonly [name: string]: number };

/** The names of a graph's symbolic dimensions, those of its regions included. */
export const symbolsIn = (graph: Graph): ReadonlySet<string> =>
  new Set(
    withRegions(graph).flatMap(({ inputs, nodes }) =>
      [...inputs.map(({ value }) => value), ...nodes.flatMap(({ outputs }) => outputs)].flatMap(({ type }) =>
        type.shape.flatMap(symbolsOf),
      ),
    ),
  );

const listed = (names: Iterable<string>): string => [...names].map((name) => `"${name}"`).join(", ");

/**
 * The graph with each symbol replaced by its size.
 *
 * Throws `compile/unknown-symbol` for a name the graph does not have, `compile/unbound-dimension` where one has no size, and
 * `compile/symbol-size` for a size that is none.
 */
export function bindSymbols(graph: Graph, sizes: Sizes): Graph {
  const names = symbolsIn(graph);
  const unknown = Object.keys(sizes).find((name) => !names.has(name));
  if (unknown !== undefined) {
    throw new IsochronError("compile/unknown-symbol", `graph "${graph.name}" has no dimension "${unknown}"`, {
      help: names.size === 0 ? "all its dimensions are known" : `it has ${listed(names)}`,
    });
  }
  for (const [name, size] of Object.entries(sizes)) {
    if (Number.isSafeInteger(size) && size >= 0) continue;
    throw new IsochronError(
      "compile/symbol-size",
      `${size} is no size for dimension "${name}" of graph "${graph.name}"`,
      { help: "sizes are whole numbers from 0" },
    );
  }
  const missing = [...names].filter((name) => !Object.hasOwn(sizes, name));
  if (missing.length > 0) {
    const dimensions = `dimension${missing.length === 1 ? "" : "s"}`;
    throw new IsochronError(
      "compile/unbound-dimension",
      `${dimensions} ${listed(missing)} of graph "${graph.name}" ${missing.length === 1 ? "has" : "have"} no size`,
      { help: `give it one: compile(graph, { dimensions: { ${missing.map((name) => `${name}: …`).join(", ")} } })` },
    );
  }
  return names.size === 0 ? graph : bound(graph, sizes);
}

const boundSize = (size: Dimension, sizes: Sizes): Dimension =>
  replaced(size, (part) => (part.kind === "symbol" ? (sizes[part.name] ?? part) : part));

function bound(graph: Graph, sizes: Sizes): Graph {
  const values = new Map<Value, Value>();
  const current = (value: Value): Value => values.get(value) ?? value;
  const inputs = graph.inputs.map(({ name, value }) => {
    const { dtype, shape } = value.type;
    const next = { ...value, type: { dtype, shape: shape.map((size) => boundSize(size, sizes)) } };
    values.set(value, next);
    return { name, value: next };
  });
  const nodes = graph.nodes.map(({ operator, inputs: operands, attributes, regions, outputs, place }): Node => {
    const node = nodeOf(operator, operands.map(current), {
      attributes: withShape(attributes, (size) => boundSize(size, sizes)),
      regions: regions?.map((region) => bound(region, sizes)),
      hints: outputs.map(({ hint }) => hint),
      place,
    });
    outputs.forEach((value, at) => void values.set(value, node.outputs[at]!));
    return node;
  });
  return new Graph({
    name: graph.name,
    inputs,
    constants: graph.constants,
    states: graph.states.map((state) => ({ ...state, next: current(state.next) })),
    nodes,
    outputs: graph.outputs.map(({ name, value }) => ({ name, value: current(value) })),
  });
}
