// Checks one case: compiled code and the interpreter against the outputs that belong to it, on its own inputs and on others.
import { fromBinary } from "@bufbuild/protobuf";
import { type Dtype, IsochronError, isFloatDtype, Random, runnableTargets } from "../../../kernels/index.ts";
import { isBounded } from "../../../runtime/graph/dimension.ts";
import { arrayFrom, countOf, numberIn, stored } from "../../../runtime/graph/tensor-type.ts";
import {
  type OptionalProto,
  OptionalProtoSchema,
  type SequenceProto,
  SequenceProtoSchema,
  type TensorProto,
  TensorProtoSchema,
} from "../../../runtime/import/onnx/format/onnx_pb.ts";
import { RunTimeOperand } from "../../../runtime/import/onnx/import-error.ts";
import { type InputType, OnnxModel } from "../../../runtime/import/onnx/model.ts";
import type { ModelPort } from "../../../runtime/import/onnx/ports.ts";
import { tensorData } from "../../../runtime/import/onnx/tensor-data.ts";
import {
  isList,
  isTensorValue,
  isTextValue,
  kindOfValue,
  type ModelValue,
  type TensorValue,
  type TextValue,
} from "../../../runtime/import/onnx/values/value.ts";
import {
  type CompileOptions,
  compile,
  type Graph,
  Interpreter,
  load,
  operators,
  type TypedArray,
  tensorType,
} from "../../../runtime/index.ts";
import { bytesAt, type Case, type DataSet } from "./cases.ts";

export type Outcome = "passed" | "failed" | "notSupported";

/** What one case came to. */
export interface Result {
  readonly name: string;
  readonly compiled: Outcome;
  readonly interpreted: Outcome;
  readonly kernelCalls: number;
  /** The inputs that decide shapes, which were bound to their values. */
  readonly specialised: readonly string[];
  readonly operators: readonly string[];
  readonly reason?: string;
}

const noFiles = () => {
  throw new IsochronError("import/file", "the case has no files beside it");
};

function tensorOf(tensor: TensorProto): ModelValue {
  const found = tensorData(tensor, noFiles);
  const { shape, data } = found;
  return found.kind === "dense" ? { dtype: found.dtype, shape, data: found.data } : { shape, data: data as string[] };
}

const sequenceOf = (sequence: SequenceProto): ModelValue[] => [
  ...sequence.tensorValues.map(tensorOf),
  ...sequence.sequenceValues.map(sequenceOf),
  ...sequence.optionalValues.map(optionalOf),
];

function optionalOf({ tensorValue, sequenceValue, optionalValue }: OptionalProto): ModelValue {
  if (tensorValue) return tensorOf(tensorValue);
  if (sequenceValue) return sequenceOf(sequenceValue);
  return optionalValue ? optionalOf(optionalValue) : null;
}

/** The value in a file, which is of the kind that the model says. */
function valueAt(path: string, { type }: ModelPort): ModelValue {
  const bytes = bytesAt(path);
  if (type.startsWith("sequence")) return sequenceOf(fromBinary(SequenceProtoSchema, bytes));
  if (type.startsWith("optional")) return optionalOf(fromBinary(OptionalProtoSchema, bytes));
  return tensorOf(fromBinary(TensorProtoSchema, bytes));
}

/** 0 up to 1 in equal steps, where a case has no inputs. */
function counted({ shape = [] }: ModelPort): TensorValue {
  const sizes = shape.map((size) => (typeof size === "number" ? size : 1));
  const count = countOf(sizes);
  const values = Array.from({ length: count }, (_, at) => at / count);
  return { dtype: "f32", shape: sizes, data: arrayFrom("f32", values) };
}

function inputsOf(model: OnnxModel, { inputs }: DataSet): Map<string, ModelValue> {
  const found = inputs ? inputs.map((path, at) => valueAt(path, model.inputs[at]!)) : model.inputs.map(counted);
  return new Map(found.map((each, at) => [model.inputs[at]!.name, each]));
}

