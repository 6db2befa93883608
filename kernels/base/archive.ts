// ZIP archives with stored, aligned entries in a fixed order: the same content gives the same bytes.
import { writeSync } from "node:fs";
import { crc32 } from "node:zlib";
import { unzipSync } from "fflate";
import { IsochronError } from "./error.ts";

const align = 64;
const localHeader = { signature: 0x04034b50, bytes: 30 };
const directoryEntry = { signature: 0x02014b50, bytes: 46 };
const endOfDirectory = { signature: 0x06054b50, bytes: 22 };
const extraHeaderBytes = 4;
/** A private extra field, whose content is padding. */
const alignmentField = 0x4953;
/** The earliest date that ZIP can say, 1980-01-01. */
const fixedDate = (1 << 5) | 1;
const versionNeeded = 20;
/** Names are in UTF-8. */
const unicode = 0x0800;

/** The most bytes that an archive can have: its offsets are numbers of 32 bits. */
export const mostArchiveBytes = 2 ** 32 - 1;

/** An entry whose bytes are made when they are written. */
export interface ArchiveEntry {
  readonly name: string;
  readonly size: number;
  /** The bytes, one piece after the other: each is written before the next is asked for. */
  readonly pieces: () => Iterable<Uint8Array>;
}

/** Where an archive goes, in memory or in a file: takes bytes that stand from an offset on. */
export type ArchiveTarget = (offset: number, bytes: Uint8Array) => void;

interface Placed extends ArchiveEntry {
  readonly encoded: Uint8Array;
  readonly header: number;
  readonly padding: number;
  readonly start: number;
}

/** Where the entries lie, each one's data at a multiple of 64 bytes, and the directory behind them. */
function layOut(entries: readonly ArchiveEntry[]) {
  let offset = 0;
  const placed = entries.map((entry): Placed => {
    const encoded = new TextEncoder().encode(entry.name);
    const least = offset + localHeader.bytes + encoded.length + extraHeaderBytes;
    const padding = (align - (least % align)) % align;
    const found = { ...entry, encoded, header: offset, padding, start: least + padding };
    offset = found.start + entry.size;
    return found;
  });
  const directory = placed.reduce(
    (sum, { encoded, padding }) => sum + directoryEntry.bytes + encoded.length + extraHeaderBytes + padding,
    0,
  );
  return { placed, start: offset, directory, bytes: offset + directory + endOfDirectory.bytes };
}

/** The size of the archive of these entries. */
export const archiveBytes = (entries: readonly ArchiveEntry[]): number => layOut(entries).bytes;

/** What stands in an entry's header and in the directory alike, from the version on. */
function describe(view: DataView, at: number, { name, encoded, padding, size }: Placed, crc: number): void {
  const fields = [versionNeeded, name.length === encoded.length ? 0 : unicode, 0, 0, fixedDate];
  for (const [n, field] of fields.entries()) view.setUint16(at + 2 * n, field, true);
  for (const [n, field] of [crc, size, size].entries()) view.setUint32(at + 10 + 4 * n, field, true);
  view.setUint16(at + 22, encoded.length, true);
  view.setUint16(at + 24, extraHeaderBytes + padding, true);
}

/** The name and the padding, which stand behind both. */
function nameAndPadding(bytes: Uint8Array, at: number, { encoded, padding }: Placed): void {
  bytes.set(encoded, at);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  view.setUint16(at + encoded.length, alignmentField, true);
  view.setUint16(at + encoded.length + 2, padding, true);
}

/**
 * Writes an archive of entries, uncompressed, each one's data at a multiple of 64 bytes.
 *
 * They are made from the last to the first, so that the first may say something of all others. Throws `file/size` for an
 * archive of more than `mostArchiveBytes`, before any is made.
 */
export function putArchive(entries: readonly ArchiveEntry[], put: ArchiveTarget): void {
  const { placed, start, directory, bytes } = layOut(entries);
  if (bytes > mostArchiveBytes)
    throw new IsochronError("file/size", `a file of ${bytes} bytes is larger than an archive can be`, {
      help: `it may have ${mostArchiveBytes}`,
    });
  const sums = placed.toReversed().map((entry) => {
    let crc = 0;
    let at = entry.start;
    for (const piece of entry.pieces()) {
      // Of no bytes Node gives 0 where their buffer has no memory, whatever the sum is so far.
      if (piece.length === 0) continue;
      crc = crc32(piece, crc);
      put(at, piece);
      at += piece.length;
    }
    const header = new Uint8Array(entry.start - entry.header);
    const view = new DataView(header.buffer);
    view.setUint32(0, localHeader.signature, true);
    describe(view, 4, entry, crc);
    nameAndPadding(header, localHeader.bytes, entry);
    put(entry.header, header);
    return crc;
  });
  const end = new Uint8Array(directory + endOfDirectory.bytes);
  const view = new DataView(end.buffer);
  let at = 0;
  placed.forEach((entry, n) => {
    view.setUint32(at, directoryEntry.signature, true);
    view.setUint16(at + 4, versionNeeded, true);
    describe(view, at + 6, entry, sums[placed.length - 1 - n]!);
    view.setUint32(at + 42, entry.header, true);
    nameAndPadding(end, at + directoryEntry.bytes, entry);
    at += directoryEntry.bytes + entry.encoded.length + extraHeaderBytes + entry.padding;
  });
  view.setUint32(at, endOfDirectory.signature, true);
  view.setUint16(at + 8, placed.length, true);
  view.setUint16(at + 10, placed.length, true);
  view.setUint32(at + 12, directory, true);
  view.setUint32(at + 16, start, true);
  put(start, end);
}

