// Gives symbolic dimensions their sizes by inferring every type anew.
import { IsochronError } from "../../kernels/index.ts";
import type { Graph } from "../graph.ts";
import { descending, rewrite } from "../rewrite.ts";

/** The names of a graph's symbolic dimensions. */
export const symbolsIn = ({ inputs }: Graph): ReadonlySet<string> =>
  new Set(
    inputs.flatMap(({ value }) =>
      value.type.shape.flatMap((each) => (typeof each !== "number" && each.kind === "symbol" ? [each.name] : [])),
    ),
  );

/** The graph with each symbol replaced by its size. Throws `compile/unknown-symbol` for a name the graph does not have, `compile/symbol-size`. */
export function bindSymbols(graph: Graph, symbols: { readonly [name: string]: number }): Graph {
  const names = symbolsIn(graph);
  const unknown = Object.keys(symbols).find((name) => !names.has(name));
  if (unknown !== undefined) {
    throw new IsochronError("compile/unknown-symbol", `graph "${graph.name}" has no dimension "${unknown}"`, {
      help: names.size === 0 ? "all its dimensions are known" : `it has ${[...names].join(", ")}`,
    });
  }
  for (const [name, size] of Object.entries(symbols)) {
    if (Number.isSafeInteger(size) && size >= 0) continue;
    throw new IsochronError(
      "compile/symbol-size",
      `${size} is no size for dimension "${name}" of graph "${graph.name}"`,
      {
        help: "sizes are whole numbers from 0",
      },
    );
  }
  return descending((each) => bound(each, symbols))(graph);
}

const bound = (graph: Graph, symbols: { readonly [name: string]: number }): Graph =>
  rewrite(
    graph,
    () => undefined,
    (type) => ({
      dtype: type.dtype,
      shape: type.shape.map((each) =>
        typeof each !== "number" && each.kind === "symbol" ? (symbols[each.name] ?? each) : each,
      ),
    }),
  );
