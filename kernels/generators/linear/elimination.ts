// Elimination with partial pivoting, and the solution of triangular systems.
import {
  abs,
  add,
  broadcast,
  constant,
  convert,
  div,
  eq,
  gt,
  type Index,
  index,
  KernelBuilder,
  lt,
  mul,
  ne,
  select,
  sub,
} from "../../loop/build.ts";
import type { Buffer, Expression, Kernel } from "../../loop/ir.ts";
import type { Source } from "../access.ts";
import { type Destination, forEachOuter } from "../map.ts";
import { matrixWork, read, WorkMatrix, width, write } from "./matrix.ts";

/** The row of the first of the largest elements of a column, from its row on the diagonal on. */
export function pivotRow(
  k: KernelBuilder,
  element: (row: Expression) => Expression,
  diagonal: Expression,
  rows: number,
): Expression {
  const most = k.variable(abs(element(diagonal)));
  const chosen = k.variable(diagonal);
  k.for(add(diagonal, 1), rows, 1, (row) => {
    const magnitude = k.let(abs(element(row)));
    const larger = k.let(gt(magnitude, most.get()));
    most.set(select(larger, magnitude, most.get()));
    chosen.set(select(larger, row, chosen.get()));
  });
  return chosen.get();
}

/** Elements of f64 that `luKernel` needs beside its result. */
export const luWork = (rows: number, columns: number) => ({
  upper: matrixWork(rows, columns),
  lower: matrixWork(rows, Math.min(rows, columns)),
});

/**
 * destination[…,m,n+1] = the factors of source[…,m,n] with its rows changed: below the diagonal L, whose diagonal is ones, on and
 * above it U, and in the last column, of each row of the diagonal, the number of the row that it changed places with, in order.
 *
 * Plan: in f64, for each column the first of the largest elements on and below the diagonal is the pivot, whose row changes places
 * with the column's; each row below it has a factor, its element divided by the pivot, and is less the factor times the pivot's row,
 * each product rounded. Below a pivot of 0 elements are factors as they are, and nothing is taken off. Results are rounded once.
 */
export function luKernel(
  name: string,
  buffers: readonly Buffer[],
  source: Source,
  work: { readonly upper: Buffer; readonly lower: Buffer },
  destination: Destination,
): Kernel {
  const k = new KernelBuilder();
  k.buffers.push(...buffers);
  const [rows, columns] = source.shape.slice(-2) as [number, number];
  const count = Math.min(rows, columns);
  forEachOuter(k, source.shape.slice(0, -2), (outer) => {
    // What is left of factors in `upper` is not read: they stand in `lower`.
    const upper = new WorkMatrix(k, work.upper, rows, columns);
    const lower = new WorkMatrix(k, work.lower, rows, count);
    upper.fill((row, column) => read(source, outer, row, column));
    lower.clear();
    k.for(0, count, 1, (column) => {
      const below = add(column, 1);
      const taken = k.let(pivotRow(k, (row) => upper.at(row, column), column, rows));
      write(k, destination, outer, [column, columns], convert(taken, "f64"));
      k.if(ne(taken, column), () => {
        upper.swap(column, taken, column);
        lower.swap(column, taken);
      });
      const pivot = k.let(upper.at(column, column));
      k.if(
        eq(pivot, 0),
        () => k.for(below, rows, 1, (row) => lower.set(row, column, upper.at(row, column))),
        () =>
          k.for(below, rows, 1, (row) => {
            const factor = k.let(div(upper.at(row, column), pivot));
            lower.set(row, column, factor);
            const factors = k.let(broadcast(factor, width));
            upper.along(below, (at) =>
              upper.setVector(row, at, sub(upper.vector(row, at), mul(factors, upper.vector(column, at)))),
            );
          }),
      );
    });
    k.for(0, rows, 1, (row) => {
      k.for(0, columns, 1, (column) =>
        k.if(
          lt(column, row),
          () => write(k, destination, outer, [row, column], lower.at(row, column)),
          () => write(k, destination, outer, [row, column], upper.at(row, column)),
        ),
      );
    });
    if (count < rows) k.for(count, rows, 1, (row) => write(k, destination, outer, [row, columns], constant("f64", 0)));
  });
  return k.finish(name);
}

/** A triangle that is solved: its elements, which side of the diagonal they are on, and whether that is ones. */
interface Triangle {
  readonly element: (row: Expression, column: Expression) => Expression;
  readonly upper: boolean;
  readonly unit: boolean;
}

