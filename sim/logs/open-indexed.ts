// Opens MCAP files by their index; what inflates chunks is loaded once a file has a chunk to inflate.
import type { FileHandle } from "node:fs/promises";
import { McapIndexedReader, type McapTypes } from "@mcap/core";
import { McapFile } from "../mcap-file.ts";

/** zstd, LZ4 and bzip2 as WebAssembly. */
export async function loadDecompressors(): Promise<McapTypes.DecompressHandlers> {
  return await (await import("@mcap/support")).loadDecompressHandlers();
}

/** A reader of a file that has an index. Throws what the reader says of any other. */
export async function openIndexed(file: FileHandle): Promise<McapIndexedReader> {
  const decompressHandlers: McapTypes.DecompressHandlers = {};
  const reader = await McapIndexedReader.Initialize({ readable: new McapFile(file), decompressHandlers });
  if (reader.chunkIndexes.some(({ compression }) => compression !== ""))
    Object.assign(decompressHandlers, await loadDecompressors());
  return reader;
}