function typeOfValue(value: ModelValue): InputType {
  if (value === null) return null;
  if (isTextValue(value)) throw new IsochronError("import/unsupported", "texts in machine code");
  return isTensorValue(value)
    ? tensorType(value.dtype, value.shape)
    : (value as readonly ModelValue[]).map(typeOfValue);
}

/** The graph for inputs of these shapes; those that decide shapes are bound, and named. */
function graphFor(model: OnnxModel, inputs: ReadonlyMap<string, ModelValue>): { graph: Graph; bound: Set<string> } {
  const bound = new Set<string>();
  for (;;) {
    try {
      const given = Object.fromEntries(
        [...inputs].map(([name, each]) => [name, bound.has(name) ? (each as TensorValue) : typeOfValue(each)]),
      );
      return { graph: model.graph({ inputs: given }), bound };
    } catch (error) {
      if (!(error instanceof RunTimeOperand) || error.inputs.length === 0) throw error;
      for (const name of error.inputs) {
        if (bound.has(name)) throw error;
        bound.add(name);
      }
    }
  }
}

/** The tensors that a value is, by name. */
function tensorsOf(name: string, value: ModelValue): [string, TensorValue][] {
  if (isTensorValue(value)) return [[name, value]];
  return isList(value) ? value.flatMap((each, at) => tensorsOf(`${name}.${at}`, each)) : [];
}

/** Elements in another order, floats somewhat smaller. */
function perturbed(value: ModelValue): ModelValue {
  if (!isTensorValue(value)) return isList(value) ? value.map(perturbed) : value;
  const { dtype, shape, data } = value;
  const other = data.slice();
  const random = new Random(12345);
  for (let at = other.length - 1; at > 0; at--) {
    const to = random.whole(0, at);
    [other[at], other[to]] = [other[to]!, other[at]!];
  }
  if (isFloatDtype(dtype))
    for (let at = 0; at < other.length; at++) other[at] = stored(dtype, Number(numberIn(dtype, other[at]!)) * 0.9375);
  return { dtype, shape, data: other };
}

/** As ONNX's own runner compares: relative 1e-3, absolute 1e-7; what is not finite is the same. */
function close(found: number, wanted: number): boolean {
  if (!Number.isFinite(wanted)) return Object.is(found, wanted);
  return Math.abs(found - wanted) <= 1e-7 + 1e-3 * Math.abs(wanted);
}

/** Where an array differs from what was wanted, in words. */
function difference(dtype: Dtype, found: TypedArray, wanted: TypedArray): string | undefined {
  if (found.length !== wanted.length) return `${found.length} elements where ${wanted.length} were wanted`;
  for (let at = 0; at < found.length; at++) {
    const [a, b] = [found[at]!, wanted[at]!];
    if (a === b || close(Number(numberIn(dtype, a)), Number(numberIn(dtype, b)))) continue;
    return `element ${at} of ${found.length} is ${numberIn(dtype, a)} instead of ${numberIn(dtype, b)}`;
  }
  return undefined;
}

type Arrays = { readonly [name: string]: TypedArray };

/** The actual shape of an output, and its elements: of a bounded dimension as many as its count says. */
function actual(graph: Graph, name: string, outputs: Arrays): TensorValue {
  const { type } = graph.outputs.find((each) => each.name === name)!.value;
  const whole = type.shape.map((size) => (isBounded(size) ? size.max : Number(size)));
  const shape = type.shape.map((size, d) => {
    if (!isBounded(size)) return Number(size);
    const counts = [`${name}Count`, `${name}Count${d}`].filter((each) => Object.hasOwn(outputs, each));
    return Number(outputs[counts[0]!]![0]);
  });
  let data = outputs[name]!;
  whole.forEach((size, d) => {
    if (size === shape[d]) return;
    const inner = countOf(whole.slice(d + 1));
    const outer = countOf(shape.slice(0, d));
    const kept = data.slice(0, outer * shape[d]! * inner);
    for (let o = 0; o < outer; o++)
      (kept as Uint8Array).set(
        data.subarray(o * size * inner, o * size * inner + shape[d]! * inner) as Uint8Array,
        o * shape[d]! * inner,
      );
    data = kept;
  });
  return { dtype: type.dtype, shape, data };
}

