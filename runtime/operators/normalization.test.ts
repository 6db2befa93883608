// Norms of rows that rounding is hard on: of one value, and of small differences around a large mean.
import { describe, expect, it } from "vitest";
import { runnableTargets } from "../../kernels/index.ts";
import { compile, constant, load, tensorType, trace } from "../index.ts";

const targets = runnableTargets();

/** Layer norm of rows of n, with a scale of 2 and a shift of 0.5, on every target that runs here. */
async function normalized(n: number, rows: Float32Array): Promise<Float32Array[]> {
  const graph = trace(
    ({ x }) => ({
      y: x.layerNorm(constant(new Float32Array(n).fill(2), "f32"), constant(new Float32Array(n).fill(0.5), "f32")),
    }),
    { x: tensorType("f32", [rows.length / n, n]) },
    { name: "norm" },
  );
  const artifact = await compile(graph, { targets });
  return targets.map((target) => {
    const program = load(artifact, { target });
    const outputs = program.newOutputs();
    program.run({ x: rows }, outputs);
    return outputs.y as Float32Array;
  });
}

describe("layer norm", () => {
  it("of rows of one value gives the shift, whatever the value", async () => {
    const values = [1234, 100.1, 1000.1, -0.3, 1e-30, 3e7];
    for (const n of [256, 768, 4096]) {
      const rows = Float32Array.from({ length: values.length * n }, (_, at) => values[Math.floor(at / n)]!);
      for (const y of await normalized(n, rows)) expect(new Set(y)).toEqual(new Set([0.5]));
    }
  });

  it("does not lose a small variance to a large mean", async () => {
    const n = 768;
    const row = Float32Array.from({ length: n }, (_, at) => 1000.1 + Math.sin(at) / 16);
    const mean = row.reduce((a, b) => a + b, 0) / n;
    const variance = row.reduce((a, b) => a + (b - mean) ** 2, 0) / n;
    for (const y of await normalized(n, row)) {
      y.forEach((value, at) => {
        expect(Math.abs(value - (2 * (row[at]! - mean)) / Math.sqrt(variance + 1e-5) - 0.5)).toBeLessThan(2e-6);
      });
    }
  });
});
