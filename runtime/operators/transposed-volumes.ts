// Transposed convolutions of lines and volumes: a line is a flat plane, and taps along a volume's depth are channels of planes.
import { z } from "zod";
import { isFloatDtype } from "../../kernels/index.ts";
import type { Value } from "../graph/graph.ts";
import { countOf, showTensorType, staticShape, type TensorType } from "../graph/tensor-type.ts";
import { onlyBatch } from "./bounded.ts";
import { add } from "./elementwise.ts";
import { unravel } from "./indexing.ts";
import { type Builder, type Nd, type Operator, operandError, operator, sizes } from "./operator.ts";
import { absoluteMagnitude } from "./products.ts";
import { pad, permute, reshape, slice } from "./structure.ts";
import { convTranspose2d, cut } from "./transposed-convolution.ts";

const widths = z.array(z.int().min(0)).min(1).max(3).readonly();
const attributes = z.strictObject({
  stride: sizes,
  dilation: sizes,
  /** As of convTranspose2d, for each dimension. */
  padding: widths,
  outputPadding: widths,
  groups: z.int().min(1),
  convolution: z.literal("direct").optional(),
});
type Attributes = z.infer<typeof attributes>;

function transposedType(name: string, rank: number, [x, w]: readonly TensorType[], given: Attributes): TensorType {
  const { stride, dilation, padding, outputPadding, groups } = given;
  const wrong = (why: string) =>
    operandError("shape", `${name} of ${showTensorType(x!)} with ${showTensorType(w!)}: ${why}`);
  if (x!.dtype !== w!.dtype || !isFloatDtype(x!.dtype)) throw wrong("both must be of one float dtype");
  if (x!.shape.length !== rank + 2 || w!.shape.length !== rank + 2)
    throw wrong(
      rank === 1
        ? "the input is [n,c,l] and the weight [c,o,k]"
        : "the input is [n,c,d,h,w] and the weight [c,o,kd,kh,kw]",
    );
  for (const each of [stride, dilation, padding, outputPadding])
    if (each.length !== rank) throw operandError("attributes", `${name} takes ${rank} numbers, not [${each}]`);
  const [c, ...input] = staticShape(x!.shape.slice(1)) as [number, ...number[]];
  const [i, o, ...kernel] = staticShape(w!.shape) as [number, number, ...number[]];
  if (c !== i || c % groups !== 0) throw wrong(`${c} channels in ${groups} groups do not fit a weight for ${i}`);
  if (outputPadding.some((each, d) => each >= Math.max(stride[d]!, dilation[d]!)))
    throw wrong(`an output padding of ${outputPadding} is not below the stride or the dilation`);
  const out = input.map(
    (size, d) => (size - 1) * stride[d]! - 2 * padding[d]! + dilation[d]! * (kernel[d]! - 1) + outputPadding[d]! + 1,
  );
  if ([...input, ...kernel].includes(0) || out.some((size) => size < 1)) throw wrong("nothing is left of the result");
  return { dtype: x!.dtype, shape: [x!.shape[0]!, o * groups, ...out] };
}

/** Every output as the sum of the taps that reach it; inputs beyond the edges of lines and planes are zeros, those of the depth are none. */
function spread([x, w]: readonly Nd[], { stride, dilation, padding, groups }: Attributes, { shape, data }: Nd): void {
  const [, channels, ...input] = x!.shape as [number, number, ...number[]];
  const [, perGroup, ...kernel] = w!.shape as [number, number, ...number[]];
  const inner = channels / groups;
  const taps = Array.from({ length: countOf(kernel) }, (_, tap) => unravel(tap, kernel));
  for (let at = 0; at < data.length; at++) {
    const [n, o, ...out] = unravel(at, shape) as [number, number, ...number[]];
    const first = Math.floor(o / perGroup) * inner;
    let total = 0;
    for (const [t, tap] of taps.entries()) {
      const from = out.map((each, d) => (each + padding[d]! - tap[d]! * dilation[d]!) / stride[d]!);
      const within = from.map((each, d) => each >= 0 && each < input[d]!);
      if (!from.every(Number.isInteger) || (from.length === 3 && !within[0])) continue;
      const inside = within.every(Boolean);
      const place = from.reduce((position, each, d) => position * input[d]! + each, 0);
      for (let i = first; i < first + inner; i++) {
        const value = inside ? Number(x!.data[(n * channels + i) * countOf(input) + place]!) : 0;
        total += value * Number(w!.data[(i * perGroup + (o % perGroup)) * taps.length + t]!);
      }
    }
    data[at] = total;
  }
}

