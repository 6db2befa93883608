// Fourier transforms of rows, as products with matrices, as sums of pairs, and as convolutions.
import type { Dtype } from "../../../../kernels/index.ts";
import { concat, stack, type Tensor } from "../../../capture/tensor.ts";
import { arrayFrom } from "../../../graph/tensor-type.ts";
import { constantOf } from "../call.ts";
import { elementCount } from "../limits.ts";

/** Complex numbers in rows, their transform along the last dimension; without imaginary parts they are real. */
export interface Complex {
  readonly real: Tensor;
  readonly imaginary: Tensor | undefined;
}

/** Transforms of complex numbers up to this length are sums of pairs, which are fewer products than a matrix. */
const mostInPairs = 16;
/** Transforms up to this length are one product with a matrix. */
const mostDirect = 64;

/** The numbers of [rows,columns] as a constant. */
function tableOf(dtype: Dtype, rows: number, columns: number, of: (row: number, column: number) => number): Tensor {
  const data = Array.from({ length: elementCount(rows * columns, "a table of a transform") }, (_, at) =>
    of(Math.floor(at / columns), at % columns),
  );
  return constantOf({ dtype, shape: [rows, columns], data: arrayFrom(dtype, data) });
}

/** cos and sin of a share of the circle, whose counter is reduced first. */
const angleOf = (part: number, whole: number): number => (2 * Math.PI * (part % whole)) / whole;

/** Σ_n x_n · e^(sign · 2πi · kn / N) along the last dimension, by one product. */
function directTransform({ real, imaginary }: Complex, sign: 1 | -1): Complex {
  const size = real.shape.at(-1)!;
  const { dtype } = real;
  const cosine = (n: number, k: number) => Math.cos(angleOf(n * k, size));
  const sine = (n: number, k: number) => sign * Math.sin(angleOf(n * k, size));
  // [real | imaginary] · [cos sin; −sin cos].
  const matrix = tableOf(dtype, imaginary ? 2 * size : size, 2 * size, (row, column) => {
    const [n, k] = [row % size, column % size];
    if (row < size) return column < size ? cosine(n, k) : sine(n, k);
    return column < size ? -sine(n, k) : cosine(n, k);
  });
  const joined = (imaginary ? concat([real, imaginary], -1) : real).matmul(matrix);
  const part = (from: number) => joined.slice(...real.shape.slice(1).map(() => [] as const), [from, from + size]);
  return { real: part(0), imaginary: part(size) };
}

/** The greatest divisor that a direct transform is made of; 1 of a prime. */
function divisorOf(size: number): number {
  for (let each = mostDirect; each > 1; each--) if (size % each === 0) return each;
  return 1;
}

/** The same of real and imaginary parts. */
export const both = ({ real, imaginary }: Complex, of: (x: Tensor) => Tensor): Complex => ({
  real: of(real),
  imaginary: imaginary && of(imaginary),
});

type Pair = readonly [real: Tensor, imaginary: Tensor];

/** The transforms of `parts` numbers each, by sums and differences of those that mirror each other. */
function mirrored(parts: readonly Pair[], sign: 1 | -1): Pair[] {
  const count = parts.length;
  const [first, second] = parts as readonly [Pair, Pair];
  const plus = ([a, b]: Pair, [c, d]: Pair): Pair => [a.add(c), b.add(d)];
  const minus = ([a, b]: Pair, [c, d]: Pair): Pair => [a.sub(c), b.sub(d)];
  const times = ([a, b]: Pair, factor: number): Pair => [a.mul(factor), b.mul(factor)];
  if (count === 2) return [plus(first, second), minus(first, second)];
  const half = Array.from({ length: (count - 1) / 2 }, (_, at) => at + 1);
  const sums = half.map((at) => plus(parts[at]!, parts[count - at]!));
  const differences = half.map((at) => minus(parts[at]!, parts[count - at]!));
  const found = new Array<Pair>(count);
  found[0] = sums.reduce(plus, first);
  for (const k of half) {
    const angle = (at: number) => angleOf(at * k, count);
    const even = sums.reduce((sum, each, at) => plus(sum, times(each, Math.cos(angle(at + 1)))), first);
    const [a, b] = differences.map((each, at) => times(each, sign * Math.sin(angle(at + 1)))).reduce(plus);
    found[k] = [even[0].sub(b), even[1].add(a)];
    found[count - k] = [even[0].add(b), even[1].sub(a)];
  }
  return found;
}

/** A short transform whose length `factor` divides: of so many parts, and then within each. */
function byPairs([real, imaginary]: Pair, sign: 1 | -1, factor: number): Complex {
  const size = real.shape.at(-1)!;
  const batch = real.shape.slice(0, -1);
  const length = size / factor;
  const part = (x: Tensor, at: number) => x.slice(...batch.map(() => [] as const), [at * length, (at + 1) * length]);
  const parts = Array.from({ length: factor }, (_, at): Pair => [part(real, at), part(imaginary, at)]);
  const found = mirrored(parts, sign);
  const [a, b] = [0, 1].map((which) =>
    stack(
      found.map((each) => each[which]!),
      -2,
    ),
  ) as [Tensor, Tensor];
  if (length === 1) return both({ real: a, imaginary: b }, (each) => each.reshape([...batch, size]));
  const inner = transform(turned(a, b, size, sign), sign);
  return both(inner, (each) => each.transpose(-1, -2).reshape([...batch, size]));
}