/** How outputs of a run differ from those that belong to the case. */
function wrong(model: OnnxModel, graph: Graph, outputs: Arrays, { outputs: wanted }: DataSet): string | undefined {
  const expectedOutputs = wanted.flatMap((path, at) => {
    const port = model.outputs[at]!;
    return tensorsOf(port.name, valueAt(path, port));
  });
  const isDrawn = graph.nodes.some(({ operator }) => operator === operators.philox);
  for (const [name, expected] of expectedOutputs) {
    if (!Object.hasOwn(outputs, name)) return `there is no output "${name}"`;
    const found = actual(graph, name, outputs);
    if (found.dtype !== expected.dtype || String(found.shape) !== String(expected.shape))
      return `output "${name}" is ${found.dtype}[${found.shape}] instead of ${expected.dtype}[${expected.shape}]`;
    // What is drawn at random is another number in every implementation; ONNX's own runner leaves such cases out.
    const differs = isDrawn ? undefined : difference(found.dtype, found.data, expected.data);
    if (differs) return `output "${name}": ${differs}`;
  }
  return undefined;
}

/** How a value differs from the one that was wanted. */
function unlike(name: string, found: ModelValue | undefined, wanted: ModelValue): string | undefined {
  if (kindOfValue(found) !== kindOfValue(wanted))
    return `output "${name}" is ${kindOfValue(found)} instead of ${kindOfValue(wanted)}`;
  if (isList(wanted)) {
    const parts = wanted.map((each, at) => unlike(`${name}.${at}`, (found as readonly ModelValue[])[at], each));
    return parts.find((each) => each !== undefined);
  }
  if (isTensorValue(wanted)) {
    const differs = difference(wanted.dtype, (found as TensorValue).data, wanted.data);
    return differs && `output "${name}": ${differs}`;
  }
  if (!isTextValue(wanted)) return undefined;
  const at = wanted.data.findIndex((each, index) => each !== (found as TextValue).data[index]);
  const text = (value: ModelValue) => JSON.stringify((value as TextValue).data[at]);
  return at < 0 ? undefined : `output "${name}": text ${at} is ${text(found!)} instead of ${text(wanted)}`;
}

/** How the interpreter of values differs from what belongs to a case of which no graph can be made. */
function interpretedWrong(
  model: OnnxModel,
  inputs: ReadonlyMap<string, ModelValue>,
  { outputs }: DataSet,
): string | undefined {
  const found = model.interpret(Object.fromEntries(inputs));
  const all = outputs.map((path, at) => {
    const port = model.outputs[at]!;
    return unlike(port.name, found[port.name], valueAt(path, port));
  });
  return all.find((each) => each !== undefined);
}

/** How compiled code differs from the interpreter. */
function apart(graph: Graph, found: Arrays, wanted: Arrays): string | undefined {
  for (const { name, value } of graph.outputs) {
    const differs = difference(value.type.dtype, found[name]!, wanted[name]!);
    if (differs) return `other inputs, output "${name}": ${differs}`;
  }
  return undefined;
}

function arraysOf(graph: Graph, inputs: ReadonlyMap<string, ModelValue>): Arrays {
  const all = new Map([...inputs].flatMap(([name, value]) => tensorsOf(name, value)));
  return Object.fromEntries(graph.inputs.map(({ name }) => [name, all.get(name)!.data]));
}

