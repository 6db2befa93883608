// The forms of the weights of convolutions over channels in blocks of 16.
import { generators } from "../../kernels/index.ts";
import type { Arrangement } from "../graph/forms.ts";

const { channelBlock, dotBytes } = generators;

export const blocksOf = (channels: number): number => Math.ceil(channels / channelBlock);

/** The shape of a convolution's weight, [o,i/groups,kh,kw]. */
export type WeightShape = readonly [number, number, number, number];

const arrangement = (
  shape: readonly number[],
  parts: Arrangement["parts"],
  order: Arrangement["order"],
): Arrangement => ({
  kind: "arrangement",
  shape: [...shape],
  parts,
  order,
});

const inBlocks = (channels: number): number[] => [blocksOf(channels), channelBlock];

/** Planes [n,c,…] as [n,c/16,…,16]. */
export const packPlanes = (shape: readonly number[]): Arrangement => {
  const [n, c, ...rest] = shape as [number, number, ...number[]];
  const within = rest.map((_, d) => d + 3);
  return arrangement(shape, [[n], inBlocks(c), ...rest.map((size) => [size])], [0, 1, ...within, 2]);
};

/** A weight [o,i,kh,kw] as [o/16,i/16,kh,kw,16,16], inputs before outputs. */
export const packWeight = (shape: WeightShape): Arrangement => {
  const [o, i, kh, kw] = shape;
  return arrangement(shape, [inBlocks(o), inBlocks(i), [kh], [kw]], [0, 2, 4, 5, 3, 1]);
};

/** An integer weight [o,i,kh,kw] as [o/16,i/16,kh,kw,4,16,4]: input channels in fours behind the outputs. */
export const packIntegerWeight = (shape: WeightShape): Arrangement => {
  const [o, i, kh, kw] = shape;
  const fours = [blocksOf(i), channelBlock / dotBytes, dotBytes];
  return arrangement(shape, [inBlocks(o), fours, [kh], [kw]], [0, 2, 5, 6, 3, 1, 4]);
};

/** The weight of small groups, [o,i,kh,kw], as [o/16,kh,kw,i,16], and of bytes with `width` of the inputs behind the outputs. */
export const packGroupedWeight = (dtype: "f32" | "i8", shape: WeightShape, width: number): Arrangement => {
  const [o, i, kh, kw] = shape;
  if (dtype === "f32") return arrangement(shape, [inBlocks(o), [i], [kh], [kw]], [0, 3, 4, 2, 1]);
  return arrangement(shape, [inBlocks(o), [i / width, width], [kh], [kw]], [0, 4, 5, 2, 1, 3]);
};

/** The weight of kernels of one channel, [o,1,kh,kw], as [o/16,kh,kw,16]. */
export const packDepthwiseWeight = ([o, , kh, kw]: WeightShape): Arrangement =>
  arrangement([o, 1, kh, kw], [inBlocks(o), [], [kh], [kw]], [0, 2, 3, 1]);
