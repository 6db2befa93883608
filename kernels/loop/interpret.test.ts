// The interpreter on cases worked out by hand, independent of compiled code.
import { describe, expect, it } from "vitest";
import type { Dtype } from "../dtype.ts";
import { newArray } from "../testing/agreement.ts";
import * as b from "./build.ts";
import { interpretKernel } from "./interpret.ts";
import type { Expression, Scalar } from "./ir.ts";

/** The lanes of an expression without locals. */
function lanesOf(e: Expression): (number | bigint)[] {
  const kernel = b.kernel("value", (k) => k.store(k.buffer("out", e.type.scalar, e.type.lanes, "write"), 0, e));
  const out = newArray(e.type.scalar, e.type.lanes);
  interpretKernel(kernel, [out]);
  return [...out];
}

const of = (scalar: Dtype, value: number | bigint) => b.constant(scalar, value);

describe("the interpreter", () => {
  it.each<[string, Expression, number | bigint]>([
    ["f32 addition rounds to f32", b.add(of("f32", 16777216), 1), 16777216],
    ["f32 products round to f32", b.mul(of("f32", 0.1), 3), Math.fround(Math.fround(0.1) * 3)],
    ["fma rounds once", b.fma(of("f64", 1 + 2 ** -52), 1 - 2 ** -52, -1), -(2 ** -104)],
    ["division by zero of floats is infinite", b.div(of("f32", -1), 0), -Infinity],
    ["integer division by zero is 0", b.div(of("i32", 7), 0), 0],
    ["integer remainder by zero is 0", b.rem(of("u64", 7), 0), 0n],
    ["the least integer by -1 wraps", b.div(of("i8", -128), -1), -128],
    ["the least i64 by -1 wraps", b.div(of("i64", -(2n ** 63n)), -1), -(2n ** 63n)],
    ["division truncates", b.div(of("i32", -7), 2), -3],
    ["the remainder has the dividend's sign", b.rem(of("i32", -7), 2), -1],
    ["addition wraps", b.add(of("u8", 250), 10), 4],
    ["signed products wrap", b.mul(of("i32", 65537), 65537), 131073],
    ["64-bit products wrap", b.mul(of("u64", 2n ** 63n + 1n), 2), 2n],
    ["shift counts are masked", b.shl(of("i16", 1), 17), 2],
    ["signed shifts keep the sign", b.shr(of("i32", -8), 1), -4],
    ["unsigned shifts do not", b.shr(of("u32", 0x80000000), 31), 1],
    ["abs of the least integer wraps", b.abs(of("i16", -32768)), -32768],
    ["not is bitwise", b.not(of("u16", 1)), 65534],
    ["ties round to even", b.roundEven(of("f32", 2.5)), 2],
    ["ties of negatives round to even", b.roundEven(of("f64", -3.5)), -4],
    ["rounding keeps the sign of zero", b.roundEven(of("f64", -0.5)), -0],
    ["neg of zero is negative", b.neg(of("f32", 0)), -0],
    ["float to integer truncates", b.convert(of("f32", -1.9), "i32"), -1],
    ["float to integer saturates", b.convert(of("f64", 1e30), "i64"), 2n ** 63n - 1n],
    ["a negative float to unsigned is 0", b.convert(of("f32", -5), "u8"), 0],
    ["NaN to integer is 0", b.convert(of("f32", Number.NaN), "i32"), 0],
    ["integer to integer wraps", b.convert(of("i32", -1), "u16"), 65535],
    ["narrowing from 64 bits wraps", b.convert(of("i64", 2n ** 40n + 255n), "i8"), -1],
    ["i64 to f32 rounds once", b.convert(of("i64", 2n ** 60n + 2n ** 36n + 1n), "f32"), 2 ** 60 + 2 ** 37],
    ["NaN to bool is true", b.convert(b.convert(of("f64", Number.NaN), "bool"), "i8"), 1],
    ["bits of f32", b.bitcast(of("f32", -0), "u32"), 0x80000000],
    ["bits as f64", b.fromBits("f64", 0x3ff0000000000001n), 1 + 2 ** -52],
    ["NaN equals nothing", b.convert(b.eq(of("f32", Number.NaN), of("f32", Number.NaN)), "i8"), 0],
    ["NaN differs from itself", b.convert(b.ne(of("f32", Number.NaN), of("f32", Number.NaN)), "i8"), 1],
    ["unsigned numbers compare unsigned", b.convert(b.lt(of("u64", 1), of("u64", 2n ** 64n - 1n)), "i8"), 1],
  ])("%s", (_, e, expected) => {
    expect(lanesOf(e)).toEqual([expected]);
  });

  it("rearranges lanes", () => {
    const v = b.convert(b.ramp(10, -3, 4), "i32");
    expect(lanesOf(v)).toEqual([10, 7, 4, 1]);
    expect(lanesOf(b.shuffle(v, [3, 3, 4, 0], b.broadcast(b.extract(v, 1), 4)))).toEqual([1, 1, 7, 10]);
    expect(lanesOf(b.select(b.gt(v, 4), v, 0))).toEqual([10, 7, 0, 0]);
  });

  it("runs loops, branches and variables", () => {
    const kernel = b.kernel("collatz", (k) => {
      const out = k.buffer("out", "i32", 6, "readwrite");
      k.for(0, 6, 1, (i) => {
        const n = k.variable(b.add(b.convert(i, "i32"), 1));
        const steps = k.variable(of("i32", 0));
        k.for(0, 20, 1, () =>
          k.if(b.ne(n.get(), 1), () => {
            const odd = b.eq(b.and(n.get(), 1), 1);
            k.if(
              odd,
              () => n.set(b.add(b.mul(n.get(), 3), 1)),
              () => n.set(b.div(n.get(), 2)),
            );
            steps.set(b.add(steps.get(), 1));
          }),
        );
        k.store(out, i, steps.get());
      });
    });
    const out = new Int32Array(6);
    interpretKernel(kernel, [out]);
    expect([...out]).toEqual([0, 1, 7, 2, 5, 8]);
  });

  it("neither reads nor writes where the mask is false, even outside the buffer", () => {
    const kernel = b.kernel("masked", (k) => {
      const x = k.buffer("x", "f32", 3, "read");
      const y = k.buffer("y", "f32", 3, "write");
      const mask = b.lt(b.ramp(0, 1, 4), 2);
      k.store(y, 1, b.load(x, 1, 4, mask), mask);
    });
    const y = Float32Array.of(7, 7, 7);
    interpretKernel(kernel, [Float32Array.of(1, 2, 3), y]);
    expect([...y]).toEqual([7, 2, 3]);
  });

  it("computes a shared subexpression once per statement", () => {
    const kernel = b.kernel("doubling", (k) => {
      const x = k.buffer("x", "u64", 1, "readwrite");
      let value = b.load(x, 0);
      for (let i = 0; i < 63; i++) value = b.add(value, value);
      k.store(x, 0, value);
    });
    const x = BigUint64Array.of(1n);
    interpretKernel(kernel, [x]);
    expect(x[0]).toBe(2n ** 63n);
  });

  const reach = (scalar: Scalar) =>
    b.kernel("reach", (k) => {
      const at = k.buffer("at", "i64", 1, "read");
      const x = k.buffer("x", scalar, 4, "readwrite");
      k.store(x, b.load(at, 0), b.load(x, b.sub(b.load(at, 0), 1)));
    });

  it.each([
    [4n, "kernel reach: element 4 of x, which has 4"],
    [0n, "kernel reach: element -1 of x, which has 4"],
  ])("refuses access outside a buffer at %s, and quotes the line", (index, message) => {
    expect(() => interpretKernel(reach("f32"), [BigInt64Array.of(index), new Float32Array(4)])).toThrowError(
      expect.objectContaining({
        code: "loop/bounds",
        message,
        details: expect.arrayContaining([expect.stringContaining("x[")]),
      }),
    );
  });

  it("refuses arrays that do not fit", () => {
    const run =
      (...arrays: ArrayBufferView[]) =>
      () =>
        interpretKernel(reach("f32"), arrays);
    expect(run(new BigInt64Array(1))).toThrowError(/1 arrays for 2 buffers/);
    expect(run(new BigInt64Array(1), new Float32Array(5))).toThrowError(/x has 16 bytes, the array 20/);
  });
});
