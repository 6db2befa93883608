// Capture: runs a function once on symbolic tensors and keeps the operators it calls as a graph.
import { z } from "zod";
import { checkArgument, type Dtype, dtypes, IsochronError, optionsOf, shown } from "../../kernels/index.ts";
import { type BoundedDimension, isBounded, largestSize, mayBeBounded } from "../graph/dimension.ts";
import { foreignUse, Graph, type NamedValue, type Signature, type State, type Value } from "../graph/graph.ts";
import { elementsFrom } from "../graph/numbers.ts";
import { located } from "../graph/place.ts";
import {
  type ArrayOf,
  countOf,
  sameType,
  showDimension,
  showTensorType,
  staticShape,
  type TensorType,
  tensorType,
} from "../graph/tensor-type.ts";
import { boundedOperators, operators } from "../operators/index.ts";
import { type CallableGraph, callable, type TensorsOf } from "./called-graph.ts";
import { countsAmong } from "./counts.ts";
import { isTensor } from "./methods/symbolic.ts";
import { placed, tensorOf } from "./options.ts";
import { currentRecorder, Recorder, RegionRecorder, recording } from "./recorder.ts";
import { Tensor } from "./tensor.ts";

type TypesOf<T extends { readonly [name: string]: Tensor }> = {
  readonly [K in keyof T]: TensorType<T[K] extends Tensor<infer D> ? D : Dtype>;
};

interface TraceOptions {
  readonly name: string;
}

const checkTrace = optionsOf<TraceOptions>("trace", "trace", () => ({
  name: z.string().min(1).describe("a text: the graph's name"),
}));

/** Refuses what can be traced by nobody. Throws `trace/option`, `trace/input`. */
function requireTraceable(fn: unknown, inputs: unknown, options: unknown): void {
  placed(() => {
    checkTrace(options ?? {});
    if (typeof fn !== "function")
      throw new IsochronError("trace/input", `trace got ${shown(fn)} instead of a function`, { help: usage });
    if (typeof inputs !== "object" || inputs === null)
      throw new IsochronError("trace/input", `the types of the inputs cannot be ${shown(inputs)}`, { help: usage });
    for (const [name, type] of Object.entries(inputs as object)) {
      const given: unknown = type;
      if (typeof given === "object" && given !== null && "dtype" in given && "shape" in given) continue;
      const dtype = dtypes.find((each) => each === given) ?? "f32";
      throw new IsochronError("trace/input", `input "${name}" cannot be ${shown(given)}`, {
        help: `give its type: { ${name}: tensorType("${dtype}", [2, 3]) }`,
      });
    }
  });
}

const usage = 'trace(({ x }) => ({ y: x.mul(2) }), { x: tensorType("f32", [3]) }, { name: "twice" })';

/** Refuses tensors of another trace, which a variable outside of the function may have kept. Throws `trace/foreign`. */
function requireOwn(graph: Graph): void {
  const foreign = foreignUse(graph);
  if (!foreign) return;
  const { reader, place } = foreign;
  const what = reader.kind === "operator" ? reader.name : `${reader.kind} "${reader.name}"`;
  throw new IsochronError("trace/foreign", `"${graph.name}": ${what} is given a tensor of another trace`, {
    help: "give the function what it reads: as an input, a constant or a state",
    ...(place === undefined ? {} : { place }),
  });
}

/** What a traced function returned, by name. Throws `trace/no-output`, `trace/output`. */
function outputsOf(graph: string, returned: unknown): NamedValue[] {
  const help = "return an object of named tensors: ({ y })";
  if (isTensor(returned) || typeof returned !== "object" || returned instanceof Promise || returned === null) {
    if (returned === undefined) throw new IsochronError("trace/no-output", `"${graph}" returns nothing`, { help });
    throw new IsochronError("trace/output", `"${graph}" returns ${shown(returned)}`, { help });
  }
  const results = Object.entries(returned);
  if (results.length === 0) throw new IsochronError("trace/no-output", `"${graph}" returns nothing`, { help });
  return results.map(([name, result]: [string, unknown]) => {
    if (isTensor(result)) return { name, value: result.value };
    throw new IsochronError("trace/output", `output "${name}" of "${graph}" is ${shown(result)}`, {
      help: typeof result === "number" ? `return a tensor: ${name}: constant(${result}, "f32")` : help,
    });
  });
}

