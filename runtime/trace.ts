// Capture: runs a function once on symbolic tensors and keeps the operators it calls as a graph.
import { type Dtype, IsochronError } from "../kernels/index.ts";
import { Graph, type NamedValue, type Signature, type State, type Value } from "./graph.ts";
import { elementsFrom } from "./numbers.ts";
import { located } from "./place.ts";
import { currentRecorder, Recorder, recording } from "./recorder.ts";
import { Tensor } from "./tensor.ts";
import {
  type ArrayOf,
  countOf,
  sameShape,
  showTensorType,
  staticShape,
  type TensorType,
  tensor,
} from "./tensor-type.ts";

type TensorsOf<I extends Signature> = { readonly [K in keyof I]: Tensor<I[K]["dtype"]> };
type TypesOf<T extends { readonly [name: string]: Tensor }> = {
  readonly [K in keyof T]: TensorType<T[K] extends Tensor<infer D> ? D : Dtype>;
};

/**
 * Traces `fn` for inputs of the given types.
 *
 * The function sees symbolic tensors, computes with the functional API, and returns its outputs by name. Control flow of
 * JavaScript happens once, while tracing.
 */
export function trace<const I extends Signature, T extends { readonly [name: string]: Tensor }>(
  fn: (inputs: TensorsOf<I>) => T,
  inputs: I,
  options: { readonly name: string },
): Graph<I, TypesOf<T>> {
  const recorder = new Recorder();
  return recording(recorder, () => {
    const named: NamedValue[] = located(() =>
      Object.entries(inputs).map(([name, { dtype, shape }]) => ({
        name,
        value: { type: tensor(dtype, shape), hint: name },
      })),
    );
    const tensors = Object.fromEntries(named.map(({ name, value }) => [name, new Tensor(value)])) as TensorsOf<I>;
    const results = Object.entries(fn(tensors));
    if (results.length === 0)
      throw new IsochronError("trace/no-output", `"${options.name}" returns nothing`, {
        help: "return an object of named tensors",
      });
    const outputs = results.map(([name, result]) => {
      if (result instanceof Tensor) return { name, value: result.value };
      throw new IsochronError("trace/output", `output "${name}" of "${options.name}" is no tensor`);
    });
    const graph = new Graph<I, TypesOf<T>>({ ...recorder, name: options.name, inputs: named, outputs });
    graph.verify();
    return graph;
  });
}

/** A tensor that lives from one step to the next. */
export interface StateTensor<D extends Dtype> {
  get(): Tensor<D>;
  /** What the next step will read; the last call counts. */
  set(next: Tensor<D>): void;
}

/** Declares a state with its first value, which is copied. Throws `tensor/value` for numbers that its dtype does not hold. */
export function state<D extends Dtype>(
  name: string,
  type: TensorType<D>,
  initial: ArrayOf<D> | readonly number[] | number = 0,
): StateTensor<D> {
  const recorder = currentRecorder();
  if (recorder.states.some((each) => each.name === name)) {
    throw new IsochronError("trace/state", `there are two states named "${name}"`, {
      help: "give each state a name of its own",
    });
  }
  const { data, own } = located(() => {
    const own = tensor(type.dtype, type.shape);
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
    get: () => new Tensor<D>(entry.next),
    set: (next) =>
      located(() => {
        const found = next.type;
        if (found.dtype === own.dtype && sameShape(found.shape, own.shape)) entry.next = next.value;
        else
          throw new IsochronError(
            "trace/state",
            `state "${name}" is ${showTensorType(own)}, its next value ${showTensorType(found)}`,
            { help: "a state keeps its type from step to step" },
          );
      }),
  };
}
