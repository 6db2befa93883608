// Determinants of square matrices, by elimination with partial pivoting.
import { add, constant, convert, div, eq, KernelBuilder, load, mul, ne, neg, sub } from "../loop/build.ts";
import type { Buffer, Expression, Kernel } from "../loop/ir.ts";
import { addressOf, fixed, type Source } from "./access.ts";
import { pivotRow } from "./linear/elimination.ts";
import { type Destination, forEachOuter } from "./map.ts";
import { store } from "./store.ts";

/** Elements of f64 that `determinantKernel` needs beside its result. */
export const determinantWork = (size: number): number => size * size;

/**
 * destination[…] = the determinant of source[…,n,n].
 *
 * Plan: in f64, for each column the first of the largest elements below is the pivot, whose row changes places with the column's; what
 * is left of each row below is less the factor, rounded, times the pivot's row, rounded; a column of zeros is left as it is. The
 * result is the product of the pivots from the first on, turned in sign for each change, and rounded once.
 */
export function determinantKernel(
  name: string,
  buffers: readonly Buffer[],
  source: Source,
  work: Buffer,
  destination: Destination,
): Kernel {
  const k = new KernelBuilder();
  k.buffers.push(...buffers);
  const size = source.shape.at(-1)!;
  const place = (row: Expression, column: Expression) => add(mul(row, size), column);
  const element = (row: Expression, column: Expression) => load(work, place(row, column));
  forEachOuter(k, source.shape.slice(0, -2), (outer) => {
    k.for(0, size, 1, (row) =>
      k.for(0, size, 1, (column) =>
        k.store(work, place(row, column), convert(source.at([...outer, fixed(row), fixed(column)], 1), "f64")),
      ),
    );
    const product = k.variable(constant("f64", 1));
    k.for(0, size, 1, (column) => {
      const below = add(column, 1);
      const chosen = pivotRow(k, (row) => element(row, column), column, size);
      k.if(ne(chosen, column), () => {
        product.set(neg(product.get()));
        k.for(column, size, 1, (at) => {
          const upper = k.let(element(column, at));
          k.store(work, place(column, at), element(chosen, at));
          k.store(work, place(chosen, at), upper);
        });
      });
      const pivot = k.let(element(column, column));
      product.set(mul(product.get(), pivot));
      k.if(
        eq(pivot, 0),
        () => {},
        () =>
          k.for(below, size, 1, (row) => {
            const factor = k.let(div(element(row, column), pivot));
            k.for(below, size, 1, (at) =>
              k.store(work, place(row, at), sub(element(row, at), mul(factor, element(column, at)))),
            );
          }),
      );
    });
    const { base, step } = addressOf(destination, outer);
    store(k, destination.buffer, base, step, convert(product.get(), source.scalar));
  });
  return k.finish(name);
}
