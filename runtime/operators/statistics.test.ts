// Statistics, running results and sums in another dtype have PyTorch's values (PyTorch 2.0.1 on the CPU).
import { describe, expect, it } from "vitest";
import { IsochronError } from "../../kernels/index.ts";
import { given, traced, valuesOf } from "../testing/traced.ts";

const [inf, nan] = [Infinity, NaN];
const x = given("f32", [1, 2, 4, -3, 0.5, 7], [2, 3]);
const closeTo = (values: readonly number[]) =>
  values.map((each) => (Number.isFinite(each) ? expect.closeTo(each, 5) : each));

describe("statistics", () => {
  it("variance takes one off the number of elements unless told otherwise", () => {
    expect(valuesOf({ x }, (v) => v.x.variance([1]))).toEqual(closeTo([2.3333333, 25.75]));
    expect(valuesOf({ x }, (v) => v.x.variance([-1], { correction: 0 }))).toEqual(closeTo([1.5555556, 17.1666667]));
    expect(traced({ x }, (v) => v.x.variance([0], { keepDims: true }))).toEqual({
      dtype: "f32",
      shape: [1, 3],
      values: [8, 1.125, 4.5],
    });
    expect(valuesOf({ x }, (v) => v.x.std([0, 1]))).toEqual(closeTo([3.3825534]));
    expect(valuesOf({ x }, (v) => v.x.std())).toEqual(closeTo([3.3825534]));
  });

  it("variance of one element is NaN, or 0 without correction", () => {
    const one = given("f32", [5]);
    expect(valuesOf({ one }, (v) => v.one.variance())).toEqual([nan]);
    expect(valuesOf({ one }, (v) => v.one.variance([0], { correction: 0 }))).toEqual([0]);
  });

  it("std of the same number over and over is far below its rounding", () => {
    const same = given("f32", Array<number>(7).fill(1000.1));
    expect(Number(valuesOf({ same }, (v) => v.same.std())[0])).toBeLessThan(1e-4);
  });

  it("logSumExp neither overflows nor loses infinities", () => {
    expect(valuesOf({ x }, (v) => v.x.logSumExp([1]))).toEqual(closeTo([4.169846, 7.0015478]));
    expect(valuesOf({ x }, (v) => v.x.logSumExp())).toEqual(closeTo([7.0587902]));
    const y = given("f32", [1000, 1001, -1000, -1002, -inf, -inf, inf, 1, nan, 1], [5, 2]);
    expect(valuesOf({ y }, (v) => v.y.logSumExp([1]))).toEqual([
      expect.closeTo(1001.31323, 3),
      expect.closeTo(-999.87305, 3),
      -inf,
      inf,
      nan,
    ]);
  });
});

describe("what runs along a dimension", () => {
  it("cumprod multiplies, and integers wrap", () => {
    expect(valuesOf({ x }, (v) => v.x.cumprod(1))).toEqual([1, 2, 8, -3, -1.5, -10.5]);
    const a = given("i8", [2, -3, 5, 100]);
    expect(valuesOf({ a }, (v) => v.a.cumprod(0))).toEqual([2, -6, -30, 72]);
    expect(valuesOf({ a }, (v) => v.a.cumprod(0, { exclusive: true }))).toEqual([1, 2, -6, -30]);
    expect(valuesOf({ a }, (v) => v.a.cumprod(-1, { reverse: true }))).toEqual([72, 36, -12, 100]);
  });

  it("cummax and cummin give the last position of equals, and NaN stays", () => {
    const a = given("f32", [1, 3, 3, 2, nan, 5]);
    expect(valuesOf({ a }, (v) => v.a.cummax(0).values)).toEqual([1, 3, 3, 3, nan, nan]);
    expect(valuesOf({ a }, (v) => v.a.cummax(0).indices)).toEqual([0n, 1n, 2n, 2n, 4n, 4n]);
    const b = given("i32", [3, 1, 1, 2]);
    expect(valuesOf({ b }, (v) => v.b.cummin(0).values)).toEqual([3, 1, 1, 1]);
    expect(valuesOf({ b }, (v) => v.b.cummin(0).indices)).toEqual([0n, 1n, 2n, 2n]);
    const rows = given("f32", [1, 3, 2, 3, 0, 5], [3, 2]);
    expect(valuesOf({ rows }, (v) => v.rows.cummax(0).indices)).toEqual([0n, 0n, 1n, 1n, 1n, 2n]);
  });
});

describe("reductions in another dtype", () => {
  it("sum of bool counts in i64, or in the dtype that is named", () => {
    const b = given("bool", [true, true, false]);
    expect(traced({ b }, (v) => v.b.sum())).toEqual({ dtype: "i64", shape: [], values: [2n] });
    expect(traced({ b }, (v) => v.b.sum([0], { dtype: "u8", keepDims: true }))).toEqual({
      dtype: "u8",
      shape: [1],
      values: [2],
    });
    expect(valuesOf({ b }, (v) => v.b.prod())).toEqual([0n]);
  });

  it("sum, prod and mean convert the elements first", () => {
    const a = given("u8", [200, 100]);
    expect(valuesOf({ a }, (v) => v.a.sum())).toEqual([44]);
    expect(valuesOf({ a }, (v) => v.a.sum([0], { dtype: "i32" }))).toEqual([300]);
    expect(valuesOf({ a }, (v) => v.a.prod(undefined, { dtype: "i64" }))).toEqual([20000n]);
    expect(valuesOf({ a }, (v) => v.a.mean([0], { dtype: "f32" }))).toEqual([150]);
    expect(() => traced({ a }, (v) => v.a.mean())).toThrow(IsochronError);
  });
});

describe("det", () => {
  const of = (values: readonly number[], shape: readonly number[], dtype: "f32" | "f64" = "f64") =>
    valuesOf({ m: given(dtype, values, shape) }, (v) => v.m.det());

  it("is that of each matrix, as in ONNX's test and NumPy", () => {
    expect(of([1, 2, 3, 4, 1, 2, 2, 1, 1, 3, 3, 1], [3, 2, 2], "f32")).toEqual([-2, -3, -8]);
    const [four] = of([0, 2, -1, 3, 1, 0, 5, -2, 4, -3, 2, 1, -1, 6, 0, 2.5], [4, 4]);
    expect(four).toBeCloseTo(-115.5, 10);
  });

  it("turns with every change of rows, and is 0 where rows depend on each other", () => {
    expect(of([0, 1, 1, 0], [2, 2])).toEqual([-1]);
    expect(of([0, 0, 2, 3, 0, 0, 0, 5, 0], [3, 3])).toEqual([30]);
    expect(of([1, 2, 3, 2, 4, 6, 7, 8, 9], [3, 3])[0]).toBeCloseTo(0, 12);
    expect(of([0, 0, 0, 0], [2, 2])).toEqual([0]);
  });

  it("is 1 of a matrix without elements, and refused where it is not square", () => {
    expect(of([], [2, 0, 0])).toEqual([1, 1]);
    expect(of([], [0, 3, 3])).toEqual([]);
    expect(() => of([1, 2], [1, 2])).toThrow("det of f64[1,2]");
  });
});