/** The archive of entries in memory. */
export function archiveOf(entries: readonly ArchiveEntry[]): Uint8Array {
  const bytes = new Uint8Array(archiveBytes(entries));
  putArchive(entries, (offset, piece) => bytes.set(piece, offset));
  return bytes;
}

/** The most bytes that one call writes to a file. */
const mostWritten = 2 ** 30;

/** An open file as the place of an archive. */
export const archiveFile =
  (file: number): ArchiveTarget =>
  (offset, bytes) => {
    for (let at = 0; at < bytes.length; )
      at += writeSync(file, bytes, at, Math.min(mostWritten, bytes.length - at), offset + at);
  };

/** Writes entries, uncompressed, each one's data at a multiple of 64 bytes. */
export const writeArchive = (entries: readonly (readonly [name: string, data: Uint8Array])[]): Uint8Array =>
  archiveOf(entries.map(([name, data]) => ({ name, size: data.length, pieces: () => [data] })));

/** Whether a file begins as an archive whose first entry has this name and, as JSON, this `format`. */
export const beginsAsArchive =
  (entry: string, format: string) =>
  (start: Uint8Array): boolean => {
    const text = Buffer.from(start).toString("latin1");
    return (
      text.startsWith("PK\x03\x04") &&
      text.startsWith(entry, localHeader.bytes) &&
      new RegExp(`\\{\\s*"format":\\s*"${format}"`).test(text)
    );
  };

/** An entry as the directory has it; of one that is compressed, without its data. */
interface Listed {
  readonly name: string;
  readonly crc: number;
  /** Where it lies in the archive. */
  readonly data: Uint8Array | undefined;
}

/** The entries of an archive in the order of its directory; undefined where the directory ends that is none. */
function* listed(bytes: Uint8Array): Generator<Listed | undefined> {
  // Throws for what is no archive; nothing is unpacked.
  readArchive(bytes, () => false);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let end = bytes.length - endOfDirectory.bytes;
  while (end > 0 && view.getUint32(end, true) !== endOfDirectory.signature) end--;
  for (let at = view.getUint32(end + 16, true); at + directoryEntry.bytes <= end; ) {
    if (view.getUint32(at, true) !== directoryEntry.signature) return yield undefined;
    const [name, extra, comment] = [28, 30, 32].map((field) => view.getUint16(at + field, true));
    const start = at + directoryEntry.bytes;
    yield {
      name: new TextDecoder().decode(bytes.subarray(start, start + name!)),
      crc: view.getUint32(at + 16, true),
      data: view.getUint16(at + 10, true) === 0 ? dataOf(bytes, view, at) : undefined,
    };
    at = start + name! + extra! + comment!;
  }
}

/** The data of a stored entry of the directory. */
function dataOf(bytes: Uint8Array, view: DataView, entry: number): Uint8Array | undefined {
  const size = view.getUint32(entry + 20, true);
  const header = view.getUint32(entry + 42, true);
  if (header + localHeader.bytes > bytes.length) return undefined;
  const start = header + localHeader.bytes + view.getUint16(header + 26, true) + view.getUint16(header + 28, true);
  return bytes.subarray(start, start + size);
}

/** Names of the entries whose data is not what was written, by the checksums in the archive's directory. */
export function changedEntries(bytes: Uint8Array): readonly string[] {
  return [...listed(bytes)].flatMap((entry) => {
    if (!entry) return ["the directory"];
    const { name, crc } = entry;
    const data = entry.data ?? readArchive(bytes, (each) => each === name)[name];
    return data && crc32(data) === crc ? [] : [name];
  });
}

/** The data of the entries that are stored as they are, where it lies in the archive. */
export const storedEntries = (bytes: Uint8Array): Readonly<Record<string, Uint8Array>> =>
  Object.fromEntries([...listed(bytes)].flatMap((entry) => (entry?.data ? [[entry.name, entry.data] as const] : [])));

/** Reads the entries of an archive, all unless some are asked for; throws what fflate throws for anything else. */
export const readArchive = (
  bytes: Uint8Array,
  wanted: (name: string) => boolean = () => true,
): Readonly<Record<string, Uint8Array>> => unzipSync(bytes, { filter: ({ name }) => wanted(name) });
