// Deformable convolution: a convolution whose taps are samples at computed distances from where they would be.
import { z } from "zod";
import { isFloatDtype } from "../../kernels/index.ts";
import type { Value } from "../graph/graph.ts";
import {
  arrayFrom,
  countOf,
  sameDimension,
  showTensorType,
  staticShape,
  type TensorType,
  type TypedArray,
} from "../graph/tensor-type.ts";
import { matmul } from "./contraction.ts";
import { add, mul } from "./elementwise.ts";
import { gridSampler2d } from "./grid-sample.ts";
import { type Builder, type Nd, type Operator, operandError, operator, pair } from "./operator.ts";
import { convolvedSizes, multiply } from "./products.ts";
import { concat, reshape, slice } from "./structure.ts";

const widths = z.tuple([z.int().min(0), z.int().min(0)]).readonly();
const attributes = z.strictObject({ stride: pair, dilation: pair, before: widths, after: widths });
type Attributes = z.infer<typeof attributes>;

/** Sizes that follow from the operands. */
interface Sizes {
  readonly n: number;
  readonly channels: number;
  readonly plane: readonly number[];
  readonly outputs: number;
  readonly kernel: readonly number[];
  readonly out: readonly number[];
  readonly taps: number;
  readonly groups: number;
  /** Groups of channels that share distances. */
  readonly offsetGroups: number;
}

function sizesOf([x, offset, w]: readonly TensorType[], { before, after, ...steps }: Attributes): Sizes {
  const [n, channels, ...plane] = staticShape(x!.shape) as [number, number, ...number[]];
  const [outputs, inner, ...kernel] = staticShape(w!.shape) as [number, number, ...number[]];
  const padded = plane.map((size, d) => size + before[d]! + after[d]!);
  const taps = countOf(kernel);
  return {
    n,
    channels,
    plane,
    outputs,
    kernel,
    out: convolvedSizes(padded, kernel, steps),
    taps,
    groups: channels / inner,
    offsetGroups: Number(offset!.shape[1]) / (2 * taps),
  };
}

function deformedType(operands: readonly TensorType[], given: Attributes): TensorType {
  const [x, offset, w, mask] = operands;
  const what = `deformConv2d of ${operands.map(showTensorType).join(", ")}`;
  const wrong = (why: string) => operandError("shape", `${what}: ${why}`);
  if (operands.some(({ dtype }) => dtype !== x!.dtype) || !isFloatDtype(x!.dtype))
    throw wrong("all must be of one float dtype");
  if (operands.some(({ shape }) => shape.length !== 4))
    throw wrong("the input is [n,c,h,w], the distances [n,2·kh·kw·groups,ho,wo], the weight [o,c/groups,kh,kw]");
  const { n, channels, plane, outputs, out, taps, groups, offsetGroups } = sizesOf(operands, given);
  if (plane.includes(0) || taps === 0) throw wrong("neither planes nor kernels are empty");
  if (!Number.isInteger(groups) || groups < 1 || outputs % groups !== 0)
    throw wrong(`${channels} channels do not fit a weight for ${w!.shape[1]}`);
  if (out.some((size) => size < 1)) throw wrong("the kernel is larger than the padded input");
  const fits = (shape: readonly unknown[], count: number) =>
    sameDimension(shape[0] as number, n) && shape[1] === count && shape[2] === out[0] && shape[3] === out[1];
  if (!Number.isInteger(offsetGroups) || offsetGroups < 1 || channels % offsetGroups !== 0)
    throw wrong(`the distances are two, of rows and of columns, for each of ${taps} taps, in groups of channels`);
  if (!fits(offset!.shape, 2 * taps * offsetGroups)) throw wrong(`the distances are for outputs of ${out}`);
  if (mask && !fits(mask.shape, taps * offsetGroups))
    throw wrong(`the mask is [${[n, taps * offsetGroups, ...out]}], one for each sample`);
  return { dtype: x!.dtype, shape: [n, outputs, ...out] };
}

/** Where each tap of each output would lie in the image, rows or columns, as [1,kh·kw·ho,wo,1]. */
function placesOf({ kernel, out }: Sizes, { stride, dilation, before }: Attributes, d: 0 | 1): number[] {
  const [rows, columns] = out as [number, number];
  return Array.from({ length: countOf(kernel) * rows * columns }, (_, i) => {
    const tap = Math.floor(i / (rows * columns));
    const at = d === 0 ? Math.floor(tap / kernel[1]!) : tap % kernel[1]!;
    const place = d === 0 ? Math.floor(i / columns) % rows : i % columns;
    return place * stride[d] - before[d] + at * dilation[d];
  });
}

const sampling = { mode: "bilinear", outside: "zeros", coordinates: "pixels", alignCorners: false } as const;

