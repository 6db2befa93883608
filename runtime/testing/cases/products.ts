// Generated cases for products by packed factors.
import fc from "fast-check";
import type { OperatorCase } from "./shapes.ts";

/** Rows and columns around the sizes of tiles and blocks. */
export const packedFactor: fc.Arbitrary<OperatorCase> = fc
  .record({
    dtype: fc.constantFrom("f32" as const, "f32" as const, "f64" as const),
    batch: fc.constantFrom([], [2], [3, 1]),
    m: fc.constantFrom(1, 2, 4, 15, 17, 33),
    k: fc.constantFrom(2, 15, 16, 33),
    // What two blocks hold must be the same, which generated operands are not: whole blocks here, others in pack-factors.test.ts.
    blocks: fc.constantFrom(1, 2, 3, 5),
    width: fc.constantFrom(32, 64, 128),
  })
  .map(({ dtype, batch, m, k, blocks, width }) => ({
    operands: [
      { dtype, shape: [...batch, m, k] },
      { dtype, shape: [blocks, k, width] },
    ],
    attributes: { columns: blocks * width },
  }));
