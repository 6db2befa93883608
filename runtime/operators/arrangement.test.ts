// Rearrangements, padding with copies, one-hot and positions over several dimensions: what PyTorch, NumPy and ONNX give.
import { describe, expect, it } from "vitest";
import { IsochronError } from "../../kernels/index.ts";
import type { Tensor } from "../capture/tensor.ts";
import { type Given, given, traced, valuesOf } from "../testing/traced.ts";

const line = given("i32", [0, 1, 2, 3, 4]);
const plane = given("f32", [0, 1, 2, 3, 4, 5], [2, 3]);

function messageOf(operands: { readonly x: Given }, body: (v: { readonly x: Tensor }) => Tensor): string {
  try {
    traced(operands, body);
    return "nothing";
  } catch (error) {
    if (!(error instanceof IsochronError)) throw error;
    expect(error.place).toMatch(/arrangement\.test\.ts/);
    return `${error.code}: ${error.message}`;
  }
}

describe("slice", () => {
  it("goes backwards with a negative step, as in Python", () => {
    expect(valuesOf({ line }, (v) => v.line.slice([null, null, -1]))).toEqual([4, 3, 2, 1, 0]);
    expect(valuesOf({ line }, (v) => v.line.slice([3, 0, -1]))).toEqual([3, 2, 1]);
    expect(valuesOf({ line }, (v) => v.line.slice([-1, -4, -2]))).toEqual([4, 2]);
    expect(valuesOf({ line }, (v) => v.line.slice([99, null, -3]))).toEqual([4, 1]);
    expect(valuesOf({ line }, (v) => v.line.slice([1, 3, -1]))).toEqual([]);
    expect(valuesOf({ line }, (v) => v.line.slice([-9, null, -1]))).toEqual([]);
    expect(valuesOf({ plane }, (v) => v.plane.slice([], [null, null, -2]))).toEqual([2, 0, 5, 3]);
  });

  it("counts starts from the end, and keeps what is left out whole", () => {
    expect(valuesOf({ line }, (v) => v.line.slice([-2]))).toEqual([3, 4]);
    expect(valuesOf({ line }, (v) => v.line.slice([null, -3]))).toEqual([0, 1]);
    expect(valuesOf({ plane }, (v) => v.plane.slice([1]))).toEqual([3, 4, 5]);
    expect(messageOf({ x: line }, (v) => v.x.slice([0, 5, 0]))).toMatch(/^operator\/attributes: slice/);
  });
});

describe("reshape", () => {
  it("finds the size in place of −1", () => {
    expect(traced({ plane }, (v) => v.plane.reshape([3, -1])).shape).toEqual([3, 2]);
    expect(traced({ plane }, (v) => v.plane.reshape([-1])).shape).toEqual([6]);
    expect(messageOf({ x: plane }, (v) => v.x.reshape([4, -1]))).toBe(
      "operator/shape: reshape of f32[2,3] to [4,-1]: no size in place of −1 gives 6 elements",
    );
    expect(messageOf({ x: plane }, (v) => v.x.reshape([-1, -1]))).toMatch(/^operator\/shape/);
  });
});

