// What eigenvalues of symmetric matrices and singular values have in common: scale, reflections, rotations, and their order.
import {
  abs,
  add,
  and,
  bitcast,
  broadcast,
  constant,
  convert,
  div,
  eq,
  gt,
  type KernelBuilder,
  le,
  lt,
  mul,
  ne,
  neg,
  not,
  or,
  select,
  sqrt,
  sub,
  type Variable,
} from "../../loop/build.ts";
import type { Buffer, Expression } from "../../loop/ir.ts";
import { dot, matrixWork, type Row, subtract, WorkMatrix, width } from "./matrix.ts";

export const zero = constant("f64", 0);
export const one = constant("f64", 1);

/** Sweeps of rotations for each row, at most; two are usual. */
export const mostSweeps = 30;

/** What is left of a column counts as zeros where the sum of its squares is at most this, the largest element of all being at least 1. */
export const leastSquares = 2 ** -900;

/** The power of two that is at most the largest magnitude; 1 for zeros and the smallest numbers, infinite where an element is not finite. */
export function scaleOf(k: KernelBuilder, matrix: WorkMatrix): Expression {
  const most = k.variable(zero);
  k.for(0, matrix.rows, 1, (row) =>
    k.for(0, matrix.columns, 1, (column) => {
      const magnitude = k.let(abs(matrix.at(row, column)));
      most.set(select(or(gt(magnitude, most.get()), ne(magnitude, magnitude)), magnitude, most.get()));
    }),
  );
  const power = bitcast(and(bitcast(most.get(), "u64"), constant("u64", 0x7ff0_0000_0000_0000n)), "f64");
  return k.let(select(eq(power, 0), one, power));
}

/** Divides a matrix by a power of two. */
export function scaled(k: KernelBuilder, matrix: WorkMatrix, scale: Expression): void {
  const factor = k.let(broadcast(k.let(div(one, scale)), width));
  k.for(0, matrix.rows, 1, (row) =>
    matrix.along(0, (column) => matrix.setVector(row, column, mul(matrix.vector(row, column), factor))),
  );
}

/** A reflection I − τ·v·vᵀ that makes a row zeros but for its first element, which is β. */
export interface Reflection {
  readonly tau: Expression;
  readonly beta: Expression;
}

/**
 * Puts the vector of the reflection of a row, from a column on, in the place of the row: zeros before the column, 1 there.
 *
 * Plan: β is the root of α² and the sum of squares behind it, which is a row's (`dot`), with the other sign than α; τ is (β − α)/β,
 * and what is behind is divided by α − β. Where nothing is behind, β is α, and τ and the vector are zeros.
 */
export function reflection(k: KernelBuilder, [matrix, row]: Row, from: Expression): Reflection {
  const alpha = k.let(matrix.at(row, from));
  k.for(and(from, -width), add(from, 1), 1, (column) => matrix.set(row, column, zero));
  const squares = k.let(dot(k, [matrix, row], [matrix, row], from));
  const isNone = k.let(le(squares, leastSquares));
  const norm = k.let(sqrt(add(mul(alpha, alpha), squares)));
  const beta = k.let(select(isNone, alpha, select(lt(alpha, 0), norm, neg(norm))));
  const tau = k.let(select(isNone, zero, div(sub(beta, alpha), beta)));
  const divisor = k.let(broadcast(k.let(sub(alpha, beta)), width));
  k.if(
    isNone,
    () => matrix.along(from, (column) => matrix.setVector(row, column, constant("f64", 0, width))),
    () => {
      matrix.along(from, (column) => matrix.setVector(row, column, div(matrix.vector(row, column), divisor)));
      matrix.set(row, from, one);
    },
  );
  return { tau, beta };
}

/**
 * Makes of the vectors of reflections, that of row r being 1 at r and zeros before, the first rows of the product of all, the last one
 * first.
 *
 * Plan: from the last row on, each row behind is less its product with the vector, times τ, times the vector, and the row itself is
 * −τ·v but for 1 − τ at r.
 */
export function product(k: KernelBuilder, matrix: WorkMatrix, taus: Row): void {
  k.for(0, matrix.rows, 1, (turn) => {
    const row = k.let(sub(matrix.rows - 1, turn));
    const tau = k.let(taus[0].at(taus[1], row));
    k.for(add(row, 1), matrix.rows, 1, (other) => {
      const factor = k.let(mul(tau, dot(k, [matrix, other], [matrix, row], row)));
      subtract(k, [matrix, other], factor, [matrix, row], row);
    });
    k.for(0, row, 1, (column) => matrix.set(row, column, zero));
    const factors = k.let(broadcast(tau, width));
    matrix.along(row, (column) =>
      matrix.setVector(row, column, sub(constant("f64", 0, width), mul(factors, matrix.vector(row, column)))),
    );
    matrix.set(row, row, sub(one, tau));
  });
}

