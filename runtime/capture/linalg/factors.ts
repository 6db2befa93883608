// Factors of matrices: Cholesky's, of elimination, of reflections.
import { z } from "zod";
import type { Dtype } from "../../../kernels/index.ts";
import { operators } from "../../operators/index.ts";
import { flag, operatorOptions, tensorOf } from "../options.ts";
import { concat, iota, type Tensor } from "../tensor.ts";
import {
  applied,
  diagonalOf,
  firstTrue,
  identityLike,
  part,
  refuseWhere,
  shapeOf,
  sizesOf,
  squareOf,
  turned,
  type Wide,
} from "./matrices.ts";

/** Which triangle a factor is. */
export interface TriangleOptions {
  /** The factor U of Uᵀ·U, of the upper triangle, instead of L of L·Lᵀ. */
  readonly upper?: boolean;
}

const triangleSchemas = { upper: flag };
const checkCholesky = operatorOptions<TriangleOptions>("linalg.cholesky", () => triangleSchemas);
const checkCholeskyEx = operatorOptions<TriangleOptions>("linalg.choleskyEx", () => triangleSchemas);

function factored<D extends Wide>(name: string, x: Tensor<D>, { upper = false }: TriangleOptions) {
  squareOf(name, x);
  const lower = applied(name, operators.cholesky, [upper ? turned(x) : x]);
  return { factor: upper ? turned(lower) : lower, info: firstTrue(diagonalOf(lower).isNaN()) };
}

/**
 * The lower triangle L of L·Lᵀ = x of each symmetric, positive definite matrix of x[…,n,n], of which that triangle is read.
 *
 * A matrix that is not positive definite is a fault of the step; `choleskyEx` says so instead.
 */
export function cholesky<D extends Wide>(x: Tensor<D>, options: TriangleOptions = {}): Tensor<D> {
  checkCholesky(options);
  const { factor, info } = factored("linalg.cholesky", x, options);
  refuseWhere(info.notEqual(0), "linalg.cholesky: a matrix is not positive definite");
  return factor;
}

/** As `cholesky`, and of each matrix 0, or the order of its first leading minor that is not positive: the factor is NaN from there on. */
export function choleskyEx<D extends Wide>(
  x: Tensor<D>,
  options: TriangleOptions = {},
): { readonly factor: Tensor<D>; readonly info: Tensor<"i32"> } {
  checkCholeskyEx(options);
  return factored("linalg.choleskyEx", x, options);
}

/** Factors of elimination with pivots: L, of which the diagonal is ones, and U in one matrix, and the rows that change places, from 1. */
export interface LuFactors<D extends Dtype> {
  readonly lu: Tensor<D>;
  /** Of each row of the diagonal the row, from 1 on, that it changed places with, in order. */
  readonly pivots: Tensor<"i32">;
  /** Of each matrix 0, or from 1 on the first pivot that is 0. */
  readonly info: Tensor<"i32">;
}

/** What the operator `lu` gives, of one matrix more column than it has. */
export const eliminated = <D extends Dtype>(name: string, x: Tensor<D>): Tensor<D> => applied(name, operators.lu, [x]);

/** Of each matrix 0, or from 1 on the first pivot that is 0. */
export const singularityOf = (packed: Tensor): Tensor<"i32"> => {
  const [rows, more] = sizesOf("lu", packed);
  return firstTrue(diagonalOf(part(packed, [0, rows], [0, more - 1])).equal(0));
};

/** The factors of each matrix of x[…,m,n], with its rows changed so that each pivot is the largest that is left. */
export function luFactor<D extends Wide>(x: Tensor<D>): LuFactors<D> {
  const name = "linalg.luFactor";
  const [rows, columns] = sizesOf(name, x);
  const packed = eliminated(name, x);
  const pivots = part(packed, [0, Math.min(rows, columns)], [columns, columns + 1]).squeeze(-1);
  return {
    lu: part(packed, [0, rows], [0, columns]),
    pivots: pivots.cast("i32").add(1),
    info: singularityOf(packed),
  };
}

/** Rows that change places, ones on and numbers below a diagonal, numbers on and above it. */
export interface LuParts<D extends Dtype> {
  readonly p: Tensor<D>;
  readonly l: Tensor<D>;
  readonly u: Tensor<D>;
}

