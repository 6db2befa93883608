// Singular values and vectors.
import {
  abs,
  add,
  broadcast,
  constant,
  div,
  eq,
  gt,
  KernelBuilder,
  le,
  lt,
  mul,
  ne,
  neg,
  or,
  select,
  sqrt,
  sub,
} from "../../loop/build.ts";
import type { Buffer, Expression, Kernel } from "../../loop/ir.ts";
import type { Source } from "../access.ts";
import { type Destination, forEachOuter } from "../map.ts";
import { matrixWork, read, rowWork, total, WorkMatrix, width, write } from "./matrix.ts";
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
} from "./spectrum.ts";

/** Numbers for each column: the diagonal, what is beside it, factors of reflections from the left and the right, products with vectors. */
const lines = { diagonal: 0, beside: 1, left: 2, right: 3, products: 4 };

/** Elements of f64 that `svdKernel` needs beside its result. */
export const svdWork = (rows: number, columns: number) => ({
  left: matrixWork(columns, rows),
  right: matrixWork(columns, columns),
  lines: matrixWork(5, columns),
  sum: rowWork(rows),
  leftRotations: rotationWork(columns),
  rightRotations: rotationWork(columns),
  ends: endsWork,
});

interface Parts {
  /** Columns of the matrix, and the vectors of the reflections from the left, as rows. */
  readonly u: WorkMatrix;
  /** Row r is the vector of the reflection from the right before, which is 1 at r. */
  readonly v: WorkMatrix;
  readonly all: WorkMatrix;
  /** τ·A·w of the last reflection from the right. */
  readonly sum: WorkMatrix;
}

/**
 * Makes a matrix bidiagonal: its diagonal and what is right of it are lines.
 *
 * Plan: for each column, what is on and below the diagonal is reflected (`reflection`); z = τ·(vᵀ·A), sums along columns; then what is
 * right of the diagonal in its row, less z; y = τ·(A·w), sums in the order of columns. Each element is less v_i·z_j, and then y_i·w_j,
 * each product rounded. What the second takes off waits until the next product reads it.
 */
function bidiagonal(k: KernelBuilder, { u, v, all, sum }: Parts): void {
  const columns = u.rows;
  /** A column less what the last reflection from the right takes off it. */
  const rest = (at: Expression, column: Expression, body: (row: Expression, values: Expression) => void) => {
    const factors = k.let(broadcast(v.at(at, column), width));
    u.along(at, (row) => {
      const values = k.let(sub(u.vector(column, row), mul(factors, sum.vector(0, row))));
      u.setVector(column, row, values);
      body(row, values);
    });
  };
  const reflected = (at: Expression): Expression => {
    rest(at, at, () => {});
    const { tau, beta } = reflection(k, [u, at], at);
    all.set(lines.diagonal, at, beta);
    all.set(lines.left, at, tau);
    return tau;
  };
  k.for(0, columns - 1, 1, (at) => {
    const next = k.let(add(at, 1));
    const tau = reflected(at);
    k.for(next, columns, 1, (column) => {
      const products = k.variable(constant("f64", 0, width));
      rest(at, column, (row, values) => products.set(add(products.get(), mul(values, u.vector(at, row)))));
      const off = k.let(mul(tau, total(k, products.get())));
      all.set(lines.products, column, off);
      v.set(next, column, sub(u.at(column, at), off));
    });
    const right = reflection(k, [v, next], next);
    all.set(lines.beside, at, right.beta);
    all.set(lines.right, next, right.tau);
    sum.along(at, (row) => sum.setVector(0, row, constant("f64", 0, width)));
    k.for(next, columns, 1, (column) => {
      const off = k.let(broadcast(all.at(lines.products, column), width));
      const factors = k.let(broadcast(v.at(next, column), width));
      u.along(at, (row) => {
        const values = k.let(sub(u.vector(column, row), mul(off, u.vector(at, row))));
        u.setVector(column, row, values);
        sum.setVector(0, row, add(sum.vector(0, row), mul(factors, values)));
      });
    });
    const factor = k.let(broadcast(right.tau, width));
    sum.along(at, (row) => sum.setVector(0, row, mul(factor, sum.vector(0, row))));
  });
  reflected(k.let(constant("i64", columns - 1)));
}

/**
 * What the sweep of a bidiagonal block begins with: its shift is the smaller singular value of its last two rows, and none where that
 * is nothing beside the first element, or an element of the diagonal beside the largest of all.
 */
function firstOf(k: KernelBuilder, all: WorkMatrix, from: Expression, to: Expression): Expression {
  const last = k.let(sub(to, 1));
  const at = (line: number, place: Expression) => k.let(abs(all.at(line, place)));
  const [first, beside, second] = [at(lines.diagonal, last), at(lines.beside, last), at(lines.diagonal, to)];
  const more = k.let(select(lt(first, second), second, first));
  const fewer = k.let(select(lt(first, second), first, second));
  const divisor = k.let(select(eq(more, 0), one, more));
  const part = k.let(div(fewer, divisor));
  const [sum, difference, slope] = [add(one, part), sub(one, part), div(beside, divisor)].map((each) => k.let(each));
  const square = k.let(mul(slope!, slope!));
  const roots = add(sqrt(add(mul(sum!, sum!), square)), sqrt(add(mul(difference!, difference!), square)));
  const shift = k.let(div(mul(fewer, 2), roots));
  const [least, most] = [k.variable(second), k.variable(second)];
  k.for(from, to, 1, (place) => {
    const [own, right] = [at(lines.diagonal, place), at(lines.beside, place)];
    least.set(select(lt(own, least.get()), own, least.get()));
    const larger = k.let(select(lt(own, right), right, own));
    most.set(select(lt(most.get(), larger), larger, most.get()));
  });
  const start = k.let(all.at(lines.diagonal, from));
  const isNone = or(
    le(least.get(), mul(most.get(), 2 ** -53)),
    le(mul(shift, shift), mul(mul(start, start), 2 ** -52)),
  );
  const size = k.let(abs(start));
  const shifted = mul(sub(size, shift), add(select(lt(start, 0), neg(one), one), div(shift, start)));
  return k.let(select(isNone, start, shifted));
}

