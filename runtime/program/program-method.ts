// A method of a loaded program: its arrays, and a step on them.
import { callNative, IsochronError, shown, withArticle } from "../../kernels/index.ts";
import type { Signature } from "../graph/graph.ts";
import { arrayName, arrayOver, newArray, showTensorType, type TypedArray } from "../graph/tensor-type.ts";
import type { ArraysOf } from "../interpreters/interpreter.ts";
import type { MethodRow } from "./manifest.ts";

/** The part of the runtime module that runs programs; methods are named by their place among `methods`. */
export interface NativeProgram {
  readonly target: string;
  readonly arenaBytes: number;
  readonly methods: readonly string[];
  /** Runs one step on a set of inputs: 0 are those of `memory()`, the others those of `newInputs()`, as they were made. */
  stepper(method: number, set: number): () => void;
  /** The memory of another set of inputs. */
  newInputs(method: number): Uint8Array;
  /** The memory of all inputs and outputs, and where each of them starts in it. */
  memory(method: number): Uint8Array;
  offsets(method: number): readonly number[];
  /** Runs the kernels one by one; nanoseconds of each. */
  profile(method: number): Float64Array;
  /** Runs so many steps, on one set of inputs after the other; nanoseconds of each. */
  timeSteps(method: number, count: number): Float64Array;
  reset(): void;
  states(): Buffer;
  setStates(bytes: Buffer): void;
  kernelCalls(): bigint;
}

/** One method of a program. Its steps read and write the states that all methods share; those it does not have stay as they are. */
export class Method<I extends Signature = Signature, O extends Signature = Signature> {
  readonly name: string;
  /** The method's own input arrays: what is written there need not be copied by `run`. */
  readonly inputs: ArraysOf<I>;
  /** The method's own output arrays, overwritten by every step: passed to `run`, they cost no copy. */
  readonly outputs: ArraysOf<O>;
  readonly #program: string;
  readonly #row: MethodRow;
  readonly #native: NativeProgram;
  readonly #number: number;
  readonly #offsets: readonly number[];
  readonly #inputNames: readonly string[];
  readonly #outputNames: readonly string[];
  /** What a step reads and writes itself; what is passed to `run` is copied from and to it. */
  readonly #inputs: readonly TypedArray[];
  readonly #outputs: readonly TypedArray[];
  /** Steps on the method's own inputs; a native function, made once. */
  readonly #step: () => void;
  /** Steps on sets of inputs that lie where they can be read, by the objects that hold them. */
  readonly #steps = new Map<object, () => void>();

  /** Of the program's making: `program.method(name)` has it. */
  constructor(native: NativeProgram, program: string, name: string, row: MethodRow) {
    this.name = name;
    this.#program = program;
    this.#row = row;
    this.#native = native;
    this.#number = native.methods.indexOf(name);
    this.#inputNames = row.inputs.map((each) => each.name);
    this.#outputNames = row.outputs.map((each) => each.name);
    this.#offsets = native.offsets(this.#number);
    const memory = native.memory(this.#number);
    this.#inputs = this.#arraysIn(memory, row.inputs, 0);
    this.#outputs = this.#arraysIn(memory, row.outputs, row.inputs.length);
    this.inputs = named(this.#inputNames, this.#inputs) as ArraysOf<I>;
    this.outputs = named(this.#outputNames, this.#outputs) as ArraysOf<O>;
    this.#step = native.stepper(this.#number, 0);
    this.#steps.set(this.inputs, this.#step);
  }

  #arraysIn(memory: Uint8Array, rows: MethodRow["inputs"], first: number): TypedArray[] {
    return rows.map(({ dtype, bytes }, at) =>
      arrayOver(dtype, memory.buffer as ArrayBuffer, memory.byteOffset + this.#offsets[first + at]!, bytes),
    );
  }

  /** Arrays of the outputs' types and sizes, zeroed. */
  newOutputs(): ArraysOf<O> {
    return Object.fromEntries(
      this.#row.outputs.map(({ name, dtype, shape }) => [
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
    const memory = callNative(() => this.#native.newInputs(this.#number));
    const set = named(this.#inputNames, this.#arraysIn(memory, this.#row.inputs, 0));
    this.#steps.set(set, this.#native.stepper(this.#number, this.#steps.size));
    return set as ArraysOf<I>;
  }

  /**
   * One step: reads the inputs, writes the outputs, commits the states; gives the outputs.
   *
   * Without `outputs` they are new arrays. A step that is given them allocates nothing.
   */
  run(inputs: ArraysOf<I>, outputs: ArraysOf<O> = this.newOutputs()): ArraysOf<O> {
    const given = inputs as { readonly [name: string]: TypedArray };
    const wanted = outputs as { readonly [name: string]: TypedArray };
    const step = this.#steps.get(inputs);
    if (step === undefined) this.#checkAll("input", this.#inputNames, this.#inputs, given);
    if (outputs !== this.outputs) this.#checkAll("output", this.#outputNames, this.#outputs, wanted);
    if (step === undefined) {
      for (let at = 0; at < this.#inputs.length; at++) copy(given[this.#inputNames[at]!]!, this.#inputs[at]!);
    }
    callNative(step ?? this.#step);
    if (outputs === this.outputs) return outputs;
    for (let at = 0; at < this.#outputs.length; at++) copy(this.#outputs[at]!, wanted[this.#outputNames[at]!]!);
    return outputs;
  }

  /**
   * Runs the kernels of one step one by one on what lies in `inputs`; how many nanoseconds each took, in the manifest's
   * order. The states stay what they are.
   */
  kernelTimes(): Float64Array {
    return callNative(() => this.#native.profile(this.#number));
  }

  /**
   * Runs `count` steps, on every set of inputs in turn, without coming back to JavaScript; how many nanoseconds each took.
   * For benchmarks: what `run` costs more is JavaScript's share.
   */
  stepTimes(count: number): Float64Array {
    return callNative(() => this.#native.timeSteps(this.#number, count));
  }

  /** Refuses arrays that are missing, or of another type or length than the method's own. */
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
    const names = what === "input" ? this.#inputNames : this.#outputNames;
    const said =
      row === undefined
        ? `the ${what}s of "${this.#program}" cannot be ${given}`
        : `${what} "${row}" of "${this.#program}" is missing`;
    return new IsochronError("program/missing", said, { help: `pass an object with ${names.join(", ")}` });
  }

  /** Refuses an array that is missing, or of another type or length than the method's own. */
  #check(what: "input" | "output", at: number, own: TypedArray, array: TypedArray | undefined): void {
    if (array?.byteLength === own.byteLength && array instanceof own.constructor) return;
    const { inputs, outputs } = this.#row;
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
