// The portable passes, and the order in which a graph goes through them.
import type { Graph } from "../graph.ts";
import { descending } from "../rewrite.ts";
import { blockChannels } from "./block-channels.ts";
import { checked } from "./checked.ts";
import { foldControl, hoistInvariants } from "./control-flow.ts";
import { decompose } from "./decompose.ts";
import { dropDead } from "./drop-dead.ts";
import { dropEmpty } from "./drop-empty.ts";
import { foldConstants } from "./fold-constants.ts";
import { fuseAttention } from "./fuse-attention.ts";
import { toMaxima } from "./maxima.ts";
import { packFactors } from "./pack-factors.ts";
import { shareCommon } from "./share.ts";
import { simplifyViews } from "./simplify-views.ts";
import { packProducts, useIntegers } from "./use-integers.ts";

export { bindSymbols, symbolsIn } from "./bind-symbols.ts";
export { directConvolutions } from "./direct-convolutions.ts";
export { toMaxima } from "./maxima.ts";

/** Every pass by name, in order. */
export const passes = {
  dropEmpty,
  decompose,
  /** What decompositions are made of. */
  dropEmptyParts: dropEmpty,
  useIntegers,
  foldConstants,
  foldControl,
  simplifyViews,
  shareCommon,
  hoistInvariants,
  packProducts,
  fuseAttention,
  packFactors,
  blockChannels,
  dropDead,
} as const;

/**
 * A graph with the same meaning in primitive operators and fewer nodes, its bounded dimensions at their maximum; `after` sees the graph that each pass leaves.
 *
 * Throws `graph/invalid` for a graph that is none, and `compile/pass` where a pass has changed a type.
 */
export function declutter(graph: Graph, after: (pass: string, graph: Graph) => void = () => {}): Graph {
  graph.verify();
  let current = toMaxima(graph);
  for (const [name, pass] of Object.entries(passes)) {
    current = checked(name, descending(pass), current);
    after(name, current);
  }
  return current;
}
