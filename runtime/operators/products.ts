// What matrix products and convolutions mean, in every layout: the sizes of their outputs, and the sums that these are.
import { generators, isFloatDtype } from "../../kernels/index.ts";
import { countOf, showTensorType, staticShape, type TensorType } from "../graph/tensor-type.ts";
import { indexer } from "./indexing.ts";
import { type Nd, type Operator, operandError } from "./operator.ts";

const { channelBlock } = generators;

/** The error of operands that do not fit each other. */
export const fitError = (name: string, x: TensorType, w: TensorType) =>
  operandError("shape", `${name} of ${showTensorType(x)} with ${showTensorType(w)}`);

/** Which elements of a plane an output's taps meet. */
export interface Steps {
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
}

/** The sizes of a convolution's result behind its channels, from those of the padded input and of the kernel. */
export const convolvedSizes = (
  input: readonly number[],
  kernel: readonly number[],
  { stride, dilation }: { readonly stride: readonly number[]; readonly dilation: readonly number[] },
): number[] => input.map((size, d) => Math.floor((size - dilation[d]! * (kernel[d]! - 1) - 1) / stride[d]!) + 1);

/** Rows and columns of an output, from those of the padded input and of the kernel. */
export const outputPlane = ([height, width]: readonly number[], kernel: readonly number[], steps: Steps) =>
  convolvedSizes([height!, width!], kernel, steps) as [number, number];

/** What convolutions over any dimensions have. */
interface AnySteps {
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly groups: number;
}

/** The type of a convolution of floats over the dimensions that these letters stand for. Throws `operator/shape`, `operator/attributes`. */
export function convolvedType(
  name: string,
  letters: string,
  [x, w]: readonly TensorType[],
  { groups, ...steps }: AnySteps,
): TensorType {
  const rank = letters.length;
  const wrong = (why: string) =>
    operandError("shape", `${name} of ${showTensorType(x!)} with ${showTensorType(w!)}: ${why}`);
  if (x!.dtype !== w!.dtype || !isFloatDtype(x!.dtype)) throw wrong("both must be of one float dtype");
  if (x!.shape.length !== rank + 2 || w!.shape.length !== rank + 2) {
    const kernel = [...letters].map((each) => `k${each}`);
    throw wrong(`the input is [n,c,${[...letters]}] and the weight [o,c,${kernel}]`);
  }
  for (const each of [steps.stride, steps.dilation])
    if (each.length !== rank) throw operandError("attributes", `${name} takes ${rank} steps, not [${each}]`);
  const [c, ...input] = staticShape(x!.shape.slice(1)) as [number, ...number[]];
  const [o, i, ...kernel] = staticShape(w!.shape) as [number, number, ...number[]];
  if (c !== i * groups || o % groups !== 0)
    throw wrong(`${c} channels in ${groups} groups do not fit a weight for ${i}`);
  const out = convolvedSizes(input, kernel, steps);
  if (out.some((size) => size < 1)) throw wrong("the kernel is larger than the padded input");
  return { dtype: x!.dtype, shape: [x!.shape[0]!, o, ...out] };
}

/** Where a convolution's operands have their elements. */
export interface Layout {
  /** Input channels that each output sums over. */
  readonly channels: number;
  readonly kernel: readonly [number, number];
  /** Position of the first element of the c-th plane that output channel o sums. */
  input(batch: number, o: number, c: number): number;
  readonly rowStride: number;
  readonly columnStride: number;
  /** Position of the first of the taps of output channel o over its c-th plane, which follow by `tapStride`. */
  weight(o: number, c: number): number;
  readonly tapStride: number;
}

/** Every output [n,o,h,w], or [n,o/l,h,w,l], as a sum over channel, ky, kx. */
export function convolve([x, w]: readonly Nd[], { stride, dilation }: Steps, layout: Layout, result: Nd): void {
  const [batch, blocks, height, width, lanes = 1] = result.shape as readonly [number, number, number, number, number?];
  const { channels, kernel, rowStride, columnStride, tapStride } = layout;
  let at = 0;
  for (let b = 0; b < batch; b++)
    for (let block = 0; block < blocks; block++)
      for (let y = 0; y < height; y++)
        for (let column = 0; column < width; column++)
          for (let lane = 0; lane < lanes; lane++) {
            const o = block * lanes + lane;
            const corner = y * stride[0] * rowStride + column * stride[1] * columnStride;
            let total = 0;
            for (let c = 0; c < channels; c++) {
              const from = layout.input(b, o, c) + corner;
              let tap = layout.weight(o, c);
              for (let ky = 0; ky < kernel[0]; ky++)
                for (let kx = 0; kx < kernel[1]; kx++, tap += tapStride) {
                  const place = from + ky * dilation[0] * rowStride + kx * dilation[1] * columnStride;
                  total += Number(x!.data[place]!) * Number(w!.data[tap]!);
                }
            }
            result.data[at++] = total;
          }
}

/** The layout of x[n,c,h,w] and w[o,c/groups,kh,kw]. */
export function planarLayout([x, w]: readonly Nd[], groups: number): Layout {
  const [, channels, height, width] = x!.shape as [number, number, number, number];
  const [outChannels, inner, kh, kw] = w!.shape as [number, number, number, number];
  const perGroup = outChannels / groups;
  return {
    channels: inner,
    kernel: [kh, kw],
    input: (b, o, c) => (b * channels + Math.floor(o / perGroup) * inner + c) * height * width,
    rowStride: width,
    columnStride: 1,
    weight: (o, c) => (o * inner + c) * kh * kw,
    tapStride: 1,
  };
}

