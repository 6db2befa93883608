// Emits the step function of a method: one call site per kernel, its pointers taken from the context.
import { declareKernel, type Target, targetAttributes } from "../kernels/index.ts";
import type { KernelCall } from "./lower.ts";
import type { Memory, MemoryPlan } from "./memory.ts";

/** Offsets of the context's fields, in pointers (docs/architecture.md §2). */
const field = { input: 0, output: 1, stateIn: 2, stateOut: 3, scratch: 4, weights: 5, kernelCalls: 8 } as const;

/** The symbol of the n-th call site. */
export const callSymbol = (index: number): string => `call_${index}`;

/** The module that defines `symbol` and its call sites; the step makes the calls in `order`, all of them unless given. */
export function emitStep(
  symbol: string,
  calls: readonly KernelCall[],
  plan: MemoryPlan,
  target: Target,
  order: readonly number[] = calls.map((_, at) => at),
): string {
  const scratch = new Map(plan.placed.map(({ memory, offset }) => [memory, offset]));
  const sites = calls.map((call, at) => callSite(callSymbol(at), call, scratch));
  return [
    `target triple = "${target.triple}"`,
    "",
    ...new Set(calls.map((call) => declareKernel(call.kernel))),
    "",
    ...sites,
    `define i32 @${symbol}(ptr %context) #0 {`,
    ...order.map((at) => `  call void @${callSymbol(at)}(ptr %context)`),
    `  %counter = getelementptr i64, ptr %context, i64 ${field.kernelCalls}`,
    "  %before = load i64, ptr %counter",
    `  %after = add i64 %before, ${order.length}`,
    "  store i64 %after, ptr %counter",
    "  ret i32 0",
    "}",
    "",
    `attributes #0 = { ${targetAttributes(target)} }`,
    "",
  ].join("\n");
}

function callSite(symbol: string, call: KernelCall, scratch: ReadonlyMap<Memory, number>): string {
  const lines = call.operands.flatMap(({ memory }, at) => pointer(`%p${at}`, memory, scratch));
  const arguments_ = call.operands.map((_, at) => `ptr %p${at}`).join(", ");
  return [
    `define void @${symbol}(ptr %context) noinline #0 {`,
    ...lines.map((line) => `  ${line}`),
    `  call void @${call.kernel.name}(${arguments_})`,
    "  ret void",
    "}",
    "",
  ].join("\n");
}

/** The instructions that compute a tensor's address. */
function pointer(name: string, memory: Memory, scratch: ReadonlyMap<Memory, number>): string[] {
  const { home } = memory;
  const base = [
    `${name}.f = getelementptr ptr, ptr %context, i64 ${field[home.kind]}`,
    `${name}.b = load ptr, ptr ${name}.f`,
  ];
  switch (home.kind) {
    case "input":
    case "output":
    case "stateIn":
    case "stateOut":
      return [
        ...base,
        `${name}.e = getelementptr ptr, ptr ${name}.b, i64 ${home.index}`,
        `${name} = load ptr, ptr ${name}.e`,
      ];
    case "scratch":
      return [...base, `${name} = getelementptr i8, ptr ${name}.b, i64 ${scratch.get(memory) ?? 0}`];
    case "weights":
      return [...base, `${name} = getelementptr i8, ptr ${name}.b, i64 ${home.offset}`];
  }
}
