// Chains, followed back from each command through what every job read to the sample that it answers.

import type { Ledger } from "./ledger.ts";
import { type Measured, percentiles } from "./percentiles.ts";

/** A chain's latency. */
export interface ChainReport {
  readonly name: string;
  /** From the sensor's topic to the last task. */
  readonly path: readonly string[];
  readonly budgetNs: number;
  /** From the arrival of a message to the publication of the first command that used it. */
  readonly latency: Measured;
  readonly overBudget: number | "not measured";
  /** Null where none is declared. */
  readonly maxAgeNs: number | null;
  /**
   * How old the sample is that stands behind what the last task publishes, at each of its publication instants at which
   * something stands: values that are held, or stand on since nothing was published, are as old as their sample.
   */
  readonly age: Measured;
  /** The oldest that any value became before the next was published or the run ended; null where none stood. */
  readonly oldest: { readonly ageNs: number; readonly timeNs: number } | null;
  /**
   * Instants at which the age was over `maxAge`; where the last task has none of its own, being released on arrival, values
   * that became older than that.
   */
  readonly overAge: number | "not measured" | null;
}

/** One command: when it was published, and how long after its sample. */
export interface Reaction {
  readonly timeNs: number;
  readonly latencyNs: number;
}

/** Every chain's first uses of each sample, in the order of the commands. */
export function reactions(ledger: Ledger): Reaction[][] {
  const { chains, table } = ledger.application;
  return chains.map(({ from, tasks }) => {
    const last = tasks[tasks.length - 1]!;
    const commands = ledger.channels[table.tasks[last]!.output]!.arrivals;
    const found: Reaction[] = [];
    let newest = 0;
    for (let sequence = Math.max(1, commands.first); sequence < commands.length; sequence++) {
      const timeNs = commands.at(sequence);
      if (Number.isNaN(timeNs)) continue;
      const sample = sampleBehind(ledger, from, tasks, sequence);
      // A sample that several commands use counts once, for the first: how fast the chain reacts, not how old its data gets.
      if (sample === undefined || sample.sequence <= newest) continue;
      newest = sample.sequence;
      found.push({ timeNs, latencyNs: timeNs - sample.time });
    }
    return found;
  });
}

/** The sensor's sample that an output of a chain's last task came of; undefined where none had arrived. */
function sampleBehind(ledger: Ledger, from: number, tasks: readonly number[], sequence: number) {
  const { table } = ledger.application;
  let behind = sequence;
  for (let position = tasks.length - 1; position >= 0; position--) {
    const upstream = position === 0 ? from : table.tasks[tasks[position - 1]!]!.output;
    // Job n publishes number n + 1.
    const seen = ledger.tasks[tasks[position]!]!.pins.get(upstream)?.at(behind - 1) ?? Number.NaN;
    if (!(seen > 0)) return undefined;
    behind = seen;
  }
  const time = ledger.channels[from]!.arrivals.at(behind);
  return Number.isNaN(time) ? undefined : { sequence: behind, time };
}

interface Ages {
  /** At each publication instant of the last task at which something stands. */
  readonly at: readonly number[];
  /** Of each value, just before the next or at the end. */
  readonly last: readonly { readonly ageNs: number; readonly timeNs: number }[];
}

/** How old what stands behind a chain's commands became; a publication from the run's end on never came to stand. */
function agesOf(ledger: Ledger, from: number, tasks: readonly number[], endNs: number): Ages {
  const last = tasks[tasks.length - 1]!;
  const { letNs } = ledger.application.table.tasks[last]!;
  const task = ledger.tasks[last]!;
  const at: number[] = [];
  const oldest: { ageNs: number; timeNs: number }[] = [];
  let sampleNs: number | undefined;
  for (const job of task.jobs) {
    const timeNs = task.release.at(job) + letNs;
    if (Number.isNaN(timeNs) || timeNs >= endNs || task.outcome(job) === "open") continue;
    if (task.outcome(job) === "done") {
      if (sampleNs !== undefined) oldest.push({ ageNs: timeNs - sampleNs, timeNs });
      // Job n publishes number n + 1.
      sampleNs = sampleBehind(ledger, from, tasks, job + 1)?.time;
    }
    if (sampleNs !== undefined) at.push(timeNs - sampleNs);
  }
  if (sampleNs !== undefined) oldest.push({ ageNs: endNs - sampleNs, timeNs: endNs });
  return { at, last: oldest };
}

/** The chains' reports. */
export function chainReports(
  ledger: Ledger,
  found: readonly (readonly Reaction[])[],
  durationNs: number,
): ChainReport[] {
  const { chains, table } = ledger.application;
  return chains.map(({ name, from, tasks, budgetNs, maxAgeNs = null }, id) => {
    const latencies = found[id]!.map(({ latencyNs }) => latencyNs);
    const ages = agesOf(ledger, from, tasks, durationNs);
    const oldest = ages.last.reduce<Ages["last"][number] | null>(
      (most, each) => (most === null || each.ageNs > most.ageNs ? each : most),
      null,
    );
    const onArrival = table.tasks[tasks.at(-1)!]!.trigger.kind === "arrival";
    const judged = onArrival ? ages.last.map(({ ageNs }) => ageNs) : ages.at;
    return {
      name,
      path: [table.channels[from]!.name, ...tasks.map((task) => table.tasks[task]!.name)],
      budgetNs,
      latency: percentiles(latencies),
      overBudget: latencies.length === 0 ? "not measured" : latencies.filter((each) => each > budgetNs).length,
      maxAgeNs,
      age: percentiles(ages.at),
      oldest,
      overAge:
        maxAgeNs === null
          ? null
          : judged.length === 0
            ? "not measured"
            : judged.filter((each) => each > maxAgeNs).length,
    };
  });
}
