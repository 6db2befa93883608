// The weights of Winograd's algorithm: their transform, and the weights that transformed ones were made of.
import { z } from "zod";
import { generators } from "../../kernels/index.ts";
import { countOf, type TypedArray } from "../graph/tensor-type.ts";

const { channelBlock } = generators;

/** A weight [o,i,3,3] as U = G·w·Gᵀ, [(m+2)²,⌈o/16⌉,i,16], for tiles of m×m; i is a multiple of 16. */
export const winogradWeightSchema = z.strictObject({
  kind: z.literal("winograd"),
  outputs: z.int().min(1),
  inputs: z.int().min(1),
  tile: z.union([z.literal(2), z.literal(4)]),
});
export type WinogradWeight = z.infer<typeof winogradWeightSchema>;

export type Matrix = readonly (readonly number[])[];

const { SQRT2 } = Math;

/** G of F(2×2, 3×3) and F(4×4, 3×3). The first row takes a weight's first element alone, the last row its last one. */
const matrices: { readonly [tile in 2 | 4]: Matrix } = {
  2: [
    [1, 0, 0],
    [0.5, 0.5, 0.5],
    [0.5, -0.5, 0.5],
    [0, 0, 1],
  ],
  4: [
    [1, 0, 0],
    [-2 / 3, -SQRT2 / 3, -1 / 3],
    [-2 / 3, SQRT2 / 3, -1 / 3],
    [1 / 6, SQRT2 / 6, 1 / 3],
    [1 / 6, -SQRT2 / 6, 1 / 3],
    [0, 0, 1],
  ],
};

const blocksOf = (outputs: number): number => Math.ceil(outputs / channelBlock);

/** The shape of a transformed weight. */
export const transformedShape = ({ outputs, inputs, tile }: WinogradWeight): readonly number[] => [
  (tile + 2) ** 2,
  blocksOf(outputs),
  inputs,
  channelBlock,
];

/** Σ of a row of G, which begins at `row`, times three numbers; terms with the factor 0 are left out. */
function lineOfThree(g: Float64Array, row: number, x: number, y: number, z: number): number {
  let sum = 0;
  if (g[row] !== 0) sum += g[row]! * x;
  if (g[row + 1] !== 0) sum += g[row + 1]! * y;
  if (g[row + 2] !== 0) sum += g[row + 2]! * z;
  return sum;
}

/** Calls `at` for each 3×3 kernel in the order in which transformed ones are stored: where it lies in a plane, and where its nine elements begin. */
function eachKernel({ outputs, inputs }: WinogradWeight, run: (at: number, from: number) => void): void {
  let at = 0;
  for (let first = 0; first < outputs; first += channelBlock)
    for (let i = 0; i < inputs; i++)
      for (let o = first; o < first + channelBlock; o++, at++) if (o < outputs) run(at, (o * inputs + i) * 9);
}

/** The transformed weight. Computed in float64, rounded once. */
export function transformedWeight(given: TypedArray, weight: WinogradWeight): Float32Array {
  const data = given as Float32Array;
  const side = weight.tile + 2;
  const plane = blocksOf(weight.outputs) * weight.inputs * channelBlock;
  const packed = new Float32Array(countOf(transformedShape(weight)));
  const g = Float64Array.from(matrices[weight.tile].flat());
  const half = new Float64Array(3 * side);
  eachKernel(weight, (at, from) => {
    for (let r = 0; r < 3; r++) {
      const [x, y, z] = [data[from + 3 * r]!, data[from + 3 * r + 1]!, data[from + 3 * r + 2]!];
      for (let c = 0; c < side; c++) half[r * side + c] = lineOfThree(g, 3 * c, x, y, z);
    }
    for (let r = 0; r < side; r++)
      for (let c = 0; c < side; c++)
        packed[(r * side + c) * plane + at] = lineOfThree(g, 3 * r, half[c]!, half[side + c]!, half[2 * side + c]!);
  });
  return packed;
}

/**
 * The weight [o,i,3,3] that a transformed one was made of, as near as its rounded sums tell.
 *
 * The corners stand in the sums as they are; the middles of edges are the differences of two sums, and the centre that of four,
 * which are off by a few units in the last place of the kernel's largest element.
 */
export function restoredWeight(packed: Float32Array, weight: WinogradWeight): Float32Array {
  const last = weight.tile + 1;
  const plane = blocksOf(weight.outputs) * weight.inputs * channelBlock;
  const twice = 2 * matrices[weight.tile][1]![1]!;
  const data = new Float32Array(weight.outputs * weight.inputs * 9);
  eachKernel(weight, (at, from) => {
    const u = (r: number, c: number): number => packed[(r * (last + 1) + c) * plane + at]!;
    data[from] = u(0, 0);
    data[from + 1] = (u(0, 1) - u(0, 2)) / twice;
    data[from + 2] = u(0, last);
    data[from + 3] = (u(1, 0) - u(2, 0)) / twice;
    data[from + 4] = (u(1, 1) - u(1, 2) - u(2, 1) + u(2, 2)) / (twice * twice);
    data[from + 5] = (u(1, last) - u(2, last)) / twice;
    data[from + 6] = u(last, 0);
    data[from + 7] = (u(last, 1) - u(last, 2)) / twice;
    data[from + 8] = u(last, last);
  });
  return data;
}
