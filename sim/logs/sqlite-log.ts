// rosbag2's SQLite bags (`.db3`), which ROS 2 Humble records unless told otherwise.
import { statSync } from "node:fs";
import { z } from "zod";
import { callNative, IsochronError, loadRuntime } from "../../kernels/index.ts";
import { inflateMessage } from "./inflate.ts";
import { damaged, type Log, type LogMessage, type MessageQuery, noStamp } from "./log.ts";
import { inOrderOfTime, spanOf } from "./order.ts";
import { type StampReader, stampReader } from "./schema.ts";
import { findTopic, joinTopics, type LogTopic } from "./topics.ts";

interface BagTopic {
  readonly id: number;
  readonly name: string;
  readonly type: string;
  readonly encoding: string;
  readonly definitionEncoding: string;
  readonly definition: string;
  readonly count: number;
  readonly firstNs: bigint;
  readonly lastNs: bigint;
}

interface BagMessage {
  readonly id: number;
  readonly topic: number;
  readonly timeNs: bigint;
  readonly bytes: Buffer;
}

interface BagQuery {
  readonly topics: readonly number[];
  readonly afterNs: bigint;
  readonly afterId: number;
  readonly toNs: bigint;
  readonly byTime: boolean;
}

/** The native reader of a bag. */
export interface Bag {
  topics(): BagTopic[];
  hasTimeIndex(): boolean;
  messages(query: BagQuery): BagMessage[];
}

const shape = z.object({
  Bag: z.custom<{ open(path: string, immutable: boolean): Bag }>((value) => typeof value === "function"),
});

const least = -(2n ** 63n);
const most = 2n ** 63n - 1n;

/**
 * Opens a database. One without a journal beside it is read as it lies, so that its folder need not be writable; what a recorder
 * that was killed left in a journal counts.
 */
export function openBag(path: string): Bag {
  const left = ["-wal", "-journal"].some(
    (suffix) => (statSync(path + suffix, { throwIfNoEntry: false })?.size ?? 0) > 0,
  );
  return callNative(() => shape.parse(loadRuntime()).Bag.open(path, !left));
}

/** What a database that is open holds. Throws `log/damaged`, `log/foreign`. */
export function sqliteLog(path: string, open: () => Bag): Log {
  const bag = onBag(path, open);
  const rows = onBag(path, () => bag.topics());
  const topics = rows.map(
    (row): LogTopic => ({
      topic: row.name,
      type: row.type,
      encoding: row.encoding,
      schemaEncoding: row.definitionEncoding,
      schemaText: row.definition,
      count: row.count,
    }),
  );
  return new SqliteLog(
    path,
    bag,
    rows,
    joinTopics(topics),
    onBag(path, () => bag.hasTimeIndex()),
  );
}

/** Calls the native reader; what it says is wrong is wrong with the file. */
function onBag<T>(path: string, body: () => T): T {
  try {
    return callNative(body);
  } catch (cause) {
    if (!(cause instanceof IsochronError)) throw cause;
    if (cause.code === "log/damaged") throw damaged(path, cause.message, cause);
    if (cause.code !== "log/foreign") throw cause;
    throw new IsochronError("log/foreign", `${path} is not a bag: ${cause.message}`, {
      help: "name a .db3 file that ros2 bag recorded",
      cause,
    });
  }
}

class SqliteLog implements Log {
  readonly path: string;
  readonly topics: readonly LogTopic[];
  readonly messageCount: number;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly library = "rosbag2 as SQLite";
  readonly compressions: readonly string[] = [];
  readonly #bag: Bag;
  readonly #rows: ReadonlyMap<number, BagTopic>;
  readonly #hasTimeIndex: boolean;

  constructor(path: string, bag: Bag, rows: readonly BagTopic[], topics: readonly LogTopic[], hasTimeIndex: boolean) {
    this.path = path;
    this.#bag = bag;
    this.#rows = new Map(rows.map((row) => [row.id, row]));
    this.topics = topics;
    this.#hasTimeIndex = hasTimeIndex;
    const used = rows.filter(({ count }) => count > 0);
    this.messageCount = used.reduce((sum, { count }) => sum + count, 0);
    [this.startNs, this.endNs] = spanOf(used.map(({ firstNs: startNs, lastNs: endNs }) => ({ startNs, endNs })));
  }

  topic(name: string): LogTopic {
    return findTopic(this.path, this.topics, name);
  }

  messages(query: MessageQuery): AsyncGenerator<LogMessage> {
    const topics = query.topics ?? [...new Set(this.topics.map(({ topic }) => topic))];
    if (query.by === "header") {
      const stamps = new Map(topics.map((topic) => [topic, stampReader(this.topic(topic))]));
      return inOrderOfTime(this.path, () => this.#read(topics, false, {}, stamps), query, undefined);
    }
    for (const topic of query.topics ?? []) this.topic(topic);
    if (this.#hasTimeIndex) return this.#read(topics, true, query, undefined);
    return inOrderOfTime(this.path, () => this.#read(topics, false, {}, undefined), query, undefined);
  }

  /** In the order of their times, or of their ids, which is that of writing. */
  async *#read(
    topics: readonly string[],
    byTime: boolean,
    { from = least, to = most }: Pick<MessageQuery, "from" | "to">,
    stamps: ReadonlyMap<string, StampReader> | undefined,
  ): AsyncGenerator<LogMessage> {
    const ids = [...this.#rows.values()].filter(({ name }) => topics.includes(name)).map(({ id }) => id);
    let [afterNs, afterId] = [from, Number.MIN_SAFE_INTEGER];
    for (;;) {
      const found = onBag(this.path, () => this.#bag.messages({ topics: ids, afterNs, afterId, toNs: to, byTime }));
      for (const { id, topic: row, timeNs: logNs, bytes: written } of found) {
        const { name: topic, encoding } = this.#rows.get(row)!;
        const bytes = inflateMessage(encoding, written);
        const timeNs = stamps ? stamps.get(topic)?.(bytes) : logNs;
        if (timeNs === undefined) throw noStamp(this.path, topic, id);
        // The recorder kept one time.
        yield { topic, timeNs, logNs, publishNs: logNs, sequence: id, bytes };
      }
      const last = found.at(-1);
      if (!last) return;
      // A damaged index gives rows that lie elsewhere than it says: what does not lead on would be read for ever.
      const isBehind = byTime && last.timeNs !== afterNs ? last.timeNs > afterNs : last.id > afterId;
      if (!isBehind) throw damaged(this.path, "its messages are not in the order that its index tells");
      [afterNs, afterId] = [last.timeNs, last.id];
    }
  }
}
