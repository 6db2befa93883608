// Whole graphs under drawn schedules: the same bits, the same bytes each time, and shown by explain.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { addsDotOnly, drawnSchedules, runnableTargets, type Schedules, type TargetName } from "../../kernels/index.ts";
import { conv2d } from "../capture/convolutions.ts";
import { constant, type Tensor } from "../capture/tensor.ts";
import { trace } from "../capture/trace.ts";
import { tensorType } from "../graph/tensor-type.ts";
import { load } from "../program/program.ts";
import { type CompileOptions, compile } from "./compile.ts";
import { explain } from "./explain.ts";

const cacheDir = join(fileURLToPath(new URL("../..", import.meta.url)), ".cache/kernels");
const targets = runnableTargets().filter((name) => !addsDotOnly(name));

const numbers = (count: number, seed: number): Float32Array =>
  Float32Array.from({ length: count }, (_, at) => Math.sin(at * 1.37 + seed * 7.1));
const weight = (shape: readonly number[], seed: number): Tensor<"f32"> =>
  constant(
    numbers(
      shape.reduce((a, b) => a * b, 1),
      seed,
    ),
    "f32",
    shape,
  );

/** A network in which every generator with schedules has its part. */
const network = () =>
  trace(
    ({ x }) => {
      const first = conv2d(x, weight([48, 5, 3, 3], 1), { padding: 1, stride: 2 }).relu();
      const square = conv2d(first, weight([48, 48, 3, 3], 2), { padding: 1 })
        .add(first)
        .relu();
      const own = conv2d(square, weight([48, 1, 3, 3], 3), { padding: 1, groups: 48 });
      const narrow = conv2d(own, weight([32, 48, 1, 1], 4));
      const features = narrow.mean([2, 3]);
      return { y: features.matmul(weight([32, 70], 5)).softmax(1) };
    },
    { x: tensorType("f32", [1, 5, 30, 38]) },
    { name: "network" },
  );
const input = { x: numbers(5 * 30 * 38, 9) };

async function outputOf(target: TargetName, options: CompileOptions): Promise<Float32Array> {
  const program = load(await compile(network(), { targets: [target], cacheDir, ...options }), { target });
  const outputs = program.newOutputs();
  program.run(input, outputs);
  return outputs.y;
}

describe("a graph compiled with drawn schedules", () => {
  it.each(targets)("has on %s the bits that the table's schedules give", async (target) => {
    const expected = await outputOf(target, {});
    expect(expected.some((each) => each > 0)).toBe(true);
    for (const seed of [1, 2, 3]) {
      expect(await outputOf(target, { schedules: drawnSchedules(seed) }), `seed ${seed}`).toEqual(expected);
    }
  });

  it("is asked about every generator that it needs, and gives the same bytes again", async () => {
    const asked = new Set<string>();
    const noting: Schedules = (problem) => {
      asked.add(problem.name.split(" ")[0]!);
      return drawnSchedules(4)(problem);
    };
    const options = { targets: targets.slice(0, 1), cacheDir, schedules: noting };
    const artifact = await compile(network(), options);
    expect([...asked].sort()).toEqual(["blockedConv2d", "depthwiseConv2d", "matmul", "winogradConv2d"]);
    expect((await compile(network(), options)).bytes).toEqual(artifact.bytes);
    expect((await compile(network(), { ...options, schedules: drawnSchedules(5) })).bytes).not.toEqual(artifact.bytes);
  });
});

describe("explain", () => {
  it("shows the schedule that a kernel was given", () => {
    const lines = explain(network() as never, "aarch64").split("\n");
    const at = lines.findIndex((each) => /^ +\d+ +depthwiseConv2d/.test(each));
    expect(lines[at + 1]).toMatch(/^ {7}schedule of depthwiseConv2d c48 y15x19 k3x3 s1x1: columns \d+, resident 1$/);
  });
});
