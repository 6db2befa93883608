// Two ways to do one thing, timed in turns, so that whatever else the machine does disturbs both alike.
import { setImmediate } from "node:timers/promises";

/** Quantiles of one side's calls, in microseconds. */
export interface Times {
  readonly median: number;
  /** The 5th percentile: what other work on the machine disturbs least. */
  readonly quiet: number;
  readonly p99: number;
}

/** Both sides, measured. */
export interface Race {
  readonly ours: Times;
  readonly theirs: Times;
  readonly runs: number;
  /** Calls timed together; quantiles are of such batches. */
  readonly batch: number;
}

const leastRuns = 30;
const mostRuns = 5000;

/** The quantiles of some times. */
export function timesOf(microseconds: ArrayLike<number>): Times {
  const sorted = Float64Array.from(microseconds).sort();
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
  return { median: at(0.5), quiet: at(0.05), p99: at(0.99) };
}

/**
 * Times calls of both sides in turns for about `budgetMs`, at least 30 times, after a quarter of that to warm up; the argument
 * counts up. Ends by the signal's reason.
 */
export async function race(
  ours: (at: number) => void,
  theirs: (at: number) => unknown,
  budgetMs: number,
  signal: AbortSignal,
): Promise<Race> {
  const turn = async (first: number, batch: number): Promise<[number, number]> => {
    const started = performance.now();
    for (let at = 0; at < batch; at++) ours(first + at);
    const between = performance.now();
    for (let at = 0; at < batch; at++) await theirs(first + at);
    const ended = performance.now();
    return [((between - started) * 1e3) / batch, ((ended - between) * 1e3) / batch];
  };
  // Short calls are timed by the batch, or the clock would be part of them.
  const [ofOne] = await turn(0, 8);
  const batch = ofOne < 20 ? 16 : 1;
  const [left, right]: [number[], number[]] = [[], []];
  // Either side may become faster for some hundred calls.
  const warm = performance.now() + budgetMs / 4;
  const end = warm + budgetMs;
  for (let at = 0; left.length < leastRuns || (performance.now() < end && left.length < mostRuns); at++) {
    const [us, other] = await turn(at, batch);
    if (performance.now() >= warm) {
      left.push(us);
      right.push(other);
    }
    // Ctrl-C is heard between turns.
    await setImmediate();
    signal.throwIfAborted();
  }
  return { ours: timesOf(left), theirs: timesOf(right), runs: left.length, batch };
}
