// What a build keeps of the models that an application imports: all that it asks of them where their files are not.
import { type Dtype, hashOf } from "../../kernels/index.ts";
import { mostOf } from "../graph/dimension.ts";
import type { Graph } from "../graph/graph.ts";

/** An input or an output of a graph. */
interface RecordedTensor {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
}

/** A graph that was made of a model. */
export interface RecordedGraph {
  /** The options that it was made with, as text. */
  readonly options: string;
  readonly inputs: readonly RecordedTensor[];
  readonly outputs: readonly RecordedTensor[];
}

/** A model that was imported. */
export interface RecordedModel {
  /** As it was given. */
  readonly path: string;
  /** Of its file. */
  readonly hash: string;
  /** What it says of itself, as JSON has it. */
  readonly facts: {
    readonly format: string;
    readonly name: string;
    readonly inputs: readonly object[];
    readonly outputs: readonly object[];
    readonly metadata: object;
    readonly weightBytes: number;
    readonly unsupported: readonly object[];
  };
  readonly operators: readonly (readonly [string, number])[];
  readonly graphs: RecordedGraph[];
}

/** What a model says of itself. */
type Described = RecordedModel["facts"] & { readonly operators: ReadonlyMap<string, number> };

let recorded: RecordedModel[] | undefined;

/** What `body` gives, and the models that were imported meanwhile. */
export async function recordModels<T>(body: () => Promise<T>): Promise<readonly [T, readonly RecordedModel[]]> {
  const outer = recorded;
  const models: RecordedModel[] = [];
  recorded = models;
  try {
    return [await body(), models];
  } finally {
    recorded = outer;
  }
}

/**
 * Options of `model.graph()` as a text that tells them apart.
 *
 * It is carried along in built applications as it is written here, and so needs nothing around it.
 */
export function optionsText(options: object): string {
  return JSON.stringify(options, (_, value: unknown) => {
    if (typeof value === "bigint") return `${value}n`;
    return ArrayBuffer.isView(value) ? [value.constructor.name, ...Array.from(value as Uint8Array, String)] : value;
  });
}

const tensors = (all: Graph["inputs"]): RecordedTensor[] =>
  all.map(({ name, value: { type } }) => ({ name, dtype: type.dtype, shape: type.shape.map(mostOf) }));

/** Keeps a model, where a build records; the function to call with each graph that is made of it. */
export function recordModel(path: string, bytes: Uint8Array, model: () => Described) {
  if (!recorded) return undefined;
  const { format, name, inputs, outputs, metadata, weightBytes, unsupported, operators } = model();
  const facts = { format, name, inputs, outputs, metadata, weightBytes, unsupported };
  const graphs: RecordedGraph[] = [];
  recorded.push({ path, hash: hashOf(bytes), facts, operators: [...operators], graphs });
  return (options: object, graph: Graph): void => {
    graphs.push({ options: optionsText(options), inputs: tensors(graph.inputs), outputs: tensors(graph.outputs) });
  };
}
