// A log as a federate: the messages of the topics that an application takes, at their logical times.
import { IsochronError } from "../kernels/index.ts";
import { type ApplicationDescription, definitionsIn } from "./application.ts";
import type { FeedMessage } from "./federation.ts";
import { Transforms } from "./frames.ts";
import { expectType, type Log } from "./logs/index.ts";

/** A log that feeds an application. */
export interface LogFeed {
  /** Messages in the order of their times, the first at 0. */
  readonly messages: AsyncIterator<FeedMessage>;
  /** How many the log has on the application's topics. */
  readonly count: number;
  /** Logical time of the last. */
  readonly durationNs: number;
  /** The log's time of logical 0, nanoseconds since 1970. */
  readonly epochNs: bigint;
}

/**
 * The messages for an application's inputs; `by` chooses which time counts, `isFed` tells inputs that something else feeds.
 *
 * Throws `log/missing-topic`, `log/type`, `log/definition`, `log/no-header`, `log/span`.
 */
export async function feedFrom(
  log: Log,
  application: ApplicationDescription,
  by: "log" | "header",
  isFed: (topic: string) => boolean,
): Promise<LogFeed> {
  const definitions = definitionsIn(application);
  const transforms = new Transforms(application);
  const has = (topic: string) => log.topics.some((each) => each.topic === topic);
  const inputs = application.inputs.filter(({ topic }) => !isFed(topic));
  // Transforms are in a recording as they were found, and in other logs what they are found by.
  const lacking = inputs.filter(({ topic }) => transforms.carries(topic) && !has(topic));
  const frames = lacking.length === 0 ? [] : transforms.topics;
  const found = frames.some(({ topic }) => has(topic)) ? frames.filter(({ topic }) => has(topic)) : frames;
  const taken = inputs.filter((each) => !lacking.includes(each));
  const topics = [...taken, ...found.filter(({ topic }) => !taken.some((each) => each.topic === topic))];
  const rows = topics.map(({ topic, type }) => {
    const row = log.topic(topic);
    expectType(row, type, definitions);
    return row;
  });
  const names = topics.map(({ topic }) => topic);
  const [first, last] = await timeSpan(log, names, by);
  if (last - first > Number.MAX_SAFE_INTEGER) throw tooLong(log, first, last, by);
  return {
    count: rows.reduce((sum, row) => sum + row.count, 0),
    durationNs: Number(last - first),
    epochNs: first,
    messages: logicalTimes(log, names, by, first),
  };
}

/** Mostly it is one message whose time was never set that lies so far from the others. */
const tooLong = (log: Log, first: bigint, last: bigint, by: "log" | "header"): IsochronError => {
  const date = (ns: bigint) => new Date(Number(ns / 1_000_000n)).toISOString();
  const what = by === "log" ? "log times" : "header stamps";
  return new IsochronError("log/span", `the ${what} in ${log.path} span more than the 104 days that a run can last`, {
    details: [`from ${date(first)} to ${date(last)}`],
    help: by === "log" ? "cut what lies apart: mcap filter --start, --end" : "go by the times of logging: --stamp log",
  });
};

/** First and last time on some topics; by log time all of the log counts, so that topics keep their distance. */
async function timeSpan(log: Log, topics: readonly string[], by: "log" | "header"): Promise<[bigint, bigint]> {
  if (by === "log") return [log.startNs, log.endNs];
  let span: [bigint, bigint] | undefined;
  for await (const { timeNs } of log.messages({ topics, by })) span = [span?.[0] ?? timeNs, timeNs];
  return span ?? [0n, 0n];
}

async function* logicalTimes(
  log: Log,
  topics: readonly string[],
  by: "log" | "header",
  first: bigint,
): AsyncGenerator<FeedMessage> {
  if (topics.length === 0) return;
  for await (const { topic, timeNs, bytes } of log.messages({ topics, by }))
    yield { topic, timeNs: Number(timeNs - first), bytes };
}
