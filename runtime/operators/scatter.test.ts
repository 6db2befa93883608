// Writing at positions, and reading rows of a batch at them: hand-made values, those of PyTorch and ONNX.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { constant, iota, type Tensor, zeros } from "../capture/tensor.ts";
import { trace } from "../capture/trace.ts";
import { compile } from "../compiler/compile.ts";
import { tensorType } from "../graph/tensor-type.ts";
import { Interpreter } from "../interpreters/interpreter.ts";
import { load } from "../program/program.ts";

const cacheDir = join(fileURLToPath(new URL("../..", import.meta.url)), ".cache/kernels");

describe("indexCopy", () => {
  it.each([
    [-1, [1, 2, 3]],
    [0, [5, 2, 3]],
    [2, [1, 2, 5]],
    [3, [1, 2, 3]],
  ])("at the known position %i gives %j", async (position, expected) => {
    const graph = trace(
      ({ x, update }) => ({ y: x.indexCopy(0, iota("i64", [1], 0).add(position), update) }),
      { x: tensorType("f32", [3]), update: tensorType("f32", [1]) },
      { name: "known" },
    );
    const arrays = { x: Float32Array.of(1, 2, 3), update: Float32Array.of(5) };
    const program = load(await compile(graph, { cacheDir }));
    const outputs = program.newOutputs();
    program.run(arrays, outputs);
    expect([...outputs.y]).toEqual(expected);
    expect([...new Interpreter(graph).run(arrays).y]).toEqual(expected);
  });
});

describe("scatter", () => {
  /** What machine code gives, which is what the interpreter gives. */
  const valuesOf = async (y: () => Tensor): Promise<readonly number[]> => {
    const graph = trace(() => ({ y: y() }), {}, { name: "written" });
    const [interpreted] = Object.values(new Interpreter(graph as never).run({}));
    const program = load(await compile(graph, { cacheDir }));
    const outputs = program.newOutputs();
    program.run({}, outputs);
    expect([...outputs.y]).toEqual([...(interpreted as Float32Array)]);
    return [...(outputs.y as Float32Array)];
  };
  const counted = () => iota("f32", [10], 0).add(1).reshape([2, 5]);
  const positions = (values: readonly number[], shape: readonly number[]) => constant(values, "i64", shape);

  // The examples of https://pytorch.org/docs/stable/generated/torch.Tensor.scatter_.html
  it("writes along either dimension, positions fewer than the tensor has elements", async () => {
    expect(
      await valuesOf(() =>
        zeros("f32", [3, 5]).scatter(0, positions([0, 1, 2, 0], [1, 4]), counted().slice([0, 1], [0, 4])),
      ),
    ).toEqual([1, 0, 0, 4, 0, 0, 2, 0, 0, 0, 0, 0, 3, 0, 0]);
    expect(
      await valuesOf(() =>
        zeros("f32", [3, 5]).scatter(1, positions([0, 1, 2, 0, 1, 4], [2, 3]), counted().slice([], [0, 3])),
      ),
    ).toEqual([1, 2, 3, 0, 0, 6, 7, 0, 0, 8, 0, 0, 0, 0, 0]);
  });

  it("adds all and keeps extremes, and takes nothing at positions outside", async () => {
    const at = () => positions([1, 1, 4, -1], [4]);
    const source = () => constant([5, 7, 9, 11], "f32");
    const x = () => constant([1, 6, 3], "f32");
    expect(await valuesOf(() => x().scatterAdd(0, at(), source()))).toEqual([1, 18, 3]);
    expect(await valuesOf(() => x().scatterReduce(0, at(), source(), "sum"))).toEqual([1, 18, 3]);
    expect(await valuesOf(() => x().scatterReduce(0, at(), source(), "amax"))).toEqual([1, 7, 3]);
    expect(await valuesOf(() => x().scatterReduce(0, at(), source(), "amin"))).toEqual([1, 5, 3]);
  });

  it("refuses positions that go beyond the tensor, and reductions that there are not", () => {
    const wrong = (y: () => Tensor) => () => trace(() => ({ y: y() }), {}, { name: "wrong" });
    const wide = () => zeros("f32", [2, 3]).scatter(1, positions([0, 0, 0], [3, 1]), zeros("f32", [3, 1]));
    expect(wrong(wide)).toThrow("scatter of f32[3,1] into f32[2,3] at i64[3,1] along dimension 1");
    const mean = () => zeros("f32", [3]).scatterReduce(0, positions([0], [1]), zeros("f32", [1]), "mean" as "sum");
    expect(wrong(mean)).toThrow("scatterReduce");
  });

  // Example 4 of https://onnx.ai/onnx/operators/onnx__GatherND.html
  it("is read from by rows of positions, each in its own part of the batch", async () => {
    const data = () => iota("f32", [8], 0).reshape([2, 2, 2]);
    expect(await valuesOf(() => data().gatherND(positions([1, 0], [2, 1]), { batchDims: 1 }))).toEqual([2, 3, 4, 5]);
  });
});

describe("transpose", () => {
  it("changes two dimensions for each other, counted from the end where they are negative", () => {
    const graph = trace(
      ({ x }) => ({ y: x.transpose(0, -1) }),
      { x: tensorType("f32", [2, 3, 4]) },
      { name: "turned" },
    );
    expect(graph.toString()).toContain("permute(%x, axes=[2,1,0])");
  });
});