/** The outputs, and behind them how many elements they have in each bounded dimension, unless that is an output anyway. */
function withCounts(recorder: Recorder, outputs: readonly NamedValue[]): NamedValue[] {
  const counted = new Set(countsAmong(recorder.nodes, outputs).keys());
  const all = [...outputs];
  for (const { name, value } of outputs) {
    for (const [axis, dimension] of value.type.shape.entries()) {
      if (!mayBeBounded(dimension) || counted.has(showDimension(dimension))) continue;
      counted.add(showDimension(dimension));
      const used = new Set(all.map((each) => each.name));
      let free = `${name}Count`;
      for (let number = axis; used.has(free); number++) free = `${name}Count${number}`;
      all.push({ name: free, value: recorder.apply(operators.size, [value], { axis }, free) });
    }
  }
  return all;
}

/** The inputs of a graph, and the tensors that its function sees of them. */
interface Inputs {
  readonly named: readonly NamedValue[];
  readonly tensors: { readonly [name: string]: Tensor };
}

/**
 * Inputs of such types. Of a bounded dimension the input has the maximum, and how many elements it has is one more input: the one
 * called NAMECount, after the first input that has the dimension, which is added where it is not given. More than the maximum is a
 * fault of the step. Throws `trace/input`.
 */
function inputsOf(recorder: Recorder, types: Signature): Inputs {
  const named = new Map<string, Value>();
  for (const [name, { dtype, shape }] of Object.entries(types)) {
    const type = tensorType(dtype, shape);
    named.set(name, { type: { dtype, shape: type.shape.map(largestSize) }, hint: name });
  }
  const counts = new Map<string, { readonly max: number; readonly count: Value }>();
  const taken = new Set<string>();
  const countOf = (name: string, axis: number, dimension: BoundedDimension): Value => {
    const known = counts.get(dimension.name);
    if (known && known.max !== dimension.max)
      throw new IsochronError(
        "trace/input",
        `dimension "${dimension.name}" has a maximum of ${known.max}, and of ${dimension.max}`,
        {
          help: "dimensions of one name are the same: give them one maximum, or other names",
        },
      );
    if (known) return known.count;
    recorder.reserveDimension(dimension.name);
    const own = taken.has(`${name}Count`) ? `${name}Count${axis}` : `${name}Count`;
    const count = named.get(own) ?? { type: { dtype: "i64", shape: [] }, hint: own };
    taken.add(own);
    named.set(own, count);
    counts.set(dimension.name, { max: dimension.max, count });
    return count;
  };
  const tensors = Object.entries(types).map(([name, type]) => {
    const value = type.shape.reduce<Value>((rest, size, axis) => {
      if (!isBounded(size)) return rest;
      const attributes = { axis, dimension: size, within: false };
      return recorder.results(boundedOperators.truncate, [rest, countOf(name, axis, size)], { attributes })[0];
    }, named.get(name)!);
    return [name, new Tensor(value)] as const;
  });
  return { named: [...named].map(([name, value]) => ({ name, value })), tensors: Object.fromEntries(tensors) };
}

/**
 * Traces `fn` for inputs of the given types.
 *
 * The function sees symbolic tensors, computes with the functional API, and returns its outputs by name. Control flow of
 * JavaScript happens once, while tracing. The graph is a function itself, for functions under trace.
 *
 * @example
 * ```ts
 * import { tensorType, trace } from "isochron";
 *
 * const twice = trace(({ x }) => ({ y: x.mul(2) }), { x: tensorType("f32", [3]) }, { name: "twice" });
 * console.log(String(twice).split("\n")[0]); // graph twice(x: f32[3]) -> (y: f32[3])
 * ```
 */
