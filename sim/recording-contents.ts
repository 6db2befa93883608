// What the MCAP file of a recording holds, before anything is made of it: attachments, facts, and messages in some order.
import { type FileHandle, open } from "node:fs/promises";
import type { McapIndexedReader, McapTypes } from "@mcap/core";
import { z } from "zod";
import { checkArgument, fileError, IsochronError } from "../kernels/index.ts";
import { type ApplicationDescription, applicationDescription } from "./application.ts";
import { type Cut, scanAll } from "./logs/index.ts";
import {
  applicationAttachment,
  epochMetadataName,
  formatVersions,
  goesOnMetadataName,
  metadataName,
  partMetadataName,
} from "./recording-layout.ts";

/** What a run says of itself at its end. */
export const runFacts = z.object({
  version: z.enum(formatVersions),
  hash: z.string(),
  mode: z.enum(["virtual", "live"]),
  durationNs: z.coerce.number(),
  scheduling: z.string(),
  about: z.string().optional(),
  failure: z.string().optional(),
  cut: z.string().optional(),
  lost: z.coerce.number(),
  events: z.coerce.number(),
});

export type Facts = z.infer<typeof runFacts>;

const epochFacts = z.object({
  epochNs: z.string().regex(/^\d+$/).transform(BigInt),
  mode: runFacts.shape.mode.exactOptional(),
});

/** What a run says of itself at its beginning. */
type Begun = z.infer<typeof epochFacts>;

const partFacts = z.object({
  run: z.string(),
  part: z.coerce.number().pipe(z.int().min(1)),
  fromNs: z.coerce.number().pipe(z.int().min(0)),
  firstEvent: z.coerce.number().pipe(z.int().min(0)),
  missed: z.coerce.number().pipe(z.int().min(1)).exactOptional(),
  saved: z.string().exactOptional(),
});

const goesOnFacts = z.object({ untilNs: z.coerce.number().pipe(z.int().min(0)).exactOptional() });

/**
 * Which part of its run a file is, counted from 1: it begins with the keyframe of `fromNs`, or with the run, and its first record
 * of the log has the number `firstEvent`. `missed` records before it are in no part, since the disk took none; `saved` says
 * why it was saved from memory, and then it is no part of others.
 */
export type Part = z.infer<typeof partFacts>;

/** A message of the file. */
export interface RecordedMessage {
  readonly topic: string;
  readonly sequence: number;
  /** Since the epoch. */
  readonly timeNs: number;
  readonly data: Uint8Array;
  /** The byte of the file at which its record begins; absent where it was not read in the order of the file, or is compressed. */
  readonly at?: number;
}

/** What a file holds, however it was read. */
export interface Contents {
  readonly attachments: ReadonlyMap<string, Uint8Array>;
  /** The run's own; absent where the file ends before. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly begun: Begun;
  readonly part?: Part;
  /** The run goes on behind the file, which has everything before an instant, where that is known. */
  readonly goesOn?: z.infer<typeof goesOnFacts>;
  readonly messages: AsyncIterable<RecordedMessage> | Iterable<RecordedMessage>;
  /** Where and why it ends before its run; without a place where it is whole, and the run goes on elsewhere. */
  readonly cut?: Omit<Cut, "at"> & Partial<Pick<Cut, "at">> & { readonly untilNs?: number };
}

const magic = Buffer.from([0x89, 0x4d, 0x43, 0x41, 0x50, 0x30, 0x0d, 0x0a]);

const foreign = (path: string, why: string): IsochronError =>
  new IsochronError("recording/foreign", `${path} is not a recording of Isochron: ${why}`, {
    help: "name a file that `isochron run --record` wrote",
  });

const isFolderError = (cause: unknown): boolean => cause instanceof Error && "code" in cause && cause.code === "EISDIR";

/** Whether a checksum of the file does not hold. */
export const isChecksumError = (cause: unknown): cause is Error =>
  cause instanceof Error && /\bcrc\b/i.test(cause.message);

/** What reading a file failed by, with a code and a remedy. */
export function recordingError(path: string, cause: unknown): Error {
  if (cause instanceof IsochronError) return cause;
  if (isFolderError(cause)) return fileError("read", path, cause);
  if (cause instanceof z.ZodError || cause instanceof SyntaxError) {
    return new IsochronError("recording/damaged", `${path} holds something that this version does not write`, {
      details: (cause instanceof z.ZodError ? z.prettifyError(cause) : cause.message).split("\n"),
      help: "the file was changed, or recorded by another version of Isochron; record the run again",
      cause,
    });
  }
  const why = cause instanceof Error ? cause.message : String(cause);
  return new IsochronError("recording/truncated", `${path} is cut off or damaged: ${why}`, {
    help: "the run may have been killed while recording; record it again",
    cause,
  });
}

