// Archives: the bytes that another implementation writes, entries made one after the other, and what is too large.
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { unzipSync, zipSync } from "fflate";
import { afterAll, describe, expect, it } from "vitest";
import { archiveFile, archiveOf, changedEntries, putArchive, readArchive, writeArchive } from "./archive.ts";

const folder = mkdtempSync(join(tmpdir(), "isochron-archive-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const entries = [
  ["manifest.json", Buffer.from("{}")],
  ["größe", Uint8Array.from({ length: 300 }, (_, at) => at)],
  ["empty", new Uint8Array()],
] as const;

describe("an archive", () => {
  const bytes = writeArchive(entries);

  it("is what fflate writes of the same entries, their data at multiples of 64 bytes", () => {
    let offset = 0;
    const files = entries.map(([name, data]) => {
      const start = offset + 30 + Buffer.byteLength(name) + 4;
      const padding = (64 - (start % 64)) % 64;
      offset = start + padding + data.length;
      const options = { level: 0, mtime: new Date(1980, 0, 1), extra: { 18771: new Uint8Array(padding) } } as const;
      return [name, [data, options]] as const;
    });
    expect(Buffer.from(bytes).equals(zipSync(Object.fromEntries(files) as never))).toBe(true);
    expect(unzipSync(bytes)).toEqual(Object.fromEntries(entries.map(([name, data]) => [name, new Uint8Array(data)])));
  });

  it("is the same in a file, whose entries are made from the last to the first, one piece after the other", () => {
    const made: string[] = [];
    const path = join(folder, "made.zip");
    const file = openSync(path, "w");
    const inPieces = entries.map(([name, data]) => ({
      name,
      size: data.length,
      *pieces() {
        made.push(name);
        // The one piece's memory is that of the next.
        const piece = new Uint8Array(128);
        for (let at = 0; at < data.length; at += piece.length) {
          const part = data.subarray(at, at + piece.length);
          piece.set(part);
          yield piece.subarray(0, part.length);
          yield new Uint8Array(new ArrayBuffer(0));
        }
      },
    }));
    putArchive(inPieces, archiveFile(file));
    closeSync(file);
    expect(made).toEqual(["empty", "größe", "manifest.json"]);
    expect(readFileSync(path).equals(bytes)).toBe(true);
  });

  it("is read entry by entry, where some are asked for, and knows which was changed", () => {
    expect(Object.keys(readArchive(bytes, (name) => name === "empty"))).toEqual(["empty"]);
    expect(changedEntries(bytes)).toEqual([]);
    const changed = bytes.slice();
    changed[128 + 5]! ^= 1;
    expect(changedEntries(changed)).toEqual(["größe"]);
    // One that is compressed.
    expect(changedEntries(zipSync({ a: new Uint8Array(100) }))).toEqual([]);
  });

  it("is refused where its offsets would not be numbers of 32 bits, before anything is made", () => {
    const pieces = (): never => {
      throw new Error("made");
    };
    const large = [1, 2, 3].map((at) => ({ name: `${at}`, size: 1.5e9, pieces }));
    expect(() => putArchive(large, () => undefined)).toThrow(
      "a file of 4500000454 bytes is larger than an archive can be",
    );
  });

  it("holds what its entries say when they are made", () => {
    let said = 0;
    const { first } = readArchive(
      archiveOf([
        { name: "first", size: 1, pieces: () => [Uint8Array.of(said)] },
        {
          name: "second",
          size: 1,
          pieces: () => {
            said = 7;
            return [new Uint8Array(1)];
          },
        },
      ]),
    );
    expect(first).toEqual(Uint8Array.of(7));
  });
});
