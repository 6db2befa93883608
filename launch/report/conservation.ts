// The identities that hold where nothing was lost: each side is counted from other records than its counterpart.
import type { ChannelLedger, Ledger, TaskLedger } from "./ledger.ts";

/** What became of a task's releases. */
export interface ReleaseBalance {
  /** By the executive's numbering. */
  readonly released: number;
  readonly onTime: number;
  readonly overrun: number;
  readonly skipped: number;
  readonly inFlight: number;
  /** released = on time + overrun + skipped + in flight at stop. */
  readonly conserved: boolean;
}

/** What became of a channel's samples at one of its readers. */
export interface ConsumerReport {
  readonly channel: string;
  readonly consumer: string;
  /** By the producer's count: the numbers received, or the jobs on time; of those that the ledger keeps. */
  readonly published: number;
  /** Seen by at least one release. */
  readonly read: number;
  /** Never seen; a newer sample was. */
  readonly overwritten: number;
  /** Arrived before the minimum interval had passed, and released nothing. */
  readonly dropped: number;
  /** Became no sample: it could not be decoded. */
  readonly rejected: number;
  /** Newer than all that was seen when the run stopped. */
  readonly pending: number;
  /** published = read + overwritten unread + dropped + rejected + pending. */
  readonly conserved: boolean;
}

/** A task's balance. */
export function releaseBalance(task: TaskLedger): ReleaseBalance {
  const { released, records, inFlight } = task;
  const { onTime, overrun, skipped } = records;
  return { released, ...records, inFlight, conserved: released === onTime + overrun + skipped + inFlight };
}

/** Every channel's balance at every task that reads it. */
export function consumerBalances(ledger: Ledger): ConsumerReport[] {
  const { channels, tasks } = ledger.application.table;
  return channels.flatMap((row, channel) =>
    tasks.flatMap((reader, task): ConsumerReport[] => {
      const pins = ledger.tasks[task]!.pins.get(channel);
      if (!pins) return [];
      const samples = ledger.channels[channel]!;
      const published =
        row.source.kind === "task"
          ? ledger.tasks[row.source.task]!.keptOnTime
          : Math.max(0, samples.arrivals.length - Math.max(1, samples.arrivals.first));
      const triggered = reader.trigger.kind === "arrival" && reader.trigger.channel === channel;
      const early = new Set(triggered ? ledger.tasks[task]!.early.values() : []);
      const fates = countFates(samples, new Set(pins.values()), early);
      const { read, overwritten, dropped, rejected, pending } = fates;
      const conserved = published === read + overwritten + dropped + rejected + pending;
      return [{ channel: row.name, consumer: reader.name, published, ...fates, conserved }];
    }),
  );
}

function countFates(samples: ChannelLedger, seen: ReadonlySet<number>, early: ReadonlySet<number>) {
  const newestSeen = maximum(seen);
  const fates = { read: 0, overwritten: 0, dropped: 0, rejected: 0, pending: 0 };
  // Number 0 is the zero-filled slot before the first sample.
  const first = Math.max(1, samples.arrivals.first);
  for (const sequence of seen) if (sequence >= first) fates.read++;
  for (let sequence = first; sequence < samples.arrivals.length; sequence++) {
    if (Number.isNaN(samples.arrivals.at(sequence)) || seen.has(sequence)) continue;
    const tag = samples.tag(sequence);
    if (!Number.isNaN(samples.rejected.at(sequence))) fates.rejected++;
    // Still being decoded when the run stopped.
    else if (Number.isNaN(tag)) fates.pending++;
    else if (early.has(tag)) fates.dropped++;
    else if (sequence > newestSeen) fates.pending++;
    else fates.overwritten++;
  }
  return fates;
}

const maximum = (values: Iterable<number>): number => {
  let most = 0;
  for (const value of values) most = Math.max(most, value);
  return most;
};