describe("flip, roll, tile and split", () => {
  it("flip reverses dimensions, all unless named", () => {
    expect(valuesOf({ plane }, (v) => v.plane.flip())).toEqual([5, 4, 3, 2, 1, 0]);
    expect(valuesOf({ plane }, (v) => v.plane.flip([-1]))).toEqual([2, 1, 0, 5, 4, 3]);
  });

  it("roll moves elements on, whatever the shift", () => {
    expect(valuesOf({ line }, (v) => v.line.roll(2, 0))).toEqual([3, 4, 0, 1, 2]);
    expect(valuesOf({ line }, (v) => v.line.roll(-11, 0))).toEqual([1, 2, 3, 4, 0]);
    expect(valuesOf({ plane }, (v) => v.plane.roll([1, 1], [0, 1]))).toEqual([5, 3, 4, 2, 0, 1]);
    expect(messageOf({ x: plane }, (v) => v.x.roll([1, 2], 0))).toMatch(/^operator\/ranges: roll of f32\[2,3\]/);
  });

  it("tile repeats the last dimensions, and makes new ones", () => {
    expect(valuesOf({ plane }, (v) => v.plane.tile([2]))).toEqual([0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5]);
    expect(traced({ plane }, (v) => v.plane.tile([2, 1, 2])).shape).toEqual([2, 2, 6]);
    expect(valuesOf({ line }, (v) => v.line.tile([2, 1]))).toEqual([0, 1, 2, 3, 4, 0, 1, 2, 3, 4]);
  });

  it("split cuts into parts of one size, the last with what is left, or of given sizes", () => {
    expect(valuesOf({ line }, (v) => v.line.split(2)[2]!)).toEqual([4]);
    expect(valuesOf({ line }, (v) => v.line.split([1, 4])[1]!)).toEqual([1, 2, 3, 4]);
    expect(valuesOf({ plane }, (v) => v.plane.split([1, 2], -1)[1]!)).toEqual([1, 2, 4, 5]);
    expect(messageOf({ x: line }, (v) => v.x.split([1, 3])[0]!)).toBe(
      "operator/ranges: split of i32[5] into [1,3] along dimension 0",
    );
    expect(messageOf({ x: line }, (v) => v.x.split(0)[0]!)).toMatch(/^operator\/ranges/);
  });
});

describe("padding with copies", () => {
  it("mirrors, repeats the ends, or goes round, as PyTorch's modes do", () => {
    const pad = (mode: "reflect" | "replicate" | "circular") =>
      valuesOf({ line }, (v) => v.line.pad([2], [3], { mode }));
    expect(pad("reflect")).toEqual([2, 1, 0, 1, 2, 3, 4, 3, 2, 1]);
    expect(pad("replicate")).toEqual([0, 0, 0, 1, 2, 3, 4, 4, 4, 4]);
    expect(pad("circular")).toEqual([3, 4, 0, 1, 2, 3, 4, 0, 1, 2]);
    // torch.nn.functional.pad(torch.arange(6.).reshape(1, 2, 3), (1, 1, 1, 1), "reflect"), which is numpy.pad's too.
    expect(valuesOf({ plane }, (v) => v.plane.pad([1, 1], [1, 1], { mode: "reflect" }))).toEqual([
      4, 3, 4, 5, 4, 1, 0, 1, 2, 1, 4, 3, 4, 5, 4, 1, 0, 1, 2, 1,
    ]);
  });

  it("goes on where it is wider than the dimension, as NumPy does", () => {
    const short = given("i32", [0, 1, 2]);
    expect(valuesOf({ short }, (v) => v.short.pad([5], [0], { mode: "reflect" }))).toEqual([1, 0, 1, 2, 1, 0, 1, 2]);
    expect(valuesOf({ short }, (v) => v.short.pad([0], [4], { mode: "circular" }))).toEqual([0, 1, 2, 0, 1, 2, 0]);
    const one = given("i32", [7]);
    expect(valuesOf({ one }, (v) => v.one.pad([2], [1], { mode: "reflect" }))).toEqual([7, 7, 7, 7]);
  });

  it("has nothing to copy of an empty dimension", () => {
    expect(messageOf({ x: given("f32", [], [0]) }, (v) => v.x.pad([1], [0], { mode: "replicate" }))).toBe(
      "operator/shape: pad of f32[0]: there is nothing to replicate along dimension 0",
    );
    expect(valuesOf({ line }, (v) => v.line.pad([1], [0], { value: 9 }))).toEqual([9, 0, 1, 2, 3, 4]);
  });
});

describe("oneHot", () => {
  it("marks the class along a new last dimension, and none that does not exist", () => {
    const classes = given("u8", [2, 0, 9]);
    expect(traced({ classes }, (v) => v.classes.oneHot(3))).toEqual({
      dtype: "i64",
      shape: [3, 3],
      values: [0n, 0n, 1n, 1n, 0n, 0n, 0n, 0n, 0n],
    });
    expect(traced({ classes }, (v) => v.classes.oneHot(1, { dtype: "f32" }))).toMatchObject({ values: [0, 1, 0] });
    expect(valuesOf({ x: given("i32", [-1, 1]) }, (v) => v.x.oneHot(2, { dtype: "bool" }))).toEqual([0, 0, 0, 1]);
  });
});

