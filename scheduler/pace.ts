// How often samples come on a channel, as far as the schedule alone tells.
import type { ScheduleTable, TaskRow } from "./schedule-table.ts";

/** The longest time between two samples of a channel, nanoseconds; or the external channel at whose pace they come. */
export type Pace = number | { readonly external: number };

/**
 * The pace of a channel, while no job overruns and no arrival is dropped: a periodic task publishes every period, one on
 * arrival as often as its trigger comes.
 */
export function paceOf(table: ScheduleTable, channel: number): Pace {
  let at = channel;
  // Tasks that release each other in a circle are refused elsewhere.
  for (let steps = 0; steps <= table.tasks.length; steps++) {
    const source = table.channels[at]?.source;
    if (source?.kind !== "task") break;
    const { trigger } = table.tasks[source.task]!;
    if (trigger.kind === "periodic") return trigger.periodNs;
    at = trigger.channel;
  }
  return { external: at };
}

/**
 * The longest that a task lets pass without a release, from the run's start too, while no job overruns and no arrival is
 * dropped; undefined where that is for an input to say.
 */
export function longestWaitOf(table: ScheduleTable, task: TaskRow): number | undefined {
  let { trigger } = task;
  /** From the release of the task that the others follow to this one's. */
  let behindNs = 0;
  // Tasks that release each other in a circle are refused elsewhere.
  for (let steps = 0; steps <= table.tasks.length; steps++) {
    if (trigger.kind === "periodic") return Math.max(trigger.periodNs, trigger.phaseNs + behindNs);
    const source = table.channels[trigger.channel]?.source;
    if (source?.kind !== "task") break;
    const producer = table.tasks[source.task]!;
    behindNs += producer.letNs;
    trigger = producer.trigger;
  }
  return undefined;
}
