// A graph with its numeric plan, as kernels are made of it.
import type { Graph } from "../graph/graph.ts";
import { declutter, plan } from "../passes/index.ts";

/** A graph decluttered and planned; `after` sees what each pass leaves. */
export const withPlan = (graph: Graph, after?: (pass: string, graph: Graph) => void): Graph =>
  plan(declutter(graph, after), after);
