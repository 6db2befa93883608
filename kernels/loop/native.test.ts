// Emitted kernels, compiled for this machine and run.
import { describe, expect, it } from "vitest";
import { runNative } from "../testing/native-kernel.ts";
import * as b from "./build.ts";
import { interpretKernel } from "./interpret.ts";
import { printKernel } from "./print.ts";
import { verifyKernel } from "./verify.ts";

describe("emitted kernels", () => {
  it("add two vectors, tail included", async () => {
    const n = 19;
    const kernel = b.kernel("saxpy", (k) => {
      const x = k.buffer("x", "f32", n, "read");
      const y = k.buffer("y", "f32", n, "write");
      k.for(0, 16, 8, (i) => k.store(y, i, b.fma(b.load(x, i, 8), 2, 1)));
      k.for(16, n, 1, (i) => k.store(y, i, b.fma(b.load(x, i), 2, 1)));
    });
    const x = Float32Array.from({ length: n }, (_, i) => i);
    const y = new Float32Array(n);
    await runNative(kernel, [x, y]);
    expect([...y]).toEqual(Array.from({ length: n }, (_, i) => 2 * i + 1));
  });

  it("may hint at what lies far outside a buffer, to no effect", async () => {
    const kernel = b.kernel("hinted", (k) => {
      const x = k.buffer("x", "f32", 8, "read");
      const y = k.buffer("y", "f32", 8, "write");
      k.for(0, 8, 1, (i) => {
        for (const far of [0, 2 ** 40, -(2 ** 40)]) k.prefetch(x, b.add(i, far));
        k.store(y, i, b.mul(b.load(x, i), 3));
      });
    });
    verifyKernel(kernel);
    expect(printKernel(kernel)).toContain("prefetch x[(i + 1099511627776)]");
    const x = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    const [compiled, interpreted] = [new Float32Array(8), new Float32Array(8)];
    await runNative(kernel, [x, compiled]);
    interpretKernel(kernel, [x, interpreted]);
    expect([...compiled]).toEqual([3, 6, 9, 12, 15, 18, 21, 24]);
    expect(interpreted).toEqual(compiled);
  });
});
