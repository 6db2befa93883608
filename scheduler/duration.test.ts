// Durations: what is read, what is refused, and how they print.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatApart, formatDuration, parseDuration } from "./duration.ts";

describe("durations", () => {
  it.each([
    ["30ms", 30_000_000],
    ["200us", 200_000],
    ["200 µs", 200_000],
    ["1.5s", 1_500_000_000],
    ["2min", 120_000_000_000],
    ["7ns", 7],
    [42, 42],
  ])("reads %s as %d ns", (text, ns) => expect(parseDuration(text)).toBe(ns));

  it.each(["", "30", "ms", "-1ms", "1 hour", "1e3ms", "NaNs", "200 days", "9999999999s"])("refuses %j", (text) =>
    expect(() => parseDuration(text)).toThrow(`"${text}" is not a duration`),
  );

  it("refuses fractions of a nanosecond and negative numbers", () => {
    expect(() => parseDuration(0.5)).toThrow("is not a duration");
    expect(() => parseDuration(-1)).toThrow("is not a duration");
  });

  it("prints what it reads back to four digits", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10 ** 12 }), (ns) => {
        const read = parseDuration(formatDuration(ns) as `${number}ms`);
        // Half a unit of the fourth digit, which is worth most behind a 1; what is read is rounded to whole nanoseconds.
        expect(Math.abs(read - ns)).toBeLessThanOrEqual(Math.max(5e-4 * ns, 0.5));
      }),
    );
  });

  it("prints two with as many digits as tell them apart", () => {
    expect(formatApart(20e6, 15e6)).toEqual(["20 ms", "15 ms"]);
    expect(formatApart(5e6 + 1, 5e6)).toEqual(["5.000001 ms", "5 ms"]);
    expect(formatApart(60e9, 60e9)).toEqual(["60 s", "60 s"]);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e15 }), (ns) => {
        const [a, b] = formatApart(ns + 1, ns);
        expect(a).not.toBe(b);
      }),
    );
  });
});
