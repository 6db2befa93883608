// PyTorch's operators of networks: products, convolutions, norms, pooling, attention and recurrent layers.

import type { FloatDtype } from "../../../../kernels/index.ts";
import {
  conv1d,
  conv2d,
  conv3d,
  convTranspose1d,
  convTranspose2d,
  convTranspose3d,
} from "../../../capture/convolutions.ts";
import { scaledDotProductAttention, type Tensor } from "../../../capture/tensor.ts";
import { countOf } from "../../../graph/tensor-type.ts";
import { cast, TorchCall, torchMisfit, unsupportedTorch } from "../call.ts";
import { TorchTensor, type TorchValue } from "../values.ts";
import { given, operator, shapeOf, type TorchOperator, type TorchResult } from "./definition.ts";
import { repeatedHeads } from "./transformers.ts";

type Float = Tensor<FloatDtype>;

const plus = (x: Tensor, bias: Tensor | undefined): Tensor => (bias ? x.add(bias) : x);

/** x·wᵀ + b over the last dimension, whatever stands before it. */
function linear(x: Tensor, weight: Tensor, bias: Tensor | undefined): Tensor {
  const lead = shapeOf(x).slice(0, -1);
  const width = shapeOf(x).at(-1)!;
  if (shapeOf(weight).length === 1) return plus(x.matmul(weight.unsqueeze(1)).squeeze(-1), bias);
  const rows = lead.length === 1 ? x : x.reshape([countOf(lead), width]);
  const product = bias ? rows.linear(weight, bias) : rows.matmul(weight.permute([1, 0]));
  return lead.length === 1 ? product : product.reshape([...lead, shapeOf(weight)[0]!]);
}

/** The product of vectors, matrices and batches of them. */
function matmul(a: Tensor, b: Tensor): Tensor {
  const [left, right] = [shapeOf(a).length, shapeOf(b).length];
  if (left === 0 || right === 0) throw torchMisfit("a product of matrices takes no tensor without dimensions");
  if (left === 1 && right === 1) return a.mul(b).sum();
  const product = (left === 1 ? a.unsqueeze(0) : a).matmul(right === 1 ? b.unsqueeze(1) : b);
  if (left === 1) return product.squeeze(-2);
  return right === 1 ? product.squeeze(-1) : product;
}

/** Several numbers, or one for all. */
function extents(call: TorchCall, name: string, rank: number): number[] {
  const found = call.ints(name);
  return found.length === rank ? [...found] : new Array<number>(rank).fill(found[0] ?? 0);
}

/** A convolution of any rank; without a batch it is one of one. */
function convolution(call: TorchCall, rank: number, transposed: boolean): Tensor {
  const [input, weight, bias] = [call.tensor("input"), call.tensor("weight"), call.optional("bias")];
  const isSingle = shapeOf(input).length === rank + 1;
  const x = isSingle ? input.unsqueeze(0) : input;
  const options = {
    stride: extents(call, "stride", rank),
    padding: extents(call, "padding", rank),
    dilation: extents(call, "dilation", rank),
    groups: call.int("groups"),
    ...(bias ? { bias } : {}),
  };
  const outputPadding = transposed ? { outputPadding: extents(call, "output_padding", rank) } : {};
  const run = transposed
    ? [convTranspose1d, convTranspose2d, convTranspose3d][rank - 1]
    : [conv1d, conv2d, conv3d][rank - 1];
  if (!run) throw unsupportedTorch(`a convolution over ${rank} dimensions`);
  type Run = (x: Tensor, w: Tensor, options: object) => Tensor;
  const y = (run as Run)(x, weight, { ...options, ...outputPadding });
  return isSingle ? y.squeeze(0) : y;
}

const convolutions = ([1, 2, 3] as const).flatMap((rank) => [
  operator(
    `conv${rank}d(Tensor input, Tensor weight, Tensor? bias=None, int[${rank}] stride=1, int[${rank}] padding=0, int[${rank}] dilation=1, int groups=1) -> Tensor`,
    (call) => convolution(call, rank, false),
  ),
  operator(
    `conv${rank}d.padding(Tensor input, Tensor weight, Tensor? bias=None, int[${rank}] stride=1, str padding="valid", int[${rank}] dilation=1, int groups=1) -> Tensor`,
    (call) => namedPadding(call, rank),
  ),
  operator(
    `conv_transpose${rank}d${rank === 1 ? "" : ".input"}(Tensor input, Tensor weight, Tensor? bias=None, int[${rank}] stride=1, int[${rank}] padding=0, int[${rank}] output_padding=0, int groups=1, int[${rank}] dilation=1) -> Tensor`,
    (call) => convolution(call, rank, true),
  ),
]);

