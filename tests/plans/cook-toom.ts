// The matrices of Winograd's algorithm F(m×m, 3×3), derived by Cook and Toom's method in exact arithmetic over Q(√2).

/** a + b·√2, with a and b quotients of integers. */
export interface Surd {
  readonly a: readonly [bigint, bigint];
  readonly b: readonly [bigint, bigint];
}
type Quotient = Surd["a"];

const gcd = (a: bigint, b: bigint): bigint => (b === 0n ? (a < 0n ? -a : a) : gcd(b, a % b));
const quotient = (over: bigint, under: bigint): Quotient => {
  const factor = (under < 0n ? -1n : 1n) * gcd(over, under);
  return [over / factor, under / factor];
};
const plus = ([a, b]: Quotient, [c, d]: Quotient): Quotient => quotient(a * d + c * b, b * d);
const times = ([a, b]: Quotient, [c, d]: Quotient): Quotient => quotient(a * c, b * d);

export const surd = (a: Quotient | bigint, b: Quotient | bigint = 0n): Surd => ({
  a: typeof a === "bigint" ? [a, 1n] : quotient(...a),
  b: typeof b === "bigint" ? [b, 1n] : quotient(...b),
});
export const zero = surd(0n);
export const one = surd(1n);
export const add = (x: Surd, y: Surd): Surd => ({ a: plus(x.a, y.a), b: plus(x.b, y.b) });
export const multiply = (x: Surd, y: Surd): Surd => ({
  a: plus(times(x.a, y.a), times([2n, 1n], times(x.b, y.b))),
  b: plus(times(x.a, y.b), times(x.b, y.a)),
});
const negative = (x: Surd): Surd => multiply(surd(-1n), x);
/** 1 / (a + b√2) = (a − b√2) / (a² − 2b²). */
const inverse = (x: Surd): Surd => {
  const [over, under] = plus(times(x.a, x.a), times([-2n, 1n], times(x.b, x.b)));
  return multiply({ a: x.a, b: times([-1n, 1n], x.b) }, surd(quotient(under, over)));
};

/** The nearest float64, but for a few units in its last place. */
export const toNumber = ({ a, b }: Surd): number =>
  Number(a[0]) / Number(a[1]) + (Number(b[0]) / Number(b[1])) * Math.SQRT2;

type Matrix = readonly (readonly Surd[])[];

/** Bᵀ (inputs), G (weights) and Aᵀ (outputs). */
export interface Matrices {
  readonly b: Matrix;
  readonly g: Matrix;
  readonly a: Matrix;
}

const half: Quotient = [1n, 2n];
const root = surd(0n, 1n);
const halfRoot = surd(0n, half);
const points: { readonly [tile in 2 | 4]: readonly Surd[] } = {
  2: [zero, one, surd(-1n)],
  4: [zero, halfRoot, negative(halfRoot), root, negative(root)],
};

/** The product of x − p over some points, its lowest coefficient first. */
function polynomial(roots: readonly Surd[]): Surd[] {
  let product = [one];
  for (const p of roots)
    product = [zero, ...product].map((each, at) => add(each, negative(multiply(p, product[at] ?? zero))));
  return product;
}

function powers(p: Surd, count: number): Surd[] {
  const all = [one];
  while (all.length < count) all.push(multiply(all.at(-1)!, p));
  return all;
}

/**
 * Correlation of m + 2 inputs with 3 weights: both are evaluated at m + 1 points and at infinity, multiplied, and put
 * together again, which the transposition principle turns into Y = Aᵀ [(G·g) ⊙ (Bᵀ·d)].
 *
 * Row i of Bᵀ is the product of x − p over the other points, of G the powers of pᵢ over that product at pᵢ, and column i of
 * Aᵀ the powers of pᵢ; infinity has the product over all, and the highest coefficients.
 */
export function cookToom(tile: 2 | 4): Matrices {
  const all = points[tile];
  const highest = (count: number): Surd[] => Array.from({ length: count }, (_, at) => (at === count - 1 ? one : zero));
  const others = (at: number) => all.filter((_, place) => place !== at);
  const valueAt = (p: Surd, coefficients: readonly Surd[]) =>
    coefficients.reduceRight((sum, each) => add(multiply(sum, p), each), zero);
  const b = [...all.map((_, at) => [...polynomial(others(at)), zero]), polynomial(all)];
  const g = all.map((p, at) => {
    const scale = inverse(valueAt(p, polynomial(others(at))));
    return powers(p, 3).map((each) => multiply(each, scale));
  });
  const columns = [...all.map((p) => powers(p, tile)), highest(tile)];
  return { b, g: [...g, highest(3)], a: columns[0]!.map((_, row) => columns.map((column) => column[row]!)) };
}
