// Emits the step function of a method: one call site per kernel, its pointers taken from the context, and what decides which run.
import { bytesOf, declareKernel, type Split, type Target, targetAttributes } from "../../kernels/index.ts";
import { codeOf, type KernelCall, type Operand } from "./kernel-call.ts";
import type { Memory, MemoryPlan, Scratch } from "./memory.ts";
import { type Place, wholeOf } from "./placement.ts";
import { type BranchStep, type CheckStep, callsOf, type LoopStep, type Step } from "./step-tree.ts";

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

/** Offsets of scratch memory by the plan. */
type Offsets = ReadonlyMap<Scratch, number>;

/** The module that defines `symbol` and its call sites, from the `first` number on; the step makes the calls in their order. */
export function emitStep(symbol: string, steps: readonly Step[], plan: MemoryPlan, target: Target, first = 0): string {
  const offsets: Offsets = new Map(plan.placed.map(({ home, offset }) => [home, offset]));
  const calls = callsOf(steps).map(({ call }) => call);
  const sites = calls.map((call, at) => callSite(callSymbol(first + at), call, offsets));
  return [
    `target triple = "${target.backend.triple}"`,
    "",
    ...new Set(calls.flatMap((call) => codeOf(call).map(declareKernel))),
    "",
    ...sites,
    `define i32 @${symbol}(ptr %context) #0 {`,
    ...new StepBody(offsets, first).lines(steps),
    "  ret i32 0",
    "}",
    "",
    `attributes #0 = { ${targetAttributes(target)} }`,
    "",
  ].join("\n");
}

/** The instructions of a step: calls, branches and loops. Call sites are numbered as `callsOf` numbers them. */
class StepBody {
  readonly #offsets: Offsets;
  readonly #lines: string[] = [];
  #calls: number;
  #names = 0;

  constructor(offsets: Offsets, firstCall: number) {
    this.#offsets = offsets;
    this.#calls = firstCall;
  }

  lines(steps: readonly Step[]): readonly string[] {
    this.#run(steps);
    return this.#lines;
  }

