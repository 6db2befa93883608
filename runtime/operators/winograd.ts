// Convolution by Winograd's algorithm as an operator: its meaning and its error.
import { z } from "zod";
import { generators, type LoopBuffer } from "../../kernels/index.ts";
import { showTensorType, staticShape } from "../graph/tensor-type.ts";
import { onlyBatch } from "./bounded.ts";
import { type Operator, operandError, operator, privateWork } from "./operator.ts";
import { absoluteMagnitude } from "./products.ts";
import type { Matrix } from "./winograd-weight.ts";

const { channelBlock } = generators;

const attributes = z.strictObject({
  tile: z.union([z.literal(2), z.literal(4)]),
  rows: z.int().min(1),
  columns: z.int().min(1),
});

type Attributes = z.infer<typeof attributes>;

const { SQRT2, SQRT1_2 } = Math;

/** Bᵀ (inputs) and Aᵀ (outputs) of F(2×2, 3×3) and F(4×4, 3×3), at the points 0, ±1, ∞ and 0, ±√½, ±√2, ∞. */
const matrices: { readonly [tile in 2 | 4]: { readonly b: Matrix; readonly a: Matrix } } = {
  2: {
    b: [
      [1, 0, -1, 0],
      [0, 1, 1, 0],
      [0, -1, 1, 0],
      [0, 1, 0, -1],
    ],
    a: [
      [1, 1, 1, 0],
      [0, 1, -1, -1],
    ],
  },
  4: {
    b: [
      [1, 0, -2.5, 0, 1, 0],
      [0, -SQRT2, -2, SQRT1_2, 1, 0],
      [0, SQRT2, -2, -SQRT1_2, 1, 0],
      [0, -SQRT1_2, -0.5, SQRT2, 1, 0],
      [0, SQRT1_2, -0.5, -SQRT2, 1, 0],
      [0, 1, 0, -2.5, 0, 1],
    ],
    a: [
      [1, 1, 1, 1, 1, 0],
      [0, SQRT1_2, -SQRT1_2, SQRT2, -SQRT2, 0],
      [0, 0.5, 0.5, 2, 2, 0],
      [0, SQRT1_2 / 2, -SQRT1_2 / 2, 2 * SQRT2, -2 * SQRT2, 1],
    ],
  },
};

/** Σ of a row's factors times elements that begin at `start` and are `stride` apart; terms with the factor 0 are left out. */
function line(row: readonly number[], data: Float64Array, start: number, stride: number): number {
  let sum = 0;
  for (let at = 0; at < row.length; at++) if (row[at] !== 0) sum += row[at]! * data[start + at * stride]!;
  return sum;
}

/** T · square · Tᵀ. */
function sandwich(t: Matrix, square: Float64Array, side: number): Float64Array {
  const half = new Float64Array(side * t.length);
  const full = new Float64Array(t.length * t.length);
  for (let r = 0; r < side; r++)
    for (let c = 0; c < t.length; c++) half[r * t.length + c] = line(t[c]!, square, r * side, 1);
  for (let r = 0; r < t.length; r++)
    for (let c = 0; c < t.length; c++) full[r * t.length + c] = line(t[r]!, half, c, t.length);
  return full;
}

/** The same with absolute values in every matrix, for the bound of its error. */
const absoluteMatrices = (tile: 2 | 4): { b: Matrix; a: Matrix } => {
  const positive = (matrix: Matrix): Matrix => matrix.map((row) => row.map(Math.abs));
  return { b: positive(matrices[tile].b), a: positive(matrices[tile].a) };
};