/** Padding by its name: none, or as much as keeps the size. */
function namedPadding(call: TorchCall, rank: number): Tensor {
  const name = call.text("padding");
  const [input, weight] = [call.tensor("input"), call.tensor("weight")];
  const dilation = extents(call, "dilation", rank);
  const sizes = shapeOf(weight).slice(2);
  const total = sizes.map((size, at) => (name === "same" ? dilation[at]! * (size - 1) : 0));
  const lead = new Array<number>(shapeOf(input).length - rank).fill(0);
  const before = total.map((each) => Math.floor(each / 2));
  const after = total.map((each, at) => each - before[at]!);
  const isEven = before.join() === after.join();
  const padded = isEven ? input : input.pad([...lead, ...before], [...lead, ...after]);
  const given = new Map<string, TorchValue>([
    ["input", TorchTensor.of(padded)],
    ["padding", isEven ? before.map(BigInt) : before.map(() => 0n)],
  ]);
  for (const each of ["weight", "bias", "stride", "dilation", "groups"]) given.set(each, call.value(each));
  return convolution(new TorchCall(given), rank, false);
}

const anyConvolution = (call: TorchCall): Tensor =>
  convolution(call, shapeOf(call.tensor("weight")).length - 2, call.flag("transposed"));

/** Along the last dimensions, as many as the shape that is normalised. */
function layerNorm(call: TorchCall): Tensor {
  const x = call.tensor("input") as Float;
  const normalised = call.ints("normalized_shape");
  const axes = normalised.map((_, at) => shapeOf(x).length - normalised.length + at);
  const centred = x.sub(x.mean(axes, { keepDims: true }));
  const [weight, bias] = [call.optional("weight"), call.optional("bias")];
  const epsilon = call.float("eps");
  if (axes.length === 1 && weight && bias) return x.layerNorm(weight as Float, bias as Float, epsilon);
  const variance = centred.mul(centred).mean(axes, { keepDims: true });
  const normal = centred.div((variance.add(epsilon) as Float).sqrt());
  return plus(weight ? normal.mul(weight as Float) : normal, bias);
}

function batchNorm(call: TorchCall, epsilon: string): Tensor {
  if (call.flag("training")) throw unsupportedTorch("batch norm that learns", "call eval() before the model is saved");
  const x = call.tensor("input") as Float;
  if (!call.has("running_mean")) throw unsupportedTorch("batch norm without statistics of training");
  const [scale, shift] = [call.optional("weight"), call.optional("bias")];
  return x.batchNorm(call.tensor("running_mean") as Float, call.tensor("running_var") as Float, {
    epsilon: call.float(epsilon),
    ...(scale ? { scale: scale as Float } : {}),
    ...(shift ? { shift: shift as Float } : {}),
  });
}

/** Pools with a batch around what has none. */
function pooled(call: TorchCall, rank: number, pool: (x: Float) => Tensor): Tensor {
  const x = call.tensor("self") as Float;
  return shapeOf(x).length === rank + 1 ? pool(x.unsqueeze(0)).squeeze(0) : pool(x);
}

const pools = ([1, 2, 3] as const).flatMap((rank) => {
  const options = (call: TorchCall) => {
    const size = extents(call, "kernel_size", rank);
    return {
      size,
      stride: call.ints("stride").length === 0 ? size : extents(call, "stride", rank),
      padding: extents(call, "padding", rank),
      ceil: call.flag("ceil_mode"),
    };
  };
  const largest = (call: TorchCall) => {
    const { size, ...rest } = options(call);
    const dilation = extents(call, "dilation", rank);
    return { size, rest: { ...rest, dilation } };
  };
  return [
    operator(
      `max_pool${rank}d(Tensor self, int[${rank}] kernel_size, int[${rank}] stride=[], int[${rank}] padding=0, int[${rank}] dilation=1, bool ceil_mode=False) -> Tensor`,
      (call) => {
        const { size, rest } = largest(call);
        return pooled(call, rank, (x) => x.maxPool(size as never, rest as { readonly returnIndices?: false }));
      },
    ),
    operator(
      `max_pool${rank}d_with_indices(Tensor self, int[${rank}] kernel_size, int[${rank}] stride=[], int[${rank}] padding=0, int[${rank}] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)`,
      (call): TorchResult => {
        const { size, rest } = largest(call);
        const x = call.tensor("self") as Float;
        const isSingle = shapeOf(x).length === rank + 1;
        const batch: Float = isSingle ? x.unsqueeze(0) : x;
        const all = { ...rest, returnIndices: true } as unknown as { readonly returnIndices: true };
        const { values, indices } = batch.maxPool(size as never, all);
        return isSingle ? [values.squeeze(0), indices.squeeze(0)] : [values, indices];
      },
    ),
    operator(
      `avg_pool${rank}d(Tensor self, int[${rank}] kernel_size, int[${rank}] stride=[], int[${rank}] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor`,
      (call) => {
        const { size, ...rest } = options(call);
        const isOwn = call.has("divisor_override");
        if (isOwn && rest.ceil) throw unsupportedTorch("a mean with a divisor of its own over parts of windows");
        const countPadding = isOwn || call.flag("count_include_pad");
        const y = pooled(call, rank, (x) => x.avgPool(size as never, { ...rest, countPadding } as never));
        return isOwn ? y.mul(countOf(size) / call.int("divisor_override")) : y;
      },
    ),
    operator(`adaptive_avg_pool${rank}d(Tensor self, int[${rank}] output_size) -> Tensor`, (call) =>
      pooled(call, rank, (x) => x.adaptiveAvgPool(extents(call, "output_size", rank) as never)),
    ),
  ];
});

