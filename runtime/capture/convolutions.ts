// Convolutions of lines, planes and volumes, and transposed ones, as functions of tensors.
import { z } from "zod";
import type { Dtype } from "../../kernels/index.ts";
import { located } from "../graph/place.ts";
import { showTensorType, staticShape } from "../graph/tensor-type.ts";
import { operators } from "../operators/index.ts";
import { operandError } from "../operators/operand-error.ts";
import { extentsOption, operatorOptions, planeOption, tensorOf, tensorOption } from "./options.ts";
import { both, type Extents, type Pair, perExtent } from "./pair.ts";
import { currentRecorder } from "./recorder.ts";
import { Tensor } from "./tensor.ts";

/** Options of convolutions, as in PyTorch; one number stands for all dimensions, two of conv2d's plane. */
export interface ConvolutionOptions<E extends Extents = Pair> {
  readonly stride?: E;
  /** Zeros around the plane; "same" keeps its size, with the one more of an odd number below and to the right. */
  readonly padding?: E | "same" | "valid";
  /** Zeros below and to the right, where they differ. */
  readonly paddingAfter?: E;
  readonly dilation?: E;
  readonly groups?: number;
  /**
   * "direct" where inputs may be NaN or infinite: only outputs whose window holds such a number are then not finite. Unless given,
   * 3×3 layers may go by Winograd's algorithm, which spreads it over the tiles around.
   */
  readonly convolution?: "direct";
  /** Added to every element of its channel, [o], of the result's dtype. */
  readonly bias?: Tensor;
}

const convolutionSchemas = (padding: z.ZodType, steps: (least: number) => z.ZodType = planeOption) => ({
  stride: steps(1),
  padding,
  paddingAfter: steps(0),
  dilation: steps(1),
  groups: z.int().min(1).optional(),
  convolution: z.literal("direct").optional(),
  bias: tensorOption,
});
const paddingOption = z
  .union([planeOption(0), z.enum(["same", "valid"])])
  .describe('a whole number from 0, two: [rows, columns], "same" or "valid"')
  .optional();
const checkConv2d = operatorOptions<ConvolutionOptions>("conv2d", () => convolutionSchemas(paddingOption));
/** The schema of a whole number for each of so many dimensions. */
const stepsOver = (rank: 1 | 3) => (least: number) => {
  const whole = z.int().min(least);
  const list = rank === 1 ? z.tuple([whole]) : z.tuple([whole, whole, whole]);
  const text = rank === 1 ? "alone or in a list" : "or three: [depth, rows, columns]";
  return z.union([whole, list]).describe(`a whole number from ${least}, ${text}`).optional();
};
/** The schemas of a convolution over so many dimensions. */
const schemasOver = (rank: 1 | 3) => {
  const steps = stepsOver(rank);
  const padding = z
    .union([steps(0), z.enum(["same", "valid"])])
    .describe('a whole number from 0, one for each dimension, "same" or "valid"');
  return convolutionSchemas(padding.optional(), steps);
};
/** The schemas of a convolution over one to three dimensions. */
export const volumeSchemas = () =>
  convolutionSchemas(
    z
      .union([extentsOption(0), z.enum(["same", "valid"])])
      .describe('a whole number from 0, one for each dimension, "same" or "valid"')
      .optional(),
    extentsOption,
  );
const checkConv1d = operatorOptions<ConvolutionOptions<number | readonly [number]>>("conv1d", () => schemasOver(1));
const checkConv3d = operatorOptions<ConvolutionOptions<number | readonly [number, number, number]>>("conv3d", () =>
  schemasOver(3),
);

/** How much is added at either end of the `rank` dimensions behind the channels, for a convolution of this name with w. */
export function endsOfPadding(
  name: string,
  w: Tensor,
  rank: number,
  { stride = 1, padding = 0, paddingAfter, dilation = 1 }: ConvolutionOptions<Extents>,
): readonly [before: readonly number[], after: readonly number[]] {
  const every = (value: Extents) => perExtent(value, rank);
  if (padding === "valid") return [every(0), every(paddingAfter ?? 0)];
  if (padding !== "same") return [every(padding), every(paddingAfter ?? padding)];
  const refuse = (message: string, help: string) =>
    located(() => {
      throw operandError("attributes", `${name} with ${showTensorType(w.type)}: ${message}`, help);
    });
  if (every(stride).some((each) => each !== 1))
    refuse(`padding "same" and a stride of ${every(stride)}`, "give the padding in numbers");
  if (paddingAfter !== undefined) refuse('padding "same" and paddingAfter', "give one of them");
  const total = w.shape.slice(2).map((size, d) => every(dilation)[d]! * (size - 1));
  const before = total.map((each) => Math.floor(each / 2));
  return [before, total.map((each, d) => each - before[d]!)];
}

