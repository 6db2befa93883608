// Walks an MCAP file's records from its beginning, without index or summary, as far as they can be read.
import type { FileHandle } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { McapStreamReader, type McapTypes } from "@mcap/core";
import { chunkInflaters } from "./inflate.ts";
import { magic } from "./kinds.ts";

/** What the walk yields: in the order in which it was written. */
export type ScannedRecord =
  | McapTypes.TypedMcapRecords["Schema"]
  | McapTypes.TypedMcapRecords["Channel"]
  | McapTypes.TypedMcapRecords["Message"];

/** What else a recording of ours holds. */
export type CarriedRecord = McapTypes.TypedMcapRecords["Attachment"] | McapTypes.TypedMcapRecords["Metadata"];

/** A record, and the byte of the file at which it begins; undefined in a compressed chunk. */
export interface Placed<T> {
  readonly record: T;
  readonly at: number | undefined;
}

/** Where and why the readable part of a file ends before the file says so. */
export interface Cut {
  /** Bytes of the file that are whole. */
  readonly at: number;
  readonly why: string;
  /** The file is whole, but not what its recorder wrote: nothing of it can be relied on. */
  readonly damaged?: true;
  /** All data are there: only what comes after them is not. */
  readonly allData?: true;
}

const opcode = {
  header: 1,
  footer: 2,
  schema: 3,
  channel: 4,
  message: 5,
  chunk: 6,
  attachment: 9,
  metadata: 12,
  dataEnd: 15,
} as const;
const names: { readonly [code: number]: string } = {
  1: "header",
  2: "footer",
  3: "schema",
  4: "channel",
  5: "message",
  6: "chunk",
  7: "message index",
  8: "chunk index",
  9: "attachment",
  10: "attachment index",
  11: "statistics",
  12: "metadata",
  13: "metadata index",
  14: "summary offset",
  15: "end of data",
};
const headBytes = 9;

/** What one chunk may inflate to: a claim beyond it is damage, not data. */
const mostChunkBytes = 1n << 30n;

/** Reads a file forwards through one buffer. */
class Window {
  readonly #file: FileHandle;
  readonly size: number;
  #start = 0;
  #bytes: Uint8Array = new Uint8Array();

  constructor(file: FileHandle, size: number) {
    this.#file = file;
    this.size = size;
  }

