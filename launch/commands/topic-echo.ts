// `isochron topic echo`: the messages of one topic with their times, as text, JSON lines or CSV, whole or by chosen fields.
import { IsochronError } from "../../kernels/index.ts";
import { parseDuration } from "../../scheduler/index.ts";
import { type Log, type LogMessage, messageDecoder } from "../../sim/index.ts";
import type { Terminal } from "../terminal.ts";
import { csvRow, flattened } from "./csv.ts";
import { selectFields } from "./select-fields.ts";
import { jsonValue, showValue } from "./show-message.ts";
import { openedLog } from "./topic.ts";

/** Options of `isochron topic echo`. */
export interface TopicEchoOptions {
  /** One JSON object a line: `topic`, `sequence`, `logTimeNs`, `publishTimeNs` and `message`, or `error`. */
  readonly json?: boolean;
  /** A line of column names, then one a message. */
  readonly csv?: boolean;
  /** Paths of the fields to show, such as `header.stamp` or `position[2]`; all where none is given. */
  readonly field: readonly string[];
  readonly count?: number;
  /** Durations since the log's first message. */
  readonly from?: string;
  readonly to?: string;
  /** Order and limits by the messages' own stamps. */
  readonly header?: boolean;
}

/** The command: exits 1 where a message could not be decoded; the others are shown all the same. */
export async function topicEchoCommand(
  path: string,
  topicName: string,
  options: TopicEchoOptions,
  terminal: Terminal,
): Promise<number> {
  if (options.csv && options.json) {
    throw new IsochronError("command/format", "--csv and --json ask for two formats", { help: "give one of them" });
  }
  const log = await openedLog(path, terminal);
  const decode = decoderOf(log, topicName, options, terminal);
  const time = (text: string | undefined) =>
    text === undefined ? undefined : log.startNs + BigInt(parseDuration(text));
  const [from, to] = [time(options.from), time(options.to)];
  const messages = log.messages({
    topics: [topicName],
    by: options.header ? "header" : "log",
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  });
  const show = options.json ? jsonLines(terminal) : options.csv ? csvLines(terminal) : texts(log, terminal);
  let left = options.count ?? Number.POSITIVE_INFINITY;
  let bad = 0;
  for await (const message of messages) {
    if (left-- <= 0 || terminal.signal.aborted) break;
    let value: unknown;
    try {
      value = decode(message);
    } catch (error) {
      // One message that is none hides no other.
      if (!(error instanceof IsochronError) || error.code !== "log/message") throw error;
      show.bad(message, error);
      bad++;
      continue;
    }
    show.message(message, selectFields(value, options.field, topicName));
  }
  return bad > 0 ? 1 : 0;
}

/** What shows messages in one format. */
interface Show {
  message(message: LogMessage, value: unknown): void;
  bad(message: LogMessage, error: IsochronError): void;
}

/** Whether fields are asked for, or bytes are shown where there is no definition to decode them by. */
function decoderOf(
  log: Log,
  topicName: string,
  { field }: TopicEchoOptions,
  terminal: Terminal,
): (message: LogMessage) => unknown {
  try {
    return messageDecoder(log.topic(topicName));
  } catch (error) {
    if (!(error instanceof IsochronError) || error.code !== "log/schema" || field.length > 0) throw error;
    terminal.error(`${topicName} is shown as bytes: ${error.message}`);
    return (message) => ({ bytes: message.bytes });
  }
}

const times = ({ logNs, publishNs }: LogMessage) => ({ logTimeNs: String(logNs), publishTimeNs: String(publishNs) });

const jsonLines = (terminal: Terminal): Show => {
  const line = (message: LogMessage, content: object) => {
    const { topic, sequence } = message;
    terminal.out(JSON.stringify({ topic, sequence, ...times(message), ...content }));
  };
  return {
    message: (message, value) => line(message, { message: jsonValue(value) }),
    bad: (message, { code, message: text, details }) => line(message, { error: { code, message: text, details } }),
  };
};

/** Seconds since the log's beginning, and the date of the log's time. */
function texts(log: Log, terminal: Terminal): Show {
  const seconds = (ns: bigint): string => (Number(ns - log.startNs) / 1e9).toFixed(6);
  const heading = ({ timeNs, logNs, publishNs, sequence, bytes }: LogMessage): string => {
    const chosen = timeNs === logNs ? "" : `stamp ${seconds(timeNs)} s, `;
    return `── ${chosen}log ${seconds(logNs)} s, published ${seconds(publishNs)} s, sequence ${sequence}, ${bytes.length} bytes`;
  };
  return {
    message: (message, value) => terminal.out(`${heading(message)}\n${showValue(value)}`),
    bad: (message, { message: text, details }) =>
      terminal.out(`${heading(message)}\n! ${[text, ...details].join("\n  ")}`),
  };
}

/** The columns are those of the first message. */
function csvLines(terminal: Terminal): Show {
  let columns: readonly string[] | undefined;
  return {
    message(message, value) {
      const cells = flattened(value);
      if (!columns) {
        columns = [...cells.keys()];
        terminal.out(csvRow(["logTimeNs", "publishTimeNs", "sequence", ...columns]));
      }
      const known = columns;
      const others = [...cells.keys()].filter((name) => !known.includes(name));
      if (others.length > 0)
        terminal.error(`message ${message.sequence} has fields without a column: ${others.join(", ")}`);
      const { logTimeNs, publishTimeNs } = times(message);
      const own = known.map((name) => cells.get(name) ?? "");
      terminal.out(csvRow([logTimeNs, publishTimeNs, String(message.sequence), ...own]));
    },
    bad: (message, error) =>
      terminal.error(`log time ${message.logNs} ns: ${[error.message, ...error.details].join("; ")}`),
  };
}
