// MCAP files, whole or cut, and their messages in order.
import { type FileHandle, open } from "node:fs/promises";
import type { McapTypes } from "@mcap/core";
import { fileError } from "../../kernels/index.ts";
import { inflateMessage } from "./inflate.ts";
import { damaged, type Log, type LogMessage, type MessageQuery, noStamp, type Recovery } from "./log.ts";
import { type Outline, outlineOf } from "./mcap-outline.ts";
import { openIndexed } from "./open-indexed.ts";
import { inOrderOfTime } from "./order.ts";
import { type Cut, type ScannedRecord, scan } from "./records.ts";
import { type StampReader, stampReader } from "./schema.ts";
import { findTopic, type LogTopic } from "./topics.ts";

/** Where a log's bytes lie, and what it is called. */
export interface LogFile {
  /** For people. */
  readonly path: string;
  /** What is opened: another file where what lies at the path is compressed. */
  readonly content: string;
}

/** Calls `body` with the file open. */
async function* withFile<T>(
  { path, content }: LogFile,
  body: (file: FileHandle) => AsyncGenerator<T>,
): AsyncGenerator<T> {
  let file: FileHandle;
  try {
    file = await open(content);
  } catch (cause) {
    throw fileError("read", path, cause);
  }
  try {
    yield* body(file);
  } finally {
    await file.close();
  }
}

/** Opens an MCAP file and reads what it holds. Throws `file/read`, `log/damaged`. */
export async function openMcap(where: LogFile): Promise<Log> {
  const outlines = withFile(where, async function* (file) {
    yield await outlineOf(where.path, file);
  });
  for await (const outline of outlines) return new McapLog(where, outline);
  throw new Error("unreachable");
}

class McapLog implements Log {
  readonly path: string;
  readonly topics: readonly LogTopic[];
  readonly messageCount: number;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly recovered?: Recovery;
  readonly library: string;
  readonly compressions: readonly string[];
  readonly #where: LogFile;
  readonly #access: Outline["access"];

  constructor(where: LogFile, { access, recovered, ...facts }: Outline) {
    this.#where = where;
    this.#access = access;
    this.path = where.path;
    this.topics = facts.topics;
    this.messageCount = facts.messageCount;
    this.startNs = facts.startNs;
    this.endNs = facts.endNs;
    this.library = facts.library;
    this.compressions = facts.compressions;
    if (recovered) this.recovered = recovered;
  }

  topic(name: string): LogTopic {
    return findTopic(this.path, this.topics, name);
  }

  messages(query: MessageQuery): AsyncGenerator<LogMessage> {
    const topics = query.topics ?? [...new Set(this.topics.map(({ topic }) => topic))];
    if (query.by === "header") {
      const stamps = new Map(topics.map((topic) => [topic, stampReader(this.topic(topic))]));
      return inOrderOfTime(this.path, () => this.#inFileOrder(topics, stamps), query, undefined);
    }
    for (const topic of query.topics ?? []) this.topic(topic);
    if (this.#access.kind === "index") return this.#indexed(topics, query);
    return inOrderOfTime(this.path, () => this.#inFileOrder(topics, undefined), query, this.#access.inOrder);
  }

  /** By the log times in the index. */
  async *#indexed(topics: readonly string[], { from, to }: MessageQuery): AsyncGenerator<LogMessage> {
    const { path } = this;
    const all = withFile(this.#where, async function* (file): AsyncGenerator<LogMessage> {
      try {
        const reader = await openIndexed(file);
        const times = {
          ...(from === undefined ? {} : { startTime: from }),
          ...(to === undefined ? {} : { endTime: to }),
        };
        for await (const message of reader.readMessages({ topics, ...times })) {
          const { topic, messageEncoding } = reader.channelsById.get(message.channelId)!;
          yield messageOf(topic, { ...message, data: inflateMessage(messageEncoding, message.data) }, message.logTime);
        }
      } catch (cause) {
        throw damaged(path, cause instanceof Error ? cause.message : String(cause), cause);
      }
    });
    let count = 0;
    for await (const message of all) {
      count++;
      yield message;
    }
    const expected = this.topics.filter(({ topic }) => topics.includes(topic)).reduce((sum, row) => sum + row.count, 0);
    if (from === undefined && to === undefined && count !== expected) {
      throw damaged(path, `its summary counts ${expected} messages where its index leads to ${count}`);
    }
  }

  /** In the order in which they were written, each at its log time or its stamp. */
  async *#inFileOrder(
    topics: readonly string[],
    stamps: ReadonlyMap<string, StampReader> | undefined,
  ): AsyncGenerator<LogMessage> {
    const wanted = new Set(topics);
    const channels = new Map<number, McapTypes.TypedMcapRecords["Channel"]>();
    const { path, recovered } = this;
    yield* withFile(this.#where, async function* (file): AsyncGenerator<LogMessage> {
      const records: AsyncGenerator<ScannedRecord, Cut | undefined> = scan(file);
      for (;;) {
        const { done, value } = await records.next();
        if (done) {
          // What was cut when the log was opened is known; what is found only now is damage.
          if (value && value.at !== recovered?.at) throw damaged(path, value.why);
          return;
        }
        if (value.type === "Channel") channels.set(value.id, value);
        if (value.type !== "Message") continue;
        const { topic, messageEncoding } = channels.get(value.channelId)!;
        if (!wanted.has(topic)) continue;
        const data = inflateMessage(messageEncoding, value.data);
        const time = stamps ? stamps.get(topic)?.(data) : value.logTime;
        if (time === undefined) throw noStamp(path, topic, value.sequence);
        yield messageOf(topic, { ...value, data }, time);
      }
    });
  }
}

const messageOf = (topic: string, message: McapTypes.TypedMcapRecords["Message"], timeNs: bigint): LogMessage => ({
  topic,
  timeNs,
  logNs: message.logTime,
  publishNs: message.publishTime,
  sequence: message.sequence,
  bytes: message.data,
});
