// Norms of vectors and matrices, and how much solutions of matrices may err.
import { z } from "zod";
import { flag, operatorOptions, requireArgument, tensorOf, wholes } from "../options.ts";
import { type Tensor, where } from "../tensor.ts";
import { shapeOf, sizesOf, turned, type Wide } from "./matrices.ts";
import { invEx } from "./solutions.ts";
import { svdvals } from "./spectra.ts";

/** Which norm of vectors. */
export interface VectorNormOptions {
  /** p of (Σ|x|^p)^(1/p), 2 unless given; ∞ is the largest magnitude, −∞ the least, 0 counts what is not 0. */
  readonly ord?: number;
  /** The dimensions of a vector, all unless given. */
  readonly axes?: readonly number[];
  readonly keepDims?: boolean;
}

/** Which norm of matrices. */
export interface MatrixNormOptions {
  /**
   * The root of all squares ("fro", unless given), the sum of singular values ("nuc"), the largest of them (2) or the least (−2), the
   * largest or least sum of magnitudes of a column (1, −1) or of a row (∞, −∞).
   */
  readonly ord?: MatrixOrder;
  /** The dimensions of rows and of columns, the last two unless given. */
  readonly axes?: readonly [rows: number, columns: number];
  readonly keepDims?: boolean;
}

/** Norms of matrices. */
export type MatrixOrder = "fro" | "nuc" | 1 | -1 | 2 | -2 | typeof Infinity;

const anyOrder = z
  .custom<number>((value) => typeof value === "number" && !Number.isNaN(value))
  .describe("a number")
  .optional();
const matrixOrder = z
  .custom<MatrixOrder>((value) => ["fro", "nuc", 1, -1, 2, -2, Infinity, -Infinity].includes(value as number))
  .describe('"fro", "nuc", 1, -1, 2, -2, Infinity or -Infinity');
const checkVector = operatorOptions<VectorNormOptions>("linalg.vectorNorm", () => ({
  ord: anyOrder,
  axes: wholes.optional(),
  keepDims: flag,
}));
const checkMatrix = operatorOptions<MatrixNormOptions>("linalg.matrixNorm", () => ({
  ord: matrixOrder.optional(),
  axes: z.tuple([z.int(), z.int()]).describe("two dimensions").optional(),
  keepDims: flag,
}));

/** (Σ|x|^p)^(1/p) over dimensions, as PyTorch's vector_norm. */
export function vectorNorm<D extends Wide>(x: Tensor<D>, options: VectorNormOptions = {}): Tensor<D> {
  checkVector(options);
  const sizes = tensorOf("linalg.vectorNorm", x).abs();
  const { ord = 2, axes = x.type.shape.map((_, d) => d), keepDims = false } = options;
  const given = { keepDims };
  if (ord === Infinity) return sizes.max(axes, given);
  if (ord === -Infinity) return sizes.min(axes, given);
  if (ord === 0) return x.notEqual(0).cast(x.dtype).sum(axes, given);
  if (ord === 1) return sizes.sum(axes, given);
  if (ord === 2) return x.mul(x).sum(axes, given).sqrt();
  return sizes
    .pow(ord)
    .sum(axes, given)
    .pow(1 / ord);
}

/** Norms of matrices, as PyTorch's matrix_norm. */
export function matrixNorm<D extends Wide>(x: Tensor<D>, options: MatrixNormOptions = {}): Tensor<D> {
  checkMatrix(options);
  sizesOf("linalg.matrixNorm", x);
  const { ord = "fro", axes = [-2, -1], keepDims = false } = options;
  const rank = x.type.shape.length;
  const [rows, columns] = axes.map((axis) => (axis < 0 ? axis + rank : axis)) as [number, number];
  if (ord === "fro") return vectorNorm(x, { axes: [rows, columns], keepDims });
  const others = x.type.shape.map((_, d) => d).filter((d) => d !== rows && d !== columns);
  const found = ofMatrices(x.permute([...others, rows, columns]), ord);
  if (!keepDims) return found;
  return found.reshape(shapeOf(x).map((size, d) => (others.includes(d) ? size : 1)));
}

function ofMatrices<D extends Wide>(x: Tensor<D>, ord: Exclude<MatrixOrder, "fro">): Tensor<D> {
  const last = x.type.shape.length - 2;
  if (ord === "nuc" || Math.abs(ord) === 2) {
    const values = svdvals(x);
    if (ord === "nuc") return values.sum([last]);
    return ord === 2 ? values.max([last]) : values.min([last]);
  }
  const lines = Math.abs(ord) === 1 ? x : turned(x);
  const sums = lines.abs().sum([last]);
  return ord > 0 ? sums.max([last]) : sums.min([last]);
}

/**
 * How much the solutions of each matrix of x[…,m,n] may err more than it does: the largest of its singular values over the least,
 * unless `ord` names another norm, which is multiplied by that of the inverse; ∞ of a singular matrix.
 */
export function cond<D extends Wide>(x: Tensor<D>, ord: MatrixOrder = 2): Tensor<D> {
  requireArgument("linalg.cond", "ord", matrixOrder, ord);
  if (ord === 2 || ord === -2) {
    const values = svdvals(x);
    const last = values.type.shape.length - 1;
    const [most, least] = [values.max([last]), values.min([last])];
    return ord === 2 ? most.div(least) : least.div(most);
  }
  const { result, info } = invEx(x);
  const product = matrixNorm(x, { ord }).mul(matrixNorm(result, { ord }));
  return where(info.equal(0), product, Infinity);
}
