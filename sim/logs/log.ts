// Opens MCAP logs made by others, whole or cut, and delivers their messages in order.
import { type FileHandle, open } from "node:fs/promises";
import type { McapIndexedReader, McapTypes } from "@mcap/core";
import { fileError, IsochronError } from "../../kernels/index.ts";
import { openIndexed } from "./decompress.ts";
import { checkKind } from "./kinds.ts";
import { type Cut, type ScannedRecord, scan } from "./records.ts";
import { type StampReader, stampReader, type TopicSchema } from "./schema.ts";

/** A topic of a log. */
export interface LogTopic extends TopicSchema {
  /** Messages on it. */
  readonly count: number;
}

/** A message as it was logged. */
export interface LogMessage {
  readonly topic: string;
  /** The time that was chosen: the log's, or the stamp in the message's header. */
  readonly timeNs: bigint;
  readonly logNs: bigint;
  /** When it was published, as its publisher or recorder says. */
  readonly publishNs: bigint;
  readonly sequence: number;
  readonly bytes: Uint8Array;
}

/** How a log was recovered that its recorder did not finish, or that was cut. */
export interface Recovery extends Cut {
  /** Messages that could be read. */
  readonly messages: number;
}

/** Which messages, and in the order of which time. */
export interface MessageQuery {
  /** All where not given. */
  readonly topics?: readonly string[];
  /** The first and last time that count, both inclusive, of the chosen kind. */
  readonly from?: bigint;
  readonly to?: bigint;
  /** When the message was logged, or what its header says. */
  readonly by: "log" | "header";
}

/** What messages that are not in order may take in memory, to be sorted. */
export const mostSortedBytes = 2 ** 30;

/** An MCAP log. */
export interface Log {
  readonly path: string;
  readonly topics: readonly LogTopic[];
  readonly messageCount: number;
  /** First and last log time; both 0 where there is no message. */
  readonly startNs: bigint;
  readonly endNs: bigint;
  /** Set where the file is not whole: what could be read is delivered. */
  readonly recovered?: Recovery;
  /** The program that wrote it. */
  readonly library: string;
  /** Compressions of its chunks; empty where it has no index or no chunks. */
  readonly compressions: readonly string[];

  /**
   * Messages in the order of their time, those of equal time in the order in which they were written.
   *
   * Memory: the chunks that overlap in time; where the file has no index, or the header's stamps count, and messages are
   * not in order already, all chosen messages (`log/too-large` beyond `mostSortedBytes`). Throws `log/missing-topic`,
   * `log/no-header`, `log/damaged`.
   */
  messages(query: MessageQuery): AsyncIterableIterator<LogMessage>;

  /** A topic by its name. Throws `log/missing-topic`, which lists those that are there. */
  topic(name: string): LogTopic;
}

const damaged = (path: string, why: string, cause?: unknown): IsochronError =>
  new IsochronError("log/damaged", `${path} is damaged: ${why}`, {
    help: "mcap recover FILE -o OTHER keeps what can be read",
    ...(cause === undefined ? {} : { cause }),
  });

/** Calls `body` with the file open. */
async function* withFile<T>(path: string, body: (file: FileHandle) => AsyncGenerator<T>): AsyncGenerator<T> {
  let file: FileHandle;
  try {
    file = await open(path);
  } catch (cause) {
    throw fileError("read", path, cause);
  }
  try {
    yield* body(file);
  } finally {
    await file.close();
  }
}

/** What is known of a log before its messages are read. */
interface Outline {
  readonly topics: readonly LogTopic[];
  readonly messageCount: number;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly library: string;
  readonly compressions: readonly string[];
  readonly recovered?: Recovery;
  /** Messages can be had by the index; if not, whether they are written in the order of their log times. */
  readonly access: { readonly kind: "index" } | { readonly kind: "scan"; readonly inOrder: boolean };
}

const topicOf = (
  channel: McapTypes.TypedMcapRecords["Channel"],
  schema: McapTypes.TypedMcapRecords["Schema"] | undefined,
  count: number,
): LogTopic => ({
  topic: channel.topic,
  type: schema?.name ?? "",
  encoding: channel.messageEncoding,
  schemaEncoding: schema?.encoding ?? "",
  schemaText: new TextDecoder().decode(schema?.data ?? new Uint8Array()),
  count,
});

/** One row for each topic and type: several publishers have a channel each. */
function joined(rows: readonly LogTopic[]): LogTopic[] {
  const all = new Map<string, LogTopic>();
  for (const row of rows) {
    const key = JSON.stringify([row.topic, row.type, row.encoding, row.schemaText]);
    all.set(key, { ...row, count: row.count + (all.get(key)?.count ?? 0) });
  }
  return [...all.values()].sort((a, b) => (a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : 0));
}

