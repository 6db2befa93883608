// The exponential of matrices.
import { forLoop } from "../control-flow.ts";
import { type Tensor, where } from "../tensor.ts";
import { identityLike, squareOf, type Wide } from "./matrices.ts";
import { solveEx } from "./solutions.ts";

/** Factors of the quotient of polynomials that the exponential is near 0: its error is below that of float64 up to a norm of 1/2. */
const terms = 6;
/** Squarings of the largest finite matrix. */
const mostSquarings = 1100;

/**
 * e^x of each matrix of x[…,n,n]: of x/2^s, whose rows sum to at most 1/2, by Padé's quotient, and squared s times (Golub and Van
 * Loan, Matrix Computations, 11.3.1).
 */
export function matrixExp<D extends Wide>(x: Tensor<D>): Tensor<D> {
  const eye = identityLike(x, squareOf("linalg.matrixExp", x));
  const last = x.type.shape.length - 1;
  const size = x
    .abs()
    .sum([last], { keepDims: true })
    .max([last - 1], { keepDims: true });
  const counted = size.maximum(0.25).log2().floor().add(2);
  const times = where(size.isFinite(), counted, 0) as Tensor<D>;
  const small = halved(x, times);
  let power = eye;
  let [over, under] = [eye, eye];
  for (let at = 1, factor = 1; at <= terms; at++) {
    factor *= (terms - at + 1) / (at * (2 * terms - at + 1));
    power = small.matmul(power);
    const term = power.mul(factor);
    over = over.add(term);
    under = at % 2 === 0 ? under.add(term) : under.sub(term);
  }
  const { result } = solveEx(under, over);
  const most = times.max().cast("i64");
  const { power: found } = forLoop(
    most,
    (index, { power: each, left }) => ({
      power: where(left.greater(index.cast(x.dtype) as Tensor<D>), each.matmul(each), each),
      left,
    }),
    { power: result, left: times },
    { atMost: mostSquarings },
  );
  return found;
}

/** x / 2^times, in two steps, since a dtype has not all powers of two that it needs. */
function halved<D extends Wide>(x: Tensor<D>, times: Tensor<D>): Tensor<D> {
  const [integer, bias, unit] =
    x.dtype === "f64" ? (["i64", 1023, 2 ** 52] as const) : (["i32", 127, 2 ** 23] as const);
  const power = (count: Tensor<D>) => count.cast(integer).neg().add(bias).mul(unit).bitCast(x.dtype) as Tensor<D>;
  const half = times.div(2).floor();
  return x.mul(power(half)).mul(power(times.sub(half)));
}
