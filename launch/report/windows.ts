// Which parts of a long run a page draws: the beginning, the end, and the neighbourhood of misses.
import { intervalOf } from "../../scheduler/index.ts";
import type { Ledger } from "./ledger.ts";

/** A stretch of time that is drawn in full. */
export interface Window {
  readonly fromNs: number;
  readonly toNs: number;
}

/** What is there to draw: the times of all releases and admissions, and the neighbourhood of each miss. */
export interface Considered {
  /** In order. */
  readonly times: Float64Array;
  readonly misses: readonly Window[];
}

/** All that could be drawn of a run. */
export function consideredSamples(ledger: Ledger): Considered {
  const { table, inputs } = ledger.application;
  const columns = [
    ...ledger.tasks.map((task) => task.release.values()),
    ...inputs.map(({ channel }) => ledger.channels[channel]!.arrivals.values()),
  ];
  const times = new Float64Array(columns.reduce((sum, column) => sum + column.length, 0));
  let at = 0;
  for (const column of columns) {
    times.set(column, at);
    at += column.length;
  }
  const around = 3 * Math.max(...table.tasks.map(({ trigger }) => intervalOf(trigger)));
  const misses = ledger.tasks.flatMap((task) =>
    task.jobs
      .filter((job) => !["done", "open"].includes(task.outcome(job)))
      .map((job): Window => ({ fromNs: task.release.at(job) - around, toNs: task.release.at(job) + around })),
  );
  return { times: times.sort(), misses: misses.sort((a, b) => a.fromNs - b.fromNs) };
}

/** The windows: everything where it fits within `limit`, else a quarter each for the beginning and the end, the rest for misses. */
export function windowsOf({ times, misses }: Considered, endNs: number, limit: number): Window[] {
  if (times.length <= limit) return [{ fromNs: 0, toNs: endNs }];
  const quarter = Math.max(1, Math.floor(limit / 4));
  const head = { fromNs: 0, toNs: times[quarter - 1]! };
  const tail = { fromNs: times[times.length - quarter]!, toNs: endNs };
  const chosen: Window[] = [];
  let room = limit - 2 * quarter;
  for (const miss of misses) {
    const needed = below(times, miss.toNs) - below(times, miss.fromNs);
    if (needed > room) break;
    room -= needed;
    chosen.push(miss);
  }
  return merged([head, ...chosen, tail]);
}

/** How many of the ordered times lie before `time`. */
function below(times: Float64Array, time: number): number {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (times[middle]! < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

function merged(windows: readonly Window[]): Window[] {
  const result: Window[] = [];
  for (const window of windows.toSorted((a, b) => a.fromNs - b.fromNs)) {
    const last = result.at(-1);
    if (last && window.fromNs <= last.toNs)
      result[result.length - 1] = { fromNs: last.fromNs, toNs: Math.max(last.toNs, window.toNs) };
    else result.push(window);
  }
  return result;
}
