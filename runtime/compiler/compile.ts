// Compiles a graph, ahead of time, into an artifact for some targets.
import { z } from "zod";
import {
  addsDotOnly,
  bytesOf,
  checkArgument,
  compilerSchemas,
  type Grain,
  loadCompiler,
  optionsOf,
  type Schedules,
  type TargetName,
  targetNames,
  target as targetOf,
} from "../../kernels/index.ts";
import { type Graph, type Signature, withRegions } from "../graph/graph.ts";
import { writeGraph } from "../graph/graph-file.ts";
import { type Forward, graphSchema, type MethodGraphs, type SignaturesOf } from "../graph/method-graphs.ts";
import { located } from "../graph/place.ts";
import { countOf, staticShape, type TensorType } from "../graph/tensor-type.ts";
import { layoutKept } from "../graph/weights.ts";
import { operators } from "../operators/index.ts";
import {
  type Artifact,
  type ArtifactParts,
  packArtifact,
  requireArtifactSize,
  writeArtifact,
} from "../program/artifact.ts";
import type { Manifest } from "../program/manifest.ts";
import { Compilation, type StageOptions, stageSchemas } from "./stages.ts";
import { callSymbol } from "./step.ts";
import { type MethodCode, modulesOf, symbolOf, symbolsOf, type TargetCode } from "./target-code.ts";

/** Options of `compile`. */
export interface CompileOptions extends StageOptions {
  /**
   * Instruction sets to hold code for; unless given, x86-64-v3, x86-64-v4 and aarch64, and where the graph has integer
   * products x86-64-v4+vnni and aarch64+dotprod too.
   */
  readonly targets?: readonly TargetName[];
  /** Where compiled modules are kept; none unless given. */
  readonly cacheDir?: string;
  readonly signal?: AbortSignal;
  /** How finely kernels are split among threads: for tests, whose shapes are small. */
  readonly grain?: Grain;
  /** Who chooses schedules, instead of each target's table: for tests and for measuring; the bits are the same. */
  readonly schedules?: Schedules;
}

/** The targets that code is made for unless others are named. */
function defaultTargets({ methods }: Compilation): readonly TargetName[] {
  const nodes = methods.flatMap(({ planned }) => withRegions(planned)).flatMap((graph) => graph.nodes);
  const used = new Set(nodes.map(({ operator }) => operator));
  const { blockedConvInteger, groupedConvInteger, packedMatmulInteger } = operators;
  const dots = [blockedConvInteger, groupedConvInteger, packedMatmulInteger].some((each) => used.has(each));
  return dots ? targetNames : targetNames.filter((name) => !addsDotOnly(name));
}

/** The targets that `compile` makes code for unless told: those that only add dot products of bytes, where there are any. */
export const targetsOf = (graph: Graph, dimensions: CompileOptions["dimensions"] = {}): readonly TargetName[] =>
  defaultTargets(compilationOf(graph, dimensions));

const version = "0.1.0";

const functions = z.custom((value) => typeof value === "function" || (typeof value === "object" && value !== null));
const checkCompile = optionsOf<CompileOptions>("compile", "compile", () => ({
  ...compilerSchemas(),
  ...stageSchemas(),
  grain: functions.describe("a grain").optional(),
  schedules: functions.describe("a chooser of schedules").optional(),
}));

/**
 * Compiles a graph, which becomes the method `forward`, or some graphs, each the method of its name, into one artifact.
 *
 * Methods share weights of equal bytes, kernels alike, and states of one name. The same graphs, options and compiler give the
 * same bytes. Throws `compile/state` where states of one name differ, `compile/method` for a name that is none.
 *
 * @example
 * ```ts
 * import { compile, load, save, state, tensorType, trace } from "isochron";
 *
 * const sum = () => state("sum", tensorType("f32", []), 0);
 * const forward = trace(
 *   ({ x }) => {
 *     const state = sum();
 *     const next = state.get().add(x);
 *     state.set(next);
 *     return { next };
 *   },
 *   { x: tensorType("f32", []) },
 *   { name: "total" },
 * );
 * const clear = trace(
 *   ({ to }) => {
 *     sum().set(to);
 *     return { to };
 *   },
 *   { to: tensorType("f32", []) },
 *   { name: "clear" },
 * );
 * const artifact = await compile({ forward, clear }, { targets: ["x86-64-v3", "aarch64"] });
 * save(artifact, "total.iso");
 * const program = load(artifact);
 * program.method("clear").run({ to: Float32Array.of(40) });
 * console.log(program.run({ x: Float32Array.of(2) }).next[0]); // 42
 * ```
 */
