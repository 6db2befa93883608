// Programs of floats of 8 and 4 bits and of integers of 4 and 2: what they store, what they compute in, and what a cast gives.
import { describe, expect, it } from "vitest";
import {
  type Dtype,
  dtypes,
  isSmallFloat,
  isSmallInteger,
  type Narrowing,
  numberOfStored,
  type SmallFloat,
  type SmallInteger,
  storedOfNumber,
} from "../../kernels/index.ts";
import { newArray, tensorType } from "../graph/tensor-type.ts";
import { ran } from "../testing/ran.ts";
import { fromSmallFloats, toSmallFloats } from "./halves.ts";
import { concat, constant, where } from "./tensor.ts";
import { state, trace } from "./trace.ts";

type Small = SmallFloat | SmallInteger;
const small: readonly Small[] = dtypes.filter((each) => isSmallFloat(each) || isSmallInteger(each));

/** The elements 0, 1, …, of which only the lower bits count where there are few. */
const counted = (dtype: Small, count: number) => {
  const array = newArray<Dtype>(dtype, count) as Uint8Array;
  array.forEach((_, at) => {
    array[at] = at;
  });
  return array;
};

describe.each(small)("%s", (dtype) => {
  it("is an input, an output, a state and a constant, and keeps its bits where it is moved or chosen", async () => {
    const graph = trace(
      ({ x, y, at }) => {
        const memory = state("memory", tensorType<Small>(dtype, [6]), 1);
        const before = memory.get();
        const narrow = y.cast(dtype);
        memory.set(narrow);
        const planes = x.reshape([16, 16]);
        const ones = constant(
          [1, 2, 1, 0.5].map((each) => (isSmallInteger(dtype) ? each & 1 : each)),
          dtype,
          [4],
        );
        return {
          wide: x.cast("f32"),
          narrow,
          before,
          ones,
          padded: planes.pad([1, 0], [0, 1], 1).permute().flip().slice([1, 5], [9, 12]),
          joined: concat([planes, planes.roll(1, 1)], 0).indexSelect(0, at),
          chosen: where(planes.cast("f32").greater(0), planes, planes.transpose(0, 1)).tile([1, 2]),
        };
      },
      { x: tensorType<Small>(dtype, [256]), y: tensorType("f32", [6]), at: tensorType("i32", [3]) },
      { name: `moves_${dtype}` },
    );
    const x = counted(dtype, 256);
    const y = Float32Array.of(0.7, 1, 1.5, 2.6, 100, NaN);
    const { meant } = await ran(graph, { x, y, at: Int32Array.of(20, 0, 31) });
    expect(meant.wide).toEqual(Float32Array.from(x, (byte) => numberOfStored(dtype, byte)));
    expect([...(meant.joined as Uint8Array)].slice(16, 32)).toEqual([...x.slice(0, 16)]);
    expect([...(meant.before as Uint8Array)].map((each) => numberOfStored(dtype, each))).toEqual(new Array(6).fill(1));
  });
});

/** What ONNX's backend tests of Cast give (version 1.22), but for `f8e8m0` without saturation, which its page on Cast gives. */
const numbers = [
  0.4789254665374756,
  0.4996848702430725,
  0.8191054463386536,
  1e6,
  1e-7,
  NaN,
  Infinity,
  -Infinity,
  -1e-7,
  -1e6,
];
const casts: readonly (readonly [SmallFloat, Narrowing, readonly number[], readonly number[]])[] = [
  ["f8e4m3fn", {}, numbers, [0x2f, 0x30, 0x35, 0x7e, 0, 0x7f, 0x7e, 0xfe, 0x80, 0xfe]],
  ["f8e4m3fnuz", {}, numbers, [0x37, 0x38, 0x3d, 0x7f, 0, 0x80, 0x7f, 0xff, 0, 0xff]],
  ["f8e5m2", {}, numbers, [0x38, 0x38, 0x3b, 0x7b, 0, 0x7e, 0x7b, 0xfb, 0x80, 0xfb]],
  ["f8e5m2fnuz", {}, numbers, [0x3c, 0x3c, 0x3f, 0x7f, 0, 0x80, 0x7f, 0xff, 0, 0xff]],
  ["f8e4m3fn", { saturate: false }, numbers, [0x2f, 0x30, 0x35, 0x7f, 0, 0x7f, 0x7f, 0xff, 0x80, 0xff]],
  ["f8e4m3fnuz", { saturate: false }, numbers, [0x37, 0x38, 0x3d, 0x80, 0, 0x80, 0x80, 0x80, 0, 0x80]],
  ["f8e5m2", { saturate: false }, numbers, [0x38, 0x38, 0x3b, 0x7c, 0, 0x7e, 0x7c, 0xfc, 0x80, 0xfc]],
  ["f8e5m2fnuz", { saturate: false }, numbers, [0x3c, 0x3c, 0x3f, 0x80, 0, 0x80, 0x80, 0x80, 0, 0x80]],
  [
    "f4e2m1",
    {},
    [0.48, 0.25, 1.05, -3.5, -8, 9, 1e6, 1e-7, NaN, Infinity, -Infinity, -4, -0],
    [1, 0, 2, 14, 15, 7, 7, 0, 8, 7, 15, 14, 8],
  ],
  [
    "f8e8m0",
    {},
    [0, 0.124, 0.25, 0.5, 1.1, 2, 4, 8, NaN, Infinity],
    [0, 0x7c, 0x7d, 0x7e, 0x80, 0x80, 0x81, 0x82, 0xff, 0xfe],
  ],
  ["f8e8m0", { rounding: "down" }, [0.124, 1.1, 1.9, 3], [0x7b, 0x7f, 0x7f, 0x80]],
  [
    "f8e8m0",
    { rounding: "nearest", saturate: false },
    [0, 1.1, 1.5, 2.9, NaN, Infinity],
    [0xff, 0x7f, 0x80, 0x80, 0xff, 0xff],
  ],
];