/** Opens a recording for `read`. Throws `file/read`, `recording/foreign`, `recording/truncated` or `recording/damaged`. */
export async function withRecording<T>(path: string, read: (file: FileHandle) => Promise<T>): Promise<T> {
  checkArgument("recording", "a recording", "path", z.string().min(1).describe("the path of a file"), path);
  const file = await open(path).catch((cause: unknown) => {
    throw fileError("read", path, cause);
  });
  try {
    const start = Buffer.alloc(magic.length);
    const { bytesRead } = await file.read(start, 0, magic.length, 0);
    if (bytesRead < magic.length && start.subarray(0, bytesRead).equals(magic.subarray(0, bytesRead)))
      throw new Error(`it has ${bytesRead} bytes, before anything of a run`);
    if (!start.equals(magic)) throw foreign(path, "it does not begin as an MCAP file does");
    return await read(file);
  } catch (cause) {
    throw recordingError(path, cause);
  } finally {
    await file.close();
  }
}

/** The contents by the index at the file's end; messages in the order of their times. */
export async function contentsByIndex(reader: McapIndexedReader, validateCrcs: boolean): Promise<Contents> {
  const attachments = new Map<string, Uint8Array>();
  for await (const each of reader.readAttachments({ validateCrcs })) attachments.set(each.name, each.data);
  let found: Contents["metadata"];
  for await (const each of reader.readMetadata({ name: metadataName })) found = Object.fromEntries(each.metadata);
  let begun: Begun = { epochNs: 0n };
  for await (const each of reader.readMetadata({ name: epochMetadataName })) begun = begunIn(each.metadata);
  let place: Pick<Contents, "part" | "goesOn"> = {};
  for await (const each of reader.readMetadata()) place = { ...place, ...placeIn(each) };
  async function* messages(): AsyncGenerator<RecordedMessage> {
    for await (const { channelId, sequence, logTime, data } of reader.readMessages({ validateCrcs }))
      yield {
        topic: reader.channelsById.get(channelId)?.topic ?? "",
        sequence,
        timeNs: Number(logTime - begun.epochNs),
        data,
      };
  }
  return { attachments, begun, ...place, messages: messages(), ...(found === undefined ? {} : { metadata: found }) };
}

const begunIn = (metadata: ReadonlyMap<string, string>): Begun => epochFacts.parse(Object.fromEntries(metadata));

/** What a file's metadata say of its place in its run. */
function placeIn({ name, metadata }: McapTypes.Metadata): Pick<Contents, "part" | "goesOn"> {
  if (name === partMetadataName) return { part: partFacts.parse(Object.fromEntries(metadata)) };
  return name === goesOnMetadataName ? { goesOn: goesOnFacts.parse(Object.fromEntries(metadata)) } : {};
}

/** The contents as they were written, as far as they can be read. */
export async function contentsByScan(file: FileHandle): Promise<Contents & { readonly cut?: Cut }> {
  const attachments = new Map<string, Uint8Array>();
  const topics = new Map<number, string>();
  const messages: RecordedMessage[] = [];
  let found: Contents["metadata"];
  let begun: Begun = { epochNs: 0n };
  let place: Pick<Contents, "part" | "goesOn"> = {};
  const records = scanAll(file, true);
  for (;;) {
    const { done, value } = await records.next();
    if (done)
      return {
        ...{ attachments, begun, messages, ...place },
        ...(found && { metadata: found }),
        ...(value && { cut: value }),
      };
    const { record, at } = value;
    switch (record.type) {
      case "Attachment":
        attachments.set(record.name, record.data);
        break;
      case "Metadata":
        if (record.name === metadataName) found = Object.fromEntries(record.metadata);
        if (record.name === epochMetadataName) begun = begunIn(record.metadata);
        place = { ...place, ...placeIn(record) };
        break;
      case "Channel":
        topics.set(record.id, record.topic);
        break;
      case "Message": {
        const { sequence, logTime, data } = record;
        const topic = topics.get(record.channelId) ?? "";
        const timeNs = Number(logTime - begun.epochNs);
        messages.push({ topic, sequence, timeNs, data, ...(at === undefined ? {} : { at }) });
        break;
      }
      case "Schema":
        break;
    }
  }
}

/** An attachment that every recording has; `why` tells a foreign file what it lacks. */
export function attached(path: string, { attachments, cut }: Contents, name: string, why: string): Uint8Array {
  const found = attachments.get(name);
  if (found) return found;
  if (cut) throw new Error(`${cut.why}, before anything of a run`);
  throw foreign(path, why);
}

/** The application that ran. Throws `recording/foreign`, a `ZodError` or a `SyntaxError`. */
export const applicationOf = (path: string, contents: Contents): ApplicationDescription => {
  const text = attached(path, contents, applicationAttachment, `it has no attachment ${applicationAttachment}`);
  return applicationDescription.parse(JSON.parse(new TextDecoder().decode(text)));
};

/** Throws `recording/foreign` where a file that is whole says nothing of a run's end. */
export function checkFinished(path: string, { metadata, cut }: Contents): void {
  if (metadata === undefined && !cut) throw foreign(path, "the run was not finished");
}
