// Eigenvalues and eigenvectors of symmetric matrices.
import {
  add,
  and,
  broadcast,
  constant,
  div,
  KernelBuilder,
  lt,
  mul,
  ne,
  neg,
  select,
  sqrt,
  sub,
} from "../../loop/build.ts";
import type { Buffer, Expression, Kernel } from "../../loop/ir.ts";
import type { Source } from "../access.ts";
import { type Destination, forEachOuter } from "../map.ts";
import { dot, matrixWork, read, subtract, total, WorkMatrix, width, write } from "./matrix.ts";
import {
  diagonalised,
  endsWork,
  one,
  placed,
  product,
  reflection,
  rotationOf,
  rotationWork,
  type Sweeps,
  zero,
} from "./spectrum.ts";

/** Numbers for each row: the diagonal, what is beside it, factors of reflections, and two rows of products with their vectors. */
const lines = { diagonal: 0, beside: 1, taus: 2, products: 3 };

/** Elements of f64 that `eighKernel` needs beside its result. */
export const eighWork = (size: number) => ({
  matrix: matrixWork(size, size),
  vectors: matrixWork(size, size),
  lines: matrixWork(5, size),
  rotations: rotationWork(size),
  ends: endsWork,
});

/**
 * Makes a symmetric matrix tridiagonal: its diagonal and what is beside it are lines, and row r of `vectors` is the vector of the
 * reflection before, which is 1 at r.
 *
 * Plan: for each row what is behind the diagonal is reflected (`reflection`). With p = τ·A·v, sums along rows, and
 * w = p − (τ/2·(p·v))·v, each element behind is less v_i·w_j + w_i·v_j, each product rounded. What is taken off a row waits until the
 * next product reads it.
 */
function tridiagonal(k: KernelBuilder, a: WorkMatrix, vectors: WorkMatrix, all: WorkMatrix): void {
  const size = a.rows;
  k.for(0, size - 1, 1, (at) => {
    const next = k.let(add(at, 1));
    const [w, former] = [and(at, 1), and(next, 1)].map((parity) => k.let(add(parity, lines.products)));
    /** A row less what the last reflection takes off it, from a column on. */
    const rest = (row: Expression, from: Expression, body: (column: Expression, values: Expression) => void) => {
      const x = k.let(broadcast(vectors.at(at, row), width));
      const y = k.let(broadcast(all.at(former!, row), width));
      a.along(from, (column) => {
        const off = add(mul(x, all.vector(former!, column)), mul(y, vectors.vector(at, column)));
        const values = k.let(sub(a.vector(row, column), off));
        a.setVector(row, column, values);
        body(column, values);
      });
    };
    rest(at, at, () => {});
    all.set(lines.diagonal, at, a.at(at, at));
    a.along(next, (column) => vectors.setVector(next, column, a.vector(at, column)));
    const { tau, beta } = reflection(k, [vectors, next], next);
    all.set(lines.beside, at, beta);
    all.set(lines.taus, next, tau);
    k.for(and(next, -width), next, 1, (column) => all.set(w!, column, zero));
    k.for(next, size, 1, (row) => {
      const sum = k.variable(constant("f64", 0, width));
      rest(row, next, (column, values) => sum.set(add(sum.get(), mul(values, vectors.vector(next, column)))));
      all.set(w!, row, mul(tau, total(k, sum.get())));
    });
    const both = dot(k, [all, w!], [vectors, next], next);
    subtract(k, [all, w!], k.let(mul(mul(tau, 0.5), both)), [vectors, next], next);
  });
  all.set(lines.diagonal, size - 1, a.at(size - 1, size - 1));
}

/**
 * One sweep of the QR algorithm over the rows from one to another of a tridiagonal matrix, shifted by the eigenvalue of the last two
 * rows that is nearer to the last element, as LAPACK's steqr.
 */
