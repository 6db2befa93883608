// Both ways of hashing are BLAKE3.
import { blake3 } from "@noble/hashes/blake3.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { Hasher, hashOf } from "./hash.ts";

describe("a hash", () => {
  it("of nothing is BLAKE3's own test vector", () => {
    expect(hashOf(new Uint8Array())).toBe("af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
  });

  it("is the same natively as in JavaScript, of any bytes and any part of a buffer", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5000 }), fc.nat(64), (bytes, from) => {
        const part = bytes.subarray(from);
        expect(hashOf(part)).toBe(bytesToHex(blake3(part)));
        const hasher = new Hasher();
        for (const piece of [part.subarray(0, from), part.subarray(from)]) hasher.update(piece);
        expect(hasher.hex()).toBe(hashOf(part));
      }),
    );
  });

  it("is computed in JavaScript where nothing native is installed", async () => {
    vi.resetModules();
    let asked = 0;
    const { IsochronError } = await import("./error.ts");
    vi.doMock("./native.ts", async (original) => ({
      ...(await original<typeof import("./native.ts")>()),
      loadRuntime: () => {
        asked++;
        throw new IsochronError("native/missing-runtime", "it is not installed");
      },
    }));
    const bytes = Uint8Array.from({ length: 3000 }, (_, at) => at);
    const inJavaScript = await import("./hash.ts");
    expect(inJavaScript.hashOf(bytes)).toBe(hashOf(bytes));
    const hasher = new inJavaScript.Hasher();
    for (const from of [0, 1000, 2000]) hasher.update(bytes.subarray(from, from + 1000));
    expect(hasher.hex()).toBe(hashOf(bytes));
    expect(asked).toBe(1);
    vi.doUnmock("./native.ts");
  });
});
