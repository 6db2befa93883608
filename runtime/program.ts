// A program: an artifact loaded for this machine, run with typed arrays.
import { z } from "zod";
import {
  callNative,
  IsochronError,
  loadRuntime,
  optionsOf,
  shown,
  targetSchema,
  withArticle,
} from "../kernels/index.ts";
import { type Artifact, type Manifest, readArtifact, requireArtifact } from "./artifact.ts";
import type { Signature } from "./graph.ts";
import type { ArraysOf } from "./interpreter.ts";
import { arrayName, arrayOver, newArray, showTensorType, type TypedArray } from "./tensor-type.ts";

/** The part of the runtime module that runs programs. */
interface NativeProgram {
  readonly manifest: string;
  readonly target: string;
  readonly arenaBytes: number;
  /** Runs one step on a set of inputs: 0 are those of `memory()`, the others those of `newInputs()`, as they were made. */
  step(set: number): void;
  /** The memory of another set of inputs. */
  newInputs(): Uint8Array;
  /** The memory of all inputs and outputs, and where each of them starts in it. */
  memory(): Uint8Array;
  readonly offsets: readonly number[];
  reset(): void;
  states(): Buffer;
  setStates(bytes: Buffer): void;
  kernelCalls(): bigint;
  /** Runs the kernels one by one; nanoseconds of each. */
  profile(): Float64Array;
  /** Runs so many steps, on one set of inputs after the other; nanoseconds of each. */
  timeSteps(count: number): Float64Array;
}

const binding = z.object({
  Program: z.custom<{ load(artifact: Buffer, options?: { target?: string; threads?: number }): NativeProgram }>(
    (value) => typeof value === "function",
  ),
});

/** Options of `load`. */
export interface LoadOptions {
  /** Code to run instead of the best for this machine. */
  readonly target?: string;
  /**
   * Threads that a step may use at most, the caller's among them; 1 unless given. The results' bits do not depend on it. The
   * others sleep whenever no step runs.
   */
  readonly threads?: number;
}

const checkLoad = optionsOf<LoadOptions>("program", "load", () => ({
  target: targetSchema.optional(),
  threads: z.int().min(1).optional(),
}));
/** A loaded artifact, typed by its graph's signature. */
export class Program<I extends Signature = Signature, O extends Signature = Signature> {
  readonly #native: NativeProgram;
  /** The program's own input arrays: what is written there need not be copied by `run`. */
  readonly inputs: ArraysOf<I>;
  /** The program's own output arrays, overwritten by every step: passed to `run`, they cost no copy. */
  readonly outputs: ArraysOf<O>;
  readonly #inputNames: readonly string[];
  readonly #outputNames: readonly string[];
  /** What the program reads and writes itself; what is passed to `run` is copied from and to it. */
  readonly #inputs: readonly TypedArray[];
  readonly #outputs: readonly TypedArray[];
  readonly #artifact: Artifact<I, O>;
  /** Sets of inputs that lie where a step can read them, by the objects that hold them. */
  readonly #sets = new Map<object, number>();
  #set = 0;
  /** Made once: a step allocates nothing. */
  readonly #step = (): void => this.#native.step(this.#set);

  constructor(artifact: Artifact<I, O>, options: LoadOptions = {}) {
    requireArtifact("program", "load", artifact);
    checkLoad(options);
    this.#artifact = artifact;
    const { inputs, outputs } = artifact.manifest;
    const { Program: native } = binding.parse(loadRuntime());
    this.#native = callNative(() => native.load(Buffer.from(artifact.bytes), options));
    this.#inputNames = inputs.map((each) => each.name);
    this.#outputNames = outputs.map((each) => each.name);
    const memory = this.#native.memory();
    this.#inputs = this.#arraysIn(memory, inputs, 0);
    this.#outputs = this.#arraysIn(memory, outputs, inputs.length);
    this.inputs = named(this.#inputNames, this.#inputs) as ArraysOf<I>;
    this.outputs = named(this.#outputNames, this.#outputs) as ArraysOf<O>;
    this.#sets.set(this.inputs, 0);
  }

  #arraysIn(memory: Uint8Array, rows: Manifest["inputs"], first: number): TypedArray[] {
    const { offsets } = this.#native;
    return rows.map(({ dtype, bytes }, at) =>
      arrayOver(dtype, memory.buffer as ArrayBuffer, memory.byteOffset + offsets[first + at]!, bytes),
    );
  }

  /** The target whose code runs. */
  get target(): string {
    return this.#native.target;
  }
  /** Bytes of memory that the program holds, its sets of inputs included. */
  get arenaBytes(): number {
    return this.#native.arenaBytes;
  }
  /** The artifact's manifest. */
  get manifest(): Manifest {
    return this.#artifact.manifest;
  }
  /** Kernels called so far. */
  get kernelCalls(): number {
    return Number(this.#native.kernelCalls());
  }

  /** Arrays of the outputs' types and sizes, zeroed. */
  newOutputs(): ArraysOf<O> {
    return Object.fromEntries(
      this.#artifact.manifest.outputs.map(({ name, dtype, shape }) => [
        name,
        newArray(
          dtype,
          shape.reduce((a, b) => a * b, 1),
        ),
      ]),
    ) as unknown as ArraysOf<O>;
  }

