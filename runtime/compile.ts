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
import { type Graph, type Signature, withRegions } from "./graph.ts";
import { writeGraph } from "./graph-file.ts";
import { codeOf, type KernelCall } from "./kernel-call.ts";
import { lower } from "./lower.ts";
import { type MemoryPlan, planMemory } from "./memory.ts";
import {
  type Forward,
  forward,
  graphSchema,
  type MethodGraphs,
  methodsOf,
  programName,
  type SignaturesOf,
} from "./method-graphs.ts";
import { operators } from "./operators/index.ts";
import { bindSymbols, declutter, directConvolutions, symbolsIn } from "./passes/index.ts";
import { located } from "./place.ts";
import { callSymbol, emitStep } from "./step.ts";
import { callsOf, lifetimesOf, mapCalls, type Step } from "./step-tree.ts";
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
  readonly dimensions?: { readonly [name: string]: number };
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

/** The targets that code of simplified graphs is made for unless others are named. */
function defaultTargets(...graphs: readonly Graph[]): readonly TargetName[] {
  const used = new Set(graphs.flatMap(withRegions).flatMap(({ nodes }) => nodes.map(({ operator }) => operator)));
  const { blockedConvInteger, groupedConvInteger, packedMatmulInteger } = operators;
  const dots = [blockedConvInteger, groupedConvInteger, packedMatmulInteger].some((each) => used.has(each));
  return dots ? targetNames : targetNames.filter((name) => !addsDotOnly(name));
}

/** The targets that `compile` makes code for unless told: those that only add dot products of bytes, where there are any. */
export const targetsOf = (graph: Graph, dimensions: CompileOptions["dimensions"] = {}): readonly TargetName[] =>
  defaultTargets(simplified(graph, dimensions));

const version = "0.1.0";
/** Kernels that share a module: few enough that two threads have work, many enough that LLVM starts rarely. */
const kernelsPerModule = 8;

const functions = z.custom((value) => typeof value === "function" || (typeof value === "object" && value !== null));
const checkCompile = optionsOf<CompileOptions>("compile", "compile", () => ({
  ...compilerSchemas(),
  // What is no size is refused with the dimension that it is given for.
  dimensions: z.record(z.string(), z.unknown()).describe("sizes by the dimensions' names: { n: 4 }").optional(),
  convolution: z.literal("direct").optional(),
  grain: functions.describe("a grain").optional(),
  schedules: functions.describe("a chooser of schedules").optional(),
}));

/** A graph that is one method of an artifact. */
interface MethodGraph {
  readonly method: string;
  readonly graph: Graph;
}

/** A method on its way to code for one target. */
interface LoweredMethod extends MethodGraph {
  readonly symbol: string;
  readonly steps: readonly Step[];
  readonly calls: readonly KernelCall[];
  readonly faults: readonly string[];
  readonly plan: MemoryPlan;
  /** The number of its first call site: they are numbered through all methods. */
  readonly first: number;
}

