// What an MCAP file holds: by the index at its end where that is whole and fits itself, by reading all of it otherwise.
import type { FileHandle } from "node:fs/promises";
import type { McapIndexedReader, McapTypes } from "@mcap/core";
import { McapFile } from "../mcap-file.ts";
import { damaged, type LogFacts } from "./log.ts";
import { openIndexed } from "./open-indexed.ts";
import { scan } from "./records.ts";
import { joinTopics, type LogTopic } from "./topics.ts";

/** What is known of a file before its messages are read. */
export interface Outline extends LogFacts {
  /** Messages can be had by the index; if not, whether they are written in the order of their log times. */
  readonly access: { readonly kind: "index" } | { readonly kind: "scan"; readonly inOrder: boolean };
}

type Channel = McapTypes.TypedMcapRecords["Channel"];
type Schema = McapTypes.TypedMcapRecords["Schema"];
type ChunkIndex = McapTypes.TypedMcapRecords["ChunkIndex"];

const topicOf = (channel: Channel, schema: Schema | undefined, count: number): LogTopic => ({
  topic: channel.topic,
  type: schema?.name ?? "",
  encoding: channel.messageEncoding,
  schemaEncoding: schema?.encoding ?? "",
  schemaText: new TextDecoder().decode(schema?.data ?? new Uint8Array()),
  count,
});

/** The outline of a file. Throws `log/damaged`. */
export const outlineOf = async (path: string, file: FileHandle): Promise<Outline> =>
  (await byIndex(file)) ?? (await byScan(path, file));

/** Counts of messages by channel, and the times that they lie between. */
interface Tally {
  readonly counts: Map<number, bigint>;
  first: bigint | undefined;
  last: bigint | undefined;
}

/** The outline by the summary at the file's end; undefined where there is none that says everything and fits the index. */
async function byIndex(file: FileHandle): Promise<Outline | undefined> {
  let reader: McapIndexedReader;
  let tally: Tally | undefined;
  try {
    reader = await openIndexed(file);
    if (!isComplete(reader)) return undefined;
    tally = await tallyOf(new McapFile(file), reader.chunkIndexes);
  } catch {
    return undefined;
  }
  const { statistics, channelsById, schemasById, chunkIndexes } = reader;
  const stated = statistics!.channelMessageCounts;
  // Times that the statistics have otherwise are theirs to be wrong in; a count that is higher may mean messages outside of the index.
  const fits =
    tally !== undefined &&
    [...channelsById.keys()].every((id) => (stated.get(id) ?? 0n) === (tally.counts.get(id) ?? 0n));
  if (!fits) return undefined;
  const { counts, first = 0n, last = 0n } = tally!;
  return {
    topics: joinTopics(
      [...channelsById.values()].map((channel) =>
        topicOf(channel, schemasById.get(channel.schemaId), Number(counts.get(channel.id) ?? 0n)),
      ),
    ),
    messageCount: Number(statistics!.messageCount),
    startNs: first,
    endNs: last,
    library: reader.header.library,
    compressions: [...new Set(chunkIndexes.map(({ compression }) => compression || "none"))],
    access: { kind: "index" },
  };
}

/** Whether a summary has all its parts: a writer may leave out any, and messages may lie outside of chunks. */
function isComplete({ statistics, channelsById, schemasById, chunkIndexes }: McapIndexedReader): boolean {
  if (!statistics) return false;
  const counts = statistics.channelMessageCounts;
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0n);
  const channels = [...channelsById.values()];
  return (
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
    )
  );
}

const messageIndex = 7;
const headBytes = 9;
const entryBytes = 16;

/** The messages that the chunks' indexes list; undefined where a chunk's index and what it lists do not fit each other. */
async function tallyOf(file: McapFile, chunks: readonly ChunkIndex[]): Promise<Tally | undefined> {
  const all: Tally = { counts: new Map(), first: undefined, last: undefined };
  for (const chunk of chunks) {
    const { chunkStartOffset, chunkLength, messageIndexLength, messageIndexOffsets } = chunk;
    const bytes = await file.read(chunkStartOffset + chunkLength, messageIndexLength);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const own: Tally = { counts: new Map(), first: undefined, last: undefined };
    for (let at = 0; at < bytes.length; ) {
      const end = at + headBytes + Number(view.getBigUint64(at + 1, true));
      const channel = view.getUint16(at + headBytes, true);
      const length = view.getUint32(at + headBytes + 2, true);
      const entries = at + headBytes + 6;
      const isWhole = view.getUint8(at) === messageIndex && entries + length <= end && length % entryBytes === 0;
      if (!isWhole || messageIndexOffsets.get(channel) !== chunkStartOffset + chunkLength + BigInt(at))
        return undefined;
      add(own, channel, view, entries, length);
      at = end;
    }
    if (own.counts.size !== messageIndexOffsets.size) return undefined;
    const { first = 0n, last = 0n } = own;
    if (own.first !== undefined && (first !== chunk.messageStartTime || last !== chunk.messageEndTime))
      return undefined;
    for (const [channel, count] of own.counts) all.counts.set(channel, (all.counts.get(channel) ?? 0n) + count);
    if (own.first !== undefined) {
      if (all.first === undefined || first < all.first) all.first = first;
      if (all.last === undefined || last > all.last) all.last = last;
    }
  }
  return all;
}

/** Adds the entries of one channel's index: a time and an offset each. */
function add(tally: Tally, channel: number, view: DataView, start: number, length: number): void {
  tally.counts.set(channel, BigInt(length / entryBytes));
  for (let at = start; at < start + length; at += entryBytes) {
    const time = view.getBigUint64(at, true);
    if (tally.first === undefined || time < tally.first) tally.first = time;
    if (tally.last === undefined || time > tally.last) tally.last = time;
  }
}

/** The outline by reading the file once from its beginning. */
async function byScan(path: string, file: FileHandle): Promise<Outline> {
  const schemas = new Map<number, Schema>();
  const rows = new Map<number, { row: LogTopic; count: number }>();
  let [messageCount, startNs, endNs, before, inOrder] = [0, 0n, 0n, 0n, true];
  const records = scan(file);
  for (;;) {
    const { done, value } = await records.next();
    if (done) {
      if (value?.damaged) throw damaged(path, value.why);
      return {
        topics: joinTopics([...rows.values()].map(({ row, count }) => ({ ...row, count }))),
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