/** One sweep of the QR algorithm of Golub and Kahan over the rows from one to another of a bidiagonal matrix, as LAPACK's bdsqr. */
function sweep(k: KernelBuilder, all: WorkMatrix, [from, to]: readonly [Expression, Expression], sweeps: Sweeps): void {
  const f = k.variable(firstOf(k, all, from, to));
  const g = k.variable(all.at(lines.beside, from));
  const last = k.let(sub(to, 1));
  k.for(from, to, 1, (at) => {
    const next = k.let(add(at, 1));
    const [d, e, below] = [all.at(lines.diagonal, at), all.at(lines.beside, at), all.at(lines.diagonal, next)].map(
      (each) => k.let(each),
    ) as [Expression, Expression, Expression];
    const right = rotationOf(k, f.get(), g.get());
    k.if(ne(at, from), () => all.set(lines.beside, sub(at, 1), right.length));
    const turned = k.let(add(mul(right.cosine, d), mul(right.sine, e)));
    const beside = k.let(sub(mul(right.cosine, e), mul(right.sine, d)));
    const bulge = k.let(mul(right.sine, below));
    const under = k.let(mul(right.cosine, below));
    const left = rotationOf(k, turned, bulge);
    all.set(lines.diagonal, at, left.length);
    f.set(add(mul(left.cosine, beside), mul(left.sine, under)));
    all.set(lines.diagonal, next, sub(mul(left.cosine, under), mul(left.sine, beside)));
    k.if(ne(at, last), () => {
      const after = k.let(all.at(lines.beside, next));
      g.set(mul(left.sine, after));
      all.set(lines.beside, next, mul(left.cosine, after));
    });
    sweeps.keep(0, at, left);
    sweeps.keep(1, at, right);
  });
  all.set(lines.beside, last, f.get());
  sweeps.end(from, to);
}

/**
 * destination[…,m+n+1,n] = of source[…,m,n], m ≥ n, the left singular vectors in columns, below them the right ones, and in the last
 * row the singular values, descending; the values alone, destination[…,1,n], unless `vectors`. All NaN where an element is not finite,
 * or where `mostSweeps` for each column do not end.
 *
 * Plan: in f64, divided by a power of two. Reflections from both sides make the matrix bidiagonal, and sweeps of the QR algorithm
 * diagonal, whose rotations turn the products of the reflections. Sums along rows and columns are 8 chains, added by halves, each
 * product is rounded, and results once.
 */
export function svdKernel(
  name: string,
  buffers: readonly Buffer[],
  source: Source,
  vectors: boolean,
  work: { readonly [part in keyof ReturnType<typeof svdWork>]: Buffer },
  destination: Destination,
): Kernel {
  const k = new KernelBuilder();
  k.buffers.push(...buffers);
  const [rows, columns] = source.shape.slice(-2) as [number, number];
  forEachOuter(k, source.shape.slice(0, -2), (outer) => {
    const u = new WorkMatrix(k, work.left, columns, rows);
    const v = new WorkMatrix(k, work.right, columns, columns);
    const all = new WorkMatrix(k, work.lines, 5, columns);
    const sum = new WorkMatrix(k, work.sum, 1, rows);
    for (const each of [v, all, sum]) each.clear();
    u.fill((row, column) => read(source, outer, column, row));
    const turned = [
      { matrix: u, rotations: work.leftRotations },
      { matrix: v, rotations: work.rightRotations },
    ];
    const { scale, spoiled } = diagonalised(
      k,
      u,
      [
        [all, lines.diagonal],
        [all, lines.beside],
      ],
      { turned: vectors ? turned : [], ends: work.ends },
      () => {
        bidiagonal(k, { u, v, all, sum });
        if (!vectors) return;
        product(k, u, [all, lines.left]);
        product(k, v, [all, lines.right]);
      },
      (rows, sweeps) => sweep(k, all, rows, sweeps),
    );
    placed(
      k,
      columns,
      (at) => abs(all.at(lines.diagonal, at)),
      gt,
      (at, place, own) => {
        write(k, destination, outer, [vectors ? rows + columns : 0, place], add(mul(own, scale), spoiled));
        if (!vectors) return;
        k.for(0, rows, 1, (row) => write(k, destination, outer, [row, place], add(u.at(at, row), spoiled)));
        const isTurned = k.let(lt(all.at(lines.diagonal, at), 0));
        k.for(0, columns, 1, (row) => {
          const element = k.let(v.at(at, row));
          write(k, destination, outer, [add(row, rows), place], add(select(isTurned, neg(element), element), spoiled));
        });
      },
    );
  });
  return k.finish(name);
}
