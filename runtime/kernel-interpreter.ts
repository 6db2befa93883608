// Runs the kernels of a graph of primitive operators by the loop interpreter, one after the other.
import { bytesOf, countKernel, type Grain, prepareKernel, type Target } from "../kernels/index.ts";
import type { Graph } from "./graph.ts";
import { lower } from "./lower.ts";
import type { Memory } from "./memory.ts";
import { byteLength, type TypedArray } from "./tensor-type.ts";
import { layoutWeights } from "./weights.ts";

/** What memory holds before anything is written there. */
const noise = 0x5a;

/** The bytes of each output, and those of the states, one after the other. */
export interface Left {
  readonly outputs: readonly Uint8Array[];
  readonly states: Uint8Array;
}

/** A graph whose kernels for a target are interpreted, access checked; its states are kept from step to step. */
export class KernelInterpreter {
  /** Operations of one step, a vector's counting once. */
  readonly operations: number;
  readonly #run: readonly (() => void)[];
  readonly #inputs: readonly Uint8Array[];
  readonly #outputs: readonly Uint8Array[];
  readonly #states: readonly Uint8Array[];
  readonly #next: readonly Uint8Array[];

  constructor(plain: Graph, target: Target, grain?: Grain) {
    const weights = layoutWeights(plain);
    const calls = lower(plain, target, weights, grain);
    const areas = (values: readonly { readonly value: Graph["inputs"][number]["value"] }[]) =>
      values.map(({ value }) => new Uint8Array(byteLength(value.type)).fill(noise));
    this.#inputs = areas(plain.inputs);
    this.#outputs = areas(plain.outputs);
    this.#states = plain.states.map(({ initial }) =>
      new Uint8Array(initial.buffer, initial.byteOffset, initial.byteLength).slice(),
    );
    this.#next = areas(plain.states);
    const scratch = new Map<Memory, Uint8Array>();
    const place = (memory: Memory): Uint8Array => {
      const { home, bytes } = memory;
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
          return weights.bytes.subarray(home.offset, home.offset + bytes);
        case "scratch": {
          const known = scratch.get(memory) ?? new Uint8Array(bytes).fill(noise);
          scratch.set(memory, known);
          return known;
        }
      }
    };
    this.operations = calls.reduce((sum, { kernel }) => sum + countKernel(kernel).operations, 0);
    this.#run = calls.map(({ kernel, operands }) => {
      const arrays = kernel.buffers.map(({ length, scalar }, at) =>
        place(operands[at]!.memory).subarray(0, length * bytesOf(scalar)),
      );
      let prepared: ReturnType<typeof prepareKernel> | undefined;
      return () => {
        prepared ??= prepareKernel(kernel);
        prepared(arrays);
      };
    });
  }

  /** One step on an array for each input, in their order. */
  step(inputs: readonly TypedArray[]): Left {
    inputs.forEach((given, at) => {
      this.#inputs[at]!.set(new Uint8Array(given.buffer, given.byteOffset, given.byteLength));
    });
    for (const run of this.#run) run();
    this.#next.forEach((bytes, at) => {
      this.#states[at]!.set(bytes);
    });
    return { outputs: this.#outputs.map((each) => each.slice()), states: Buffer.concat(this.#states) };
  }
}
