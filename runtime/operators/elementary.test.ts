// Activations, division rounded down, bits and tests of floats have PyTorch's values (PyTorch 2.0.1 on the CPU).
import { describe, expect, it } from "vitest";
import { IsochronError } from "../../kernels/index.ts";
import type { Tensor } from "../capture/tensor.ts";
import { where } from "../index.ts";
import { given, traced, valuesOf } from "../testing/traced.ts";

const [inf, nan] = [Infinity, NaN];
const x = given("f32", [-3, -1, -0.5, 0, 0.5, 2, 6]);

function expectClose(found: readonly (number | bigint)[], expected: readonly number[]): void {
  expect(found.length).toBe(expected.length);
  expected.forEach((each, at) => {
    if (Number.isFinite(each)) expect(Number(found[at]), `element ${at}`).toBeCloseTo(each, 6);
    else expect(found[at], `element ${at}`).toBe(each);
  });
}

describe("activations", () => {
  it.each<[string, (x: Tensor<"f32">) => Tensor, readonly number[]]>([
    ["gelu", (v) => v.gelu(), [-0.004049867, -0.158655286, -0.154268786, 0, 0.345731199, 1.95449996, 6]],
    [
      "gelu by tanh",
      (v) => v.gelu({ approximate: "tanh" }),
      [-0.003637433, -0.158807993, -0.154285997, 0, 0.345714003, 1.954597712, 6],
    ],
    ["elu", (v) => v.elu(), [-0.950212932, -0.632120559, -0.39346934, 0, 0.5, 2, 6]],
    ["elu with alpha", (v) => v.elu({ alpha: 0.5 }), [-0.475106466, -0.316060279, -0.19673467, 0, 0.5, 2, 6]],
    ["silu", (v) => v.silu(), [-0.142277613, -0.268941432, -0.188770339, 0, 0.31122968, 1.761594057, 5.985164642]],
    [
      "softplus",
      (v) => v.softplus(),
      [0.048587352, 0.313261688, 0.474076986, 0.693147182, 0.974076986, 2.126928091, 6.002475739],
    ],
    [
      "softplus with beta and threshold",
      (v) => v.softplus({ beta: 2, threshold: 4 }),
      [0.001237843, 0.063464001, 0.156630844, 0.346573591, 0.656630814, 2.00907497, 6],
    ],
    ["erf", (v) => v.erf(), [-0.999977887, -0.842700779, -0.520499885, 0, 0.520499885, 0.995322287, 1]],
  ])("%s has PyTorch's values", (_, body, expected) => {
    expectClose(
      valuesOf({ x }, ({ x: v }) => body(v)),
      expected,
    );
  });

  it("have PyTorch's limits: at −∞ products with 0 are NaN", () => {
    const ends = given("f32", [-inf, inf, nan]);
    expect(valuesOf({ ends }, ({ ends: v }) => v.gelu())).toEqual([nan, inf, nan]);
    expect(valuesOf({ ends }, ({ ends: v }) => v.silu())).toEqual([nan, inf, nan]);
    expect(valuesOf({ ends }, ({ ends: v }) => v.softplus())).toEqual([0, inf, nan]);
  });
});

describe("signs, roots and tests", () => {
  const odd = given("f32", [nan, -0, 0, 2, -3, inf, -inf]);

  it("sign is 0 of NaN and of both zeros, and knows unsigned integers", () => {
    expect(valuesOf({ odd }, ({ odd: v }) => v.sign())).toEqual([0, 0, 0, 1, -1, 1, -1]);
    expect(valuesOf({ a: given("u8", [0, 200]) }, ({ a }) => a.sign())).toEqual([0, 1]);
    expect(valuesOf({ a: given("i64", [-(2n ** 63n), 0n, 5n]) }, ({ a }) => a.sign())).toEqual([-1n, 0n, 1n]);
  });

  it("rsqrt of zeros has their sign, trunc keeps it", () => {
    const a = given("f32", [-0, 0, 4, -1, inf]);
    expect(valuesOf({ a }, ({ a: v }) => v.rsqrt())).toEqual([-inf, inf, 0.5, nan, 0]);
    expect(valuesOf({ a: given("f32", [-0.5, 1.7, -inf]) }, ({ a: v }) => v.trunc())).toEqual([-0, 1, -inf]);
  });

  it("isNaN, isInf and isFinite tell floats apart, and integers are finite", () => {
    expect(valuesOf({ odd }, ({ odd: v }) => v.isNaN())).toEqual([1, 0, 0, 0, 0, 0, 0]);
    expect(valuesOf({ odd }, ({ odd: v }) => v.isInf())).toEqual([0, 0, 0, 0, 0, 1, 1]);
    expect(valuesOf({ odd }, ({ odd: v }) => v.isFinite())).toEqual([0, 1, 1, 1, 1, 0, 0]);
    const a = given("i32", [3]);
    expect(traced({ a }, ({ a: v }) => v.isNaN())).toEqual({ dtype: "bool", shape: [1], values: [0] });
    expect(valuesOf({ a }, ({ a: v }) => v.isFinite())).toEqual([1]);
  });
});

