// Kernels over bounded dimensions run over the count: what they leave out, and that it changes no bit.
import { describe, expect, it } from "vitest";
import { constant, conv2d, type Graph, type Signature, type Tensor, tensorType, trace, where } from "../index.ts";
import { Interpreter } from "../interpreters/interpreter.ts";
import { LoopInterpreter } from "../interpreters/loop-interpreter.ts";

const most = 320;
const width = 6;
const weights = (shape: readonly number[]): Tensor<"f32"> =>
  constant(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, at) => Math.sin(at)) as never,
    "f32",
    shape,
  ) as never;

interface Given {
  readonly x: Tensor<"f32">;
  readonly rows: Tensor<"f32">;
  readonly positions: Tensor<"i64">;
  readonly n: Tensor<"i64">;
}

const graphOf = (body: (given: Given) => { readonly [name: string]: Tensor }): Graph =>
  trace(
    body as never,
    {
      x: tensorType("f32", [most]),
      rows: tensorType("f32", [most, width]),
      positions: tensorType("i64", [most]),
      n: tensorType("i64", []),
    },
    { name: "counted" },
  ) as unknown as Graph;

const arrays = (count: number) => ({
  x: Float32Array.from({ length: most }, (_, at) => Math.cos(at)),
  rows: Float32Array.from({ length: most * width }, (_, at) => Math.cos(at) * 3),
  positions: BigInt64Array.from({ length: most }, (_, at) => BigInt((at * 7) % most)),
  n: BigInt64Array.of(BigInt(count)),
});

function step(graph: Graph, count: number): { readonly outputs: readonly Uint8Array[]; readonly iterations: number } {
  const loops = new LoopInterpreter(graph, "x86-64-v3");
  const { outputs } = loops.step(Object.values(arrays(count)));
  return { outputs, iterations: loops.iterations };
}

/** Results that are one number, or one of each column: nothing stands behind a count in them. */
const kinds: { readonly [name: string]: (given: Given) => Tensor } = {
  "element by element": ({ x, n }) => {
    const y = x.truncate(n).exp();
    return y.sum().add(y.max());
  },
  "gathered rows": ({ rows, positions, n }) => rows.indexSelect(0, positions.truncate(n)).max([0]),
  "reductions of rows": ({ rows, n }) => rows.truncate(n).abs().prod([1]).max(),
  "rows in several steps": ({ rows, n }) => rows.truncate(n).softmax(1).max([0]),
  "products of rows": ({ rows, n }) =>
    rows
      .truncate(n)
      .matmul(weights([width, 40]))
      .max([0]),
  "sums over the count": ({ rows, n }) => rows.truncate(n).sum([0]),
  "running sums": ({ x, n }) => x.truncate(n).cumsum(0).max(),
  "convolutions of as many": ({ rows, n }) => {
    const counted = rows.truncate(n);
    return conv2d(counted.reshape([counted.type.shape[0]!, 1, 2, 3]), weights([2, 1, 2, 2])).max([0]);
  },
};

describe("kernels over a count", () => {
  it.each(Object.entries(kinds))("leave out what is behind it: %s", (_, body) => {
    const graph = graphOf((given) => ({ y: body(given) }));
    const few = step(graph, 8).iterations;
    expect(step(graph, most).iterations).toBeGreaterThan(15 * few);
  });

  it("sum up in the order of the maximum, whatever the count", () => {
    const counted = graphOf(({ x, rows, n }) => ({ one: x.truncate(n).sum(), each: rows.truncate(n).sum([0]) }));
    const masked = graphOf(({ x, rows, n }) => {
      const front = constant(Array.from({ length: most }, (_, at) => at) as never, "i64").less(n);
      return { one: where(front, x, 0).sum(), each: where(front.unsqueeze(1), rows, 0).sum([0]) };
    });
    for (const count of [0, 1, 63, 64, 65, 300, most])
      expect(step(counted, count).outputs, String(count)).toEqual(step(masked, count).outputs);
  });

  it("leave zeros behind it in outputs, and numbers that are asked for", () => {
    const graph = graphOf(({ x, rows, n }) => ({
      y: x.truncate(n).cos(),
      z: rows.truncate(n).sum([1]).toMaximum(-2).abs(),
    }));
    const interpreter = new Interpreter(graph as unknown as Graph<Signature, Signature>);
    for (const count of [0, 3, 8, most]) {
      const { outputs } = step(graph, count);
      const [y, z] = outputs.map((bytes) => new Float32Array(bytes.buffer.slice(bytes.byteOffset)));
      expect(y!.subarray(count).every((each) => Object.is(each, 0))).toBe(true);
      expect(z!.subarray(count).every((each) => each === 2)).toBe(true);
      const meant = interpreter.run(arrays(count) as never) as unknown as { readonly [name: string]: Float32Array };
      for (const [at, each] of y!.entries()) expect(each).toBeCloseTo(meant.y![at]!, 6);
    }
  });
});