/** Rows [parts,length], element (k, n) turned by kn / size of the circle. */
function turned(a: Tensor, b: Tensor, size: number, sign: 1 | -1): Complex {
  const [rows, columns] = a.shape.slice(-2) as [number, number];
  const table = (of: (angle: number) => number) => tableOf(a.dtype, rows, columns, (k, n) => of(angleOf(k * n, size)));
  const [cosine, sine] = [table(Math.cos), table((angle) => sign * Math.sin(angle))];
  return { real: a.mul(cosine).sub(b.mul(sine)), imaginary: a.mul(sine).add(b.mul(cosine)) };
}

/** Multiplications of complex numbers in a transform, sums of pairs counted as a product with a matrix. */
function productsOf(size: number): number {
  const first = size <= mostDirect ? size : divisorOf(size);
  if (first === size) return size * size;
  if (first > 1) return size * first + size + first * productsOf(size / first);
  return Math.min(size * size, 2 * productsOf(aroundOf(size)) + aroundOf(size) + 2 * size);
}

/** The length of the transforms by which one of another length is a convolution: of those that hold it, the one of fewest products. */
function aroundOf(size: number): number {
  const least = 2 * size - 1;
  const all = [1, 3, 5].map((odd) => odd * 2 ** Math.ceil(Math.log2(least / odd)));
  return all.reduce((a, b) => (productsOf(b) < productsOf(a) ? b : a));
}

/** The transform of complex numbers of float64, whose length is a power of 2 times a small odd number. */
function plainTransform(real: readonly number[], imaginary: readonly number[]): [real: number[], imaginary: number[]] {
  const size = real.length;
  const found: [number[], number[]] = [new Array(size).fill(0), new Array(size).fill(0)];
  const parts = size % 2 === 0 ? 2 : size;
  const length = size / parts;
  for (let part = 0; part < parts; part++) {
    const own = (x: readonly number[]) => Array.from({ length }, (_, at) => x[at * parts + part]!);
    const [a, b] = length === 1 ? [own(real), own(imaginary)] : plainTransform(own(real), own(imaginary));
    for (let k = 0; k < size; k++) {
      const angle = -angleOf(part * k, size);
      const [cosine, sine, at] = [Math.cos(angle), Math.sin(angle), k % length];
      found[0][k]! += cosine * a[at]! - sine * b[at]!;
      found[1][k]! += cosine * b[at]! + sine * a[at]!;
    }
  }
  return found;
}

/**
 * A transform of any length as a convolution, by transforms of a length that has small factors (Bluestein): numbers are turned by
 * πn²/N of the circle, multiplied with each other's distance by two transforms, and turned again, since 2nk = n² + k² − (k−n)².
 *
 * Error: about ε·log₂N of the root of the mean square of what it gives.
 */
function convolved(x: Complex, sign: 1 | -1): Complex {
  const size = x.real.shape.at(-1)!;
  const around = aroundOf(size);
  const { dtype } = x.real;
  const chirp = (at: number): number => sign * angleOf(at * at, 2 * size);
  const turn = ({ real, imaginary }: Complex, cosine: Tensor, sine: Tensor): Complex => ({
    real: imaginary ? real.mul(cosine).sub(imaginary.mul(sine)) : real.mul(cosine),
    imaginary: imaginary ? real.mul(sine).add(imaginary.mul(cosine)) : real.mul(sine),
  });
  const [cosine, sine] = [Math.cos, Math.sin].map((of) => tableOf(dtype, 1, size, (_, at) => of(chirp(at))));
  const lead = x.real.shape.slice(0, -1);
  const zeros = lead.map(() => 0);
  const wide = both(turn(x, cosine!, sine!), (each) => each.pad([...zeros, 0], [...zeros, around - size]));
  // The other factor of the convolution, which reaches back before its first element, and its transform.
  const distance = (at: number): number | undefined => (at < size ? at : around - at < size ? around - at : undefined);
  const factor = (of: (angle: number) => number) =>
    Array.from({ length: around }, (_, at) => {
      const by = distance(at);
      return by === undefined ? 0 : of(-chirp(by)) / around;
    });
  const [real, imaginary] = plainTransform(factor(Math.cos), factor(Math.sin));
  const [a, b] = [real, imaginary].map((part) => tableOf(dtype, 1, around, (_, at) => part[at]!));
  const whole = transform(turn(transform(wide, -1), a!, b!), 1);
  const cut = both(whole, (each) => each.slice(...lead.map(() => [] as const), [0, size]));
  return turn(cut, cosine!, sine!);
}

/**
 * The transform along the last dimension: one product where it is short, or sums of pairs, else by Cooley and Tukey, of parts as
 * long as the greatest divisor that is short; without one, as a convolution, where that is fewer products than one by a matrix.
 */
export function transform(x: Complex, sign: 1 | -1): Complex {
  const size = x.real.shape.at(-1)!;
  const prime = x.imaginary && size <= mostInPairs ? [2, 3, 5].find((each) => size % each === 0) : undefined;
  if (prime) return byPairs([x.real, x.imaginary!], sign, prime);
  const first = size <= mostDirect ? size : divisorOf(size);
  if (first === 1 && productsOf(size) < size * size) return convolved(x, sign);
  if (first === size || first === 1) return directTransform(x, sign);
  const second = size / first;
  const batch = x.real.shape.slice(0, -1);
  // Element n = n₁·second + n₂ belongs to the transform over n₁; number k₁ + first·k₂ of the whole comes of k₁ and k₂.
  const columns = both(x, (each) => each.reshape([...batch, first, second]).transpose(-1, -2));
  const inner = directTransform(columns, sign);
  const twisted = turned(inner.real, inner.imaginary!, size, sign);
  const outer = transform(
    both(twisted, (each) => each.transpose(-1, -2)),
    sign,
  );
  return both(outer, (each) => each.transpose(-1, -2).reshape([...batch, size]));
}
