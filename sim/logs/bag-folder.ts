// A bag as rosbag2 leaves it: a folder of files, one after the other, and metadata.yaml, which says which.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, isAbsolute, join } from "node:path";
import { z } from "zod";
import { fileError, IsochronError } from "../../kernels/index.ts";
import type { Log, LogMessage, MessageQuery, Recovery } from "./log.ts";
import { earlierFirst, spanOf } from "./order.ts";
import { findTopic, joinTopics, type LogTopic } from "./topics.ts";

/** What metadata.yaml says that a reader needs; counts and times are the files' own to say. */
const metadata = z.object({
  rosbag2_bagfile_information: z.object({ relative_file_paths: z.array(z.string().min(1)).min(1) }),
});

/** Loaded where a bag is a folder. */
const yaml = () => createRequire(import.meta.url)("yaml") as typeof import("yaml");

export const metadataName = "metadata.yaml";

const exists = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() === true;

/**
 * The files of a bag in the order of their recording: those that metadata.yaml names; without it, as a recorder that was killed
 * leaves a bag, all `.mcap` and `.db3` files in the order of their numbers.
 *
 * Throws `log/metadata`, `log/missing-file`, `log/no-bag`.
 */
export function bagFiles(folder: string): string[] {
  if (exists(join(folder, metadataName))) return namedFiles(folder);
  const isLog = /\.(mcap|db3)(\.zstd?)?$/;
  const names = readdirSync(folder).filter((name) => isLog.test(name) && exists(join(folder, name)));
  // What was compressed may lie beside what it was made of.
  const raw = names.filter((name) => !names.some((other) => other !== name && name.startsWith(`${other}.zst`)));
  if (raw.length === 0) {
    throw new IsochronError("log/no-bag", `${folder} is a folder without ${metadataName}, .mcap or .db3 files`, {
      help: "name a log, or the folder of a bag",
    });
  }
  return raw.sort(new Intl.Collator("en", { numeric: true }).compare).map((name) => join(folder, name));
}

function namedFiles(folder: string): string[] {
  const path = join(folder, metadataName);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw fileError("read", path, cause);
  }
  let names: string[];
  try {
    names = metadata.parse(yaml().parse(text)).rosbag2_bagfile_information.relative_file_paths;
  } catch (cause) {
    const why = cause instanceof z.ZodError ? z.prettifyError(cause) : String((cause as Error).message);
    throw new IsochronError("log/metadata", `${path} does not say which files the bag has`, {
      details: why.split("\n"),
      help: "ros2 bag reindex FOLDER writes it again; without the file, all .mcap and .db3 files beside it count",
      cause,
    });
  }
  return names.map((name) => {
    // The first versions wrote paths from the folder above.
    const places = isAbsolute(name) ? [name] : [join(folder, name), join(folder, basename(name))];
    const found = places.flatMap((place) => [place, `${place}.zstd`]).find(exists);
    if (found !== undefined) return found;
    throw new IsochronError("log/missing-file", `${path} names ${name}, which is not there`, {
      details: [`the bag has ${names.length} file${names.length === 1 ? "" : "s"}: ${names.join(", ")}`],
      help: "put the file there, or name the files that you have one by one",
    });
  });
}

/** A bag's files as one log. A last file that a killed recorder left empty is passed over, and said to be. */
export async function openBagFolder(folder: string, open: (path: string) => Promise<Log>): Promise<Log> {
  const files = bagFiles(folder);
  const parts: Log[] = [];
  let missing: string | undefined;
  for (const [at, file] of files.entries()) {
    try {
      parts.push(await open(file));
    } catch (cause) {
      const isUnwritten = cause instanceof IsochronError && ["log/empty", "log/truncated"].includes(cause.code);
      if (!isUnwritten || at < files.length - 1 || at === 0) throw cause;
      missing = `${basename(file)} is empty`;
    }
  }
  return new JoinedLog(folder, parts, missing);
}

