// Live runs: the times of messages that federates bring late, and how late they came.
import { responseTimes, type ScheduleTable } from "../scheduler/index.ts";

/** How late the messages of a live run's world, log and pipelines came. */
export interface Lateness {
  /** Messages that came in grants. */
  readonly messages: number;
  /** Those that came too late for their own time, and got a later one. */
  readonly late: number;
  /** The latest of all. */
  readonly worstNs: number;
  /** The first that came too late: when it was due. */
  readonly firstNs: number | null;
  /** Steps of the world that were due and never made. */
  readonly missedSteps: number;
}

/**
 * Says under which time a message is admitted: its own, so that a sender that is granted late, or several steps at once,
 * keeps the intervals that it means. No further back than half of what the tasks that the message releases have to spare
 * (deadline less response time), so that the sender's lateness alone makes no job late.
 */
export class Punctuality {
  readonly now: () => number;
  readonly #spareNs: readonly number[];
  #messages = 0;
  #late = 0;
  #worstNs = 0;
  #firstNs: number | null = null;
  #missedSteps = 0;

  constructor(table: ScheduleTable, now: () => number) {
    this.now = now;
    const responses = responseTimes(table);
    this.#spareNs = table.channels.map((_, channel) =>
      Math.min(
        ...table.tasks.map(({ trigger, letNs }, task) =>
          trigger.kind === "arrival" && trigger.channel === channel ? (letNs - responses[task]!) / 2 : Infinity,
        ),
      ),
    );
  }

  /** The time under which a message of `timeNs` is admitted now. */
  admitted(channel: number, timeNs: number): number {
    const now = this.now();
    this.#messages++;
    this.#worstNs = Math.max(this.#worstNs, now - timeNs);
    const earliest = Math.ceil(now - this.#spareNs[channel]!);
    if (timeNs >= earliest) return timeNs;
    this.#late++;
    this.#firstNs ??= timeNs;
    return earliest;
  }

  missSteps(count: number): void {
    this.#missedSteps += count;
  }

  get lateness(): Lateness {
    return {
      messages: this.#messages,
      late: this.#late,
      worstNs: this.#worstNs,
      firstNs: this.#firstNs,
      missedSteps: this.#missedSteps,
    };
  }
}
