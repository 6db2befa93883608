// What stands on a channel and from when, as the rules derive it from the records.
import type { SortedRun } from "./run.ts";

/** A sample that stands from `time` on. */
export interface Sample {
  readonly time: number;
  /** The number of the message, or of the output: its job's number plus one. */
  readonly sequence: number;
  /** It stands again, in the place of an output that was not done in time. */
  readonly held: boolean;
}

/** The samples of one channel in the order of their times. */
export class Samples {
  readonly all: readonly Sample[];
  /** Of those before each place, how many are not held. */
  readonly #fresh: readonly number[];

  constructor(all: readonly Sample[]) {
    this.all = all;
    let fresh = 0;
    this.#fresh = [0, ...all.map(({ held }) => (held ? fresh : ++fresh))];
  }

  /** How many have a time up to `time`. */
  #until(time: number): number {
    let [from, to] = [0, this.all.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (this.all[middle]!.time <= time) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  /** The newest sample with a time up to `time`; what stands before the first has number 0. */
  newestAt(time: number): Sample {
    return this.all[this.#until(time) - 1] ?? { time: Number.NEGATIVE_INFINITY, sequence: 0, held: false };
  }

  /** How many new samples stand from after `from` up to `to`. */
  countBetween(from: number, to: number): number {
    return Math.max(0, this.#fresh[this.#until(to)]! - this.#fresh[this.#until(from)]!);
  }
}

/** The samples of every channel, those before the run's end. */
export const samplesOf = (sorted: SortedRun): readonly Samples[] =>
  sorted.run.application.table.channels.map(
    (row, id) =>
      new Samples(
        (row.source.kind === "external" ? arrivals(sorted, id) : publications(sorted, row.source.task)).filter(
          ({ time }) => time < sorted.run.durationNs,
        ),
      ),
  );

function arrivals({ run, channels }: SortedRun, id: number): Sample[] {
  const { admissions, visible, rejected } = channels[id]!;
  const decodedApart = (run.application.table.channels[id]!.latencyNs ?? 0) > 0;
  const times = decodedApart
    ? [...visible.values()]
    : [...admissions.values()].filter(({ sequence }) => !rejected.has(sequence));
  return times
    .map(({ sequence, time }) => ({ sequence, time, held: false }))
    .sort((a, b) => a.time - b.time || a.sequence - b.sequence);
}

/** At each publication instant: the job's output where it is done, under `hold` the newest done one again, otherwise nothing. */
function publications({ run, tasks }: SortedRun, id: number): Sample[] {
  const row = run.application.table.tasks[id]!;
  const records = tasks[id]!;
  const found: Sample[] = [];
  let standing = 0;
  for (const job of records.numbers()) {
    const time = records.timeOf(job)! + row.letNs;
    const done = records.verdicts.get(job)?.overrun === false;
    if (done) standing = job + 1;
    if (done || (row.onOverrun === "hold" && standing > 0)) found.push({ time, sequence: standing, held: !done });
  }
  return found;
}
