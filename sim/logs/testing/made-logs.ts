// Small MCAP logs in every form that recorders write, for tests.
import { rmSync, writeFileSync } from "node:fs";
import { MessageWriter } from "@foxglove/rosmsg2-serialization";
import zstd from "@foxglove/wasm-zstd";
import { type IWritable, McapWriter, type McapWriterOptions } from "@mcap/core";
import { definitionsOf, schemaText } from "../../../nodes/index.ts";

/** A message to be written. */
export interface MadeMessage {
  readonly topic: string;
  readonly timeNs: bigint;
  readonly sequence: number;
  readonly bytes: Uint8Array;
}

/** An MCAP file in memory. */
class Memory implements IWritable {
  #parts: Uint8Array[] = [];
  #length = 0n;
  position = () => this.#length;
  write(bytes: Uint8Array): Promise<void> {
    this.#parts.push(Uint8Array.from(bytes));
    this.#length += BigInt(bytes.length);
    return Promise.resolve();
  }
  bytes = (): Uint8Array => Buffer.concat(this.#parts);
}

/** An LZ4 frame that holds its bytes as they are: blocks of 64 KiB, no checksums. */
function lz4Frame(bytes: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [Uint8Array.of(0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82)];
  for (let at = 0; at < bytes.length; at += 65536) {
    const block = bytes.subarray(at, at + 65536);
    const size = Buffer.alloc(4);
    // The highest bit says that the block is stored.
    size.writeUInt32LE((block.length | 0x80000000) >>> 0);
    parts.push(size, block);
  }
  return Buffer.concat([...parts, Buffer.alloc(4)]);
}

type Form = Omit<McapWriterOptions, "writable">;
const chunked: Form = { useChunks: true, chunkSize: 300 };

/** Every form: how chunks are compressed, whether there are any, what of the index is left out. */
export const forms: { readonly [name: string]: Form } = {
  "chunks as they are": chunked,
  "chunks compressed by lz4": {
    ...chunked,
    compressChunk: (bytes) => ({ compression: "lz4", compressedData: lz4Frame(bytes) }),
  },
  "chunks compressed by zstd": {
    ...chunked,
    compressChunk: (bytes) => ({ compression: "zstd", compressedData: Uint8Array.from(zstd.compress(bytes)) }),
  },
  "no chunks": { useChunks: false },
  "chunks without message indexes": { ...chunked, useMessageIndex: false },
  "chunks without chunk indexes": { ...chunked, useChunkIndex: false },
  "chunks without statistics": { ...chunked, useStatistics: false },
  "chunks without repeated channels": { ...chunked, repeatChannels: false, repeatSchemas: false },
  "no summary at all": {
    ...chunked,
    useStatistics: false,
    useSummaryOffsets: false,
    repeatChannels: false,
    repeatSchemas: false,
    useMessageIndex: false,
    useChunkIndex: false,
  },
};

/** The bytes of a log with these messages, in this order. */
export async function madeLog(
  messages: readonly MadeMessage[],
  form: Form,
  types: { readonly [topic: string]: string },
): Promise<Uint8Array> {
  await zstd.isLoaded;
  const memory = new Memory();
  const writer = new McapWriter({ writable: memory, ...form });
  await writer.start({ profile: "ros2", library: "isochron tests" });
  const channels = new Map<string, number>();
  for (const [topic, type] of Object.entries(types)) {
    const json = type === "json";
    const data = new TextEncoder().encode(json ? "{}" : schemaText(type));
    const schemaId = await writer.registerSchema({ name: type, encoding: json ? "jsonschema" : "ros2msg", data });
    const messageEncoding = json ? "json" : "cdr";
    channels.set(topic, await writer.registerChannel({ topic, schemaId, messageEncoding, metadata: new Map() }));
  }
  for (const { topic, timeNs, sequence, bytes } of messages) {
    const channelId = channels.get(topic)!;
    await writer.addMessage({ channelId, sequence, logTime: timeNs, publishTime: timeNs, data: bytes });
  }
  await writer.end();
  return memory.bytes();
}

/** A sensor_msgs/msg/TimeReference, which is small and begins with a header. */
export function stamped(stampNs: bigint, source: string, littleEndian = true): Uint8Array {
  const writer = new MessageWriter(definitionsOf("sensor_msgs/msg/TimeReference"));
  const time = { sec: Number(stampNs / 1_000_000_000n), nanosec: Number(stampNs % 1_000_000_000n) };
  const bytes = writer.writeMessage({ header: { stamp: time, frame_id: "" }, time_ref: time, source });
  if (littleEndian) return bytes;
  const swapped = Uint8Array.from(bytes);
  swapped[1] = 0;
  new DataView(swapped.buffer).setInt32(4, time.sec);
  new DataView(swapped.buffer).setUint32(8, time.nanosec);
  return swapped;
}

/** Writes a log; its path. */
export function saved(path: string, bytes: Uint8Array): string {
  // A file that is emptied and written again is flushed to the disk by ext4; a new one is not.
  rmSync(path, { force: true });
  writeFileSync(path, bytes);
  return path;
}
