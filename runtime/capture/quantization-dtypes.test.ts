// Quantisation to every dtype: the values of ONNX's backend tests, and precisions, scales and inputs of other dtypes.
import { describe, expect, it } from "vitest";
import { isSmallInteger, numberOfStored, storedOfNumber } from "../../kernels/index.ts";
import { tensorType } from "../graph/tensor-type.ts";
import { ran } from "../testing/ran.ts";
import { dequantize, quantize } from "./quantization.ts";
import { constant } from "./tensor.ts";
import { trace } from "./trace.ts";

/** Elements of 4 and 2 bits as ONNX stores them, the first in the lowest bits. */
const unpacked = (bytes: readonly number[], bits: 4 | 2): number[] =>
  bytes.flatMap((byte) => Array.from({ length: 8 / bits }, (_, at) => (byte >> (at * bits)) & ((1 << bits) - 1)));

const four = [0, 2.5, 4.8, 8.6, -30, -20, 6, 9, 12, 15, 16, 40];
/** test_quantizelinear_*, version 1.22: the scales are 2, 3 and 4 for the rows, or 2. */
const toSmall = [
  ["u4", four, [1, 1, 1], unpacked([33, 83, 0, 67, 84, 181], 4)],
  ["i4", four, [1, 1, 1], unpacked([33, 83, 168, 67, 84, 117], 4)],
  ["u2", [0, 2.5, 4.8, 8.6, -2, -1, 1, 3, 4, 5, 6, 7], [0, 0, 0], unpacked([228, 64, 165], 2)],
  ["i2", [0, 2.5, 4.8, 8.6, -4, -3, 1, 2, -0, -2.5, -4.8, -8.6], [0, 0, 0], unpacked([84, 79, 188], 2)],
  [
    "f4e2m1",
    [0, 2.5, 4.8, 8.6, -30, -20, 6, 9, -0, -2.5, -4.8, -8.6],
    [0, 0, 0],
    unpacked([32, 100, 255, 84, 144, 202], 4),
  ],
] as const;
const toEight = [
  ["f8e4m3fn", [0, 1, 2, 1e5, 200], 0, [0, 48, 56, 126, 108]],
  ["f8e5m2", [0, 1, 2, 1e5, 200], 0, [0, 56, 60, 122, 86]],
  ["u16", [0, -128, 2.9, -3.1, 65536, 7e4, -7e4], 32767, [32767, 32703, 32768, 32765, 65535, 65535, 0]],
  ["i16", [0, -514, 2.9, -3.1, 65023, -66046, 7e4], 256, [256, -1, 257, 254, 32767, -32767, 32767]],
] as const;

describe("quantize", () => {
  it("gives what ONNX's QuantizeLinear gives, to integers of 2 to 16 bits and to floats of 4 and 8", async () => {
    const graph = trace(
      (inputs) =>
        Object.fromEntries([
          ...toSmall.map(([dtype, , zero]) => [dtype, quantize(inputs[dtype]!, [2, 3, 4], zero, dtype, { axis: 0 })]),
          ...toEight.map(([dtype, , zero]) => [dtype, quantize(inputs[dtype]!, 2, zero, dtype)]),
        ]),
      Object.fromEntries([
        ...toSmall.map(([dtype]) => [dtype, tensorType("f32", [3, 4])] as const),
        ...toEight.map(([dtype, x]) => [dtype, tensorType("f32", [x.length])] as const),
      ]),
      { name: "quantize" },
    );
    const inputs = Object.fromEntries([...toSmall, ...toEight].map(([dtype, x]) => [dtype, Float32Array.from(x)]));
    const { meant } = await ran(graph, inputs);
    for (const [dtype, , , bits] of toSmall) {
      const elements = isSmallInteger(dtype) ? bits.map((each) => storedOfNumber(dtype, each)) : bits;
      expect([...(meant[dtype] as Uint8Array)], dtype).toEqual(elements);
    }
    for (const [dtype, , , elements] of toEight) expect([...(meant[dtype] as Uint8Array)], dtype).toEqual(elements);
  });

  it("divides in the precision of the scale, or in the one that is asked for", async () => {
    const graph = trace(
      ({ x, n }) => {
        const scale = constant(0.1, "f16");
        return {
          half: quantize(x, scale, 0, "i8"),
          single: quantize(x, scale, 0, "i8", { precision: "f32" }),
          microscaled: quantize(x, constant(0.25, "f8e8m0"), 3, "u4"),
          integers: quantize(n, 2, 0, "i8"),
          wide: quantize(x.cast("f64"), 0.1, 0, "f8e4m3fn", { precision: "f64", saturate: false }),
        };
      },
      { x: tensorType("f16", [5]), n: tensorType("i32", [3]) },
      { name: "precisions" },
    );
    const half = (value: number) => numberOfStored("f16", storedOfNumber("f16", value));
    const x = [0.05, 0.25, 0.35, 3.1, -300].map(half);
    const { meant } = await ran(graph, {
      x: Uint16Array.from(x, (each) => storedOfNumber("f16", each)),
      n: Int32Array.of(3, 5, -1000),
    });
    const even = (value: number) => {
      const low = Math.floor(value);
      if (value - low === 0.5) return low + (low & 1);
      return Math.round(value);
    };
    const byte = (value: number) => Math.min(Math.max(even(value), -128), 127);
    const scale = half(0.1);
    expect([...(meant.half as Int8Array)]).toEqual(x.map((each) => byte(half(each / scale))));
    expect([...(meant.single as Int8Array)]).toEqual(x.map((each) => byte(Math.fround(each / scale))));
    expect([...(meant.microscaled as Uint8Array)]).toEqual(
      x.map((each) => Math.min(Math.max(even(each * 4) + 3, 0), 15)),
    );
    expect([...(meant.integers as Int8Array)]).toEqual([2, 2, -128]);
    const tenth = Math.fround(0.1);
    expect([...(meant.wide as Uint8Array)]).toEqual(
      x.map((each) => storedOfNumber("f8e4m3fn", each / tenth, { saturate: false })),
    );
  });

  it("refuses dtypes that nothing is quantised to, and saturate where it means nothing", () => {
    const made =
      (dtype: "i8", options = {}) =>
      () =>
        trace(({ x }) => ({ y: quantize(x, 1, 0, dtype, options) }), { x: tensorType("f32", [1]) }, { name: "g" });
    for (const dtype of ["f32", "f16", "f8e8m0", "i64", "bool"])
      expect(made(dtype as "i8")).toThrow(expect.objectContaining({ code: "operator/dtype" }));
    expect(made("i8", { saturate: false })).toThrow("with saturate");
    expect(made("f4e2m1" as "i8", { saturate: false })).toThrow("with saturate");
    expect(made("u3" as "i8")).toThrow(expect.objectContaining({ code: "tensor/dtype" }));
  });
});

