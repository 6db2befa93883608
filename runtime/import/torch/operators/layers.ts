// PyTorch's layers beyond products and convolutions: norms in their native forms, more pooling, bags of embeddings.

import { concat, constant, full, type Tensor, where } from "../../../capture/tensor.ts";
import { countOf } from "../../../graph/tensor-type.ts";
import { cast, type TorchCall, torchMisfit, unsupportedTorch } from "../call.ts";
import { fixedNumbers } from "../known.ts";
import { operator, type TorchOperator, type TorchResult } from "./definition.ts";

type Float = Tensor<"f32">;

const plus = (x: Tensor, bias: Tensor | undefined): Tensor => (bias ? x.add(bias) : x);
const times = (x: Tensor, weight: Tensor | undefined): Tensor => (weight ? x.mul(weight) : x);

/** A norm's result, and the mean and the root of the variance that it was made with. */
interface Normalised {
  readonly y: Tensor;
  readonly mean: Tensor;
  readonly root: Tensor;
}

/** (x − mean) / √(variance + epsilon) over dimensions. */
function normalised(x: Tensor, axes: readonly number[], epsilon: number): Normalised {
  const mean = x.mean(axes, { keepDims: true });
  const centred = x.sub(mean);
  const variance = centred.mul(centred).mean(axes, { keepDims: true });
  const root = variance.add(epsilon).rsqrt();
  return { y: centred.mul(root), mean, root };
}

/** A number for each channel of [n, c, …]. */
const byChannel = (x: Tensor | undefined, rank: number): Tensor | undefined =>
  x?.reshape([x.shape[0]!, ...new Array<number>(Math.max(0, rank - 2)).fill(1)]);

const lastAxes = (rank: number, count: number): readonly number[] =>
  Array.from({ length: count }, (_, at) => rank - count + at);

function nativeLayerNorm(call: TorchCall): TorchResult {
  const x = call.tensor("input");
  const axes = lastAxes(x.shape.length, call.ints("normalized_shape").length);
  const { y, mean, root } = normalised(x, axes, call.float("eps"));
  return [plus(times(y, call.optional("weight")), call.optional("bias")), mean, root];
}

function nativeGroupNorm(call: TorchCall): TorchResult {
  const x = call.tensor("input");
  const groups = call.int("group");
  const [n, channels] = [x.shape[0]!, x.shape[1]!];
  const rows = x.reshape([n, groups, (channels / groups) * countOf(x.shape.slice(2))]);
  const { y, mean, root } = normalised(rows, [2], call.float("eps"));
  const rank = x.shape.length;
  const scaled = times(y.reshape(x.shape), byChannel(call.optional("weight"), rank));
  return [plus(scaled, byChannel(call.optional("bias"), rank)), mean.squeeze(2), root.squeeze(2)];
}

/** With the mean and the variance that training left. */
function batchNormInference(call: TorchCall): TorchResult {
  if (call.has("training") && call.flag("training"))
    throw unsupportedTorch("batch norm that learns", "call eval() before the model is saved");
  const x = call.tensor("input") as Float;
  const [scale, shift] = [call.optional("weight"), call.optional("bias")];
  const y = x.batchNorm(call.tensor("running_mean") as Float, call.tensor("running_var") as Float, {
    epsilon: call.float("eps"),
    ...(scale ? { scale: scale as Float } : {}),
    ...(shift ? { shift: shift as Float } : {}),
  });
  const none = constant([], x.dtype, [0]);
  return [y, none, none];
}

/** With the mean and the variance of the batch itself. */
function batchNormOfBatch(call: TorchCall): TorchResult {
  const x = call.tensor("input");
  const rank = x.shape.length;
  const axes = x.shape.map((_, at) => at).filter((at) => at !== 1);
  const { y, mean, root } = normalised(x, axes, call.float("eps"));
  const scaled = times(y, byChannel(call.optional("weight"), rank));
  return [plus(scaled, byChannel(call.optional("bias"), rank)), mean.flatten(), root.flatten()];
}