/** The symbol of a method's step; no kernel's has its form. */
const symbolOf = (method: string): string => (method === forward ? method : `step.${method}`);

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
  const methods = located(() => {
    const methods = methodsOf(given);
    checkCompile(options);
    return methods;
  });
  const compiler = loadCompiler();
  const plain = located(() =>
    bindMethods(methods, options.dimensions ?? {}).map(({ method, graph }) => ({
      method,
      graph: declutter(options.convolution === "direct" ? directConvolutions(graph) : graph),
    })),
  );
  const graphs = plain.map(({ graph }) => graph);
  const weights = layoutWeights(...graphs);
  const built: { name: TargetName; methods: readonly LoweredMethod[]; object: Uint8Array }[] = [];
  for (const name of options.targets ?? defaultTargets(...graphs)) {
    options.signal?.throwIfAborted();
    const target = targetOf(name, options.schedules);
    const lowered = lowerMethods(plain, target, weights, options.grain);
    const object = await awaitNative(() =>
      compiler.compile({
        triple: target.triple,
        cpu: target.cpu,
        features: target.features,
        modules: modulesOf(lowered, target),
        exports: lowered.flatMap(({ symbol, calls, first }) => [
          symbol,
          ...calls.map((_, at) => callSymbol(first + at)),
        ]),
        ...(options.cacheDir === undefined ? {} : { cacheDir: options.cacheDir }),
      }),
    );
    built.push({ name, methods: lowered, object });
  }
  const row = (name: string, type: TensorType) => {
    const shape = staticShape(type.shape);
    return { name, dtype: type.dtype, shape, bytes: countOf(shape) * bytesOf(type.dtype) };
  };
  const states = new Map(graphs.flatMap((graph) => graph.states.map((state) => [state.name, state] as const)));
  return packArtifact({
    manifest: {
      name: programName(methods),
      provenance: { isochron: version, llvm: compiler.llvmVersion() },
      states: [...states.values()].map((state) => ({
        ...row(state.name, state.value.type),
        initial: weights.initialOf(state),
      })),
    },
    methods: plain.map(({ method, graph }) => ({
      name: method,
      symbol: symbolOf(method),
      inputs: graph.inputs.map(({ name, value }) => row(name, value.type)),
      outputs: graph.outputs.map(({ name, value }) => row(name, value.type)),
      states: graph.states.map(({ name }) => name),
      ...faultsOf(built[0]?.methods.find((each) => each.method === method)),
      graph: writeGraph(graph, weights),
    })),
    weights: weights.bytes,
    targets: built.map(({ name, methods, object }) => ({
      name,
      object,
      methods: Object.fromEntries(
        methods.map(({ method, plan, calls, first }) => {
          const kernels = calls.map(({ label }, at) => ({ symbol: callSymbol(first + at), name: label }));
          return [method, { scratchBytes: plan.bytes, kernels }];
        }),
      ),
    })),
  });
}

/** What a step may end with, where there is anything: it is the same on every target. */
const faultsOf = (method: LoweredMethod | undefined): { faults?: string[] } =>
  method && method.faults.length > 0 ? { faults: [...method.faults] } : {};

/** The methods with each symbol replaced by its size; each symbol has to be in one of them at least. */
function bindMethods(methods: MethodGraphs, dimensions: NonNullable<CompileOptions["dimensions"]>): MethodGraph[] {
  const all = new Set(Object.values(methods).flatMap((graph) => [...symbolsIn(graph)]));
  return Object.entries(methods).map(([method, graph]) => {
    const own = symbolsIn(graph);
    // What no graph has is refused.
    const wanted = Object.entries(dimensions).filter(([name]) => own.has(name) || !all.has(name));
    return { method, graph: bindSymbols(graph, Object.fromEntries(wanted)) };
  });
}

/** Lowers methods one after the other; kernels of later ones have names of their own, unless they are those of earlier ones. */
function lowerMethods(
  methods: readonly MethodGraph[],
  target: Target,
  weights: ReturnType<typeof layoutWeights>,
  grain: Grain | undefined,
): LoweredMethod[] {
  const share = kernelSharing(target);
  let first = 0;
  return methods.map(({ method, graph }, at) => {
    const { steps: own, faults } = lower(graph, target, weights, grain);
    const steps = share(own, at === 0 ? "" : `m${at}.`);
    const calls = callsOf(steps).map(({ call }) => call);
    const plan = planMemory(lifetimesOf(steps));
    const lowered = { method, graph, symbol: symbolOf(method), steps, calls, faults, plan, first };
    first += calls.length;
    return lowered;
  });
}