/** A rotation that makes (f, g) to (r, 0): c·f + s·g and c·g − s·f. */
export interface Rotation {
  readonly cosine: Expression;
  readonly sine: Expression;
  readonly length: Expression;
}

/** The rotation of two numbers, whose squares are made larger where they might be too small; none of zeros. */
export function rotationOf(k: KernelBuilder, f: Expression, g: Expression): Rotation {
  const [first, second] = [k.let(abs(f)), k.let(abs(g))];
  const isSmall = k.let(and(lt(first, 2 ** -400), lt(second, 2 ** -400)));
  const up = k.let(select(isSmall, constant("f64", 2 ** 600), one));
  const [x, y] = [k.let(mul(f, up)), k.let(mul(g, up))];
  const size = k.let(sqrt(add(mul(x, x), mul(y, y))));
  const isNone = k.let(eq(size, 0));
  const inverse = k.let(div(one, select(isNone, one, size)));
  return {
    cosine: k.let(select(isNone, one, mul(x, inverse))),
    sine: k.let(mul(y, inverse)),
    length: k.let(mul(size, select(isSmall, constant("f64", 2 ** -600), one))),
  };
}

/** Sweeps that are applied to a matrix at once. */
const together = 16;

/** Vectors of each row that they are applied to at once: the next rotation waits for what the last one gives of a vector. */
const across = 2;

/** Elements of f64 that rotations of so many rows take, and where sweeps begin and end. */
export const rotationWork = (rows: number) => matrixWork(2 * together, rows);
export const endsWork = matrixWork(2, together);

/** Matrices whose rows are turned, with the rotations that they wait for. */
export interface Turned {
  readonly matrix: WorkMatrix;
  readonly rotations: Buffer;
}

/**
 * Sweeps of rotations of each row and the next one, from one row down to another, which are kept until there are many, and then
 * applied to some columns of all rows at a time, which stay in the nearest cache meanwhile.
 */
export class Sweeps {
  readonly #k: KernelBuilder;
  readonly #count: Variable;
  readonly #ends: WorkMatrix;
  readonly #turned: readonly { readonly matrix: WorkMatrix; readonly rotations: WorkMatrix }[];

