// Reads files of any size: Node.js reads at most two gigabytes at once.
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { IsochronError } from "./error.ts";
import { fileError } from "./file-error.ts";

const mostAtOnce = 2 ** 30;

/** The bytes of a file. Throws `file/read`. */
export function readWhole(path: string): Uint8Array {
  try {
    const file = openSync(path, "r");
    try {
      const bytes = new Uint8Array(fstatSync(file).size);
      let at = 0;
      for (let read = -1; at < bytes.length && read !== 0; at += read)
        read = readSync(file, bytes, at, Math.min(mostAtOnce, bytes.length - at), at);
      return bytes.subarray(0, at);
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    throw cause instanceof IsochronError ? cause : fileError("read", path, cause);
  }
}