function instanceNorm(call: TorchCall): Tensor {
  const x = call.tensor("input");
  const rank = x.shape.length;
  const [weight, bias] = [byChannel(call.optional("weight"), rank), byChannel(call.optional("bias"), rank)];
  if (!call.flag("use_input_stats")) {
    const [mean, variance] = ["running_mean", "running_var"].map((name) => byChannel(call.tensor(name), rank)!);
    const y = x.sub(mean!).mul(variance!.add(call.float("eps")).rsqrt());
    return plus(times(y, weight), bias);
  }
  const { y } = normalised(x, lastAxes(rank, rank - 2), call.float("eps"));
  return plus(times(y, weight), bias);
}

/** x over the root of the mean of its squares. */
function rmsNorm(call: TorchCall): Tensor {
  const x = call.tensor("input");
  const axes = lastAxes(x.shape.length, call.ints("normalized_shape").length);
  // PyTorch adds the dtype's own epsilon where none is given.
  const own = x.dtype === "f64" ? Number.EPSILON : 2 ** -23;
  const epsilon = call.has("eps") ? call.float("eps") : own;
  const root = x.mul(x).mean(axes, { keepDims: true }).add(epsilon).rsqrt();
  return times(x.mul(root), call.optional("weight"));
}

function extents(call: TorchCall, name: string, rank: number): number[] {
  const found = call.ints(name);
  return found.length === rank ? [...found] : new Array<number>(rank).fill(found[0] ?? 0);
}

/** Pools with a batch around what has none. */
function batched<T>(x: Tensor, rank: number, run: (x: Float) => T, single: (y: T) => T): T {
  return x.shape.length === rank + 1 ? single(run(x.unsqueeze(0) as Float)) : run(x as Float);
}

const adaptive = ([1, 2, 3] as const).flatMap((rank) => [
  operator(`_adaptive_avg_pool${rank}d(Tensor self, int[${rank}] output_size) -> Tensor`, (call) =>
    batched<Tensor>(
      call.tensor("self"),
      rank,
      (x) => x.adaptiveAvgPool(extents(call, "output_size", rank)),
      (y) => y.squeeze(0),
    ),
  ),
  operator(
    `adaptive_max_pool${rank}d(Tensor self, int[${rank}] output_size) -> (Tensor, Tensor)`,
    (call): TorchResult => {
      const x = call.tensor("self");
      const single = x.shape.length === rank + 1;
      return adaptiveMax(single ? x.unsqueeze(0) : x, extents(call, "output_size", rank)).map((y) =>
        single ? y.squeeze(0) : y,
      );
    },
  ),
]);

/** The largest of each part of planes, and its place. */
function adaptiveMax(x: Tensor, size: readonly number[]): readonly Tensor[] {
  const plane = x.shape.slice(2);
  const [n, c] = x.shape as [number, number];
  const count = countOf(plane);
  const flat = x.reshape([n, c, count]);
  const parts = plane.map((length, d) =>
    Array.from({ length: size[d]! }, (_, at) => {
      const [from, to] = [Math.floor((at * length) / size[d]!), Math.ceil(((at + 1) * length) / size[d]!)];
      return Array.from({ length: to - from }, (_, each) => from + each);
    }),
  );
  const cells = countOf(size);
  const places = Array.from({ length: cells }, (_, cell) => {
    let rest = cell;
    const index = [...size].reverse().map((length) => {
      const at = rest % length;
      rest = Math.floor(rest / length);
      return at;
    });
    const ranges = index.reverse().map((at, d) => parts[d]![at]!);
    return ranges.reduce<number[]>(
      (all, range, d) => all.flatMap((base) => range.map((at) => base * plane[d]! + at)),
      [0],
    );
  });
  // A part that is smaller repeats its first place, which is then chosen the first time.
  const most = Math.max(...places.map((each) => each.length));
  const table = places.flatMap((each) => Array.from({ length: most }, (_, at) => each[at] ?? each[0]!));
  const index = constant(table, "i64", [table.length]);
  const taken = flat.indexSelect(2, index).reshape([n, c, cells, most]);
  const best = taken.argmax(3);
  const places_ = index
    .reshape([1, 1, cells, most])
    .broadcastTo([n, c, cells, most])
    .gather(3, best.unsqueeze(3))
    .squeeze(3);
  return [taken.max([3]).reshape([n, c, ...size]), places_.reshape([n, c, ...size])];
}