export function trace<const I extends Signature, T extends { readonly [name: string]: Tensor }>(
  fn: (inputs: TensorsOf<I>) => T,
  inputs: I,
  options: TraceOptions,
): CallableGraph<I, TypesOf<T>> {
  requireTraceable(fn, inputs, options);
  const recorder = new Recorder();
  return recording(recorder, () => {
    const { named, tensors } = located(() => inputsOf(recorder, inputs));
    const outputs = withCounts(recorder, outputsOf(options.name, fn(tensors as TensorsOf<I>)));
    const graph = new Graph<I, TypesOf<T>>({ ...recorder, name: options.name, inputs: named, outputs });
    requireOwn(graph);
    graph.verify();
    return callable(graph);
  });
}

/** A tensor that lives from one step to the next. */
export interface StateTensor<D extends Dtype> {
  get(): Tensor<D>;
  /** What the next step will read; the last call counts. */
  set(next: Tensor<D>): void;
}

/**
 * Declares a state with its first value, which is copied. Throws `tensor/value` for numbers that its dtype does not hold.
 *
 * @example
 * ```ts
 * import { compile, load, state, tensorType, trace } from "isochron";
 *
 * const counter = trace(
 *   ({ by }) => {
 *     const count = state("count", tensorType("f32", []), 0);
 *     const next = count.get().add(by);
 *     count.set(next);
 *     return { next };
 *   },
 *   { by: tensorType("f32", []) },
 *   { name: "counter" },
 * );
 * const program = load(await compile(counter));
 * const counts = [1, 1, 5].map((by) => program.run({ by: Float32Array.of(by) }).next[0]);
 * console.log(counts.join(" ")); // 1 2 7
 * ```
 */
export function state<D extends Dtype>(
  name: string,
  type: TensorType<D>,
  initial: ArrayOf<D> | readonly number[] | number = 0,
): StateTensor<D> {
  const recorder = currentRecorder();
  if (recorder instanceof RegionRecorder)
    placed(() => {
      throw new IsochronError("trace/state", `state "${name}" is declared inside control flow`, {
        help: "declare it outside, and read and write it inside",
      });
    });
  placed(() => checkArgument("trace", "state", "name", z.string().min(1), name));
  if (recorder.states.some((each) => each.name === name)) {
    throw new IsochronError("trace/state", `there are two states named "${name}"`, {
      help: "give each state a name of its own",
    });
  }
  const { data, own } = located(() => {
    const given: unknown = type;
    if (typeof given !== "object" || given === null)
      throw new IsochronError("trace/state", `state "${name}" cannot be ${shown(given)}`, {
        help: `give its type: state("${name}", tensorType("f32", [3]))`,
      });
    const own = tensorType(type.dtype, type.shape);
    const count = countOf(staticShape(own.shape));
    const values = typeof initial === "number" ? new Array<number>(count).fill(initial) : initial;
    if (values.length === count) return { own, data: elementsFrom(`state "${name}"`, type.dtype, values) };
    throw new IsochronError(
      "trace/state",
      `state "${name}" is ${showTensorType(type)}, its initial value has ${values.length} elements`,
      { help: `give it ${count}, or one number for all` },
    );
  });
  const value: Value = { type: own, hint: name };
  const entry: State = { name, value, initial: data, next: value };
  recorder.states.push(entry);
  return {
    get: () => new Tensor<D>(currentRecorder().readState(entry)),
    set: (next) =>
      located(() => {
        const found = tensorOf(`state "${name}"`, next).type;
        if (sameType(found, own)) currentRecorder().writeState(entry, next.value);
        else
          throw new IsochronError(
            "trace/state",
            `state "${name}" is ${showTensorType(own)}, its next value ${showTensorType(found)}`,
            { help: "a state keeps its type from step to step" },
          );
      }),
  };
}
