// Jacobi's rotations: eigenvalues of symmetric matrices, and singular values.
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
  extract,
  gt,
  type Index,
  KernelBuilder,
  lt,
  mul,
  ne,
  neg,
  not,
  or,
  select,
  shuffle,
  sqrt,
  sub,
  type Variable,
} from "../../loop/build.ts";
import type { Buffer, Expression, Kernel } from "../../loop/ir.ts";
import type { Source } from "../access.ts";
import { type Destination, forEachOuter } from "../map.ts";
import { matrixWork, read, rowWork, WorkMatrix, width, write } from "./matrix.ts";

/** Rounds over all pairs, at most: where a matrix is finite, fewer than 20 are enough for thousands of rows. */
export const mostSweeps = 60;

const zero = constant("f64", 0);
const one = constant("f64", 1);

/** The power of two that is at most the largest magnitude; 1 for zeros and the smallest numbers, infinite where an element is not finite. */
function scaleOf(k: KernelBuilder, matrix: WorkMatrix): Expression {
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
function scaled(k: KernelBuilder, matrix: WorkMatrix, scale: Expression): void {
  const factor = k.let(broadcast(k.let(div(one, scale)), width));
  k.for(0, matrix.rows, 1, (row) =>
    matrix.along(0, (column) => matrix.setVector(row, column, mul(matrix.vector(row, column), factor))),
  );
}

interface Turn {
  readonly tangent: Expression;
  readonly cosine: Expression;
  readonly sine: Expression;
}

/** The smaller turn t with t² + 2·(half / off)·t = 1. */
function turnOf(k: KernelBuilder, difference: Expression, off: Expression): Turn {
  const ratio = k.let(div(difference, mul(off, 2)));
  const size = k.let(div(one, add(abs(ratio), sqrt(add(mul(ratio, ratio), one)))));
  const tangent = k.let(select(lt(ratio, 0), neg(size), size));
  const cosine = k.let(div(one, sqrt(add(mul(tangent, tangent), one))));
  return { tangent, cosine, sine: k.let(mul(tangent, cosine)) };
}

/** Turns two rows by an angle, each product rounded: c·p − s·q and s·p + c·q. */
function turn(k: KernelBuilder, matrix: WorkMatrix, p: Expression, q: Expression, { cosine, sine }: Turn): void {
  const [c, s] = [cosine, sine].map((each) => k.let(broadcast(each, width))) as [Expression, Expression];
  matrix.along(0, (column) => {
    const [x, y] = [p, q].map((row) => k.let(matrix.vector(row, column))) as [Expression, Expression];
    matrix.setVector(p, column, sub(mul(c, x), mul(s, y)));
    matrix.setVector(q, column, add(mul(s, x), mul(c, y)));
  });
}

/** Runs `body` for pairs of rows, cyclically, until a round sets nothing to be done again. */
function sweeps(k: KernelBuilder, size: number, body: (p: Expression, q: Expression, again: Variable) => void): void {
  if (size < 2) return;
  const again = k.variable(constant("bool", true));
  k.for(0, mostSweeps, 1, () =>
    k.if(again.get(), () => {
      again.set(constant("bool", false));
      k.for(0, size - 1, 1, (p) => k.for(add(p, 1), size, 1, (q) => body(p, q, again)));
    }),
  );
}

/** Σ of a vector's elements: halves are added, until one is left. */
function total(k: KernelBuilder, vector: Expression): Expression {
  let rest = vector;
  for (let half = width / 2; half > 1; half /= 2) {
    const lanes = (from: number) => Array.from({ length: half }, (_, lane) => from + lane);
    rest = k.let(add(shuffle(rest, lanes(0)), shuffle(rest, lanes(half))));
  }
  return k.let(add(extract(rest, 0), extract(rest, 1)));
}

/** Σ of products of two rows, in as many chains as a vector has elements. */
function dots(
  k: KernelBuilder,
  matrix: WorkMatrix,
  pairs: readonly (readonly [Index, Index])[],
): readonly Expression[] {
  const sums = pairs.map(() => k.variable(constant("f64", 0, width)));
  matrix.along(0, (column) => {
    for (const [at, [p, q]] of pairs.entries())
      sums[at]!.set(add(sums[at]!.get(), mul(matrix.vector(p, column), matrix.vector(q, column))));
  });
  return sums.map((sum) => total(k, sum.get()));
}

/** For each number its place in order, of equals the first one first; NaN stays in its place among them. */
function placed(
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

const identity = (matrix: WorkMatrix): void => matrix.fill((row, column) => select(eq(row, column), one, zero));

/** Elements of f64 that `eighKernel` needs beside its result. */
export const eighWork = (size: number) => ({ matrix: matrixWork(size, size), vectors: matrixWork(size, size) });

/**
 * destination[…,n+1,n] = in columns the eigenvectors of source[…,n,n], which is symmetric and of which the lower triangle is read, and
 * in the last row their eigenvalues, ascending; the eigenvalues alone, destination[…,1,n], unless `vectors`. All NaN where an element
 * is not finite.
 *
 * Plan: in f64, divided by a power of two. Rounds over all pairs p < q in their order, each of whose elements above ε/n of the root of
 * all squares (8 chains along rows, added by halves, row after row) is turned to 0 by Jacobi's rotation, until a round finds none:
 * rows turn, columns are them by symmetry, and the diagonal is a_pp − t·a_pq and a_qq + t·a_pq. Each product is rounded, and results
 * once.
 */
export function eighKernel(
  name: string,
  buffers: readonly Buffer[],
  source: Source,
  vectors: boolean,
  work: { readonly matrix: Buffer; readonly vectors: Buffer },
  destination: Destination,
): Kernel {
  const k = new KernelBuilder();
  k.buffers.push(...buffers);
  const size = source.shape.at(-1)!;
  forEachOuter(k, source.shape.slice(0, -2), (outer) => {
    const a = new WorkMatrix(k, work.matrix, size, size);
    const v = new WorkMatrix(k, work.vectors, size, size);
    a.clear();
    k.for(0, size, 1, (row) =>
      k.for(0, add(row, 1), 1, (column) => {
        const element = k.let(read(source, outer, row, column));
        a.set(row, column, element);
        a.set(column, row, element);
      }),
    );
    if (vectors) identity(v);
    const scale = scaleOf(k, a);
    scaled(k, a, scale);
    const squares = k.variable(zero);
    k.for(0, size, 1, (row) => squares.set(add(squares.get(), dots(k, a, [[row, row]])[0]!)));
    const least = k.let(mul(sqrt(squares.get()), 2 ** -53 / size));
    sweeps(k, size, (p, q, again) => {
      const off = k.let(a.at(p, q));
      k.if(gt(abs(off), least), () => {
        again.set(constant("bool", true));
        const [first, second] = [k.let(a.at(p, p)), k.let(a.at(q, q))];
        const by = turnOf(k, sub(second, first), off);
        turn(k, a, p, q, by);
        k.for(0, size, 1, (other) => {
          a.set(other, p, a.at(p, other));
          a.set(other, q, a.at(q, other));
        });
        const moved = k.let(mul(by.tangent, off));
        a.set(p, p, sub(first, moved));
        a.set(q, q, add(second, moved));
        a.set(p, q, zero);
        a.set(q, p, zero);
        if (vectors) turn(k, v, p, q, by);
      });
    });
    const spoiled = k.let(sub(scale, scale));
    const value = (at: Expression) => a.at(at, at);
    placed(k, size, value, lt, (at, place, own) => {
      write(k, destination, outer, [vectors ? size : 0, place], mul(own, scale));
      if (vectors) k.for(0, size, 1, (row) => write(k, destination, outer, [row, place], add(v.at(at, row), spoiled)));
    });
  });
  return k.finish(name);
}

/** Elements of f64 that `svdKernel` needs beside its result. */
export const svdWork = (rows: number, columns: number) => ({
  left: matrixWork(columns, rows),
  right: matrixWork(columns, columns),
  sizes: rowWork(columns),
});

/**
 * destination[…,m+n+1,n] = of source[…,m,n], m ≥ n, the left singular vectors in columns, below them the right ones, and in the last
 * row the singular values, descending; the values alone, destination[…,1,n], unless `vectors`. Left vectors of values below 2⁻⁵² of
 * the root of all squares are zeros. All NaN where an element is not finite.
 *
 * Plan: in f64, divided by a power of two. Rounds over all pairs p < q of columns in their order: where their product is above
 * 2⁻⁵²·√m of the product of their lengths, and neither is below 2⁻⁵² of the root of all squares, Jacobi's rotation makes them
 * orthogonal, until a round finds none. Sums along columns are 8 chains, added by halves. Each product is rounded, and results once.
 */
export function svdKernel(
  name: string,
  buffers: readonly Buffer[],
  source: Source,
  vectors: boolean,
  work: { readonly left: Buffer; readonly right: Buffer; readonly sizes: Buffer },
  destination: Destination,
): Kernel {
  const k = new KernelBuilder();
  k.buffers.push(...buffers);
  const [rows, columns] = source.shape.slice(-2) as [number, number];
  forEachOuter(k, source.shape.slice(0, -2), (outer) => {
    // Columns of the matrix, and of what it is turned by, are rows here.
    const u = new WorkMatrix(k, work.left, columns, rows);
    const v = new WorkMatrix(k, work.right, columns, columns);
    const sizes = new WorkMatrix(k, work.sizes, 1, columns);
    u.fill((row, column) => read(source, outer, column, row));
    if (vectors) identity(v);
    const scale = scaleOf(k, u);
    scaled(k, u, scale);
    const all = k.variable(zero);
    k.for(0, columns, 1, (column) => all.set(add(all.get(), dots(k, u, [[column, column]])[0]!)));
    const none = k.let(mul(all.get(), 2 ** -104));
    const tolerance = 2 ** -52 * Math.sqrt(rows);
    sweeps(k, columns, (p, q, again) => {
      const [first, second, off] = dots(k, u, [
        [p, p],
        [q, q],
        [p, q],
      ]).map((each) => k.let(each)) as [Expression, Expression, Expression];
      const counts = and(gt(first, none), gt(second, none));
      k.if(and(counts, gt(abs(off), mul(mul(sqrt(first), sqrt(second)), tolerance))), () => {
        again.set(constant("bool", true));
        const by = turnOf(k, sub(second, first), off);
        turn(k, u, p, q, by);
        if (vectors) turn(k, v, p, q, by);
      });
    });
    k.for(0, columns, 1, (column) => sizes.set(0, column, sqrt(dots(k, u, [[column, column]])[0]!)));
    const spoiled = k.let(sub(scale, scale));
    const least = k.let(sqrt(none));
    placed(
      k,
      columns,
      (at) => sizes.at(0, at),
      gt,
      (at, place, own) => {
        write(k, destination, outer, [vectors ? rows + columns : 0, place], mul(own, scale));
        if (!vectors) return;
        const counts = k.let(gt(own, least));
        const divisor = k.let(select(counts, own, one));
        k.for(0, rows, 1, (row) => {
          const element = select(counts, div(u.at(at, row), divisor), zero);
          write(k, destination, outer, [row, place], add(element, spoiled));
        });
        k.for(0, columns, 1, (row) =>
          write(k, destination, outer, [add(row, rows), place], add(v.at(at, row), spoiled)),
        );
      },
    );
  });
  return k.finish(name);
}