  /** Bytes of the file, valid until the next call; the range must lie inside. */
  async bytes(offset: number, length: number): Promise<Uint8Array> {
    const inside = offset - this.#start;
    if (inside >= 0 && inside + length <= this.#bytes.length) return this.#bytes.subarray(inside, inside + length);
    const wanted = Math.min(Math.max(length, 1 << 20), this.size - offset);
    const buffer = new Uint8Array(wanted);
    let filled = 0;
    while (filled < wanted) {
      const { bytesRead } = await this.#file.read(buffer, filled, wanted - filled, offset + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    if (filled < length) throw new Error(`the file became shorter while it was read (at byte ${offset + filled})`);
    this.#start = offset;
    this.#bytes = buffer.subarray(0, filled);
    return this.#bytes.subarray(0, length);
  }

  /** Goes on with a checksum over a range of any length. */
  async checksum(offset: number, length: number, before: number): Promise<number> {
    let sum = before;
    for (let at = 0; at < length; at += 1 << 20) {
      sum = crc32(await this.bytes(offset + at, Math.min(1 << 20, length - at)), sum);
    }
    return sum;
  }
}

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Where the records in a chunk begin, if they are not compressed and the cut left that much. */
async function insideChunk(window: Window, at: number): Promise<number | undefined> {
  // After the head: start, end and size (u64 each), CRC (u32), compression (string), length of records (u64).
  const compression = at + headBytes + 28;
  if (compression + 12 > window.size) return undefined;
  const length = view(await window.bytes(compression, 4)).getUint32(0, true);
  return length === 0 ? compression + 12 : undefined;
}

/** Where a whole chunk's schemas, channels and messages begin in it; none where it is compressed. */
function placesInChunk(chunk: Uint8Array): number[] {
  const bytes = view(chunk);
  const compression = headBytes + 28;
  const places: number[] = [];
  if (chunk.length < compression + 12 || bytes.getUint32(compression, true) > 0) return places;
  for (let at = compression + 12; at + headBytes <= chunk.length; ) {
    const code = bytes.getUint8(at);
    if (code === opcode.schema || code === opcode.channel || code === opcode.message) places.push(at);
    at += headBytes + Number(bytes.getBigUint64(at + 1, true));
  }
  return places;
}

/** The length of a record's body, and whether the file holds all of it. */
interface Head {
  readonly code: number;
  readonly length: number;
  readonly whole: boolean;
}

async function headAt(window: Window, at: number): Promise<Head | undefined> {
  if (at + headBytes > window.size) return undefined;
  const head = view(await window.bytes(at, headBytes));
  const length = head.getBigUint64(1, true);
  const whole = length <= BigInt(window.size - at - headBytes);
  return { code: head.getUint8(0), length: Number(length), whole };
}

const message = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/**
 * Yields schemas, channels and messages of an MCAP file in the order of the file; returns where it had to stop before the
 * file's own end, if it had to. Chunks are checked by their CRC before anything in them is yielded; of a chunk that is cut
 * and not compressed, the whole records are. What the recorder's checksum over all data says is found out at the end.
 *
 * Memory: the largest record, a chunk with what it inflates to.
 */
export async function* scan(file: FileHandle): AsyncGenerator<ScannedRecord, Cut | undefined> {
  const records = scanAll(file, false);
  for (;;) {
    const { done, value } = await records.next();
    if (done) return value;
    const { record } = value;
    if (record.type !== "Attachment" && record.type !== "Metadata") yield record;
  }
}

/** The same with attachments and metadata, which count as little as what is not known where they are not `carried`. */
export async function* scanAll(
  file: FileHandle,
  carried: boolean,
): AsyncGenerator<Placed<ScannedRecord | CarriedRecord>, Cut | undefined> {
  const window = new Window(file, (await file.stat()).size);
  const seen = { unchecked: false };
  const cut = yield* walk(window, seen, carried);
  // A file that ends as its recorder ends it was not cut, but changed: what no checksum covers cannot be relied on.
  return cut && seen.unchecked && (await isFinished(window)) ? { ...cut, damaged: true } : cut;
}

/** Whether the file ends as a recorder ends it. */
async function isFinished(window: Window): Promise<boolean> {
  if (window.size < magic.length) return false;
  const last = await window.bytes(window.size - magic.length, magic.length);
  return magic.every((byte, index) => last[index] === byte);
}

/** The walk itself; `seen.unchecked` tells that messages lay outside of chunks, where nothing checks their bytes. */
async function* walk(
  window: Window,
  seen: { unchecked: boolean },
  carried: boolean,
): AsyncGenerator<Placed<ScannedRecord | CarriedRecord>, Cut | undefined> {
  const reader = new McapStreamReader({ decompressHandlers: chunkInflaters, noMagicPrefix: true });
  let at = magic.length;
  let inChunk = false;
  let checksum = crc32(magic);
  // Outside of chunks nothing checks a message's bytes, and a disk that was full or lost power leaves zeros where they were
  // to be: a message is whole once something else than zeros follows.
  let held: Placed<ScannedRecord> | undefined;
  for (;;) {
    const head = await headAt(window, at);
    const rest = window.size - at;
    if (head?.code === 0) {
      const lost = held === undefined ? "" : "; the message before them may not be whole";
      return { at, why: `there are zeros where a record should begin${lost}` };
    }
    if (held) yield held;
    held = undefined;
    if (!head) {
      const why =
        rest === 0 ? "the file stops without an end-of-data record" : "the file stops at the start of a record";
      return { at, why };
    }
    const { code, length, whole } = head;
    const name = names[code] ?? `record of kind ${code}`;
    if (inChunk && code !== opcode.schema && code !== opcode.channel && code !== opcode.message) {
      return { at, why: `there is a ${name} record inside a chunk` };
    }
    if (!whole) {
      const inner = code === opcode.chunk ? await insideChunk(window, at) : undefined;
      if (inner !== undefined) {
        at = inner;
        inChunk = true;
        continue;
      }
      return {
        at,
        why: `the file stops inside a ${name} record: ${rest - headBytes} of its ${length} bytes are there`,
      };
    }
    const end = at + headBytes + length;
    switch (code) {
      case opcode.footer:
        return { at, why: "there is no end-of-data record before the footer" };
      case opcode.dataEnd: {
        const stated = length >= 4 ? view(await window.bytes(at + headBytes, 4)).getUint32(0, true) : 0;
        const finished = await isFinished(window);
        if (stated !== 0 && stated !== checksum) {
          // In a file that was cut here, the checksum itself may be what is not whole.
          const why = "its data are not what its checksum was made of";
          return finished ? { at, why, damaged: true } : { at, why };
        }
        if (finished) return undefined;
        return { at: end, why: "all data are there, but the index after them is not whole", allData: true };
      }
      case opcode.header:
      case opcode.schema:
      case opcode.channel:
      case opcode.message:
      case opcode.chunk:
      case opcode.attachment:
      case opcode.metadata:
        if (!carried && (code === opcode.attachment || code === opcode.metadata)) break;
        try {
          if (code === opcode.chunk) {
            const size = length < 24 ? 0n : view(await window.bytes(at + headBytes + 16, 8)).getBigUint64(0, true);
            if (size > mostChunkBytes) throw new Error(`a chunk says that it inflates to ${size} bytes`);
          }
          const bytes = await window.bytes(at, headBytes + length);
          const places = code === opcode.chunk ? placesInChunk(bytes) : [0];
          let read = 0;
          reader.append(bytes);
          for (let record = reader.nextRecord(); record; record = reader.nextRecord()) {
            const { type } = record;
            if (type === "Attachment" || type === "Metadata") yield { record, at };
            if (type !== "Schema" && type !== "Channel" && type !== "Message") continue;
            const place = places[read++];
            const placed = { record, at: place === undefined ? undefined : at + place };
            if (code === opcode.message) {
              seen.unchecked = true;
              held = placed;
            } else yield placed;
          }
        } catch (error) {
          return { at, why: `the ${name} record at byte ${at} is damaged: ${message(error)}` };
        }
        break;
      default:
        // Indexes, attachments and metadata are not needed here; kinds that are not known are to be skipped.
        break;
    }
    checksum = await window.checksum(at, headBytes + length, checksum);
    at = end;
  }
}
