// A program run with arrays of one's own and with its own.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { compile, load, type Program, tensorType, trace } from "../index.ts";

const cacheDir = join(fileURLToPath(new URL("../..", import.meta.url)), ".cache/kernels");
const graph = trace(
  ({ x, n }) => ({ y: x.mul(2).add(1), m: n.neg() }),
  { x: tensorType("f32", [5]), n: tensorType("i64", [2]) },
  { name: "twice" },
);
const x = Float32Array.of(1, 2, 3, 4, 5);
const n = BigInt64Array.of(7n, -9n);

describe("a program", () => {
  let program: Program<{ forward: typeof graph.signature }>;
  beforeAll(async () => {
    program = load(await compile(graph, { targets: ["x86-64-v3"], cacheDir }));
  });

  it("computes the same through its own arrays as through any others", () => {
    const outputs = program.newOutputs();
    program.run({ x, n }, outputs);
    expect(outputs).toEqual({ y: Float32Array.of(3, 5, 7, 9, 11), m: BigInt64Array.of(-7n, 9n) });
    program.inputs.x.set([10, 20, 30, 40, 50]);
    program.inputs.n.set([1n, 2n]);
    program.run(program.inputs, program.outputs);
    expect(program.outputs).toEqual({ y: Float32Array.of(21, 41, 61, 81, 101), m: BigInt64Array.of(-1n, -2n) });
    expect(outputs.y).toEqual(Float32Array.of(3, 5, 7, 9, 11));
  });

  it("gives new arrays of outputs where none are passed, and otherwise those", () => {
    const first = program.run({ x, n });
    const second = program.run({ x: x.map((each) => -each), n });
    expect(first).toEqual({ y: Float32Array.of(3, 5, 7, 9, 11), m: BigInt64Array.of(-7n, 9n) });
    expect(second.y).toEqual(Float32Array.of(-1, -3, -5, -7, -9));
    expect(program.run({ x, n }, second)).toBe(second);
    expect(second).toEqual(first);
    expect(program.run({ x, n }, program.outputs)).toBe(program.outputs);
  });

  it("reads sets of inputs where they lie, each for itself", () => {
    const sets = [1, 2, 3].map((scale) => {
      const set = program.newInputs();
      set.x.set(x.map((each) => each * scale));
      set.n.set([BigInt(scale), 0n]);
      return set;
    });
    program.inputs.x.fill(-1);
    const outputs = program.newOutputs();
    for (const scale of [3, 1, 2]) {
      program.run(sets[scale - 1]!, outputs);
      expect(outputs).toEqual({ y: x.map((each) => 2 * each * scale + 1), m: BigInt64Array.of(BigInt(-scale), 0n) });
    }
    program.run({ ...sets[0]! }, program.outputs);
    expect(program.outputs.y).toEqual(Float32Array.of(3, 5, 7, 9, 11));
    for (const { x, n } of sets) expect([x.byteOffset % 64, n.byteOffset % 64]).toEqual([0, 0]);
  });

  it("times steps without JavaScript, on each set of inputs in turn", async () => {
    const own = load(await compile(graph, { targets: ["x86-64-v3"], cacheDir }));
    own.inputs.x.set(x);
    const { x: last } = own.newInputs();
    last.set(x.map((each) => -each));
    const times = own.stepTimes(4);
    expect(times).toHaveLength(4);
    expect(times.every((each) => each > 0)).toBe(true);
    expect(own.kernelCalls).toBe(4 * own.manifest.targets["x86-64-v3"]!.methods.forward!.kernels.length);
    expect(own.outputs.y).toEqual(Float32Array.from(x, (each) => -2 * each + 1));
  });

  it("aligns its own arrays to cache lines and keeps them apart", () => {
    const arrays = [program.inputs.x, program.inputs.n, ...Object.values(program.outputs)];
    const spans = arrays.map((each) => [each.byteOffset, each.byteOffset + each.byteLength] as const);
    for (const [start] of spans) expect(start % 64).toBe(0);
    spans.forEach(([start], at) => {
      for (const [from, to] of spans.slice(0, at)) expect(start >= to || start < from).toBe(true);
    });
  });

  it.each([
    ["program/missing", {}],
    ["program/dtype", { x: new Float64Array(5) }],
    ["program/lengths", { x: new Float32Array(4) }],
    ["program/lengths", { x: new Float32Array(6) }],
  ])("refuses with %s an input that is not what the graph takes", (code, given) => {
    const outputs = program.newOutputs();
    const before = program.kernelCalls;
    expect(() => program.run({ n, ...given } as never, outputs)).toThrow(expect.objectContaining({ code }));
    expect(program.kernelCalls).toBe(before);
  });
});
