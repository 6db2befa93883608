// Eigenvalues of symmetric matrices, singular values, and what they say: ranks, pseudoinverses, least squares.
import { z } from "zod";
import type { Dtype } from "../../../kernels/index.ts";
import { operators } from "../../operators/index.ts";
import { flag, operatorOptions } from "../options.ts";
import { concat, type Tensor, where } from "../tensor.ts";
import { applied, epsilonOf, part, sizesOf, squareOf, together, turned, type Wide } from "./matrices.ts";

/** Which half of a symmetric matrix is read. */
export interface SymmetricOptions {
  /** The lower triangle ("L", unless given) or the upper one. */
  readonly uplo?: "L" | "U";
}

const symmetricSchemas = { uplo: z.enum(["L", "U"]).optional() };
const checkEigh = operatorOptions<SymmetricOptions>("linalg.eigh", () => symmetricSchemas);
const checkEigvalsh = operatorOptions<SymmetricOptions>("linalg.eigvalsh", () => symmetricSchemas);

/**
 * Eigenvalues, ascending, and in columns the eigenvectors of each symmetric matrix of x[…,n,n], by the QR algorithm.
 *
 * The signs of eigenvectors, and which of equal eigenvalues they belong to, are as they come. An element that is not finite makes all
 * results NaN, where PyTorch raises an error.
 */
export function eigh<D extends Wide>(
  x: Tensor<D>,
  options: SymmetricOptions = {},
): { readonly eigenvalues: Tensor<D>; readonly eigenvectors: Tensor<D> } {
  checkEigh(options);
  const size = squareOf("linalg.eigh", x);
  const packed = applied("linalg.eigh", operators.eigh, [options.uplo === "U" ? turned(x) : x], { vectors: true });
  return {
    eigenvalues: part(packed, [size, size + 1], [0, size]).squeeze(-2),
    eigenvectors: part(packed, [0, size], [0, size]),
  };
}

/** The eigenvalues alone of what `eigh` takes. */
export function eigvalsh<D extends Wide>(x: Tensor<D>, options: SymmetricOptions = {}): Tensor<D> {
  checkEigvalsh(options);
  squareOf("linalg.eigvalsh", x);
  const given = options.uplo === "U" ? turned(x) : x;
  return applied("linalg.eigvalsh", operators.eigh, [given], { vectors: false }).squeeze(-2);
}

/** The parts of x = U·diag(s)·Vᵀ, of as many columns as there are values. */
interface Parts<D extends Dtype> {
  readonly left: Tensor<D>;
  readonly values: Tensor<D>;
  readonly right: Tensor<D>;
}

/** The parts as the operator gives them. */
function partsOf<D extends Wide>(name: string, x: Tensor<D>): Parts<D> {
  const [rows, columns] = sizesOf(name, x);
  if (rows < columns) {
    const { left, values, right } = partsOf(name, turned(x));
    return { left: right, values, right: left };
  }
  const packed = applied(name, operators.svd, [x], { vectors: true });
  const [behind, all] = [rows + columns, [0, columns]] as const;
  return {
    left: part(packed, [0, rows], all),
    values: part(packed, [behind, behind + 1], all).squeeze(-2),
    right: part(packed, [rows, behind], all),
  };
}

/** Orthonormal columns with more of them behind. */
function completed<D extends Wide>(name: string, given: Tensor<D>, count: number): Tensor<D> {
  const [rows, columns] = sizesOf(name, given);
  if (count === columns) return given;
  const packed = applied(name, operators.reflections, [given]);
  const all = applied(name, operators.reflected, [packed], { columns: count });
  return concat([given, part(all, [0, rows], [columns, count])], -1);
}

/** Which vectors there are. */
export interface SvdOptions {
  /** As many left and right vectors as there are rows and columns, unless this is false: then as many as singular values. */
  readonly fullMatrices?: boolean;
}

const checkSvd = operatorOptions<SvdOptions>("linalg.svd", () => ({ fullMatrices: flag }));

/**
 * U, the singular values s, descending, and Vᵀ of U·diag(s)·Vᵀ = x[…,m,n], by the QR algorithm.
 *
 * The signs of pairs of vectors, and which of equal values they belong to, are as they come. An element that is not finite makes all
 * results NaN, where PyTorch raises an error.
 */
export function svd<D extends Wide>(
  x: Tensor<D>,
  options: SvdOptions = {},
): { readonly u: Tensor<D>; readonly s: Tensor<D>; readonly vh: Tensor<D> } {
  checkSvd(options);
  const name = "linalg.svd";
  const [rows, columns] = sizesOf(name, x);
  const { left, values, right } = partsOf(name, x);
  const count = (size: number): number => (options.fullMatrices === false ? Math.min(rows, columns) : size);
  // The square side is whole as it is.
  const u = rows < columns ? left : completed(name, left, count(rows));
  const v = rows < columns ? completed(name, right, count(columns)) : right;
  return { u, s: values, vh: turned(v) };
}