  constructor(k: KernelBuilder, turned: readonly Turned[], ends: Buffer) {
    this.#k = k;
    this.#count = k.variable(constant("i64", 0));
    this.#ends = new WorkMatrix(k, ends, 2, together);
    this.#turned = turned.map(({ matrix, rotations }) => ({
      matrix,
      rotations: new WorkMatrix(k, rotations, 2 * together, matrix.rows),
    }));
  }

  /** Keeps the rotation of a row and the next one, of the sweep that goes on, for a matrix by its number. */
  keep(matrix: number, row: Expression, { cosine, sine }: Rotation): void {
    if (this.#turned.length === 0) return;
    const { rotations } = this.#turned[matrix]!;
    rotations.set(this.#count.get(), row, cosine);
    rotations.set(add(this.#count.get(), together), row, sine);
  }

  /** Ends the sweep from a row down to another. */
  end(from: Expression, to: Expression): void {
    if (this.#turned.length === 0) return;
    const sweep = this.#k.let(this.#count.get());
    this.#ends.set(0, sweep, convert(from, "f64"));
    this.#ends.set(1, sweep, convert(to, "f64"));
    this.#count.set(add(sweep, 1));
    this.#k.if(eq(this.#count.get(), together), () => this.apply());
  }

  /** Applies what is kept. */
  apply(): void {
    const count = this.#k.let(this.#count.get());
    for (const { matrix, rotations } of this.#turned) {
      const whole = matrix.columns - (matrix.columns % (across * width));
      if (whole > 0)
        this.#k.for(0, whole, across * width, (column) => this.#applyTo(matrix, rotations, count, column, across));
      matrix.along(whole, (column) => this.#applyTo(matrix, rotations, count, column, 1));
    }
    this.#count.set(constant("i64", 0));
  }

  /** c·x + s·y and c·y − s·x of each row x and the next one y, each product rounded. */
  #applyTo(matrix: WorkMatrix, rotations: WorkMatrix, count: Expression, column: Expression, vectors: number): void {
    const k = this.#k;
    const columns = Array.from({ length: vectors }, (_, at) => (at === 0 ? column : k.let(add(column, at * width))));
    k.for(0, count, 1, (sweep) => {
      const [from, to] = [0, 1].map((end) => k.let(convert(this.#ends.at(end, sweep), "i64"))) as [
        Expression,
        Expression,
      ];
      const upper = columns.map((at) => k.variable(matrix.vector(from, at)));
      k.for(from, to, 1, (row) => {
        const next = k.let(add(row, 1));
        const [c, s] = [sweep, add(sweep, together)].map((which) => k.let(broadcast(rotations.at(which, row), width)));
        for (const [at, x] of upper.entries()) {
          const y = k.let(matrix.vector(next, columns[at]!));
          matrix.setVector(row, columns[at]!, add(mul(c!, x.get()), mul(s!, y)));
          x.set(sub(mul(c!, y), mul(s!, x.get())));
        }
      });
      for (const [at, x] of upper.entries()) matrix.setVector(to, columns[at]!, x.get());
    });
  }
}

/**
 * Makes a matrix diagonal that has numbers on its diagonal d and beside it e only: `sweep` does one sweep over a block from a row to
 * another that no e between them is small in. An e is small, and counts as 0, up to 2⁻⁵³ of its neighbours on the diagonal and 2⁻⁵⁸
 * beside. Whether it did not end in `mostSweeps` sweeps for each row.
 */
function deflated(
  k: KernelBuilder,
  size: number,
  [d, e]: readonly [Row, Row],
  sweep: (from: Expression, to: Expression) => void,
): Expression {
  const bottom = k.variable(constant("i64", size - 1));
  const isSmall = (at: Expression) => {
    const neighbours = add(abs(d[0].at(d[1], at)), abs(d[0].at(d[1], add(at, 1))));
    return le(abs(e[0].at(e[1], at)), add(mul(neighbours, 2 ** -53), 2 ** -58));
  };
  if (size > 1)
    k.for(0, size * (mostSweeps + 1), 1, () =>
      k.if(gt(bottom.get(), 0), () => {
        const to = k.let(bottom.get());
        const last = k.let(sub(to, 1));
        k.if(
          isSmall(last),
          () => bottom.set(last),
          () => {
            const from = k.variable(constant("i64", 0));
            k.for(0, last, 1, (at) => from.set(select(isSmall(at), add(at, 1), from.get())));
            sweep(k.let(from.get()), to);
          },
        );
      }),
    );
  return k.let(gt(bottom.get(), 0));
}

/**
 * Makes a matrix diagonal, divided by a power of two: `reduce` leaves numbers on its diagonal d and beside it e only, `sweep` is that of
 * {@link deflated}, and its rotations turn other matrices.
 *
 * The power of two; and NaN where an element is not finite or the sweeps did not end, else 0: what spoils the results.
 */
export function diagonalised(
  k: KernelBuilder,
  matrix: WorkMatrix,
  [d, e]: readonly [Row, Row],
  { turned, ends }: { readonly turned: readonly Turned[]; readonly ends: Buffer },
  reduce: () => void,
  sweep: (rows: readonly [Expression, Expression], sweeps: Sweeps) => void,
): { readonly scale: Expression; readonly spoiled: Expression } {
  const scale = scaleOf(k, matrix);
  const fails = k.variable(ne(sub(scale, scale), 0));
  k.if(eq(sub(scale, scale), 0), () => {
    scaled(k, matrix, scale);
    reduce();
    const sweeps = new Sweeps(k, turned, ends);
    fails.set(deflated(k, d[0].columns, [d, e], (from, to) => sweep([from, to], sweeps)));
    sweeps.apply();
  });
  return { scale, spoiled: k.let(select(fails.get(), constant("f64", Number.NaN), zero)) };
}

/** For each number its place in order, of equals the first one first. */
export function placed(
  k: KernelBuilder,
  size: number,
  value: (at: Expression) => Expression,
  comesFirst: (one: Expression, other: Expression) => Expression,
  body: (at: Expression, place: Expression, own: Expression) => void,
): void {
  k.for(0, size, 1, (at) => {
    const own = k.let(value(at));
    const place = k.variable(constant("i64", 0));
    k.for(0, size, 1, (other) => {
      const theirs = k.let(value(other));
      const before = or(comesFirst(theirs, own), and(lt(other, at), not(comesFirst(own, theirs))));
      place.set(add(place.get(), convert(before, "i64")));
    });
    body(at, k.let(place.get()), own);
  });
}
