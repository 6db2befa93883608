// Sorting, ranking and scattering of small tensors made by hand.
import { describe, expect, it } from "vitest";
import { compile } from "../compiler/compile.ts";
import { constant, Interpreter, load, type Tensor, tensorType, trace } from "../index.ts";

/** The outputs of a function of x, compiled for this machine; the interpreter must give the same. */
async function outputsOf(fn: (x: Tensor<"f32">) => { readonly [name: string]: Tensor }, x: readonly number[]) {
  const graph = trace((inputs) => fn(inputs.x), { x: tensorType("f32", [x.length]) }, { name: "ordered" });
  const program = load(await compile(graph));
  const outputs = program.newOutputs();
  const inputs = { x: Float32Array.from(x) };
  program.run(inputs, outputs);
  expect(new Interpreter(graph).run(inputs)).toEqual(outputs);
  return Object.fromEntries(
    Object.entries(outputs).map(([name, data]) => [name, Array.from(data as ArrayLike<number | bigint>, Number)]),
  );
}

describe("order", () => {
  it("keeps equal elements in place and puts NaN last, whichever way it goes", async () => {
    const x = [2, NaN, -0, 0, 2, -Infinity, NaN, 7];
    const { up, down, upAt, downAt } = await outputsOf(
      (t) => ({
        up: t.sort().values,
        down: t.sort(0, { descending: true }).values,
        upAt: t.sort().indices,
        downAt: t.argsort(0, { descending: true }),
      }),
      x,
    );
    expect(up).toEqual([-Infinity, -0, 0, 2, 2, 7, NaN, NaN]);
    expect(upAt).toEqual([5, 2, 3, 0, 4, 7, 1, 6]);
    expect(down).toEqual([7, 2, 2, -0, 0, -Infinity, NaN, NaN]);
    expect(downAt).toEqual([7, 0, 4, 2, 3, 5, 1, 6]);
  });

  it("gives the largest or smallest elements with their positions", async () => {
    const found = await outputsOf(
      (t) => {
        const most = t.topK(2);
        const least = t.topK(2, 0, { largest: false });
        return { most: most.values, mostAt: most.indices, least: least.values, leastAt: least.indices };
      },
      [3, 9, NaN, -1, 9],
    );
    expect(found).toEqual({ most: [9, 9], mostAt: [1, 4], least: [-1, 3], leastAt: [3, 0] });
  });

  it("gives values and indices by one node of the graph", () => {
    const ranked = (x: Tensor<"f32">) => ({ y: x.topK(2).values.add(x.sort().indices.slice([1]).cast("f32")) });
    const graph = trace(({ x }) => ranked(x), { x: tensorType("f32", [3]) }, { name: "ranked" });
    expect(graph.nodes.map(({ operator, outputs }) => [operator.name, outputs.length])).toEqual(
      expect.arrayContaining([
        ["topK", 2],
        ["sort", 2],
      ]),
    );
    expect(graph.nodes.some(({ operator }) => operator.name === "gather")).toBe(false);
  });

  it("sums up to, before, and from each element", async () => {
    const found = await outputsOf(
      (t) => ({
        upTo: t.cumsum(0),
        before: t.cumsum(0, { exclusive: true }),
        from: t.cumsum(0, { reverse: true }),
      }),
      [1, 2, 4],
    );
    expect(found).toEqual({ upTo: [1, 3, 7], before: [0, 1, 3], from: [7, 6, 4] });
  });
});

describe("indexCopy, indexAdd and indexReduce", () => {
  it("lets the last of several updates stay, adds them all, or keeps the extreme; outside nothing is written", async () => {
    const found = await outputsOf(
      (t) => {
        const positions = constant([1, 1, 5, -1], "i32");
        const updates = constant([10, 20, 30, 40], "f32");
        return {
          set: t.indexCopy(0, positions, updates),
          sum: t.indexAdd(0, positions, updates),
          max: t.indexReduce(0, positions, updates, "amax"),
          min: t.indexReduce(0, positions, updates, "amin"),
        };
      },
      [1, 15, 3],
    );
    expect(found).toEqual({ set: [1, 20, 3], sum: [1, 45, 3], max: [1, 20, 3], min: [1, 10, 3] });
  });

  it("refuses updates of another shape", () => {
    expect(() =>
      trace(({ x }) => ({ y: x.indexAdd(0, constant([0], "i32"), x) }), { x: tensorType("f32", [3]) }, { name: "g" }),
    ).toThrow("indexPut of f32[3] into f32[3] at i32[1] along dimension 0");
  });
});
