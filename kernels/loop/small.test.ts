// Conversions of small floats and integers, compiled: every byte, and every tie and its neighbours.
import { describe, expect, it } from "vitest";
import { dtypes, isSmallFloat, isSmallInteger } from "../dtype.ts";
import { numberOfSmall } from "../small.ts";
import { target } from "../targets.ts";
import { expectAgreement } from "../testing/agreement.ts";
import { toStored } from "./arithmetic.ts";
import * as b from "./build.ts";
import { emitModule } from "./emit.ts";
import type { Narrowing, SmallFloat } from "./ir.ts";

const floats = dtypes.filter(isSmallFloat);
const integers = dtypes.filter(isSmallInteger);
const narrowings: readonly Narrowing[] = [
  {},
  { saturate: false },
  { rounding: "down" },
  { rounding: "nearest" },
  { saturate: false, rounding: "nearest" },
];
const narrowingsOf = (scalar: SmallFloat) => (scalar === "f8e8m0" ? narrowings : narrowings.slice(0, 2));

/** Float32 numbers at and beside all that a small float has and all that lies between them, of both signs, and random ones. */
function singles(scalar: SmallFloat): Float32Array {
  const numbers = Array.from({ length: 256 }, (_, byte) => Math.abs(numberOfSmall(scalar, byte)));
  const finite = [...new Set(numbers.filter(Number.isFinite))].sort((a, b) => a - b);
  const largest = finite.at(-1)!;
  const points = [...finite, ...finite.map((value, at) => (value + (finite[at + 1] ?? 2 * largest)) / 2)];
  const ends = [0, 2 ** -149, 2 ** -126, largest * 1.0625, 3.4028234663852886e38, Infinity, NaN];
  const given = Float32Array.from([...points, ...ends]);
  const bits = new Int32Array(given.buffer);
  const around = Int32Array.from([...bits].flatMap((each) => [Math.max(each - 1, 0), each, each + 1]));
  const random = Int32Array.from({ length: 4096 }, (_, at) => Math.imul(at + 1, 0x9e3779b1));
  const all = Int32Array.from([...around, ...around.map((each) => each | 0x80000000), ...random]);
  const padded = new Int32Array(Math.ceil(all.length / 8) * 8);
  padded.set(all);
  return new Float32Array(padded.buffer);
}

const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);

describe.each(floats)("%s", (scalar) => {
  it("is widened and narrowed alike by the interpreter and every target, for all bytes and around every tie", async () => {
    const values = singles(scalar);
    const kinds = narrowingsOf(scalar);
    const kernel = b.kernel(`all_${scalar}`, (k) => {
      const [given, x] = [k.buffer("given", scalar, 256, "read"), k.buffer("x", "f32", values.length, "read")];
      const wide = k.buffer("wide", "f32", 256, "write");
      const narrow = kinds.map((_, at) => k.buffer(`narrow${at}`, scalar, values.length, "write"));
      k.for(0, 256, 8, (i) => k.store(wide, i, b.convert(b.load(given, i, 8), "f32")));
      k.for(0, values.length, 8, (i) => {
        const value = b.load(x, i, 8);
        narrow.forEach((to, at) => {
          k.store(to, i, b.convert(value, scalar, kinds[at]));
        });
      });
    });
    const results = kinds.map(() => new Uint8Array(values.length));
    const [, , wide, ...narrow] = await expectAgreement(kernel, [bytes, values, new Float32Array(256), ...results]);
    expect([...wide!]).toEqual([...bytes].map((byte) => numberOfSmall(scalar, byte)));
    expect([...narrow[0]!]).toEqual([...values].map((value) => toStored(scalar, value)));
  });
});

describe("small floats and integers", () => {
  it("ignore what stands in the upper bits of a byte", async () => {
    const kernel = b.kernel("upper_bits", (k) => {
      for (const scalar of [...integers, "f4e2m1"] as const) {
        const x = k.buffer(scalar, scalar, 256, "read");
        const y = k.buffer(`${scalar}_wide`, "i32", 256, "write");
        k.for(0, 256, 8, (i) => k.store(y, i, b.convert(b.load(x, i, 8), "i32")));
      }
    });
    const arrays = [...integers, "f4e2m1"].flatMap(() => [bytes, new Int32Array(256)]);
    const results = await expectAgreement(kernel, arrays);
    const wide = [1, 3, 5, 7].map((at) => [...results[at]!]);
    expect(wide.map((each) => [Math.min(...(each as number[])), Math.max(...(each as number[]))])).toEqual([
      [-8, 7],
      [0, 15],
      [-2, 1],
      [0, 3],
    ]);
  });

  it("are computed with nowhere, and converted to one type only", () => {
    for (const scalar of [...floats, ...integers]) {
      const x = b.constant(scalar, 1);
      for (const wrong of [() => b.add(x, x), () => b.neg(x), () => b.not(x), () => b.lt(x, x), () => b.and(x, x)])
        expect(wrong).toThrow(`is not defined on ${scalar}`);
    }
  });

  it.each(["x86-64-v3", "aarch64"] as const)(
    "are converted in whole vectors and without a call on %s",
    async (name) => {
      const kernel = b.kernel("vectors", (k) => {
        for (const scalar of ["f8e4m3fn", "f8e8m0"] as const) {
          const x = k.buffer(`${scalar}_x`, scalar, 64, "read");
          const y = k.buffer(`${scalar}_y`, scalar, 64, "write");
          k.for(0, 64, 8, (i) => k.store(y, i, b.convert(b.mul(b.convert(b.load(x, i, 8), "f32"), 3), scalar)));
        }
      });
      const text = await target(name).backend.assembly(emitModule([kernel], target(name)));
      expect(text).not.toMatch(/vpinsrb|vmulss|fmul\s+s\d/);
      expect(text).not.toMatch(/^\s*(call|callq|bl|blr|jmp|b)\s+(?!\.L)[a-z_*]/m);
    },
  );
});
