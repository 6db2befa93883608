// Attention in tiles equals its numeric plan bit for bit, under the schedule of every target.
import { describe, expect, it } from "vitest";
import { exp } from "../functions/index.ts";
import { sub } from "../loop/build.ts";
import { interpretKernel } from "../loop/interpret.ts";
import { splitKernel } from "../loop/split.ts";
import { target } from "../targets.ts";
import {
  expectEverySchedule,
  fma32,
  parameter,
  reducedByPlan,
  values,
  workArea,
} from "../testing/generator-reference.ts";
import { elementsOf, view } from "./access.ts";
import { attentionKernel, attentionWork } from "./attention.ts";
import { mapKernel, whole } from "./map.ts";

const { fround } = Math;

/** e^x of each element, as kernels compute it, by the loop interpreter. */
function powersOf(xs: Float32Array): Float32Array {
  const [x, y] = [parameter("x", "f32", xs.length, "read"), parameter("y", "f32", xs.length, "write")];
  const source = {
    ...view(x, [xs.length]),
    at: (...at: Parameters<ReturnType<typeof view>["at"]>) => exp(view(x, [xs.length]).at(...at)),
  };
  const result = new Float32Array(xs.length);
  interpretKernel(mapKernel("powers", [x, y], [{ source, destination: whole(y, [xs.length]) }], target("x86-64-v3")), [
    xs,
    result,
  ]);
  return result;
}

describe("attention", () => {
  it.each([
    { batch: 2, m: 7, n: 19, d: 5, e: 3, causal: false, masked: true },
    { batch: 1, m: 13, n: 33, d: 2, e: 20, causal: true, masked: false },
    { batch: 1, m: 8, n: 197, d: 3, e: 70, causal: false, masked: false },
    { batch: 1, m: 1, n: 5, d: 3, e: 16, causal: false, masked: false },
  ])("of $m queries and $n keys, causal $causal, masked $masked", async ({ batch, m, n, d, e, causal, masked }) => {
    const shapes = { q: [batch, m, d], k: [batch, d, n], v: [batch, n, e], mask: [batch, m, n], y: [batch, m, e] };
    const [q, k, v, mask] = Object.entries(shapes).map(([name, shape]) =>
      parameter(name, "f32", elementsOf(shape), "read"),
    ) as [Buffered, Buffered, Buffered, Buffered];
    const y = parameter("y", "f32", batch * m * e, "write");
    const [qs, ks, vs, masks] = [q, k, v, mask].map(({ length }, at) =>
      values(length, 41 + at).map((each) => each / 8),
    ) as [Float32Array, Float32Array, Float32Array, Float32Array];
    const scale = 0.3;
    const larger = (a: number, b: number) => (Number.isNaN(b) || a < b ? b : a);
    const expected = new Float32Array(y.length);
    for (let row = 0; row < batch * m; row++) {
      const [b, i] = [Math.floor(row / m), row % m];
      const scores = Float32Array.from({ length: n }, (_, j) => {
        if (causal && j > i) return -Infinity;
        let sum = 0;
        for (let c = 0; c < d; c++) sum = fma32(qs[row * d + c]!, ks[(b * d + c) * n + j]!, sum);
        const scaled = fround(sum * fround(scale));
        return masked ? fround(scaled + masks[row * n + j]!) : scaled;
      });
      const top = scores.reduce(larger, -Infinity);
      const powers = powersOf(scores.map((score) => fround(score - top)));
      const total = reducedByPlan([n], [0], [], {
        identity: 0,
        step: (sum, [j]) => fround(sum + powers[j!]!),
        merge: (a, b) => fround(a + b),
      });
      for (let column = 0; column < e; column++) {
        let sum = 0;
        for (let j = 0; j < n; j++) sum = fma32(powers[j]!, vs[(b * n + j) * e + column]!, sum);
        expected[row * e + column] = fround(fround(sum / total) - 0.5);
      }
    }
    const sources = {
      queries: view(q, shapes.q),
      keys: view(k, shapes.k),
      values: view(v, shapes.v),
      ...(masked ? { mask: view(mask, shapes.mask) } : {}),
    };
    await expectEverySchedule(
      (to) => {
        const elements = attentionWork({ queries: m, keys: n, depth: d, width: e }, to);
        const work = { ...workArea("work", elements), private: true };
        const buffers = [q, k, v, mask, work, y];
        const half = (value: Parameters<typeof sub>[0]) => sub(value, 0.5);
        return attentionKernel("attention", buffers, sources, { scale, causal }, work, whole(y, shapes.y), half, to);
      },
      [qs, ks, vs, masks],
      expected,
    );
  });
});

describe("attention among threads", () => {
  it.each(["x86-64-v3", "x86-64-v4", "aarch64"] as const)("shares the queries of each head on %s", (name) => {
    const [heads, m, n, d] = [3, 197, 197, 64];
    const shapes = { q: [heads, m, d], k: [heads, d, n], v: [heads, n, d], y: [heads, m, d] };
    const [q, k, v] = ([shapes.q, shapes.k, shapes.v] as const).map((shape, at) =>
      parameter("qkv"[at]!, "f32", elementsOf(shape), "read"),
    ) as [Buffered, Buffered, Buffered];
    const y = parameter("y", "f32", elementsOf(shapes.y), "write");
    const to = target(name);
    const elements = attentionWork({ queries: m, keys: n, depth: d, width: d }, to);
    const work = { ...workArea("work", elements), private: true };
    const sources = { queries: view(q, shapes.q), keys: view(k, shapes.k), values: view(v, shapes.v) };
    const plan = { scale: 0.125, causal: false };
    const buffers = [q, k, v, work, y];
    const made = attentionKernel("attention", buffers, sources, plan, work, whole(y, shapes.y), (sum) => sum, to);
    expect(splitKernel(made)?.steps).toEqual([{ kernel: 0, first: 0, count: 8, own: [3] }]);
  });
});

type Buffered = ReturnType<typeof parameter>;
