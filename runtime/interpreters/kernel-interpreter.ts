// Runs the step of a graph of primitive operators, its kernels by the loop interpreter.
import { bytesOf, countKernel, IsochronError, prepareKernel } from "../../kernels/index.ts";
import type { KernelCall } from "../compiler/kernel-call.ts";
import type { Memory, Scratch } from "../compiler/memory.ts";
import type { Place } from "../compiler/placement.ts";
import { type CheckStep, callsOf, type LoopStep, lifetimesOf, type Step, type Turns } from "../compiler/step-tree.ts";
import type { TargetCode } from "../compiler/target-code.ts";
import type { Graph } from "../graph/graph.ts";
import { byteLength, bytesIn, type TypedArray } from "../graph/tensor-type.ts";
import { bytesOfBlock } from "../graph/weights.ts";

/** What memory holds before anything is written there. */
const noise = 0x5a;

/** The bytes of each output, and those of the states, one after the other. */
export interface Left {
  readonly outputs: readonly Uint8Array[];
  readonly states: Uint8Array;
}

/** A graph whose kernels for a target are interpreted, access checked; its states are kept from step to step. */
export class KernelInterpreter {
  /** Operations of one step, a vector's counting once; bounded dimensions count as their maximum. */
  readonly operations: number;
  /** Iterations that the loops of kernels have made. */
  iterations = 0;
  readonly #steps: readonly Step[];
  readonly #faults: readonly string[];
  readonly #scratch = new Map<Scratch, Uint8Array>();
  /** What the pointers of loops' tables point to. */
  readonly #tables = new Map<Scratch, Uint8Array[]>();
  readonly #weights: Uint8Array;
  readonly #prepared = new Map<KernelCall, () => void>();
  readonly #inputs: readonly Uint8Array[];
  readonly #outputs: readonly Uint8Array[];
  readonly #states: readonly Uint8Array[];
  readonly #next: readonly Uint8Array[];

  /** The first method of some code. */
  constructor({ weights, methods }: TargetCode) {
    const { planned, steps, faults } = methods[0]!;
    this.#steps = steps;
    this.#faults = faults;
    this.#weights = bytesOfBlock(weights);
    const areas = (values: readonly { readonly value: Graph["inputs"][number]["value"] }[]) =>
      values.map(({ value }) => new Uint8Array(byteLength(value.type)).fill(noise));
    this.#inputs = areas(planned.inputs);
    this.#outputs = areas(planned.outputs);
    this.#states = planned.states.map(({ initial }) => bytesIn(initial).slice());
    this.#next = areas(planned.states);
    for (const { home, bytes } of lifetimesOf(steps)) this.#scratch.set(home, new Uint8Array(bytes).fill(noise));
    this.operations = callsOf(steps).reduce(
      (sum, { call, times }) => sum + times * countKernel(call.kernel).operations,
      0,
    );
  }

  /** The bytes of a piece of memory now. */
  #bytesOf({ home, bytes }: Memory): Uint8Array {
    switch (home.kind) {
      case "input":
        return this.#inputs[home.index]!;
      case "output":
        return this.#outputs[home.index]!;
      case "stateIn":
        return this.#states[home.index]!;
      case "stateOut":
        return this.#next[home.index]!;
      case "weights":
        return this.#weights.subarray(home.offset, home.offset + bytes);
      case "scratch":
        return this.#scratch.get(home)!;
      case "slot":
        return this.#tables.get(home.table)![home.index]!;
    }
  }

  /** The bytes of a place and of what follows it. */
  #bytesAt({ memory, offset }: Place): Uint8Array {
    return this.#bytesOf(memory).subarray(offset * bytesOf(memory.dtype));
  }

  #isTrue = (predicate: Place): boolean => this.#bytesAt(predicate)[0] !== 0;

  #run(steps: readonly Step[]): void {
    for (const step of steps) {
      if (step.kind === "call") this.#call(step.call);
      else if (step.kind === "check") this.#check(step);
      else if (step.kind === "branch") this.#run(this.#isTrue(step.predicate) ? step.whenTrue : step.whenFalse);
      else this.#loop(step);
    }
  }

  #check({ count, atMost, fault }: CheckStep): void {
    const found = this.#wholeAt(count);
    if (found > atMost || found < 0) throw this.#fault(fault);
  }

  #call(call: KernelCall): void {
    const known = this.#prepared.get(call);
    if (known) {
      known();
      return;
    }
    const { kernel, operands } = call;
    const prepared = prepareKernel(kernel);
    const arrays = (): Uint8Array[] =>
      kernel.buffers.map(({ length, scalar }, at) =>
        this.#bytesOf(operands[at]!.memory).subarray(0, length * bytesOf(scalar)),
      );
    const moves = operands.some(({ memory }) => memory.home.kind === "slot");
    const fixed = arrays();
    const run = (): void => {
      this.iterations += prepared(moves ? arrays() : fixed);
    };
    this.#prepared.set(call, run);
    run();
  }

  #loop({ table, carried, moving, index, turns, atMost, fault, body }: LoopStep): void {
    const slots: Uint8Array[] = [];
    if (table.home.kind === "scratch") this.#tables.set(table.home, slots);
    for (const { from, to, initial, buffers } of carried) {
      slots[from] = this.#bytesAt(initial);
      slots[to] = this.#bytesOf(buffers[0]);
    }
    for (const { slot, start } of moving) slots[slot] = this.#bytesAt(start);
    const counter = new DataView(this.#bytesOf(index).buffer);
    const end = this.#endOf(turns);
    if (turns.kind === "times" && end > atMost) throw this.#fault(fault);
    for (let turn = 0; turn < end; turn++) {
      counter.setBigInt64(0, BigInt(turn), true);
      if (turns.kind === "while") {
        this.#run(turns.condition);
        if (!this.#isTrue(turns.predicate)) return;
        if (turn === atMost) throw this.#fault(fault);
      }
      this.#run(body);
      for (const { from, to, buffers } of carried) {
        const [first, second] = buffers.map((each) => this.#bytesOf(each)) as [Uint8Array, Uint8Array];
        slots[from] = slots[to]!;
        slots[to] = slots[from] === first ? second : first;
      }
      for (const { slot, bytes } of moving) slots[slot] = slots[slot]!.subarray(bytes);
    }
  }

  /** How many turns a loop makes, as far as that is known before the first. */
  #endOf(turns: Turns): number {
    if (turns.kind === "while") return Infinity;
    if (typeof turns.times === "number") return turns.times;
    return this.#wholeAt(turns.times);
  }

  /** The i64 at a place. */
  #wholeAt(place: Place): number {
    const bytes = this.#bytesAt(place);
    return Number(new DataView(bytes.buffer, bytes.byteOffset).getBigInt64(0, true));
  }

  #fault(code: number): IsochronError {
    return new IsochronError("program/fault", this.#faults[code - 1] ?? `fault ${code}`);
  }

  /** One step on an array for each input, in their order. */
  step(inputs: readonly TypedArray[]): Left {
    inputs.forEach((given, at) => {
      this.#inputs[at]!.set(bytesIn(given));
    });
    this.#run(this.#steps);
    this.#next.forEach((bytes, at) => {
      this.#states[at]!.set(bytes);
    });
    return { outputs: this.#outputs.map((each) => each.slice()), states: Buffer.concat(this.#states) };
  }
}
