// Finds and reads `.msg`, `.srv` and `.action` files as packages lay them out: PACKAGE/msg/NAME.msg.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, extname, join, resolve } from "node:path";
import { z } from "zod";
import { checkArgument, IsochronError, optionsOf } from "../../kernels/index.ts";
import { type InterfaceText, messagesOf } from "./interfaces.ts";
import type { MessageText } from "./parse.ts";

/** How files of definitions are read. */
export interface MessageFileOptions {
  /** The package of files that do not lie in a folder PACKAGE/msg, PACKAGE/srv or PACKAGE/action. */
  readonly package?: string;
}

const checkFiles = optionsOf<MessageFileOptions>("message", "readMessageFiles", () => ({
  package: z.string().min(1).optional(),
}));

const kinds: { readonly [extension: string]: InterfaceText["kind"] } = {
  ".msg": "msg",
  ".srv": "srv",
  ".action": "action",
};

/**
 * The definitions in a file, or in a folder and all below it, in the order of their names: of services and actions, the
 * messages that they are made of, such as `pkg/srv/Name_Request` and `pkg/action/Name_FeedbackMessage`.
 *
 * Throws `message/files` where there are none, `message/package` where a file's package cannot be told, `message/definition`.
 */
export function readMessageFiles(path: string, options: MessageFileOptions = {}): MessageText[] {
  checkArgument("message", "readMessageFiles", "path", z.string().min(1).describe("a path"), path);
  checkFiles(options);
  return readInterfaceFiles(path, options).flatMap(messagesOfFile);
}

/** The same files as they are, those of services and actions too. Throws `message/files`, `message/package`. */
export function readInterfaceFiles(path: string, options: MessageFileOptions = {}): InterfaceText[] {
  const full = resolve(path);
  const files = messageFiles(full);
  if (files.length === 0) {
    throw new IsochronError("message/files", `there are no message definitions in ${path}`, {
      help: "name a .msg, .srv or .action file, or a folder with PACKAGE/msg/NAME.msg below it",
    });
  }
  return files.map((file) => {
    const kind = kinds[extname(file)]!;
    return {
      kind,
      type: `${packageOf(file, options)}/${kind}/${nameOf(file)}`,
      text: readFileSync(file, "utf8"),
      file,
    };
  });
}

/** The message types that a file defines. Throws `message/definition`. */
export function messagesOfFile(file: InterfaceText): MessageText[] {
  try {
    return messagesOf(file);
  } catch (cause) {
    throw new IsochronError(
      "message/definition",
      `${file.type}: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        ...(file.file === undefined ? {} : { place: file.file }),
        help: "a .srv file is REQUEST, a line of ---, RESPONSE; an .action file is GOAL, ---, RESULT, ---, FEEDBACK",
        cause,
      },
    );
  }
}

const isDefinition = (path: string): boolean => extname(path) in kinds;

function messageFiles(path: string): string[] {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats?.isFile()) return isDefinition(path) ? [path] : [];
  if (!stats?.isDirectory()) return [];
  return readdirSync(path)
    .filter((name) => name !== "node_modules" && !name.startsWith("."))
    .sort()
    .flatMap((name) => {
      const below = join(path, name);
      return statSync(below, { throwIfNoEntry: false })?.isDirectory() || isDefinition(name) ? messageFiles(below) : [];
    });
}

function nameOf(file: string): string {
  const name = basename(file, extname(file));
  if (/^[A-Z][A-Za-z0-9]*$/.test(name)) return name;
  throw new IsochronError("message/name", `"${name}" is not a name for a message type`, {
    place: file,
    help: "a capital letter, then letters and digits, as in LaneEstimate.msg",
  });
}

function packageOf(file: string, options: MessageFileOptions): string {
  const folder = dirname(file);
  const isOwn = Object.values(kinds).some((kind) => kind === basename(folder));
  const name = isOwn ? basename(dirname(folder)) : options.package;
  if (name !== undefined && /^[a-z][a-z0-9_]*$/.test(name)) return name;
  throw new IsochronError("message/package", `the package of ${file} is not known`, {
    details: name === undefined ? [] : [`"${name}" is not a name for a package`],
    help: `put it into a folder PACKAGE/${kinds[extname(file)]}, or name the package: { package: NAME }`,
  });
}
