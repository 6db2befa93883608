// Files that are written: whole or not at all, and never in the place of what is not theirs to replace.
import { randomUUID } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  linkSync,
  lstatSync,
  openSync,
  readlinkSync,
  readSync,
  renameSync,
  rmSync,
  type Stats,
  writeFileSync,
} from "node:fs";
import { IsochronError } from "./error.ts";
import { fileError } from "./file-error.ts";

/** A kind of file that is written, and the mark by which one is told from anybody else's. */
export interface FileKind {
  /** As errors name it, with its article: "a report". */
  readonly name: string;
  /** Whether a file is of this kind whose first bytes (4096 of them, if it has as many) are these. */
  readonly begins: (start: Uint8Array) => boolean;
}

const startBytes = 4096;

const codeOf = (cause: unknown): unknown =>
  typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined;

const kept = (path: string, why: string, help: string): IsochronError =>
  new IsochronError("file/exists", `${path} is not replaced: ${why}`, { help });

/** What stands under a name, a link not followed; undefined where nothing does. */
function standing(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (cause) {
    throw fileError("write", path, cause);
  }
}

function firstBytes(path: string): Uint8Array {
  const start = new Uint8Array(startBytes);
  try {
    // What became a pipe or a link meanwhile is not waited for, nor followed.
    const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      return fstatSync(file).isFile() ? start.subarray(0, readSync(file, start)) : new Uint8Array();
    } finally {
      closeSync(file);
    }
  } catch {
    // What cannot be looked into shows no mark.
    return new Uint8Array();
  }
}

const linked = (path: string): string => {
  try {
    return ` to ${readlinkSync(path)}`;
  } catch {
    return "";
  }
};

/**
 * Whether a file stands under `path` that one of `kind` may replace; false where nothing does. Without a kind nothing is
 * replaced, and `help` says what to do instead.
 *
 * Throws `file/exists` for everything else that stands there (other files, links, devices, pipes), `file/write` for a folder.
 */
export function replaces(path: string, kind: FileKind | undefined, help?: string): boolean {
  const found = standing(path);
  if (!found) return false;
  if (found.isDirectory()) throw fileError("write", path, { code: "EISDIR" });
  if (found.isSymbolicLink()) throw kept(path, `it is a link${linked(path)}`, "name the file itself");
  if (!found.isFile()) throw kept(path, "it is a device, a pipe or a socket", "name a file");
  const another = "name another file, or move this one away";
  if (!kind) throw kept(path, "it is there already", help ?? another);
  if (!kind.begins(firstBytes(path))) throw kept(path, `it is not ${kind.name} that Isochron wrote`, help ?? another);
  return true;
}

/** File systems without hard links say one of these. */
const noLinks = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"];

/**
 * Gives a finished file its name, which nothing may have yet: of several that try, one succeeds. Throws what the system
 * says, `EEXIST` where something has the name.
 */
export function placeNew(temporary: string, path: string, link: typeof linkSync = linkSync): void {
  try {
    link(temporary, path);
  } catch (cause) {
    if (!noLinks.includes(String(codeOf(cause)))) throw cause;
    // The name is claimed by an empty file, which the finished one then replaces.
    closeSync(openSync(path, "wx"));
    renameSync(temporary, path);
    return;
  }
  rmSync(temporary);
}

/** Gives a finished file its name, where nothing has it or a file of `kind`. Throws `file/exists`, `file/write`. */
export function place(temporary: string, path: string, kind: FileKind | undefined, help?: string): void {
  for (;;) {
    const replacing = replaces(path, kind, help);
    try {
      if (replacing) renameSync(temporary, path);
      else placeNew(temporary, path);
      return;
    } catch (cause) {
      // Something came to stand there meanwhile: it is looked at.
      if (codeOf(cause) !== "EEXIST") throw fileError("write", path, cause);
    }
  }
}

/**
 * Writes a file as a whole or not at all; one that stands there is replaced only if it is of `kind`.
 *
 * Throws `file/exists`, `file/write`.
 */
export function writeWhole(path: string, bytes: Uint8Array | string, kind: FileKind | undefined): void {
  replaces(path, kind);
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const file = openSync(temporary, "wx");
    try {
      writeFileSync(file, bytes);
      // Renamed before its bytes are on the disk, a file is empty after a loss of power.
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    place(temporary, path, kind);
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw cause instanceof IsochronError ? cause : fileError("write", path, cause);
  }
}

/**
 * Writes a file that is made on the way: `make` gets it open, and its name as long as it is not finished.
 *
 * As `writeWhole` does, it leaves the whole file under `path`, or nothing. Throws `file/exists`, `file/write`, and what `make` throws.
 */
export async function makeWhole<T>(
  path: string,
  kind: FileKind | undefined,
  make: (file: number, temporary: string) => Promise<T>,
): Promise<T> {
  replaces(path, kind);
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const file = openSync(temporary, "wx+");
    let made: T;
    try {
      made = await make(file, temporary);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    place(temporary, path, kind);
    return made;
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw isSystemError(cause) ? fileError("write", path, cause) : cause;
  }
}

/** Whether a call of the system failed. */
const isSystemError = (cause: unknown): boolean => cause instanceof Error && "syscall" in cause;

/** Whether a text file begins with this. */
export const beginsWith =
  (text: string): FileKind["begins"] =>
  (start) =>
    Buffer.from(start).subarray(0, Buffer.byteLength(text)).equals(Buffer.from(text));
