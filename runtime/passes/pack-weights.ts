// Rearranges the weights of convolutions for channels in blocks of 16, once, when a graph is compiled.
import { generators } from "../../kernels/index.ts";
import { countOf, newArray, type TensorType, type TypedArray } from "../graph/tensor-type.ts";

const { channelBlock, dotBytes } = generators;

export const blocksOf = (channels: number): number => Math.ceil(channels / channelBlock);

/** The shape of a convolution's weight, [o,i/groups,kh,kw]. */
export type WeightShape = readonly [number, number, number, number];

/** Packed data and its shape. */
export interface Packed {
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

/** Rearranges constants: element i of the result is element `from(index)` of the data, or 0. */
export function packed(
  data: TypedArray,
  dtype: TensorType["dtype"],
  shape: readonly number[],
  from: (index: readonly number[]) => number | undefined,
): Packed {
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
  return { shape, data: result };
}

/** A weight [o,i,kh,kw] as [o/16,i/16,kh,kw,16,16]. Written out: networks have tens of millions of them. */
export function packWeight(data: TypedArray, [o, i, kh, kw]: WeightShape): Packed {
  const shape = [blocksOf(o), blocksOf(i), kh, kw, channelBlock, channelBlock];
  const result = new Float32Array(countOf(shape));
  const taps = kh * kw;
  let at = 0;
  for (let to = 0; to < o; to += channelBlock)
    for (let from = 0; from < i; from += channelBlock)
      for (let tap = 0; tap < taps; tap++)
        for (let source = from; source < from + channelBlock; source++)
          for (let outer = to; outer < to + channelBlock; outer++, at++)
            if (outer < o && source < i) result[at] = Number(data[(outer * i + source) * taps + tap]!);
  return { shape, data: result };
}

/** An integer weight [o,i,kh,kw] as [o/16,i/16,kh,kw,4,16,4]: input channels in fours behind the outputs. */
export function packIntegerWeight(data: TypedArray, [o, i, kh, kw]: WeightShape): Packed {
  const fours = channelBlock / dotBytes;
  const shape = [blocksOf(o), blocksOf(i), kh, kw, fours, channelBlock, dotBytes];
  return packed(data, "i8", shape, ([ob, ib, ky, kx, four, outer, byte]) => {
    const [to, source] = [ob! * channelBlock + outer!, ib! * channelBlock + four! * dotBytes + byte!];
    return to < o && source < i ? ((to * i + source) * kh + ky!) * kw + kx! : undefined;
  });
}

/** The weight of small groups, [o,i,kh,kw], as [o/16,kh,kw,i,16], and of bytes with `width` of the inputs behind the outputs. */
export function packGroupedWeight(
  data: TypedArray,
  dtype: "f32" | "i8",
  [o, i, kh, kw]: WeightShape,
  width: number,
): Packed {
  const shape = [blocksOf(o), kh, kw, i / width, channelBlock, width];
  const all = packed(data, dtype, shape, ([block, ky, kx, j, lane, byte]) => {
    const channel = block! * channelBlock + lane!;
    return channel < o ? ((channel * i + j! * width + byte!) * kh + ky!) * kw + kx! : undefined;
  });
  return dtype === "f32" ? { ...all, shape: shape.slice(0, -1) } : all;
}

/** The weight of kernels of one channel, [o,1,kh,kw], as [o/16,kh,kw,16]. */
export function packDepthwiseWeight(data: TypedArray, [o, , kh, kw]: WeightShape): Packed {
  return packed(data, "f32", [blocksOf(o), kh, kw, channelBlock], ([block, ky, kx, lane]) => {
    const channel = block! * channelBlock + lane!;
    return channel < o ? (channel * kh + ky!) * kw + kx! : undefined;
  });
}
