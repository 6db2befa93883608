// Convolutions of lines and volumes: a line is a flat plane, and taps along a volume's depth are channels of planes.
import { z } from "zod";
import { isFloatDtype } from "../../kernels/index.ts";
import type { Value } from "../graph.ts";
import { countOf, showTensorType, staticShape, type TensorType } from "../tensor-type.ts";
import { conv2d } from "./contraction.ts";
import { unravel } from "./indexing.ts";
import { type Builder, type Nd, type Operator, operandError, operator, sizes } from "./operator.ts";
import { absoluteMagnitude } from "./products.ts";
import { concat, reshape, slice, transpose } from "./structure.ts";

const attributes = z.strictObject({
  stride: sizes,
  dilation: sizes,
  groups: z.int().min(1),
  /** As of conv2d. */
  convolution: z.literal("direct").optional(),
});
type Attributes = z.infer<typeof attributes>;

/** The sizes of a result, those behind the channels. */
const outputOf = (plane: readonly number[], kernel: readonly number[], { stride, dilation }: Attributes): number[] =>
  plane.map((length, d) => Math.floor((length - dilation[d]! * (kernel[d]! - 1) - 1) / stride[d]!) + 1);

/** The type of a convolution over `rank` dimensions, which a message calls by their letters. */
function typeOf(name: string, letters: string, [x, w]: readonly TensorType[], given: Attributes): TensorType {
  const rank = letters.length;
  const wrong = (why: string) =>
    operandError("shape", `${name} of ${showTensorType(x!)} with ${showTensorType(w!)}: ${why}`);
  if (x!.dtype !== w!.dtype || !isFloatDtype(x!.dtype)) throw wrong("both must be of one float dtype");
  if (x!.shape.length !== rank + 2 || w!.shape.length !== rank + 2) {
    const kernel = [...letters].map((each) => `k${each}`);
    throw wrong(`the input is [n,c,${[...letters]}] and the weight [o,c,${kernel}]`);
  }
  for (const each of [given.stride, given.dilation])
    if (each.length !== rank) throw operandError("attributes", `${name} takes ${rank} steps, not [${each}]`);
  const [n, c, ...plane] = staticShape(x!.shape) as [number, number, ...number[]];
  const [o, i, ...kernel] = staticShape(w!.shape) as [number, number, ...number[]];
  if (c !== i * given.groups || o % given.groups !== 0)
    throw wrong(`${c} channels in ${given.groups} groups do not fit a weight for ${i}`);
  const out = outputOf(plane, kernel, given);
  if (out.some((size) => size < 1)) throw wrong("the kernel is larger than the padded input");
  return { dtype: x!.dtype, shape: [n, o, ...out] };
}

/** Every output as a sum over channels and taps. */
function convolve([x, w]: readonly Nd[], { stride, dilation, groups }: Attributes, { shape, data }: Nd): void {
  const [, channels, ...plane] = x!.shape as [number, number, ...number[]];
  const [outputs, inner, ...kernel] = w!.shape as [number, number, ...number[]];
  const taps = Array.from({ length: countOf(kernel) }, (_, tap) => unravel(tap, kernel));
  for (let at = 0; at < data.length; at++) {
    const [n, o, ...out] = unravel(at, shape) as [number, number, ...number[]];
    const first = n * channels + Math.floor(o / (outputs / groups)) * inner;
    let total = 0;
    for (let c = 0; c < inner; c++)
      taps.forEach((tap, t) => {
        let place = first + c;
        for (let d = 0; d < plane.length; d++)
          place = place * plane[d]! + out[d]! * stride[d]! + tap[d]! * dilation[d]!;
        total += Number(x!.data[place]!) * Number(w!.data[(o * inner + c) * taps.length + t]!);
      });
    data[at] = total;
  }
}

/** A convolution over the dimensions of these letters, made of conv2d. */
function convolution(
  name: string,
  letters: string,
  decompose: (operands: readonly Value[], given: Attributes, builder: Builder) => Value,
): Operator<Attributes> {
  const made: Operator<Attributes> = operator({
    name,
    attributes,
    errorUlp: 1,
    infer: (operands, given) => typeOf(name, letters, operands, given),
    evaluate: convolve,
    magnitude: (operands, given, result) =>
      absoluteMagnitude(made.evaluate, operands, given, result, countOf(operands[1]!.shape.slice(1))),
    lowering: { kind: "composite", decompose },
  });
  return made;
}

/** What conv2d takes of the attributes: the steps of a plane. */
const planeSteps = ({ stride, dilation, ...rest }: Attributes) => ({
  ...rest,
  stride: [stride.at(-2) ?? 1, stride.at(-1)!],
  dilation: [dilation.at(-2) ?? 1, dilation.at(-1)!],
});

/** x[n,c,l] * w[o,c/groups,k] → [n,o,l'] without padding: conv2d of flat planes. Floats of one dtype. Error: that of conv2d. */
export const conv1d = convolution("conv1d", "l", (operands, given, builder) => {
  const planes = operands.map((value) => {
    const [n, c, l] = staticShape(value.type.shape) as [number, number, number];
    return builder.apply(reshape, [value], { shape: [n, c, 1, l] });
  });
  const y = builder.apply(conv2d, planes, planeSteps(given));
  return builder.apply(reshape, [y], { shape: staticShape(y.type.shape).filter((_, d) => d !== 2) });
});

/**
 * x[n,c,d,h,w] * w[o,c/groups,kd,kh,kw] → [n,o,d',h',w'] without padding. Floats of one dtype. Error: that of conv2d.
 *
 * Every plane of the result is one of conv2d over the planes of x that its taps along the depth meet, as so many more channels
 * in each group.
 */
export const conv3d = convolution("conv3d", "dhw", ([x, w], given, builder) => {
  const { stride, dilation, groups } = given;
  const [n, c, depth, height, width] = staticShape(x!.type.shape) as [number, number, number, number, number];
  const [o, inner, taps, ...kernel] = staticShape(w!.type.shape) as [number, number, number, number, number];
  const [planes] = outputOf([depth], [taps], given) as [number];
  // [n,d,groups,c/groups,h,w]: depth lies beside the batch, and channels of a group beside each other.
  const moved = builder.apply(transpose, [x!], { axes: [0, 2, 1, 3, 4] });
  const met = Array.from({ length: taps }, (_, tap) => {
    const first = tap * dilation[0]!;
    const part = builder.apply(slice, [moved], {
      starts: [0, first, 0, 0, 0],
      ends: [n, first + (planes - 1) * stride[0]! + 1, c, height, width],
      steps: [1, stride[0]!, 1, 1, 1],
    });
    return builder.apply(reshape, [part], { shape: [n * planes, groups, inner, height, width] });
  });
  const joined = builder.apply(reshape, [builder.apply(concat, met, { axis: 2 })], {
    shape: [n * planes, taps * c, height, width],
  });
  const weight = builder.apply(reshape, [builder.apply(transpose, [w!], { axes: [0, 2, 1, 3, 4] })], {
    shape: [o, taps * inner, ...kernel],
  });
  const y = builder.apply(conv2d, [joined, weight], planeSteps(given));
  const [, , rows, columns] = staticShape(y.type.shape) as [number, number, number, number];
  const parted = builder.apply(reshape, [y], { shape: [n, planes, o, rows, columns] });
  return builder.apply(transpose, [parted], { axes: [0, 2, 1, 3, 4] });
});
