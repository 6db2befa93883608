// Products and convolutions of bytes around zero points, summed in 32-bit integers that wrap.
import { z } from "zod";
import { located } from "../graph/place.ts";
import { countOf, showTensorType, sizeOf, type TensorType } from "../graph/tensor-type.ts";
import { operators } from "../operators/index.ts";
import { operandError } from "../operators/operand-error.ts";
import { convolvedSizes } from "../operators/products.ts";
import { type ConvolutionOptions, endsOfPadding, volumeSchemas } from "./convolutions.ts";
import { operatorOptions, requireArgument, tensorOf } from "./options.ts";
import { type Extents, perExtent, requireExtents } from "./pair.ts";
import { requireZeroPoint } from "./quantization.ts";
import { apply, constant, full, Tensor, where } from "./tensor.ts";

type Byte = "u8" | "i8";

/** What bytes are counted from: one number, or a tensor of their dtype. */
export type ZeroPoint = number | Tensor<Byte>;

/** A zero point as i32, or none where it is 0. */
type Zero = Tensor<"i32"> | undefined;

const isZero = (given: ZeroPoint): boolean =>
  given instanceof Tensor ? (given.known?.every((each) => each === 0) ?? false) : given === 0;

const zeroPoint = z
  .union([z.number(), z.instanceof(Tensor)])
  .describe("a number, or a tensor of the dtype of what it is subtracted from")
  .optional();

/** A zero point of `x`, which has to be of its dtype. Throws `operator/zero-point`. */
function zeroOf(what: string, given: ZeroPoint, x: Tensor<Byte>): Zero {
  if (given instanceof Tensor && given.dtype !== x.dtype)
    throw operandError(
      "zero-point",
      `${what} with the zero point ${showTensorType(given.type)}`,
      `it is of the dtype of what it is subtracted from, ${x.dtype}`,
    );
  if (typeof given === "number") requireZeroPoint(what, given, x.dtype);
  if (isZero(given)) return undefined;
  return given instanceof Tensor ? given.cast("i32") : constant(given, "i32");
}

/** Unsigned bytes as signed ones, 128 less, and their zero point with them. */
function signed(x: Tensor<Byte>, zero: Zero): { readonly bytes: Tensor<"i8">; readonly zero: Zero } {
  if (x.dtype === "i8") return { bytes: x as Tensor<"i8">, zero };
  const bytes = (x as Tensor<"u8">).bitwiseXor(128).cast("i8");
  return { bytes, zero: zero ? zero.sub(128) : constant(-128, "i32") };
}

const minus = (sum: Tensor<"i32">, correction: Tensor<"i32"> | undefined): Tensor<"i32"> =>
  correction ? sum.sub(correction) : sum;

/**
 * (a − aZeroPoint) · (b − bZeroPoint) in 32-bit integers that wrap: a[…,m,k] and b[…,k,n] of bytes, signed or not.
 *
 * A zero point is a number, or a tensor of its operand's dtype: one for all, [m] one for each row of a, [n] for each column of
 * b, or of more dimensions, […,m,1] or […,1,n].
 */
export function matmulInteger(
  a: Tensor<Byte>,
  b: Tensor<Byte>,
  aZeroPoint: ZeroPoint = 0,
  bZeroPoint: ZeroPoint = 0,
): Tensor<"i32"> {
  for (const each of [a, b]) tensorOf("matmulInteger", each);
  requireArgument("matmulInteger", "aZeroPoint", zeroPoint, aZeroPoint);
  requireArgument("matmulInteger", "bZeroPoint", zeroPoint, bZeroPoint);
  return located(() => {
    const what = `matmulInteger of ${showTensorType(a.type)} and ${showTensorType(b.type)}`;
    const rows = zeroOf(what, aZeroPoint, a);
    const left = rows?.type.shape.length === 1 ? rows.unsqueeze(1) : rows;
    const { bytes, zero: right } = signed(b, zeroOf(what, bZeroPoint, b));
    const product = apply<"i32">(operators.matmulInteger, [a, bytes]);
    // Σ(a − l)(b − r) = Σab − l·Σ(b − r) − r·Σa.
    const columns = left && minus(bytes.cast("i32"), right).sum([-2], { keepDims: true }).mul(left);
    const lines = right && a.cast("i32").sum([-1], { keepDims: true }).mul(right);
    return minus(minus(product, columns), lines);
  });
}

/** Options of convInteger: those of convolutions, and what its operands are counted from. */
export interface ConvIntegerOptions extends Omit<ConvolutionOptions<Extents>, "bias" | "convolution"> {
  /** Of the input; a number or a tensor of one element. */
  readonly zeroPoint?: ZeroPoint;
  /** Of the weight; for all, or [o] one for each output channel. */
  readonly weightZeroPoint?: ZeroPoint;
}

const checkConvInteger = operatorOptions<ConvIntegerOptions>("convInteger", () => {
  const { bias: _, convolution: __, ...schemas } = volumeSchemas();
  return { ...schemas, zeroPoint, weightZeroPoint: zeroPoint };
});

