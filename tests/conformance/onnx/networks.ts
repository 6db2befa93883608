// `npm run conformance -- onnx --networks`: whole networks, compiled, against onnxruntime: within 1e-4 of each output's range.
import { createRequire } from "node:module";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Random, runnableTargets } from "../../../kernels/index.ts";
import {
  type ModelProto,
  ModelProtoSchema,
  type TensorProto,
  TensorProtoSchema,
} from "../../../runtime/import/onnx/format/onnx_pb.ts";
import { OnnxModel } from "../../../runtime/import/onnx/model.ts";
import { compile, load, staticShape, type TypedArray } from "../../../runtime/index.ts";
import { bytesAt, type Case } from "./cases.ts";

/** What onnxruntime is asked here. */
interface Runtime {
  readonly InferenceSession: {
    create(
      bytes: Uint8Array,
      options: object,
    ): Promise<{ run(feeds: object): Promise<Record<string, { readonly data: Float32Array }>> }>;
  };
  readonly Tensor: new (type: string, data: Float32Array, dims: readonly number[]) => object;
}
const peer = (): Runtime => createRequire(import.meta.url)("onnxruntime-node") as Runtime;

/**
 * Weights in place of those that are one number each, which would hide a wrong layout: of several dimensions around 0, so that a
 * layer keeps the size of what goes through it; of one, scales and variances among them, from 0.5 to 1.5.
 */
function drawn(name: string, shape: readonly number[], random: Random): TensorProto {
  const count = shape.reduce((product, size) => product * size, 1);
  const inputs = count / (shape[0] || 1);
  const width = Math.sqrt(6 / inputs);
  const data = Float32Array.from({ length: count }, () =>
    shape.length > 1 ? (random.next() * 2 - 1) * width : 0.5 + random.next(),
  );
  return create(TensorProtoSchema, {
    name,
    dims: shape.map(BigInt),
    dataType: 1,
    rawData: new Uint8Array(data.buffer),
  });
}

/** The model with drawn weights where its own are made by ConstantOfShape; how many there were. */
function withDrawnWeights(model: ModelProto, seed: number): number {
  const graph = model.graph!;
  const random = new Random(seed);
  const shapes = new Map(graph.initializer.map((each) => [each.name, each]));
  const made = graph.node.filter(({ opType }) => opType === "ConstantOfShape");
  for (const node of made) {
    const given = shapes.get(node.input[0]!)!;
    const shape =
      given.int64Data.length > 0
        ? given.int64Data.map(Number)
        : Array.from(new BigInt64Array(given.rawData.slice().buffer), Number);
    graph.initializer.push(drawn(node.output[0]!, shape, random));
  }
  graph.node = graph.node.filter((node) => !made.includes(node));
  return made.length;
}

/** What one network came to. */
export interface NetworkResult {
  readonly name: string;
  /** The greatest difference from onnxruntime, as a part of the output's range. */
  readonly difference: number;
  readonly seconds: number;
  readonly milliseconds: number;
  readonly peerMilliseconds: number;
}

const rangeOf = (data: Float32Array): number => {
  let [low, high] = [Infinity, -Infinity];
  for (const each of data) {
    low = Math.min(low, each);
    high = Math.max(high, each);
  }
  return high - low || Math.abs(high) || 1;
};

async function compare(name: string, bytes: Uint8Array): Promise<NetworkResult> {
  const started = performance.now();
  const model = new OnnxModel(bytes, name, () => new Uint8Array());
  const graph = model.graph();
  const program = load(await compile(graph, { targets: [runnableTargets()[0]!] }));
  const seconds = (performance.now() - started) / 1000;
  const random = new Random(1);
  const inputs = Object.fromEntries(
    graph.inputs.map(({ name: input, value }) => {
      const shape = staticShape(value.type.shape);
      const count = shape.reduce((product, size) => product * size, 1);
      return [input, { shape, data: Float32Array.from({ length: count }, () => random.next() * 2 - 1) }] as const;
    }),
  );
  const arrays = Object.fromEntries(Object.entries(inputs).map(([input, { data }]) => [input, data]));
  const found = program.run(arrays as never) as Record<string, TypedArray>;
  const { InferenceSession, Tensor } = peer();
  const session = await InferenceSession.create(bytes, { logSeverityLevel: 3, intraOpNumThreads: 1 });
  const feeds = Object.fromEntries(
    Object.entries(inputs).map(([input, { shape, data }]) => [input, new Tensor("float32", data, shape)]),
  );
  const wanted = await session.run(feeds);
  let difference = 0;
  for (const { name: output } of model.outputs) {
    const [own, theirs] = [found[output] as Float32Array, wanted[output]!.data];
    if (own.length !== theirs.length)
      throw new Error(`${name}: output "${output}" has ${own.length} elements, theirs ${theirs.length}`);
    const range = rangeOf(theirs);
    own.forEach((each, at) => {
      const part = Math.abs(each - theirs[at]!) / range;
      difference = Math.max(difference, Number.isNaN(part) ? Infinity : part);
    });
  }
  const time = async (body: () => unknown): Promise<number> => {
    const from = performance.now();
    await body();
    return performance.now() - from;
  };
  const milliseconds = await time(() => program.run(arrays as never));
  const peerMilliseconds = await time(() => session.run(feeds));
  return { name, difference, seconds, milliseconds, peerMilliseconds };
}

/** The most that an output may differ, as a part of its range. */
export const allowedDifference = 1e-4;

/** Compares networks as they are, and those whose weights are one number each with drawn ones too. */
export async function compareNetworks(
  networks: readonly Pick<Case, "name" | "model">[],
  tell: (result: NetworkResult) => void,
): Promise<NetworkResult[]> {
  const results: NetworkResult[] = [];
  for (const { name, model } of networks) {
    const bytes = bytesAt(model);
    results.push(await compare(name, bytes));
    tell(results.at(-1)!);
    const proto = fromBinary(ModelProtoSchema, bytes);
    if (withDrawnWeights(proto, 7) === 0) continue;
    results.push(await compare(`${name}, drawn weights`, toBinary(ModelProtoSchema, proto)));
    tell(results.at(-1)!);
  }
  return results;
}