function sweep(k: KernelBuilder, all: WorkMatrix, [from, to]: readonly [Expression, Expression], sweeps: Sweeps): void {
  const d = (at: Expression) => all.at(lines.diagonal, at);
  const e = (at: Expression) => all.at(lines.beside, at);
  const last = k.let(sub(to, 1));
  const ratio = k.let(div(sub(d(last), d(to)), mul(e(last), 2)));
  const root = k.let(sqrt(add(mul(ratio, ratio), one)));
  const shifted = div(e(last), add(ratio, select(lt(ratio, 0), neg(root), root)));
  const g = k.variable(add(sub(d(from), d(to)), shifted));
  const [cosine, sine, moved] = [k.variable(one), k.variable(one), k.variable(zero)];
  k.for(from, to, 1, (at) => {
    const beside = k.let(e(at));
    const f = k.let(mul(sine.get(), beside));
    const b = k.let(mul(cosine.get(), beside));
    const by = rotationOf(k, g.get(), f);
    k.if(ne(at, from), () => all.set(lines.beside, sub(at, 1), by.length));
    const own = k.let(sub(d(at), moved.get()));
    const r = k.let(add(mul(sub(d(add(at, 1)), own), by.sine), mul(mul(by.cosine, 2), b)));
    moved.set(mul(by.sine, r));
    all.set(lines.diagonal, at, add(own, moved.get()));
    g.set(sub(mul(by.cosine, r), b));
    cosine.set(by.cosine);
    sine.set(by.sine);
    sweeps.keep(0, at, by);
  });
  all.set(lines.diagonal, to, sub(d(to), moved.get()));
  all.set(lines.beside, last, g.get());
  sweeps.end(from, to);
}

/**
 * destination[…,n+1,n] = in columns the eigenvectors of source[…,n,n], which is symmetric and of which the lower triangle is read, and
 * in the last row their eigenvalues, ascending; the eigenvalues alone, destination[…,1,n], unless `vectors`. All NaN where an element
 * is not finite, or where `mostSweeps` for each row do not end.
 *
 * Plan: in f64, divided by a power of two. Reflections make the matrix tridiagonal, and sweeps of the QR algorithm diagonal, whose
 * rotations turn the product of the reflections. Sums along rows are 8 chains, added by halves, each product is rounded, and results
 * once.
 */
export function eighKernel(
  name: string,
  buffers: readonly Buffer[],
  source: Source,
  vectors: boolean,
  work: { readonly [part in keyof ReturnType<typeof eighWork>]: Buffer },
  destination: Destination,
): Kernel {
  const k = new KernelBuilder();
  k.buffers.push(...buffers);
  const size = source.shape.at(-1)!;
  forEachOuter(k, source.shape.slice(0, -2), (outer) => {
    const a = new WorkMatrix(k, work.matrix, size, size);
    const v = new WorkMatrix(k, work.vectors, size, size);
    const all = new WorkMatrix(k, work.lines, 5, size);
    for (const each of [a, v, all]) each.clear();
    k.for(0, size, 1, (row) =>
      k.for(0, add(row, 1), 1, (column) => {
        const element = k.let(read(source, outer, row, column));
        a.set(row, column, element);
        a.set(column, row, element);
      }),
    );
    const turned = vectors ? [{ matrix: v, rotations: work.rotations }] : [];
    const { scale, spoiled } = diagonalised(
      k,
      a,
      [
        [all, lines.diagonal],
        [all, lines.beside],
      ],
      { turned, ends: work.ends },
      () => {
        tridiagonal(k, a, v, all);
        if (vectors) product(k, v, [all, lines.taus]);
      },
      (rows, sweeps) => sweep(k, all, rows, sweeps),
    );
    placed(
      k,
      size,
      (at) => all.at(lines.diagonal, at),
      lt,
      (at, place, own) => {
        write(k, destination, outer, [vectors ? size : 0, place], add(mul(own, scale), spoiled));
        if (vectors)
          k.for(0, size, 1, (row) => write(k, destination, outer, [row, place], add(v.at(at, row), spoiled)));
      },
    );
  });
  return k.finish(name);
}