/** The samples of every tap as the meaning has them, [n,groups,c/groups·taps,ho·wo]. */
function samplesOf([x, offset, , mask]: readonly Nd[], sizes: Sizes, given: Attributes, dtype: Nd["dtype"]): Nd {
  const { n, channels, plane, out, taps, groups, offsetGroups } = sizes;
  const step = dtype === "f64" ? (value: number) => value : Math.fround;
  const batch = n * offsetGroups;
  const area = countOf(out);
  const places = [placesOf(sizes, given, 1), placesOf(sizes, given, 0)] as const;
  const grid = Float64Array.from({ length: batch * taps * area * 2 }, (_, i) => {
    const [which, at] = [i % 2, Math.floor(i / 2)];
    const [image, place] = [Math.floor(at / (taps * area)), at % (taps * area)];
    const [tap, pixel] = [Math.floor(place / area), place % area];
    const distance = Number(offset!.data[((image * taps + tap) * 2 + (1 - which)) * area + pixel]!);
    return step(places[which as 0 | 1][place]! + distance);
  });
  const each = channels / offsetGroups;
  const data = new Float64Array(batch * each * taps * area);
  gridSampler2d.evaluate(
    [
      { dtype, shape: [batch, each, ...plane], data: x!.data },
      { dtype, shape: [batch, taps * out[0]!, out[1]!, 2], data: grid },
    ],
    sampling,
    { dtype, shape: [batch, each, taps * out[0]!, out[1]!], data },
  );
  if (mask)
    for (let i = 0; i < data.length; i++) {
      const image = Math.floor(i / (each * taps * area));
      data[i] = data[i]! * Number(mask.data[image * taps * area + (i % (taps * area))]!);
    }
  return { dtype: "f64", shape: [n, groups, (channels / groups) * taps, area], data };
}

/** Samples of every tap in the graph, [n,groups,c/groups·taps,ho·wo]. */
function samplesIn([x, offset, , mask]: readonly Value[], sizes: Sizes, given: Attributes, builder: Builder): Value {
  const { n, channels, plane, out, taps, groups, offsetGroups } = sizes;
  const { dtype } = x!.type;
  const batch = n * offsetGroups;
  const lines = taps * out[0]!;
  const parted = builder.apply(reshape, [offset!], { shape: [batch, taps, 2, ...out] });
  const along = (d: 0 | 1) => {
    const distances = builder.apply(slice, [parted], {
      starts: [0, 0, d, 0, 0],
      ends: [batch, taps, d + 1, ...out],
      steps: [1, 1, 1, 1, 1],
    });
    const flat = builder.apply(reshape, [distances], { shape: [batch, lines, out[1]!, 1] });
    const places = arrayFrom(dtype, placesOf(sizes, given, d));
    return builder.apply(add, [flat, builder.constant({ dtype, shape: [1, lines, out[1]!, 1] }, places, "taps")]);
  };
  const grid = builder.apply(concat, [along(1), along(0)], { axis: 3 });
  const images = builder.apply(reshape, [x!], { shape: [batch, channels / offsetGroups, ...plane] });
  const samples = builder.apply(gridSampler2d, [images, grid], sampling);
  const weighed = mask
    ? builder.apply(mul, [samples, builder.apply(reshape, [mask], { shape: [batch, 1, lines, out[1]!] })])
    : samples;
  return builder.apply(reshape, [weighed], { shape: [n, groups, (channels / groups) * taps, countOf(out)] });
}

/**
 * x[n,c,h,w] * w[o,c/groups,kh,kw] → [n,o,ho,wo], each tap a bilinear sample at a distance from where it would be.
 *
 * The operands are x, the distances [n,2·kh·kw·g,ho,wo], of rows then columns for each tap, g groups of channels having their own,
 * w, and a mask [n,kh·kw·g,ho,wo], which samples are multiplied by, if there is one. Outside of x are zeros. Floats of one dtype.
 * Error: one ulp of |w|·|mask|·the largest of |x| per tap, and 16 of the samples.
 */
export const deformConv2d: Operator<Attributes> = operator({
  name: "deformConv2d",
  attributes,
  errorUlp: 1,
  infer: deformedType,
  evaluate(operands, given, result) {
    const { dtype } = operands[0]!;
    const sizes = sizesOf(operands, given);
    const { n, outputs, taps, groups, channels, out } = sizes;
    const samples = samplesOf(operands, sizes, given, dtype);
    const weight: Nd = {
      dtype: "f64",
      shape: [groups, outputs / groups, (channels / groups) * taps],
      data: operands[2]!.data,
    };
    multiply([weight, samples], {
      dtype: "f64",
      shape: [n, groups, outputs / groups, countOf(out)],
      data: result.data,
    });
  },
  magnitude(operands, given, { data, shape }) {
    const finite = (of: TypedArray) =>
      Float64Array.from(of as ArrayLike<number>, (each) => (Number.isFinite(each) ? Math.abs(each) : 0));
    const largest = (of: Nd | undefined) => (of ? finite(of.data).reduce((a, b) => Math.max(a, b), 0) : 1);
    const { taps, groups, channels, out } = sizesOf(operands, given);
    const terms = (channels / groups) * taps;
    const most = largest(operands[0]) * largest(operands[3]) * (terms + 16);
    const weights = finite(operands[2]!.data);
    const sums = Array.from({ length: shape[1]! }, (_, o) =>
      weights.subarray(o * terms, (o + 1) * terms).reduce((a, b) => a + b, 0),
    );
    return Float64Array.from({ length: data.length }, (_, i) => most * sums[Math.floor(i / countOf(out)) % shape[1]!]!);
  },
  lowering: {
    kind: "composite",
    decompose(operands, given, builder) {
      const sizes = sizesOf(
        operands.map(({ type }) => type),
        given,
      );
      const { n, outputs, taps, groups, channels, out } = sizes;
      const samples = samplesIn(operands, sizes, given, builder);
      const weight = builder.apply(reshape, [operands[2]!], {
        shape: [groups, outputs / groups, (channels / groups) * taps],
      });
      return builder.apply(reshape, [builder.apply(matmul, [weight, samples])], { shape: [n, outputs, ...out] });
    },
  },
});
