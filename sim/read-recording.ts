// Reads a recording back: the application, its programs, and every event.
import { open } from "node:fs/promises";
import type { McapIndexedReader } from "@mcap/core";
import { z } from "zod";
import { fileError, IsochronError } from "../kernels/index.ts";
import { hashOf } from "../runtime/index.ts";
import { type ApplicationDescription, applicationDescription } from "./application.ts";
import {
  type Damage,
  inputDamage,
  type LogEntry,
  type LoggedAdmission,
  logDamage,
  type RecordedInput,
  recordDamage,
} from "./damage.ts";
import type { RunEvent } from "./events.ts";
import { openIndexed } from "./logs/index.ts";
import { decodeRecord } from "./record-message.ts";
import {
  applicationAttachment,
  artifactAttachment,
  eventsTopic,
  formatVersion,
  metadataName,
  outputTopic,
} from "./recording.ts";

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
  /** Decisions and output bytes that were lost while recording; a recording that lost any cannot be verified. */
  readonly lost: number;
}

const metadata = z.object({
  version: z.literal(formatVersion),
  hash: z.string(),
  mode: z.string(),
  durationNs: z.coerce.number(),
  scheduling: z.string(),
  about: z.string().optional(),
  lost: z.coerce.number(),
  events: z.coerce.number(),
});
const integer = z.int();
const job = { task: z.string(), job: integer };
const eventJson = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("admit"),
    channel: z.string(),
    sequence: integer,
    time: integer,
    blake3: z.string(),
    crc32: integer,
  }),
  z.object({
    kind: z.literal("release"),
    ...job,
    time: integer,
    pins: z.array(z.object({ channel: z.string(), sequence: integer, held: z.boolean() })),
  }),
  z.object({ kind: z.literal("verdict"), ...job, time: integer, overrun: z.boolean() }),
  z.object({ kind: z.literal("skipped"), ...job, time: integer, reason: z.enum(["busy", "early", "stopped", "late"]) }),
  z.object({ kind: z.literal("trace"), ...job, release: integer, start: integer, end: integer }),
  z.object({ kind: z.literal("fault"), ...job, duration: integer }),
  z.object({ kind: z.literal("keyframe"), ...job, time: integer, states: z.string() }),
  z.object({
    kind: z.literal("visible"),
    channel: z.string(),
    sequence: integer,
    time: integer,
    blake3: z.string(),
  }),
  z.object({
    kind: z.literal("rejected"),
    channel: z.string(),
    sequence: integer,
    time: integer,
    reason: z.string(),
  }),
  z.object({ kind: z.literal("lost"), what: integer, count: integer }),
]);

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
    const reader = await openIndexed(file);
    try {
      return await readAll(path, reader, true);
    } catch (cause) {
      if (!isChecksumError(cause)) throw cause;
      // What a changed byte did is for replay to show, cycle and port; that a checksum is wrong only says that there is one.
      const recording = await readAll(path, reader, false);
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
    throw new IsochronError(
      "recording/truncated",
      `${path} is cut off or damaged: ${why.startsWith("Expected MCAP magic") ? "its end is missing" : why}`,
      {
        help: "the run may have been killed while recording; record it again",
        cause,
      },
    );
  } finally {
    await file.close();
  }
}

const isChecksumError = (cause: unknown): cause is Error => cause instanceof Error && /\bcrc\b/i.test(cause.message);

async function readAll(path: string, reader: McapIndexedReader, validateCrcs: boolean): Promise<Recording> {
  const attachments = new Map<string, Uint8Array>();
  for await (const each of reader.readAttachments({ validateCrcs })) attachments.set(each.name, each.data);
  const text = attachments.get(applicationAttachment);
  if (!text) throw foreign(path, `it has no attachment ${applicationAttachment}`);
  const application = applicationDescription.parse(JSON.parse(new TextDecoder().decode(text)));
  const artifacts = application.programs.map(({ name }) => {
    const found = attachments.get(artifactAttachment(name));
    if (!found) throw foreign(path, `the program "${name}" is missing`);
    return found;
  });
  let facts: z.infer<typeof metadata> | undefined;
  for await (const each of reader.readMetadata({ name: metadataName }))
    facts = metadata.parse(Object.fromEntries(each.metadata));
  if (!facts) throw foreign(path, "the run was not finished");

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

  for await (const message of reader.readMessages({ validateCrcs })) {
    const topic = reader.channelsById.get(message.channelId)?.topic ?? "";
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
      const event = eventJson.parse(JSON.parse(new TextDecoder().decode(message.data)));
      log.push({
        index: message.sequence,
        task: "task" in event ? event.task : "(none)",
        job: "job" in event ? event.job : 0,
      });
      if (event.kind === "admit") admissions.push({ ...event, channel: idOf(channelIds, event.channel) });
      else if (event.kind === "lost") events.push(event);
      else if (event.kind === "visible" || event.kind === "rejected")
        events.push({ ...event, channel: idOf(channelIds, event.channel) });
      else if (event.kind === "release") {
        const pins = event.pins.map(({ channel, ...pin }) => ({ channel: idOf(channelIds, channel), ...pin }));
        events.push({ ...event, task: idOf(taskIds, event.task), pins });
      } else if (event.kind === "keyframe") {
        events.push({ ...event, task: idOf(taskIds, event.task), states: Buffer.from(event.states, "base64") });
      } else events.push({ ...event, task: idOf(taskIds, event.task) });
    }
  }
  application.programs.forEach(({ blake3 }, program) => {
    if (hashOf(artifacts[program]!) !== blake3) damage.push({ kind: "program", program });
  });
  damage.push(...inputDamage(received, admissions), ...logDamage(log, facts.events));
  return {
    application,
    artifacts,
    events,
    damage,
    hash: facts.hash,
    mode: facts.mode,
    durationNs: facts.durationNs,
    scheduling: facts.scheduling,
    ...(facts.about === undefined ? {} : { about: facts.about }),
    lost: facts.lost,
  };
}
