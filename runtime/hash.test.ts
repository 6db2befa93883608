// Both ways of hashing are BLAKE3.
import { blake3 } from "@noble/hashes/blake3.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hashOf } from "./hash.ts";

describe("a hash", () => {
  it("of nothing is BLAKE3's own test vector", () => {
    expect(hashOf(new Uint8Array())).toBe("af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
  });

  it("is the same natively as in JavaScript, of any bytes and any part of a buffer", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5000 }), fc.nat(64), (bytes, from) => {
        const part = bytes.subarray(from);
        expect(hashOf(part)).toBe(bytesToHex(blake3(part)));
      }),
    );
  });
});