describe("division rounded down", () => {
  it("of integers has the divisor's sign in what remains, wraps, and is 0 by zero", () => {
    const [a, b] = [given("i8", [7, -7, 7, -7, 5, -128, 9]), given("i8", [3, 3, -3, -3, 5, -1, 0])];
    expect(valuesOf({ a, b }, (v) => v.a.remainder(v.b))).toEqual([1, 2, -2, -1, 0, 0, 0]);
    expect(valuesOf({ a, b }, (v) => v.a.floorDivide(v.b))).toEqual([2, -3, -3, 2, 1, -128, 0]);
  });

  it("of floats has PyTorch's infinities, zeros and NaN", () => {
    const [a, b] = [given("f32", [-4, -1, 1, inf, 1, 1e10]), given("f32", [2, inf, -inf, 2, 0, 3])];
    expect(valuesOf({ a, b }, (v) => v.a.remainder(v.b))).toEqual([-0, inf, -inf, nan, nan, 1]);
    expect(valuesOf({ a, b }, (v) => v.a.floorDivide(v.b))).toEqual([-2, -1, -1, nan, inf, Math.fround(3333333333)]);
  });

  it("of an angle and a number wraps it to the turn", () => {
    const a = given("f64", [-0.5, 7, 0.25]);
    const turn = 2 * Math.PI;
    expect(valuesOf({ a }, (v) => v.a.remainder(turn))).toEqual([turn - 0.5, 7 - turn, 0.25]);
  });
});

describe("bits", () => {
  it("of integers and bools are combined", () => {
    const [a, b] = [given("u8", [0b1100, 255]), given("u8", [0b1010, 1])];
    expect(valuesOf({ a, b }, (v) => v.a.bitwiseAnd(v.b))).toEqual([0b1000, 1]);
    expect(valuesOf({ a, b }, (v) => v.a.bitwiseOr(v.b))).toEqual([0b1110, 255]);
    expect(valuesOf({ a, b }, (v) => v.a.bitwiseXor(v.b))).toEqual([0b0110, 254]);
    expect(valuesOf({ a }, (v) => v.a.bitwiseNot())).toEqual([0b11110011, 0]);
    expect(valuesOf({ a: given("bool", [true, false]) }, (v) => v.a.bitwiseNot())).toEqual([0, 1]);
    expect(valuesOf({ a }, (v) => v.a.bitwiseAnd(0x0f))).toEqual([0b1100, 0x0f]);
  });

  it("shifted by the width or more, or by a negative count, are gone but for the sign", () => {
    const count = given("i32", [2, 31, 32, -1, 100]);
    const [five, minus] = [given("i32", [5, 1, 1, 5, 5]), given("i32", [-5, -5, -5, -5, -5])];
    expect(valuesOf({ five, count }, (v) => v.five.bitwiseLeftShift(v.count))).toEqual([20, -(2 ** 31), 0, 0, 0]);
    expect(valuesOf({ five, count }, (v) => v.five.bitwiseRightShift(v.count))).toEqual([1, 0, 0, 0, 0]);
    expect(valuesOf({ minus, count }, (v) => v.minus.bitwiseRightShift(v.count))).toEqual([-2, -1, -1, -1, -1]);
    const a = given("u8", [200, 200]);
    expect(valuesOf({ a, b: given("u8", [7, 8]) }, (v) => v.a.bitwiseRightShift(v.b))).toEqual([1, 0]);
    expect(valuesOf({ a }, (v) => v.a.bitwiseLeftShift(1))).toEqual([144, 144]);
  });

  it("are taken as another dtype of their width, NaN as the one NaN", () => {
    const f = given("f32", [1, -0, Infinity, -NaN]);
    expect(valuesOf({ f }, (v) => v.f.bitCast("u32"))).toEqual([0x3f800000, 0x80000000, 0x7f800000, 0x7fc00000]);
    const i = given("i32", [0x40490fdb, -(2 ** 31)]);
    expect(valuesOf({ i }, (v) => v.i.bitCast("f32"))).toEqual([Math.fround(Math.PI), -0]);
    expect(valuesOf({ b: given("bool", [true, false]) }, (v) => v.b.bitCast("i8"))).toEqual([1, 0]);
    expect(valuesOf({ u: given("u8", [0, 1, 200]) }, (v) => v.u.bitCast("bool"))).toEqual([0, 1, 1]);
    expect(valuesOf({ four: given("i4", [-1, 7, 2]) }, (v) => v.four.bitCast("u4"))).toEqual([15, 7, 2]);
    // 2, 3 and 4 are codes 4, 5 and 6 of f4e2m1.
    expect(valuesOf({ four: given("u4", [4, 5, 6, 12]) }, (v) => v.four.bitCast("f4e2m1").cast("f32"))).toEqual([
      2, 3, 4, -2,
    ]);
  });

  it("of one width are not taken as a dtype of another", () => {
    expect(() => traced({ x }, ({ x: v }) => v.bitCast("i64"))).toThrow("one has 32 bits, the other 64");
  });

  it("of floats are refused", () => {
    expect(() => traced({ x }, ({ x: v }) => v.bitwiseAnd(v))).toThrow(IsochronError);
  });
});

describe("where", () => {
  const condition = given("bool", [true, false, true]);
  const a = given("i16", [7, 8, 9]);

  it("takes numbers on either side, which have the dtype of the tensor on the other", () => {
    expect(traced({ condition, a }, (v) => where(v.condition, v.a, -1))).toMatchObject({
      dtype: "i16",
      values: [7, -1, 9],
    });
    expect(traced({ condition, a }, (v) => where(v.condition, -1, v.a))).toMatchObject({
      dtype: "i16",
      values: [-1, 8, -1],
    });
  });

  it("of two numbers is f32", () => {
    expect(traced({ condition }, (v) => where(v.condition, 0.5, 0))).toMatchObject({
      dtype: "f32",
      values: [0.5, 0, 0.5],
    });
  });

  it("refuses a number that the dtype does not hold", () => {
    expect(() => traced({ condition, a }, (v) => where(v.condition, 0.5, v.a))).toThrow(/0\.5 is no i16/);
  });
});
