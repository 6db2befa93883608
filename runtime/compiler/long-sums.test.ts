// Sums of millions of elements, compiled: their error does not grow with their number.
import { describe, expect, it } from "vitest";
import { compile, load, type Tensor, tensorType, trace } from "../index.ts";

async function computed(
  shape: readonly number[],
  x: Float32Array,
  of: (x: Tensor<"f32">) => Tensor<"f32">,
): Promise<Float32Array> {
  const graph = trace(({ x: given }) => ({ y: of(given) }), { x: tensorType("f32", shape) }, { name: "sum" });
  const program = load(await compile(graph, { targets: ["x86-64-v3"] }));
  const outputs = program.newOutputs();
  program.run({ x }, outputs);
  return outputs.y as Float32Array;
}

describe("means of millions of rows", () => {
  it("are exact for ones, and within 1e-5 of a lidar's centroid", async () => {
    const ones = new Float32Array(2 ** 25).fill(1);
    expect([...(await computed([2 ** 25, 1], ones, (x) => x.mean([0])))]).toEqual([1]);
    expect([...(await computed([2 ** 24, 2], ones, (x) => x.mean([0])))]).toEqual([1, 1]);
    expect([...(await computed([2 ** 25], ones, (x) => x.mean()))]).toEqual([1]);
    let state = 12345;
    const random = () => {
      state = (state * 1103515245 + 12345) % 2147483648;
      return state / 2147483648;
    };
    const points = Float32Array.from(
      { length: 3_000_000 },
      (_, at) => [40 + 20 * random(), -30 + 10 * random(), 1.5 + random()][at % 3]!,
    );
    const mean = await computed([1_000_000, 3], points, (x) => x.mean([0]));
    for (const d of [0, 1, 2]) {
      let sum = 0;
      for (let at = d; at < points.length; at += 3) sum += points[at]!;
      expect(Math.abs(mean[d]! - sum / 1e6)).toBeLessThan(1e-5);
    }
  });
});

describe("running sums", () => {
  it("of 2^25 ones end at 2^25", async () => {
    const n = 2 ** 25;
    const last = await computed([n], new Float32Array(n).fill(1), (x) => x.cumsum(0).slice([n - 1, n]));
    expect([...last]).toEqual([n]);
  });
});