/** Several logs as one. */
class JoinedLog implements Log {
  readonly path: string;
  readonly topics: readonly LogTopic[];
  readonly messageCount: number;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly recovered?: Recovery;
  readonly library: string;
  readonly compressions: readonly string[];
  readonly #parts: readonly Log[];

  constructor(path: string, parts: readonly Log[], missing: string | undefined) {
    this.path = path;
    this.#parts = parts;
    this.topics = joinTopics(parts.flatMap(({ topics }) => topics));
    this.messageCount = parts.reduce((sum, part) => sum + part.messageCount, 0);
    [this.startNs, this.endNs] = spanOf(parts.filter((part) => part.messageCount > 0));
    this.library = [...new Set(parts.map(({ library }) => library).filter((each) => each !== ""))].join(", ");
    this.compressions = [...new Set(parts.flatMap(({ compressions }) => compressions))];
    const cuts = parts.flatMap(({ path: file, recovered }) =>
      recovered ? [{ file: basename(file), ...recovered }] : [],
    );
    if (cuts.length > 0 || missing !== undefined) {
      const whys = cuts.map(({ file, why, at }) => `${file} is whole up to byte ${at}: ${why}`);
      const why = [...whys, ...(missing === undefined ? [] : [missing])].join("; ");
      this.recovered = { at: cuts[0]?.at ?? 0, why, messages: this.messageCount };
    }
  }

  topic(name: string): LogTopic {
    return findTopic(this.path, this.topics, name);
  }

  messages(query: MessageQuery): AsyncGenerator<LogMessage> {
    for (const topic of query.topics ?? []) this.topic(topic);
    const readings = this.#parts
      .map((part) => {
        const topics = (query.topics ?? [...new Set(part.topics.map(({ topic }) => topic))]).filter((name) =>
          part.topics.some(({ topic }) => topic === name),
        );
        return {
          startNs: query.by === "log" ? part.startNs : undefined,
          read: () => part.messages({ ...query, topics }),
          topics,
        };
      })
      .filter(({ topics }) => topics.length > 0);
    return merged(readings);
  }
}

/** Messages to come, from a time on that is known or not. */
interface Reading {
  readonly startNs: bigint | undefined;
  read(): AsyncGenerator<LogMessage>;
}

/**
 * The messages of several readings in the order of their times, equal ones in the order of the readings. A reading is begun when
 * its time may have come, so that of files that follow each other one is open at a time.
 */
async function* merged(readings: readonly Reading[]): AsyncGenerator<LogMessage> {
  const waiting = new Set(readings.keys());
  const heads = new Map<number, { readonly from: AsyncGenerator<LogMessage>; message: LogMessage }>();
  const advance = async (at: number, from: AsyncGenerator<LogMessage>) => {
    const next = await from.next();
    if (next.done === true) heads.delete(at);
    else heads.set(at, { from, message: next.value });
  };
  const earliest = () => {
    let found: number | undefined;
    for (const [at, { message }] of heads) {
      const best = found === undefined ? undefined : heads.get(found)!.message;
      if (!best || message.timeNs < best.timeNs || (message.timeNs === best.timeNs && at < found!)) found = at;
    }
    return found;
  };
  try {
    for (;;) {
      const at = earliest();
      const due = [...waiting].filter((each) => {
        const { startNs } = readings[each]!;
        return startNs === undefined || (at !== undefined && startNs <= heads.get(at)!.message.timeNs);
      });
      const [first] = [...waiting].sort(
        (one, other) => earlierFirst(readings[one]!.startNs ?? 0n, readings[other]!.startNs ?? 0n) || one - other,
      );
      const begun = due.length > 0 ? due : at === undefined && first !== undefined ? [first] : [];
      if (begun.length > 0) {
        for (const each of begun) {
          waiting.delete(each);
          await advance(each, readings[each]!.read());
        }
        continue;
      }
      if (at === undefined) return;
      const { from, message } = heads.get(at)!;
      yield message;
      await advance(at, from);
    }
  } finally {
    for (const { from } of heads.values()) await from.return(undefined);
  }
}
