// Eigenvalues and eigenvectors of any square matrices, which are complex.
import {
  abs,
  add,
  broadcast,
  constant,
  div,
  eq,
  gt,
  type Index,
  index,
  KernelBuilder,
  le,
  lt,
  mul,
  ne,
  neg,
  rem,
  select,
  sqrt,
  sub,
} from "../../loop/build.ts";
import type { Buffer, Expression, Kernel } from "../../loop/ir.ts";
import type { Source } from "../access.ts";
import { type Destination, forEachOuter } from "../map.ts";
import { dot, matrixWork, read, WorkMatrix, width, write } from "./matrix.ts";
import { leastSquares, mostSweeps, one, scaled, scaleOf, zero } from "./spectrum.ts";

/** A complex number, or a vector of them. */
interface Complex {
  readonly re: Expression;
  readonly im: Expression;
}

const plus = (x: Complex, y: Complex): Complex => ({ re: add(x.re, y.re), im: add(x.im, y.im) });
const minus = (x: Complex, y: Complex): Complex => ({ re: sub(x.re, y.re), im: sub(x.im, y.im) });
const times = (x: Complex, y: Complex): Complex => ({
  re: sub(mul(x.re, y.re), mul(x.im, y.im)),
  im: add(mul(x.re, y.im), mul(x.im, y.re)),
});
const by = (x: Complex, factor: Expression): Complex => ({ re: mul(x.re, factor), im: mul(x.im, factor) });
const mirrored = (x: Complex): Complex => ({ re: x.re, im: neg(x.im) });
/** The sum of the sizes of both parts. */
const sizeOf = ({ re, im }: Complex): Expression => add(abs(re), abs(im));

/** Complex matrices in work memory: imaginary parts are rows behind the real ones. */
class Complexes {
  readonly #k: KernelBuilder;
  readonly all: WorkMatrix;
  readonly rows: number;

  constructor(k: KernelBuilder, buffer: Buffer, rows: number, columns: number) {
    this.#k = k;
    this.all = new WorkMatrix(k, buffer, 2 * rows, columns);
    this.rows = rows;
  }

  imaginary(row: Index): Expression {
    return add(index(row), this.rows);
  }

