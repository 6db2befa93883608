// In the page: durations and instants as text, and where an axis has its ticks.

/** A duration in the largest unit that keeps it short. */
export function showDuration(ns: number): string {
  if (ns === 0) return "0";
  const size = Math.abs(ns);
  const [scale, unit] = size >= 1e9 ? [1e9, "s"] : size >= 1e6 ? [1e6, "ms"] : size >= 1e3 ? [1e3, "µs"] : [1, "ns"];
  return `${Number((ns / scale).toPrecision(3))}\u00a0${unit}`;
}

/** An instant in seconds, with as many digits as `step` nanoseconds need. */
export function showInstant(ns: number, step: number): string {
  const digits = Math.min(9, Math.max(0, Math.ceil(9 - Math.log10(Math.max(step, 1)))));
  return `${(ns / 1e9).toFixed(digits)}\u00a0s`;
}

/** The powers of ten within a range, with 2 and 5 where these are few. */
export function powerTicks(from: number, to: number): number[] {
  const between = (multiples: readonly number[]): number[] => {
    const found: number[] = [];
    for (let power = 10 ** Math.floor(Math.log10(from)); power <= to; power *= 10) {
      found.push(...multiples.map((each) => each * power).filter((each) => each >= from && each <= to));
    }
    return found;
  };
  const powers = between([1]);
  return powers.length >= 3 ? powers : between([1, 2, 5]);
}

/** Round steps that divide a span into at most `most` parts. */
export function axisTicks(
  fromNs: number,
  toNs: number,
  most: number,
): { readonly step: number; readonly at: number[] } {
  const rough = (toNs - fromNs) / Math.max(1, most);
  const power = 10 ** Math.floor(Math.log10(Math.max(rough, 1)));
  const step = Math.max(1, [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough) ?? power * 10);
  const at: number[] = [];
  for (let tick = Math.ceil(fromNs / step) * step; tick <= toNs; tick += step) at.push(tick);
  return { step, at };
}
