// How far numbers of each type lie apart.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { differenceIn, differencesIn, isLarger, numberDifference } from "./number-difference.ts";

describe("two numbers that should be the same", () => {
  it("are shown as themselves, with how far apart, in steps of their type too", () => {
    const next = Math.fround(0.1) + 2 ** -27;
    expect(numberDifference("", "f32", Math.fround(0.1), next)).toEqual({
      ...{ at: "", dtype: "f32", recorded: 0.1, recomputed: 0.10000001, absolute: 2 ** -27, ulps: 1 },
    });
    expect(numberDifference("", "f64", 1, 1 - 2 ** -53)).toMatchObject({ ulps: 1, absolute: 2 ** -53 });
    expect(numberDifference("", "f64", -1, 1)).toMatchObject({ absolute: 2, ulps: String(2n * 0x3ff0000000000000n) });
    expect(numberDifference("", "f32", 0, -0)).toMatchObject({ recorded: 0, recomputed: "-0", absolute: 0, ulps: 0 });
    expect(numberDifference("", "f32", 2 ** -149, -(2 ** -149))).toMatchObject({ ulps: 2 });
    expect(numberDifference("", "i8", -128, 127)).toMatchObject({ absolute: 255, ulps: null });
    expect(numberDifference("", "u64", 2n ** 64n - 1n, 0n)).toMatchObject({
      recorded: "18446744073709551615",
      absolute: "18446744073709551615",
      ulps: null,
    });
  });

  it("have no distance where one is NaN, and an endless one from an infinity", () => {
    expect(numberDifference("", "f32", Number.NaN, 1)).toMatchObject({ recorded: "NaN", absolute: null, ulps: null });
    const largest = (2 - 2 ** -23) * 2 ** 127;
    expect(numberDifference("", "f32", Number.POSITIVE_INFINITY, largest)).toMatchObject({
      recorded: "Infinity",
      absolute: "Infinity",
      ulps: 1,
    });
    const [nan, far, near] = [Number.NaN, 9, 2].map((value) => numberDifference("", "f64", value, 1));
    expect([isLarger(nan!, far!), isLarger(far!, nan!), isLarger(far!, near!), isLarger(near!, far!)]).toEqual([
      true,
      false,
      true,
      false,
    ]);
  });

  it("read a float32 back from the text that is shown of it", () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const { recorded } = numberDifference("", "f32", value, 0);
        expect(Object.is(Math.fround(Number(recorded)), value)).toBe(true);
      }),
    );
  });

  it("are found in a tensor by the byte that differs, and named by their place", () => {
    const field = { name: "pose", dtype: "i16" as const, shape: [2, 3], offset: 64, bytes: 12 };
    const [a, b] = [new Uint8Array(128), new Uint8Array(128)];
    b.set(new Uint8Array(Int16Array.of(0, 0, 0, 0, -300, 7).buffer), 64);
    const expected = { dtype: "i16", recorded: 0, ulps: null };
    expect(differenceIn(field, 64 + 9, a, b)).toEqual({ ...expected, at: "[1, 1]", recomputed: -300, absolute: 300 });
    expect([...differencesIn(field, a, b)].map(({ at }) => at)).toEqual(["[1, 1]", "[1, 2]"]);
  });
});
