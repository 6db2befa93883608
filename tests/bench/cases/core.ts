// Suite `core`: the layers and small networks that robots' models are made of.

import { exportOnnx } from "../../../runtime/import/index.ts";
import { concat, constant, conv2d, state, type Tensor, tensorType, trace } from "../../../runtime/index.ts";
import { graph as made, modelBytes, node, stored } from "../../../runtime/testing/onnx-models.ts";
import { type BenchCase, type BenchEntry, numbers, plainGraph } from "../case.ts";
import { quantizedConvolutions } from "./quantized.ts";

interface Layer {
  readonly channels: number;
  readonly outChannels: number;
  readonly size: number;
  readonly kernel: 1 | 3 | 5;
  readonly groups?: number;
  readonly layers?: number;
}

/** Convolutions with bias and ReLU, one after the other, "same" padding. */
function convolutions(name: string, layer: Layer, atLeast: number, aim: number): BenchCase {
  const { channels, outChannels, size, kernel, groups = 1, layers = 1 } = layer;
  const padding = (kernel - 1) / 2;
  const taps = (channels / groups) * kernel * kernel;
  const weights = Array.from({ length: layers }, (_, at) => numbers(outChannels * taps, 10 + at, Math.sqrt(6 / taps)));
  const biases = Array.from({ length: layers }, (_, at) => numbers(outChannels, 50 + at, 0.1));
  const shape = [outChannels, channels / groups, kernel, kernel];
  const graph = trace(
    ({ x }) => {
      let y: Tensor<"f32"> = x;
      for (let at = 0; at < layers; at++) {
        const w = constant(weights[at]!, "f32", shape, `w${at}`);
        const b = constant(biases[at]!, "f32", [outChannels, 1, 1], `b${at}`);
        y = conv2d(y, w, { padding, groups }).add(b).relu();
      }
      return { y };
    },
    { x: tensorType("f32", [1, channels, size, size]) },
    { name: "layers" },
  );
  return {
    name,
    graph: plainGraph(graph),
    model: () => exportOnnx(graph),
    flops: 2 * layers * outChannels * taps * size * size,
    atLeast,
    aim,
  };
}

function gemm(name: string, [m, k, n]: readonly [number, number, number]): BenchCase {
  const weight = numbers(k * n, 3);
  const graph = trace(
    ({ a }) => ({ c: a.matmul(constant(weight, "f32", [k, n], "b")) }),
    { a: tensorType("f32", [m, k]) },
    {
      name: "gemm",
    },
  );
  return {
    name,
    graph: plainGraph(graph),
    model: () => exportOnnx(graph),
    flops: 2 * m * k * n,
    atLeast: 0.97,
    aim: 1.05,
  };
}

/** softmax(q·kᵀ / √d)·v for some heads. */
function attention(name: string, [heads, tokens, depth]: readonly [number, number, number]): BenchCase {
  const type = tensorType("f32", [heads, tokens, depth]);
  const scale = 1 / Math.sqrt(depth);
  const graph = trace(
    ({ q, k, v }) => ({
      y: q
        .matmul(k.permute([0, 2, 1]))
        .mul(scale)
        .softmax(2)
        .matmul(v),
    }),
    { q: type, k: type, v: type },
    { name: "attention" },
  );
  return {
    name,
    graph: plainGraph(graph),
    model: () => exportOnnx(graph),
    flops: 4 * heads * tokens * tokens * depth,
    atLeast: 1.2,
    aim: 2,
  };
}

const elu = (x: Tensor<"f32">): Tensor<"f32"> => x.maximum(0).add(x.minimum(0).exp().sub(1));

interface Dense {
  readonly weight: Float32Array;
  readonly bias: Float32Array;
  readonly sizes: readonly [number, number];
}

const dense = (sizes: readonly number[]): Dense[] =>
  sizes.slice(1).map((outputs, at) => {
    const inputs = sizes[at]!;
    return {
      weight: numbers(outputs * inputs, 20 + at, Math.sqrt(3 / inputs)),
      bias: numbers(outputs, 30 + at, 0.1),
      sizes: [outputs, inputs],
    };
  });

