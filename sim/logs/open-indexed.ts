// Opens MCAP files by their index.
import type { FileHandle } from "node:fs/promises";
import { McapIndexedReader } from "@mcap/core";
import { McapFile } from "../mcap-file.ts";
import { chunkInflaters } from "./inflate.ts";

/** A reader of a file that has an index. Throws what the reader says of any other. */
export const openIndexed = (file: FileHandle): Promise<McapIndexedReader> =>
  McapIndexedReader.Initialize({ readable: new McapFile(file), decompressHandlers: chunkInflaters });