/** The outline by the summary at the file's end; undefined where there is none that says everything. */
async function byIndex(file: FileHandle): Promise<Outline | undefined> {
  let reader: McapIndexedReader;
  try {
    reader = await openIndexed(file);
  } catch {
    return undefined;
  }
  const { statistics, channelsById, schemasById, chunkIndexes } = reader;
  if (!statistics) return undefined;
  const counts = statistics.channelMessageCounts;
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0n);
  const channels = [...channelsById.values()];
  // A writer may leave out any part of the summary, and messages may lie outside of chunks; then the file itself counts.
  const complete =
    total === statistics.messageCount &&
    [...counts.keys()].every((id) => channelsById.has(id)) &&
    channels.length >= statistics.channelCount &&
    channels.every(({ schemaId }) => schemaId === 0 || schemasById.has(schemaId)) &&
    chunkIndexes.length === statistics.chunkCount &&
    (total === 0n || chunkIndexes.length > 0) &&
    chunkIndexes.every(
      (chunk, at) =>
        (chunk.messageIndexLength > 0n || (chunk.messageStartTime === 0n && chunk.messageEndTime === 0n)) &&
        // The reader breaks ties by the order of the indexes.
        (at === 0 || chunkIndexes[at - 1]!.chunkStartOffset < chunk.chunkStartOffset),
    );
  if (!complete) return undefined;
  return {
    topics: joined(
      channels.map((channel) =>
        topicOf(channel, schemasById.get(channel.schemaId), Number(counts.get(channel.id) ?? 0n)),
      ),
    ),
    messageCount: Number(total),
    startNs: total === 0n ? 0n : statistics.messageStartTime,
    endNs: total === 0n ? 0n : statistics.messageEndTime,
    library: reader.header.library,
    compressions: [...new Set(chunkIndexes.map(({ compression }) => compression || "none"))],
    access: { kind: "index" },
  };
}

/** The outline by reading the file once from its beginning. */
async function byScan(path: string, file: FileHandle): Promise<Outline> {
  const schemas = new Map<number, McapTypes.TypedMcapRecords["Schema"]>();
  const rows = new Map<number, { row: LogTopic; count: number }>();
  let [messageCount, startNs, endNs, before, inOrder] = [0, 0n, 0n, 0n, true];
  const records = scan(file);
  for (;;) {
    const { done, value } = await records.next();
    if (done) {
      if (value?.damaged) throw damaged(path, value.why);
      return {
        topics: joined([...rows.values()].map(({ row, count }) => ({ ...row, count }))),
        messageCount,
        startNs,
        endNs,
        library: "",
        compressions: [],
        ...(value === undefined ? {} : { recovered: { ...value, messages: messageCount } }),
        access: { kind: "scan", inOrder },
      };
    }
    if (value.type === "Schema") schemas.set(value.id, value);
    else if (value.type === "Channel") {
      if (!rows.has(value.id)) rows.set(value.id, { row: topicOf(value, schemas.get(value.schemaId), 0), count: 0 });
    } else {
      rows.get(value.channelId)!.count++;
      const { logTime } = value;
      if (messageCount === 0 || logTime < startNs) startNs = logTime;
      if (messageCount === 0 || logTime > endNs) endNs = logTime;
      inOrder &&= messageCount === 0 || logTime >= before;
      before = logTime;
      messageCount++;
    }
  }
}

/** Opens a log and reads what it holds. Throws `file/read`, `log/empty`, `log/truncated`, `log/foreign`, `log/damaged`. */
export async function openLog(path: string): Promise<Log> {
  const outlines = withFile(path, async function* (file) {
    const first = new Uint8Array(64);
    let length: number;
    try {
      ({ bytesRead: length } = await file.read(first, 0, first.length, 0));
    } catch (cause) {
      throw fileError("read", path, cause);
    }
    checkKind(path, first.subarray(0, length));
    yield (await byIndex(file)) ?? (await byScan(path, file));
  });
  for await (const outline of outlines) return new OpenedLog(path, outline);
  throw new Error("unreachable");
}

class OpenedLog implements Log {
  readonly path: string;
  readonly topics: readonly LogTopic[];
  readonly messageCount: number;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly recovered?: Recovery;
  readonly library: string;
  readonly compressions: readonly string[];
  readonly #access: Outline["access"];

  constructor(path: string, outline: Outline) {
    this.path = path;
    this.topics = outline.topics;
    this.messageCount = outline.messageCount;
    this.startNs = outline.startNs;
    this.endNs = outline.endNs;
    this.library = outline.library;
    this.compressions = outline.compressions;
    this.#access = outline.access;
    if (outline.recovered) this.recovered = outline.recovered;
  }

