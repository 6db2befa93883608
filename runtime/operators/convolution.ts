// Convolutions of lines and volumes: a line is a flat plane, and taps along a volume's depth are channels of planes.
import { z } from "zod";
import type { Value } from "../graph/graph.ts";
import { countOf, staticShape } from "../graph/tensor-type.ts";
import { onlyBatch } from "./bounded.ts";
import { conv2d } from "./contraction.ts";
import { unravel } from "./indexing.ts";
import { type Builder, type Nd, type Operator, operator, sizes } from "./operator.ts";
import { absoluteMagnitude, convolvedSizes, convolvedType } from "./products.ts";
import { concat, permute, reshape, slice } from "./structure.ts";

const attributes = z.strictObject({
  stride: sizes,
  dilation: sizes,
  groups: z.int().min(1),
  /** As of conv2d. */
  convolution: z.literal("direct").optional(),
});
type Attributes = z.infer<typeof attributes>;

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
    infer: (operands, given) => convolvedType(name, letters, operands, given),
    evaluate: convolve,
    magnitude: (operands, given, result) =>
      absoluteMagnitude(made.evaluate, operands, given, result, countOf(operands[1]!.shape.slice(1))),
    bounded: onlyBatch,
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
  const [planes] = convolvedSizes([depth], [taps], given) as [number];
  // [n,d,groups,c/groups,h,w]: depth lies beside the batch, and channels of a group beside each other.
  const moved = builder.apply(permute, [x!], { axes: [0, 2, 1, 3, 4] });
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
  const weight = builder.apply(reshape, [builder.apply(permute, [w!], { axes: [0, 2, 1, 3, 4] })], {
    shape: [o, taps * inner, ...kernel],
  });
  const y = builder.apply(conv2d, [joined, weight], planeSteps(given));
  const [, , rows, columns] = staticShape(y.type.shape) as [number, number, number, number];
  const parted = builder.apply(reshape, [y], { shape: [n, planes, o, rows, columns] });
  return builder.apply(permute, [parted], { axes: [0, 2, 1, 3, 4] });
});