/** What a layout in blocks may have beside its shapes. */
interface BlockedOptions {
  readonly planar?: boolean;
  /** Channels of a weight that lie side by side. */
  readonly together?: number;
  /** Groups of whole blocks. */
  readonly groups?: number;
}

/** The layout of x[n,i,h,w,16], or of planar x[n,c,h,w], and w[o,i/groups,kh,kw,16/t,16,t], t channels `together`. */
export function blockedLayout(
  [x, w]: readonly Nd[],
  channels: number,
  { planar = false, together = 1, groups = 1 }: BlockedOptions = {},
): Layout {
  const [, planes, height, width] = x!.shape as [number, number, number, number];
  const [outBlocks, blocks, kh, kw] = w!.shape as [number, number, number, number];
  const size = channelBlock ** 2;
  const firstOf = (o: number) => Math.floor(o / ((outBlocks * channelBlock) / groups)) * blocks;
  return {
    channels,
    kernel: [kh, kw],
    input: (b, o, c) =>
      planar
        ? (b * planes + c) * height * width
        : (b * planes + firstOf(o) + Math.floor(c / channelBlock)) * height * width * channelBlock + (c % channelBlock),
    rowStride: planar ? width : width * channelBlock,
    columnStride: planar ? 1 : channelBlock,
    weight(o, c) {
      const [block, lane, j] = [Math.floor(o / channelBlock), o % channelBlock, c % channelBlock];
      const first = (block * blocks + Math.floor(c / channelBlock)) * kh * kw * size;
      return first + (Math.floor(j / together) * channelBlock + lane) * together + (j % together);
    },
    tapStride: size,
  };
}

/** The layout of x[n,c,h,w,16] and w[c,kh,kw,16]. */
export function depthwiseLayout([x, w]: readonly Nd[]): Layout {
  const [, blocks, height, width] = x!.shape as [number, number, number, number];
  const [, kh, kw] = w!.shape as [number, number, number];
  const first = (o: number, size: number) => Math.floor(o / channelBlock) * size * channelBlock + (o % channelBlock);
  return {
    channels: 1,
    kernel: [kh, kw],
    input: (b, o) => b * blocks * height * width * channelBlock + first(o, height * width),
    rowStride: width * channelBlock,
    columnStride: channelBlock,
    weight: (o) => first(o, kh * kw),
    tapStride: channelBlock,
  };
}

/** The layout of x[n,i,h,w,16] and w[o,kh,kw,inputs/t,16,t] in groups of so many channels, t of them `together`. */
export function groupedLayout(
  [x, w]: readonly Nd[],
  { inputs, outputs, together }: { readonly inputs: number; readonly outputs: number; readonly together: number },
): Layout {
  const [, blocks, height, width] = x!.shape as [number, number, number, number];
  const [, kh, kw] = w!.shape as [number, number, number];
  return {
    channels: inputs,
    kernel: [kh, kw],
    input(b, o, c) {
      const channel = Math.floor(o / outputs) * inputs + c;
      return (
        (b * blocks + Math.floor(channel / channelBlock)) * height * width * channelBlock + (channel % channelBlock)
      );
    },
    rowStride: width * channelBlock,
    columnStride: channelBlock,
    weight(o, c) {
      const [block, lane, first] = [Math.floor(o / channelBlock), o % channelBlock, c - (c % together)];
      return (block * kh * kw * inputs + first) * channelBlock + lane * together + (c % together);
    },
    tapStride: inputs * channelBlock,
  };
}

/** What sums of products begin with. */
const zeroOf = ({ data }: Nd): number | bigint =>
  data instanceof BigInt64Array || data instanceof BigUint64Array ? 0n : 0;

/** A sum and a product more; of integers up to 32 bits the lowest 32. */
function addProduct(sum: number | bigint, left: number | bigint, right: number | bigint, wraps: boolean) {
  if (typeof sum === "bigint") return BigInt.asUintN(64, sum + BigInt(left) * BigInt(right));
  return wraps ? (sum + Math.imul(Number(left), Number(right))) | 0 : sum + Number(left) * Number(right);
}

/** What a product of matrices means: every element a sum along k, of integers wrapping. */
export function multiply([a, b]: readonly Nd[], result: Nd): void {
  const [m, n] = result.shape.slice(-2) as [number, number];
  const k = a!.shape.at(-1)!;
  const batch = result.shape.slice(0, -2);
  const [left, right] = [a!, b!].map((each) => indexer(each.shape.slice(0, -2), batch));
  const wraps = !isFloatDtype(result.dtype);
  const { data } = result as { readonly data: { [at: number]: number | bigint } };
  for (let i = 0; i < countOf(batch); i++) {
    const [from, with_] = [left!(i) * m * k, right!(i) * k * n];
    for (let row = 0; row < m; row++) {
      for (let column = 0; column < n; column++) {
        let total = zeroOf(result);
        for (let j = 0; j < k; j++)
          total = addProduct(total, a!.data[from + row * k + j]!, b!.data[with_ + j * n + column]!, wraps);
        data[(i * m + row) * n + column] = total;
      }
    }
  }
}

/** `terms` times what the operator makes of absolute values: what the roundings of sums of products are counted in. */
export function absoluteMagnitude(
  evaluate: Operator["evaluate"],
  operands: readonly Nd[],
  attributes: unknown,
  result: Nd,
  terms: number,
): Float64Array {
  const data = new Float64Array(result.data.length);
  const absolute = (each: Nd): Nd => ({ ...each, data: Float64Array.from(each.data as ArrayLike<number>, Math.abs) });
  evaluate(operands.map(absolute), attributes, { ...result, dtype: "f64", data });
  return data.map((each) => each * terms);
}
