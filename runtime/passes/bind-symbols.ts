// Gives symbolic dimensions their sizes: inputs and attributes get them, and every type is inferred anew.
import { IsochronError } from "../../kernels/index.ts";
import { copiedGraph } from "../graph/copies.ts";
import { type Dimension, replaced, symbolsOf } from "../graph/dimension.ts";
import { type Graph, withRegions } from "../graph/graph.ts";

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
  if (names.size === 0) return graph;
  const bound = (part: Exclude<Dimension, number>): Dimension =>
    part.kind === "symbol" ? (sizes[part.name] ?? part) : part;
  return copiedGraph(graph, (size) => replaced(size, bound));
}
