// Operators whose attributes ONNX's backend tests leave out, against onnxruntime.
import { InferenceSession, Tensor as PeerTensor } from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { OnnxModel } from "../../../runtime/import/onnx/model.ts";
import { Interpreter, type TypedArray } from "../../../runtime/index.ts";
import { graph, modelBytes, node, stored } from "../../../runtime/testing/onnx-models.ts";

const numbers = (count: number, seed: number): Float32Array =>
  Float32Array.from({ length: count }, (_, at) => Math.sin(at * 12.9898 + seed * 78.233) * 0.9);

const countOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** A constant of drawn numbers. */
const weights = (name: string, shape: readonly number[], seed: number) =>
  stored(name, "f32", shape, numbers(countOf(shape), seed));

const noFiles = () => {
  throw new Error("the model has no files beside it");
};

/** Holds what a model means here to what onnxruntime computes, on drawn numbers. */
async function expectAlike(main: Parameters<typeof modelBytes>[0]): Promise<void> {
  const bytes = modelBytes(main, { version: 20 });
  const made = new OnnxModel(bytes, "made.onnx", noFiles).graph();
  const inputs = made.inputs.map(({ name, value }, at) => {
    const shape = value.type.shape as readonly number[];
    return { name, shape, data: numbers(countOf(shape), at + 1) };
  });
  const found = new Interpreter(made).run(Object.fromEntries(inputs.map(({ name, data }) => [name, data])));
  const session = await InferenceSession.create(bytes);
  const feeds = inputs.map(({ name, data, shape }) => [name, new PeerTensor("float32", data, shape)] as const);
  const wanted = await session.run(Object.fromEntries(feeds));
  for (const { name, value } of made.outputs) {
    const peer = wanted[name]!;
    expect(value.type.shape, name).toEqual(peer.dims);
    const [ours, theirs] = [found[name] as TypedArray, peer.data as Float32Array].map((each) =>
      Array.from(each as Iterable<number | bigint>, Number),
    ) as [number[], number[]];
    ours.forEach((each, at) => {
      expect(Math.abs(each - theirs[at]!), `${name}, element ${at}`).toBeLessThan(2e-6 * (1 + Math.abs(theirs[at]!)));
    });
  }
}

/** A recurrent node of 6 or fewer turns, a batch of 3, 4 inputs and 5 elements of state. */
function recurrent(
  operator: "RNN" | "GRU" | "LSTM",
  attributes: Parameters<typeof node>[1] & object,
  { turns = 6, lengths = false, initial = false, peepholes = false } = {},
) {
  const gates = { RNN: 1, GRU: 3, LSTM: 4 }[operator];
  const directions = attributes.direction === "bidirectional" ? 2 : 1;
  const [batch, size, width] = [3, 4, 5];
  const isLstm = operator === "LSTM";
  const state = [directions, batch, width];
  const operands = ["x", "w", "r", "b", lengths ? "lengths" : "", ...(initial ? ["h"] : [""])];
  if (isLstm) operands.push(initial ? "c" : "", ...(peepholes ? ["p"] : []));
  const outputs = ["y", "yh", ...(isLstm ? ["yc"] : [])];
  return graph({
    inputs: [
      `x: f32[${turns},${batch},${size}]`,
      ...(initial ? [`h: f32[${state}]`] : []),
      ...(initial && isLstm ? [`c: f32[${state}]`] : []),
    ],
    outputs: outputs.map((name) => `${name}: f32[${name === "y" ? [turns, ...state] : state}]`),
    nodes: [node(`${outputs.join(", ")} = ${operator}(${operands.join(", ")})`, { hidden_size: width, ...attributes })],
    initializers: [
      weights("w", [directions, gates * width, size], 11),
      weights("r", [directions, gates * width, width], 12),
      weights("b", [directions, 2 * gates * width], 13),
      ...(lengths ? [stored("lengths", "i32", [batch], Int32Array.of(1, turns, 2))] : []),
      ...(peepholes ? [weights("p", [directions, 3 * width], 14)] : []),
    ],
  });
}

describe("recurrent networks are those of onnxruntime", () => {
  const both = { direction: "bidirectional" };
  const all = { lengths: true, initial: true };
  it.each([
    ["LSTM both ways, of lengths, states and peepholes", recurrent("LSTM", both, { ...all, peepholes: true })],
    ["LSTM of few turns, which are written out", recurrent("LSTM", both, { ...all, turns: 3 })],
    [
      "LSTM backwards, coupled and clipped",
      recurrent("LSTM", { direction: "reverse", input_forget: 1, clip: { float: 0.3 } }),
    ],
    [
      "LSTM of other activations",
      recurrent("LSTM", {
        activations: ["HardSigmoid", "Softsign", "ScaledTanh"],
        activation_alpha: { floats: [0.3, 0.9] },
        activation_beta: { floats: [0.4, 0.8] },
      }),
    ],
    ["GRU both ways, of lengths and states", recurrent("GRU", both, all)],
    ["GRU that resets behind its product", recurrent("GRU", { ...both, linear_before_reset: 1 })],
    [
      "GRU of other activations",
      recurrent("GRU", {
        activations: ["LeakyRelu", "Relu"],
        activation_alpha: { floats: [0.2] },
        clip: { float: 0.5 },
      }),
    ],
    ["RNN both ways, of lengths and states", recurrent("RNN", both, all)],
  ])("%s", (_, main) => expectAlike(main));
});