/** Calls whose kernels differ in nothing but their names share the first of them: layers alike are compiled once. */
function kernelSharing(target: Target): (steps: readonly Step[], prefix: string) => Step[] {
  const known = new Map<string, KernelCall["kernel"]>();
  return (steps, prefix) => {
    const shared = (kernel: KernelCall["kernel"]) => {
      const text = emitModule([{ ...kernel, name: "kernel" }], target);
      const first = known.get(text) ?? (prefix === "" ? kernel : { ...kernel, name: `${prefix}${kernel.name}` });
      known.set(text, first);
      return first;
    };
    return mapCalls(steps, ({ kernel, split, ...call }) => ({
      ...call,
      kernel: shared(kernel),
      ...(split ? { split: { ...split, kernels: split.kernels.map(shared) } } : {}),
    }));
  };
}

function modulesOf(methods: readonly LoweredMethod[], target: Target): { name: string; text: string }[] {
  const modules = methods.map(({ symbol, steps, plan, first }, at) => ({
    name: at === 0 ? "step" : `step ${at}`,
    text: emitStep(symbol, steps, plan, target, first),
  }));
  const kernels = [...new Set(methods.flatMap(({ calls }) => calls.flatMap(codeOf)))];
  for (let at = 0; at < kernels.length; at += kernelsPerModule) {
    modules.push({ name: `kernels ${at}`, text: emitModule(kernels.slice(at, at + kernelsPerModule), target) });
  }
  return modules;
}

/** The graph of primitive operators that code is made of, as an artifact holds it. */
export function simplified(graph: Graph, dimensions: CompileOptions["dimensions"] = {}): Graph {
  checkArgument("compile", "a graph's way to code", "graph", graphSchema, graph);
  return declutter(bindSymbols(graph, dimensions));
}

/** A line for each kernel, choice and loop of a step, what is inside of them further right. */
function explainSteps(steps: readonly Step[]): string[] {
  let calls = 0;
  const show = ({ memory, access }: KernelCall["operands"][number]) =>
    `${access === "write" ? "→ " : ""}${memory.home.kind} ${memory.name}: ${showTensorType(memory)}`;
  const all = (some: readonly Step[], margin: string): string[] => some.flatMap((step) => lines(step, margin));
  const lines = (step: Step, margin: string): string[] => {
    switch (step.kind) {
      case "call": {
        const { label, operands, choices } = step.call;
        return [
          `${margin}${String(calls++).padStart(3)}  ${label}  (${operands.map(show).join(", ")})`,
          ...choices.map(
            ({ problem, chosen }) => `${margin}     schedule of ${problem.name}: ${printSchedule(chosen)}`,
          ),
        ];
      }
      case "check":
        return [`${margin}     fault ${step.fault} unless ${step.count.memory.name} is at most ${step.atMost}`];
      case "branch":
        return [
          `${margin}     if ${step.predicate.memory.name}`,
          ...all(step.whenTrue, `${margin}  `),
          `${margin}     else`,
          ...all(step.whenFalse, `${margin}  `),
        ];
      case "loop": {
        const { label, turns, atMost, body } = step;
        const asked =
          turns.kind === "while"
            ? [...all(turns.condition, `${margin}  `), `${margin}     while ${turns.predicate.memory.name}`]
            : [];
        return [`${margin}     ${label}, at most ${atMost} times`, ...asked, ...all(body, `${margin}  `)];
      }
    }
  };
  return all(steps, "  ");
}

/** What `inspect` shows of a graph's way to code: each stage in its own text. */
export function explain(graph: Graph, targetName: TargetName, dimensions: CompileOptions["dimensions"] = {}): string {
  checkArgument("compile", "explain", "targetName", targetSchema, targetName);
  const plain = simplified(graph, dimensions);
  const { steps } = lower(plain, targetOf(targetName), layoutWeights(plain));
  const plan = planMemory(lifetimesOf(steps));
  return [
    plain.toString(),
    "",
    `kernels for ${targetName}:`,
    ...explainSteps(steps),
    "",
    `scratch, ${plan.bytes} bytes:`,
    plan.toString(),
  ].join("\n");
}
