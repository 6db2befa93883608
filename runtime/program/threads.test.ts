// Programs on several threads: the same bits for every number of them, states included.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { hashOf } from "../../kernels/index.ts";
import { conv2d } from "../capture/convolutions.ts";
import { constant, scaledDotProductAttention, type Tensor } from "../capture/tensor.ts";
import { state, trace } from "../capture/trace.ts";
import { compile } from "../compiler/compile.ts";
import { tensorType } from "../graph/tensor-type.ts";
import { load } from "./program.ts";

const cacheDir = join(fileURLToPath(new URL("../..", import.meta.url)), ".cache/kernels");

const numbers = (length: number, seed: number): Float32Array =>
  Float32Array.from({ length }, (_, at) => Math.sin(at * 12.9898 + seed * 78.233));

/** Convolutions of every generator, products, normalisation, and a state that mixes with all of them. */
const network = () => {
  const weight = (shape: number[], seed: number) =>
    constant(
      numbers(
        shape.reduce((a, b) => a * b, 1),
        seed,
      ).map((each) => each / 8),
      "f32",
      shape,
    );
  return trace(
    ({ x }) => {
      const memory = state("memory", tensorType("f32", [1, 48, 22, 30]));
      let y: Tensor<"f32"> = conv2d(x, weight([48, 3, 5, 5], 1), { padding: 2, stride: 2 }).relu();
      y = conv2d(y, weight([48, 48, 3, 3], 2), { padding: 1 })
        .add(memory.get())
        .relu();
      y = conv2d(y, weight([48, 48, 3, 3], 3), { padding: 1 }).tanh();
      y = conv2d(y, weight([48, 1, 3, 3], 4), { padding: 1, groups: 48 });
      memory.set(y.mul(0.5));
      const rows = conv2d(y, weight([40, 48, 1, 1], 5)).reshape([40, 660]);
      const scores = rows.matmul(rows.permute([1, 0])).softmax(1);
      return { y: scores.matmul(rows), sums: rows.sum([0]) };
    },
    { x: tensorType("f32", [1, 3, 44, 60]) },
    { name: "threaded" },
  );
};

describe("a program on several threads", () => {
  it.each([undefined, { mostChunks: 9, leastOperations: 1 }])(
    "computes the bits that one thread computes, and keeps its states (grain %o)",
    async (grain) => {
      const artifact = await compile(network(), { cacheDir, ...(grain ? { grain } : {}) });
      const programs = [1, 2, 3].map((threads) => load(artifact, { threads }));
      for (let step = 0; step < 6; step++) {
        const x = numbers(3 * 44 * 60, step);
        const [first, ...others] = programs.map((program) => {
          const outputs = program.newOutputs();
          program.run({ x }, outputs);
          return { outputs, states: Buffer.from(program.snapshot()).toString("base64") };
        });
        expect(first!.outputs.y.some((each) => each !== 0 && Number.isFinite(each))).toBe(true);
        for (const other of others) expect(other).toEqual(first);
      }
    },
  );

  it("computes the bits that one thread computes where each chunk works in memory of its own", async () => {
    // Planes of several blocks of Winograd tiles, the last one smaller, and heads of attention.
    const weights = numbers(32 * 32 * 9, 3).map((each) => each / 8);
    const graph = trace(
      ({ x }) => {
        const filtered = [0, 1].reduce<Tensor<"f32">>(
          (y) => conv2d(y, constant(weights, "f32", [32, 32, 3, 3]), { padding: 1 }).relu(),
          x,
        );
        const heads = filtered.reshape([32, 60, 72]).slice([0, 8], [0, 50]);
        return { filtered, mixed: scaledDotProductAttention(heads, heads, heads) };
      },
      { x: tensorType("f32", [1, 32, 60, 72]) },
      { name: "areas" },
    );
    const artifact = await compile(graph, { cacheDir, grain: { mostChunks: 24, leastOperations: 1024 } });
    const programs = [1, 2, 3].map((threads) => load(artifact, { threads }));
    for (let step = 0; step < 5; step++) {
      const x = numbers(32 * 60 * 72, step);
      const [first, ...others] = programs.map((program) => {
        program.run({ x }, program.outputs);
        return Object.values(program.outputs).map((each) =>
          hashOf(new Uint8Array(each.buffer, each.byteOffset, each.byteLength)),
        );
      });
      for (const other of others) expect(other).toEqual(first);
    }
  });

  it("starts one thread less than declared, once, and none for one", async () => {
    const tasks = () => readdirSync("/proc/self/task");
    const artifact = await compile(network(), { cacheDir });
    const x = numbers(3 * 44 * 60, 1);
    for (const threads of [1, 4]) {
      const before = new Set(tasks());
      const program = load(artifact, { threads });
      const started = () => tasks().filter((task) => !before.has(task));
      const own = started();
      expect(own).toHaveLength(threads - 1);
      for (let step = 0; step < 3; step++) program.run({ x }, program.newOutputs());
      expect(started()).toEqual(own);
    }
  });

  it("refuses numbers of threads that mean nothing", async () => {
    const artifact = await compile(network(), { cacheDir });
    for (const threads of [0, -1, 1.5, Number.NaN]) {
      expect(() => load(artifact, { threads })).toThrowError(
        expect.objectContaining({ code: "program/option", message: `load: threads cannot be ${threads}` }),
      );
    }
    expect(() => load(artifact, { threads: 65 })).toThrowError(
      expect.objectContaining({ code: "program/threads", help: expect.stringContaining("at least 1") }),
    );
  });
});
