// The files of a recording: one, or parts of a run that follow each other, joined to what one file would hold.
import { type FileHandle, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { checkArgument, IsochronError } from "../kernels/index.ts";
import { formatDuration } from "../scheduler/index.ts";
import {
  type Contents,
  isChecksumError,
  type RecordedMessage,
  recordingError,
  withRecording,
} from "./recording-contents.ts";

/** What a recording is read from: a file, a folder with the parts of a run, or parts themselves. */
export type RecordingPath = string | readonly string[];

const partName = /^part-\d+\.mcap(\.partial)?$/;
const savedName = /^saved-\d+-[\w-]+\.mcap$/;

const one = z.string().min(1);
const pathSchema = z
  .union([one, z.array(one)])
  .describe("the path of a file, of a folder with parts, or a list of parts");

/** The names by which a recording is told of. */
export const nameOf = (path: RecordingPath): string => (typeof path === "string" ? path : path.join(", "));

/** The files of a recording, in any order. Throws `recording/foreign` for a folder that has none. */
export async function filesOf(path: RecordingPath): Promise<readonly string[]> {
  checkArgument("recording", "a recording", "path", pathSchema, path);
  if (typeof path !== "string") return path;
  const found = await stat(path).catch(() => undefined);
  // What is not there, or is no folder, shows when it is opened.
  if (!found?.isDirectory()) return [path];
  const names = await readdir(path);
  const parts = names.filter((name) => partName.test(name));
  if (parts.length > 0) return parts.map((name) => join(path, name));
  const saved = names.filter((name) => savedName.test(name)).sort();
  throw new IsochronError(
    "recording/foreign",
    saved.length === 0
      ? `${path} is a folder without parts of a recording`
      : `${path} holds ${saved.length === 1 ? "a recording that was" : `${saved.length} recordings that were each`} saved from memory`,
    {
      help:
        saved.length === 0
          ? "name a file or a folder that `isochron run --record` wrote"
          : `name one: ${join(path, saved.at(-1)!)}`,
    },
  );
}

/** Opens all files of a recording for `read`. Throws as `withRecording` does. */
export async function withFiles<T>(
  paths: readonly string[],
  read: (files: readonly FileHandle[]) => Promise<T>,
): Promise<T> {
  const [first, ...others] = paths;
  if (first === undefined) return await read([]);
  return await withRecording(first, (file) =>
    others.length === 0 ? read([file]) : withFiles(others, (rest) => read([file, ...rest])),
  );
}

/** A file and what it holds. */
export interface FileContents {
  readonly path: string;
  readonly contents: Contents;
}

const range = (from: number, to: number): string => (from === to ? `part ${from} is` : `parts ${from} to ${to} are`);

/**
 * Refuses a recording that begins behind the beginning of its run: what its first jobs read, and their hash chains, are in the
 * parts before. Throws `recording/parts`.
 */
export function requireBeginning(beginsNs: number | undefined): void {
  if (beginsNs === undefined || beginsNs === 0) return;
  throw new IsochronError("recording/parts", `the recording begins at ${formatDuration(beginsNs)} of its run`, {
    help: "it can be read and reported, and is verified together with the parts before: name part 1 to the last",
  });
}

/**
 * What parts that follow each other hold, as one.
 *
 * Throws `recording/parts` where they are of two runs, where one is missing between them, is there twice or lacks its end, or
 * where the disk took nothing of the run between two of them.
 */
export function joined(files: readonly FileContents[]): Contents {
  const refuse = (message: string, help: string): never => {
    throw new IsochronError("recording/parts", message, { help });
  };
  const sorted = [...files].sort((a, b) => (a.contents.part?.part ?? 0) - (b.contents.part?.part ?? 0));
  const [first] = sorted;
  if (!first) return refuse("no part of a recording is named", "name a recording");
  for (const [at, { path, contents }] of sorted.entries()) {
    if (sorted.length === 1) break;
    const { part } = contents;
    if (!part || part.saved !== undefined) return refuse(`${path} is no part of a run`, "name it alone");
    const before = sorted[at - 1];
    const last = before?.contents.part;
    if (!before || !last) continue;
    const both = `${before.path} and ${path}`;
    if (part.run !== last.run) return refuse(`${both} are of two runs`, "name the parts of one run");
    if (part.part === last.part)
      return refuse(`${both} are both part ${part.part} of the run`, "leave one of them out");
    if (part.part > last.part + 1)
      return refuse(
        `${range(last.part + 1, part.part - 1)} missing between ${both}`,
        "name the parts before, or those behind, alone",
      );
    if (part.missed !== undefined)
      return refuse(
        `the disk took nothing of ${part.missed} records between ${both}`,
        "name the parts before, or those behind, alone",
      );
    if (!before.contents.goesOn || before.contents.cut)
      return refuse(
        `${before.path} lacks its end, and ${path} follows`,
        "name the parts up to it, or those behind, alone",
      );
  }
  const { cut: _, goesOn, ...last } = sorted.at(-1)!.contents;
  const { attachments, begun, part } = first.contents;
  const cut =
    sorted.at(-1)!.contents.cut ?? (goesOn && { ...goesOn, why: whyEnds(last.part?.saved, last.part?.part ?? 1) });
  return {
    attachments,
    begun,
    messages: sorted.length === 1 ? first.contents.messages : messagesOf(sorted),
    ...(part === undefined ? {} : { part }),
    ...(last.metadata === undefined ? {} : { metadata: last.metadata }),
    ...(cut === undefined ? {} : { cut }),
  };
}

/** Why a file that is whole ends before its run. */
const whyEnds = (saved: string | undefined, part: number): string =>
  saved === undefined ? `the run goes on in part ${part + 1}` : `it was saved while the run went on: ${saved}`;

async function* messagesOf(files: readonly FileContents[]): AsyncGenerator<RecordedMessage> {
  for (const { path, contents } of files) {
    try {
      // A byte of one file is no place in all of them.
      for await (const { at: _, ...message } of contents.messages) yield message;
    } catch (cause) {
      throw isChecksumError(cause) ? cause : recordingError(path, cause);
    }
  }
}