/** x with zeros around the `rank` dimensions behind its channels. */
function paddedFor<D extends Dtype>(
  name: string,
  x: Tensor<D>,
  w: Tensor,
  rank: number,
  options: ConvolutionOptions<Extents>,
): Tensor<D> {
  const [before, after] = endsOfPadding(name, w, rank, options);
  return [...before, ...after].some((each) => each > 0) ? x.pad([0, 0, ...before], [0, 0, ...after]) : x;
}

/** y[n,o,…] with a bias of each channel. */
const biased = <D extends Dtype>(y: Tensor<D>, bias: Tensor | undefined): Tensor<D> =>
  bias ? y.add(bias.reshape([-1, ...y.type.shape.slice(2).map(() => 1)]) as Tensor<D>) : y;

/** A convolution of a name over so many dimensions, its options checked. */
function convolution<D extends Dtype>(
  name: "conv1d" | "conv2d" | "conv3d",
  rank: number,
  x: Tensor<D>,
  w: Tensor<D>,
  options: ConvolutionOptions<Extents>,
): Tensor<D> {
  for (const each of [x, w]) tensorOf(name, each);
  const attributes = {
    stride: perExtent(options.stride ?? 1, rank),
    dilation: perExtent(options.dilation ?? 1, rank),
    groups: options.groups ?? 1,
    ...(options.convolution ? { convolution: options.convolution } : {}),
  };
  const padded = paddedFor(name, x, w, rank, options);
  const y = new Tensor<D>(currentRecorder().apply(operators[name], [padded.value, w.value], attributes));
  return biased(y, options.bias);
}

/**
 * x[n,c,h,w] convolved with w[o,c/groups,kh,kw], and a bias [o] added; padding is zeros, and padded taps are multiplied like
 * any other.
 */
export function conv2d<D extends Dtype>(x: Tensor<D>, w: Tensor<D>, options: ConvolutionOptions = {}): Tensor<D> {
  checkConv2d(options);
  return convolution("conv2d", 2, x, w, options);
}

/** x[n,c,l] convolved with w[o,c/groups,k], and a bias [o] added; as conv2d. */
export function conv1d<D extends Dtype>(
  x: Tensor<D>,
  w: Tensor<D>,
  options: ConvolutionOptions<number | readonly [number]> = {},
): Tensor<D> {
  checkConv1d(options);
  return convolution("conv1d", 1, x, w, options);
}

/** x[n,c,d,h,w] convolved with w[o,c/groups,kd,kh,kw], and a bias [o] added; as conv2d. */
export function conv3d<D extends Dtype>(
  x: Tensor<D>,
  w: Tensor<D>,
  options: ConvolutionOptions<number | readonly [number, number, number]> = {},
): Tensor<D> {
  checkConv3d(options);
  return convolution("conv3d", 3, x, w, options);
}

/** Options of transposed convolutions, as in PyTorch; one number stands for all dimensions, two of convTranspose2d's plane. */
export interface TransposedConvolutionOptions<E extends Extents = Pair> extends Omit<ConvolutionOptions<E>, "padding"> {
  readonly padding?: E;
  readonly outputPadding?: E;
}

/** The schemas of a transposed convolution, from those of a convolution and of a width of its dimensions. */
const transposedSchemas = (width: z.ZodType, schemas: ReturnType<typeof convolutionSchemas>) => ({
  ...schemas,
  padding: width,
  outputPadding: width,
});
const checkConvTranspose1d = operatorOptions<TransposedConvolutionOptions<number | readonly [number]>>(
  "convTranspose1d",
  () => transposedSchemas(stepsOver(1)(0), schemasOver(1)),
);
const checkConvTranspose2d = operatorOptions<TransposedConvolutionOptions>("convTranspose2d", () =>
  transposedSchemas(planeOption(0), convolutionSchemas(planeOption(0))),
);
const checkConvTranspose3d = operatorOptions<TransposedConvolutionOptions<number | readonly [number, number, number]>>(
  "convTranspose3d",
  () => transposedSchemas(stepsOver(3)(0), schemasOver(3)),
);

