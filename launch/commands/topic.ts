// `isochron topic list | hz`: what is in a log or a recording, and how often it comes.
import { formatDuration } from "../../scheduler/index.ts";
import { type Log, openLog } from "../../sim/index.ts";
import type { Terminal } from "../terminal.ts";

/** Options of `isochron topic list`. */
export interface TopicListOptions {
  readonly json?: boolean;
}

/** Options of `isochron topic hz`. */
export interface TopicHzOptions {
  readonly json?: boolean;
}

/** Opens a log, and says on standard error what is missing from it. */
export async function openedLog(path: string, terminal: Terminal): Promise<Log> {
  const log = await openLog(path);
  if (log.recovered) {
    const { at, why, messages } = log.recovered;
    terminal.error(`recovered: ${path} is whole up to byte ${at}, with ${messages} messages; ${why}`);
  }
  return log;
}

const table = (rows: readonly (readonly string[])[]): string => {
  const widths = rows[0]!.map((_, at) => Math.max(...rows.map((row) => row[at]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, at) => (/^[\d.]+$/.test(cell) ? cell.padStart(widths[at]!) : cell.padEnd(widths[at]!)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
};

/** A log in JSON. */
export const logFacts = (log: Log) => ({
  library: log.library,
  compressions: log.compressions,
  messages: log.messageCount,
  startNs: String(log.startNs),
  endNs: String(log.endNs),
  durationNs: Number(log.endNs - log.startNs),
  recovered: log.recovered ?? null,
  topics: log.topics.map(({ topic, type, encoding, schemaEncoding, count }) => ({
    topic,
    type,
    encoding,
    schemaEncoding,
    count,
  })),
});

/** A log as people read it. */
export function showLog(log: Log): string {
  const start = new Date(Number(log.startNs / 1_000_000n));
  const rows = log.topics.map(({ topic, type, encoding, count }) => [topic, type || "(no type)", encoding, `${count}`]);
  const by = log.library === "" ? "" : `, written by ${log.library}`;
  return [
    `log ${log.path}: ${log.messageCount} messages in ${formatDuration(Number(log.endNs - log.startNs))}${by}`,
    ...(log.messageCount > 0 ? [`  from ${start.toISOString()}`] : []),
    ...(log.compressions.length > 0 ? [`  chunks compressed by ${log.compressions.join(", ")}`] : []),
    table([["TOPIC", "TYPE", "ENCODING", "MESSAGES"], ...rows]),
  ].join("\n");
}

/** The command `topic list`. */
export async function topicListCommand(path: string, options: TopicListOptions, terminal: Terminal): Promise<number> {
  const log = await openedLog(path, terminal);
  terminal.out(options.json ? JSON.stringify(logFacts(log)) : showLog(log));
  return 0;
}

/** How often messages come on one topic. */
interface Rate {
  readonly topic: string;
  readonly count: number;
  /** Null for fewer than two messages. */
  readonly hz: number | null;
  readonly minNs: number | null;
  readonly maxNs: number | null;
  readonly deviationNs: number | null;
}

/** Counts the intervals of one topic. */
export class Intervals {
  #count = 0;
  #first = 0n;
  #last = 0n;
  #min = Number.POSITIVE_INFINITY;
  #max = 0;
  #mean = 0;
  #squares = 0;

  add(timeNs: bigint): void {
    if (this.#count++ === 0) this.#first = timeNs;
    else {
      const interval = Number(timeNs - this.#last);
      this.#min = Math.min(this.#min, interval);
      this.#max = Math.max(this.#max, interval);
      // Welford's recurrence: sums of squares would lose what nanoseconds differ by.
      const off = interval - this.#mean;
      this.#mean += off / (this.#count - 1);
      this.#squares += off * (interval - this.#mean);
    }
    this.#last = timeNs;
  }

  rate(topic: string): Rate {
    const count = this.#count;
    if (count < 2) return { topic, count, hz: null, minNs: null, maxNs: null, deviationNs: null };
    const lasted = Number(this.#last - this.#first);
    return {
      topic,
      count,
      hz: lasted > 0 ? ((count - 1) / lasted) * 1e9 : null,
      minNs: this.#min,
      maxNs: this.#max,
      deviationNs: Math.sqrt(this.#squares / (count - 1)),
    };
  }
}

/** The command `topic hz`: rates by log time, of one topic or all. */
export async function topicHzCommand(
  path: string,
  topicName: string | undefined,
  options: TopicHzOptions,
  terminal: Terminal,
): Promise<number> {
  const log = await openedLog(path, terminal);
  const names = topicName === undefined ? log.topics.map(({ topic }) => topic) : [log.topic(topicName).topic];
  const intervals = new Map([...new Set(names)].map((name) => [name, new Intervals()]));
  for await (const { topic, timeNs } of log.messages({ topics: [...intervals.keys()], by: "log" })) {
    if (terminal.signal.aborted) return 0;
    intervals.get(topic)!.add(timeNs);
  }
  const rates = [...intervals].map(([topic, each]) => each.rate(topic));
  if (options.json) {
    terminal.out(JSON.stringify({ topics: rates }));
    return 0;
  }
  const interval = (ns: number | null) => (ns === null ? "–" : formatDuration(Math.round(ns)));
  const rows = rates.map(({ topic, count, hz, minNs, maxNs, deviationNs }) => [
    topic,
    `${count}`,
    hz === null ? "–" : hz.toFixed(3),
    interval(minNs),
    interval(maxNs),
    interval(deviationNs),
  ]);
  terminal.out(table([["TOPIC", "MESSAGES", "HZ", "SHORTEST", "LONGEST", "DEVIATION"], ...rows]));
  return 0;
}