describe("a cast", () => {
  it("to floats of 8 and 4 bits gives what ONNX's gives", async () => {
    const graph = trace(
      (inputs) =>
        Object.fromEntries(casts.map(([dtype, options], at) => [`y${at}`, inputs[`x${at}`]!.cast(dtype, options)])),
      Object.fromEntries(casts.map(([, , given], at) => [`x${at}`, tensorType("f32", [given.length])])),
      { name: "casts" },
    );
    const inputs = Object.fromEntries(casts.map(([, , given], at) => [`x${at}`, Float32Array.from(given)]));
    const { meant } = await ran(graph, inputs);
    expect(casts.map((_, at) => [...(meant[`y${at}`] as Uint8Array)])).toEqual(casts.map(([, , , bytes]) => bytes));
  });

  it("to integers of 4 and 2 bits keeps the lower bits of the truncated number", async () => {
    const graph = trace(
      ({ x, n }) => ({
        i4: x.cast("i4"),
        u4: x.cast("u4"),
        i2: n.cast("i2"),
        u2: n.cast("u2"),
        wide: x.cast("i4").cast("i64"),
      }),
      { x: tensorType("f32", [8]), n: tensorType("i64", [8]) },
      { name: "integers" },
    );
    const x = Float32Array.of(-9, -8, -1.9, 0.9, 7, 8, 15, NaN);
    const n = BigInt64Array.of(-3n, -2n, -1n, 0n, 1n, 2n, 3n, (1n << 40n) + 1n);
    const { meant } = await ran(graph, { x, n });
    expect(meant).toEqual({
      i4: Int8Array.of(7, -8, -1, 0, 7, -8, -1, 0),
      u4: Uint8Array.of(7, 8, 15, 0, 7, 8, 15, 0),
      i2: Int8Array.of(1, -2, -1, 0, 1, -2, -1, 1),
      u2: Uint8Array.of(1, 2, 3, 0, 1, 2, 3, 1),
      wide: BigInt64Array.of(7n, -8n, -1n, 0n, 7n, -8n, -1n, 0n),
    });
  });

  it("between them goes through what they are computed in, and rounds once", async () => {
    const next = (dtype: Small) => small[(small.indexOf(dtype) + 3) % small.length]!;
    const others = ["bool", "i64", "u8", "f16", "f64"] as const;
    const graph = trace(
      ({ x }) =>
        Object.fromEntries(
          small.flatMap((dtype) => {
            const y = x.cast(dtype);
            return [next(dtype), ...others].map((other) => [`${dtype}_${other}`, y.cast(other)]);
          }),
        ),
      { x: tensorType("f32", [9]) },
      { name: "between" },
    );
    const { meant } = await ran(graph, { x: Float32Array.of(-3, -1, -0, 0.25, 1, 1.5, 3, 300, NaN) });
    expect([...(meant.f4e2m1_i64 as BigInt64Array)]).toEqual([-3n, -1n, 0n, 0n, 1n, 1n, 3n, 6n, 0n]);
    expect([...(meant.u4_u8 as Uint8Array)]).toEqual([13, 15, 0, 0, 1, 1, 3, 12, 0]);
    expect([...(meant.f8e5m2_bool as Uint8Array)]).toEqual([1, 1, 0, 1, 1, 1, 1, 1, 1]);
  });

  it("takes options for floats of 8 bits only", () => {
    const cast = (dtype: Dtype, options: Narrowing) => () =>
      trace(({ x }) => ({ y: x.cast(dtype, options) }), { x: tensorType("f32", [1]) }, { name: "g" });
    expect(cast("f32", { saturate: false })).toThrow("with saturate");
    expect(cast("f4e2m1", { saturate: false })).toThrow("with saturate");
    expect(cast("f8e5m2", { rounding: "up" })).toThrow(expect.objectContaining({ help: "rounding is for f8e8m0" }));
    expect(cast("f8e8m0", { rounding: "round" as "up" })).toThrow(expect.objectContaining({ code: "operator/option" }));
  });
});