const pools = ([1, 2, 3] as const).flatMap((rank) => [
  ...(rank === 1
    ? [
        operator(
          "max_pool1d_with_indices(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=0, int[1] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)",
          (call): TorchResult => {
            const x = call.tensor("self");
            const size = extents(call, "kernel_size", 1);
            const single = x.shape.length === 2;
            const { values, indices } = ((single ? x.unsqueeze(0) : x) as Float).maxPool(size, {
              stride: call.ints("stride").length === 0 ? size : extents(call, "stride", 1),
              padding: extents(call, "padding", 1),
              dilation: extents(call, "dilation", 1),
              ceil: call.flag("ceil_mode"),
              returnIndices: true,
            });
            return single ? [values.squeeze(0), indices.squeeze(0)] : [values, indices];
          },
        ),
      ]
    : [
        operator(
          rank === 2
            ? "max_unpool2d(Tensor self, Tensor indices, int[2] output_size) -> Tensor"
            : "max_unpool3d(Tensor self, Tensor indices, int[3] output_size, int[3] stride, int[3] padding) -> Tensor",
          (call) => {
            const x = call.tensor("self");
            const outputSize = call.ints("output_size");
            const single = x.shape.length === rank + 1;
            const [values, indices] = [x, call.tensor("indices")].map((each) =>
              single ? each.unsqueeze(0) : each,
            ) as [Tensor, Tensor];
            const y = (values as Float).maxUnpool(indices, new Array<number>(rank).fill(1), { outputSize });
            return single ? y.squeeze(0) : y;
          },
        ),
      ]),
]);

/** Sums, means or largest of groups of embeddings. */
function embeddingBag(call: TorchCall): TorchResult {
  const weight = call.tensor("weight");
  const indices = call.tensor("indices");
  const mode = (["sum", "mean", "max"] as const)[call.int("mode")]!;
  const offsets = call.tensor("offsets");
  const starts = fixedNumbers(offsets)?.map(Number);
  const count = indices.shape[0]!;
  const width = weight.shape[1]!;
  const bags = offsets.shape[0]! - (call.flag("include_last_offset") ? 1 : 0);
  if (indices.shape.length !== 1) throw torchMisfit("embedding_bag takes indices in a line, and offsets");
  // Which bag an index is of: how many begin at it or before, less one.
  const places = constant(
    Array.from({ length: count }, (_, at) => at),
    "i64",
    [count, 1],
  );
  const bag = starts
    ? constant(
        Array.from({ length: count }, (_, at) => starts.slice(0, bags).filter((start) => start <= at).length - 1),
        "i64",
        [count],
      )
    : (cast(cast(offsets, "i64").slice([0, bags]).unsqueeze(0).lessEqual(places), "i64")
        .sum([1])
        .sub(1) as Tensor);
  const padding = call.int("padding_idx");
  const taken = weight.indexSelect(0, indices);
  const used = padding >= 0 ? indices.notEqual(padding) : undefined;
  const counted = used ? cast(used, weight.dtype) : full(weight.dtype, [count], 1);
  const weights = call.optional("per_sample_weights");
  const rows = taken.mul((weights ? weights.mul(counted) : counted).unsqueeze(1));
  const none: Tensor = full(weight.dtype, [bags, width], 0);
  const numbers = (full(weight.dtype, [bags], 0) as Tensor).indexAdd(0, bag, counted);
  if (mode === "max") {
    const lowest = full(weight.dtype, [bags, width], Number.NEGATIVE_INFINITY) as Tensor;
    const shown = used ? where(used.unsqueeze(1), taken, constant(Number.NEGATIVE_INFINITY, weight.dtype)) : taken;
    const bagOf = bag.unsqueeze(1).broadcastTo([count, width]);
    const most = lowest.scatterReduce(0, bagOf, shown, "amax");
    const y = where(numbers.equal(0).unsqueeze(1), constant(0, weight.dtype), most);
    // The first of a bag that is its largest, element by element.
    const isMost = shown.equal(most.indexSelect(0, bag));
    const candidates = where(isMost, places.broadcastTo([count, width]), constant(count, "i64"));
    const first = full("i64", [bags, width], count).scatterReduce(0, bagOf, candidates, "amin");
    const sources = concat([cast(indices, "i64"), constant([0], "i64", [1])], 0);
    const found = sources.indexSelect(0, first.reshape([bags * width])).reshape([bags, width]);
    return [y, bag, cast(numbers, "i64"), found];
  }
  const sums = none.indexAdd(0, bag, rows);
  if (mode === "mean") {
    const sizes = cast(numbers, "i64");
    return [sums.div(numbers.maximum(1).unsqueeze(1)), bag, sizes, sizes];
  }
  // A sum keeps no sizes, and where its kernel is the fast one, of floats without padding, not even which bag is whose.
  const zeros: Tensor = full("i64", [bags], 0);
  return [sums, weight.dtype === "f64" || padding >= 0 ? bag : constant([], "i64", [0]), zeros, zeros];
}