describe("positions over several dimensions", () => {
  const at = given("i32", [1, 2, 0, 0, -5, 99], [3, 2]);

  it("gatherND reads elements, or slices where fewer dimensions are named", () => {
    // The last row is moved to the nearest ends.
    expect(valuesOf({ plane, at }, (v) => v.plane.gatherND(v.at))).toEqual([5, 0, 2]);
    const rows = given("i64", [1, 0], [2, 1]);
    expect(traced({ plane, rows }, (v) => v.plane.gatherND(v.rows))).toEqual({
      dtype: "f32",
      shape: [2, 3],
      values: [3, 4, 5, 0, 1, 2],
    });
  });

  it("scatterND writes in order, and nothing where a position lies outside", () => {
    const updates = given("f32", [10, 20, 30]);
    expect(valuesOf({ plane, at, updates }, (v) => v.plane.scatterND(v.at, v.updates))).toEqual([20, 1, 2, 3, 4, 10]);
    const twice = given("i64", [0, 1, 0, 1], [2, 2]);
    const both = given("f32", [10, 20]);
    expect(valuesOf({ plane, twice, both }, (v) => v.plane.scatterND(v.twice, v.both))[1]).toBe(20);
    expect(valuesOf({ plane, twice, both }, (v) => v.plane.scatterND(v.twice, v.both, "add"))[1]).toBe(31);
    const row = given("f32", [7, 8, 9], [1, 3]);
    const rows = given("i64", [1], [1, 1]);
    expect(valuesOf({ plane, rows, row }, (v) => v.plane.scatterND(v.rows, v.row))).toEqual([0, 1, 2, 7, 8, 9]);
  });

  it("refuses more positions than dimensions", () => {
    expect(() => traced({ plane, at: given("i32", [0, 0, 0], [1, 3]) }, (v) => v.plane.gatherND(v.at))).toThrow(
      /gatherND of f32\[2,3\] at i32\[1,3\]/,
    );
  });
});

describe("tril and triu", () => {
  const matrix = given("i32", [1, 2, 3, 4, 5, 6, 7, 8], [2, 4]);
  const kept = (body: (x: Tensor) => Tensor) => valuesOf({ matrix }, (v) => body(v.matrix)).join(" ");

  it("keep what lies on and below, or on and above, a diagonal", () => {
    expect(kept((x) => x.tril())).toBe("1 0 0 0 5 6 0 0");
    expect(kept((x) => x.tril(1))).toBe("1 2 0 0 5 6 7 0");
    expect(kept((x) => x.tril(-1))).toBe("0 0 0 0 5 0 0 0");
    expect(kept((x) => x.triu())).toBe("1 2 3 4 0 6 7 8");
    expect(kept((x) => x.triu(2))).toBe("0 0 3 4 0 0 0 8");
    expect(kept((x) => x.triu(-5))).toBe("1 2 3 4 5 6 7 8");
  });

  it("take the diagonal as a tensor, however far away", () => {
    const k = given("i64", [2n ** 63n - 1n], [1]);
    const at = (name: "tril" | "triu") => valuesOf({ matrix, k }, (v) => v.matrix[name](v.k)).join(" ");
    expect([at("tril"), at("triu")]).toEqual(["1 2 3 4 5 6 7 8", "0 0 0 0 0 0 0 0"]);
    const booleans = given("bool", [true, true, true, true], [1, 2, 2]);
    const below = given("i32", [-1], []);
    expect(valuesOf({ booleans, below }, (v) => v.booleans.tril(v.below))).toEqual([0, 0, 1, 0]);
  });

  it("refuse lines, and diagonals that are no one integer", () => {
    expect(messageOf({ x: line }, (v) => v.x.tril())).toBe("operator/shape: tril of i32[5]");
    expect(messageOf({ x: plane }, (v) => v.x.triu(v.x))).toBe(
      "operator/shape: triu of f32[2,3] at the diagonal f32[2,3]",
    );
  });
});
