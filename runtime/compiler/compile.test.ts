// Compiled graphs against the interpreter: hand-made cases that each reach another part of the compiler.

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { readArchive } from "../../kernels/index.ts";
import {
  type ArraysOf,
  compile,
  concat,
  constant,
  conv2d,
  type Graph,
  gridSample,
  Interpreter,
  iota,
  load,
  type Signature,
  state,
  sym,
  tensorType,
  trace,
  where,
} from "../index.ts";

const cacheDir = join(fileURLToPath(new URL("../..", import.meta.url)), ".cache/kernels");

/** Compiles for this machine, runs both ways for some steps, and compares outputs within `tolerance` relative to 1. */
async function agree<I extends Signature, O extends Signature>(
  graph: Graph<I, O>,
  steps: readonly ArraysOf<I>[],
  tolerance = 1e-5,
): Promise<void> {
  const program = load(await compile(graph, { targets: ["x86-64-v3"], cacheDir }));
  const interpreter = new Interpreter(graph);
  const outputs = program.newOutputs();
  for (const inputs of steps) {
    program.run(inputs, outputs);
    const expected = interpreter.run(inputs);
    for (const [name, array] of Object.entries(expected)) {
      const found = outputs[name]!;
      expect(found.length).toBe(array.length);
      for (let i = 0; i < array.length; i++) {
        const [a, b] = [Number(found[i]), Number(array[i])];
        if (!Object.is(a, b) && !(Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(b))))
          expect(`${name}[${i}] = ${a}`).toBe(`${name}[${i}] = ${b}`);
      }
    }
  }
}

const ramp = (n: number, f = (i: number) => Math.sin(i * 1.7) * 3) => Float32Array.from({ length: n }, (_, i) => f(i));

describe("the code of layers alike", () => {
  it("is compiled once", async () => {
    const codeBytes = async (layers: number) => {
      const graph = trace(
        ({ x }) => {
          let y = x;
          for (let at = 0; at < layers; at++) {
            const w = ramp(16 * 16 * 9, (i) => Math.sin(i * (at + 2)));
            y = conv2d(y, constant(w, "f32", [16, 16, 3, 3], "w"), { padding: 1 }).relu();
          }
          return { y };
        },
        { x: tensorType("f32", [1, 16, 6, 6]) },
        { name: "layers" },
      );
      const artifact = await compile(graph, { targets: ["x86-64-v3"], cacheDir });
      return readArchive(artifact.bytes)["code/x86-64-v3.o"]!.length;
    };
    // The first and the last layer are kernels of their own: they read and write other tensors' shapes.
    const [few, many] = [await codeBytes(4), await codeBytes(12)];
    expect(many - few).toBeLessThan(few / 2);
  });
});

describe("what cannot be compiled", () => {
  const graph = trace(({ x }) => ({ y: x.max([0]) }), { x: tensorType("f32", [sym("n"), 2]) }, { name: "g" });

  it.each([
    [
      "a target that there is not",
      { targets: ["foo" as "aarch64"], dimensions: { n: 1 } },
      "compile/option",
      /^compile: targets\[0\] cannot be "foo"/,
    ],
    [
      "a size below zero",
      { dimensions: { n: -1 } },
      "compile/symbol-size",
      '-1 is no size for dimension "n" of graph "g"',
    ],
    ["a size that is no whole number", { dimensions: { n: 1.5 } }, "compile/symbol-size", /^1\.5 is no size/],
    ["a size that is no number", { dimensions: { n: NaN } }, "compile/symbol-size", /^NaN is no size/],
    ["a symbol that there is not", { dimensions: { n: 1, m: 2 } }, "compile/unknown-symbol", /no dimension "m"/],
    ["a size that an operator refuses", { dimensions: { n: 0 } }, "operator/empty", /^max of f32\[0,2\]: dimension 0/],
  ] as const)("is refused at the user's line: %s", async (_, options, code, message) => {
    await expect(compile(graph, options)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
      place: expect.stringMatching(/compile\.test\.ts:\d+:\d+$/),
      help: expect.any(String),
    });
  });
});