function attention(call: TorchCall): Tensor {
  if (call.float("dropout_p") > 0) throw unsupportedTorch("attention that drops out", "call eval() before it is saved");
  let [q, k, v] = [call.tensor("query"), call.tensor("key"), call.tensor("value")] as [Tensor, Tensor, Tensor];
  const mask = call.optional("attn_mask");
  if (call.flag("enable_gqa")) {
    const heads = shapeOf(q).at(-3)!;
    [k, v] = [repeatedHeads(k, heads), repeatedHeads(v, heads)];
  }
  return scaledDotProductAttention(q, k, v, {
    causal: call.flag("is_causal"),
    ...(mask ? { mask } : {}),
    ...(call.has("scale") ? { scale: call.float("scale") } : {}),
  });
}

const softmaxed = (call: TorchCall, logarithm: boolean): Tensor => {
  const self = call.tensor("self");
  const x = cast(self, call.dtype("dtype", self.type.dtype)) as Float;
  const axis = call.axis("dim", shapeOf(x).length);
  return logarithm ? x.logSoftmax(axis) : x.softmax(axis);
};

export const networks: readonly TorchOperator[] = [
  operator("linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor", (call) =>
    linear(call.tensor("input"), call.tensor("weight"), call.optional("bias")),
  ),
  operator("addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor", (call) => {
    const [beta, alpha] = [call.float("beta"), call.float("alpha")];
    const product = call.tensor("mat1").matmul(call.tensor("mat2"));
    const self = call.tensor("self");
    return (alpha === 1 ? product : product.mul(alpha)).add(beta === 1 ? self : self.mul(beta));
  }),
  operator("matmul(Tensor self, Tensor other) -> Tensor", (call) => matmul(call.tensor("self"), call.tensor("other"))),
  operator("mm(Tensor self, Tensor mat2) -> Tensor", (call) => matmul(call.tensor("self"), call.tensor("mat2"))),
  operator("bmm(Tensor self, Tensor mat2) -> Tensor", (call) => matmul(call.tensor("self"), call.tensor("mat2"))),
  operator("mv(Tensor self, Tensor vec) -> Tensor", (call) => matmul(call.tensor("self"), call.tensor("vec"))),
  operator("dot(Tensor self, Tensor tensor) -> Tensor", (call) => matmul(call.tensor("self"), call.tensor("tensor"))),
  ...convolutions,
  operator(
    "_convolution(Tensor input, Tensor weight, Tensor? bias, int[] stride, int[] padding, int[] dilation, bool transposed, int[] output_padding, int groups, bool benchmark, bool deterministic, bool cudnn_enabled, bool allow_tf32) -> Tensor",
    anyConvolution,
  ),
  operator(
    "convolution(Tensor input, Tensor weight, Tensor? bias, int[] stride, int[] padding, int[] dilation, bool transposed, int[] output_padding, int groups) -> Tensor",
    anyConvolution,
  ),
  operator(
    "layer_norm(Tensor input, int[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1e-05, bool cudnn_enable=True) -> Tensor",
    layerNorm,
  ),
  operator(
    "batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool training, float momentum, float eps, bool cudnn_enabled) -> Tensor",
    (call) => batchNorm(call, "eps"),
  ),
  operator(
    "group_norm(Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, float eps=1e-05, bool cudnn_enabled=True) -> Tensor",
    (call) => {
      const [scale, shift] = [call.optional("weight"), call.optional("bias")];
      return (call.tensor("input") as Float).groupNorm(call.int("num_groups"), {
        epsilon: call.float("eps"),
        ...(scale ? { scale: scale as Float } : {}),
        ...(shift ? { shift: shift as Float } : {}),
      });
    },
  ),
  ...pools,
  operator("softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor", (call) => softmaxed(call, false)),
  operator("log_softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor", (call) => softmaxed(call, true)),
  operator(
    "scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0.0, bool is_causal=False, *, float? scale=None, bool enable_gqa=False) -> Tensor",
    attention,
  ),
  operator("dropout(Tensor input, float p, bool train) -> Tensor", (call) => {
    if (call.flag("train") && call.float("p") > 0)
      throw unsupportedTorch("dropout that drops", "call eval() before the model is saved");
    return given(call.torch("input"));
  }),
  operator(
    "embedding(Tensor weight, Tensor indices, int padding_idx=-1, bool scale_grad_by_freq=False, bool sparse=False) -> Tensor",
    (call) => {
      const [weight, indices] = [call.tensor("weight"), call.tensor("indices")];
      const shape = shapeOf(indices);
      const flat = indices.reshape([countOf(shape)]);
      return weight.indexSelect(0, flat).reshape([...shape, ...shapeOf(weight).slice(1)]);
    },
  ),
];
