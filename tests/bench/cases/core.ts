// Suite `core`: the layers and small networks that robots' models are made of.

import { exportOnnx } from "../../../runtime/import/index.ts";
import { constant, conv2d, type Tensor, tensorType, trace } from "../../../runtime/index.ts";
import { type BenchCase, type BenchEntry, numbers, plainGraph } from "../case.ts";
import { lstm, mlp } from "../models/policies.ts";
import { quantizedConvolutions } from "./quantized.ts";

interface Layer {
  readonly channels: number;
  readonly outChannels: number;
  readonly size: number;
  readonly kernel: 1 | 3 | 5;
  readonly stride?: number;
  readonly groups?: number;
  readonly layers?: number;
}

/** Convolutions with bias and ReLU, one after the other, "same" padding. */
function convolutions(name: string, layer: Layer, atLeast: number, aim: number): BenchCase {
  const { channels, outChannels, size, kernel, stride = 1, groups = 1, layers = 1 } = layer;
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
        y = conv2d(y, w, { padding, stride, groups }).add(b).relu();
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
    flops: (2 * layers * outChannels * taps * size * size) / stride ** 2,
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
    cold: true,
    make: (name) => convolutions(name, { channels: 256, outChannels: 256, size: 14, kernel: 3 }, 1.8, 2.5),
  },
  {
    name: "conv 3x3 512-512 at 7",
    cold: true,
    make: (name) => convolutions(name, { channels: 512, outChannels: 512, size: 7, kernel: 3 }, 1.2, 1.6),
  },
  {
    name: "conv 3x3 by 2, 256-512 at 14",
    cold: true,
    make: (name) => convolutions(name, { channels: 256, outChannels: 512, size: 14, kernel: 3, stride: 2 }, 0.97, 1.05),
  },
  {
    name: "conv 1x1 64-256 at 56",
    make: (name) => convolutions(name, { channels: 64, outChannels: 256, size: 56, kernel: 1 }, 0.97, 1.05),
  },
  {
    name: "conv 1x1 256-1024 at 14",
    cold: true,
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
  { name: "mlp 48-64-64-12", make: (name) => mlp(name, [48, 64, 64, 12], { atLeast: 8, aim: 15 }) },
  {
    name: "mlp 48-512-256-128-12",
    cold: true,
    make: (name) => mlp(name, [48, 512, 256, 128, 12], { atLeast: 2, aim: 4 }),
  },
  { name: "lstm 47-64 with mlp", make: (name) => lstm(name, [47, 64], [64, 12], { atLeast: 8, aim: 15 }) },
];
