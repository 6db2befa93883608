// Solutions of linear equations, inverses, determinants and powers.
import { z } from "zod";
import type { Dtype } from "../../../kernels/index.ts";
import { operators } from "../../operators/index.ts";
import { flag, operatorOptions, requireArgument, tensorOf } from "../options.ts";
import { concat, iota, type Tensor, where } from "../tensor.ts";
import { eliminated, singularityOf, type TriangleOptions } from "./factors.ts";
import {
  applied,
  diagonalOf,
  identityLike,
  part,
  refuseWhere,
  shapeOf,
  squareOf,
  together,
  turned,
  type Wide,
} from "./matrices.ts";

/** On which side of the unknown a matrix stands. */
export interface SideOptions {
  /** The equation is A·X = B unless this is false: then X·A = B. */
  readonly left?: boolean;
}

/** A result, and of each matrix 0, or from 1 on the first pivot that is 0. */
export interface WithInfo<D extends Dtype> {
  readonly result: Tensor<D>;
  readonly info: Tensor<"i32">;
}

const sideSchemas = { left: flag };
const checkSolve = operatorOptions<SideOptions>("linalg.solve", () => sideSchemas);
const checkSolveEx = operatorOptions<SideOptions>("linalg.solveEx", () => sideSchemas);

/** X of A·X = B, and whether there is one. */
function solved<D extends Wide>(name: string, a: Tensor<D>, b: Tensor<D>, { left = true }: SideOptions): WithInfo<D> {
  squareOf(name, a);
  const [shape, other] = [shapeOf(a), shapeOf(b)];
  const isVectors =
    other.length === 1 || (other.length === shape.length - 1 && other.join() === shape.slice(0, -1).join());
  if (isVectors) {
    const { result, info } = solved(name, a, b.unsqueeze(-1), { left: true });
    return { result: result.squeeze(-1), info };
  }
  if (!left) {
    const { result, info } = solved(name, turned(a), turned(b), {});
    return { result: turned(result), info };
  }
  const packed = eliminated(name, a);
  const [factors, right] = together(name, packed, b);
  return {
    result: applied(name, operators.luSolve, [factors, right], { transposed: false }),
    info: singularityOf(packed),
  };
}

const singular = (name: string): string => `${name}: a matrix is singular`;

/**
 * X of A·X = B, by elimination. A: […,n,n], B: […,n,m], or vectors […,n]; batches are broadcast.
 *
 * A singular matrix is a fault of the step; `solveEx` says so instead.
 */
export function solve<D extends Wide>(a: Tensor<D>, b: Tensor<D>, options: SideOptions = {}): Tensor<D> {
  checkSolve(options);
  const { result, info } = solved("linalg.solve", a, b, options);
  refuseWhere(info.notEqual(0), singular("linalg.solve"));
  return result;
}

/** As `solve`, and of each matrix 0, or from 1 on the first pivot that is 0; its solution is not finite then. */
export function solveEx<D extends Wide>(a: Tensor<D>, b: Tensor<D>, options: SideOptions = {}): WithInfo<D> {
  checkSolveEx(options);
  return solved("linalg.solveEx", a, b, options);
}

/** The inverse of each matrix of x[…,n,n]. A singular matrix is a fault of the step; `invEx` says so instead. */
export function inv<D extends Wide>(x: Tensor<D>): Tensor<D> {
  const { result, info } = solved("linalg.inv", x, identityLike(x, squareOf("linalg.inv", x)), {});
  refuseWhere(info.notEqual(0), singular("linalg.inv"));
  return result;
}

/** As `inv`, and of each matrix 0, or from 1 on the first pivot that is 0; its inverse is not finite then. */
export const invEx = <D extends Wide>(x: Tensor<D>): WithInfo<D> =>
  solved("linalg.invEx", x, identityLike(x, squareOf("linalg.invEx", x)), {});

/** How a triangle is solved. */
export interface TriangularOptions extends SideOptions {
  /** Whether the upper triangle is meant, instead of the lower one. */
  readonly upper: boolean;
  /** Whether the diagonal counts as ones. */
  readonly unitriangular?: boolean;
}

const checkTriangular = operatorOptions<TriangularOptions>("linalg.solveTriangular", () => ({
  upper: z.boolean(),
  left: flag,
  unitriangular: flag,
}));

/** X of A·X = B, A[…,n,n] being triangles, of which the rest is not read. B: […,n,m]; batches are broadcast. */
export function solveTriangular<D extends Wide>(a: Tensor<D>, b: Tensor<D>, options: TriangularOptions): Tensor<D> {
  checkTriangular(options);
  const { upper, left = true, unitriangular: unit = false } = options;
  return left ? triangular(a, b, upper, unit) : turned(triangular(turned(a), turned(b), !upper, unit));
}

