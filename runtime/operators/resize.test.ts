// Rows of pixels resized by hand, as PyTorch's interpolate gives them.
import { describe, expect, it } from "vitest";
import { Interpreter, type ResizeOptions, resize, tensorType, trace } from "../index.ts";

function resized(row: readonly number[], size: number, options: ResizeOptions): number[] {
  const graph = trace(
    ({ x }) => ({ y: resize(x, [1, size], options) }),
    { x: tensorType("f64", [1, 1, 1, row.length]) },
    { name: "row" },
  );
  return [...new Interpreter(graph).run({ x: Float64Array.from(row) }).y];
}

describe("resize", () => {
  const row = [1, 2, 4, 8];

  it("places pixels by their centres, by the corners, or from the first", () => {
    expect(resized(row, 8, { coordinates: "halfPixel" })).toEqual([1, 1.25, 1.75, 2.5, 3.5, 5, 7, 8]);
    expect(resized(row, 7, { coordinates: "alignCorners" })).toEqual([1, 1.5, 2, 3, 4, 6, 8]);
    expect(resized(row, 8, { coordinates: "asymmetric" })).toEqual([1, 1.5, 2, 3, 4, 6, 8, 8]);
  });

  it("takes the nearest pixel, rounded as asked", () => {
    const nearest = { mode: "nearest", coordinates: "asymmetric" } as const;
    expect(resized(row, 8, { ...nearest, rounding: "floor" })).toEqual([1, 1, 2, 2, 4, 4, 8, 8]);
    expect(resized(row, 8, { ...nearest, rounding: "ceil" })).toEqual([1, 2, 2, 4, 4, 8, 8, 8]);
    expect(resized(row, 2, { mode: "nearest", rounding: "preferFloor" })).toEqual([1, 4]);
    expect(resized(row, 2, { mode: "nearest", rounding: "preferCeil" })).toEqual([2, 8]);
  });

  it("weighs four pixels by the cubic kernel", () => {
    // At a quarter behind pixel 1, with a = −0.75: −27/256, 225/256, 67/256, −9/256 of pixels 0 to 3.
    const [, , , quarter] = resized(row, 8, { mode: "cubic" });
    expect(quarter).toBeCloseTo((-27 * 1 + 225 * 2 + 67 * 4 - 9 * 8) / 256, 12);
    expect(resized(row, 7, { mode: "cubic", coordinates: "alignCorners" })[2]).toBe(2);
  });
});