/** P, L and U of P·L·U = x[…,m,n]: rows that change places, ones on and numbers below a diagonal, numbers on and above it. */
export function lu<D extends Wide>(x: Tensor<D>): LuParts<D> {
  const [rows, columns] = sizesOf("linalg.lu", x);
  const packed = eliminated("linalg.lu", x);
  const pivots = part(packed, [0, Math.min(rows, columns)], [columns, columns + 1]);
  return unpacked(part(packed, [0, rows], [0, columns]), pivots);
}

/** P, L and U of what `luFactor` gives. */
export function luUnpack<D extends Wide>(factors: Tensor<D>, pivots: Tensor<"i32">): LuParts<D> {
  sizesOf("linalg.luUnpack", factors);
  return unpacked(factors, tensorOf("linalg.luUnpack", pivots).sub(1).cast(factors.dtype).unsqueeze(-1));
}

/** P, L and U of factors in one matrix, and of the places, from 0 on, that rows [k,1] of the diagonal changed with. */
function unpacked<D extends Wide>(factors: Tensor<D>, places: Tensor<D>): LuParts<D> {
  const [rows, columns] = sizesOf("lu", factors);
  const count = Math.min(rows, columns);
  const eye = identityLike(factors, rows);
  // Rows behind the diagonal stay where they are, which no column says.
  const own = iota(factors.dtype, [rows, 1], 0).broadcastTo([...shapeOf(factors).slice(0, -2), rows, 1]) as Tensor<D>;
  const all = count === rows ? places : concat([places, part(own, [count, rows], [0, 1])], -2);
  const p = applied("lu", operators.luSolve, [concat([eye, all], -1), eye], { transposed: true });
  const l = part(factors, [0, rows], [0, count])
    .tril(-1)
    .add(part(eye, [0, rows], [0, count]));
  return { p, l, u: part(factors, [0, count], [0, columns]).triu() };
}

/** Which parts of a factorisation there are. */
export interface QrOptions {
  /** Q of as many columns as x has at most ("reduced", unless given), of as many as it has rows ("complete"). */
  readonly mode?: "reduced" | "complete";
}

const checkQr = operatorOptions<QrOptions>("linalg.qr", () => ({ mode: z.enum(["reduced", "complete"]).optional() }));

/** Orthonormal columns Q and the triangle R of Q·R = x[…,m,n], by Householder's reflections, signs as LAPACK gives them. */
export function qr<D extends Wide>(
  x: Tensor<D>,
  options: QrOptions = {},
): { readonly q: Tensor<D>; readonly r: Tensor<D> } {
  checkQr(options);
  const name = "linalg.qr";
  const [rows, columns] = sizesOf(name, x);
  const packed = applied(name, operators.reflections, [x]);
  const count = options.mode === "complete" ? rows : Math.min(rows, columns);
  return {
    q: applied(name, operators.reflected, [packed], { columns: count }),
    r: part(packed, [0, count], [0, columns]).triu(),
  };
}

/** R and below its diagonal the vectors of the reflections that make it of each matrix of x[…,m,n], and their factors, as LAPACK's geqrf. */
export function geqrf<D extends Wide>(x: Tensor<D>): { readonly a: Tensor<D>; readonly tau: Tensor<D> } {
  const name = "linalg.geqrf";
  const [rows, columns] = sizesOf(name, x);
  const packed = applied(name, operators.reflections, [x]);
  const factors = part(packed, [rows, rows + 1], [0, Math.min(rows, columns)]);
  return { a: part(packed, [0, rows], [0, columns]), tau: factors.squeeze(-2) };
}

/** The first columns of the product of reflections, as LAPACK's orgqr: their vectors below the diagonals of x[…,m,n], tau[…,k] their factors. */
export function householderProduct<D extends Wide>(x: Tensor<D>, tau: Tensor<D>): Tensor<D> {
  const name = "linalg.householderProduct";
  const [, columns] = sizesOf(name, x);
  const lines = shapeOf(tau);
  const given = tau.unsqueeze(-2);
  const missing = columns - lines.at(-1)!;
  const factors = missing > 0 ? given.pad([...lines.map(() => 0), 0], [...lines.map(() => 0), missing]) : given;
  return applied(name, operators.reflected, [concat([x, factors], -2)], { columns });
}
