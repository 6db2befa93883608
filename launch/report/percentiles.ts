// Percentiles by nearest rank, and a histogram over preferred numbers.

/** Durations in one histogram bin: at least `fromNs`, less than `toNs`. */
export interface Bin {
  readonly fromNs: number;
  readonly toNs: number;
  readonly count: number;
}

/** What was measured, in nanoseconds; percentiles are values that occurred (nearest rank). */
export interface Percentiles {
  readonly count: number;
  readonly min: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  /** Bins that hold something, in order; their edges are preferred numbers (R20), twenty to a decade. */
  readonly histogram: readonly Bin[];
}

/** "not measured" stands where virtual time has no latency to measure, or where no record of it was kept. */
export type Measured = Percentiles | "not measured";

/** The R20 series, rounded as drawings do. */
const preferred = [1, 1.12, 1.25, 1.4, 1.6, 1.8, 2, 2.24, 2.5, 2.8, 3.15, 3.55, 4, 4.5, 5, 5.6, 6.3, 7.1, 8, 9];

const edge = (index: number): number => {
  const scaled = preferred[index % preferred.length]! * 10 ** Math.floor(index / preferred.length);
  return Math.round(scaled * 100) / 100;
};

/** The bin of a duration: the last whose lower edge is not above it; all below 1 ns are in the first. */
function binOf(ns: number): number {
  if (ns < 1) return 0;
  let index = Math.max(0, Math.floor(Math.log10(ns) * preferred.length) - 1);
  while (edge(index + 1) <= ns) index++;
  return index;
}

/** Sums durations up. */
export function percentiles(durations: ArrayLike<number>): Measured {
  if (durations.length === 0) return "not measured";
  const sorted = Float64Array.from(durations).sort();
  const rank = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;
  const counts = new Map<number, number>();
  for (const each of sorted) counts.set(binOf(each), (counts.get(binOf(each)) ?? 0) + 1);
  return {
    count: sorted.length,
    min: sorted[0]!,
    p50: rank(0.5),
    p90: rank(0.9),
    p99: rank(0.99),
    p999: rank(0.999),
    max: sorted[sorted.length - 1]!,
    histogram: [...counts].map(([bin, count]) => ({
      fromNs: bin === 0 ? 0 : edge(bin),
      toNs: edge(bin + 1),
      count,
    })),
  };
}
