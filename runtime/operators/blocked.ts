// Convolutions over channels in blocks of 16: what the plan makes of conv2d. Their text is the numeric plan.
import { z } from "zod";
import { generators } from "../../kernels/index.ts";
import { staticShape } from "../graph/tensor-type.ts";
import { onlyBatch } from "./bounded.ts";
import { convolutionLowering, type Operator, operator, pair } from "./operator.ts";
import { absoluteMagnitude, blockedLayout, convolve, depthwiseLayout, fitError, outputPlane } from "./products.ts";

const { channelBlock } = generators;

const blockedConvolutionAttributes = z.strictObject({
  stride: pair,
  dilation: pair,
  channels: z.int().min(1),
  /** Groups of whole blocks; one unless given. */
  groups: z.int().min(2).optional(),
  layout: z.enum(["blocked", "planar"]),
});

/** A planar [n,c,h,w] seen as [n,c/16,h,w,16]; of the last block, only the channels that are there may be read. */
function inBlocks({ buffer, shape, strides, offset }: generators.View): generators.View {
  const [n, c, h, w] = shape as [number, number, number, number];
  const [image, channel, row, column] = strides as [number, number, number, number];
  const blocks = Math.ceil(c / channelBlock);
  return generators.view(
    buffer,
    [n, blocks, h, w, channelBlock],
    [image, channelBlock * channel, row, column, channel],
    offset,
  );
}

/**
 * x[n,i,h,w,16] — or planar, [n,c,h,w] — with w[o,i/groups,kh,kw,16,16] → [n,o,h',w',16]; f32.
 *
 * Plan: one chain per output over channel block, ky, kx, channel. Error: one ulp of |x|·|w| per tap.
 */
export const blockedConv2d: Operator<z.infer<typeof blockedConvolutionAttributes>> = operator({
  name: "blockedConv2d",
  attributes: blockedConvolutionAttributes,
  errorUlp: 1,
  infer([x, w], { channels, groups = 1, layout, ...steps }) {
    const [n, ...sizes] = staticShape(x!.shape) as [number, ...number[]];
    const [o, i, kh, kw, inner, outer] = staticShape(w!.shape) as [number, number, number, number, number, number];
    const blocks = Math.ceil(channels / channelBlock);
    const fits =
      w!.shape.length === 6 &&
      i * groups === blocks &&
      (groups === 1 || (channels === blocks * channelBlock && o % groups === 0 && layout === "blocked")) &&
      inner === channelBlock &&
      outer === channelBlock &&
      (layout === "planar"
        ? sizes.length === 3 && sizes[0] === channels
        : sizes.length === 4 && sizes[0] === blocks && sizes[3] === channelBlock);
    if (!fits || x!.dtype !== "f32" || w!.dtype !== "f32") throw fitError("blockedConv2d", x!, w!);
    const out = outputPlane(sizes.slice(1, 3), [kh, kw], steps);
    if (out.some((size) => size < 1)) throw fitError("blockedConv2d", x!, w!);
    return { dtype: "f32", shape: [n, o, ...out, channelBlock] };
  },
  evaluate(operands, { channels, groups = 1, layout, ...steps }, result) {
    const options = { planar: layout === "planar", groups };
    convolve(operands, steps, blockedLayout(operands, channels / groups, options), result);
  },
  magnitude: (operands, attributes, result) =>
    absoluteMagnitude(
      blockedConv2d.evaluate,
      operands,
      attributes,
      result,
      (attributes.channels / (attributes.groups ?? 1)) * Number(operands[1]!.shape[2]) * Number(operands[1]!.shape[3]),
    ),
  bounded: onlyBatch,
  lowering: {
    kind: "kernel",
    inMemory: [0, 1],
    fuses: true,
    planned: true,
    plan: () => "direct, order block ky kx channel",
    build({ name, buffers, operands, shape, destination, epilogue, target }, { layout, ...plan }) {
      const [given, w] = operands as [generators.View, generators.View];
      const x = layout === "planar" ? inBlocks(given) : given;
      return generators.blockedConvolutionKernel(name, buffers, x, w, shape, plan, destination, epilogue, target);
    },
  },
});

const depthwiseAttributes = z.strictObject({ stride: pair, dilation: pair });

/** x[n,c,h,w,16] with a kernel per channel, w[c,kh,kw,16] → [n,c,h',w',16]; f32. Error: one ulp of |x|·|w| per tap. */
export const depthwiseConv2d: Operator<z.infer<typeof depthwiseAttributes>> = operator({
  name: "depthwiseConv2d",
  attributes: depthwiseAttributes,
  errorUlp: 1,
  infer([x, w], steps) {
    const [n, c, height, width, inner] = staticShape(x!.shape) as [number, number, number, number, number];
    const [blocks, kh, kw, outer] = staticShape(w!.shape) as [number, number, number, number];
    const fits =
      x!.shape.length === 5 &&
      w!.shape.length === 4 &&
      c === blocks &&
      inner === channelBlock &&
      outer === channelBlock &&
      x!.dtype === "f32" &&
      w!.dtype === "f32";
    const out = outputPlane([height, width], [kh, kw], steps);
    if (!fits || out.some((size) => size < 1)) throw fitError("depthwiseConv2d", x!, w!);
    return { dtype: "f32", shape: [n, c, ...out, channelBlock] };
  },
  evaluate: (operands, steps, result) => convolve(operands, steps, depthwiseLayout(operands), result),
  magnitude: (operands, attributes, result) =>
    absoluteMagnitude(
      depthwiseConv2d.evaluate,
      operands,
      attributes,
      result,
      Number(operands[1]!.shape[1]) * Number(operands[1]!.shape[2]),
    ),
  bounded: onlyBatch,
  lowering: { ...convolutionLowering(generators.depthwiseKernel, "direct, order ky kx"), planned: true },
});