  /**
   * Another set of input arrays that steps read where they lie: `run` takes the object as it is and copies nothing. It lives
   * as long as the program; make as many as are filled at a time, once.
   */
  newInputs(): ArraysOf<I> {
    const memory = callNative(() => this.#native.newInputs());
    const set = named(this.#inputNames, this.#arraysIn(memory, this.#artifact.manifest.inputs, 0));
    this.#sets.set(set, this.#sets.size);
    return set as ArraysOf<I>;
  }

  /** One step: reads the inputs, writes the outputs, commits the states. Allocates nothing. */
  run(inputs: ArraysOf<I>, outputs: ArraysOf<O>): void {
    const given = inputs as { readonly [name: string]: TypedArray };
    const wanted = outputs as { readonly [name: string]: TypedArray };
    const set = this.#sets.get(inputs);
    if (set === undefined) this.#checkAll("input", this.#inputNames, this.#inputs, given);
    if (outputs !== this.outputs) this.#checkAll("output", this.#outputNames, this.#outputs, wanted);
    if (set === undefined) {
      for (let at = 0; at < this.#inputs.length; at++) copy(given[this.#inputNames[at]!]!, this.#inputs[at]!);
    }
    this.#set = set ?? 0;
    callNative(this.#step);
    if (outputs === this.outputs) return;
    for (let at = 0; at < this.#outputs.length; at++) copy(this.#outputs[at]!, wanted[this.#outputNames[at]!]!);
  }

  /**
   * Runs the kernels of one step one by one on what lies in `inputs`; how many nanoseconds each took, in the manifest's
   * order. The states stay what they are.
   */
  kernelTimes(): Float64Array {
    return callNative(() => this.#native.profile());
  }

  /**
   * Runs `count` steps, on every set of inputs in turn, without coming back to JavaScript; how many nanoseconds each took.
   * For benchmarks: what `run` costs more is JavaScript's share.
   */
  stepTimes(count: number): Float64Array {
    return callNative(() => this.#native.timeSteps(count));
  }

  /** Back to the initial states. */
  reset(): void {
    this.#native.reset();
  }
  /** The states' bytes, one state after the other. */
  snapshot(): Uint8Array {
    return this.#native.states();
  }
  restore(states: Uint8Array): void {
    callNative(() => this.#native.setStates(Buffer.from(states)));
  }

  /** Refuses arrays that are missing, or of another type or length than the program's own. */
  #checkAll(
    what: "input" | "output",
    names: readonly string[],
    own: readonly TypedArray[],
    given: { readonly [name: string]: TypedArray },
  ): void {
    if (typeof given !== "object" || given === null) throw this.#missing(what, shown(given));
    for (let at = 0; at < own.length; at++) this.#check(what, at, own[at]!, given[names[at]!]);
  }

  #missing(what: "input" | "output", given: string | undefined, row?: string): IsochronError {
    const { name } = this.#artifact.manifest;
    const names = what === "input" ? this.#inputNames : this.#outputNames;
    const said =
      row === undefined ? `the ${what}s of "${name}" cannot be ${given}` : `${what} "${row}" of "${name}" is missing`;
    return new IsochronError("program/missing", said, { help: `pass an object with ${names.join(", ")}` });
  }

  /** Refuses an array that is missing, or of another type or length than the program's own. */
  #check(what: "input" | "output", at: number, own: TypedArray, array: TypedArray | undefined): void {
    if (array?.byteLength === own.byteLength && array instanceof own.constructor) return;
    const { inputs, outputs } = this.#artifact.manifest;
    const row = (what === "input" ? inputs : outputs)[at]!;
    if (array === undefined || array === null) throw this.#missing(what, undefined, row.name);
    const type = array.constructor?.name;
    const wanted = arrayName(row.dtype);
    if (type !== wanted && !(type === "Buffer" && wanted === "Uint8Array")) {
      throw new IsochronError(
        "program/dtype",
        `${what} "${row.name}" is ${showTensorType(row)}, and got ${shown(array)}`,
        { help: `pass ${withArticle(wanted)}` },
      );
    }
    if (array.byteLength !== own.byteLength) {
      throw new IsochronError(
        "program/lengths",
        `${what} "${row.name}" is ${showTensorType(row)}, ${own.byteLength} bytes, and got ${array.byteLength}`,
        { help: "pass an array of the manifest's dtype and shape" },
      );
    }
  }
}

const named = (names: readonly string[], arrays: readonly TypedArray[]): { readonly [name: string]: TypedArray } =>
  Object.freeze(Object.fromEntries(names.map((name, at) => [name, arrays[at]!])));

/** Copies one array to another of the same type, unless they are one. */
function copy(from: TypedArray, to: TypedArray): void {
  if (from !== to) (to as { set(from: TypedArray): void }).set(from);
}

/** Loads an artifact, or the file of one. Every hash and bound is checked first. */
export const load = <I extends Signature = Signature, O extends Signature = Signature>(
  artifact: Artifact<I, O> | string,
  options: LoadOptions = {},
): Program<I, O> =>
  new Program(typeof artifact === "string" ? (readArtifact(artifact) as Artifact<I, O>) : artifact, options);
