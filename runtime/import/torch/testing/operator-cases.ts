// Calls of PyTorch's operators that operator-cases.jsonl holds, and the graphs that they become.
import { readFileSync } from "node:fs";
import { type Dtype, IsochronError, isFloatDtype } from "../../../../kernels/index.ts";
import { isTensor } from "../../../capture/methods/symbolic.ts";
import { constant, type Tensor } from "../../../capture/tensor.ts";
import { trace } from "../../../capture/trace.ts";
import type { Graph } from "../../../graph/graph.ts";
import { newArray, type TensorType, type TypedArray, tensorType } from "../../../graph/tensor-type.ts";
import { bound, scalarTypeOf, TorchCall, torchMisfit } from "../call.ts";
import { numberTensor } from "../numbers.ts";
import { torchOperators } from "../operators/index.ts";
import {
  TorchComplex,
  TorchDevice,
  TorchObject,
  TorchQuantized,
  TorchTensor,
  TorchTuple,
  type TorchValue,
} from "../values.ts";

type Number = number | boolean | string;

/** A tensor as the file has it; of complex numbers as pairs. */
export interface Stored {
  readonly tensor: Dtype;
  readonly shape: readonly number[];
  readonly data: readonly Number[];
  readonly complex?: boolean;
}

type Argument =
  | Stored
  | { readonly object: { readonly [name: string]: Argument } }
  | { readonly quantized: Stored; readonly scale: Number; readonly zero: Number }
  | { readonly float: Number }
  | { readonly dtype: Dtype }
  | { readonly device: string }
  | Number
  | null
  | readonly Argument[];

/** A call, and what it gives. */
export interface OperatorCase {
  readonly operator: string;
  readonly arguments: readonly Argument[];
  readonly keywords: { readonly [name: string]: Argument };
  readonly results: readonly Stored[];
  /** The version of PyTorch that gave the results; numpy computed those of calls that today's refuses. */
  readonly by?: string;
  /** Whether only magnitudes are given, as of eigenvectors. */
  readonly signless?: boolean;
  /** Whether every bit is given, as of neighbours, which no room may take for each other. */
  readonly exact?: boolean;
}

/** All calls. */
export const operatorCases = (): readonly OperatorCase[] =>
  readFileSync(new URL("operator-cases.jsonl", import.meta.url), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as OperatorCase);

export const numberOf = (value: Number): number =>
  typeof value === "string" ? Number(value.replace("inf", "Infinity")) : Number(value);

function arrayOf({ tensor, data }: Stored): TypedArray {
  const array: TypedArray = newArray<Dtype>(tensor, data.length);
  for (const [at, each] of data.entries()) {
    const number = numberOf(each);
    array[at] = array instanceof BigInt64Array || array instanceof BigUint64Array ? BigInt(number) : number;
  }
  return array;
}

const isStored = (argument: Argument): argument is Stored =>
  typeof argument === "object" && argument !== null && "tensor" in argument;

/** The tensors among arguments, in their order. */
const storedIn = (argument: Argument): readonly Stored[] => {
  if (Array.isArray(argument)) return argument.flatMap(storedIn);
  if (typeof argument === "object" && argument !== null && "quantized" in argument) return [argument.quantized];
  return isStored(argument) ? [argument] : [];
};

