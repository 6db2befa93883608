// Kernels that follow each other row by row become one, with the bits that they have one by one.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import {
  compile,
  concat,
  constant,
  explain,
  type Graph,
  Interpreter,
  load,
  type Tensor,
  tensorType,
  trace,
} from "../index.ts";

const cacheDir = join(fileURLToPath(new URL("../..", import.meta.url)), ".cache/kernels");

const kernelsOf = (graph: unknown): string[] =>
  explain(graph as Graph, "x86-64-v3")
    .split("\n")
    .filter((line) => /^ +\d+ {2}\S+ /.test(line))
    .map((line) => line.trim());

const namesOf = (graph: unknown): string[] => kernelsOf(graph).map((line) => line.split(/ +/)[1]!);

const numbers = (count: number, seed: number): Float32Array =>
  Float32Array.from({ length: count }, (_, at) => Math.sin(at * 12.9898 + seed) * 3);

const x = { x: tensorType("f32", [3, 10, 70]) };
const row = (seed: number) => constant(numbers(70, seed), "f32", undefined, `row${seed}`);

/** Runs a graph of one output on several threads, and expects the same of each. */
async function run(graph: unknown, inputs: { readonly [name: string]: Float32Array }): Promise<Float32Array> {
  const given = graph as ReturnType<typeof identity>;
  const artifact = await compile(given, { cacheDir, grain: { mostChunks: 5, leastOperations: 1 } });
  const results = [1, 2, 3].map((threads) => {
    const program = load(artifact, { threads });
    const outputs = program.newOutputs();
    program.run(inputs as { x: Float32Array }, outputs);
    return outputs.y;
  });
  for (const each of results) expect(each).toEqual(results[0]);
  return results[0]!;
}
const identity = () => trace(({ x }) => ({ y: x.neg() }), x, { name: "g" });

describe("row groups", () => {
  it("softmax, log-softmax and norms along rows are one kernel each", () => {
    const of = (body: (x: Tensor<"f32">) => Tensor<"f32">) =>
      namesOf(trace(({ x }) => ({ y: body(x) }), x, { name: "g" }));
    expect(of((x) => x.softmax(-1))).toEqual(["max+exp+sum+div"]);
    expect(of((x) => x.logSoftmax(-1))).toEqual(["max+sub+sum+sub"]);
    expect(of((x) => x.layerNorm(row(1), row(2)))).toEqual(["sum+sub+sum+sub+sum+add"]);
    expect(of((x) => x.rmsNorm(row(1)))).toEqual(["sum+mul"]);
  });

  it("what is added before a norm is computed with it, and kept where others read it", () => {
    const graph = trace(
      ({ x, r }) => {
        const joined = x.add(r);
        return { y: joined.rmsNorm(row(1)).add(joined), joined };
      },
      { ...x, r: tensorType("f32", [3, 10, 70]) },
      { name: "g" },
    );
    expect(kernelsOf(graph)).toEqual([
      "0  add+sum+add  (output joined: f32[3,10,70], input x: f32[3,10,70], input r: f32[3,10,70], → output y: f32[3,10,70], weights row1: f32[70])",
    ]);
  });

  it("what is read across rows stays a kernel of its own", () => {
    const along = trace(({ x }) => ({ y: x.softmax(1) }), x, { name: "g" });
    expect(namesOf(along)).toEqual(["max", "exp", "sum", "div"]);
    const turned = trace(
      ({ x }) => {
        const y = x.sub(x.max([2], { keepDims: true })).reshape([30, 70]);
        return { y: y.add(y.slice([0, 1], [0, 70])).sum([1]) };
      },
      x,
      { name: "g" },
    );
    expect(namesOf(turned)).toEqual(["max+sub", "sum"]);
  });

  it("keeps two rows in one concatenation, of which one is read again", async () => {
    const graph = trace(
      ({ x }) => {
        const total = x.sum([2], { keepDims: true });
        const [less, more] = [x.sub(total), x.mul(total)];
        const shares = more.div(more.sum([2], { keepDims: true }));
        const products = less.matmul(constant(numbers(70 * 3, 9), "f32", [70, 3], "w"));
        return { y: concat([less, more], 1), s: shares, z: products };
      },
      x,
      { name: "g" },
    );
    const given = { x: numbers(2100, 7) };
    const meant = new Interpreter(graph).run(given).y;
    const found = await run(graph, given);
    found.forEach((each, at) => {
      expect(Math.abs(each - meant[at]!)).toBeLessThan(1e-5 * Math.max(1, Math.abs(meant[at]!)));
    });
  });

  it.each([[5], [16], [70], [197]])("gives softmax of rows of %i the bits of its steps one by one", async (length) => {
    const whole = tensorType("f32", [3, 10, length]);
    const one = tensorType("f32", [3, 10, 1]);
    const xs = numbers(30 * length, 5);
    const step = { name: "g" };
    const top = await run(
      trace(({ x }) => ({ y: x.max([2], { keepDims: true }) }), { x: whole }, step),
      { x: xs },
    );
    const powers = await run(
      trace(({ x, top }) => ({ y: x.sub(top).exp() }), { x: whole, top: one }, step),
      { x: xs, top },
    );
    const total = await run(
      trace(({ x }) => ({ y: x.sum([2], { keepDims: true }) }), { x: whole }, step),
      { x: powers },
    );
    const shares = await run(
      trace(({ x, total }) => ({ y: x.div(total) }), { x: whole, total: one }, step),
      { x: powers, total },
    );
    const together = await run(
      trace(({ x }) => ({ y: x.softmax(-1) }), { x: whole }, step),
      { x: xs },
    );
    expect(together).toEqual(shares);
  });
});
