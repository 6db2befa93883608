// Finds and reads `.msg` files as packages lay them out: PACKAGE/msg/NAME.msg.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { IsochronError } from "../../kernels/index.ts";
import type { MessageText } from "./parse.ts";

/** How files of definitions are read. */
export interface MessageFileOptions {
  /** The package of files that do not lie in a folder PACKAGE/msg. */
  readonly package?: string;
}

/**
 * The definitions in a file, or in a folder and all below it, in the order of their names.
 *
 * Throws `message/files` where there are none, and `message/package` where a file's package cannot be told.
 */
export function readMessageFiles(path: string, options: MessageFileOptions = {}): MessageText[] {
  const full = resolve(path);
  const files = messageFiles(full);
  if (files.length === 0) {
    throw new IsochronError("message/files", `there are no message definitions in ${path}`, {
      help: "name a .msg file, or a folder with PACKAGE/msg/NAME.msg below it",
    });
  }
  return files.map((file) => ({
    type: `${packageOf(file, options)}/msg/${nameOf(file)}`,
    text: readFileSync(file, "utf8"),
    file,
  }));
}

function messageFiles(path: string): string[] {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats?.isFile()) return path.endsWith(".msg") ? [path] : [];
  if (!stats?.isDirectory()) return [];
  return readdirSync(path)
    .filter((name) => name !== "node_modules" && !name.startsWith("."))
    .sort()
    .flatMap((name) => {
      const below = join(path, name);
      return statSync(below, { throwIfNoEntry: false })?.isDirectory() || name.endsWith(".msg")
        ? messageFiles(below)
        : [];
    });
}

function nameOf(file: string): string {
  const name = basename(file, ".msg");
  if (/^[A-Z][A-Za-z0-9]*$/.test(name)) return name;
  throw new IsochronError("message/name", `"${name}" is not a name for a message type`, {
    place: file,
    help: "a capital letter, then letters and digits, as in LaneEstimate.msg",
  });
}

function packageOf(file: string, options: MessageFileOptions): string {
  const folder = dirname(file);
  const name = basename(folder) === "msg" ? basename(dirname(folder)) : options.package;
  if (name !== undefined && /^[a-z][a-z0-9_]*$/.test(name)) return name;
  throw new IsochronError("message/package", `the package of ${file} is not known`, {
    details: name === undefined ? [] : [`"${name}" is not a name for a package`],
    help: "put it into a folder PACKAGE/msg, or name the package: { package: NAME }",
  });
}