describe("arithmetic", () => {
  it("on small floats is rounded behind every operator, on small integers it wraps", async () => {
    const graph = trace(
      ({ x, n, m }) => ({
        chain: x.mul(x).add(0.3).sub(1),
        sum: x.sum(),
        wrapped: n.mul(n).add(5),
        quotient: n.div(m),
        largest: n.max(),
        less: n.less(m),
      }),
      { x: tensorType("f8e4m3fn", [16]), n: tensorType("i4", [16]), m: tensorType("i4", [16]) },
      { name: "arithmetic" },
    );
    const x = counted("f8e4m3fn", 16).map((at) => 0x30 + at);
    const n = Int8Array.from({ length: 16 }, (_, at) => at - 8);
    const m = Int8Array.from({ length: 16 }, () => -1);
    const { meant } = await ran(graph, { x, n, m });
    const of = (value: number) => storedOfNumber("f8e4m3fn", Math.fround(value));
    const r = (value: number) => numberOfStored("f8e4m3fn", of(value));
    const v = Array.from(x, (byte) => numberOfStored("f8e4m3fn", byte));
    expect([...(meant.chain as Uint8Array)]).toEqual(v.map((each) => of(r(r(each * each) + r(0.3)) - 1)));
    expect([...(meant.sum as Uint8Array)]).toEqual([of(v.reduce((a, b) => a + b))]);
    const wrap = (value: number) => (value << 28) >> 28;
    expect([...(meant.wrapped as Int8Array)]).toEqual([...n].map((each) => wrap(each * each + 5)));
    expect([...(meant.quotient as Int8Array)]).toEqual([...n].map((each) => wrap(-each)));
    expect([...(meant.largest as Int8Array)]).toEqual([7]);
    expect([...(meant.less as Uint8Array)]).toEqual([...n].map((each) => Number(each < -1)));
  });
});

describe("numbers beside them", () => {
  it("are refused where they hold none such, in their own words", () => {
    const made = (data: number | readonly number[] | Uint8Array | Int8Array, dtype: Small) => () =>
      trace(() => ({ y: constant(data as number, dtype) }), {}, { name: "g" });
    expect(made(8, "i4")).toThrow("8 at position 0 is no i4");
    expect(made(Int8Array.of(1, 100), "i4")).toThrow("100 at position 1 is no i4");
    expect(made(1000, "f8e4m3fn")).toThrow(
      expect.objectContaining({ help: expect.stringContaining("-448 to 448, NaN") }),
    );
    expect(made(NaN, "f4e2m1")).toThrow("NaN at position 0 is no f4e2m1");
    expect(made(Uint8Array.of(16), "f4e2m1")).toThrow("the byte 16 at position 0 is no f4e2m1");
    expect(made(-1, "f8e8m0")).toThrow("-1 at position 0 is no f8e8m0");
    expect(made(Infinity, "f8e5m2")).not.toThrow();
  });

  it("are made of numbers, rounded once, and read as numbers", () => {
    const made = toSmallFloats("f8e4m3fn", [1, 1 / 3, -0, NaN, 448]);
    expect([...made]).toEqual([0x38, 0x2b, 0x80, 0x7f, 0x7e]);
    expect([...fromSmallFloats("f8e4m3fn", made)]).toEqual([1, 0.34375, -0, NaN, 448]);
    expect([...toSmallFloats("f8e8m0", Float32Array.of(1, 3))]).toEqual([127, 129]);
    expect(() => toSmallFloats("f4e2m1", [7])).toThrow("toSmallFloats: 7 at position 0 is no f4e2m1");
    expect(() => toSmallFloats("i4" as "f4e2m1", [])).toThrow(expect.objectContaining({ code: "tensor/argument" }));
    expect(() => fromSmallFloats("f8e5m2", [1] as never)).toThrow(expect.objectContaining({ code: "tensor/argument" }));
  });

  it.each([
    ["torch.float8_e4m3fn", "f8e4m3fn"],
    ["float8_e5m2fnuz", "f8e5m2fnuz"],
    ["float8_e8m0fnu", "f8e8m0"],
    ["float8e8m0", "f8e8m0"],
    ["torch.float4_e2m1fn_x2", "f4e2m1"],
    ["FLOAT4E2M1", "f4e2m1"],
    ["int4", "i4"],
    ["uint2", "u2"],
  ])("the dtype %s is answered by %s", (name, meant) => {
    expect(() => tensorType(name as "f32", [])).toThrow(
      expect.objectContaining({ help: expect.stringContaining(`did you mean ${meant}?`) }),
    );
  });
});
