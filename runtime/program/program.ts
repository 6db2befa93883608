// A program: an artifact loaded for this machine, run with typed arrays.
import { z } from "zod";
import { callNative, loadRuntime, optionsOf, targetSchema } from "../../kernels/index.ts";
import { forward, type Methods } from "../graph/method-graphs.ts";
import type { ArraysOf } from "../interpreters/interpreter.ts";
import { type Artifact, methodRow, readArtifact, requireArtifact, requireKept } from "./artifact.ts";
import type { Manifest } from "./manifest.ts";
import { Method, type NativeProgram } from "./program-method.ts";

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

/** What `program.method(name)` is; the method of a program whose methods are not known to TypeScript takes any arrays. */
type MethodOf<M extends Methods, K extends keyof M> = Method<M[K]["inputs"], M[K]["outputs"]>;
/** Nothing, where TypeScript knows that there is no `forward`. */
type OfForward<M extends Methods, What extends "inputs" | "outputs"> = "forward" extends keyof M
  ? ArraysOf<M["forward"][What]>
  : never;

/**
 * A loaded artifact, typed by the signatures of its methods. What it does itself, it does as its method `forward`.
 *
 * Methods share states: a step of one changes those that it has, and the others see it.
 */
export class Program<M extends Methods = Methods> {
  readonly #native: NativeProgram;
  readonly #artifact: Artifact<M>;
  readonly #methods: ReadonlyMap<string, Method>;
  /** Looked up once: a step takes less time than looking it up. */
  readonly #forward: Method | undefined;

  constructor(artifact: Artifact<M>, options: LoadOptions = {}) {
    requireArtifact("program", "load", artifact);
    checkLoad(options);
    this.#artifact = artifact;
    const { Program: native } = binding.parse(loadRuntime());
    const { buffer, byteOffset, byteLength } = artifact.bytes;
    this.#native = callNative(() => native.load(Buffer.from(buffer, byteOffset, byteLength), options));
    requireKept(artifact);
    const { name, methods } = artifact.manifest;
    this.#methods = new Map(
      Object.entries(methods).map(([method, row]) => [method, new Method(this.#native, name, method, row)]),
    );
    this.#forward = this.#methods.get(forward);
  }

  /**
   * One of the program's methods. Throws `program/method`, which names those that there are.
   *
   * @example
   * ```ts
   * import { compile, load, tensorType, trace } from "isochron";
   *
   * const type = { x: tensorType("f32", []) };
   * const forward = trace(({ x }) => ({ y: x.add(1) }), type, { name: "up" });
   * const back = trace(({ x }) => ({ y: x.sub(1) }), type, { name: "down" });
   * const program = load(await compile({ forward, back }));
   * console.log(program.method("back").run({ x: Float32Array.of(5) }).y[0]); // 4
   * ```
   */
  method<K extends keyof M & string>(name: K): MethodOf<M, K> {
    const found = this.#methods.get(name);
    if (!found) methodRow(this.#artifact, name, "program");
    return found as unknown as MethodOf<M, K>;
  }

  /** The method that the program itself stands for. Throws `program/method` where it has none of that name. */
  get #own(): Method {
    return this.#forward ?? (this.method(forward) as unknown as Method);
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

  /** `forward`'s own input arrays: what is written there need not be copied by `run`. */
  get inputs(): OfForward<M, "inputs"> {
    return this.#own.inputs as OfForward<M, "inputs">;
  }
  /** `forward`'s own output arrays, overwritten by every step: passed to `run`, they cost no copy. */
  get outputs(): OfForward<M, "outputs"> {
    return this.#own.outputs as OfForward<M, "outputs">;
  }
  /** Arrays of `forward`'s outputs, zeroed. */
  newOutputs(): OfForward<M, "outputs"> {
    return this.#own.newOutputs() as OfForward<M, "outputs">;
  }
  /**
   * Another set of `forward`'s input arrays, as `Method.newInputs` makes it.
   *
   * @example
   * ```ts
   * import { compile, load, tensorType, trace } from "isochron";
   *
   * const graph = trace(({ x }) => ({ y: x.mul(x) }), { x: tensorType("f32", [2]) }, { name: "squares" });
   * const program = load(await compile(graph));
   * // Two sets that are filled in turns: a step reads its own where it lies.
   * const sets = [program.newInputs(), program.newInputs()];
   * sets.forEach(({ x }, at) => x.set([at + 1, at + 2]));
   * console.log(sets.map((set) => program.run(set).y.join(" ")).join(", ")); // 1 4, 4 9
   * ```
   */
  newInputs(): OfForward<M, "inputs"> {
    return this.#own.newInputs() as OfForward<M, "inputs">;
  }
  /**
   * One step of `forward`: reads the inputs, writes the outputs, commits the states; gives the outputs.
   *
   * Without `outputs` they are new arrays. A step that is given them allocates nothing.
   *
   * @example
   * ```ts
   * import { compile, load, tensorType, trace } from "isochron";
   *
   * const graph = trace(({ x }) => ({ y: x.mul(x) }), { x: tensorType("f32", [2]) }, { name: "squares" });
   * const program = load(await compile(graph));
   * const outputs = program.newOutputs();
   * program.run({ x: Float32Array.of(3, 4) }, outputs);
   * console.log(outputs.y.join(" ")); // 9 16
   * ```
   */
  run(inputs: OfForward<M, "inputs">, outputs?: OfForward<M, "outputs">): OfForward<M, "outputs"> {
    return this.#own.run(inputs, outputs) as OfForward<M, "outputs">;
  }
  /** `Method.kernelTimes` of `forward`. */
  kernelTimes(): Float64Array {
    return this.#own.kernelTimes();
  }
  /** `Method.stepTimes` of `forward`. */
  stepTimes(count: number): Float64Array {
    return this.#own.stepTimes(count);
  }

  /** Back to the initial states. */
  reset(): void {
    this.#native.reset();
  }
  /**
   * The bytes of all methods' states, one state after the other.
   *
   * @example
   * ```ts
   * import { compile, load, state, tensorType, trace } from "isochron";
   *
   * const graph = trace(
   *   () => {
   *     const count = state("count", tensorType("f32", []), 0);
   *     count.set(count.get().add(1));
   *     return { count: count.get() };
   *   },
   *   {},
   *   { name: "count" },
   * );
   * const program = load(await compile(graph));
   * program.run({});
   * const kept = program.snapshot();
   * program.run({});
   * program.restore(kept);
   * console.log(program.run({}).count[0]); // 2
   * ```
   */
  snapshot(): Uint8Array {
    return this.#native.states();
  }
  restore(states: Uint8Array): void {
    callNative(() => this.#native.setStates(Buffer.from(states)));
  }
}

/**
 * Loads an artifact, or the file of one. Every hash and bound is checked first.
 *
 * @example
 * ```ts
 * import { compile, load, tensorType, trace } from "isochron";
 *
 * const graph = trace(({ x }) => ({ y: x.exp() }), { x: tensorType("f32", [2]) }, { name: "powers" });
 * const program = load(await compile(graph), { threads: 2 });
 * const { y } = program.run({ x: Float32Array.of(0, 1) });
 * console.log(y[0], y[1]?.toFixed(4)); // 1 2.7183
 * ```
 */
export const load = <M extends Methods = Methods>(
  artifact: Artifact<M> | string,
  options: LoadOptions = {},
): Program<M> =>
  new Program(typeof artifact === "string" ? (readArtifact(artifact) as Artifact<M>) : artifact, options);
