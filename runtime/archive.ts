// ZIP archives with stored, aligned entries in a fixed order: the same content gives the same bytes.
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

/** Reads all entries of an archive; throws what fflate throws for anything else. */
export const readArchive = (bytes: Uint8Array): Readonly<Record<string, Uint8Array>> => unzipSync(bytes);
