// A program: an artifact loaded for this machine, run with typed arrays.
import { z } from "zod";
import { callNative, IsochronError, loadRuntime } from "../kernels/index.ts";
import { type Artifact, type Manifest, readArtifact } from "./artifact.ts";
import type { Signature } from "./graph.ts";
import type { ArraysOf } from "./interpreter.ts";
import { arrayName, newArray, showTensorType } from "./tensor-type.ts";

/** The part of the runtime module that runs programs. */
interface NativeProgram {
  readonly manifest: string;
  readonly target: string;
  readonly arenaBytes: number;
  run(inputs: readonly Uint8Array[], outputs: readonly Uint8Array[]): void;
  reset(): void;
  states(): Buffer;
  setStates(bytes: Buffer): void;
  kernelCalls(): bigint;
}

const binding = z.object({
  Program: z.custom<{ load(artifact: Buffer, options?: { target?: string }): NativeProgram }>(
    (value) => typeof value === "function",
  ),
});

const bytesOfArray = (array: ArrayBufferView): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

/** A loaded artifact, typed by its graph's signature. */
export class Program<I extends Signature = Signature, O extends Signature = Signature> {
  readonly #native: NativeProgram;
  readonly #inputNames: readonly string[];
  readonly #outputNames: readonly string[];
  readonly #inputs: Uint8Array[];
  readonly #outputs: Uint8Array[];
  readonly #seen = new WeakMap<ArrayBufferView, Uint8Array>();
  readonly #artifact: Artifact<I, O>;
  /** Made once: a step allocates nothing. */
  readonly #step = (): void => this.#native.run(this.#inputs, this.#outputs);

  constructor(artifact: Artifact<I, O>, options: { readonly target?: string } = {}) {
    this.#artifact = artifact;
    const { Program: native } = binding.parse(loadRuntime());
    this.#native = callNative(() => native.load(Buffer.from(artifact.bytes), options));
    this.#inputNames = artifact.manifest.inputs.map((each) => each.name);
    this.#outputNames = artifact.manifest.outputs.map((each) => each.name);
    this.#inputs = this.#inputNames.map(() => new Uint8Array());
    this.#outputs = this.#outputNames.map(() => new Uint8Array());
  }

  /** The target whose code runs. */
  get target(): string {
    return this.#native.target;
  }
  /** Bytes of memory that the program holds, fixed when it was loaded. */
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

  /** One step: reads the inputs, writes the outputs, commits the states. Allocates only for arrays it has not seen before. */
  run(inputs: ArraysOf<I>, outputs: ArraysOf<O>): void {
    this.#bind("input", this.#artifact.manifest.inputs, this.#inputNames, inputs, this.#inputs);
    this.#bind("output", this.#artifact.manifest.outputs, this.#outputNames, outputs, this.#outputs);
    callNative(this.#step);
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

  #bind(
    what: string,
    rows: Manifest["inputs"],
    names: readonly string[],
    arrays: Readonly<Record<string, ArrayBufferView>>,
    into: Uint8Array[],
  ): void {
    for (let at = 0; at < names.length; at++) {
      const name = names[at]!;
      const array = arrays[name];
      if (!array) {
        throw new IsochronError(
          "program/missing",
          `${what} "${name}" of "${this.#artifact.manifest.name}" is missing`,
          {
            help: `pass an object with ${names.join(", ")}`,
          },
        );
      }
      let bytes = this.#seen.get(array);
      if (!bytes) {
        const [{ dtype, shape }, type] = [rows[at]!, array.constructor.name];
        const wanted = arrayName(dtype);
        if (type !== wanted && !(type === "Buffer" && wanted === "Uint8Array")) {
          throw new IsochronError(
            "program/dtype",
            `${what} "${name}" is ${showTensorType({ dtype, shape })}, and got a ${type}`,
            {
              help: `pass a ${wanted}`,
            },
          );
        }
        bytes = bytesOfArray(array);
        this.#seen.set(array, bytes);
      }
      into[at] = bytes;
    }
  }
}

/** Loads an artifact, or the file of one. Every hash and bound is checked first. */
export const load = <I extends Signature = Signature, O extends Signature = Signature>(
  artifact: Artifact<I, O> | string,
  options: { readonly target?: string } = {},
): Program<I, O> =>
  new Program(typeof artifact === "string" ? (readArtifact(artifact) as Artifact<I, O>) : artifact, options);
