// Eigenvalues of any square matrices, which are complex.
import type { Dtype } from "../../../kernels/index.ts";
import { operators } from "../../operators/index.ts";
import { tensorOf } from "../options.ts";
import { concat, full, type Tensor } from "../tensor.ts";
import { applied, part, shapeOf, squareOf, type Wide } from "./matrices.ts";

/** Complex numbers by their parts, of one shape. */
export interface ComplexParts<D extends Dtype> {
  readonly real: Tensor<D>;
  readonly imaginary: Tensor<D>;
}

/** What the operator `eig` gives, real parts beside imaginary ones. */
function packed<D extends Wide>(name: string, x: Tensor<D> | ComplexParts<D>, vectors: boolean): Tensor<D> {
  const pair = typeof x === "object" && x !== null && "imaginary" in x ? x : undefined;
  const real = tensorOf(name, pair ? pair.real : (x as Tensor<D>));
  squareOf(name, real);
  const imaginary = pair ? tensorOf(name, pair.imaginary) : (full(real.dtype, shapeOf(real), 0) as Tensor<D>);
  return applied(name, operators.eig, [concat([real, imaginary], -1)], { vectors });
}

const valuesOf = <D extends Wide>(all: Tensor<D>, row: number): ComplexParts<D> => {
  const size = shapeOf(all).at(-1)! / 2;
  const side = (from: number): Tensor<D> => part(all, [row, row + 1], [from, from + size]).squeeze(-2);
  return { real: side(0), imaginary: side(size) };
};

/**
 * The eigenvalues of each matrix of x[…,n,n], real or complex, and in columns their eigenvectors, by the QR algorithm of complex
 * matrices.
 *
 * Vectors have the length 1, and the first of their largest elements is real and positive. The order is that in which the algorithm
 * leaves values on the diagonal; those of a real matrix are real, or mirror each other, but for rounding. An element that is not finite
 * makes all results NaN, where PyTorch raises an error.
 */
export function eig<D extends Wide>(
  x: Tensor<D> | ComplexParts<D>,
): { readonly eigenvalues: ComplexParts<D>; readonly eigenvectors: ComplexParts<D> } {
  const all = packed("linalg.eig", x, true);
  const size = shapeOf(all).at(-1)! / 2;
  const side = (from: number): Tensor<D> => part(all, [0, size], [from, from + size]);
  return { eigenvalues: valuesOf(all, size), eigenvectors: { real: side(0), imaginary: side(size) } };
}

/** The eigenvalues alone of what `eig` takes. */
export const eigvals = <D extends Wide>(x: Tensor<D> | ComplexParts<D>): ComplexParts<D> =>
  valuesOf(packed("linalg.eigvals", x, false), 0);
