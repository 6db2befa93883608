// Places in the user's own files, taken from stacks: what an error of an application should point to.
import { fileURLToPath } from "node:url";
import { isInChunk } from "../kernels/index.ts";

const root = new URL("..", import.meta.url);
const ownFolders = ["kernels", "runtime", "scheduler", "nodes", "sim", "launch"];

/** Frames of Isochron itself and of packages; Isochron's tests stand for a user. */
const isForeign = (path: string): boolean =>
  path.includes("/node_modules/") ||
  isInChunk(path) ||
  (!path.includes(".test.") &&
    ownFolders.some((folder) => path.startsWith(fileURLToPath(new URL(`${folder}/`, root)))));

/** `file:line:column` of the first frame outside of Isochron, packages and Node. */
export function userPlace(stack: string | undefined): string | undefined {
  for (const line of stack?.split("\n") ?? []) {
    const frame = line.replace(/^\s+at (?:async )?/, "");
    const [, file, position] =
      /^((?:file:\/\/)?\/.*?)(:\d+(?::\d+)?)$/.exec(/\(([^()]*)\)$/.exec(frame)?.[1] ?? frame) ?? [];
    if (file === undefined) continue;
    const path = file.startsWith("file:") ? fileURLToPath(file) : file;
    if (!isForeign(path)) return path + position;
  }
  return undefined;
}

/** `file:line:column` in the user's file that called, directly or not, whatever calls this. */
export const callerPlace = (): string | undefined => userPlace(new Error().stack?.split("\n").slice(1).join("\n"));
