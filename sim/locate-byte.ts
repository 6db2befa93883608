// Finds the one byte of a message that was changed, from the CRC-32 and the hash that were logged when it was admitted.
import { crc32 } from "node:zlib";

/** CRC-32's table (polynomial 0xedb88320, reflected; ISO-HDLC), and for each highest byte of its entries the entry's index. */
const table = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = (value & 1) === 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});
const indexByTop = new Uint8Array(256);
table.forEach((value, index) => {
  indexByTop[value >>> 24] = index;
});

/** A changed byte: where it is, and what it was. */
export interface ChangedByte {
  readonly at: number;
  readonly was: number;
}

/**
 * The byte whose change alone explains that `bytes` no longer have the CRC-32 `admitted`; undefined where there is none.
 *
 * CRC-32 is linear: the difference of two CRCs is that of the messages' difference, which for one changed byte is the
 * table's entry for it, moved on by the bytes behind. Moving the difference back byte by byte shows where it is an entry.
 * `isOriginal` decides among the few places that fit by chance; `bytes` is restored before this returns.
 */
export function locateChangedByte(
  bytes: Uint8Array,
  admitted: number,
  isOriginal: (bytes: Uint8Array) => boolean,
): ChangedByte | undefined {
  let difference = (crc32(bytes) ^ admitted) >>> 0;
  if (difference === 0) return undefined;
  for (let at = bytes.length - 1; at >= 0; at--) {
    const index = indexByTop[difference >>> 24]!;
    const entry = table[index]!;
    if (difference === entry) {
      const now = bytes[at]!;
      bytes[at] = now ^ index;
      const found = isOriginal(bytes);
      bytes[at] = now;
      if (found) return { at, was: now ^ index };
    }
    difference = (((difference ^ entry) << 8) | index) >>> 0;
  }
  return undefined;
}
