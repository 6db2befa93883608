// The passes in the order in which a graph goes through them: those that mean the same to every machine, and the numeric plan.
import type { Graph } from "../graph/graph.ts";
import { descending } from "../graph/rewrite.ts";
import { blockChannels } from "./block-channels.ts";
import { checked } from "./checked.ts";
import { eliminateCommonSubexpressions } from "./common-subexpressions.ts";
import { foldControl, hoistInvariants, requireBounds } from "./control-flow.ts";
import { eliminateDeadCode } from "./dead-code.ts";
import { decompose } from "./decompose.ts";
import { keepIntegers } from "./dequantized.ts";
import { dropEmpty } from "./drop-empty.ts";
import { foldConstants, foldHalves } from "./fold-constants.ts";
import { fuseAttention } from "./fuse-attention.ts";
import { toMaxima } from "./maxima.ts";
import { packCodes } from "./pack-codes.ts";
import { packFactors } from "./pack-factors.ts";
import { simplifyViews } from "./simplify-views.ts";
import { packProducts, useIntegers } from "./use-integers.ts";

export { bindSymbols, symbolsIn } from "./bind-symbols.ts";
export { directConvolutions } from "./direct-convolutions.ts";
export { toMaxima } from "./maxima.ts";

/** What declutters a graph, by name, in order: nothing of it knows how a machine lays values out. */
const portable = {
  dropEmpty,
  keepIntegers,
  decompose,
  /** What decompositions are made of. */
  dropEmptyParts: dropEmpty,
  useIntegers,
  packCodes: (graph: Graph) => packCodes(graph),
  /** What integers and packed weights have replaced, before it is folded. */
  dropReplaced: eliminateDeadCode,
  foldConstants,
  foldControl,
  simplifyViews,
  eliminateCommonSubexpressions,
  hoistInvariants,
  eliminateDeadCode,
} as const;

/** What gives a decluttered graph its numeric plan: which algorithm computes each value, and how it is laid out. */
const planning = {
  packProducts,
  fuseAttention,
  packFactors,
  foldHalves,
  blockChannels,
  dropUnplanned: eliminateDeadCode,
} as const;

/** Every pass by name, in order. */
export const passes = { ...portable, ...planning } as const;

/** Sees the graph that each pass leaves. */
type After = (pass: string, graph: Graph) => void;

function run(some: { readonly [name: string]: (graph: Graph) => Graph }, graph: Graph, after?: After): Graph {
  let current = graph;
  for (const [name, pass] of Object.entries(some)) {
    current = checked(name, descending(pass), current);
    after?.(name, current);
  }
  return current;
}

/**
 * A graph with the same meaning in primitive operators and fewer nodes, as every machine can compute it, its bounded dimensions at
 * their maximum.
 *
 * Throws `graph/invalid` for a graph that is none, `compile/bound` where every step would exceed a bound, and `compile/pass` where a pass has changed a type.
 */
export function declutter(graph: Graph, after?: After): Graph {
  graph.verify();
  const decluttered = run(portable, toMaxima(graph), after);
  requireBounds(decluttered);
  return decluttered;
}

/** A decluttered graph with its numeric plan: the bits of its values are decided. Throws `compile/pass`. */
export const plan = (graph: Graph, after?: After): Graph => run(planning, graph, after);
