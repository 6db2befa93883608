// Changed bytes are found again from a CRC-32.
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { locateChangedByte } from "./locate-byte.ts";

const same = (a: Uint8Array) => (b: Uint8Array) => Buffer.compare(a, b) === 0;

describe("a changed byte", () => {
  it("is found wherever it is, with what it was", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 3000 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (original, place, flip) => {
          const at = place % original.length;
          const changed = original.slice();
          changed[at]! ^= flip;
          const kept = changed.slice();
          expect(locateChangedByte(changed, crc32(original), same(original))).toEqual({ at, was: original[at] });
          expect(changed).toEqual(kept);
        },
      ),
    );
  });

  it("is not claimed where nothing changed, or more than one byte did", () => {
    const original = Uint8Array.from({ length: 500 }, (_, at) => at);
    expect(locateChangedByte(original.slice(), crc32(original), same(original))).toBeUndefined();
    const changed = original.slice();
    changed[3]! ^= 1;
    changed[400]! ^= 1;
    expect(locateChangedByte(changed, crc32(original), same(original))).toBeUndefined();
  });
});