describe("compiled graphs", () => {
  it("compute a pointwise chain with broadcasting and choice", async () => {
    const graph = trace(
      ({ x, y }) => ({ z: where(x.greater(y), x.mul(2).add(y), x.exp().tanh()), s: x.sub(y).abs().sqrt() }),
      { x: tensorType("f32", [5, 33]), y: tensorType("f32", [33]) },
      { name: "chain" },
    );
    await agree(graph, [{ x: ramp(165), y: ramp(33, Math.cos) }]);
  });

  it("keep a state from step to step", async () => {
    const graph = trace(
      ({ x }) => {
        const total = state("total", tensorType("f32", [3]), [1, 2, 3]);
        total.set(total.get().mul(0.5).add(x));
        return { total: total.get() };
      },
      { x: tensorType("f32", [3]) },
      { name: "filter" },
    );
    await agree(graph, [{ x: ramp(3) }, { x: ramp(3, Math.cos) }, { x: ramp(3) }]);
  });

  it("reduce over inner, outer and all dimensions", async () => {
    const graph = trace(
      ({ x }) => ({
        inner: x.sum([2]),
        outer: x.mul(x).sum([0, 1]),
        middle: x.max([1], { keepDims: true }),
        all: x.mean(),
        least: x.min([0, 2]),
        soft: x.softmax(2),
      }),
      { x: tensorType("f32", [3, 4, 37]) },
      { name: "reductions" },
    );
    await agree(graph, [{ x: ramp(3 * 4 * 37) }]);
  });

  it("multiply matrices of odd sizes, batched and not", async () => {
    const graph = trace(
      ({ a, b, c }) => ({ ab: a.matmul(b), bc: b.matmul(c), row: a.slice([0, 1], [0, 1]).matmul(b) }),
      { a: tensorType("f32", [2, 5, 7]), b: tensorType("f32", [7, 19]), c: tensorType("f32", [19, 1]) },
      { name: "products" },
    );
    await agree(graph, [{ a: ramp(70), b: ramp(133, Math.cos), c: ramp(19) }]);
  });

  it("convolve with stride, padding, dilation and groups", async () => {
    const graph = trace(
      ({ x, w, g }) => ({
        same: conv2d(x, w, { padding: 1 }),
        strided: conv2d(x, w, { stride: 2, padding: [1, 0] }),
        dilated: conv2d(x, w, { dilation: 2 }),
        grouped: conv2d(x, g, { groups: 2 }).relu(),
      }),
      { x: tensorType("f32", [1, 4, 9, 21]), w: tensorType("f32", [3, 4, 3, 3]), g: tensorType("f32", [4, 2, 3, 3]) },
      { name: "convolutions" },
    );
    await agree(graph, [{ x: ramp(4 * 9 * 21), w: ramp(108, Math.cos), g: ramp(72) }]);
  });

  it("move elements: transpose, slice with steps, pad, concat, reshape", async () => {
    const graph = trace(
      ({ x }) => ({
        turned: x.permute([2, 0, 1]),
        thinned: x.slice([0, 3, 2], [1, 4], [0, 17, 3]),
        padded: x.pad([0, 1, 2], [1, 0, 3], -7),
        joined: concat([x.slice([0, 1]), x.neg()], 0),
        flat: x
          .add(1)
          .reshape([4 * 17, 3])
          .permute(),
        same: x,
      }),
      { x: tensorType("f32", [3, 4, 17]) },
      { name: "moves" },
    );
    await agree(graph, [{ x: ramp(204) }]);
  });

  it("sample an image of bytes at computed positions", async () => {
    const graph = trace(
      ({ image }) => {
        const grid = concat(
          [iota("f32", [8, 20, 1], 1).mul(0.9).sub(1.3), iota("f32", [8, 20, 1], 0).mul(1.7).sub(1)],
          2,
        );
        const grey = image.cast("f32");
        return { zeros: gridSample(grey, grid), border: gridSample(grey, grid, { outside: "border" }) };
      },
      { image: tensorType("u8", [12, 16]) },
      { name: "sampling" },
    );
    await agree(graph, [{ image: Uint8Array.from({ length: 192 }, (_, i) => (i * 37) % 256) }], 1e-4);
  });

  it("convert between all kinds of numbers", async () => {
    const graph = trace(
      ({ x, n }) => ({
        bytes: x.mul(200).cast("u8"),
        signed: x.mul(1e12).cast("i32"),
        long: n.cast("i64").mul(constant(3_000_000_000, "i64")),
        back: n.cast("f64").div(7),
        truth: n.cast("bool"),
        halves: n.div(constant(2, "i32")),
      }),
      { x: tensorType("f32", [18]), n: tensorType("i32", [18]) },
      { name: "conversions" },
    );
    await agree(graph, [{ x: ramp(18), n: Int32Array.from({ length: 18 }, (_, i) => (i - 9) * 1234567) }], 0);
  });
});
