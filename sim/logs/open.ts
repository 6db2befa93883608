// Opens logs of every form: MCAP files, SQLite bags, bags' folders, and what of these was compressed as a file.
import { closeSync, openSync, readSync, statSync } from "node:fs";
import { basename, dirname } from "node:path";
import { z } from "zod";
import { checkArgument, fileError } from "../../kernels/index.ts";
import { metadataName, openBagFolder } from "./bag-folder.ts";
import { inflateFile } from "./inflate.ts";
import { kindOfFile } from "./kinds.ts";
import type { Log } from "./log.ts";
import { openMcap } from "./mcap-log.ts";
import { type Bag, openBag, sqliteLog } from "./sqlite-log.ts";

/**
 * Opens a log and reads what it holds: an `.mcap` file, a `.db3` file, either compressed by zstd, or a bag's folder or metadata.yaml.
 *
 * Throws `file/read`, `log/empty`, `log/truncated`, `log/foreign`, `log/damaged`, and for folders `log/metadata`,
 * `log/missing-file`, `log/no-bag`.
 */
export async function openLog(path: string): Promise<Log> {
  checkArgument("log", "openLog", "path", z.string().min(1).describe("the path of a file or a folder"), path);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return openBagFolder(path, openFile);
  if (basename(path) === metadataName) return openBagFolder(dirname(path), openFile);
  return openFile(path);
}

async function openFile(path: string): Promise<Log> {
  switch (kindOfFile(path, firstBytes(path, path))) {
    case "mcap":
      return openMcap({ path, content: path });
    case "sqlite":
      return sqliteLog(path, () => openBag(path));
    case "zstd":
      return openCompressed(path);
  }
}

/** What lies in a file that was compressed as a whole, as rosbag2 does with `--compression-mode file`. */
async function openCompressed(path: string): Promise<Log> {
  const { path: content, opened } = await inflateFile(path, (file): Bag | undefined =>
    kindOfFile(path, firstBytes(path, file)) === "sqlite" ? openBag(file) : undefined,
  );
  if (opened) return sqliteLog(path, () => opened);
  return openMcap({ path, content });
}

/** The first bytes of a file that is called `path`. */
function firstBytes(path: string, file: string): Uint8Array {
  let handle: number | undefined;
  try {
    handle = openSync(file, "r");
    const bytes = new Uint8Array(64);
    return bytes.subarray(0, readSync(handle, bytes, 0, bytes.length, 0));
  } catch (cause) {
    throw fileError("read", path, cause);
  } finally {
    if (handle !== undefined) closeSync(handle);
  }
}
