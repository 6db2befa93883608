// Emitted kernels, compiled for this machine and run.
import { describe, expect, it } from "vitest";
import { runNative } from "../testing/native-kernel.ts";
import * as b from "./build.ts";

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
});