  named({ re, im }: Complex): Complex {
    return { re: this.#k.let(re), im: this.#k.let(im) };
  }

  at(row: Index, column: Index): Complex {
    return this.named({ re: this.all.at(row, column), im: this.all.at(this.imaginary(row), column) });
  }

  set(row: Index, column: Index, value: Complex): void {
    const { re, im } = this.named(value);
    this.all.set(row, column, re);
    this.all.set(this.imaginary(row), column, im);
  }

  vector(row: Index, column: Index): Complex {
    return this.named({ re: this.all.vector(row, column), im: this.all.vector(this.imaginary(row), column) });
  }

  setVector(row: Index, column: Index, value: Complex): void {
    const { re, im } = this.named(value);
    this.all.setVector(row, column, re);
    this.all.setVector(this.imaginary(row), column, im);
  }
}

const none: Complex = { re: zero, im: zero };
const wideNone: Complex = { re: constant("f64", 0, width), im: constant("f64", 0, width) };

/** Lines of complex numbers: a vector of a reflection, sums of rows, two factors of rotations, and an eigenvector by Schur's. */
const lines = { vector: 0, sums: 1, first: 2, second: 3, solution: 4 };

/** Elements of f64 that `eigKernel` needs beside its result. */
export const eigWork = (size: number) => ({
  matrix: matrixWork(2 * size, size),
  vectors: matrixWork(2 * size, size),
  lines: matrixWork(10, size),
});

interface Parts {
  readonly k: KernelBuilder;
  readonly size: number;
  readonly h: Complexes;
  /** Schur's vectors as rows. */
  readonly z: Complexes;
  readonly line: Complexes;
  readonly vectors: boolean;
}

const wide = ({ k }: Parts, { re, im }: Complex): Complex => ({
  re: k.let(broadcast(re, width)),
  im: k.let(broadcast(im, width)),
});

/** Takes τ·v·(v̄ᵀ·A) off rows from one on, or with v̄ for v: sums in the order of rows. */
function reflectRows(
  parts: Parts,
  matrix: Complexes,
  tau: Expression,
  from: Expression,
  column: Index,
  isMirrored: boolean,
): void {
  const { k, size, line } = parts;
  const factors = k.let(broadcast(tau, width));
  const factorOf = (row: Expression): Complex => {
    const value = line.at(lines.vector, row);
    return wide(parts, isMirrored ? mirrored(value) : value);
  };
  matrix.all.along(column, (at) => {
    line.setVector(lines.sums, at, wideNone);
    k.for(from, size, 1, (row) =>
      line.setVector(
        lines.sums,
        at,
        plus(line.vector(lines.sums, at), times(mirrored(factorOf(row)), matrix.vector(row, at))),
      ),
    );
    const off = line.named(by(line.vector(lines.sums, at), factors));
    k.for(from, size, 1, (row) => matrix.setVector(row, at, minus(matrix.vector(row, at), times(factorOf(row), off))));
  });
}

/** Makes what is below the numbers under the diagonal zeros, by reflections from both sides. */
function hessenberg(parts: Parts): void {
  const { k, size, h, z, line, vectors } = parts;
  if (size < 3) return;
  k.for(0, size - 2, 1, (at) => {
    const next = k.let(add(at, 1));
    line.all.along(0, (column) => line.setVector(lines.vector, column, wideNone));
    k.for(add(at, 2), size, 1, (row) => line.set(lines.vector, row, h.at(row, at)));
    const [re, im] = [index(lines.vector), line.imaginary(lines.vector)];
    const along = (row: Expression) => dot(k, [line.all, row], [line.all, row]);
    const squares = k.let(add(along(re), along(im)));
    k.if(gt(squares, leastSquares), () => {
      const alpha = h.at(next, at);
      const square = k.let(add(mul(alpha.re, alpha.re), mul(alpha.im, alpha.im)));
      const length = k.let(sqrt(square));
      const norm = k.let(sqrt(add(square, squares)));
      const isNone = k.let(eq(length, 0));
      const divisor = k.let(select(isNone, one, length));
      const phase = {
        re: select(isNone, one, div(alpha.re, divisor)),
        im: select(isNone, zero, div(alpha.im, divisor)),
      };
      line.set(lines.vector, next, plus(alpha, by(line.named(phase), norm)));
      const tau = k.let(div(one, mul(norm, add(norm, length))));
      reflectRows(parts, h, tau, next, at, false);
      k.for(add(at, 2), size, 1, (row) => h.set(row, at, none));
      k.for(0, size, 1, (row) => {
        const under = h.imaginary(row);
        const product = (own: Expression, other: Expression) => dot(k, [h.all, own], [line.all, other], next);
        const off = line.named(
          by(
            line.named({
              re: sub(product(row, re), product(under, im)),
              im: add(product(row, im), product(under, re)),
            }),
            tau,
          ),
        );
        const factors = wide(parts, off);
        h.all.along(next, (column) =>
          h.setVector(
            row,
            column,
            minus(h.vector(row, column), times(factors, mirrored(line.vector(lines.vector, column)))),
          ),
        );
      });
      if (vectors) reflectRows(parts, z, tau, next, 0, true);
    });
  });
}

/** The root whose real part is not negative. */
function rootOf(k: KernelBuilder, { re, im }: Complex): Complex {
  const length = k.let(sqrt(add(mul(re, re), mul(im, im))));
  const larger = k.let(sqrt(mul(add(length, abs(re)), 0.5)));
  const isNone = k.let(eq(larger, 0));
  const smaller = k.let(div(im, mul(select(isNone, one, larger), 2)));
  const isLeft = k.let(lt(re, 0));
  return {
    re: k.let(select(isLeft, abs(smaller), larger)),
    im: k.let(select(isLeft, select(lt(im, 0), neg(larger), larger), smaller)),
  };
}

/** x / y, the square of whose length is a number. */
function quotient(k: KernelBuilder, x: Complex, y: Complex): Complex {
  const square = k.let(add(mul(y.re, y.re), mul(y.im, y.im)));
  return {
    re: k.let(div(add(mul(x.re, y.re), mul(x.im, y.im)), square)),
    im: k.let(div(sub(mul(x.im, y.re), mul(x.re, y.im)), square)),
  };
}

/** The eigenvalue of the last two rows of a block that is nearer to the last element; of every tenth try something else. */
function shiftOf({ k, h }: Parts, to: Expression, tries: Expression): Complex {
  const last = k.let(sub(to, 1));
  const [a, b, c, d] = [h.at(last, last), h.at(last, to), h.at(to, last), h.at(to, to)];
  const half = h.named(by(minus(a, d), constant("f64", 0.5)));
  const product = h.named(times(b, c));
  const root = rootOf(k, h.named(plus(times(half, half), product)));
  const isOther = k.let(lt(add(mul(half.re, root.re), mul(half.im, root.im)), 0));
  const larger = h.named({
    re: select(isOther, sub(half.re, root.re), add(half.re, root.re)),
    im: select(isOther, sub(half.im, root.im), add(half.im, root.im)),
  });
  const isNone = k.let(lt(sizeOf(larger), 2 ** -400));
  const off = quotient(k, product, { re: select(isNone, one, larger.re), im: larger.im });
  const near = h.named({ re: select(isNone, d.re, sub(d.re, off.re)), im: select(isNone, d.im, sub(d.im, off.im)) });
  const isStuck = k.let(eq(rem(tries, 10), 9));
  return h.named({ re: select(isStuck, add(d.re, sizeOf(c)), near.re), im: select(isStuck, d.im, near.im) });
}

/** One sweep of the QR algorithm over the rows from one to another. */
function sweep(parts: Parts, from: Expression, to: Expression, tries: Expression): void {
  const { k, h, z, line, vectors } = parts;
  const shift = shiftOf(parts, to, tries);
  k.for(from, add(to, 1), 1, (at) => h.set(at, at, minus(h.at(at, at), shift)));
  k.for(from, to, 1, (at) => {
    const next = k.let(add(at, 1));
    const [a, b] = [h.at(at, at), h.at(next, at)];
    const squares = (x: Complex) => add(mul(x.re, x.re), mul(x.im, x.im));
    const length = k.let(sqrt(add(squares(a), squares(b))));
    const inverse = k.let(div(one, length));
    const [p, q] = [line.named(by(a, inverse)), line.named(by(b, inverse))];
    line.set(lines.first, at, p);
    line.set(lines.second, at, q);
    const [first, second] = [wide(parts, p), wide(parts, q)];
    h.all.along(at, (column) => {
      const [x, y] = [h.vector(at, column), h.vector(next, column)];
      h.setVector(at, column, plus(times(mirrored(first), x), times(mirrored(second), y)));
      h.setVector(next, column, minus(times(first, y), times(second, x)));
    });
    h.set(at, at, { re: length, im: zero });
    h.set(next, at, none);
  });
  const turned = (matrix: Complexes, one: readonly [Index, Index], other: readonly [Index, Index], at: Expression) => {
    const [p, q] = [line.at(lines.first, at), line.at(lines.second, at)];
    const [x, y] = [matrix.at(...one), matrix.at(...other)];
    matrix.set(...one, plus(times(p, x), times(q, y)));
    matrix.set(...other, minus(times(mirrored(p), y), times(mirrored(q), x)));
  };
  k.for(0, add(to, 1), 1, (row) => {
    const before = k.let(sub(row, 1));
    k.for(k.let(select(lt(before, from), from, before)), to, 1, (at) => turned(h, [row, at], [row, add(at, 1)], at));
  });
  k.for(from, add(to, 1), 1, (at) => h.set(at, at, plus(h.at(at, at), shift)));
  if (!vectors) return;
  k.for(from, to, 1, (at) => {
    const next = k.let(add(at, 1));
    const [p, q] = [wide(parts, line.at(lines.first, at)), wide(parts, line.at(lines.second, at))];
    z.all.along(0, (column) => {
      const [x, y] = [z.vector(at, column), z.vector(next, column)];
      z.setVector(at, column, plus(times(p, x), times(q, y)));
      z.setVector(next, column, minus(times(mirrored(p), y), times(mirrored(q), x)));
    });
  });
}

/** Makes a matrix triangular by sweeps; whether they do not end. */
function triangular(parts: Parts): Expression {
  const { k, size, h } = parts;
  const bottom = k.variable(constant("i64", size - 1));
  const tries = k.variable(constant("i64", 0));
  const isSmall = (at: Expression): Expression => {
    const next = k.let(add(at, 1));
    const neighbours = add(sizeOf(h.at(at, at)), sizeOf(h.at(next, next)));
    return le(sizeOf(h.at(next, at)), add(mul(neighbours, 2 ** -53), 2 ** -58));
  };
  if (size > 1)
    k.for(0, size * (mostSweeps + 1), 1, () =>
      k.if(gt(bottom.get(), 0), () => {
        const to = k.let(bottom.get());
        const last = k.let(sub(to, 1));
        const from = k.variable(constant("i64", 0));
        k.for(0, to, 1, (at) =>
          k.if(isSmall(at), () => {
            from.set(add(at, 1));
            h.set(add(at, 1), at, none);
          }),
        );
        k.if(
          gt(from.get(), last),
          () => {
            bottom.set(last);
            tries.set(constant("i64", 0));
          },
          () => {
            sweep(parts, k.let(from.get()), to, k.let(tries.get()));
            tries.set(add(tries.get(), 1));
          },
        );
      }),
    );
  return k.let(gt(bottom.get(), 0));
}

/** Puts an eigenvector, its length not yet 1, among the sums. */
function vectorOf({ k, h, z, line }: Parts, own: Expression): void {
  const value = h.at(own, own);
  line.set(lines.solution, own, { re: one, im: zero });
  k.for(0, own, 1, (turn) => {
    const at = k.let(sub(sub(own, 1), turn));
    const [re, im] = [k.variable(zero), k.variable(zero)];
    k.for(add(at, 1), add(own, 1), 1, (column) => {
      const { re: x, im: y } = times(h.at(at, column), line.at(lines.solution, column));
      re.set(add(re.get(), x));
      im.set(add(im.get(), y));
    });
    const difference = h.named(minus(h.at(at, at), value));
    const isNone = k.let(lt(sizeOf(difference), 2 ** -53));
    const divisor = {
      re: k.let(select(isNone, constant("f64", 2 ** -53), difference.re)),
      im: k.let(select(isNone, zero, difference.im)),
    };
    const found = quotient(k, { re: k.let(neg(re.get())), im: k.let(neg(im.get())) }, divisor);
    line.set(lines.solution, at, found);
    k.if(gt(sizeOf(found), 2 ** 200), () =>
      k.for(at, add(own, 1), 1, (each) =>
        line.set(lines.solution, each, by(line.at(lines.solution, each), constant("f64", 2 ** -200))),
      ),
    );
  });
  line.all.along(0, (column) => {
    line.setVector(lines.sums, column, wideNone);
    k.for(0, add(own, 1), 1, (row) => {
      const x = line.at(lines.solution, row);
      const factors = { re: k.let(broadcast(x.re, width)), im: k.let(broadcast(x.im, width)) };
      line.setVector(lines.sums, column, plus(line.vector(lines.sums, column), times(factors, z.vector(row, column))));
    });
  });
}

/**
 * destination[…,n+1,2n] = in columns the eigenvectors of source[…,n,2n], a matrix of real parts beside one of imaginary parts, as the
 * results are, and in the last row the eigenvalues, in the order in which they are found on the diagonal; the eigenvalues alone,
 * destination[…,1,2n], unless `vectors`. Vectors have the length 1, and the first of their largest elements is real and positive. All
 * NaN where an element is not finite, or where `mostSweeps` for each row do not end.
 *
 * Plan: in f64, divided by a power of two. Reflections make zeros below the numbers under the diagonal, sweeps of the QR algorithm,
 * each by the eigenvalue of the last two rows that is nearer to the last element, and by another number in every tenth try of one
 * eigenvalue, make the matrix triangular, whose vectors are found from the bottom and turned. Each product is rounded, and results once.
 */
export function eigKernel(
  name: string,
  buffers: readonly Buffer[],
  source: Source,
  vectors: boolean,
  work: { readonly [part in keyof ReturnType<typeof eigWork>]: Buffer },
  destination: Destination,
): Kernel {
  const k = new KernelBuilder();
  k.buffers.push(...buffers);
  const size = source.shape.at(-2)!;
  forEachOuter(k, source.shape.slice(0, -2), (outer) => {
    const h = new Complexes(k, work.matrix, size, size);
    const z = new Complexes(k, work.vectors, size, size);
    const line = new Complexes(k, work.lines, 5, size);
    const parts: Parts = { k, size, h, z, line, vectors };
    for (const each of [h, z, line]) each.all.clear();
    k.for(0, size, 1, (row) => {
      k.for(0, size, 1, (column) =>
        h.set(row, column, {
          re: read(source, outer, row, column),
          im: read(source, outer, row, add(column, size)),
        }),
      );
      z.set(row, row, { re: one, im: zero });
    });
    const scale = scaleOf(k, h.all);
    const fails = k.variable(ne(sub(scale, scale), 0));
    k.if(eq(sub(scale, scale), 0), () => {
      scaled(k, h.all, scale);
      hessenberg(parts);
      fails.set(triangular(parts));
    });
    const spoiled = k.let(select(fails.get(), constant("f64", Number.NaN), zero));
    k.for(0, size, 1, (own) => {
      const value = h.at(own, own);
      const give = (row: Index, { re, im }: Complex): void => {
        write(k, destination, outer, [row, own], add(re, spoiled));
        write(k, destination, outer, [row, add(own, size)], add(im, spoiled));
      };
      give(vectors ? size : 0, line.named(by(value, scale)));
      if (!vectors) return;
      vectorOf(parts, own);
      const rows = [index(lines.sums), line.imaginary(lines.sums)] as const;
      const squares = rows.map((row) => dot(k, [line.all, row], [line.all, row]));
      const length = k.let(sqrt(add(squares[0]!, squares[1]!)));
      const [most, place] = [k.variable(constant("f64", -1)), k.variable(constant("i64", 0))];
      k.for(0, size, 1, (row) => {
        const x = line.at(lines.sums, row);
        const square = k.let(add(mul(x.re, x.re), mul(x.im, x.im)));
        const isMore = k.let(gt(square, most.get()));
        most.set(select(isMore, square, most.get()));
        place.set(select(isMore, row, place.get()));
      });
      const largest = line.at(lines.sums, k.let(place.get()));
      const divisor = k.let(mul(sqrt(most.get()), length));
      const factor = line.named({ re: div(largest.re, divisor), im: div(neg(largest.im), divisor) });
      k.for(0, size, 1, (row) => {
        const { re, im } = line.named(times(line.at(lines.sums, row), factor));
        give(row, { re, im: k.let(select(eq(row, place.get()), zero, im)) });
      });
    });
  });
  return k.finish(name);
}
