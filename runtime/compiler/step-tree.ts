// The step of a graph as a tree: calls of kernels, branches, loops and checks, in the order in which they run.
import type { KernelCall } from "./kernel-call.ts";
import type { Home, Lifetime, Memory, Scratch } from "./memory.ts";
import type { Place } from "./placement.ts";

/** One part of a step. */
export type Step = CallStep | BranchStep | LoopStep | CheckStep;

export interface CallStep {
  readonly kind: "call";
  readonly call: KernelCall;
}

/** Ends the step with a fault where a count, one i64, is more than `atMost` or less than 0. */
export interface CheckStep {
  readonly kind: "check";
  readonly count: Place;
  readonly atMost: number;
  readonly fault: number;
}

/** Runs one of two lists, as one bool says. */
export interface BranchStep {
  readonly kind: "branch";
  readonly predicate: Place;
  readonly whenTrue: readonly Step[];
  readonly whenFalse: readonly Step[];
}

/** Runs its body again and again. Its kernels find what changes from turn to turn through the pointers of a table. */
export interface LoopStep {
  readonly kind: "loop";
  readonly label: string;
  /** The table: one pointer of 8 bytes for each slot. */
  readonly table: Memory;
  readonly carried: readonly Carried[];
  readonly moving: readonly Moving[];
  /** The number of the turn, one i64. */
  readonly index: Memory;
  readonly turns: Turns;
  /** More turns end the step with this fault. */
  readonly atMost: number;
  readonly fault: number;
  readonly body: readonly Step[];
}

/** How long a loop goes on: so many times, or as long as what steps compute is true. */
export type Turns =
  | { readonly kind: "times"; readonly times: number | Place }
  | { readonly kind: "while"; readonly condition: readonly Step[]; readonly predicate: Place };

/**
 * A value that each turn reads at one slot and writes at another: the first turn reads `initial`, the others what was written
 * before, in one of two buffers by turns.
 */
export interface Carried {
  readonly from: number;
  readonly to: number;
  readonly initial: Place;
  /** What is written first, and second; the second may be what `initial` lies in. */
  readonly buffers: readonly [Memory, Memory];
}

/** A slot that goes on by so many bytes with each turn. */
export interface Moving {
  readonly slot: number;
  readonly start: Place;
  readonly bytes: number;
}

/** The lists of steps inside a step, and how often each runs at most. */
export function inner(step: Step): readonly { readonly steps: readonly Step[]; readonly times: number }[] {
  switch (step.kind) {
    case "call":
    case "check":
      return [];
    case "branch":
      return [step.whenTrue, step.whenFalse].map((steps) => ({ steps, times: 1 }));
    case "loop": {
      const { turns, atMost, body } = step;
      const asked = turns.kind === "while" ? [{ steps: turns.condition, times: atMost + 1 }] : [];
      return [...asked, { steps: body, times: atMost }];
    }
  }
}

/** The calls of a step in the order in which their call sites are numbered, with how often each may run. */
export function callsOf(steps: readonly Step[], times = 1): { readonly call: KernelCall; readonly times: number }[] {
  return steps.flatMap((step) =>
    step.kind === "call"
      ? [{ call: step.call, times }]
      : inner(step).flatMap((each) => callsOf(each.steps, times * each.times)),
  );
}

/** The same steps with other calls. */
export const mapCalls = (steps: readonly Step[], change: (call: KernelCall) => KernelCall): Step[] =>
  steps.map((step) => changed(step, change));

function changed(step: Step, change: (call: KernelCall) => KernelCall): Step {
  const mapped = (some: readonly Step[]): Step[] => mapCalls(some, change);
  switch (step.kind) {
    case "call":
      return { kind: "call", call: change(step.call) };
    case "check":
      return step;
    case "branch":
      return { ...step, whenTrue: mapped(step.whenTrue), whenFalse: mapped(step.whenFalse) };
    case "loop": {
      const { turns } = step;
      const asked = turns.kind === "while" ? { ...turns, condition: mapped(turns.condition) } : turns;
      return { ...step, turns: asked, body: mapped(step.body) };
    }
  }
}

/** How long each piece of scratch memory is needed, counted in kernels, branches and loops. */
export function lifetimesOf(steps: readonly Step[]): Lifetime[] {
  const spans = new Map<Scratch, { name: string; bytes: number; first: number; last: number }>();
  let now = 0;
  /** Marks memory as used now. */
  const use = (home: Home, name: string, bytes: number): void => {
    if (home.kind === "slot") {
      use(home.table, "", 0);
      for (const each of home.reaches) use(each, "", 0);
    }
    if (home.kind !== "scratch") return;
    const span = spans.get(home) ?? { name, bytes, first: now, last: now };
    spans.set(home, span);
    span.last = now;
    span.bytes = Math.max(span.bytes, bytes);
    if (span.name === "") span.name = name;
  };
  const useMemory = ({ home, name, bytes }: Memory): void => use(home, name, bytes);
  const walk = (some: readonly Step[]): void => {
    for (const step of some) {
      const begin = now;
      switch (step.kind) {
        case "call":
          for (const { memory } of step.call.operands) useMemory(memory);
          break;
        case "check":
          useMemory(step.count.memory);
          break;
        case "branch":
          useMemory(step.predicate.memory);
          break;
        case "loop": {
          const { table, index, carried, moving, turns } = step;
          for (const memory of [table, index]) useMemory(memory);
          for (const { initial, buffers } of carried) for (const each of [initial.memory, ...buffers]) useMemory(each);
          for (const { start } of moving) useMemory(start.memory);
          if (turns.kind === "times" && typeof turns.times !== "number") useMemory(turns.times.memory);
          break;
        }
      }
      now++;
      for (const { steps: own } of inner(step)) walk(own);
      if (step.kind !== "loop") continue;
      if (step.turns.kind === "while") useMemory(step.turns.predicate.memory);
      // A turn may read what was there before the loop as long as it runs; what it makes anew in each turn lives in that alone.
      for (const memory of [step.table, step.index]) useMemory(memory);
      for (const span of spans.values()) if (span.first <= begin && span.last > begin) span.last = now;
      now++;
    }
  };
  walk(steps);
  return [...spans].map(([home, span]) => ({ home, ...span }));
}
