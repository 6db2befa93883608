// Windows at the edges of small images, counted by hand.
import { describe, expect, it } from "vitest";
import { Interpreter, type Tensor, tensorType, trace, type WithIndices } from "../index.ts";
import { declutter } from "../passes/index.ts";
import { given, traced, valuesOf } from "../testing/traced.ts";

/** A function of one row of pixels, by the meaning of its operators and of what they are made of. */
function ofRow(row: readonly number[], fn: (x: Tensor<"f32">) => Tensor<"f32">): number[] {
  const shape = [1, 1, 1, row.length];
  const graph = trace((inputs) => ({ y: fn(inputs.x) }), { x: tensorType("f32", shape) }, { name: "row" });
  const x = Float32Array.from(row);
  const meant = new Interpreter(graph).run({ x }).y;
  const made = new Interpreter(declutter(graph as never)).run({ x }) as { readonly y: Float32Array };
  expect(made.y).toEqual(meant);
  return [...meant];
}

describe("pooling", () => {
  const row = [1, -2, 3, 8, 5];

  it("leaves a last window that does not fit out, or takes what it holds with ceil", () => {
    expect(ofRow(row, (x) => x.maxPool([1, 2]))).toEqual([1, 8]);
    expect(ofRow(row, (x) => x.maxPool([1, 2], { ceil: true }))).toEqual([1, 8, 5]);
    expect(ofRow(row, (x) => x.avgPool([1, 2], { ceil: true }))).toEqual([-0.5, 5.5, 5]);
  });

  it("takes no window with ceil that starts in the padding behind", () => {
    const options = { stride: [1, 2], padding: [0, 1], ceil: true } as const;
    expect(ofRow(row, (x) => x.maxPool([1, 2], options))).toEqual([1, 3, 8]);
  });

  it("counts padding as zeros, or divides by what lies in the image", () => {
    const options = { stride: 1, padding: [0, 1] } as const;
    expect(ofRow(row, (x) => x.avgPool([1, 2], options))).toEqual([0.5, -0.5, 0.5, 5.5, 6.5, 2.5]);
    expect(ofRow(row, (x) => x.avgPool([1, 2], { ...options, countPadding: false }))).toEqual([
      1, -0.5, 0.5, 5.5, 6.5, 5,
    ]);
  });

  it("never takes padding for the largest", () => {
    expect(ofRow([-4, -2], (x) => x.maxPool([1, 3], { stride: 1, padding: [0, 1] }))).toEqual([-2, -2]);
  });

  it("skips pixels with a dilation, and pools whole planes", () => {
    expect(ofRow(row, (x) => x.maxPool([1, 2], { stride: 1, dilation: [1, 3] }))).toEqual([8, 5]);
    expect(ofRow(row, (x) => x.globalMaxPool())).toEqual([8]);
    expect(ofRow(row, (x) => x.globalAvgPool())).toEqual([3]);
  });

  /** Values and indices of a plane of a batch, by the meaning of the operator and of what it is made of. */
  function ofPlane(rows: readonly (readonly number[])[], pool: (x: Tensor<"f32">) => WithIndices<"f32">) {
    const shape = [1, 1, rows.length, rows[0]!.length];
    const graph = trace(({ x }) => ({ ...pool(x) }), { x: tensorType("f32", shape) }, { name: "plane" });
    expect(graph.nodes.map(({ operator }) => operator.name)).toEqual(["maxPoolWithIndices"]);
    const x = Float32Array.from(rows.flat());
    const meant = new Interpreter(graph).run({ x });
    expect(new Interpreter(declutter(graph as never)).run({ x })).toEqual(meant);
    return [[...meant.values], [...meant.indices].map(Number)];
  }

  it("gives where the largest lie in the plane, as PyTorch counts them", () => {
    const plane = [
      [1, 5, 5, 2],
      [4, 5, -1, 9],
      [7, 0, 3, 9],
    ];
    // By torch.nn.functional.max_pool2d(…, return_indices=True): the first of equals.
    const every = { stride: 1, returnIndices: true } as const;
    expect(ofPlane(plane, (x) => x.maxPool(2, every))).toEqual([
      [5, 5, 9, 7, 5, 9],
      [1, 1, 7, 8, 5, 7],
    ]);
    expect(ofPlane(plane, (x) => x.maxPool(2, { padding: 1, returnIndices: true }))).toEqual([
      [1, 5, 2, 7, 5, 9],
      [0, 1, 3, 8, 5, 7],
    ]);
  });

  it("gives the last NaN of a window, the first element where all are −∞, and −1 where all is padding", () => {
    const [nan, none] = [NaN, -Infinity];
    const row = [[nan, 3, nan, none, none, none]];
    expect(ofPlane(row, (x) => x.maxPool([1, 3], { returnIndices: true }))).toEqual([
      [nan, none],
      [2, 3],
    ]);
    expect(
      ofPlane([[4]], (x) => x.maxPool([1, 2], { stride: 1, padding: [0, 1], dilation: [1, 2], returnIndices: true })),
    ).toEqual([[none], [-1]]);
  });

  it("refuses padding that holds a whole window", () => {
    expect(() => ofRow(row, (x) => x.maxPool([1, 2], { padding: [0, 2] }))).toThrow(
      "maxPool: padding of [0,2] and [0,2] holds a whole window of [1,2]",
    );
  });

  it("gives the norm of what lies in each window, whatever its exponent and sign", () => {
    const x = given(
      "f32",
      Array.from({ length: 16 }, (_, i) => i + 1),
      [1, 1, 4, 4],
    );
    // ONNX's test of dilations.
    const dilated = valuesOf({ x }, ({ x }) => x.lpPool(2, 2, { stride: 1, dilation: 2 }));
    expect(dilated).toEqual([14.560219764709473, 16.248077392578125, 21.63330841064453, 23.494680404663086]);
    expect(ofRow([3, -4, 12], (x) => x.lpPool(2, [1, 2], { stride: 1, ceil: true }))).toEqual([
      5,
      Math.fround(160 ** 0.5),
    ]);
    expect(ofRow([3, -4, 12], (x) => x.lpPool(1, [1, 2], { padding: [0, 1] }))).toEqual([3, 16]);
    expect(ofRow([3, -4, 12], (x) => x.globalLpPool(1))).toEqual([19]);
    const cubed = valuesOf({ x: given("f64", [-1, 2, -3, 4], [1, 2, 2]) }, ({ x }) => x.globalLpPool(3));
    expect(cubed.map((each) => Number(each).toFixed(12))).toEqual([
      (9 ** (1 / 3)).toFixed(12),
      (91 ** (1 / 3)).toFixed(12),
    ]);
  });

  it("is undone by maxUnpool where the largest lay, over lines, planes and volumes", () => {
    const x = given("f32", [1, 2, 3, 4], [1, 1, 2, 2]);
    const places = given("i64", [5, 7, 13, 15], [1, 1, 2, 2]);
    const unpooled = (options: Parameters<Tensor["maxUnpool"]>[2]) =>
      traced({ x, places }, ({ x, places }) => x.maxUnpool(places, 2, options));
    expect(unpooled({}).values).toEqual([0, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0, 0, 3, 0, 4]);
    expect(unpooled({ outputSize: [5, 4] })).toMatchObject({ shape: [1, 1, 5, 4] });
    for (const shape of [
      [2, 3, 8],
      [2, 3, 4, 6],
      [1, 2, 4, 2, 6],
    ]) {
      const all = Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => ((i * 37) % 101) + 1);
      const found = valuesOf({ x: given("f32", all, shape) }, ({ x }) => {
        const { values, indices } = x.maxPool(2, { returnIndices: true });
        const back = values.maxUnpool(indices, 2);
        // Everything else is zero, and what stands is what was there.
        return back.sub(x).mul(back).abs().sum().add(back.sum().sub(values.sum()).abs());
      });
      expect(found).toEqual([0]);
    }
    expect(() => unpooled({ padding: 2 })).toThrow("the padding leaves nothing");
    expect(() => unpooled({ stride: [2] })).toThrow("with stride [2]");
  });
});
