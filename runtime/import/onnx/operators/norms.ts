// ONNX's normalisations: of batches, channels, groups and rows, and of what lies around an element.
import { type Dtype, isHalf } from "../../../../kernels/index.ts";
import { constant, type Tensor, zeros } from "../../../capture/tensor.ts";
import { countOf } from "../../../graph/tensor-type.ts";
import type { Call, Definitions } from "../call.ts";
import { modelError } from "../import-error.ts";
import { partCount } from "../limits.ts";
import { allAxes, axesOf, axisOf } from "./axes.ts";
import { castTo } from "./elementwise.ts";

/** Halves as float32, in which sums of many are made; others as they are. */
export const widened = (x: Tensor): Tensor => (isHalf(x.dtype) ? x.cast("f32") : x);

/** Something of each channel, shaped to broadcast over [n,c,…]; what has more dimensions, as the first operator sets allow, as it is. */
const perChannel = (each: Tensor, { shape }: Tensor): Tensor =>
  each.shape.length === 1 ? each.reshape([...each.shape, ...shape.slice(2).map(() => 1)]) : each;

/** (x − mean) / √(variance + epsilon) · scale + shift with statistics of any shape that broadcasts. */
function normalized(x: Tensor, mean: Tensor, variance: Tensor, epsilon: number, scale: Tensor, shift: Tensor): Tensor {
  const factor = scale.div(variance.add(epsilon).sqrt());
  return x.sub(mean).mul(factor).add(shift);
}

/** Whether a batch is normalised with its own statistics: an attribute, or before operator set 14 what is wanted of it. */
function isTraining(call: Call): boolean {
  if (call.version >= 14) return call.flag("training_mode");
  if (call.version < 7) return !call.flag("is_test");
  return [1, 2, 3, 4].some((at) => call.wants(at));
}

function batchNormalization(call: Call): (Tensor | undefined)[] {
  const given = call.tensor(0);
  // A batch of numbers has one channel.
  const whole = given.shape.length === 1 ? given.unsqueeze(-1) : given;
  const dtypes: readonly Dtype[] = [0, 1, 2, 3, 4].map((at) => call.tensor(at).dtype);
  const isOne = dtypes.every((each) => each === dtypes[0]);
  const epsilon = call.float("epsilon", 1e-5);
  const isByChannel = call.tensor(1).shape.length === 1;
  if (!isTraining(call) && isOne && isByChannel) {
    const [scale, shift] = [call.tensor(1), call.tensor(2)];
    return [whole.batchNorm(call.tensor(3), call.tensor(4), { scale, shift, epsilon }).reshape(given.shape)];
  }
  const x = widened(whole);
  const [scale, shift, mean, variance] = [1, 2, 3, 4].map((at) => perChannel(castTo(call.tensor(at), x.dtype), x)) as [
    Tensor,
    Tensor,
    Tensor,
    Tensor,
  ];
  const result = (own: Tensor, spread: Tensor) =>
    castTo(normalized(x, own, spread, epsilon, scale, shift), given.dtype).reshape(given.shape);
  if (!isTraining(call)) return [result(mean, variance)];
  const along = { keepDims: true };
  const axes = allAxes(x.shape.length).filter((d) => d === 0 || (isByChannel && d > 1));
  const ownMean = x.mean(axes, along);
  const centred = x.sub(ownMean);
  const ownVariance = centred.mul(centred).mean(axes, along);
  const momentum = call.float("momentum", 0.9);
  /** The running statistic, in the dtype and the shape that it is given in. */
  const running = (at: number, before: Tensor, own: Tensor): Tensor => {
    const next = before.mul(momentum).add(own.reshape(before.shape).mul(1 - momentum));
    return castTo(next, call.tensor(at).dtype).reshape(call.tensor(at).shape);
  };
  const saved = (at: number, own: Tensor): Tensor => castTo(own, call.tensor(at).dtype).reshape(call.tensor(at).shape);
  return [
    result(ownMean, ownVariance),
    running(3, mean, ownMean),
    running(4, variance, ownVariance),
    saved(3, ownMean),
    saved(4, ownVariance),
  ];
}

function instanceNormalization(call: Call): Tensor {
  const [scale, shift] = [call.tensor(1), call.tensor(2)];
  return call.tensor(0).instanceNorm({ scale, shift, epsilon: call.float("epsilon", 1e-5) });
}

