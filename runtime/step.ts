// Emits the step function of a method: one call site per kernel, its pointers taken from the context.
import { declareKernel, type Split, type Target, targetAttributes } from "../kernels/index.ts";
import { codeOf, type KernelCall, type Operand } from "./kernel-call.ts";
import type { Memory, MemoryPlan } from "./memory.ts";

/** Offsets of the context's fields, in pointers (docs/architecture.md §2). */
const field = {
  input: 0,
  output: 1,
  stateIn: 2,
  stateOut: 3,
  scratch: 4,
  weights: 5,
  parallelFor: 6,
  pool: 7,
  kernelCalls: 8,
} as const;

/** The symbol of the n-th call site. */
export const callSymbol = (index: number): string => `call_${index}`;

/** The module that defines `symbol` and its call sites, from the `first` number on; the step makes the calls in their order. */
export function emitStep(
  symbol: string,
  calls: readonly KernelCall[],
  plan: MemoryPlan,
  target: Target,
  first = 0,
): string {
  const scratch = new Map(plan.placed.map(({ memory, offset }) => [memory, offset]));
  const sites = calls.map((call, at) => callSite(callSymbol(first + at), call, scratch));
  return [
    `target triple = "${target.triple}"`,
    "",
    ...new Set(calls.flatMap((call) => codeOf(call).map(declareKernel))),
    "",
    ...sites,
    `define i32 @${symbol}(ptr %context) #0 {`,
    ...calls.map((_, at) => `  call void @${callSymbol(first + at)}(ptr %context)`),
    `  %counter = getelementptr i64, ptr %context, i64 ${field.kernelCalls}`,
    "  %before = load i64, ptr %counter",
    `  %after = add i64 %before, ${calls.length}`,
    "  store i64 %after, ptr %counter",
    "  ret i32 0",
    "}",
    "",
    `attributes #0 = { ${targetAttributes(target)} }`,
    "",
  ].join("\n");
}

function callSite(symbol: string, call: KernelCall, scratch: ReadonlyMap<Memory, number>): string {
  if (call.split) return splitCallSite(symbol, call, call.split, scratch);
  return [
    `define void @${symbol}(ptr %context) noinline #0 {`,
    ...callOf(call.kernel.name, call.operands, scratch).map((line) => `  ${line}`),
    "  ret void",
    "}",
    "",
  ].join("\n");
}

/** The instructions that call a kernel; `chunk` and the number of the copy of the operands at `own` are values. */
function callOf(
  kernel: string,
  operands: readonly Operand[],
  scratch: ReadonlyMap<Memory, number>,
  chunk?: string,
  copy?: { readonly own: readonly number[]; readonly number: string },
): string[] {
  const pointers = operands.flatMap(({ memory, copyBytes }, at) => {
    if (copyBytes === undefined || !copy?.own.includes(at)) return pointer(`%p${at}`, memory, scratch);
    return [
      ...pointer(`%p${at}.whole`, memory, scratch),
      `%p${at}.at = mul i64 ${copy.number}, ${copyBytes}`,
      `%p${at} = getelementptr i8, ptr %p${at}.whole, i64 %p${at}.at`,
    ];
  });
  const values = operands.map((_, at) => `ptr %p${at}`);
  if (chunk !== undefined) values.push(`i64 ${chunk}`);
  return [...pointers, `call void @${kernel}(${values.join(", ")})`];
}

/** The instructions that load the pointer in a field of the context. */
const fieldOf = (name: string, at: number): string[] => [
  `${name}.f = getelementptr ptr, ptr %context, i64 ${at}`,
  `${name} = load ptr, ptr ${name}.f`,
];

/**
 * The call site of a kernel that has parts: with a pool, it hands each step's chunks to it; without one, it runs the kernel as
 * a whole, which is the faster way for one thread.
 */
function splitCallSite(
  symbol: string,
  call: KernelCall,
  { kernels, steps }: Split,
  scratch: ReadonlyMap<Memory, number>,
): string {
  const bodies = steps.map(({ kernel, first, own }, at) =>
    [
      `define internal void @${symbol}_${at}(ptr %context, i64 %index) noinline #0 {`,
      ...[
        `%chunk = add i64 %index, ${first}`,
        ...callOf(kernels[kernel]!.name, call.operands, scratch, "%chunk", { own, number: "%index" }),
      ].map((line) => `  ${line}`),
      "  ret void",
      "}",
      "",
    ].join("\n"),
  );
  const shared = steps.map(({ count }, at) =>
    count === 1
      ? `  call void @${symbol}_${at}(ptr %context, i64 0)`
      : `  call void %share(ptr %pool, ptr @${symbol}_${at}, ptr %context, i64 ${count})`,
  );
  return [
    ...bodies,
    `define void @${symbol}(ptr %context) noinline #0 {`,
    ...fieldOf("%share", field.parallelFor).map((line) => `  ${line}`),
    "  %none = icmp eq ptr %share, null",
    "  br i1 %none, label %alone, label %shared",
    "shared:",
    ...fieldOf("%pool", field.pool).map((line) => `  ${line}`),
    ...shared,
    "  ret void",
    "alone:",
    ...callOf(call.kernel.name, call.operands, scratch).map((line) => `  ${line}`),
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
