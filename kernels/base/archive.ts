// ZIP archives with stored, aligned entries in a fixed order: the same content gives the same bytes.
import { crc32 } from "node:zlib";
import { unzipSync, type Zippable, zipSync } from "fflate";

const align = 64;
const localHeaderBytes = 30;
const extraHeaderBytes = 4;
/** A private extra field, whose content is padding. */
const alignmentField = 0x4953;
/** The earliest time that ZIP can say, 1980-01-01 in local time. */
const fixedTime = new Date(1980, 0, 1);

/** Writes entries, uncompressed, each one's data at a multiple of 64 bytes. */
export function writeArchive(entries: readonly (readonly [name: string, data: Uint8Array])[]): Uint8Array {
  const files: Zippable = {};
  let offset = 0;
  for (const [name, data] of entries) {
    const start = offset + localHeaderBytes + new TextEncoder().encode(name).length + extraHeaderBytes;
    const padding = (align - (start % align)) % align;
    files[name] = [data, { level: 0, mtime: fixedTime, extra: { [alignmentField]: new Uint8Array(padding) } }];
    offset = start + padding + data.length;
  }
  return zipSync(files);
}

/** Whether a file begins as an archive whose first entry has this name and, as JSON, this `format`. */
export const beginsAsArchive =
  (entry: string, format: string) =>
  (start: Uint8Array): boolean => {
    const text = Buffer.from(start).toString("latin1");
    return (
      text.startsWith("PK\x03\x04") &&
      text.startsWith(entry, localHeaderBytes) &&
      new RegExp(`\\{\\s*"format":\\s*"${format}"`).test(text)
    );
  };

const endOfDirectory = { signature: 0x06054b50, bytes: 22 };
const directoryEntry = { signature: 0x02014b50, bytes: 46 };

/** Names of the entries whose data is not what was written, by the checksums in the archive's directory. */
export function changedEntries(bytes: Uint8Array): readonly string[] {
  const entries = unzipSync(bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = bytes.length - endOfDirectory.bytes;
  while (at > 0 && view.getUint32(at, true) !== endOfDirectory.signature) at--;
  const changed: string[] = [];
  for (let entry = view.getUint32(at + 16, true); entry + directoryEntry.bytes <= at; ) {
    if (view.getUint32(entry, true) !== directoryEntry.signature) return [...changed, "the directory"];
    const [name, extra, comment] = [28, 30, 32].map((field) => view.getUint16(entry + field, true));
    const start = entry + directoryEntry.bytes;
    const title = new TextDecoder().decode(bytes.subarray(start, start + name!));
    const data = entries[title];
    if (!data || crc32(data) !== view.getUint32(entry + 16, true)) changed.push(title);
    entry = start + name! + extra! + comment!;
  }
  return changed;
}

/** Reads all entries of an archive; throws what fflate throws for anything else. */
export const readArchive = (bytes: Uint8Array): Readonly<Record<string, Uint8Array>> => unzipSync(bytes);