/** A case's first graph, and what it is run on: its own inputs, and others. Undefined where there is no graph of it. */
export function runsOf({ model: path, sets }: Case): { graph: Graph; runs: (readonly TypedArray[])[] } | undefined {
  const model = new OnnxModel(bytesAt(path), path, noFiles);
  try {
    const inputs = inputsOf(model, sets[0]!);
    const { graph } = graphFor(model, inputs);
    const others = new Map([...inputs].map(([name, each]) => [name, perturbed(each)]));
    const runs = [inputs, others].map((each) => {
      const arrays = arraysOf(graph, each);
      return graph.inputs.map(({ name }) => arrays[name]!);
    });
    return { graph, runs };
  } catch (error) {
    if (error instanceof IsochronError && error.code.startsWith("import/")) return undefined;
    throw error;
  }
}

const errorText = (error: unknown): string =>
  error instanceof IsochronError
    ? `${error.code}: ${error.message}`
    : String(error instanceof Error ? error.stack : error);
const outcomeOf = (error: unknown): Outcome =>
  error instanceof IsochronError && error.code.startsWith("import/") ? "notSupported" : "failed";

/** Checks a case in both ways. */
export async function check(
  { name, model: path, sets }: Case,
  options: Pick<CompileOptions, "cacheDir"> = {},
): Promise<Result> {
  const result = {
    name,
    compiled: "failed" as Outcome,
    interpreted: "failed" as Outcome,
    kernelCalls: 0,
    specialised: [] as string[],
    operators: [] as string[],
  };
  const reasons: string[] = [];
  const done = (): Result => ({ ...result, ...(reasons.length > 0 ? { reason: reasons.join("; ") } : {}) });
  try {
    const model = new OnnxModel(bytesAt(path), path, noFiles);
    result.operators = [...model.operators.keys()];
    result.compiled = "passed";
    result.interpreted = "passed";
    for (const set of sets) {
      const inputs = inputsOf(model, set);
      let made: ReturnType<typeof graphFor>;
      try {
        made = graphFor(model, inputs);
      } catch (error) {
        result.compiled = outcomeOf(error);
        reasons.push(errorText(error));
        const differs = interpretedWrong(model, inputs, set);
        if (differs) {
          result.interpreted = "failed";
          reasons.push(`interpreted: ${differs}`);
        }
        continue;
      }
      const { graph, bound } = made;
      result.specialised = [...new Set([...result.specialised, ...bound])];
      try {
        const meant = new Interpreter(graph).run(arraysOf(graph, inputs) as never);
        const differs = wrong(model, graph, meant, set);
        if (differs) {
          result.interpreted = "failed";
          reasons.push(`interpreted: ${differs}`);
        }
      } catch (error) {
        result.interpreted = outcomeOf(error);
        reasons.push(`interpreted: ${errorText(error)}`);
      }
      try {
        const program = load(await compile(graph, { ...options, targets: [runnableTargets()[0]!] }));
        const own = program.run(arraysOf(graph, inputs) as never) as Arrays;
        result.kernelCalls = program.kernelCalls;
        const differs = wrong(model, graph, own, set);
        const others = new Map([...inputs].map(([each, array]) => [each, perturbed(array)]));
        let second: string | undefined;
        if (!differs && graph.inputs.length > 0) {
          const found = program.run(arraysOf(graph, others) as never) as Arrays;
          // As compiled from its initial states, which the first run may have changed.
          const interpreter = new Interpreter(graph);
          if (graph.states.length > 0) interpreter.run(arraysOf(graph, inputs) as never);
          second = apart(graph, found, interpreter.run(arraysOf(graph, others) as never) as Arrays);
        }
        if (differs || second) {
          result.compiled = "failed";
          reasons.push(`compiled: ${differs ?? second}`);
        }
      } catch (error) {
        result.compiled = outcomeOf(error);
        reasons.push(`compiled: ${errorText(error)}`);
      }
    }
  } catch (error) {
    result.compiled = outcomeOf(error);
    result.interpreted = outcomeOf(error);
    reasons.push(errorText(error));
  }
  return done();
}
