// How old what a chain acts on can be: from the time of a sample to the publication of what derives from it.
import { IsochronError } from "../kernels/index.ts";
import type { Chain } from "./analysis.ts";
import { formatApart, formatDuration } from "./duration.ts";
import { paceOf } from "./pace.ts";
import type { ScheduleTable } from "./schedule-table.ts";

/**
 * How old a sample can be when the last task of a chain publishes what derives from it, while no job overruns and no arrival
 * is dropped.
 *
 * A task on arrival of what it reads publishes at once; any other task may read the same sample until the next one comes.
 * How often samples come from outside is not known before the run: with one at least every T, the age is at most
 * `withoutGapsNs` + `samplings` · T.
 */
export interface AgeBound {
  /** No sample can be younger. */
  readonly leastNs: number;
  readonly withoutGapsNs: number;
  /** Tasks of the chain that read what comes at the pace of an input. */
  readonly samplings: number;
  /** The bound, where it depends on the pace of no input; null where it does. */
  readonly boundNs: number | null;
  /** The longest time between two samples of the chain's input with which `maxAge` holds; null where it does not hang on that alone. */
  readonly longestGapNs: number | null;
}

/** What helps against data that is too old: what no trigger can mend needs other deadlines. */
function ageHelp(leastNs: number, maxAgeNs: number, waits: boolean): string {
  if (leastNs >= maxAgeNs)
    return `it is ${formatDuration(leastNs)} old in any case, by its deadlines: allow more than that, or shorten them`;
  return waits
    ? "allow more than that, shorten deadlines and periods, or release tasks on arrival of what they read"
    : "allow more than that, or shorten deadlines";
}

/** The bound; refuses a `maxAge` that cannot hold. Throws `schedule/chain-age`. */
export function ageBound(table: ScheduleTable, chain: Chain): AgeBound {
  const { name = "?", latencyNs = 0 } = table.channels[chain.from] ?? {};
  const lines = latencyNs > 0 ? [`${name.padEnd(8)} decoding ${formatDuration(latencyNs)}`] : [];
  let [leastNs, withoutGapsNs, samplings, ofOthers] = [latencyNs, latencyNs, 0, false];
  let previous = chain.from;
  for (const id of chain.tasks) {
    const { name: task, trigger, letNs, output } = table.tasks[id]!;
    const waits: string[] = [];
    const pace = paceOf(table, previous);
    if (trigger.kind === "arrival" && trigger.channel === previous) {
      if (trigger.early === "defer") {
        withoutGapsNs += trigger.minIntervalNs;
        waits.push(`deferral ${formatDuration(trigger.minIntervalNs)}`);
      }
    } else if (typeof pace === "number") {
      withoutGapsNs += pace;
      waits.push(`sampling ${formatDuration(pace)}`);
    } else {
      samplings++;
      ofOthers ||= pace.external !== chain.from;
      waits.push(`the time between two samples of ${table.channels[pace.external]?.name}`);
    }
    leastNs += letNs;
    withoutGapsNs += letNs;
    lines.push(`${task.padEnd(8)} ${[...waits, `deadline ${formatDuration(letNs)}`].join(" + ")}`);
    previous = output;
  }
  const boundNs = samplings === 0 ? withoutGapsNs : null;
  const { maxAgeNs } = chain;
  if (maxAgeNs !== undefined && (boundNs === null ? withoutGapsNs >= maxAgeNs : boundNs > maxAgeNs)) {
    const [age, allowed] = formatApart(withoutGapsNs, maxAgeNs);
    const oldest = `${age} old${boundNs === null ? " and more" : ""}`;
    throw new IsochronError(
      "schedule/chain-age",
      `chain "${chain.name}" can act on what is ${oldest}, its maxAge is ${allowed}`,
      {
        details: lines,
        help: ageHelp(leastNs, maxAgeNs, withoutGapsNs > leastNs || samplings > 0),
        ...(chain.place === undefined ? {} : { place: chain.place }),
      },
    );
  }
  const depends = maxAgeNs !== undefined && samplings > 0 && !ofOthers;
  return {
    leastNs,
    withoutGapsNs,
    samplings,
    boundNs,
    longestGapNs: depends ? (maxAgeNs - withoutGapsNs) / samplings : null,
  };
}
