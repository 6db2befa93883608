// Which kernels a graph becomes.
import { describe, expect, it } from "vitest";
import { constant, conv2d, explain, type Graph, tensorType, trace } from "../index.ts";

/** The kernels of a graph, one line each. */
const kernelsOf = (graph: Graph): string[] =>
  explain(graph, "x86-64-v3")
    .split("\n")
    .filter((line) => /^ +\d+ {2}\S+ /.test(line))
    .map((line) => line.trim());

const x = { x: tensorType("f32", [4, 32]) };

describe("fusion", () => {
  it("computes a chain of pointwise operators and views in one kernel", () => {
    const graph = trace(({ x }) => ({ y: x.mul(2).permute().exp().slice([0, 16]).add(1) }), x, { name: "g" });
    expect(kernelsOf(graph as unknown as Graph)).toMatchInlineSnapshot(`
      [
        "0  add  (→ output y: f32[16,4], input x: f32[4,32])",
      ]
    `);
  });

  it("makes what follows a product its epilogue, up to a second reader", () => {
    const graph = trace(
      ({ x, w, b, r }) => {
        const y = x.matmul(w).add(b).relu().add(r);
        return { y: y.exp(), z: y.sum([1]) };
      },
      { ...x, w: tensorType("f32", [32, 8]), b: tensorType("f32", [8]), r: tensorType("f32", [4, 8]) },
      { name: "g" },
    );
    expect(kernelsOf(graph as unknown as Graph)).toMatchInlineSnapshot(`
      [
        "0  matmul+add  (→ scratch add: f32[4,8], input b: f32[8], input r: f32[4,8], input x: f32[4,32], input w: f32[32,8])",
        "1  exp  (→ output y: f32[4,8], scratch add: f32[4,8])",
        "2  sum  (→ output z: f32[4], scratch add: f32[4,8])",
      ]
    `);
  });

  it("makes bias and activation part of a convolution, and the map before a reduction part of it", () => {
    const graph = trace(
      ({ x }) => {
        const image = x.reshape([1, 1, 4, 32]);
        const y = conv2d(
          image,
          constant(
            new Float32Array(18).map((_, i) => i),
            "f32",
            [2, 1, 3, 3],
            "w",
          ),
          { padding: 1 },
        );
        return { edges: y.add(1).relu(), energy: x.mul(x).sum([1], { keepDims: true }).sqrt() };
      },
      x,
      { name: "g" },
    );
    expect(kernelsOf(graph as unknown as Graph)).toMatchInlineSnapshot(`
      [
        "0  pad  (→ scratch pad: f32[1,1,6,34], input x: f32[4,32])",
        "1  conv2d+maximum  (→ output edges: f32[1,2,4,32], scratch pad: f32[1,1,6,34], weights w: f32[2,1,3,3])",
        "2  sum+sqrt  (→ output energy: f32[4,1], input x: f32[4,32])",
      ]
    `);
  });

  it("computes a smaller operand once and keeps it", () => {
    const graph = trace(({ x }) => ({ y: x.sub(x.slice([0, 1]).exp()) }), x, { name: "g" });
    expect(kernelsOf(graph as unknown as Graph)).toMatchInlineSnapshot(`
      [
        "0  exp  (→ scratch exp: f32[1,32], input x: f32[4,32])",
        "1  sub  (→ output y: f32[4,32], input x: f32[4,32], scratch exp: f32[1,32])",
      ]
    `);
  });
});