/** Scale and shift are of each group before operator set 21, and of each channel since. */
function groupNormalization(call: Call): Tensor {
  const x = call.tensor(0);
  const groups = call.int("num_groups");
  const channels = x.shape[1]!;
  const [scale, shift] = [1, 2].map((at) => {
    const each = call.tensor(at);
    if (call.version >= 21) return each;
    return each
      .reshape([groups, 1])
      .broadcastTo([groups, channels / groups])
      .reshape([channels]);
  }) as [Tensor, Tensor];
  return x.groupNorm(groups, { scale, shift, epsilon: call.float("epsilon", 1e-5) });
}

/** What rows are multiplied by, or what is added to them, in the shape of a row. */
function ofRow(each: Tensor, row: readonly number[]): Tensor {
  if (String(each.shape) === String(row)) return each;
  const ahead = each.shape.length - row.length;
  // Dimensions of 1 in front of a row's broadcast like none.
  if (each.shape.slice(0, Math.max(0, ahead)).some((size) => size !== 1))
    throw modelError(`rows of [${row.join(",")}] are scaled by [${each.shape.join(",")}]`);
  return (ahead > 0 ? each.reshape(each.shape.slice(ahead)) : each).broadcastTo(row);
}

/** Rows of standard deviation 1 around 0, scaled and shifted; and the mean and the inverse deviation of each. */
function layerNormalization(call: Call): (Tensor | undefined)[] {
  const x = call.tensor(0);
  const axis = axisOf(call.int("axis", -1), x.shape.length);
  const row = x.shape.slice(axis);
  const epsilon = call.float("epsilon", 1e-5);
  const scale = ofRow(call.tensor(1), row);
  const shift = call.has(2) ? ofRow(call.tensor(2), row) : zeros(x.dtype, row);
  const y = x.layerNorm(scale, shift, epsilon);
  if (!call.wants(1) && !call.wants(2)) return [y];
  const axes = allAxes(x.shape.length).slice(axis);
  const wide = widened(x);
  const mean = wide.mean(axes, { keepDims: true });
  const variance = wide.variance(axes, { keepDims: true, correction: 0 });
  const inverse = variance.add(epsilon).sqrt();
  const stash = call.dtype("stash_type", "f32");
  return [y, castTo(mean, stash), castTo(constant(1, inverse.dtype).div(inverse), stash)];
}

function rmsNormalization(call: Call): Tensor {
  const x = call.tensor(0);
  const axis = axisOf(call.int("axis", -1), x.shape.length);
  return x.rmsNorm(ofRow(call.tensor(1), x.shape.slice(axis)), call.float("epsilon", 1e-5));
}

/** x / (bias + alpha · mean of squares over `size` neighbouring channels)^beta; beyond the first and the last there are zeros. */
function localResponse(call: Call): Tensor {
  const x = call.tensor(0);
  const size = partCount(call.int("size"), "channels that one is divided by");
  const [n, c, ...rest] = x.shape as [number, number, ...number[]];
  const wide = widened(x);
  const planes = wide.mul(wide).reshape([n, 1, c, countOf(rest)]);
  const [padding, paddingAfter] = [Math.floor((size - 1) / 2), Math.ceil((size - 1) / 2)];
  const squares = planes.avgPool([size, 1], { stride: 1, padding: [padding, 0], paddingAfter: [paddingAfter, 0] });
  const base = squares.reshape(x.shape).mul(call.float("alpha", 1e-4)).add(call.float("bias", 1));
  return castTo(wide.div(base.pow(call.float("beta", 0.75))), x.dtype);
}

/** The dimensions whose mean and deviation are taken: named ones, or in the first operator set the positions and maybe the channels. */
function meanVarianceAxes(call: Call, rank: number): number[] {
  if (call.version >= 9) return axesOf(call.ints("axes", [0, 2, 3]), rank);
  return allAxes(rank).filter((d) => d > 1 || (d === 1 && call.flag("across_channels")));
}

/** (x − mean) / (deviation + 1e-9). */
function meanVarianceNormalization(call: Call): Tensor {
  const x = call.tensor(0);
  const wide = widened(x);
  const axes = meanVarianceAxes(call, x.shape.length);
  const along = { keepDims: true };
  const centred = wide.sub(wide.mean(axes, along));
  if (call.version < 9 && !call.flag("normalize_variance", true)) return castTo(centred, x.dtype);
  const deviation = centred.mul(centred).mean(axes, along).sqrt();
  return castTo(centred.div(deviation.add(1e-9)), x.dtype);
}

export const norms: Definitions = {
  BatchNormalization: batchNormalization,
  GroupNormalization: groupNormalization,
  InstanceNormalization: instanceNormalization,
  LayerNormalization: layerNormalization,
  LRN: localResponse,
  MeanVarianceNormalization: meanVarianceNormalization,
  RMSNormalization: rmsNormalization,
};
