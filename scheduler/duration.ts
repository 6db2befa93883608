// Durations as people write them ("30ms") and as the schedule holds them: whole nanoseconds.
import { z } from "zod";
import { IsochronError } from "../kernels/index.ts";

/** A duration: text such as `"200us"`, `"1.5 s"`, or whole nanoseconds. */
export type Duration = `${number}${Unit}` | `${number} ${Unit}` | number;
type Unit = "ns" | "us" | "µs" | "ms" | "s" | "min";

const nanoseconds: { readonly [unit in Unit]: number } = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, min: 60e9 };

/** The duration in whole nanoseconds. Throws `schedule/duration` for anything that is not a non-negative duration below 104 days. */
export function parseDuration(duration: Duration | string): number {
  const ns = nanosecondsOf(duration);
  if (ns !== undefined) return ns;
  throw new IsochronError("schedule/duration", `"${duration}" is not a duration`, {
    help: 'write a number and a unit (ns, us, ms, s, min), as in "20ms", or whole nanoseconds',
  });
}

/** The same, undefined for what is no duration. */
function nanosecondsOf(given: unknown): number | undefined {
  const isWhole = (ns: number) => Number.isSafeInteger(ns) && ns >= 0;
  if (typeof given === "number") return isWhole(given) ? given : undefined;
  const match = typeof given === "string" && /^\s*(\d+(?:\.\d+)?)\s*(ns|us|µs|ms|s|min)\s*$/.exec(given);
  if (!match) return undefined;
  const ns = Math.round(Number(match[1]) * nanoseconds[match[2] as Unit]);
  return isWhole(ns) ? ns : undefined;
}

const form = 'a number with ns, us, ms, s or min, as in "20ms", or whole nanoseconds';

/** Durations as options of functions. */
export const durationSchema = z.custom<Duration>((given) => nanosecondsOf(given) !== undefined).describe(form);

/** Durations of which 0 makes no sense. */
export const durationAboveZero = z
  .custom<Duration>((given) => (nanosecondsOf(given) ?? 0) > 0)
  .describe(`a duration above 0: ${form}`);

/** Nanoseconds in the largest unit that keeps the text short: `15 ms`, `200 us`, `1.5 s`; rounded to so many digits. */
export function formatDuration(ns: number, digits = 4): string {
  const magnitude = Math.abs(ns);
  const unit = magnitude >= 1e9 ? "s" : magnitude >= 1e6 ? "ms" : magnitude >= 1e3 ? "us" : "ns";
  return `${Number((ns / nanoseconds[unit]).toPrecision(digits))} ${unit}`;
}

/** Two durations with as many digits as tell them apart: `5.000001 ms` and `5 ms`. */
export function formatApart(aNs: number, bNs: number): readonly [string, string] {
  for (let digits = 4; digits < 17; digits++) {
    const [a, b] = [formatDuration(aNs, digits), formatDuration(bNs, digits)];
    if (a !== b) return [a, b];
  }
  return [formatDuration(aNs), formatDuration(bNs)];
}