/** Linear layers with ELU between them, which the peer has an operator for. */
const denseLayers = (x: Tensor<"f32">, layers: readonly Dense[], between = elu): Tensor<"f32"> =>
  layers.reduce((y, { weight, bias, sizes }, at) => {
    const z = y.linear(constant(weight, "f32", sizes, `w${at}`), constant(bias, "f32", undefined, `b${at}`));
    return at < layers.length - 1 ? between(z) : z;
  }, x);

const denseModel = (layers: readonly Dense[], input: string) => ({
  initializers: layers.flatMap(({ weight, bias, sizes }, at) => [
    stored(`w${at}`, "f32", sizes, weight),
    stored(`b${at}`, "f32", [sizes[0]], bias),
  ]),
  nodes: layers.flatMap((_, at) => {
    const last = at === layers.length - 1;
    const product = `${last ? "y" : `z${at}`} = Gemm(${at === 0 ? input : `e${at - 1}`}, w${at}, b${at})`;
    return [node(product, { transB: 1 }), ...(last ? [] : [node(`e${at} = Elu(z${at})`)])];
  }),
});

const denseFlops = (layers: readonly Dense[]): number => layers.reduce((sum, { weight }) => sum + 2 * weight.length, 0);

function mlp(name: string, sizes: readonly number[], atLeast: number, aim: number): BenchCase {
  const layers = dense(sizes);
  const traced = (between?: typeof elu) =>
    trace(
      ({ x }) => ({ y: denseLayers(x, layers, between) }),
      { x: tensorType("f32", [1, sizes[0]!]) },
      { name: "mlp" },
    );
  return {
    name,
    graph: plainGraph(traced()),
    model: () => exportOnnx(traced((x) => x.elu())),
    flops: denseFlops(layers),
    atLeast,
    aim,
  };
}

/** One step of an LSTM cell whose state stays between calls, then an MLP. */
function lstm(name: string, inputs: number, hidden: number, atLeast: number, aim: number): BenchCase {
  const layers = dense([hidden, 64, 12]);
  const wx = numbers(4 * hidden * inputs, 41, 0.12);
  const wh = numbers(4 * hidden * hidden, 42, 0.12);
  const bias = numbers(4 * hidden, 43, 0.1);
  // Gates in ONNX's order: input, output, forget, cell. Ours is one product over [x, h].
  const joined = new Float32Array(4 * hidden * (inputs + hidden));
  for (let row = 0; row < 4 * hidden; row++) {
    joined.set(wx.subarray(row * inputs, (row + 1) * inputs), row * (inputs + hidden));
    joined.set(wh.subarray(row * hidden, (row + 1) * hidden), row * (inputs + hidden) + inputs);
  }
  const graph = trace(
    ({ x }) => {
      const [h, c] = [state("h", tensorType("f32", [1, hidden])), state("c", tensorType("f32", [1, hidden]))];
      const gates = concat([x, h.get()], 1).linear(
        constant(joined, "f32", [4 * hidden, inputs + hidden], "w"),
        constant(bias, "f32", undefined, "b"),
      );
      const gate = (at: number) => gates.slice([0, 1], [at * hidden, (at + 1) * hidden]);
      c.set(
        gate(2)
          .sigmoid()
          .mul(c.get())
          .add(gate(0).sigmoid().mul(gate(3).tanh())),
      );
      h.set(gate(1).sigmoid().mul(c.get().tanh()));
      return { y: denseLayers(h.get(), layers) };
    },
    { x: tensorType("f32", [1, inputs]) },
    { name: "lstm" },
  );
  const head = denseModel(layers, "flat");
  const stateType = `f32[1,1,${hidden}]`;
  return {
    name,
    graph: plainGraph(graph),
    model: () =>
      modelBytes(
        made({
          inputs: [`x: f32[1,${inputs}]`, `h: ${stateType}`, `c: ${stateType}`],
          outputs: ["y: f32[1,12]", `hn: ${stateType}`, `cn: ${stateType}`],
          initializers: [
            stored("wx", "f32", [1, 4 * hidden, inputs], wx),
            stored("wh", "f32", [1, 4 * hidden, hidden], wh),
            stored("bias", "f32", [1, 8 * hidden], Float32Array.of(...bias, ...new Float32Array(4 * hidden))),
            stored("sequence", "i64", [3], BigInt64Array.of(1n, 1n, BigInt(inputs))),
            stored("row", "i64", [2], BigInt64Array.of(1n, BigInt(hidden))),
            ...head.initializers,
          ],
          nodes: [
            node("xs = Reshape(x, sequence)"),
            node(", hn, cn = LSTM(xs, wx, wh, bias, , h, c)", { hidden_size: hidden }),
            node("flat = Reshape(hn, row)"),
            ...head.nodes,
          ],
        }),
      ),
    flops: 2 * joined.length + denseFlops(layers),
    atLeast,
    aim,
    feedback: { h: "hn", c: "cn" },
  };
}

