// What recorders compressed, by chunks, by messages or as a whole file, as it was before.
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { McapTypes } from "@mcap/core";
import { z } from "zod";
import { awaitNative, callNative, IsochronError, loadRuntime } from "../../kernels/index.ts";

const isFunction = <F>() => z.custom<F>((value) => typeof value === "function");
const shape = z.object({
  inflateChunk: isFunction<(compression: string, bytes: Uint8Array, size: number) => Buffer>(),
  inflateMessage: isFunction<(bytes: Uint8Array, most: number) => Buffer>(),
  inflateFile: isFunction<(from: string, to: string) => Promise<void>>(),
});
let native: z.infer<typeof shape> | undefined;

/** The part of the runtime module that inflates, loaded when it is first needed. */
function inflating(): z.infer<typeof shape> {
  native ??= shape.parse(loadRuntime());
  return native;
}

const chunkInflater =
  (compression: string) =>
  (bytes: Uint8Array, size: bigint): Uint8Array => {
    const { inflateChunk } = inflating();
    return callNative(() => inflateChunk(compression, bytes, Number(size)));
  };

/** The compressions of MCAP's chunks. The native module keeps nothing from one chunk to the next, so that damage in one stays there. */
export const chunkInflaters: McapTypes.DecompressHandlers = {
  lz4: chunkInflater("lz4"),
  zstd: chunkInflater("zstd"),
};

/** What one message may inflate to: a claim beyond it is damage, not data. */
const mostMessageBytes = 2 ** 30;

const magic = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd);
const isCompressed = (bytes: Uint8Array): boolean => magic.every((byte, at) => bytes[at] === byte);

/**
 * A message's bytes. Recorders that compress messages do not say so in the file, but no message in CDR begins as a zstd frame
 * does. One that cannot be inflated stays as it is: it is no message in CDR then, and whoever reads it says so.
 */
export function inflateMessage(encoding: string, bytes: Uint8Array): Uint8Array {
  if (encoding !== "cdr" || !isCompressed(bytes)) return bytes;
  const { inflateMessage: inflated } = inflating();
  try {
    return inflated(bytes, mostMessageBytes);
  } catch {
    return bytes;
  }
}

/** A file that lives as long as the process, without a name. */
export interface Unnamed<T> {
  /** The path under which it can be opened. */
  readonly path: string;
  readonly opened: T;
}

/**
 * Writes what a compressed file holds to a file that is gone from its folder when it has been opened, and ends with the process.
 *
 * `open` opens what cannot be opened by the path of an open file. Throws `log/damaged`, `file/write`.
 */
export async function inflateFile<T>(path: string, open: (path: string) => T): Promise<Unnamed<T>> {
  const { inflateFile: inflated } = inflating();
  const folder = mkdtempSync(join(tmpdir(), "isochron-log-"));
  try {
    const file = join(folder, basename(path).replace(/\.zstd?$/, ""));
    try {
      await awaitNative(() => inflated(path, file));
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new IsochronError("log/damaged", `${path} cannot be decompressed: ${why}`, {
        details: [`it was being written to ${folder}`],
        help: "unzstd FILE says more; TMPDIR=FOLDER names a place with more room",
        cause,
      });
    }
    const handle = openSync(file, "r");
    try {
      return { path: `/proc/self/fd/${handle}`, opened: callNative(() => open(file)) };
    } catch (cause) {
      closeSync(handle);
      throw cause;
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
