// What is compiled: one graph, which is the method `forward`, or several by name; and what methods of one artifact agree on.
import { z } from "zod";
import { checkArgument, IsochronError, shown } from "../../kernels/index.ts";
import { Graph, type Signature, type State } from "./graph.ts";
import { bytesIn, sameType, showTensorType } from "./tensor-type.ts";

/** The signatures of methods, by name. */
export type Methods = { readonly [method: string]: { readonly inputs: Signature; readonly outputs: Signature } };
/** The methods of one graph. */
export type Forward<I extends Signature, O extends Signature> = {
  readonly forward: { readonly inputs: I; readonly outputs: O };
};
/** Graphs that are compiled together, by the names of their methods. */
export type MethodGraphs = { readonly [method: string]: Graph };
/** The signatures of some graphs. */
export type SignaturesOf<G extends MethodGraphs> = { readonly [K in keyof G]: G[K]["signature"] };

/** The method that is meant where none is named. */
export const forward = "forward";

export const graphSchema = z.instanceof(Graph).describe("a graph, which trace() makes");
const nameSchema = z.string().regex(/^[A-Za-z_]\w{0,99}$/);

/** How two states differ that have one name, in words. */
function difference(one: State, other: State): string | undefined {
  const [a, b] = [one.value.type, other.value.type];
  if (!sameType(a, b)) return `it is ${showTensorType(a)} in one, ${showTensorType(b)} in the other`;
  return Buffer.compare(bytesIn(one.initial), bytesIn(other.initial)) === 0
    ? undefined
    : "they begin with different values";
}

/** Refuses methods that mean different states by one name. */
function requireSharedStates(methods: MethodGraphs): void {
  const known = new Map<string, { readonly method: string; readonly state: State }>();
  for (const [method, graph] of Object.entries(methods)) {
    for (const state of graph.states) {
      const first = known.get(state.name);
      const differs = first && difference(first.state, state);
      if (differs !== undefined) {
        throw new IsochronError(
          "compile/state",
          `methods "${first!.method}" and "${method}" do not share the state "${state.name}": ${differs}`,
          { help: "a state of one name is one state: give it one type and one initial value, or two names" },
        );
      }
      if (!first) known.set(state.name, { method, state });
    }
  }
}

/** The methods that a graph or some graphs stand for. Throws `compile/argument`, `compile/method`, `compile/state`. */
export function methodsOf(given: Graph | MethodGraphs): MethodGraphs {
  if (given instanceof Graph || typeof given !== "object" || given === null) {
    checkArgument("compile", "compile", "graph", graphSchema, given);
    return { [forward]: given as Graph };
  }
  for (const [method, graph] of Object.entries(given)) {
    checkArgument("compile", "compile", method, graphSchema, graph);
    if (nameSchema.safeParse(method).success) continue;
    throw new IsochronError("compile/method", `a method cannot be called ${shown(method)}`, {
      help: "names are letters, digits and _, and begin with no digit",
    });
  }
  if (Object.keys(given).length === 0) {
    throw new IsochronError("compile/method", "there is no method to compile", {
      help: "give it a graph, or some by name: { forward, reset }",
    });
  }
  requireSharedStates(given);
  return given;
}

/** What a program is called: as the graph of `forward`, or else as its first. */
export const programName = (methods: MethodGraphs): string => (methods[forward] ?? Object.values(methods)[0]!).name;
