// Convolutions in small groups over channels in blocks of 16, of floats and of bytes: what the plan makes of them.
import { z } from "zod";
import { generators } from "../../kernels/index.ts";
import { staticShape, type TensorType } from "../graph/tensor-type.ts";
import { onlyBatch } from "./bounded.ts";
import { convolutionLowering, type Operator, operator, pair } from "./operator.ts";
import { absoluteMagnitude, convolve, fitError, groupedLayout, outputPlane } from "./products.ts";

const { channelBlock, dotBytes, fitsBlock } = generators;
const size = z.int().min(1).max(channelBlock);

const attributes = z
  .strictObject({ stride: pair, dilation: pair, inputs: size, outputs: size })
  .refine(({ inputs, outputs }) => fitsBlock(inputs, outputs), "outputs of a group divide a block, inputs its outputs");
type Attributes = z.infer<typeof attributes>;

/** Input channels of a group that lie together in a weight of bytes. */
const together = (inputs: number): number => (inputs % dotBytes === 0 ? dotBytes : 1);

function resultType(
  name: string,
  x: TensorType,
  w: TensorType,
  inner: readonly number[],
  { inputs, outputs, ...steps }: Attributes,
): readonly number[] {
  const [n, blocks, height, width, lanes] = staticShape(x.shape) as [number, number, number, number, number];
  const [o, kh, kw, ...rest] = staticShape(w.shape) as [number, number, number, ...number[]];
  const out = outputPlane([height, width], [kh, kw], steps);
  const fits =
    x.shape.length === 5 &&
    lanes === channelBlock &&
    blocks === Math.ceil((o * inputs) / outputs) &&
    rest.join() === inner.join() &&
    out.every((each) => each >= 1);
  if (!fits) throw fitError(name, x, w);
  return [n, o, ...out, channelBlock];
}

/**
 * x[n,i,h,w,16] with w[o,kh,kw,inputs,16] → [n,o,h',w',16], in groups of so many input and output channels; f32.
 *
 * Plan: one chain per output over ky, channel of the group, kx. Error: one ulp of |x|·|w| per tap.
 */
export const groupedConv2d: Operator<Attributes> = operator({
  name: "groupedConv2d",
  attributes,
  errorUlp: 1,
  infer([x, w], given) {
    const shape = resultType("groupedConv2d", x!, w!, [given.inputs, channelBlock], given);
    if (x!.dtype !== "f32" || w!.dtype !== "f32") throw fitError("groupedConv2d", x!, w!);
    return { dtype: "f32", shape };
  },
  evaluate: (operands, given, result) =>
    convolve(operands, given, groupedLayout(operands, { ...given, together: 1 }), result),
  magnitude: (operands, given, result) =>
    absoluteMagnitude(
      groupedConv2d.evaluate,
      operands,
      given,
      result,
      given.inputs * Number(operands[1]!.shape[1]) * Number(operands[1]!.shape[2]),
    ),
  bounded: onlyBatch,
  lowering: convolutionLowering<Attributes>(generators.groupedConvolutionKernel, "direct, order ky channel kx"),
});

/**
 * x[n,i,h,w,16] of u8 or i8 with w[o,kh,kw,inputs/4,16,4] of i8 — [o,kh,kw,inputs,16,1] where groups are no fours — →
 * i32[n,o,h',w',16], the sum wrapping. Exact.
 */
export const groupedConvInteger: Operator<Attributes> = operator({
  name: "groupedConvInteger",
  attributes,
  errorUlp: 0,
  infer([x, w], given) {
    const width = together(given.inputs);
    const shape = resultType("groupedConvInteger", x!, w!, [given.inputs / width, channelBlock, width], given);
    if ((x!.dtype !== "u8" && x!.dtype !== "i8") || w!.dtype !== "i8") throw fitError("groupedConvInteger", x!, w!);
    return { dtype: "i32", shape };
  },
  evaluate: (operands, given, result) =>
    convolve(operands, given, groupedLayout(operands, { ...given, together: together(given.inputs) }), result),
  bounded: onlyBatch,
  lowering: convolutionLowering<Attributes>(generators.groupedConvolutionKernel),
});
