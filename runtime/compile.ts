// Compiles a graph, ahead of time, into an artifact for some targets.
import { z } from "zod";
import {
  addsDotOnly,
  awaitNative,
  bytesOf,
  checkArgument,
  compilerSchemas,
  emitModule,
  type Grain,
  loadCompiler,
  optionsOf,
  printSchedule,
  type Schedules,
  type Target,
  type TargetName,
  targetNames,
  target as targetOf,
  targetSchema,
} from "../kernels/index.ts";
import { type Artifact, packArtifact } from "./artifact.ts";
import { Graph, type Signature } from "./graph.ts";
import { writeGraph } from "./graph-file.ts";
import { codeOf, type KernelCall } from "./kernel-call.ts";
import { lower } from "./lower.ts";
import { type Lifetime, type Memory, type MemoryPlan, planMemory } from "./memory.ts";
import { operators } from "./operators/index.ts";
import { bindSymbols, declutter, directConvolutions } from "./passes/index.ts";
import { located } from "./place.ts";
import { callSymbol, emitStep } from "./step.ts";
import { countOf, showTensorType, staticShape, type TensorType } from "./tensor-type.ts";
import { layoutWeights } from "./weights.ts";

/** Options of `compile`. */
export interface CompileOptions {
  /**
   * Instruction sets to hold code for; unless given, x86-64-v3, x86-64-v4 and aarch64, and where the graph has integer
   * products x86-64-v4+vnni and aarch64+dotprod too.
   */
  readonly targets?: readonly TargetName[];
  /** Sizes of the graph's symbolic dimensions. */
  readonly symbols?: { readonly [name: string]: number };
  /** Where compiled modules are kept; none unless given. */
  readonly cacheDir?: string;
  readonly signal?: AbortSignal;
  /**
   * "direct": every convolution is the sum of its window's own products, up to 2.5 times as slow for 3×3.
   *
   * Unless given, 3×3 convolutions at stride 1 of 32 channels or more go by Winograd's algorithm, which adds and subtracts neighbours
   * first: one NaN, infinity or number near the end of float32 makes all outputs of its tiles (4×4 or 2×2 pixels) NaN, where
   * direct convolution keeps it to the windows that hold it. A layer's own option of the same name asks for one layer.
   */
  readonly convolution?: "direct";
  /** How finely kernels are split among threads: for tests, whose shapes are small. */
  readonly grain?: Grain;
  /** Who chooses schedules, instead of each target's table: for tests and for measuring; the bits are the same. */
  readonly schedules?: Schedules;
}

/** The targets that code of a simplified graph is made for unless others are named. */
function defaultTargets(graph: Graph): readonly TargetName[] {
  const used = new Set(graph.nodes.map(({ operator }) => operator));
  const { blockedConvInteger, groupedConvInteger, packedMatmulInteger } = operators;
  const dots = [blockedConvInteger, groupedConvInteger, packedMatmulInteger].some((each) => used.has(each));
  return dots ? targetNames : targetNames.filter((name) => !addsDotOnly(name));
}

/** The targets that `compile` makes code for unless told: those that only add dot products of bytes, where there are any. */
export const targetsOf = (graph: Graph, symbols: CompileOptions["symbols"] = {}): readonly TargetName[] =>
  defaultTargets(simplified(graph, symbols));

const version = "0.1.0";
/** Kernels that share a module: few enough that two threads have work, many enough that LLVM starts rarely. */
const kernelsPerModule = 8;

const functions = z.custom((value) => typeof value === "function" || (typeof value === "object" && value !== null));
const checkCompile = optionsOf<CompileOptions>("compile", "compile", () => ({
  ...compilerSchemas(),
  // What is no size is refused with the dimension that it is given for.
  symbols: z.record(z.string(), z.unknown()).describe("sizes by the symbols' names: { n: 4 }").optional(),
  convolution: z.literal("direct").optional(),
  grain: functions.describe("a grain").optional(),
  schedules: functions.describe("a chooser of schedules").optional(),
}));
const graphSchema = z.instanceof(Graph).describe("a graph, which trace() makes");