function triangular<D extends Wide>(a: Tensor<D>, b: Tensor<D>, upper: boolean, unit: boolean): Tensor<D> {
  const name = "linalg.solveTriangular";
  squareOf(name, a);
  return applied(name, operators.triangularSolve, together(name, a, b), { upper, unit });
}

/** How factors are solved. */
export interface LuSolveOptions extends SideOptions {
  /** Whether the transpose of A stands in the equation. */
  readonly adjoint?: boolean;
}

const checkLuSolve = operatorOptions<LuSolveOptions>("linalg.luSolve", () => ({ left: flag, adjoint: flag }));

/** X of A·X = B by what `luFactor` gives of A[…,n,n]. B: […,n,m]; batches are broadcast. */
export function luSolve<D extends Wide>(
  lu: Tensor<D>,
  pivots: Tensor<"i32">,
  b: Tensor<D>,
  options: LuSolveOptions = {},
): Tensor<D> {
  checkLuSolve(options);
  const name = "linalg.luSolve";
  const { left = true, adjoint = false } = options;
  squareOf(name, lu);
  const packed = concat([lu, tensorOf(name, pivots).sub(1).cast(lu.dtype).unsqueeze(-1)], -1);
  const [factors, right] = together(name, packed, left ? b : turned(b));
  const x = applied(name, operators.luSolve, [factors, right], { transposed: adjoint === left });
  return left ? x : turned(x);
}

const checkCholeskySolve = operatorOptions<TriangleOptions>("linalg.choleskySolve", () => ({ upper: flag }));
const checkCholeskyInverse = operatorOptions<TriangleOptions>("linalg.choleskyInverse", () => ({ upper: flag }));

/** X of A·X = B by Cholesky's factor of A. B: […,n,m]; batches are broadcast. */
export function choleskySolve<D extends Wide>(
  b: Tensor<D>,
  factor: Tensor<D>,
  options: TriangleOptions = {},
): Tensor<D> {
  checkCholeskySolve(options);
  squareOf("linalg.choleskySolve", factor);
  const lower = options.upper === true ? turned(factor) : factor;
  return triangular(turned(lower), triangular(lower, b, false, false), true, false);
}

/** The inverse of A by Cholesky's factor of A[…,n,n]. */
export function choleskyInverse<D extends Wide>(factor: Tensor<D>, options: TriangleOptions = {}): Tensor<D> {
  checkCholeskyInverse(options);
  return choleskySolve(identityLike(factor, squareOf("linalg.choleskyInverse", factor)), factor, options);
}

/** The sign of the determinant of each matrix of x[…,n,n], 0 where it is singular, and the logarithm of its magnitude. */
export function slogdet<D extends Wide>(x: Tensor<D>): { readonly sign: Tensor<D>; readonly logAbsDet: Tensor<D> } {
  const size = squareOf("linalg.slogdet", x);
  const packed = eliminated("linalg.slogdet", x);
  const diagonal = diagonalOf(part(packed, [0, size], [0, size]));
  const pivots = part(packed, [0, size], [size, size + 1]).squeeze(-1);
  const last = pivots.type.shape.length - 1;
  const moved = pivots.notEqual(iota(x.dtype, [size], 0));
  return {
    sign: where(moved, diagonal.sign().neg(), diagonal.sign()).prod([last]),
    logAbsDet: diagonal.abs().log().sum([last]),
  };
}

/** The determinant of each matrix of x[…,n,n]; 1 of one without elements. */
export const det = <D extends Wide>(x: Tensor<D>): Tensor<D> => tensorOf("linalg.det", x).det();

const wholePower = z.int().min(-1e6).max(1e6);

/** The `exponent`-th power of each matrix of x[…,n,n], by squaring; of its inverse where that is negative. */
export function matrixPower<D extends Wide>(x: Tensor<D>, exponent: number): Tensor<D> {
  requireArgument("linalg.matrixPower", "exponent", wholePower, exponent);
  const size = squareOf("linalg.matrixPower", x);
  if (exponent < 0) return matrixPower(inv(x), -exponent);
  if (exponent === 0) return identityLike(x, size);
  if (exponent === 1) return x;
  const half = matrixPower(x, Math.floor(exponent / 2));
  const square = half.matmul(half);
  return exponent % 2 === 1 ? square.matmul(x) : square;
}