/** A transposed convolution of a name over so many dimensions, its options checked. */
function transposedConvolution<D extends Dtype>(
  name: "convTranspose1d" | "convTranspose2d" | "convTranspose3d",
  rank: number,
  x: Tensor<D>,
  w: Tensor<D>,
  options: TransposedConvolutionOptions<Extents>,
): Tensor<D> {
  for (const each of [x, w]) tensorOf(name, each);
  const { stride = 1, padding = 0, paddingAfter = padding, dilation = 1, outputPadding = 0, groups = 1 } = options;
  const { convolution } = options;
  const every = (value: Extents) => perExtent(value, rank);
  const [before, after] = [every(padding), every(paddingAfter)];
  // Where the two ends differ, the smaller is cut off by the operator and the rest of the larger behind it.
  const common = before.map((width, d) => Math.min(width, after[d]!));
  const attributes = {
    stride: every(stride),
    padding: common,
    dilation: every(dilation),
    outputPadding: every(outputPadding),
    groups,
    ...(convolution ? { convolution } : {}),
  };
  const whole = new Tensor<D>(currentRecorder().apply(operators[name], [x.value, w.value], attributes));
  const cut = staticShape(whole.type.shape.slice(2)).map((size, d): [number, number] => [
    before[d]! - common[d]!,
    size - (after[d]! - common[d]!),
  ]);
  const even = before.every((each, d) => each === after[d]);
  return biased(even ? whole : whole.slice([], [], ...cut), options.bias);
}

/** x[n,c,h,w] spread over w[c,o/groups,kh,kw], each input to all outputs that its taps reach, and a bias [o] added. */
export function convTranspose2d<D extends Dtype>(
  x: Tensor<D>,
  w: Tensor<D>,
  options: TransposedConvolutionOptions = {},
): Tensor<D> {
  checkConvTranspose2d(options);
  return transposedConvolution("convTranspose2d", 2, x, w, options);
}

/** x[n,c,l] spread over w[c,o/groups,k], and a bias [o] added; as convTranspose2d. */
export function convTranspose1d<D extends Dtype>(
  x: Tensor<D>,
  w: Tensor<D>,
  options: TransposedConvolutionOptions<number | readonly [number]> = {},
): Tensor<D> {
  checkConvTranspose1d(options);
  return transposedConvolution("convTranspose1d", 1, x, w, options);
}

/** x[n,c,d,h,w] spread over w[c,o/groups,kd,kh,kw], and a bias [o] added; as convTranspose2d. */
export function convTranspose3d<D extends Dtype>(
  x: Tensor<D>,
  w: Tensor<D>,
  options: TransposedConvolutionOptions<number | readonly [number, number, number]> = {},
): Tensor<D> {
  checkConvTranspose3d(options);
  return transposedConvolution("convTranspose3d", 3, x, w, options);
}

/** Options of deformConv2d, as in torchvision; the groups follow from the shapes. */
export interface DeformableConvolutionOptions extends Omit<ConvolutionOptions, "padding" | "groups" | "convolution"> {
  readonly padding?: Pair;
  /** What each sample is multiplied by, [n,kh·kw·g,ho,wo]. */
  readonly mask?: Tensor;
}

const checkDeformConv2d = operatorOptions<DeformableConvolutionOptions>("deformConv2d", () => {
  const { groups: _, convolution: __, ...schemas } = convolutionSchemas(planeOption(0));
  return { ...schemas, mask: tensorOption };
});

/**
 * x[n,c,h,w] convolved with w[o,c/groups,kh,kw], each tap a bilinear sample at a distance from where it would be, and a bias [o]
 * added. `offset` is [n,2·kh·kw·g,ho,wo]: rows, then columns, for each tap, g groups of channels having their own.
 */
export function deformConv2d<D extends Dtype>(
  x: Tensor<D>,
  offset: Tensor<D>,
  w: Tensor<D>,
  options: DeformableConvolutionOptions = {},
): Tensor<D> {
  checkDeformConv2d(options);
  for (const each of [x, offset, w]) tensorOf("deformConv2d", each);
  const { stride = 1, padding = 0, paddingAfter = padding, dilation = 1, mask } = options;
  const attributes = {
    stride: both(stride),
    dilation: both(dilation),
    before: both(padding),
    after: both(paddingAfter),
  };
  const operands = [x, offset, w, ...(mask ? [mask] : [])].map(({ value }) => value);
  return biased(new Tensor<D>(currentRecorder().apply(operators.deformConv2d, operands, attributes)), options.bias);
}