/** Compiles a graph. The same graph, options and compiler give the same bytes. */
export async function compile<I extends Signature, O extends Signature>(
  graph: Graph<I, O>,
  options: CompileOptions = {},
): Promise<Artifact<I, O>> {
  located(() => {
    checkArgument("compile", "compile", "graph", graphSchema, graph);
    checkCompile(options);
  });
  const compiler = loadCompiler();
  const plain = located(() => {
    const bound = bindSymbols(graph as unknown as Graph, options.symbols ?? {});
    return declutter(options.convolution === "direct" ? directConvolutions(bound) : bound);
  });
  const weights = layoutWeights(plain);
  const built: { name: TargetName; calls: readonly KernelCall[]; plan: MemoryPlan; object: Uint8Array }[] = [];
  for (const name of options.targets ?? defaultTargets(plain)) {
    options.signal?.throwIfAborted();
    const target = targetOf(name, options.schedules);
    const calls = shareKernels(lower(plain, target, weights, options.grain), target);
    const plan = planMemory(lifetimesOf(calls));
    const object = await awaitNative(() =>
      compiler.compile({
        triple: target.triple,
        cpu: target.cpu,
        features: target.features,
        modules: modulesOf(calls, plan, target),
        exports: ["forward", ...calls.map((_, at) => callSymbol(at))],
        ...(options.cacheDir === undefined ? {} : { cacheDir: options.cacheDir }),
      }),
    );
    built.push({ name, calls, plan, object });
  }
  const row = (name: string, type: TensorType) => {
    const shape = staticShape(type.shape);
    return { name, dtype: type.dtype, shape, bytes: countOf(shape) * bytesOf(type.dtype) };
  };
  return packArtifact({
    manifest: {
      name: plain.name,
      provenance: { isochron: version, llvm: compiler.llvmVersion() },
      inputs: plain.inputs.map(({ name, value }) => row(name, value.type)),
      outputs: plain.outputs.map(({ name, value }) => row(name, value.type)),
      states: plain.states.map(({ name, value }, at) => ({ ...row(name, value.type), initial: weights.states[at]! })),
      methods: { forward: { symbol: "forward" } },
    },
    graph: writeGraph(plain, weights),
    weights: weights.bytes,
    targets: built.map(({ name, calls, plan, object }) => ({
      name,
      object,
      scratchBytes: plan.bytes,
      kernels: calls.map(({ label }, at) => ({ symbol: callSymbol(at), name: label })),
    })),
  }) as Artifact<I, O>;
}

/** Calls whose kernels differ in nothing but their names share the first of them: layers alike are compiled once. */
function shareKernels(calls: readonly KernelCall[], target: Target): KernelCall[] {
  const known = new Map<string, KernelCall["kernel"]>();
  const shared = (kernel: KernelCall["kernel"]) => {
    const text = emitModule([{ ...kernel, name: "kernel" }], target);
    const first = known.get(text) ?? kernel;
    known.set(text, first);
    return first;
  };
  return calls.map(({ kernel, split, ...call }) => ({
    ...call,
    kernel: shared(kernel),
    ...(split ? { split: { ...split, kernels: split.kernels.map(shared) } } : {}),
  }));
}

function lifetimesOf(calls: readonly KernelCall[]): Lifetime[] {
  const spans = new Map<Memory, { first: number; last: number }>();
  calls.forEach(({ operands }, at) => {
    for (const { memory } of operands) {
      if (memory.home.kind !== "scratch") continue;
      const span = spans.get(memory);
      if (span) span.last = at;
      else spans.set(memory, { first: at, last: at });
    }
  });
  return [...spans].map(([memory, span]) => ({ memory, ...span }));
}

function modulesOf(calls: readonly KernelCall[], plan: MemoryPlan, target: Target): { name: string; text: string }[] {
  const modules = [{ name: "step", text: emitStep("forward", calls, plan, target) }];
  const kernels = [...new Set(calls.flatMap(codeOf))];
  for (let at = 0; at < kernels.length; at += kernelsPerModule) {
    modules.push({ name: `kernels ${at}`, text: emitModule(kernels.slice(at, at + kernelsPerModule), target) });
  }
  return modules;
}

/** The graph of primitive operators that code is made of, as an artifact holds it. */
export function simplified(graph: Graph, symbols: CompileOptions["symbols"] = {}): Graph {
  checkArgument("compile", "a graph's way to code", "graph", graphSchema, graph);
  return declutter(bindSymbols(graph, symbols));
}

/** What `inspect` shows of a graph's way to code: each stage in its own text. */
export function explain(graph: Graph, targetName: TargetName, symbols: CompileOptions["symbols"] = {}): string {
  checkArgument("compile", "explain", "targetName", targetSchema, targetName);
  const plain = simplified(graph, symbols);
  const lowered = lower(plain, targetOf(targetName), layoutWeights(plain));
  const plan = planMemory(lifetimesOf(lowered));
  const calls = lowered.flatMap(({ label, operands, choices }, at) => {
    const show = operands.map(
      ({ memory, access }) =>
        `${access === "write" ? "→ " : ""}${memory.home.kind} ${memory.name}: ${showTensorType(memory)}`,
    );
    return [
      `  ${String(at).padStart(3)}  ${label}  (${show.join(", ")})`,
      ...choices.map(({ problem, chosen }) => `       schedule of ${problem.name}: ${printSchedule(chosen)}`),
    ];
  });
  return [
    plain.toString(),
    "",
    `kernels for ${targetName}:`,
    ...calls,
    "",
    `scratch, ${plan.bytes} bytes:`,
    plan.toString(),
  ].join("\n");
}
