// Topics: how many messages, how fast, how evenly, and how many were dropped.
import type { Column } from "./column.ts";
import type { Ledger } from "./ledger.ts";
import { type Measured, percentiles } from "./percentiles.ts";

/** A topic, or a channel inside the application. */
export interface TopicReport {
  readonly topic: string;
  readonly direction: "input" | "internal" | "output";
  /** The message type; null inside the application. */
  readonly type: string | null;
  readonly messages: number;
  readonly bytes: number;
  /** Mean rate between the first and the last message; null below two messages. */
  readonly rateHz: number | null;
  /** Time between neighbours. */
  readonly intervalNs: { readonly min: number; readonly p50: number; readonly max: number } | null;
  /** Arrivals that released nothing, over all tasks that this topic triggers; null where a topic triggers none. */
  readonly dropped: number | null;
  /** Messages that became no sample, with the reasons; null where nothing is decoded. */
  readonly rejected: number | null;
  readonly rejections: readonly { readonly reason: string; readonly count: number; readonly firstNs: number }[];
  /** From arrival to the sample, where a thread of its own decodes; null where none does. */
  readonly decoding: Measured | null;
}

/** Reasons that a report lists for each topic. */
const reasonsAtMost = 20;
const noDecoding = { rejected: null, rejections: [], decoding: null } as const;

/** Inputs, then what tasks publish inside, then outputs. */
export function topicReports(ledger: Ledger, clock: "real" | "logical"): TopicReport[] {
  const { table, inputs, outputs, publications } = ledger.application;
  const droppedOn = (channel: number): number | null => {
    const triggered = table.tasks.flatMap(({ trigger }, task) =>
      trigger.kind === "arrival" && trigger.channel === channel ? [ledger.tasks[task]!.early.count] : [],
    );
    return triggered.length === 0 ? null : triggered.reduce((sum, each) => sum + each, 0);
  };
  const fromChannel = (channel: number) => {
    const { arrivals, bytes } = ledger.channels[channel]!;
    return { ...rateOf(arrivals), bytes, dropped: droppedOn(channel) };
  };
  const intakeOf = (channel: number): Pick<TopicReport, "rejected" | "rejections" | "decoding"> => {
    const { arrivals, decoded, rejected, rejections } = ledger.channels[channel]!;
    const times = Array.from({ length: decoded.length - decoded.first }, (_, at) => {
      const sequence = decoded.first + at;
      return decoded.at(sequence) - arrivals.at(sequence);
    });
    return {
      rejected: rejected.count,
      rejections: rejections.slice(0, reasonsAtMost).map(({ reason, count, firstNs }) => ({ reason, count, firstNs })),
      decoding:
        table.channels[channel]!.latencyNs === undefined
          ? null
          : clock === "logical"
            ? "not measured"
            : percentiles(times.filter((each) => !Number.isNaN(each))),
    };
  };
  return [
    ...inputs.map(({ topic, type, channel }) => ({
      topic,
      direction: "input" as const,
      type,
      ...fromChannel(channel),
      ...intakeOf(channel),
    })),
    ...table.tasks.map(({ name, output }) => ({
      topic: name,
      direction: "internal" as const,
      type: null,
      ...fromChannel(output),
      ...noDecoding,
    })),
    ...outputs.map(({ topic, type }, id) => {
      const { times, bytes } = ledger.messages[id]!;
      return { topic, direction: "output" as const, type, ...rateOf(times), bytes, dropped: null, ...noDecoding };
    }),
    ...publications.map(({ topic, type }, id) => {
      const { times, bytes } = ledger.sent[id]!;
      return { topic, direction: "output" as const, type, ...rateOf(times), bytes, dropped: null, ...noDecoding };
    }),
  ];
}

function rateOf(column: Column): Pick<TopicReport, "messages" | "rateHz" | "intervalNs"> {
  const times = column.values().sort();
  const { count: messages } = column;
  if (times.length < 2) return { messages, rateHz: null, intervalNs: null };
  const intervals = Float64Array.from({ length: times.length - 1 }, (_, at) => times[at + 1]! - times[at]!).sort();
  const span = times[times.length - 1]! - times[0]!;
  return {
    messages,
    rateHz: span > 0 ? ((times.length - 1) * 1e9) / span : null,
    intervalNs: {
      min: intervals[0]!,
      p50: intervals[Math.ceil(intervals.length / 2) - 1]!,
      max: intervals[intervals.length - 1]!,
    },
  };
}
