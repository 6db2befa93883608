// ONNX's operators of signals: Fourier transforms, windows and mel weights.
import { concat, constant, iota, type Tensor, where } from "../../../capture/tensor.ts";
import { arrayFrom } from "../../../graph/tensor-type.ts";
import { type Call, constantOf, type Definition, type Definitions } from "../call.ts";
import { modelError } from "../import-error.ts";
import { elementCount } from "../limits.ts";
import { axisOf } from "./axes.ts";
import { castTo } from "./elementwise.ts";
import { both, type Complex, transform } from "./fourier.ts";
import { widened } from "./norms.ts";

/** Rows cut, or with zeros behind them, to a length. */
function ofLength(x: Tensor, length: number): Tensor {
  const size = x.shape.at(-1)!;
  const ahead = x.shape.slice(1);
  if (size > length) return x.slice(...ahead.map(() => [] as const), [0, length]);
  if (size === length) return x;
  const none = x.shape.map(() => 0);
  return x.pad(none, none.with(-1, length - size));
}

/** [...,1] of real numbers, or [...,2] of complex ones, as rows along a dimension. */
function complexOf(x: Tensor, axis: number): Complex {
  const parts = x.shape.at(-1)!;
  if (parts !== 1 && parts !== 2) throw modelError(`its input has ${parts} numbers for each element, not 1 or 2`);
  const part = (at: number) =>
    x
      .slice(...x.shape.slice(1).map(() => [] as const), [at, at + 1])
      .squeeze(-1)
      .transpose(axis, -1);
  return { real: part(0), imaginary: parts === 2 ? part(1) : undefined };
}

/** Rows of complex numbers as [...,2], along a dimension. */
const pairsOf = ({ real, imaginary }: Complex, axis: number): Tensor =>
  concat(
    [real, imaginary!].map((each) => each.transpose(axis, -1).unsqueeze(-1)),
    -1,
  );

/** The first half of a transform of real numbers, in which the other half is mirrored. */
const oneSide = (x: Complex, length: number): Complex => both(x, (each) => ofLength(each, Math.floor(length / 2) + 1));

/** Real numbers from one half of their transform. */
function fromOneSide(half: Complex, length: number): Tensor {
  const kept = both(half, (each) => ofLength(each, Math.floor(length / 2) + 1));
  const mirrored = length - kept.real.shape.at(-1)!;
  const rest = (each: Tensor): Tensor =>
    each.slice(...each.shape.slice(1).map(() => [] as const), [1, 1 + mirrored]).flip([each.shape.length - 1]);
  const whole = (each: Tensor, other: (x: Tensor) => Tensor): Tensor =>
    mirrored === 0 ? each : concat([each, other(rest(each))], -1);
  const imaginary = kept.imaginary && whole(kept.imaginary, (each) => each.neg());
  return transform({ real: whole(kept.real, (each) => each), imaginary }, 1).real.div(length);
}

function fourier(call: Call): Tensor {
  const given = call.tensor(0);
  const rank = given.shape.length;
  const axis = axisOf(call.version >= 20 ? (call.has(2) ? call.number(2) : -2) : call.int("axis", 1), rank);
  if (axis === rank - 1) throw modelError("its axis is the one of real and imaginary parts");
  const x = complexOf(widened(given), axis);
  const [isInverse, isOneSided] = [call.flag("inverse"), call.flag("onesided")];
  const size = given.shape[axis]!;
  const length = call.has(1) ? call.number(1) : isInverse && isOneSided ? 2 * (size - 1) : size;
  if (isInverse && isOneSided) return castTo(fromOneSide(x, length).transpose(axis, -1).unsqueeze(-1), given.dtype);
  const found = transform(
    both(x, (each) => ofLength(each, length)),
    isInverse ? 1 : -1,
  );
  const scaled = isInverse ? both(found, (each) => each.div(length)) : found;
  return castTo(pairsOf(isOneSided ? oneSide(scaled, length) : scaled, axis), given.dtype);
}

/** Transforms of frames of a signal, one after the other, each under a window. */
function shortTimeFourier(call: Call): Tensor {
  const given = call.tensor(0);
  const step = call.number(1);
  const window = call.optional(2);
  const length = call.has(3) ? call.number(3) : (window?.shape[0] ?? given.shape[1]!);
  const frames = 1 + Math.floor((given.shape[1]! - length) / step);
  const positions = iota("i64", [frames, length], 0)
    .mul(step)
    .add(iota("i64", [frames, length], 1));
  const x = both(complexOf(widened(given), 1), (each) => {
    const cut = each.indexSelect(1, positions);
    return window ? cut.mul(castTo(window, each.dtype)) : cut;
  });
  const found = transform(x, -1);
  return castTo(pairsOf(call.flag("onesided", true) ? oneSide(found, length) : found, 2), given.dtype);
}

/** A window of a sum of cosines; one that is periodic leaves out the end of its period. */
const cosineWindow =
  (factors: readonly number[]): Definition =>
  (call) => {
    const size = elementCount(call.number(0), "a window");
    const period = call.flag("periodic", true) ? size : size - 1;
    const dtype = call.dtype("output_datatype", "f32");
    const at = (n: number) =>
      factors.reduce((sum, factor, k) => sum + factor * Math.cos((2 * Math.PI * k * n) / Math.max(1, period)), 0);
    const data = Array.from({ length: size }, (_, n) => at(n));
    return constantOf({ dtype, shape: [size], data: arrayFrom(dtype, data) });
  };

/** The weights of each frequency of a transform in each of so many bins, evenly spaced in mel. */
function melWeights(call: Call): Tensor {
  const [bins, length] = [call.number(0), call.number(1)];
  const scalar = (at: number): Tensor<"f64"> => call.tensor(at).cast("f64").reshape([]);
  const [rate, low, high] = [scalar(2), scalar(3), scalar(4)];
  const frequencies = Math.floor(length / 2) + 1;
  const melOf = (hertz: Tensor<"f64">) =>
    hertz
      .div(700)
      .log1p()
      .mul(2595 / Math.LN10);
  const [least, most] = [melOf(low), melOf(high)];
  const step = most.sub(least).div(bins + 2);
  const mels = iota("f64", [bins + 2])
    .mul(step)
    .add(least);
  const hertz = mels
    .mul(Math.LN10 / 2595)
    .expm1()
    .mul(700);
  const edges = hertz
    .mul(length + 1)
    .div(rate)
    .floor();
  const [left, middle, right] = [0, 1, 2].map((at) => edges.slice([at, at + bins])) as [
    Tensor<"f64">,
    Tensor<"f64">,
    Tensor<"f64">,
  ];
  const at = iota("f64", [frequencies, bins], 0);
  const zero = constant(0, "f64");
  const rising = at.greaterEqual(left).and(at.less(middle));
  const falling = at.greater(middle).and(at.less(right));
  const slopes = where(
    rising,
    at.sub(left).div(middle.sub(left)),
    where(falling, right.sub(at).div(right.sub(middle)), zero),
  );
  return castTo(where(at.equal(middle), constant(1, "f64"), slopes), call.dtype("output_datatype", "f32"));
}

export const signals: Definitions = {
  BlackmanWindow: cosineWindow([0.42, -0.5, 0.08]),
  DFT: fourier,
  HammingWindow: cosineWindow([25 / 46, -21 / 46]),
  HannWindow: cosineWindow([0.5, -0.5]),
  MelWeightMatrix: melWeights,
  STFT: shortTimeFourier,
};
