// The kernels of a compilation as texts: the loops they are written in, the LLVM IR that is made of them, and its assembly.
import { z } from "zod";
import {
  checkArgument,
  emitModule,
  printKernel,
  type Target,
  type TargetName,
  target as targetOf,
  targetSchema,
} from "../../kernels/index.ts";
import { codeOf, type KernelCall } from "./kernel-call.ts";
import { planText } from "./numeric-plan.ts";
import { Compilation, type StagedMethod } from "./stages.ts";
import { callSymbol } from "./step.ts";

/** A kernel as it is asked for by name. */
export interface ShownKernel {
  readonly method: string;
  /** Its call site, as a manifest names it. */
  readonly symbol: string;
  /** Operator and value, as a manifest names them. */
  readonly name: string;
  readonly call: KernelCall;
}

/** The stages of a graph's way to code that can be shown: portable, and with its numeric plan. */
export const graphTexts = ["graph", "plan"] as const;
/** One of `graphTexts`. */
export type GraphText = (typeof graphTexts)[number];
/** The stages of a kernel's way to code that can be shown. */
export const kernelTexts = ["loops", "llvm", "asm"] as const;
/** One of `kernelTexts`. */
export type KernelText = (typeof kernelTexts)[number];
/** A stage that can be shown. */
export type StageText = GraphText | KernelText;

/** The text of a method's graph at a stage. */
export const graphText = (staged: StagedMethod, stage: GraphText): string =>
  stage === "graph" ? staged.portable.toString() : planText(staged.planned);

/** The kernels of a compilation on a target. */
export function kernelsOf(compilation: Compilation, target: TargetName): ShownKernel[] {
  const schema = z.instanceof(Compilation).describe("the compilation of a graph, which Compilation.of() makes");
  checkArgument("compile", "kernelsOf", "compilation", schema, compilation);
  checkArgument("compile", "kernelsOf", "target", targetSchema, target);
  return compilation
    .code(target)
    .methods.flatMap(({ method, calls, first }) =>
      calls.map((call, at) => ({ method, symbol: callSymbol(first + at), name: call.label, call })),
    );
}

/** The text of a kernel at a stage; only assembly needs the compiler. Throws `compile/missing-compiler`. */
export async function kernelText({ call }: ShownKernel, stage: KernelText, target: TargetName): Promise<string> {
  const chosen: Target = targetOf(target);
  switch (stage) {
    case "loops":
      return codeOf(call).map(printKernel).join("\n");
    case "llvm":
      return emitModule(codeOf(call), chosen);
    case "asm":
      return await chosen.backend.assembly(emitModule(codeOf(call), chosen));
  }
}
