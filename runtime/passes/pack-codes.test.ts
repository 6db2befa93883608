// Weights of few bits stay packed in the graph and are read so; products and tables give what they gave.
import { describe, expect, it } from "vitest";
import {
  Compilation,
  constant,
  dequantize,
  type Graph,
  Interpreter,
  type Tensor,
  tensorType,
  trace,
} from "../index.ts";
import { KernelInterpreter } from "../interpreters/kernel-interpreter.ts";
import { declutter, passes } from "./index.ts";
import { packCodes } from "./pack-codes.ts";

const numbers = (count: number, seed: number, size = 1): Float32Array =>
  Float32Array.from({ length: count }, (_, at) => Math.sin(at * 12.9898 + seed * 78.233) * size);
const codes = (count: number, most: number): number[] =>
  Array.from({ length: count }, (_, at) => (at * 7 + (at >> 3)) % most);

interface Case {
  readonly name: string;
  readonly x: Graph["inputs"][number]["value"]["type"];
  readonly body: (x: Tensor) => Tensor;
  /** Bytes of packed weights in the graph. */
  readonly bytes: number;
}

/** [n,k] numbers of few bits in blocks of 16 along k. */
const blocks = (n: number, k: number, dtype: "u4" | "i4" | "u2", zero: "one" | "each"): Tensor => {
  const most = dtype === "u2" ? 4 : 16;
  const data = codes(n * k, most).map((each) => each - (dtype === "i4" ? 8 : 0));
  const scale = constant([...numbers((n * k) / 16, 3)], "f32", [n, k / 16, 1]);
  const points = codes((n * k) / 16, most - 1).map((each) => each - (dtype === "i4" ? 7 : 0));
  const zeroPoint = zero === "one" ? 1 : constant(points, dtype, [n, k / 16, 1]);
  return dequantize(constant(data, dtype, [n, k / 16, 16]), scale, zeroPoint as never).reshape([n, k]) as Tensor;
};

const cases: readonly Case[] = [
  {
    name: "a product by u4 in blocks",
    x: tensorType("f32", [1, 64]),
    body: (x) => x.matmul(blocks(6, 64, "u4", "one").permute()),
    bytes: 192,
  },
  {
    name: "a product by i4 in blocks with zero points",
    x: tensorType("f32", [1, 1, 64]),
    body: (x) => x.matmul(blocks(6, 64, "i4", "each").permute()),
    bytes: 192,
  },
  {
    name: "a product by u2 in blocks",
    x: tensorType("f32", [1, 64]),
    body: (x) => x.matmul(blocks(6, 64, "u2", "each").permute()),
    bytes: 96,
  },
  {
    name: "a product by u4 with a scale for each column",
    x: tensorType("f32", [1, 24]),
    body: (x) => x.matmul(dequantize(constant(codes(24 * 6, 16), "u4", [24, 6]), [...numbers(6, 4)], 8, { axis: 1 })),
    bytes: 72,
  },
  {
    name: "rows of a table of i4 in blocks",
    x: tensorType("i64", [2, 3]),
    body: (x) => blocks(7, 48, "i4", "each").indexSelect(0, x),
    bytes: 168,
  },
  {
    name: "rows of a table of u2",
    x: tensorType("i64", [5]),
    body: (x) => blocks(7, 32, "u2", "one").indexSelect(0, x),
    bytes: 56,
  },
];

const named = cases.map((each) => [each.name, each] as const);

describe("weights of few bits", () => {
  it.each(named)("stay packed in %s, which gives what it gave", (_, { x, body, bytes }) => {
    const graph = trace(({ x }) => ({ y: body(x) }), { x }, { name: "few" }) as unknown as Graph;
    const packed = declutter(packCodes(passes.decompose(graph), 1));
    expect(packed.constants.filter(({ value }) => value.type.dtype === "u8").map(({ data }) => data.length)).toEqual([
      bytes,
    ]);
    expect(packed.constants.some(({ data }) => data instanceof Float32Array && data.length > bytes / 2)).toBe(false);
    const count = (x.shape as number[]).reduce((a, b) => a * b, 1);
    const data = x.dtype === "i64" ? BigInt64Array.from(codes(count, 7), BigInt) : numbers(count, 5);
    const meant = new Interpreter(graph).run({ x: data }).y as Float32Array;
    const compilation = new Compilation({ forward: packed });
    const [found] = new KernelInterpreter(compilation.code("x86-64-v3")).step([data]).outputs;
    const y = new Float32Array(found!.buffer, found!.byteOffset, meant.length);
    const size = Math.max(...meant.map(Math.abs));
    for (const [at, each] of y.entries())
      expect(Math.abs(each - meant[at]!)).toBeLessThan(x.dtype === "i64" ? 1e-30 : 2e-6 * size);
    expect(size).toBeGreaterThan(0.1);
  });

  it("are floats where several rows share them, and where there are few", () => {
    const product = (rows: number): Graph => {
      const { body } = cases[0]!;
      const x = tensorType("f32", [rows, 64]);
      return passes.decompose(trace(({ x }) => ({ y: body(x) }), { x }, { name: "rows" }) as unknown as Graph);
    };
    for (const graph of [packCodes(product(2), 1), packCodes(product(1))])
      expect(graph.nodes.map(({ operator }) => operator.name)).toContain("matmul");
  });
});
