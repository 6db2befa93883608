// Files that a command is going to write: refused before the work is done, not after.
import { accessSync, constants, mkdirSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileError } from "../kernels/index.ts";

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

/** Node's own recursive mkdir never returns where a folder can neither be found nor made, as below /proc. */
function makeFolder(path: string): void {
  if (isFolder(path)) return;
  makeFolder(dirname(path));
  try {
    mkdirSync(path);
  } catch (cause) {
    // Another process may have made it meanwhile.
    if (!isFolder(path)) throw cause;
  }
}

/** Makes the folder of a file that is to be written. Throws `file/write` where the file cannot come to stand there. */
export function prepareOutput(path: string): void {
  try {
    const folder = dirname(resolve(path));
    makeFolder(folder);
    accessSync(folder, constants.W_OK);
  } catch (cause) {
    throw fileError("write", path, cause);
  }
  if (isFolder(path)) throw fileError("write", path, { code: "EISDIR" });
}