export const core: readonly BenchEntry[] = [
  {
    name: "conv 3x3 64-64 at 56, chain of 8",
    threads: 1.6,
    make: (name) => convolutions(name, { channels: 64, outChannels: 64, size: 56, kernel: 3, layers: 8 }, 2.5, 3.4),
  },
  {
    name: "conv 3x3 128-128 at 28",
    threads: 1.6,
    make: (name) => convolutions(name, { channels: 128, outChannels: 128, size: 28, kernel: 3 }, 2.5, 3.2),
  },
  {
    name: "conv 3x3 256-256 at 14",
    threads: 1.6,
    make: (name) => convolutions(name, { channels: 256, outChannels: 256, size: 14, kernel: 3 }, 1.8, 2.5),
  },
  {
    name: "conv 3x3 512-512 at 7",
    make: (name) => convolutions(name, { channels: 512, outChannels: 512, size: 7, kernel: 3 }, 1.2, 1.6),
  },
  {
    name: "conv 1x1 64-256 at 56",
    make: (name) => convolutions(name, { channels: 64, outChannels: 256, size: 56, kernel: 1 }, 0.97, 1.05),
  },
  {
    name: "conv 1x1 256-1024 at 14",
    make: (name) => convolutions(name, { channels: 256, outChannels: 1024, size: 14, kernel: 1 }, 0.97, 1.05),
  },
  {
    name: "conv 5x5 64-64 at 28",
    make: (name) => convolutions(name, { channels: 64, outChannels: 64, size: 28, kernel: 5 }, 0.97, 1.05),
  },
  ...([112, 56, 14] as const).map((size) => ({
    name: `depthwise 3x3 64 at ${size}`,
    make: (name: string) =>
      convolutions(name, { channels: 64, outChannels: 64, size, kernel: 3, groups: 64 }, 1.1, 1.5),
  })),
  { name: "gemm 512x512x512", make: (name) => gemm(name, [512, 512, 512]) },
  { name: "gemm 1024x64x1024", make: (name) => gemm(name, [1024, 64, 1024]) },
  { name: "attention 8x64x32", make: (name) => attention(name, [8, 64, 32]) },
  { name: "attention 3x197x64", make: (name) => attention(name, [3, 197, 64]) },
  {
    name: "int8 conv 3x3 64-64 at 56",
    make: (name) => quantizedConvolutions(name, { channels: 64, size: 56, layers: 1 }, 1, 1.3),
  },
  {
    name: "int8 conv 3x3 64-64 at 56, chain of 8",
    make: (name) => quantizedConvolutions(name, { channels: 64, size: 56, layers: 8 }, 1, 1.3),
  },
  { name: "mlp 48-64-64-12", make: (name) => mlp(name, [48, 64, 64, 12], 8, 15) },
  { name: "mlp 48-512-256-128-12", make: (name) => mlp(name, [48, 512, 256, 128, 12], 2, 4) },
  { name: "lstm 47-64 with mlp", make: (name) => lstm(name, 47, 64, 8, 15) },
];
