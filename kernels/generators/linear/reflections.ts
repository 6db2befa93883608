// Householder's reflections: what makes a triangle of a matrix, and the orthogonal matrix that they are.
import {
  abs,
  add,
  broadcast,
  constant,
  div,
  eq,
  ge,
  gt,
  type Index,
  KernelBuilder,
  lt,
  mul,
  ne,
  neg,
  ramp,
  select,
  sqrt,
  sub,
} from "../../loop/build.ts";
import type { Buffer, Expression, Kernel } from "../../loop/ir.ts";
import type { Source } from "../access.ts";
import { type Destination, forEachOuter } from "../map.ts";
import { matrixWork, read, rowWork, WorkMatrix, width, write } from "./matrix.ts";

/** Elements of f64 that `reflectionsKernel` needs beside its result. */
export const reflectionsWork = (rows: number, columns: number) => ({
  triangle: matrixWork(rows, columns),
  vectors: matrixWork(Math.min(rows, columns), rows),
});

/**
 * Takes τ·v·(vᵀ·A) off the rows of A from one on, in the vectors of columns from `first` on: each sum over rows in their order from
 * +0, times τ, and then each product, rounded.
 */
function reflect(
  k: KernelBuilder,
  a: WorkMatrix,
  { vector, tau, row: from }: { vector(row: Expression): Expression; tau: Expression; row: Expression },
  first: Index,
  mask: (column: Expression) => Expression | undefined = () => undefined,
): void {
  a.along(first, (column) => {
    const sum = k.variable(constant("f64", 0, width));
    k.for(from, a.rows, 1, (row) =>
      sum.set(add(sum.get(), mul(broadcast(k.let(vector(row)), width), a.vector(row, column)))),
    );
    const factor = k.let(mul(broadcast(tau, width), sum.get()));
    const kept = mask(column);
    const named = kept && k.let(kept);
    k.for(from, a.rows, 1, (row) =>
      a.setVector(row, column, sub(a.vector(row, column), mul(broadcast(k.let(vector(row)), width), factor)), named),
    );
  });
}

/**
 * destination[…,m+1,n] = R on and above the diagonal of the first m rows, below it the vectors of the reflections that make it of
 * source[…,m,n], whose own element is 1, and in the last row their factors τ: as LAPACK's geqrf.
 *
 * Plan: in f64, for each column: the norm of what is left of it, s·√((α/s)² + Σ(x/s)²), s the largest magnitude, the sum in the order
 * of rows; β is that with the sign turned of the diagonal's α, τ = (β − α)/β, and each element below is divided by α − β. Where
 * nothing is below, τ is 0 and nothing changes. Each reflection takes τ·(vᵀ·A) times v off the columns behind, sums in the order of
 * rows, each product rounded. Results are rounded once.
 */
export function reflectionsKernel(
  name: string,
  buffers: readonly Buffer[],
  source: Source,
  work: { readonly triangle: Buffer; readonly vectors: Buffer },
  destination: Destination,
): Kernel {
  const k = new KernelBuilder();
  k.buffers.push(...buffers);
  const [rows, columns] = source.shape.slice(-2) as [number, number];
  const count = Math.min(rows, columns);
  forEachOuter(k, source.shape.slice(0, -2), (outer) => {
    // What is left below the diagonal of `a` is not read: the vectors are rows of `v`.
    const a = new WorkMatrix(k, work.triangle, rows, columns);
    const v = new WorkMatrix(k, work.vectors, count, rows);
    a.fill((row, column) => read(source, outer, row, column));
    k.for(0, count, 1, (at) => {
      const alpha = k.let(a.at(at, at));
      const below = add(at, 1);
      const most = k.variable(abs(alpha));
      k.for(below, rows, 1, (row) => {
        const magnitude = k.let(abs(a.at(row, at)));
        most.set(select(gt(magnitude, most.get()), magnitude, most.get()));
      });
      const scale = k.let(select(eq(most.get(), 0), constant("f64", 1), most.get()));
      const squares = k.variable(constant("f64", 0));
      k.for(below, rows, 1, (row) => {
        const scaled = k.let(div(a.at(row, at), scale));
        squares.set(add(squares.get(), mul(scaled, scaled)));
      });
      v.set(at, at, constant("f64", 1));
      k.if(
        eq(squares.get(), 0),
        () => {
          k.for(below, rows, 1, (row) => v.set(at, row, constant("f64", 0)));
          write(k, destination, outer, [rows, at], constant("f64", 0));
        },
        () => {
          const scaled = k.let(div(alpha, scale));
          const norm = k.let(mul(scale, sqrt(add(mul(scaled, scaled), squares.get()))));
          const beta = k.let(select(lt(alpha, 0), norm, neg(norm)));
          const tau = k.let(div(sub(beta, alpha), beta));
          const divisor = k.let(sub(alpha, beta));
          k.for(below, rows, 1, (row) => v.set(at, row, div(a.at(row, at), divisor)));
          reflect(k, a, { vector: (row) => v.at(at, row), tau, row: at }, below);
          a.set(at, at, beta);
          write(k, destination, outer, [rows, at], tau);
        },
      );
    });
    k.for(0, rows, 1, (row) =>
      k.for(0, columns, 1, (column) =>
        k.if(
          lt(column, row),
          () => write(k, destination, outer, [row, column], v.at(column, row)),
          () => write(k, destination, outer, [row, column], a.at(row, column)),
        ),
      ),
    );
    if (count < columns)
      k.for(count, columns, 1, (column) => write(k, destination, outer, [rows, column], constant("f64", 0)));
  });
  return k.finish(name);
}

/** Elements of f64 that `reflectedKernel` needs beside its result. */
export const reflectedWork = (rows: number, columns: number) => ({
  product: matrixWork(rows, columns),
  vector: rowWork(rows),
});

/**
 * destination[…,m,q] = the first columns of H₁·H₂·…·I, source[…,m+1,n] holding the reflections as `reflectionsKernel` gives them.
 *
 * Plan: in f64, the last reflection first, each as `reflectionsKernel` takes it off, from its own column on. Results are rounded once.
 */
export function reflectedKernel(
  name: string,
  buffers: readonly Buffer[],
  source: Source,
  columns: number,
  work: { readonly product: Buffer; readonly vector: Buffer },
  destination: Destination,
): Kernel {
  const k = new KernelBuilder();
  k.buffers.push(...buffers);
  const [more, reflections] = source.shape.slice(-2) as [number, number];
  const rows = more - 1;
  const count = Math.min(rows, reflections);
  forEachOuter(k, source.shape.slice(0, -2), (outer) => {
    const q = new WorkMatrix(k, work.product, rows, columns);
    const v = new WorkMatrix(k, work.vector, 1, rows);
    q.fill((row, column) => select(eq(row, column), constant("f64", 1), constant("f64", 0)));
    k.for(0, count, 1, (turn) => {
      const at = k.let(sub(count - 1, turn));
      const tau = k.let(read(source, outer, rows, at));
      k.if(ne(tau, 0), () => {
        v.set(0, at, constant("f64", 1));
        k.for(add(at, 1), rows, 1, (row) => v.set(0, row, read(source, outer, row, at)));
        reflect(k, q, { vector: (row) => v.at(0, row), tau, row: at }, at, (column) =>
          ge(ramp(column, 1, width), broadcast(at, width)),
        );
      });
    });
    k.for(0, rows, 1, (row) =>
      k.for(0, columns, 1, (column) => write(k, destination, outer, [row, column], q.at(row, column))),
    );
  });
  return k.finish(name);
}
