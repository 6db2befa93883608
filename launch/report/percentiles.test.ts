import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { percentiles } from "./percentiles.ts";

const hundred = Array.from({ length: 100 }, (_, at) => at + 1);

describe("percentiles", () => {
  it("are values that occurred, by nearest rank", () => {
    expect(percentiles(hundred)).toMatchObject({ count: 100, p50: 50, p90: 90, p99: 99, p999: 100, max: 100 });
    expect(percentiles([7])).toMatchObject({ p50: 7, p90: 7, p99: 7, p999: 7, max: 7 });
  });

  it("are the least value that at least so large a share does not exceed, whatever the size", () => {
    const shares = { p50: 500, p90: 900, p99: 990, p999: 999 };
    const byDefinition = (values: readonly number[], share: number) =>
      [...values]
        .sort((a, b) => a - b)
        .find((value) => 1000 * values.filter((each) => each <= value).length >= share * values.length);
    const sizes = [...Array.from({ length: 200 }, (_, at) => at + 1), 999, 1000, 1001, 1999, 2000, 2001];
    for (const size of sizes) {
      // All different, then many alike; 7919 is prime, so that places are turned around.
      const values = Array.from({ length: size }, (_, at) => (at * 7919) % size);
      for (const sample of [values, values.map((each) => each % 7)])
        for (const [name, share] of Object.entries(shares))
          expect(percentiles(sample), `${name} of ${size}`).toMatchObject({ [name]: byDefinition(sample, share) });
    }
  });

  it("of up to a million values have the rank that whole numbers give", () => {
    for (let size = 1; size <= 1e6; size = Math.ceil(size * 1.9)) {
      const rank = (share: number) => Number((BigInt(share) * BigInt(size) + 999n) / 1000n);
      expect(percentiles(Array.from({ length: size }, (_, at) => at + 1))).toMatchObject({
        ...{ p50: rank(500), p90: rank(900), p99: rank(990), p999: rank(999) },
      });
    }
  });

  it("of nothing are not measured", () => {
    expect(percentiles([])).toBe("not measured");
  });

  it("come with a histogram whose bins hold every value once, in order", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 1e11 }), { minLength: 1, maxLength: 200 }), (durations) => {
        const measured = percentiles(durations);
        if (measured === "not measured") throw new Error("nothing was measured");
        const bins = measured.histogram;
        expect(bins.reduce((sum, { count }) => sum + count, 0)).toBe(durations.length);
        for (const [at, { fromNs, toNs, count }] of bins.entries()) {
          expect(durations.filter((each) => each >= fromNs && each < toNs)).toHaveLength(count);
          if (at > 0) expect(fromNs).toBeGreaterThanOrEqual(bins[at - 1]!.toNs);
        }
      }),
    );
  });

  it("have bin edges that people read: preferred numbers", () => {
    const measured = percentiles([1_050_000]);
    expect(measured).toMatchObject({ histogram: [{ fromNs: 1e6, toNs: 1.12e6, count: 1 }] });
  });
});
