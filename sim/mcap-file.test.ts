// Damaged files ask for what they do not have.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { McapFile } from "./mcap-file.ts";

describe("an MCAP file", () => {
  const folder = mkdtempSync(join(tmpdir(), "isochron-mcap-file-"));
  let handle: FileHandle;
  beforeAll(async () => {
    const path = join(folder, "file");
    writeFileSync(
      path,
      Uint8Array.from({ length: 100 }, (_, at) => at),
    );
    handle = await open(path);
  });
  afterAll(async () => {
    await handle.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("is read where it has bytes", async () => {
    const file = new McapFile(handle);
    expect(await file.size()).toBe(100n);
    expect([...(await file.read(97n, 3n))]).toEqual([97, 98, 99]);
    expect(await file.read(100n, 0n)).toHaveLength(0);
  });

  it.each([
    [98n, 3n],
    [0n, 2n ** 32n],
    [2n ** 63n, 2n ** 63n],
    [-1n, 4n],
  ])("refuses to read at %d for %d bytes, and the process lives on", async (offset, length) => {
    await expect(new McapFile(handle).read(offset, length)).rejects.toThrow(
      `it asks for ${length} bytes at ${offset} of 100`,
    );
  });
});
