// Files that a command is going to write: refused before the work is done, not after.
import { accessSync, constants, mkdirSync, realpathSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { type FileKind, fileError, IsochronError, replaces } from "../kernels/index.ts";

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

/**
 * Makes the folder of a file that is to be written; one of `kind` that stands there already is replaced in the end.
 *
 * Throws `file/exists` where anything else stands there, `file/write` where the file cannot come to stand there.
 */
export function prepareOutput(path: string, kind: FileKind | undefined): void {
  replaces(path, kind);
  prepareFolder(path);
}

/** Makes the folder of a file that is to be written. Throws `file/write`. */
export function prepareFolder(path: string): void {
  try {
    const folder = dirname(resolve(path));
    makeFolder(folder);
    accessSync(folder, constants.W_OK);
  } catch (cause) {
    throw fileError("write", path, cause);
  }
}

/** The file that a name stands for, links followed where there is one. */
const realPath = (path: string): string => {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
};

/**
 * Refuses files of one command, by the option that names each, that are one and the same: what is read would be replaced,
 * or what was written. Throws `command/output`.
 */
export function checkDistinct(files: Readonly<Record<string, string | undefined>>): void {
  const named = new Map<string, string>();
  for (const [option, path] of Object.entries(files)) {
    if (path === undefined) continue;
    const other = named.get(realPath(path));
    if (other !== undefined) {
      throw new IsochronError("command/output", `${other} and ${option} name the same file, ${path}`, {
        help: "give each a file of its own",
      });
    }
    named.set(realPath(path), option);
  }
}
