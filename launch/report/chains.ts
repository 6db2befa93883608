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
    for (let sequence = 1; sequence < commands.length; sequence++) {
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

/** The chains' reports. */
export function chainReports(ledger: Ledger, found: readonly (readonly Reaction[])[]): ChainReport[] {
  const { chains, table } = ledger.application;
  return chains.map(({ name, from, tasks, budgetNs }, id) => {
    const latencies = found[id]!.map(({ latencyNs }) => latencyNs);
    return {
      name,
      path: [table.channels[from]!.name, ...tasks.map((task) => table.tasks[task]!.name)],
      budgetNs,
      latency: percentiles(latencies),
      overBudget: latencies.length === 0 ? "not measured" : latencies.filter((each) => each > budgetNs).length,
    };
  });
}
