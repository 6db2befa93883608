// The last two stages of compilation, for one target: graphs lowered to kernels, and the step that calls them, with its memory.
import { emitModule, type Grain, type Target } from "../../kernels/index.ts";
import type { Graph } from "../graph/graph.ts";
import { forward } from "../graph/method-graphs.ts";
import { layoutWeights, type Weights } from "../graph/weights.ts";
import { codeOf, type KernelCall } from "./kernel-call.ts";
import { lower } from "./lower.ts";
import { type MemoryPlan, planMemory } from "./memory.ts";
import { callSymbol, emitStep } from "./step.ts";
import { callsOf, lifetimesOf, mapCalls, type Step } from "./step-tree.ts";

/** A graph of primitive operators, with its numeric plan, that is one method of a program. */
export interface PlannedMethod {
  readonly method: string;
  readonly planned: Graph;
}

/** What a method is on a target. */
export interface MethodCode extends PlannedMethod {
  readonly symbol: string;
  readonly steps: readonly Step[];
  /** The calls of kernels in the step. */
  readonly calls: readonly KernelCall[];
  /** What the step may end with; the codes of faults count from 1. */
  readonly faults: readonly string[];
  readonly memory: MemoryPlan;
  /** The number of its first call site: they are numbered through all methods. */
  readonly first: number;
}

/** What the methods of a program are on a target, over the weights that they share. */
export interface TargetCode {
  readonly target: Target;
  readonly weights: Weights;
  readonly methods: readonly MethodCode[];
}

/** Kernels that share a module: few enough that two threads have work, many enough that LLVM starts rarely. */
const kernelsPerModule = 8;

/** The symbol of a method's step; no kernel's has its form. */
export const symbolOf = (method: string): string => (method === forward ? method : `step.${method}`);

/** Lowers methods one after the other, and plans the memory of their steps. */
export function codeFor(
  given: readonly PlannedMethod[],
  target: Target,
  weights: Weights,
  grain: Grain | undefined,
): TargetCode {
  let first = 0;
  const methods = given.map(({ method, planned }): MethodCode => {
    const { steps, faults } = lower(planned, target, weights, grain);
    const calls = callsOf(steps).map(({ call }) => call);
    const memory = planMemory(lifetimesOf(steps));
    const code = { method, planned, symbol: symbolOf(method), steps, calls, faults, memory, first };
    first += calls.length;
    return code;
  });
  return { target, weights, methods };
}

/** One graph of primitive operators on a target. */
export const codeOfGraph = (planned: Graph, target: Target, grain?: Grain): TargetCode =>
  codeFor([{ method: forward, planned }], target, layoutWeights(planned), grain);

/** The symbols that a method's code is called by: its step, and each of its call sites. */
export const symbolsOf = ({ symbol, calls, first }: MethodCode): string[] => [
  symbol,
  ...calls.map((_, at) => callSymbol(first + at)),
];

/** The modules of a program's code, as text: a step for each method, and the kernels, those alike once. */
export function modulesOf({ target, methods }: TargetCode): { readonly name: string; readonly text: string }[] {
  const share = kernelSharing(target);
  const shared = methods.map(({ steps }, at) => share(steps, at === 0 ? "" : `m${at}.`));
  const modules = methods.map(({ symbol, memory, first }, at) => ({
    name: at === 0 ? "step" : `step ${at}`,
    text: emitStep(symbol, shared[at]!, memory, target, first),
  }));
  const kernels = [...new Set(shared.flatMap((steps) => callsOf(steps).flatMap(({ call }) => codeOf(call))))];
  for (let at = 0; at < kernels.length; at += kernelsPerModule) {
    modules.push({ name: `kernels ${at}`, text: emitModule(kernels.slice(at, at + kernelsPerModule), target) });
  }
  return modules;
}

/**
 * Calls whose kernels differ in nothing but their names share the first of them: layers alike are compiled once. Kernels of later
 * methods have names of their own.
 */
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
