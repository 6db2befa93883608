// Reads a recording back: the application, its programs, and every event.
import { type FileHandle, open } from "node:fs/promises";
import type { McapIndexedReader } from "@mcap/core";
import { z } from "zod";
import { fileError, IsochronError } from "../kernels/index.ts";
import { hashOf } from "../runtime/index.ts";
import { type ApplicationDescription, applicationDescription } from "./application.ts";
import { eventsBefore, hashOfChains, wholeUntil } from "./cut-recording.ts";
import { type Damage, inputDamage, type LogEntry, logDamage, type RecordedInput, recordDamage } from "./damage.ts";
import { type Cut, openIndexed, scanAll } from "./logs/index.ts";
import { decodeRecord } from "./record-message.ts";
import {
  applicationAttachment,
  artifactAttachment,
  eventsTopic,
  formatVersions,
  metadataName,
  outputTopic,
} from "./recording.ts";
import { type LoggedAdmission, loggedEvents, type RunEvent } from "./records/index.ts";

/** A recording in memory. */
export interface Recording {
  readonly application: ApplicationDescription;
  readonly artifacts: readonly Uint8Array[];
  readonly events: readonly RunEvent[];
  /** What the recording shows to be wrong with itself. */
  readonly damage: readonly Damage[];
  readonly hash: string;
  readonly mode: string;
  readonly durationNs: number;
  /** "virtual time", or the scheduling policy that was in force. */
  readonly scheduling: string;
  /** What a report takes beside the events, as JSON text; absent where the run did not say. */
  readonly about?: string;
  /** The error that ended the run, in one line. */
  readonly failure?: string;
  /** Set where the file lacks a part of what happened: events, duration and hash are those up to where it has everything. */
  readonly cut?: RecordingCut;
  /** Decisions and output bytes that were lost while recording; a recording that lost any cannot be verified. */
  readonly lost: number;
}

/** Why and where the recording of a run ends before the run. */
export interface RecordingCut {
  readonly why: string;
  /** Bytes of the file that are whole; absent where it was ended on purpose, because the disk took no more. */
  readonly at?: number;
}

const metadata = z.object({
  version: z.enum(formatVersions),
  hash: z.string(),
  mode: z.string(),
  durationNs: z.coerce.number(),
  scheduling: z.string(),
  about: z.string().optional(),
  failure: z.string().optional(),
  cut: z.string().optional(),
  lost: z.coerce.number(),
  events: z.coerce.number(),
});
const magic = Buffer.from([0x89, 0x4d, 0x43, 0x41, 0x50, 0x30, 0x0d, 0x0a]);

const foreign = (path: string, why: string): IsochronError =>
  new IsochronError("recording/foreign", `${path} is not a recording of Isochron: ${why}`, {
    help: "name a file that `isochron run --record` wrote",
  });

const isFolderError = (cause: unknown): boolean => cause instanceof Error && "code" in cause && cause.code === "EISDIR";

/** Reads a recording. Throws `file/read`, `recording/foreign`, `recording/truncated` or `recording/damaged`. */
export async function readRecording(path: string): Promise<Recording> {
  const file = await open(path).catch((cause: unknown) => {
    throw fileError("read", path, cause);
  });
  try {
    const start = Buffer.alloc(magic.length);
    const { bytesRead } = await file.read(start, 0, magic.length, 0);
    if (bytesRead < magic.length && start.subarray(0, bytesRead).equals(magic.subarray(0, bytesRead)))
      throw new Error(`it has ${bytesRead} bytes`);
    if (!start.equals(magic)) throw foreign(path, "it does not begin as an MCAP file does");
    const reader = await openIndexed(file).catch(() => undefined);
    // Without an index it was not finished, or ended in haste: what is there is read as it was written.
    if (!reader) return await readAll(path, await byScan(file));
    try {
      return await readAll(path, await byIndex(reader, true));
    } catch (cause) {
      if (!isChecksumError(cause)) throw cause;
      // What a changed byte did is for replay to show, cycle and port; that a checksum is wrong only says that there is one.
      const recording = await readAll(path, await byIndex(reader, false));
      return { ...recording, damage: [...recording.damage, { kind: "file", why: cause.message }] };
    }
  } catch (cause) {
    if (cause instanceof IsochronError) throw cause;
    if (isFolderError(cause)) throw fileError("read", path, cause);
    if (cause instanceof z.ZodError || cause instanceof SyntaxError) {
      throw new IsochronError("recording/damaged", `${path} holds something that this version does not write`, {
        details: (cause instanceof z.ZodError ? z.prettifyError(cause) : cause.message).split("\n"),
        help: "the file was changed, or recorded by another version of Isochron; record the run again",
        cause,
      });
    }
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new IsochronError("recording/truncated", `${path} is cut off or damaged: ${why}`, {
      help: "the run may have been killed while recording; record it again",
      cause,
    });
  } finally {
    await file.close();
  }
}

