// The stages of compilation as one value: methods decluttered, planned, and lowered to the kernels and the step of a target.
import { z } from "zod";
import {
  checkArgument,
  type Grain,
  optionsOf,
  type Target,
  type TargetName,
  target as targetOf,
  targetSchema,
} from "../../kernels/index.ts";
import type { Graph } from "../graph/graph.ts";
import { type MethodGraphs, methodsOf, programName } from "../graph/method-graphs.ts";
import { layoutWeights, type Weights } from "../graph/weights.ts";
import { bindSymbols, declutter, directConvolutions, plan, symbolsIn } from "../passes/index.ts";
import { codeFor, type TargetCode } from "./target-code.ts";

/** What graphs are decluttered with. */
export interface StageOptions {
  /** Sizes of the graphs' symbolic dimensions. */
  readonly dimensions?: { readonly [name: string]: number } | undefined;
  /**
   * "direct": every convolution is the sum of its window's own products, up to 2.5 times as slow for 3×3.
   *
   * Unless given, 3×3 convolutions at stride 1 of 32 channels or more go by Winograd's algorithm, which adds and subtracts neighbours
   * first: one NaN, infinity or number near the end of float32 makes all outputs of its tiles (4×4 or 2×2 pixels) NaN, where
   * direct convolution keeps it to the windows that hold it. A layer's own option of the same name asks for one layer.
   */
  readonly convolution?: "direct" | undefined;
}

/** What is checked of these options; what is no size is refused with the dimension that it is given for. */
export const stageSchemas = () => ({
  dimensions: z.record(z.string(), z.unknown()).describe("sizes by the dimensions' names: { n: 4 }").optional(),
  convolution: z.literal("direct").optional(),
});
const checkStages = optionsOf<StageOptions>("compile", "Compilation.of", stageSchemas);

/** A method after the stages that are the same on every target. */
export class StagedMethod {
  readonly method: string;
  /** Decluttered: in primitive operators, and laid out for no machine. An artifact keeps it. */
  readonly portable: Graph;
  #planned: Graph | undefined;

  constructor(method: string, portable: Graph) {
    this.method = method;
    this.portable = portable;
  }

  /** The portable graph with its numeric plan: what decides the bits, and how values are laid out. Kernels are made of it. */
  get planned(): Graph {
    this.#planned ??= plan(this.portable);
    return this.#planned;
  }
}

const isStaged = (given: MethodGraphs | readonly StagedMethod[]): given is readonly StagedMethod[] =>
  Array.isArray(given) && given.length > 0 && given.every((each) => each instanceof StagedMethod);

/** Graphs on their way to code. A stage is made when it is first asked for, of what the one before it left. */
export class Compilation {
  readonly methods: readonly StagedMethod[];
  #weights: Weights | undefined;

  /** The compilation of decluttered graphs by the names of their methods, such as an artifact keeps; or of such methods. */
  constructor(portable: MethodGraphs | readonly StagedMethod[]) {
    this.methods = isStaged(portable)
      ? portable
      : Object.entries(methodsOf(portable)).map(([method, graph]) => new StagedMethod(method, graph));
  }

  /** What the program is called. */
  get name(): string {
    return programName(Object.fromEntries(this.methods.map(({ method, portable }) => [method, portable])));
  }

  /**
   * The compilation of a graph, which is the method `forward`, or of graphs by the names of their methods.
   *
   * Throws what `compile` throws before there is code.
   */
  static of(given: Graph | MethodGraphs, options: StageOptions = {}): Compilation {
    checkStages(options);
    const decluttered = bound(methodsOf(given), options.dimensions ?? {}).map(({ method, graph }) => {
      const asked = options.convolution === "direct" ? directConvolutions(graph) : graph;
      return new StagedMethod(method, declutter(asked));
    });
    return new Compilation(decluttered);
  }

  /** What kernels read from memory, and the initial values of states: of all methods, and the same on every target. */
  get weights(): Weights {
    this.#weights ??= layoutWeights(...this.methods.map(({ planned }) => planned));
    return this.#weights;
  }

  /** The kernels and steps of the methods on a target, given by its name, or with schedules of its own. */
  code(target: TargetName | Target, grain?: Grain): TargetCode {
    if (typeof target !== "object") checkArgument("compile", "Compilation.code", "target", targetSchema, target);
    return codeFor(this.methods, typeof target === "object" ? target : targetOf(target), this.weights, grain);
  }
}

/** The methods with each symbol replaced by its size; each symbol has to be in one of them at least. */
function bound(methods: MethodGraphs, dimensions: NonNullable<StageOptions["dimensions"]>) {
  const all = new Set(Object.values(methods).flatMap((graph) => [...symbolsIn(graph)]));
  return Object.entries(methods).map(([method, graph]) => {
    const own = symbolsIn(graph);
    // What no graph has is refused.
    const wanted = Object.entries(dimensions).filter(([name]) => own.has(name) || !all.has(name));
    return { method, graph: bindSymbols(graph, Object.fromEntries(wanted)) };
  });
}