/** Trees of two levels, all alike but for the numbers: their questions, and where each leads. */
function trees(count: number) {
  const [at, of] = [
    [0, 1, 2, 3, 4, 5, 6],
    (what: readonly number[]) => Array.from({ length: count }, () => what).flat(),
  ];
  const modes = ["BRANCH_LEQ", "BRANCH_GT", "BRANCH_LT", "LEAF", "LEAF", "LEAF", "LEAF"];
  return {
    nodes_treeids: Array.from({ length: count }, (_, tree) => at.map(() => tree)).flat(),
    nodes_nodeids: of(at),
    nodes_featureids: of([0, 1, 2, 0, 0, 0, 0]),
    nodes_values: { floats: [...numbers(7 * count, 21)] },
    nodes_modes: Array.from({ length: count }, () => modes).flat(),
    nodes_truenodeids: of([1, 3, 5, 0, 0, 0, 0]),
    nodes_falsenodeids: of([2, 4, 6, 0, 0, 0, 0]),
  };
}

/** What the leaves of so many trees give to so many targets. */
function leaves(kind: "target" | "class", count: number, targets: number) {
  const each = Array.from({ length: 4 * count * targets }, (_, at) => at);
  return {
    [`${kind}_treeids`]: each.map((at) => Math.floor(at / (4 * targets))),
    [`${kind}_nodeids`]: each.map((at) => 3 + (Math.floor(at / targets) % 4)),
    [`${kind}_ids`]: each.map((at) => at % targets),
    [`${kind}_weights`]: { floats: [...numbers(each.length, 22)].map(Math.abs) },
  };
}

const learned = (text: string, attributes: Parameters<typeof node>[1], outputs: readonly string[]) =>
  graph({ inputs: ["x: f32[16,4]"], outputs, nodes: [node(text.replace("= ", "= ai.onnx.ml::"), attributes)] });

describe("what ai.onnx.ml has learned is that of onnxruntime", () => {
  const scores = (targets: number) => [`s: f32[16,${targets}]`];
  const withLabels = (targets: number) => ["l: i64[16]", ...scores(targets)];
  const regressor = (aggregate_function: string) =>
    learned(
      "s = TreeEnsembleRegressor(x)",
      {
        ...trees(3),
        ...leaves("target", 3, 2),
        n_targets: 2,
        aggregate_function,
        base_values: { floats: [0.5, -0.25] },
      },
      scores(2),
    );
  const linear = { coefficients: { floats: [...numbers(12, 31)] }, intercepts: { floats: [...numbers(3, 32)] } };
  const vectors = {
    coefficients: { floats: [...numbers(5, 41)] },
    support_vectors: { floats: [...numbers(20, 42)] },
    rho: { floats: [0.3] },
    n_supports: 5,
  };
  const kernel = (kernel_type: string) =>
    learned("s = SVMRegressor(x)", { ...vectors, kernel_type, kernel_params: { floats: [0.4, 0.5, 2] } }, scores(1));
  const sides = (vectors_per_class: readonly number[], classlabels_ints: readonly number[]) => {
    const [count, classes] = [vectors_per_class.reduce((a, b) => a + b), classlabels_ints.length];
    return learned(
      "l, s = SVMClassifier(x)",
      {
        coefficients: { floats: [...numbers(count * (classes - 1), 51)] },
        support_vectors: { floats: [...numbers(4 * count, 52)] },
        rho: { floats: [...numbers((classes * (classes - 1)) / 2, 53)] },
        kernel_type: "RBF",
        kernel_params: { floats: [0.4, 0.5, 2] },
        vectors_per_class,
        classlabels_ints,
      },
      withLabels(classes === 2 ? 2 : (classes * (classes - 1)) / 2),
    );
  };
  it.each([
    ["the sum of trees", regressor("SUM")],
    ["the mean of trees", regressor("AVERAGE")],
    ["the least of trees", regressor("MIN")],
    ["the greatest of trees", regressor("MAX")],
    [
      "classes of trees",
      learned(
        "l, s = TreeEnsembleClassifier(x)",
        { ...trees(3), ...leaves("class", 3, 3), classlabels_int64s: [3, 4, 8], post_transform: "SOFTMAX" },
        withLabels(3),
      ),
    ],
    [
      "two classes of trees",
      learned(
        "l, s = TreeEnsembleClassifier(x)",
        { ...trees(3), ...leaves("class", 3, 1), classlabels_int64s: [3, 4] },
        withLabels(2),
      ),
    ],
    [
      "classes of sums",
      learned(
        "l, s = LinearClassifier(x)",
        { ...linear, classlabels_ints: [5, 7, 9], post_transform: "SOFTMAX_ZERO" },
        withLabels(3),
      ),
    ],
    ["sums", learned("s = LinearRegressor(x)", { ...linear, targets: 3 }, scores(3))],
    ["distances to vectors", kernel("RBF")],
    ["powers of products with vectors", kernel("POLY")],
    ["classes on either side of vectors", sides([2, 3, 2], [5, 6, 7])],
    ["two classes on either side of vectors", sides([3, 2], [5, 6])],
  ])("%s", (_, main) => expectAlike(main));
});
