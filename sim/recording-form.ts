// What a recording is kept in: one file, parts in a folder, or the last of the run in memory.
import { lstatSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { fileError, IsochronError, optionsOf } from "../kernels/index.ts";
import { type Duration, durationAboveZero, parseDuration } from "../scheduler/index.ts";

/** Options that say what a recording is kept in. */
export interface RecordingFormOptions {
  /** In parts, in a folder: a new one at the first keyframe behind so many bytes ("1GB"), or behind so much of the run ("5min"). */
  readonly split?: string;
  /** The oldest parts are removed where all would be larger than this: "20GB". */
  readonly keep?: string;
  /** So much of the run is kept in memory; what is saved of it stands in a folder, each in a file of its own. */
  readonly last?: Duration;
}

/** What a recording is kept in: one file, parts in a folder, or the last of the run in memory. */
export type RecordingForm =
  | { readonly kind: "file" }
  | { readonly kind: "parts"; readonly bytes?: number; readonly timeNs?: number; readonly keepBytes?: number }
  | { readonly kind: "last"; readonly timeNs: number };

const units: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
  TIB: 2 ** 40,
};

/** Bytes of a size such as "1GB"; undefined for what is none. */
function bytesOf(text: string): number | undefined {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([KMGT]?i?B)\s*$/i.exec(text);
  const bytes = match && Math.round(Number(match[1]) * (units[match[2]!.toUpperCase()] ?? Number.NaN));
  return bytes !== null && Number.isSafeInteger(bytes) && bytes > 0 ? bytes : undefined;
}

function durationOf(text: string): number | undefined {
  try {
    const ns = parseDuration(text);
    return ns > 0 ? ns : undefined;
  } catch {
    return undefined;
  }
}

/** Schemas of these options, for every function that takes them. */
export const formSchemas = () => ({
  split: z.string().describe("a size or a duration, such as 1GB or 5min").optional(),
  keep: z.string().describe("a size, such as 20GB").optional(),
  last: durationAboveZero.optional(),
});
const checkForm = optionsOf<RecordingFormOptions>("recording", "recordingForm", formSchemas);

/** What a recording is kept in. Throws `recording/split`, `recording/keep`, `recording/last`. */
export function recordingForm(options: RecordingFormOptions): RecordingForm {
  checkForm(options);
  const { split, keep, last } = options;
  if (keep !== undefined && split === undefined) {
    throw new IsochronError(
      "recording/keep",
      "only the oldest parts of a recording can be removed, and it has no parts",
      {
        help: `give --split with it, as in --split 1GB --keep ${keep}`,
      },
    );
  }
  if (last !== undefined) {
    if (split !== undefined) {
      throw new IsochronError("recording/last", "what is kept in memory has no parts", {
        help: "give --split to record all of the run, or --last to save the last of it",
      });
    }
    return { kind: "last", timeNs: parseDuration(last) };
  }
  if (split === undefined) return { kind: "file" };
  const [bytes, timeNs] = [bytesOf(split), durationOf(split)];
  if (bytes === undefined && timeNs === undefined) {
    throw new IsochronError("recording/split", `"${split}" is neither a size nor a duration above 0`, {
      help: "a part's size or how much of the run it has, as in --split 1GB or --split 5min",
    });
  }
  if (keep === undefined) return { kind: "parts", ...(bytes === undefined ? { timeNs: timeNs! } : { bytes }) };
  const keepBytes = bytesOf(keep);
  if (keepBytes === undefined) {
    throw new IsochronError("recording/keep", `"${keep}" is not a size`, {
      help: "a number and a unit, as in --keep 20GB",
    });
  }
  if (bytes !== undefined && keepBytes < bytes) {
    throw new IsochronError("recording/keep", `--keep ${keep} is less than one part, which --split ${split} makes`, {
      help: "keep at least as much as one part",
    });
  }
  // How large a part becomes is not known of a duration: it ends at half of what is kept, so that one stays while the next is written.
  return bytes === undefined
    ? { kind: "parts", timeNs: timeNs!, bytes: Math.max(1, Math.floor(keepBytes / 2)), keepBytes }
    : { kind: "parts", bytes, keepBytes };
}

const ours = /^(part-\d+\.mcap(\.partial)?|saved-\d+-[\w-]+\.mcap(\.partial)?)$/;

/** What a folder of recordings may stand in the place of: nothing, or, where that is replaced, another such folder. Throws `file/exists`. */
export function checkFolder(path: string, replace: boolean): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return false;
  const exists = (why: string, help: string) =>
    new IsochronError("file/exists", `${path} is not replaced: ${why}`, { help });
  if (!replace) throw exists("it exists already", "record under another name, or replace a recording: --force");
  if (!found.isDirectory()) throw exists("it is no folder of recordings", "record under another name");
  const other = readdirSync(path).find((name) => !ours.test(name));
  if (other !== undefined) throw exists(`it holds ${other}, which is no recording`, "record under another name");
  return true;
}

/** Removes a folder of recordings that is to be replaced. Throws `file/exists`, `file/write`. */
export function removeFolder(path: string): void {
  if (!checkFolder(path, true)) return;
  try {
    for (const name of readdirSync(path)) rmSync(join(path, name));
    rmSync(path, { recursive: true });
  } catch (cause) {
    throw fileError("write", path, cause);
  }
}