const isChecksumError = (cause: unknown): cause is Error => cause instanceof Error && /\bcrc\b/i.test(cause.message);

interface RecordedMessage {
  readonly topic: string;
  readonly sequence: number;
  readonly logTime: bigint;
  readonly data: Uint8Array;
}

/** What a file holds, however it was read. */
interface Contents {
  readonly attachments: ReadonlyMap<string, Uint8Array>;
  /** The run's own; absent where the file ends before. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly messages: AsyncIterable<RecordedMessage> | Iterable<RecordedMessage>;
  readonly cut?: Cut;
}

async function byIndex(reader: McapIndexedReader, validateCrcs: boolean): Promise<Contents> {
  const attachments = new Map<string, Uint8Array>();
  for await (const each of reader.readAttachments({ validateCrcs })) attachments.set(each.name, each.data);
  let found: Contents["metadata"];
  for await (const each of reader.readMetadata({ name: metadataName })) found = Object.fromEntries(each.metadata);
  async function* messages(): AsyncGenerator<RecordedMessage> {
    for await (const message of reader.readMessages({ validateCrcs }))
      yield { ...message, topic: reader.channelsById.get(message.channelId)?.topic ?? "" };
  }
  return { attachments, messages: messages(), ...(found === undefined ? {} : { metadata: found }) };
}

async function byScan(file: FileHandle): Promise<Contents> {
  const attachments = new Map<string, Uint8Array>();
  const topics = new Map<number, string>();
  const messages: RecordedMessage[] = [];
  let found: Contents["metadata"];
  const records = scanAll(file, true);
  for (;;) {
    const { done, value } = await records.next();
    if (done) return { attachments, messages, ...(found && { metadata: found }), ...(value && { cut: value }) };
    switch (value.type) {
      case "Attachment":
        attachments.set(value.name, value.data);
        break;
      case "Metadata":
        if (value.name === metadataName) found = Object.fromEntries(value.metadata);
        break;
      case "Channel":
        topics.set(value.id, value.topic);
        break;
      case "Message":
        messages.push({ ...value, topic: topics.get(value.channelId) ?? "" });
        break;
      case "Schema":
        break;
    }
  }
}

async function readAll(path: string, contents: Contents): Promise<Recording> {
  const { attachments } = contents;
  const text = attachments.get(applicationAttachment);
  if (!text && contents.cut) throw new Error(`${contents.cut.why}, before anything of a run`);
  if (!text) throw foreign(path, `it has no attachment ${applicationAttachment}`);
  const application = applicationDescription.parse(JSON.parse(new TextDecoder().decode(text)));
  const artifacts = application.programs.map(({ name }) => {
    const found = attachments.get(artifactAttachment(name));
    if (!found && contents.cut) throw new Error(`${contents.cut.why}, before anything of a run`);
    if (!found) throw foreign(path, `the program "${name}" is missing`);
    return found;
  });
  const facts = contents.metadata === undefined ? undefined : metadata.parse(contents.metadata);
  if (!facts && !contents.cut) throw foreign(path, "the run was not finished");

  const { channels, tasks } = application.table;
  const channelIds = new Map(channels.map((each, id) => [each.name, id]));
  const taskIds = new Map(tasks.map((each, id) => [each.name, id]));
  const inputs = new Map(application.inputs.map((each) => [each.topic, each.channel]));
  const outputs = new Map(
    application.outputs.map((each, id) => [
      each.topic,
      { id, task: tasks.findIndex((task) => task.output === each.channel) },
    ]),
  );
  const records = new Map(tasks.map((each, id) => [outputTopic(each.name), id]));
  const received: RecordedInput[] = [];
  const admissions: LoggedAdmission[] = [];
  const log: LogEntry[] = [];
  const damage: Damage[] = [];
  const events: RunEvent[] = [];
  const idOf = (map: ReadonlyMap<string, number>, name: string): number => {
    const id = map.get(name);
    if (id === undefined)
      throw new IsochronError("recording/damaged", `${path} names "${name}", which the application does not have`);
    return id;
  };

  const parseEvent = loggedEvents({
    task: (name) => idOf(taskIds, name),
    channel: (name) => idOf(channelIds, name),
  });
  for await (const message of contents.messages) {
    const { topic } = message;
    const time = Number(message.logTime);
    const input = inputs.get(topic);
    const output = outputs.get(topic);
    const record = records.get(topic);
    if (input !== undefined) {
      const admitted = { channel: input, sequence: message.sequence, time, bytes: message.data };
      received.push(admitted);
      events.push({ kind: "admit", ...admitted });
    } else if (output) {
      events.push({
        kind: "message",
        output: output.id,
        task: output.task,
        job: message.sequence,
        time,
        bytes: message.data,
      });
    } else if (record !== undefined) {
      const { output: channel } = tasks[record]!;
      const found = decodeRecord(channels[channel]!.fields, channels[channel]!.slotBytes, message.data);
      if (!found)
        throw new IsochronError(
          "recording/damaged",
          `${path}: an output of "${tasks[record]!.name}" has ${message.data.length} bytes`,
        );
      // The message's own number says which job it is of, so that a changed one within shows.
      const { sequence: number } = message;
      const { sequence, chain, slot } = found;
      damage.push(...recordDamage(record, channels[channel]!.fields, { ...found, job: number }, message.data));
      events.push(
        sequence === 0
          ? { kind: "discarded", task: record, job: number, bytes: slot, chain }
          : { kind: "output", task: record, job: number, channel, sequence, time, bytes: slot, chain },
      );
    } else if (topic === eventsTopic) {
      const event = parseEvent(JSON.parse(new TextDecoder().decode(message.data)));
      log.push({
        index: message.sequence,
        task: "task" in event ? tasks[event.task]!.name : "(none)",
        job: "job" in event ? event.job : 0,
      });
      if (event.kind === "admit") admissions.push(event);
      else events.push(event);
    }
  }
  application.programs.forEach(({ blake3 }, program) => {
    if (hashOf(artifacts[program]!) !== blake3) damage.push({ kind: "program", program });
  });
  if (contents.cut?.damaged) damage.push({ kind: "file", why: contents.cut.why });
  const read = { application, artifacts, events, damage, received, admissions, log };
  // What a run says at its end stands before its last events.
  const cut = contents.cut?.allData ? undefined : contents.cut;
  return facts && !cut && facts.cut === undefined && facts.failure === undefined
    ? whole(read, facts)
    : upToEnd(read, cut, facts);
}

/** What was read, before it is known how much of it counts. */
interface ReadRecording {
  readonly application: ApplicationDescription;
  readonly artifacts: readonly Uint8Array[];
  readonly events: readonly RunEvent[];
  readonly damage: readonly Damage[];
  readonly received: readonly RecordedInput[];
  readonly admissions: readonly LoggedAdmission[];
  readonly log: readonly LogEntry[];
}

type Facts = z.infer<typeof metadata>;

/** What a run said of itself, as the recording has it. */
const said = ({ mode, scheduling, about, failure }: Facts) => ({
  mode,
  scheduling,
  ...(about === undefined ? {} : { about }),
  ...(failure === undefined ? {} : { failure }),
});

function whole(
  { application, artifacts, events, damage, received, admissions, log }: ReadRecording,
  facts: Facts,
): Recording {
  return {
    application,
    artifacts,
    events,
    damage: [...damage, ...inputDamage(received, admissions), ...logDamage(log, facts.events)],
    hash: facts.hash,
    durationNs: facts.durationNs,
    ...said(facts),
    lost: facts.lost,
  };
}

/** A recording of a run that failed, or that was cut: its events end where all of them are there, and its hash is theirs. */
function upToEnd(read: ReadRecording, cut: Cut | undefined, facts: Facts | undefined): Recording {
  const { application, artifacts, received, admissions, log } = read;
  const complete = facts !== undefined && facts.cut === undefined && !cut;
  const known = complete ? facts.durationNs : wholeUntil(application, read.events);
  const durationNs = Math.min(known, facts?.durationNs ?? Number.POSITIVE_INFINITY);
  const events = eventsBefore(application, read.events, durationNs);
  const isBefore = ({ time }: { readonly time: number }) => time < durationNs;
  const kept = new Set(events.flatMap((event) => ("job" in event ? [`${event.task} ${event.job}`] : [])));
  const damage = read.damage.filter((each) => each.kind !== "record" || kept.has(`${each.task} ${each.job}`));
  const count = complete ? facts.events : log.reduce((most, { index }) => Math.max(most, index + 1), 0);
  const ended = facts?.cut === undefined ? cut : { why: facts.cut };
  return {
    application,
    artifacts,
    events,
    damage: [
      ...damage,
      ...inputDamage(received.filter(isBefore), admissions.filter(isBefore)),
      ...logDamage(log, count),
    ],
    hash: hashOfChains(application, events),
    durationNs,
    ...(facts
      ? said(facts)
      : { mode: isLive(events) ? "live" : "virtual", scheduling: "not known: the recording has no end" }),
    ...(complete || !ended ? {} : { cut: { why: ended.why, ...("at" in ended ? { at: ended.at } : {}) } }),
    lost: events.reduce(
      (sum, event) => (event.kind === "lost" && event.what !== "traces" ? sum + event.count : sum),
      0,
    ),
  };
}

/** Only live runs measure when jobs ran. */
const isLive = (events: readonly RunEvent[]): boolean => events.some((event) => event.kind === "trace");
