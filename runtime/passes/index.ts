// The portable passes, and the order in which a graph goes through them.
import type { Graph } from "../graph.ts";
import { blockChannels } from "./block-channels.ts";
import { decompose } from "./decompose.ts";
import { dropDead } from "./drop-dead.ts";
import { foldConstants } from "./fold-constants.ts";
import { fuseAttention } from "./fuse-attention.ts";
import { packFactors } from "./pack-factors.ts";
import { shareCommon } from "./share.ts";
import { simplifyViews } from "./simplify-views.ts";
import { packProducts, useIntegers } from "./use-integers.ts";

export { bindSymbols } from "./bind-symbols.ts";

/** Every pass by name, in order. */
export const passes = {
  decompose,
  useIntegers,
  foldConstants,
  simplifyViews,
  shareCommon,
  packProducts,
  fuseAttention,
  packFactors,
  blockChannels,
  dropDead,
} as const;

/** A graph with the same meaning in primitive operators and fewer nodes; `after` sees the graph that each pass leaves. */
export function declutter(graph: Graph, after: (pass: string, graph: Graph) => void = () => {}): Graph {
  let current = graph;
  for (const [name, pass] of Object.entries(passes)) {
    current = pass(current);
    after(name, current);
  }
  return current;
}
