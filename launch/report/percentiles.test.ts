import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { percentiles } from "./percentiles.ts";

const hundred = Array.from({ length: 100 }, (_, at) => at + 1);

describe("percentiles", () => {
  it("are values that occurred, by nearest rank", () => {
    expect(percentiles(hundred)).toMatchObject({ count: 100, p50: 50, p90: 90, p99: 99, p999: 100, max: 100 });
    expect(percentiles([7])).toMatchObject({ p50: 7, p90: 7, p99: 7, p999: 7, max: 7 });
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