  #emit(...lines: readonly string[]): void {
    for (const line of lines) this.#lines.push(`  ${line}`);
  }

  #label(name: string): void {
    this.#lines.push(`${name}:`);
  }

  #run(steps: readonly Step[]): void {
    let uncounted = 0;
    for (const step of steps) {
      if (step.kind === "call") {
        this.#emit(`call void @${callSymbol(this.#calls++)}(ptr %context)`);
        uncounted++;
        continue;
      }
      this.#count(uncounted);
      uncounted = 0;
      if (step.kind === "branch") this.#branch(step);
      else if (step.kind === "check") this.#check(step);
      else this.#loop(step);
    }
    this.#count(uncounted);
  }

  /** Adds kernels to those that were called. */
  #count(calls: number): void {
    if (calls === 0) return;
    const name = `%calls${this.#names++}`;
    this.#emit(
      `${name} = getelementptr i64, ptr %context, i64 ${field.kernelCalls}`,
      `${name}.before = load i64, ptr ${name}`,
      `${name}.after = add i64 ${name}.before, ${calls}`,
      `store i64 ${name}.after, ptr ${name}`,
    );
  }

  /** The address of a place, under a name of its own. */
  #address({ memory, offset }: Place): string {
    const name = `%a${this.#names++}`;
    this.#emit(
      ...pointer(`${name}.m`, memory, this.#offsets),
      `${name} = getelementptr i8, ptr ${name}.m, i64 ${offset * bytesOf(memory.dtype)}`,
    );
    return name;
  }

  /** A number that is known, or lies in memory as i64. */
  #number(known: number | Place): string {
    if (typeof known === "number") return String(known);
    const address = this.#address(known);
    this.#emit(`${address}.v = load i64, ptr ${address}`);
    return `${address}.v`;
  }

  /** Goes to one label or the other, as a bool in memory says. */
  #ask(predicate: Place, yes: string, no: string): void {
    const address = this.#address(predicate);
    this.#emit(
      `${address}.v = load i8, ptr ${address}`,
      `${address}.c = icmp ne i8 ${address}.v, 0`,
      `br i1 ${address}.c, label %${yes}, label %${no}`,
    );
  }

  #branch({ predicate, whenTrue, whenFalse }: BranchStep): void {
    const id = this.#names++;
    this.#ask(predicate, `then${id}`, `else${id}`);
    this.#label(`then${id}`);
    this.#run(whenTrue);
    this.#emit(`br label %end${id}`);
    this.#label(`else${id}`);
    this.#run(whenFalse);
    this.#emit(`br label %end${id}`);
    this.#label(`end${id}`);
  }

  #check({ count, atMost, fault }: CheckStep): void {
    const id = this.#names++;
    // Unsigned, what is less than 0 is more than every bound.
    this.#emit(
      `%many${id} = icmp ugt i64 ${this.#number(count)}, ${atMost}`,
      `br i1 %many${id}, label %over${id}, label %within${id}`,
    );
    this.#label(`over${id}`);
    this.#emit(`ret i32 ${fault}`);
    this.#label(`within${id}`);
  }

  #loop({ table, carried, moving, index, turns, atMost, fault, body }: LoopStep): void {
    const id = this.#names++;
    const [head, inside, over, end] = ["head", "body", "over", "end"].map((name) => `${name}${id}`) as [
      string,
      string,
      string,
      string,
    ];
    const slots = this.#address(wholeOf(table));
    const slot = (at: number): string => {
      const name = `%s${this.#names++}`;
      this.#emit(`${name} = getelementptr ptr, ptr ${slots}, i64 ${at}`);
      return name;
    };
    const counter = this.#address(wholeOf(index));
    this.#emit(`store i64 0, ptr ${counter}`);
    const kept = carried.map(({ from, to, initial, buffers }) => {
      const [now, next] = [slot(from), slot(to)];
      const [first, second] = [this.#address(wholeOf(buffers[0])), this.#address(wholeOf(buffers[1]))];
      this.#emit(`store ptr ${this.#address(initial)}, ptr ${now}`, `store ptr ${first}, ptr ${next}`);
      return { now, next, first, second };
    });
    const moved = moving.map(({ slot: at, start, bytes }) => {
      const place = slot(at);
      this.#emit(`store ptr ${this.#address(start)}, ptr ${place}`);
      return { place, bytes };
    });
    const times = turns.kind === "times" ? this.#number(turns.times) : "";
    if (turns.kind === "times" && fault > 0)
      this.#emit(`%many${id} = icmp sgt i64 ${times}, ${atMost}`, `br i1 %many${id}, label %${over}, label %${head}`);
    else this.#emit(`br label %${head}`);
    this.#label(head);
    this.#emit(`%turn${id} = load i64, ptr ${counter}`);
    if (turns.kind === "times")
      this.#emit(`%more${id} = icmp slt i64 %turn${id}, ${times}`, `br i1 %more${id}, label %${inside}, label %${end}`);
    else {
      this.#run(turns.condition);
      this.#ask(turns.predicate, `may${id}`, end);
      this.#label(`may${id}`);
      this.#emit(
        `%less${id} = icmp slt i64 %turn${id}, ${atMost}`,
        `br i1 %less${id}, label %${inside}, label %${over}`,
      );
    }
    if (fault > 0) {
      this.#label(over);
      this.#emit(`ret i32 ${fault}`);
    }
    this.#label(inside);
    this.#run(body);
    for (const { now, next, first, second } of kept) {
      const name = `%w${this.#names++}`;
      this.#emit(
        `${name} = load ptr, ptr ${next}`,
        `store ptr ${name}, ptr ${now}`,
        `${name}.c = icmp eq ptr ${name}, ${first}`,
        `${name}.o = select i1 ${name}.c, ptr ${second}, ptr ${first}`,
        `store ptr ${name}.o, ptr ${next}`,
      );
    }
    for (const { place, bytes } of moved) {
      const name = `%w${this.#names++}`;
      this.#emit(
        `${name} = load ptr, ptr ${place}`,
        `${name}.n = getelementptr i8, ptr ${name}, i64 ${bytes}`,
        `store ptr ${name}.n, ptr ${place}`,
      );
    }
    this.#emit(`%next${id} = add i64 %turn${id}, 1`, `store i64 %next${id}, ptr ${counter}`, `br label %${head}`);
    this.#label(end);
  }
}

function callSite(symbol: string, call: KernelCall, scratch: Offsets): string {
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
  scratch: Offsets,
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
function splitCallSite(symbol: string, call: KernelCall, { kernels, steps }: Split, scratch: Offsets): string {
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
function pointer(name: string, memory: Memory, scratch: Offsets): string[] {
  const { home } = memory;
  const base = [
    `${name}.f = getelementptr ptr, ptr %context, i64 ${field[home.kind === "slot" ? "scratch" : home.kind]}`,
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
      return [...base, `${name} = getelementptr i8, ptr ${name}.b, i64 ${scratch.get(home) ?? 0}`];
    case "slot":
      return [
        ...base,
        `${name}.t = getelementptr i8, ptr ${name}.b, i64 ${(scratch.get(home.table) ?? 0) + 8 * home.index}`,
        `${name} = load ptr, ptr ${name}.t`,
      ];
    case "weights":
      return [...base, `${name} = getelementptr i8, ptr ${name}.b, i64 ${home.offset}`];
  }
}
