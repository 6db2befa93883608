// Checks what a pass leaves: every node's type inferred again, and the graph's signature, which no pass may change.
import { IsochronError } from "../../kernels/index.ts";
import type { Graph, NamedValue } from "../graph/graph.ts";
import { sameType, showTensorType } from "../graph/tensor-type.ts";

/** An error of a pass, which no input should lead to. */
const passError = (
  pass: string,
  graph: Graph,
  what: string,
  parts: { details?: readonly string[]; place?: string; cause?: unknown },
) =>
  new IsochronError("compile/pass", `pass "${pass}" of graph "${graph.name}": ${what}`, {
    help: "this is an error of Isochron's own; please report it with the graph, which the Interpreter still runs",
    ...parts,
  });

/** How a list of named values differs from another, in words. */
function changed(what: string, before: readonly NamedValue[], after: readonly NamedValue[]): string | undefined {
  if (before.length !== after.length) return `${before.length} ${what}s became ${after.length}`;
  for (const [at, { name, value }] of before.entries()) {
    const now = after[at]!;
    const { type } = now.value;
    if (now.name === name && sameType(type, value.type)) continue;
    return `${what} ${name}: ${showTensorType(value.type)} became ${now.name}: ${showTensorType(type)}`;
  }
  return undefined;
}

/**
 * The graph that a pass leaves, checked in time linear in its size.
 *
 * Throws `compile/pass`, naming pass and node, where a type or the signature has changed, or where the pass itself fails.
 */
export function checked(pass: string, run: (graph: Graph) => Graph, graph: Graph): Graph {
  try {
    const after = run(graph);
    after.verify();
    const problem =
      changed("input", graph.inputs, after.inputs) ??
      changed("output", graph.outputs, after.outputs) ??
      changed("state", graph.states, after.states);
    if (problem === undefined) return after;
    throw passError(pass, graph, problem, { details: after.toString().split("\n") });
  } catch (error) {
    // What the user has to mend has a code of compiling.
    if (error instanceof IsochronError && error.code.startsWith("compile/")) throw error;
    const { message } = error instanceof Error ? error : { message: String(error) };
    const { details = [], place } = error instanceof IsochronError ? error : {};
    throw passError(pass, graph, message, { details, ...(place === undefined ? {} : { place }), cause: error });
  }
}