/** beta·self + alpha·product. */
const added = (schema: string, product: (call: TorchCall) => Tensor): TorchOperator =>
  operator(`${schema} -> Tensor`, (call) => {
    const [beta, alpha] = [call.float("beta"), call.float("alpha")];
    const y = product(call);
    const self = call.tensor("self");
    const scaled = alpha === 1 ? y : y.mul(alpha);
    return beta === 0 ? scaled : scaled.add(beta === 1 ? self : self.mul(beta));
  });

const paddings = (["reflection", "replication"] as const).flatMap((kind) =>
  ([1, 2, 3] as const).map((rank) =>
    operator(`${kind}_pad${rank}d(Tensor self, int[${2 * rank}] padding) -> Tensor`, (call) => {
      const x = call.tensor("self");
      const pad = call.ints("padding");
      const [before, after] = [new Array<number>(x.shape.length).fill(0), new Array<number>(x.shape.length).fill(0)];
      for (let at = 0; at < rank; at++) {
        before[x.shape.length - 1 - at] = pad[2 * at]!;
        after[x.shape.length - 1 - at] = pad[2 * at + 1]!;
      }
      return x.pad(before, after, { mode: kind === "reflection" ? "reflect" : "replicate" });
    }),
  ),
);

const softmaxes = (["_softmax", "_log_softmax"] as const).map((name) =>
  operator(`${name}(Tensor self, int dim, bool half_to_float) -> Tensor`, (call) => {
    const x = cast(call.tensor("self"), call.flag("half_to_float") ? "f32" : call.tensor("self").dtype);
    const axis = call.axis("dim", x.shape.length);
    return name === "_softmax" ? x.softmax(axis) : x.logSoftmax(axis);
  }),
);

