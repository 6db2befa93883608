// Triangles whose squares are positive definite matrices.
import { add, broadcast, constant, div, gt, KernelBuilder, le, mul, select, sqrt, sub } from "../../loop/build.ts";
import type { Buffer, Kernel } from "../../loop/ir.ts";
import type { Source } from "../access.ts";
import { type Destination, forEachOuter } from "../map.ts";
import { matrixWork, read, WorkMatrix, width, write } from "./matrix.ts";

/** Elements of f64 that `choleskyKernel` needs beside its result. */
export const choleskyWork = (size: number): number => matrixWork(size, size);

/**
 * destination[…,n,n] = the lower triangle L of L·Lᵀ = source, of which the lower triangle is read; zeros above.
 *
 * Plan: in f64, one column of L after the other: the root of what is left of the diagonal, NaN where that is not positive, and what
 * is left below it, divided by the root; then each element further right is less the product of its two, rounded. Results are
 * rounded once.
 */
export function choleskyKernel(
  name: string,
  buffers: readonly Buffer[],
  source: Source,
  work: Buffer,
  destination: Destination,
): Kernel {
  const k = new KernelBuilder();
  k.buffers.push(...buffers);
  const size = source.shape.at(-1)!;
  forEachOuter(k, source.shape.slice(0, -2), (outer) => {
    // The transpose of L, so that what is computed at once lies in rows; below its diagonal stands what is not read.
    const upper = new WorkMatrix(k, work, size, size);
    upper.clear();
    k.for(0, size, 1, (row) =>
      k.for(row, size, 1, (column) => upper.set(row, column, read(source, outer, column, row))),
    );
    k.for(0, size, 1, (row) => {
      const pivot = k.let(upper.at(row, row));
      const root = k.let(select(gt(pivot, 0), sqrt(pivot), constant("f64", Number.NaN)));
      const roots = k.let(broadcast(root, width));
      upper.along(row, (column) => upper.setVector(row, column, div(upper.vector(row, column), roots)));
      upper.set(row, row, root);
      k.for(add(row, 1), size, 1, (other) => {
        const factor = k.let(broadcast(upper.at(row, other), width));
        upper.along(other, (column) =>
          upper.setVector(other, column, sub(upper.vector(other, column), mul(factor, upper.vector(row, column)))),
        );
      });
    });
    k.for(0, size, 1, (row) =>
      k.for(0, size, 1, (column) =>
        write(k, destination, outer, [row, column], select(le(column, row), upper.at(column, row), constant("f64", 0))),
      ),
    );
  });
  return k.finish(name);
}