describe("dequantize", () => {
  it("gives what ONNX's DequantizeLinear gives, and the scale's dtype unless another is named", async () => {
    const graph = trace(
      ({ i4, u4, i2, u2, f4, fn, e5, i16 }) => ({
        i4: dequantize(i4, 2, 1),
        u4: dequantize(u4, 2, 1),
        i2: dequantize(i2, 2, 1),
        u2: dequantize(u2, 2, 1),
        f4: dequantize(f4, 2),
        fn: dequantize(fn, 2),
        half: dequantize(fn, constant(2, "f16")),
        e5: dequantize(e5, 2),
        i16: dequantize(i16, 2, -1024),
        named: dequantize(u4, constant([2, 4], "f8e8m0", [2, 1]), 1, { dtype: "bf16" }),
        moved: dequantize(fn, constant(2, "f8e8m0"), 0.5),
      }),
      {
        i4: tensorType("i4", [5]),
        u4: tensorType("u4", [5]),
        i2: tensorType("i2", [4]),
        u2: tensorType("u2", [4]),
        f4: tensorType("f4e2m1", [5]),
        fn: tensorType("f8e4m3fn", [5]),
        e5: tensorType("f8e5m2", [5]),
        i16: tensorType("i16", [4]),
      },
      { name: "dequantize" },
    );
    const { meant } = await ran(graph, {
      i4: Int8Array.from(unpacked([16, 199, 8], 4).slice(0, 5), (each) => storedOfNumber("i4", each)),
      u4: Uint8Array.from(unpacked([16, 167, 15], 4).slice(0, 5)),
      i2: Int8Array.from(unpacked([180], 2), (each) => storedOfNumber("i2", each)),
      u2: Uint8Array.from(unpacked([228], 2)),
      f4: Uint8Array.from(unpacked([32, 58, 14], 4).slice(0, 5)),
      fn: Uint8Array.of(0, 48, 56, 126, 237),
      e5: Uint8Array.of(0, 56, 60, 122, 214),
      i16: Int16Array.of(-300, -30, -1025, 1270),
    });
    const f16 = (values: readonly number[]) => Uint16Array.from(values, (each) => storedOfNumber("f16", each));
    const bf16 = (values: readonly number[]) => Uint16Array.from(values, (each) => storedOfNumber("bf16", each));
    expect(meant).toEqual({
      i4: Float32Array.of(-2, 0, 12, -10, -18),
      u4: Float32Array.of(-2, 0, 12, 18, 28),
      i2: Float32Array.of(-2, 0, -4, -6),
      u2: Float32Array.of(-2, 0, 2, 4),
      f4: Float32Array.of(0, 2, -2, 3, -8),
      fn: Float32Array.of(0, 1, 2, 896, -208),
      half: f16([0, 1, 2, 896, -208]),
      e5: Float32Array.of(0, 1, 2, 98304, -192),
      i16: Float32Array.of(1448, 1988, -2, 4588),
      named: bf16([-2, 0, 12, 18, 28, -4, 0, 24, 36, 56]),
      moved: Float32Array.of(-1, 0, 1, 895, -209),
    });
  });
});
