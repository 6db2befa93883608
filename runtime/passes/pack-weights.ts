// Rearranges the weights of convolutions for channels in blocks of 16, once, when a graph is compiled.
import { generators } from "../../kernels/index.ts";
import { countOf, newArray, type TensorType, type TypedArray } from "../graph/tensor-type.ts";

const { channelBlock, dotBytes } = generators;

export const blocksOf = (channels: number): number => Math.ceil(channels / channelBlock);

/** The shape of a convolution's weight, [o,i/groups,kh,kw]. */
export type WeightShape = readonly [number, number, number, number];

/** A weight in another form: its shape, and what makes its elements of the weight's. */
export interface Packed {
  readonly shape: readonly number[];
  readonly by: (data: TypedArray) => TypedArray;
}

/** Rearranges constants: element i of the result is element `from(index)` of the data, or 0. */
export function packed(
  data: TypedArray,
  dtype: TensorType["dtype"],
  shape: readonly number[],
  from: (index: readonly number[]) => number | undefined,
): TypedArray {
  const result = newArray(dtype, countOf(shape));
  const index = new Array<number>(shape.length).fill(0);
  for (let at = 0; at < result.length; at++) {
    const source = from(index);
    if (source !== undefined) result[at] = data[source]!;
    for (let d = shape.length - 1; d >= 0; d--) {
      index[d]!++;
      if (index[d]! < shape[d]!) break;
      index[d] = 0;
    }
  }
  return result;
}

/** A weight [o,i,kh,kw] as [o/16,i/16,kh,kw,16,16]. Written out: networks have tens of millions of them. */
export function packWeight(given: WeightShape): Packed {
  const [o, i, kh, kw] = given;
  const shape = [blocksOf(o), blocksOf(i), kh, kw, channelBlock, channelBlock];
  return { shape, by: (data) => inBlocks(data, given, new Float32Array(countOf(shape))) };
}

function inBlocks(data: TypedArray, [o, i, kh, kw]: WeightShape, result: Float32Array): Float32Array {
  const taps = kh * kw;
  let at = 0;
  for (let to = 0; to < o; to += channelBlock)
    for (let from = 0; from < i; from += channelBlock)
      for (let tap = 0; tap < taps; tap++)
        for (let source = from; source < from + channelBlock; source++)
          for (let outer = to; outer < to + channelBlock; outer++, at++)
            if (outer < o && source < i) result[at] = Number(data[(outer * i + source) * taps + tap]!);
  return result;
}

/** An integer weight [o,i,kh,kw] as [o/16,i/16,kh,kw,4,16,4]: input channels in fours behind the outputs. */
export function packIntegerWeight([o, i, kh, kw]: WeightShape): Packed {
  const fours = channelBlock / dotBytes;
  const shape = [blocksOf(o), blocksOf(i), kh, kw, fours, channelBlock, dotBytes];
  const by = (data: TypedArray): TypedArray =>
    packed(data, "i8", shape, ([ob, ib, ky, kx, four, outer, byte]) => {
      const [to, source] = [ob! * channelBlock + outer!, ib! * channelBlock + four! * dotBytes + byte!];
      return to < o && source < i ? ((to * i + source) * kh + ky!) * kw + kx! : undefined;
    });
  return { shape, by };
}

/** The weight of small groups, [o,i,kh,kw], as [o/16,kh,kw,i,16], and of bytes with `width` of the inputs behind the outputs. */
export function packGroupedWeight(dtype: "f32" | "i8", [o, i, kh, kw]: WeightShape, width: number): Packed {
  const shape = [blocksOf(o), kh, kw, i / width, channelBlock, width];
  const by = (data: TypedArray): TypedArray =>
    packed(data, dtype, shape, ([block, ky, kx, j, lane, byte]) => {
      const channel = block! * channelBlock + lane!;
      return channel < o ? ((channel * i + j! * width + byte!) * kh + ky!) * kw + kx! : undefined;
    });
  return { shape: dtype === "f32" ? shape.slice(0, -1) : shape, by };
}

/** The weight of kernels of one channel, [o,1,kh,kw], as [o/16,kh,kw,16]. */
export function packDepthwiseWeight([o, , kh, kw]: WeightShape): Packed {
  const shape = [blocksOf(o), kh, kw, channelBlock];
  const by = (data: TypedArray): TypedArray =>
    packed(data, "f32", shape, ([block, ky, kx, lane]) => {
      const channel = block! * channelBlock + lane!;
      return channel < o ? (channel * kh + ky!) * kw + kx! : undefined;
    });
  return { shape, by };
}