export function compile<I extends Signature, O extends Signature>(
  graph: Graph<I, O>,
  options?: CompileOptions,
): Promise<Artifact<Forward<I, O>>>;
export function compile<G extends MethodGraphs>(
  graphs: G,
  options?: CompileOptions,
): Promise<Artifact<SignaturesOf<G>>>;
export async function compile(given: Graph | MethodGraphs, options: CompileOptions = {}): Promise<Artifact> {
  located(() => checkCompile(options));
  // Where there is no compiler, nothing is begun.
  loadCompiler();
  const { dimensions, convolution } = options;
  const compilation = located(() => Compilation.of(given, { dimensions, convolution }));
  return packArtifact(await partsOf(compilation, options));
}

/** What is left of a compilation whose artifact was written. */
export interface Written {
  readonly manifest: Manifest;
  /** The code for the first target. */
  readonly code: TargetCode | undefined;
}

/**
 * Compiles into an open file, whose bytes are those of what `compile` gives.
 *
 * Beside the decluttered graphs no more than one weight of the artifact is in memory at a time.
 */
export async function compileInto(
  file: number,
  compilation: Compilation,
  options: CompileOptions = {},
): Promise<Written> {
  const parts = await partsOf(compilation, options);
  return { manifest: writeArtifact(parts, file), code: parts.code };
}

/** Lowers and compiles for each target; what an artifact is put together from, the weights still to be laid out. */
async function partsOf(
  compilation: Compilation,
  options: CompileOptions,
): Promise<ArtifactParts & Pick<Written, "code">> {
  const compiler = loadCompiler();
  const graphs = compilation.methods.map(({ portable }) => portable);
  const { weights } = compilation;
  const kept = layoutKept(weights, ...graphs);
  requireArtifactSize(weights.size + kept.size);
  const built: { code: TargetCode; object: Uint8Array }[] = [];
  for (const name of options.targets ?? defaultTargets(compilation)) {
    options.signal?.throwIfAborted();
    const target = targetOf(name, options.schedules);
    const code = compilation.code(target, options.grain);
    const object = await target.backend.compile({
      modules: modulesOf(code),
      exports: code.methods.flatMap(symbolsOf),
      ...(options.cacheDir === undefined ? {} : { cacheDir: options.cacheDir }),
    });
    built.push({ code, object });
  }
  const row = (name: string, type: TensorType) => {
    const shape = staticShape(type.shape);
    return { name, dtype: type.dtype, shape, bytes: countOf(shape) * bytesOf(type.dtype) };
  };
  const states = new Map(graphs.flatMap((graph) => graph.states.map((state) => [state.name, state] as const)));
  return {
    manifest: {
      name: compilation.name,
      provenance: { isochron: version, llvm: compiler.llvmVersion() },
      states: [...states.values()].map((state) => ({
        ...row(state.name, state.value.type),
        initial: weights.initialOf(state),
      })),
    },
    methods: compilation.methods.map(({ method, portable }) => ({
      name: method,
      symbol: symbolOf(method),
      inputs: portable.inputs.map(({ name, value }) => row(name, value.type)),
      outputs: portable.outputs.map(({ name, value }) => row(name, value.type)),
      states: portable.states.map(({ name }) => name),
      ...faultsOf(built[0]?.code.methods.find((each) => each.method === method)),
      graph: (keptHash) => writeGraph(portable, kept, keptHash),
    })),
    weights,
    kept,
    targets: built.map(({ code: { target, methods }, object }) => ({
      name: target.name,
      object,
      methods: Object.fromEntries(
        methods.map(({ method, memory, calls, first }) => {
          const kernels = calls.map(({ label }, at) => ({ symbol: callSymbol(first + at), name: label }));
          return [method, { scratchBytes: memory.bytes, kernels }];
        }),
      ),
    })),
    code: built[0]?.code,
  };
}

/** What a step may end with, where there is anything: it is the same on every target. */
const faultsOf = (method: MethodCode | undefined): { faults?: string[] } =>
  method && method.faults.length > 0 ? { faults: [...method.faults] } : {};

/** The stages of one graph. */
function compilationOf(graph: Graph, dimensions: CompileOptions["dimensions"]): Compilation {
  checkArgument("compile", "a graph's way to code", "graph", graphSchema, graph);
  return Compilation.of(graph, { dimensions });
}

/** The graph in primitive operators, laid out for no machine, as an artifact keeps it. */
export const simplified = (graph: Graph, dimensions: CompileOptions["dimensions"] = {}): Graph =>
  compilationOf(graph, dimensions).methods[0]!.portable;
