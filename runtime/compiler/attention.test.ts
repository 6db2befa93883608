// What attention is made of, and its masks.
import { describe, expect, it } from "vitest";
import { explain, load, scaledDotProductAttention, type Tensor, tensorType, trace } from "../index.ts";
import { compile } from "./compile.ts";

const [heads, queries, keys, depth] = [2, 9, 21, 4];
const inputs = {
  q: tensorType("f32", [heads, queries, depth]),
  k: tensorType("f32", [heads, keys, depth]),
  v: tensorType("f32", [heads, keys, depth]),
  mask: tensorType("bool", [queries, keys]),
};
const wave = (count: number, seed: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => Math.sin((i + 1) * (seed + 0.37)));

describe("attention", () => {
  it("hides keys by a bool mask as softmax over the others does", async () => {
    const plain = (q: Tensor<"f32">, k: Tensor<"f32">, v: Tensor<"f32">, mask: Tensor<"bool">) => {
      const scores = q.matmul(k.permute([0, 2, 1])).div(Math.sqrt(depth));
      return mask.cast("f32").sub(1).mul(1e9).add(scores).softmax(-1).matmul(v);
    };
    const graph = trace(
      ({ q, k, v, mask }) => ({ fused: scaledDotProductAttention(q, k, v, { mask }), plain: plain(q, k, v, mask) }),
      inputs,
      { name: "masked" },
    );
    const program = load(await compile(graph));
    const outputs = program.newOutputs();
    program.run(
      {
        q: wave(heads * queries * depth, 1),
        k: wave(heads * keys * depth, 2),
        v: wave(heads * keys * depth, 3),
        mask: Uint8Array.from({ length: queries * keys }, (_, i) => ((i * 7) % 3 === 0 || i % keys === 0 ? 1 : 0)),
      },
      outputs,
    );
    outputs.fused.forEach((value, i) => {
      expect(Math.abs(value - outputs.plain[i]!)).toBeLessThan(2e-6);
    });
  });

  it("keeps the scores of a tile only, and turns the keys", () => {
    const graph = trace(({ q, k, v }) => ({ y: scaledDotProductAttention(q, k, v) }), inputs, { name: "g" });
    const kernels = explain(graph as never, "x86-64-v3")
      .split("\n")
      .filter((line) => /^ +\d+ {2}\S+ /.test(line))
      .map((line) => line.trim());
    expect(kernels).toMatchInlineSnapshot(`
      [
        "0  permute  (→ scratch permute: f32[2,4,21], input k: f32[2,21,4])",
        "1  tiledAttention  (→ output y: f32[2,9,4], input q: f32[2,9,4], scratch permute: f32[2,4,21], input v: f32[2,21,4], scratch work: f32[165])",
      ]
    `);
  });
});