const evaluateWith =
  (matricesOf: (tile: 2 | 4) => { readonly b: Matrix; readonly a: Matrix }): Operator<Attributes>["evaluate"] =>
  ([x, u], { tile }, result) => {
    const { b, a } = matricesOf(tile);
    const side = tile + 2;
    const points = side * side;
    const [n, blocks, oh, ow] = result.shape as [number, number, number, number];
    const [, inBlocks, height, width] = x!.shape as [number, number, number, number];
    const channels = inBlocks * channelBlock;
    const square = new Float64Array(points);
    for (let image = 0; image < n; image++)
      for (let top = 0; top < oh; top += tile)
        for (let left = 0; left < ow; left += tile) {
          const inputs = Array.from({ length: channels }, (_, c) => {
            for (let p = 0; p < points; p++) {
              const [row, column] = [top + Math.floor(p / side), left + (p % side)];
              const plane = image * inBlocks + Math.floor(c / channelBlock);
              square[p] = Number(
                x!.data[((plane * height + row) * width + column) * channelBlock + (c % channelBlock)]!,
              );
            }
            return sandwich(b, square, side);
          });
          for (let o = 0; o < blocks * channelBlock; o++) {
            const [block, lane] = [Math.floor(o / channelBlock), o % channelBlock];
            for (let p = 0; p < points; p++) {
              let total = 0;
              for (let c = 0; c < channels; c++)
                total += inputs[c]![p]! * Number(u!.data[((p * blocks + block) * channels + c) * channelBlock + lane]!);
              square[p] = total;
            }
            sandwich(a, square, side).forEach((value, p) => {
              const [row, column] = [top + Math.floor(p / tile), left + (p % tile)];
              if (row >= oh || column >= ow) return;
              result.data[(((image * blocks + block) * oh + row) * ow + column) * channelBlock + lane] = value;
            });
          }
        }
  };

const absoluteEvaluate = evaluateWith(absoluteMatrices);

/**
 * A 3×3 convolution at stride 1 of x[n,i,h,w,16] with the transformed u[(m+2)²,o,16·i,16] → [n,o,rows,columns,16]; f32.
 *
 * x holds its padding and reaches one pixel beyond the last tile of m×m outputs. Error: 16·i + 16 ulp of the same sums over
 * absolute values and matrices.
 */
export const winogradConv2d: Operator<Attributes> = operator({
  name: "winogradConv2d",
  attributes,
  errorUlp: 1,
  infer([x, u], { tile, rows, columns }) {
    const [n, inBlocks, height, width, inner] = staticShape(x!.shape) as [number, number, number, number, number];
    const [points, blocks, channels, outer] = staticShape(u!.shape) as [number, number, number, number];
    const reach = (size: number) => Math.ceil(size / tile) * tile + 2;
    const fits =
      x!.dtype === "f32" &&
      u!.dtype === "f32" &&
      x!.shape.length === 5 &&
      u!.shape.length === 4 &&
      points === (tile + 2) ** 2 &&
      channels === inBlocks * channelBlock &&
      inner === channelBlock &&
      outer === channelBlock &&
      height >= reach(rows) &&
      width >= reach(columns);
    if (!fits)
      throw operandError(
        "shape",
        `winogradConv2d of ${showTensorType(x!)} with ${showTensorType(u!)}: tiles of ${tile}`,
      );
    return { dtype: "f32", shape: [n, blocks, rows, columns, channelBlock] };
  },
  evaluate: evaluateWith((tile) => matrices[tile]),
  magnitude: (operands, attributes, result) =>
    absoluteMagnitude(
      absoluteEvaluate,
      operands,
      attributes,
      result,
      Number(operands[0]!.shape[1]) * channelBlock + 16,
    ),
  bounded: onlyBatch,
  lowering: {
    kind: "kernel",
    inMemory: [0, 1],
    fuses: true,
    planned: true,
    plan: (_, { tile }) => `Winograd, tiles of ${tile}×${tile}`,
    work([x, u], { tile, rows, columns }, target) {
      const [n, inBlocks] = staticShape(x!.shape) as [number, number];
      const shape = [n, staticShape(u!.shape)[1]!, rows, columns, channelBlock];
      const { inputs, products } = generators.winogradBlock(tile, inBlocks * channelBlock, shape, target);
      return privateWork("f32", { tiles: inputs, products });
    },
    build({ name, buffers, operands: [x, u], shape, destination, work, epilogue, target }, { tile }) {
      const { tiles, products } = work as { readonly [name in "tiles" | "products"]: LoopBuffer };
      return generators.winogradKernel(
        name,
        buffers,
        x as generators.View,
        u as generators.View,
        { inputs: tiles, products },
        shape,
        tile,
        destination,
        epilogue,
        target,
      );
    },
  },
});