export const layers: readonly TorchOperator[] = [
  operator(
    "native_layer_norm(Tensor input, int[] normalized_shape, Tensor? weight, Tensor? bias, float eps) -> (Tensor, Tensor, Tensor)",
    nativeLayerNorm,
  ),
  operator(
    "native_group_norm(Tensor input, Tensor? weight, Tensor? bias, int N, int C, int HxW, int group, float eps) -> (Tensor, Tensor, Tensor)",
    nativeGroupNorm,
  ),
  operator(
    "native_batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool training, float momentum, float eps) -> (Tensor, Tensor, Tensor)",
    batchNormInference,
  ),
  operator(
    "_native_batch_norm_legit(Tensor input, Tensor? weight, Tensor? bias, Tensor(a!) running_mean, Tensor(b!) running_var, bool training, float momentum, float eps) -> (Tensor, Tensor, Tensor)",
    batchNormInference,
  ),
  operator(
    "_native_batch_norm_legit.no_stats(Tensor input, Tensor? weight, Tensor? bias, bool training, float momentum, float eps) -> (Tensor, Tensor, Tensor)",
    batchNormOfBatch,
  ),
  operator(
    "_native_batch_norm_legit_no_training(Tensor input, Tensor? weight, Tensor? bias, Tensor running_mean, Tensor running_var, float momentum, float eps) -> (Tensor, Tensor, Tensor)",
    batchNormInference,
  ),
  operator(
    "instance_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool use_input_stats, float momentum, float eps, bool cudnn_enabled) -> Tensor",
    instanceNorm,
  ),
  operator("rms_norm(Tensor input, int[] normalized_shape, Tensor? weight=None, float? eps=None) -> Tensor", rmsNorm),
  operator("_weight_norm(Tensor v, Tensor g, int dim=0) -> Tensor", (call) => {
    const v = call.tensor("v");
    const axis = call.axis("dim", v.shape.length);
    const others = v.shape.map((_, at) => at).filter((at) => at !== axis);
    return v.mul(call.tensor("g").div(v.mul(v).sum(others, { keepDims: true }).sqrt()));
  }),
  ...adaptive,
  ...pools,
  operator(
    "_embedding_bag(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq=False, int mode=0, bool sparse=False, Tensor? per_sample_weights=None, bool include_last_offset=False, int padding_idx=-1) -> (Tensor, Tensor, Tensor, Tensor)",
    embeddingBag,
  ),
  operator(
    "_embedding_bag_forward_only(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq=False, int mode=0, bool sparse=False, Tensor? per_sample_weights=None, bool include_last_offset=False, int padding_idx=-1) -> (Tensor, Tensor, Tensor, Tensor)",
    embeddingBag,
  ),
  operator(
    "embedding_bag.padding_idx(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq, int mode, bool sparse, Tensor? per_sample_weights, bool include_last_offset, int? padding_idx=-1) -> (Tensor, Tensor, Tensor, Tensor)",
    embeddingBag,
  ),
  operator(
    "embedding_bag(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq=False, int mode=0, bool sparse=False, Tensor? per_sample_weights=None, bool include_last_offset=False, int padding_idx=-1) -> (Tensor, Tensor, Tensor, Tensor)",
    embeddingBag,
  ),
  added("baddbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1)", (call) =>
    call.tensor("batch1").matmul(call.tensor("batch2")),
  ),
  added("addbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1)", (call) =>
    call.tensor("batch1").matmul(call.tensor("batch2")).sum([0]),
  ),
  added("addmv(Tensor self, Tensor mat, Tensor vec, *, Scalar beta=1, Scalar alpha=1)", (call) =>
    call.tensor("mat").matmul(call.tensor("vec").unsqueeze(1)).squeeze(1),
  ),
  added("addr(Tensor self, Tensor vec1, Tensor vec2, *, Scalar beta=1, Scalar alpha=1)", (call) =>
    call.tensor("vec1").unsqueeze(1).mul(call.tensor("vec2").unsqueeze(0)),
  ),
  operator("bilinear(Tensor input1, Tensor input2, Tensor weight, Tensor? bias=None) -> Tensor", (call) => {
    const [a, b, weight] = [call.tensor("input1"), call.tensor("input2"), call.tensor("weight")];
    const lead = a.shape.slice(0, -1);
    const rows = lead.reduce((x, y) => x * y, 1);
    const [out, left, right] = weight.shape as [number, number, number];
    const half = a
      .reshape([rows, left])
      .matmul(weight.permute([1, 0, 2]).reshape([left, out * right]))
      .reshape([rows, out, right]);
    const y = half.mul(b.reshape([rows, 1, right])).sum([2]);
    return plus(y, call.optional("bias")).reshape([...lead, out]);
  }),
  ...paddings,
  ...softmaxes,
];
