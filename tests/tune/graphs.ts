// The graphs whose kernels are tuned: the cases of the core benchmark, and layers of networks in wide use.

import { globalAvgPool, layerNorm } from "../../runtime/functional.ts";
import {
  constant,
  conv2d,
  dequantize,
  type Graph,
  quantize,
  type Tensor,
  tensorType,
  trace,
} from "../../runtime/index.ts";
import { numbers, plainGraph } from "../bench/case.ts";
import { core } from "../bench/cases/core.ts";
import { quantizedConvolutions } from "../bench/cases/quantized.ts";

/** A graph that is made when it is its turn. */
export interface NamedGraph {
  readonly name: string;
  make(): Graph;
}

/** A function of one f32 tensor as a graph. */
const graphOf = (name: string, shape: readonly number[], body: (x: Tensor<"f32">) => Tensor<"f32">): NamedGraph => ({
  name,
  make: () => plainGraph(trace(({ x }) => ({ y: body(x) }), { x: tensorType("f32", shape) }, { name: "layer" })),
});

const weight = (shape: readonly number[], seed: number): Tensor<"f32"> => {
  const count = shape.reduce((a, b) => a * b, 1);
  return constant(numbers(count, seed), "f32", shape, "w");
};

/** A convolution of `from` channels to `to` over a plane of `size`², padded so that stride 1 keeps it. */
const convolution = (
  from: number,
  to: number,
  size: number,
  { kernel, stride = 1 }: { kernel: number; stride?: number },
) =>
  graphOf(`conv ${kernel}x${kernel}/${stride} ${from}-${to} at ${size}`, [1, from, size, size], (x) =>
    conv2d(x, weight([to, from, kernel, kernel], 1), { padding: (kernel - 1) / 2, stride }).relu(),
  );

const pointwise = (from: number, to: number, size: number, stride = 1) =>
  convolution(from, to, size, { kernel: 1, stride });

/** What MobileNet is made of: 1×1 to `inner` channels, a 3×3 by channel, and 1×1 to fewer again. */
const invertedResidual = (from: number, inner: number, to: number, size: number, stride = 1) =>
  graphOf(`inverted residual ${from}-${inner}-${to}/${stride} at ${size}`, [1, from, size, size], (x) => {
    const wide = conv2d(x, weight([inner, from, 1, 1], 1)).relu();
    const moved = conv2d(wide, weight([inner, 1, 3, 3], 6), { padding: 1, stride, groups: inner }).relu();
    return conv2d(moved, weight([to, inner, 1, 1], 7));
  });
const product = (m: number, k: number, n: number) =>
  graphOf(`product ${m}x${k}x${n}`, [m, k], (x) => x.matmul(weight([k, n], 2)));
const quantizedConvolution = (channels: number, size: number): NamedGraph => {
  const name = `int8 conv 3x3 ${channels}-${channels} at ${size}`;
  return { name, make: () => quantizedConvolutions(name, { channels, size, layers: 1 }, 1, 1).graph };
};

/** A convolution by channel that stands alone, over planes. */
const depthwise = (channels: number, size: number, kernel: number, stride = 1) =>
  graphOf(`conv ${kernel}x${kernel}/${stride} by channel, ${channels} at ${size}`, [1, channels, size, size], (x) =>
    conv2d(x, weight([channels, 1, kernel, kernel], 1), { padding: (kernel - 1) / 2, stride, groups: channels }).relu(),
  );

/** A product of bytes as a quantised graph has it. */
const quantizedProduct = (m: number, k: number, n: number): NamedGraph =>
  graphOf(`int8 product ${m}x${k}x${n}`, [m, k], (x) => {
    const bytes = dequantize(quantize(x, 1 / 127, 128, "u8"), 1 / 127, 128);
    const w = dequantize(constant(Int8Array.from(numbers(k * n, 3, 127)), "i8", [k, n], "w"), 0.01, 0);
    return dequantize(quantize(bytes.matmul(w), 0.1, 128, "u8"), 0.1, 128);
  });

/** ResNet-18 and -50 at 224², beside what the benchmark has of them. */
const resnet: readonly NamedGraph[] = [
  convolution(3, 64, 224, { kernel: 7, stride: 2 }),
  ...([64, 128, 256] as const).map((channels) =>
    convolution(channels, 2 * channels, 3584 / channels, { kernel: 3, stride: 2 }),
  ),
  ...([64, 128, 256] as const).map((channels) => pointwise(channels, 2 * channels, 3584 / channels, 2)),
  ...([256, 512, 1024] as const).map((channels) => pointwise(channels, 2 * channels, 14336 / channels, 2)),
  pointwise(64, 64, 56),
  pointwise(256, 64, 56),
  pointwise(128, 512, 28),
  pointwise(512, 128, 28),
  pointwise(1024, 256, 14),
  pointwise(512, 2048, 7),
  pointwise(2048, 512, 7),
  graphOf("mean 512 at 7", [1, 512, 7, 7], globalAvgPool),
  product(1, 512, 1000),
  product(1, 2048, 1000),
];

/** MobileNetV2 at 224². */
const mobilenet: readonly NamedGraph[] = [
  graphOf("first layers of MobileNetV2", [1, 3, 224, 224], (x) => {
    const y = conv2d(x, weight([32, 3, 3, 3], 1), { padding: 1, stride: 2 }).relu();
    const moved = conv2d(y, weight([32, 1, 3, 3], 6), { padding: 1, groups: 32 }).relu();
    return conv2d(moved, weight([16, 32, 1, 1], 7));
  }),
  invertedResidual(16, 96, 24, 112, 2),
  invertedResidual(24, 144, 24, 56),
  invertedResidual(24, 144, 32, 56, 2),
  invertedResidual(32, 192, 32, 28),
  invertedResidual(32, 192, 64, 28, 2),
  invertedResidual(64, 384, 64, 14),
  invertedResidual(64, 384, 96, 14),
  invertedResidual(96, 576, 96, 14),
  invertedResidual(96, 576, 160, 14, 2),
  invertedResidual(160, 960, 160, 7),
  invertedResidual(160, 960, 320, 7),
  pointwise(320, 1280, 7),
];

/** The tiny vision transformer of 197 tokens, and products of policies. */
const products: readonly NamedGraph[] = [
  product(197, 192, 576),
  product(197, 192, 192),
  product(197, 192, 768),
  product(197, 768, 192),
  graphOf("sum 64x64", [64, 64], (x) => x.sum([1])),
  graphOf("sum 256x1024", [256, 1024], (x) => x.sum([1])),
  graphOf("layer norm 197x192", [197, 192], (x) => layerNorm(x, weight([192], 4), weight([192], 5))),
  graphOf("softmax 64x1000", [64, 1000], (x) => x.softmax(1)),
  depthwise(64, 56, 3, 2),
  depthwise(64, 28, 5),
  depthwise(1, 120, 3),
  product(1, 256, 256),
  product(16, 256, 256),
];

const bytes: readonly NamedGraph[] = [
  quantizedConvolution(128, 28),
  quantizedConvolution(256, 14),
  quantizedConvolution(512, 7),
  quantizedProduct(1, 512, 1000),
  quantizedProduct(197, 192, 768),
  quantizedProduct(197, 768, 192),
  quantizedProduct(64, 512, 512),
];

/** All of them. */
export const graphs: readonly NamedGraph[] = [
  ...core.map(({ name, make }): NamedGraph => ({ name, make: () => make(name).graph })),
  ...resnet,
  ...mobilenet,
  ...products,
  ...bytes,
];
