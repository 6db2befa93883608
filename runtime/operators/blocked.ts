// Convolutions over channels in blocks of 16: what the plan makes of conv2d. Their text is the numeric plan.
import { z } from "zod";
import { generators } from "../../kernels/index.ts";
import { showTensorType, staticShape, type TensorType } from "../tensor-type.ts";
import { type Nd, type Operator, operandError, operator } from "./operator.ts";

const { channelBlock } = generators;
const pair = z.tuple([z.int().min(1), z.int().min(1)]).readonly();

const absolute = (each: Nd): Nd => ({ ...each, data: Float64Array.from(each.data as ArrayLike<number>, Math.abs) });

/** `terms` times what the operator makes of absolute values. */
export function absoluteMagnitude(
  evaluate: Operator["evaluate"],
  operands: readonly Nd[],
  attributes: unknown,
  result: Nd,
  terms: number,
): Float64Array {
  const data = new Float64Array(result.data.length);
  evaluate(operands.map(absolute), attributes, { ...result, dtype: "f64", data });
  return data.map((each) => each * terms);
}

export const fitError = (name: string, x: TensorType, w: TensorType) =>
  operandError("shape", `${name} of ${showTensorType(x)} with ${showTensorType(w)}`);

export const outputSize = (size: number, kernel: number, stride: number, dilation: number): number =>
  Math.floor((size - dilation * (kernel - 1) - 1) / stride) + 1;

export const blockedConvolutionAttributes = z.strictObject({
  stride: pair,
  dilation: pair,
  channels: z.int().min(1),
  /** Groups of whole blocks; one unless given. */
  groups: z.int().min(2).optional(),
  layout: z.enum(["blocked", "planar"]),
});

/**
 * x[n,i,h,w,16] — or planar, [n,c,h,w] — with w[o,i/groups,kh,kw,16,16] → [n,o,h',w',16]; f32.
 *
 * Plan: one chain per output over channel block, ky, kx, channel. Error: one ulp of |x|·|w| per tap.
 */
export const blockedConv2d: Operator = operator({
  name: "blockedConv2d",
  attributes: blockedConvolutionAttributes,
  errorUlp: 1,
  infer([x, w], { stride, dilation, channels, groups = 1, layout }) {
    const [n, ...sizes] = staticShape(x!.shape) as [number, ...number[]];
    const [o, i, kh, kw, inner, outer] = staticShape(w!.shape) as [number, number, number, number, number, number];
    const blocks = Math.ceil(channels / channelBlock);
    const [height, width] = (layout === "planar" ? sizes.slice(1) : sizes.slice(1, 3)) as [number, number];
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
    const out = [outputSize(height, kh, stride[0], dilation[0]), outputSize(width, kw, stride[1], dilation[1])];
    if (out.some((size) => size < 1)) throw fitError("blockedConv2d", x!, w!);
    return { dtype: "f32", shape: [n, o, ...out, channelBlock] };
  },
  evaluate([x, w], { stride, dilation, channels, groups = 1, layout }, result) {
    const [, inner, kh, kw] = w!.shape as [number, number, number, number];
    const [n, o, oh, ow] = result.shape as [number, number, number, number];
    const [height, width] = x!.shape.slice(2, 4) as [number, number];
    const blocks = inner * groups;
    const place = (b: number, c: number, row: number, column: number): number =>
      layout === "planar"
        ? ((b * channels + c) * height + row) * width + column
        : (((b * blocks + Math.floor(c / channelBlock)) * height + row) * width + column) * channelBlock +
          (c % channelBlock);
    let at = 0;
    for (let b = 0; b < n; b++)
      for (let ob = 0; ob < o; ob++)
        for (let y = 0; y < oh; y++)
          for (let xx = 0; xx < ow; xx++)
            for (let lane = 0; lane < channelBlock; lane++) {
              let total = 0;
              const first = Math.floor(ob / (o / groups)) * inner * channelBlock;
              for (let c = 0; c < channels / groups; c++)
                for (let ky = 0; ky < kh; ky++)
                  for (let kx = 0; kx < kw; kx++) {
                    const ib = Math.floor(c / channelBlock);
                    const tap = (((ob * inner + ib) * kh + ky) * kw + kx) * channelBlock + (c % channelBlock);
                    total +=
                      Number(
                        x!.data[
                          place(b, first + c, y * stride[0] + ky * dilation[0], xx * stride[1] + kx * dilation[1])
                        ]!,
                      ) * Number(w!.data[tap * channelBlock + lane]!);
                  }
              result.data[at++] = total;
            }
  },
  magnitude: (operands, attributes, result) =>
    absoluteMagnitude(
      blockedConv2d.evaluate,
      operands,
      attributes,
      result,
      (attributes.channels / (attributes.groups ?? 1)) * Number(operands[1]!.shape[2]) * Number(operands[1]!.shape[3]),
    ),
  lowering: { kind: "blockedConv2d" },
});

export const depthwiseAttributes = z.strictObject({ stride: pair, dilation: pair });

/** x[n,c,h,w,16] with a kernel per channel, w[c,kh,kw,16] → [n,c,h',w',16]; f32. Error: one ulp of |x|·|w| per tap. */
export const depthwiseConv2d: Operator = operator({
  name: "depthwiseConv2d",
  attributes: depthwiseAttributes,
  errorUlp: 1,
  infer([x, w], { stride, dilation }) {
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
    const out = [outputSize(height, kh, stride[0], dilation[0]), outputSize(width, kw, stride[1], dilation[1])];
    if (!fits || out.some((size) => size < 1)) throw fitError("depthwiseConv2d", x!, w!);
    return { dtype: "f32", shape: [n, c, ...out, channelBlock] };
  },
  evaluate([x, w], { stride, dilation }, result) {
    const [, kh, kw] = w!.shape as [number, number, number];
    const [, blocks, height, width] = x!.shape as [number, number, number, number];
    const [n, , oh, ow] = result.shape as [number, number, number, number];
    let at = 0;
    for (let b = 0; b < n; b++)
      for (let c = 0; c < blocks; c++)
        for (let y = 0; y < oh; y++)
          for (let xx = 0; xx < ow; xx++)
            for (let lane = 0; lane < channelBlock; lane++) {
              let total = 0;
              for (let ky = 0; ky < kh; ky++)
                for (let kx = 0; kx < kw; kx++) {
                  const row = y * stride[0] + ky * dilation[0];
                  const column = xx * stride[1] + kx * dilation[1];
                  const from = (((b * blocks + c) * height + row) * width + column) * channelBlock + lane;
                  total += Number(x!.data[from]!) * Number(w!.data[((c * kh + ky) * kw + kx) * channelBlock + lane]!);
                }
              result.data[at++] = total;
            }
  },
  magnitude: (operands, attributes, result) =>
    absoluteMagnitude(
      depthwiseConv2d.evaluate,
      operands,
      attributes,
      result,
      Number(operands[1]!.shape[1]) * Number(operands[1]!.shape[2]),
    ),
  lowering: { kind: "depthwiseConv2d" },
});