/** The singular values of each matrix of x[…,m,n], descending. */
export function svdvals<D extends Wide>(x: Tensor<D>): Tensor<D> {
  const [rows, columns] = sizesOf("linalg.svdvals", x);
  const tall = rows < columns ? turned(x) : x;
  return applied("linalg.svdvals", operators.svd, [tall], { vectors: false }).squeeze(-2);
}

/** Which values count as zeros. */
export interface ToleranceOptions {
  /** Those up to it, 0 unless given. */
  readonly atol?: number;
  /** Those up to this part of the largest: unless given, the longer side times the distance of 1 from the next number, or 0 beside an `atol` above 0. */
  readonly rtol?: number;
  /** Whether the matrices are symmetric, so that eigenvalues do, of which the lower triangle is read. */
  readonly hermitian?: boolean;
}

const notNegative = z.number().min(0).optional();
const toleranceSchemas = { atol: notNegative, rtol: notNegative, hermitian: flag };
const checkPinv = operatorOptions<ToleranceOptions>("linalg.pinv", () => toleranceSchemas);
const checkRank = operatorOptions<ToleranceOptions>("linalg.matrixRank", () => toleranceSchemas);

/** Which of the values of matrices [m,n] are more than zeros. */
function counting<D extends Wide>(
  values: Tensor<D>,
  sides: readonly number[],
  { atol = 0, rtol }: ToleranceOptions,
): Tensor<"bool"> {
  const part = rtol ?? (atol > 0 ? 0 : Math.max(...sides) * epsilonOf(values.dtype));
  const sizes = values.abs();
  const last = values.type.shape.length - 1;
  return sizes.greater(sizes.max([last], { keepDims: true }).mul(part).maximum(atol));
}

/** 1 / values, zeros where values do not count. */
const inverseOf = <D extends Dtype>(values: Tensor<D>, counts: Tensor<"bool">): Tensor<D> =>
  where(counts, where(counts, values, 1).pow(-1), 0);

/** The pseudoinverse [n,m] of each matrix of x[…,m,n], by its singular values. */
export function pinv<D extends Wide>(x: Tensor<D>, options: ToleranceOptions = {}): Tensor<D> {
  checkPinv(options);
  const name = "linalg.pinv";
  const sides = sizesOf(name, x);
  if (options.hermitian === true) {
    const { eigenvalues, eigenvectors } = eigh(x);
    const inverse = inverseOf(eigenvalues, counting(eigenvalues, sides, options));
    return eigenvectors.mul(inverse.unsqueeze(-2)).matmul(turned(eigenvectors));
  }
  const { left, values, right } = partsOf(name, x);
  const inverse = inverseOf(values, counting(values, sides, options));
  return right.mul(inverse.unsqueeze(-2)).matmul(turned(left));
}

/** How many singular values of each matrix of x[…,m,n] are more than zeros. */
export function matrixRank<D extends Wide>(x: Tensor<D>, options: ToleranceOptions = {}): Tensor<"i64"> {
  checkRank(options);
  const sides = sizesOf("linalg.matrixRank", x);
  const values = options.hermitian === true ? eigvalsh(x) : svdvals(x);
  return counting(values, sides, options).sum([values.type.shape.length - 1]);
}

/** What least squares gives. */
export interface LeastSquares<D extends Dtype> {
  readonly solution: Tensor<D>;
  /** Of each column the sum of squares of what is left, which PyTorch gives of matrices with more rows than columns and full rank. */
  readonly residuals: Tensor<D>;
  readonly rank: Tensor<"i64">;
  readonly singularValues: Tensor<D>;
}

const checkLstsq = operatorOptions<{ readonly rcond?: number }>("linalg.lstsq", () => ({ rcond: notNegative }));

/**
 * The shortest X with the least ‖A·X − B‖, by the singular values of A. A: […,m,n], B: […,m,k]; batches are broadcast.
 *
 * Singular values up to `rcond` of the largest count as zeros: unless given, up to the longer side times the distance of 1 from the
 * next number.
 */
export function lstsq<D extends Wide>(
  a: Tensor<D>,
  b: Tensor<D>,
  options: { readonly rcond?: number } = {},
): LeastSquares<D> {
  checkLstsq(options);
  const name = "linalg.lstsq";
  const sides = sizesOf(name, a);
  const { left, values, right } = partsOf(name, a);
  const counts = counting(values, sides, options.rcond === undefined ? {} : { rtol: options.rcond });
  const [turnedLeft, given] = together(name, turned(left), b);
  const solution = right.mul(inverseOf(values, counts).unsqueeze(-2)).matmul(turnedLeft.matmul(given));
  const rest = a.matmul(solution).sub(b);
  return {
    solution,
    residuals: rest.mul(rest).sum([rest.type.shape.length - 2]),
    rank: counts.sum([counts.type.shape.length - 1]),
    singularValues: values,
  };
}
