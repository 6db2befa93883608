// What a kernel's loops amount to.
import { describe, expect, it } from "vitest";
import { add, constant, fma, kernel, lt, sqrt } from "./build.ts";
import { countKernel } from "./count.ts";

describe("counting a kernel", () => {
  it("counts a fused multiply-add as two on every lane and iteration", () => {
    const dot = kernel("dot", (k) => {
      const x = k.buffer("x", "f32", 64, "read");
      const y = k.buffer("y", "f32", 8, "write");
      const sum = k.variable(constant("f32", 0, 8));
      k.for(0, 64, 8, (i) => sum.set(fma(k.load(x, i, 8), k.load(x, i, 8), sum.get())));
      k.store(y, 0, sum.get());
    });
    expect(countKernel(dot).flops).toBe(8 * 8 * 2);
  });

  it("counts a shared value once, and index arithmetic not at all", () => {
    const shared = kernel("shared", (k) => {
      const x = k.buffer("x", "f32", 16, "read");
      const y = k.buffer("y", "f32", 16, "write");
      k.for(0, 15, 1, (i) => {
        const twice = add(k.load(x, add(i, 1)), k.load(x, i));
        k.store(y, i, add(twice, sqrt(twice)));
      });
    });
    expect(countKernel(shared)).toEqual({ flops: 15 * 3, operations: 15 * (2 + 3 + 1 + 1) });
  });

  it("takes the larger of two branches", () => {
    const either = kernel("either", (k) => {
      const y = k.buffer("y", "f64", 10, "readwrite");
      k.for(0, 10, 1, (i) =>
        k.if(
          lt(i, 5),
          () => k.store(y, i, add(add(k.load(y, i), 1), 1)),
          () => k.store(y, i, constant("f64", 0)),
        ),
      );
    });
    expect(countKernel(either).flops).toBe(20);
  });
});