function transposed(
  name: string,
  rank: number,
  decompose: (operands: readonly Value[], given: Attributes, builder: Builder) => Value,
): Operator<Attributes> {
  const made: Operator<Attributes> = operator({
    name,
    attributes,
    errorUlp: 1,
    infer: (operands, given) => transposedType(name, rank, operands, given),
    evaluate: spread,
    magnitude: (operands, given, result) => {
      const [c, , ...kernel] = operands[1]!.shape as [number, number, ...number[]];
      return absoluteMagnitude(made.evaluate, operands, given, result, countOf([c / given.groups, ...kernel]));
    },
    bounded: onlyBatch,
    lowering: { kind: "composite", decompose },
  });
  return made;
}

/** What convTranspose2d takes of the attributes: those of a plane, which of a line is flat. */
const ofPlane = ({ stride, dilation, padding, outputPadding, ...rest }: Attributes) => ({
  ...rest,
  stride: [stride.at(-2) ?? 1, stride.at(-1)!],
  dilation: [dilation.at(-2) ?? 1, dilation.at(-1)!],
  padding: [padding.at(-2) ?? 0, padding.at(-1)!],
  outputPadding: [outputPadding.at(-2) ?? 0, outputPadding.at(-1)!],
});

/** x[n,c,l] spread over w[c,o/groups,k] → [n,o,l']: convTranspose2d of flat planes. Floats of one dtype. Error: that of convTranspose2d. */
export const convTranspose1d = transposed("convTranspose1d", 1, (operands, given, builder) => {
  const planes = operands.map((value) => {
    const [n, c, l] = staticShape(value.type.shape) as [number, number, number];
    return builder.apply(reshape, [value], { shape: [n, c, 1, l] });
  });
  const y = builder.apply(convTranspose2d, planes, ofPlane(given));
  return builder.apply(reshape, [y], { shape: staticShape(y.type.shape).filter((_, d) => d !== 2) });
});

/** Planes [n,d,…] with `stride` − 1 planes of zeros behind each. */
function spacedOut(x: Value, stride: number, builder: Builder): Value {
  if (stride === 1) return x;
  const [n, depth, ...rest] = staticShape(x.type.shape) as [number, number, ...number[]];
  const apart = builder.apply(reshape, [x], { shape: [n, depth, 1, ...rest] });
  const none = [0, 0, 0, ...rest.map(() => 0)];
  const spaced = builder.apply(pad, [apart], { before: none, after: none.with(2, stride - 1), value: 0 });
  return builder.apply(reshape, [spaced], { shape: [n, depth * stride, ...rest] });
}

/**
 * x[n,c,d,h,w] spread over w[c,o/groups,kd,kh,kw] → [n,o,d',h',w']. Floats of one dtype. Error: that of convTranspose2d.
 *
 * Every plane of x is spread by convTranspose2d with all taps along the depth as so many more outputs, and the planes that meet
 * are added.
 */
export const convTranspose3d = transposed("convTranspose3d", 3, ([x, w], given, builder) => {
  const [n, c, depth, ...plane] = staticShape(x!.type.shape) as [number, number, number, ...number[]];
  const [, perGroup, taps, ...kernel] = staticShape(w!.type.shape) as [number, number, number, ...number[]];
  const [outDepth] = staticShape(convTranspose3d.infer([x!.type, w!.type], given)[0].shape).slice(2) as [number];
  const { stride, dilation, padding, groups } = given;
  const moved = builder.apply(permute, [x!], { axes: [0, 2, 1, 3, 4] });
  const planes = builder.apply(reshape, [moved], { shape: [n * depth, c, ...plane] });
  const weight = builder.apply(reshape, [w!], { shape: [c, perGroup * taps, ...kernel] });
  const y = builder.apply(convTranspose2d, [planes, weight], ofPlane(given));
  const [, , rows, columns] = staticShape(y.type.shape) as [number, number, number, number];
  const outputs = groups * perGroup;
  const parted = builder.apply(reshape, [y], { shape: [n, depth, outputs, taps, rows, columns] });
  const terms = Array.from({ length: taps }, (_, tap) => {
    const one = builder.apply(slice, [parted], {
      starts: [0, 0, 0, tap, 0, 0],
      ends: [n, depth, outputs, tap + 1, rows, columns],
      steps: [1, 1, 1, 1, 1, 1],
    });
    const alone = builder.apply(reshape, [one], { shape: [n, depth, outputs, rows, columns] });
    return cut(spacedOut(alone, stride[0]!, builder), 1, padding[0]! - tap * dilation[0]!, outDepth, builder);
  });
  const sum = terms.reduce((a, b) => builder.apply(add, [a, b]));
  return builder.apply(permute, [sum], { axes: [0, 2, 1, 3, 4] });
});
