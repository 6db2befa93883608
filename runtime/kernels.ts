// The kernels of a graph as texts: the loops they are written in, the LLVM IR that is made of them, and its assembly.
import { z } from "zod";
import {
  awaitNative,
  checkArgument,
  emitModule,
  loadCompiler,
  printKernel,
  type Target,
  type TargetName,
  target as targetOf,
  targetSchema,
} from "../kernels/index.ts";
import { Graph } from "./graph.ts";
import { codeOf, type KernelCall } from "./kernel-call.ts";
import { lower } from "./lower.ts";
import { callSymbol } from "./step.ts";
import { callsOf } from "./step-tree.ts";
import { layoutWeights } from "./weights.ts";

/** A kernel as it is asked for by name. */
export interface ShownKernel {
  /** Its call site, as a manifest names it. */
  readonly symbol: string;
  /** Operator and value, as a manifest names them. */
  readonly name: string;
  readonly call: KernelCall;
}

/** The stages of a kernel's way to code that can be shown. */
export const kernelTexts = ["loops", "llvm", "asm"] as const;
/** One of `kernelTexts`. */
export type KernelText = (typeof kernelTexts)[number];

/** The kernels of a graph of primitive operators, such as an artifact holds, for a target; `first` is the number of its first call site. */
export function kernelsOf(graph: Graph, target: TargetName, first = 0): ShownKernel[] {
  checkArgument("compile", "kernelsOf", "graph", z.instanceof(Graph).describe("a graph"), graph);
  checkArgument("compile", "kernelsOf", "target", targetSchema, target);
  const { steps } = lower(graph, targetOf(target), layoutWeights(graph));
  return callsOf(steps).map(({ call }, at) => ({ symbol: callSymbol(first + at), name: call.label, call }));
}

/** The text of a kernel at a stage; only assembly needs the compiler. Throws `compile/missing-compiler`. */
export async function kernelText({ call }: ShownKernel, stage: KernelText, target: TargetName): Promise<string> {
  const chosen: Target = targetOf(target);
  switch (stage) {
    case "loops":
      return codeOf(call).map(printKernel).join("\n");
    case "llvm":
      return emitModule(codeOf(call), chosen);
    case "asm": {
      const { triple, cpu, features } = chosen;
      const compiler = loadCompiler();
      return await awaitNative(() =>
        compiler.assembly({ triple, cpu, features, text: emitModule(codeOf(call), chosen) }),
      );
    }
  }
}