  topic(name: string): LogTopic {
    const [found, ...others] = this.topics.filter(({ topic }) => topic === name);
    if (!found) {
      const names = this.topics.map(({ topic, type, count }) => `${topic}  ${type}, ${count} messages`);
      throw new IsochronError("log/missing-topic", `${this.path} has no topic ${name}`, {
        details: names.length > 0 ? ["it has", ...names] : ["it has no topics"],
        help: "name one of its topics",
      });
    }
    if (others.length > 0) {
      throw new IsochronError("log/ambiguous-topic", `${name} has messages of several types in ${this.path}`, {
        details: [found, ...others].map(({ type, encoding }) => `${type} as ${encoding}`),
      });
    }
    return found;
  }

  messages(query: MessageQuery): AsyncGenerator<LogMessage> {
    const topics = query.topics ?? [...new Set(this.topics.map(({ topic }) => topic))];
    if (query.by === "header") {
      return this.#written(topics, query, new Map(topics.map((topic) => [topic, stampReader(this.topic(topic))])));
    }
    for (const topic of query.topics ?? []) this.topic(topic);
    return this.#access.kind === "index" ? this.#indexed(topics, query) : this.#written(topics, query, undefined);
  }

  /** By the log times in the index. */
  async *#indexed(topics: readonly string[], { from, to }: MessageQuery): AsyncGenerator<LogMessage> {
    const { path } = this;
    const all = withFile(path, async function* (file): AsyncGenerator<LogMessage> {
      try {
        const reader = await openIndexed(file);
        const times = {
          ...(from === undefined ? {} : { startTime: from }),
          ...(to === undefined ? {} : { endTime: to }),
        };
        for await (const message of reader.readMessages({ topics, ...times })) {
          const { topic } = reader.channelsById.get(message.channelId)!;
          yield messageOf(topic, message, message.logTime);
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

  /** By reading the file in the order in which it was written, sorted where that is not the order of the times. */
  async *#written(
    topics: readonly string[],
    { from, to }: MessageQuery,
    stamps: ReadonlyMap<string, StampReader> | undefined,
  ): AsyncGenerator<LogMessage> {
    const chosen = (timeNs: bigint) => (from === undefined || timeNs >= from) && (to === undefined || timeNs <= to);
    if (!(await this.#isInOrder(topics, stamps))) {
      const kept: LogMessage[] = [];
      let bytes = 0;
      for await (const message of this.#inFileOrder(topics, stamps)) {
        if (!chosen(message.timeNs)) continue;
        kept.push(message);
        bytes += message.bytes.length;
        if (bytes > mostSortedBytes) {
          throw new IsochronError("log/too-large", `${this.path} has too much out of order to be sorted in memory`, {
            details: [`more than ${mostSortedBytes / 2 ** 20} MiB of messages would have to be held`],
            help: "sort it once: mcap sort FILE -o OTHER; or take fewer topics or a shorter time",
          });
        }
      }
      // Sorting is stable, so that equal times keep the order of the file.
      kept.sort((a, b) => (a.timeNs < b.timeNs ? -1 : a.timeNs > b.timeNs ? 1 : 0));
      yield* kept;
      return;
    }
    for await (const message of this.#inFileOrder(topics, stamps)) {
      if (to !== undefined && message.timeNs > to) return;
      if (chosen(message.timeNs)) yield message;
    }
  }

  async #isInOrder(topics: readonly string[], stamps: ReadonlyMap<string, StampReader> | undefined): Promise<boolean> {
    if (!stamps) return this.#access.kind === "scan" && this.#access.inOrder;
    let before: bigint | undefined;
    for await (const { timeNs } of this.#inFileOrder(topics, stamps)) {
      if (before !== undefined && timeNs < before) return false;
      before = timeNs;
    }
    return true;
  }

  async *#inFileOrder(
    topics: readonly string[],
    stamps: ReadonlyMap<string, StampReader> | undefined,
  ): AsyncGenerator<LogMessage> {
    const wanted = new Set(topics);
    const names = new Map<number, string>();
    const { path, recovered } = this;
    yield* withFile(path, async function* (file): AsyncGenerator<LogMessage> {
      const records: AsyncGenerator<ScannedRecord, Cut | undefined> = scan(file);
      for (;;) {
        const { done, value } = await records.next();
        if (done) {
          // What was cut when the log was opened is known; what is found only now is damage.
          if (value && value.at !== recovered?.at) throw damaged(path, value.why);
          return;
        }
        if (value.type === "Channel") names.set(value.id, value.topic);
        if (value.type !== "Message") continue;
        const topic = names.get(value.channelId)!;
        if (!wanted.has(topic)) continue;
        const time = stamps ? stamps.get(topic)?.(value.data) : value.logTime;
        if (time === undefined) {
          throw damaged(path, `message ${value.sequence} on ${topic} is too short for a header, or not in plain CDR`);
        }
        yield messageOf(topic, value, time);
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