/** A value of the call; `made` says what stands for a tensor. */
function torchValueOf(argument: Argument, made: (stored: Stored) => Tensor): TorchValue {
  if (Array.isArray(argument)) return argument.map((each) => torchValueOf(each, made));
  if (typeof argument === "number") return BigInt(argument);
  if (argument === null || typeof argument !== "object") return argument as string | boolean | null;
  if ("object" in argument) {
    const object = new TorchObject("packed");
    for (const [key, each] of Object.entries(argument.object)) object.attributes.set(key, torchValueOf(each, made));
    return object;
  }
  if ("quantized" in argument) {
    const { quantized, scale, zero } = argument;
    const single = <D extends Dtype>(value: Number, dtype: D): Tensor<D> => constant([numberOf(value)], dtype, []);
    const bytes = made(quantized) as Tensor<"u8">;
    return new TorchQuantized(bytes, single(scale, "f32"), single(zero, quantized.tensor) as Tensor<"u8">);
  }
  if ("device" in argument) return new TorchDevice();
  if ("float" in argument) return numberOf(argument.float);
  if ("dtype" in argument) return scalarTypeOf(argument.dtype);
  const stored = argument as Stored;
  return stored.complex ? new TorchComplex(made(stored)) : TorchTensor.of(made(stored));
}

/** The tensors of a result, in their order; numbers as those of no dimension. */
function tensorsOf(value: TorchValue): Tensor[] {
  if (value instanceof TorchTensor) return [value.read()];
  if (value instanceof TorchComplex) return [value.pairs];
  if (value instanceof TorchQuantized) return [value.bytes];
  const number = numberTensor(value);
  if (number) return [number];
  const items = value instanceof TorchTuple ? value.items : Array.isArray(value) ? value : [];
  return items.flatMap(tensorsOf);
}

/** What a call gives, as `y0`, `y1` and so on. */
function results({ operator, arguments: given, keywords }: OperatorCase, made: (stored: Stored) => Tensor) {
  const [name, overload = ""] = operator.split(".") as [string, string?];
  const overloads = torchOperators.get(name) ?? [];
  const own = overloads.filter(({ schema }) => schema.overload === overload);
  for (const { schema, run } of own.length > 0 ? own : overloads.slice(0, 1)) {
    const named = new Map(Object.entries(keywords).map(([key, each]) => [key, torchValueOf(each, made)]));
    const call = bound(
      schema,
      given.map((each) => torchValueOf(each, made)),
      named,
    );
    if (!call) continue;
    const result = run(new TorchCall(call));
    const tensors = isTensor(result)
      ? [result]
      : Array.isArray(result)
        ? (result as readonly Tensor[])
        : tensorsOf((result as { readonly value: TorchValue }).value);
    return Object.fromEntries(tensors.map((each, at) => [`y${at}`, each]));
  }
  throw torchMisfit(`there is no ${operator} of these operands`);
}

/** A call's graph, and an array for each of its inputs. */
export interface CalledGraph {
  readonly graph: Graph;
  readonly inputs: readonly TypedArray[];
}

/** The graph of a call whose tensors are inputs where `isInput` says so, and constants elsewhere. */
export function graphOfCall(each: OperatorCase, isInput: (stored: Stored) => boolean = () => false): CalledGraph {
  const stored = [...each.arguments, ...Object.values(each.keywords)].flatMap(storedIn).filter(isInput);
  const names = new Map(stored.map((tensor, at) => [tensor, `x${at}`]));
  const types: { [name: string]: TensorType } = {};
  for (const [{ tensor, shape }, name] of names) types[name] = tensorType(tensor, [...shape]);
  const graph = trace(
    (tensors: { readonly [name: string]: Tensor }) =>
      results(each, (tensor) => {
        const name = names.get(tensor);
        return name === undefined
          ? (constant(tensor.data.map(numberOf), tensor.tensor, tensor.shape) as Tensor)
          : tensors[name]!;
      }),
    types,
    { name: "call" },
  );
  return { graph: graph as unknown as Graph, inputs: stored.map(arrayOf) };
}

/** The graph of a call with as many inputs as may be: sizes and axes that its tensors decide are constants. */
export function computedGraph(each: OperatorCase): CalledGraph {
  for (const isInput of [() => true, ({ tensor }: Stored) => isFloatDtype(tensor)]) {
    try {
      return graphOfCall(each, isInput);
    } catch (error) {
      if (!(error instanceof IsochronError)) throw error;
    }
  }
  return graphOfCall(each);
}