/**
 * Puts X of T·X = B in the place of B: one row after the other from the end where nothing else is unknown, less each known row times
 * its element in the order of columns, each product rounded, and divided by the diagonal.
 */
function substitute(k: KernelBuilder, x: WorkMatrix, { element, upper, unit }: Triangle): void {
  x.along(0, (at) =>
    k.for(0, x.rows, 1, (turn) => {
      const row = k.let(upper ? sub(x.rows - 1, turn) : turn);
      const rest = k.variable(x.vector(row, at));
      const [from, to]: [Index, Index] = upper ? [add(row, 1), x.rows] : [0, row];
      k.for(from, to, 1, (column) => {
        const factor = broadcast(k.let(element(row, column)), width);
        rest.set(sub(rest.get(), mul(factor, x.vector(column, at))));
      });
      x.setVector(row, at, unit ? rest.get() : div(rest.get(), broadcast(k.let(element(row, row)), width)));
    }),
  );
}

/** Elements of f64 that `triangularSolveKernel` and `luSolveKernel` need beside their result. */
export const solveWork = matrixWork;

/**
 * destination[…,n,m] = X of A·X = B, A[…,n,n] a triangle of which the rest is not read.
 *
 * Plan: in f64, from the end where nothing else is unknown: each row of B less the known rows times their elements, in the order of
 * columns, each product rounded, then divided by the diagonal, unless that counts as ones. Results are rounded once.
 */
export function triangularSolveKernel(
  name: string,
  buffers: readonly Buffer[],
  [a, b]: readonly [Source, Source],
  { upper, unit }: { readonly upper: boolean; readonly unit: boolean },
  work: Buffer,
  destination: Destination,
): Kernel {
  const k = new KernelBuilder();
  k.buffers.push(...buffers);
  const [rows, columns] = b.shape.slice(-2) as [number, number];
  forEachOuter(k, b.shape.slice(0, -2), (outer) => {
    const x = new WorkMatrix(k, work, rows, columns);
    x.fill((row, column) => read(b, outer, row, column));
    substitute(k, x, { element: (row, column) => read(a, outer, row, column), upper, unit });
    given(k, x, destination, outer);
  });
  return k.finish(name);
}

function given(k: KernelBuilder, x: WorkMatrix, destination: Destination, outer: Parameters<typeof read>[1]): void {
  k.for(0, x.rows, 1, (row) =>
    k.for(0, x.columns, 1, (column) => write(k, destination, outer, [row, column], x.at(row, column))),
  );
}

/**
 * destination[…,n,m] = X of A·X = B, or of Aᵀ·X = B, A's factors being what `luKernel` gives.
 *
 * Plan: B's rows change places, then both triangles are solved as by `triangularSolveKernel`, L before U; of the transpose, U before
 * L, and then rows change places in the other order. All in f64, results rounded once.
 */
export function luSolveKernel(
  name: string,
  buffers: readonly Buffer[],
  [factors, b]: readonly [Source, Source],
  transposed: boolean,
  work: Buffer,
  destination: Destination,
): Kernel {
  const k = new KernelBuilder();
  k.buffers.push(...buffers);
  const [rows, columns] = b.shape.slice(-2) as [number, number];
  forEachOuter(k, b.shape.slice(0, -2), (outer) => {
    const x = new WorkMatrix(k, work, rows, columns);
    x.fill((row, column) => read(b, outer, row, column));
    const swap = (row: Expression) => {
      // Whatever a pivot says, it is a row.
      const said = k.let(convert(read(factors, outer, row, rows), "i64"));
      const positive = k.let(select(lt(said, 0), index(0), said));
      const other = k.let(select(lt(positive, rows), positive, index(rows - 1)));
      k.if(ne(other, row), () => x.swap(row, other));
    };
    const element = (row: Expression, column: Expression) => read(factors, outer, row, column);
    const turned = (row: Expression, column: Expression) => element(column, row);
    if (transposed) {
      substitute(k, x, { element: turned, upper: false, unit: false });
      substitute(k, x, { element: turned, upper: true, unit: true });
      k.for(0, rows, 1, (turn) => swap(k.let(sub(rows - 1, turn))));
    } else {
      k.for(0, rows, 1, swap);
      substitute(k, x, { element, upper: false, unit: true });
      substitute(k, x, { element, upper: true, unit: false });
    }
    given(k, x, destination, outer);
  });
  return k.finish(name);
}