/** x with its zero point around it. */
function paddedBytes(
  x: Tensor<Byte>,
  given: ZeroPoint,
  [before, after]: readonly [readonly number[], readonly number[]],
): Tensor<Byte> {
  if ([...before, ...after].every((width) => width === 0)) return x;
  const [first, last] = [
    [0, 0, ...before],
    [0, 0, ...after],
  ];
  const known = typeof given === "number" ? given : given.known?.length === 1 ? given.known[0] : undefined;
  if (typeof known === "number") return x.pad(first, last, known);
  const plane = x.type.shape.slice(2);
  const inside = full("bool", [1, 1, ...plane], 1).pad(first, last, 0);
  return where(inside, x.pad(first, last, 0), (given as Tensor<Byte>).reshape([]));
}

/** A tensor of one zero point for each output channel, or of one, so that it broadcasts to [n,o,…]. */
function byChannel(zero: Zero, rank: number): Zero {
  if (!zero || countOf(zero.shape) === 1) return zero?.reshape([]);
  return zero.reshape([-1, ...Array<number>(rank).fill(1)]);
}

/**
 * (x − zeroPoint)[n,c,…] convolved with (w − weightZeroPoint)[o,c/groups,…] in 32-bit integers that wrap, over one to three
 * dimensions, of bytes that are signed or not; padding is the zero point.
 */
export function convInteger(x: Tensor<Byte>, w: Tensor<Byte>, options: ConvIntegerOptions = {}): Tensor<"i32"> {
  checkConvInteger(options);
  for (const each of [x, w]) tensorOf("convInteger", each);
  const { zeroPoint: given = 0, weightZeroPoint = 0, stride = 1, dilation = 1, groups = 1 } = options;
  return located(() => {
    const what = `convInteger of ${showTensorType(x.type)} with ${showTensorType(w.type)}`;
    const rank = x.type.shape.length - 2;
    if (rank < 1 || rank > 3 || w.type.shape.length !== rank + 2)
      throw operandError(
        "shape",
        what,
        "the input is [n,c,…] and the weight [o,c/groups,…], over one to three dimensions",
      );
    if (given instanceof Tensor && countOf(given.shape) !== 1)
      throw operandError(
        "zero-point",
        `${what}: the input's zero points are ${showTensorType(given.type)}`,
        "give it one for all",
      );
    requireExtents(what, rank, { stride, dilation });
    const zero = byChannel(zeroOf(what, given, x), rank);
    const { bytes, zero: ofWeight } = signed(w, byChannel(zeroOf(what, weightZeroPoint, w), rank));
    const padded = paddedBytes(x, given, endsOfPadding("convInteger", w, rank, options));
    const steps = { stride: perExtent(stride, rank), dilation: perExtent(dilation, rank), groups };
    const sum = integerConvolution(padded, bytes, steps);
    const taps = countOf(w.shape.slice(1));
    // Σ(x − z)(w − v) = Σxw − z·Σ(w − v) − v·Σx.
    const axes = w.shape.map((_, d) => d).slice(1);
    const totals =
      zero &&
      minus(
        bytes
          .cast("i32")
          .sum(axes)
          .reshape([-1, ...w.shape.slice(2).map(() => 1)]),
        ofWeight?.mul(taps),
      ).mul(zero);
    const windows = ofWeight && windowSums(padded, w.type, steps).mul(ofWeight);
    return minus(minus(sum, totals), windows);
  });
}

interface Steps {
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly groups: number;
}

/** Σ x of every window, for each of the weight's output channels. */
function windowSums(x: Tensor<Byte>, { shape }: TensorType, steps: Steps): Tensor<"i32"> {
  const { groups } = steps;
  const ones = full("i8", [groups, ...shape.slice(1)], 1);
  const sums = integerConvolution(x, ones, steps);
  if (groups === 1) return sums;
  const [n, , ...plane] = sums.type.shape;
  const perGroup = Number(shape[0]) / groups;
  return sums
    .reshape([n!, groups, 1, ...plane])
    .broadcastTo([n!, groups, perGroup, ...plane])
    .reshape([n!, groups * perGroup, ...plane]);
}

/** x convolved with w over one to three dimensions: a line is a flat plane, and a volume is summed tap by tap along its depth. */
function integerConvolution(x: Tensor<Byte>, w: Tensor<"i8">, { stride, dilation, groups }: Steps): Tensor<"i32"> {
  const rank = stride.length;
  const onPlanes = (of: Tensor<Byte>, weight: Tensor<"i8">, along: (each: readonly number[]) => readonly number[]) =>
    apply<"i32">(operators.convInteger, [of, weight], { stride: along(stride), dilation: along(dilation), groups });
  if (rank === 2) return onPlanes(x, w, (each) => each);
  if (rank === 1) return onPlanes(x.unsqueeze(2), w.unsqueeze(2), (each) => [1, ...each]).squeeze(2);
  const [n, c, ...volume] = x.type.shape;
  const [planes] = convolvedSizes([sizeOf(volume[0]!)], [w.shape[2]!], { stride, dilation }) as [number];
  const terms = Array.from({ length: w.shape[2]! }, (_, tap) => {
    const first = tap * dilation[0]!;
    const met = x.slice([], [], [first, first + (planes - 1) * stride[0]! + 1, stride[0]!]);
    const asBatch = met.permute([0, 2, 1, 3, 4]).reshape([-1, c!, ...volume.slice(1)]);
    return onPlanes(asBatch, w.slice([], [], [tap, tap + 1]).squeeze(2), (each) => each.slice(1));
  });
  const sum = terms.reduce((a, b) => a.add(b));
  return sum.reshape([n!, planes, ...sum.type.shape.slice(1)]).permute([0, 2, 1, 3, 4]);
}
