// Writes a run as MCAP: inputs as received, outputs, decisions and hashes, with all that replaying it takes.
import { rmSync } from "node:fs";
import { McapRecordBuilder, McapWriter } from "@mcap/core";
import { z } from "zod";
import { checkArgument, fileError, IsochronError, optionsOf, place, replaces } from "../kernels/index.ts";
import { type ApplicationDescription, definitionsIn } from "./application.ts";
import { checkLegal } from "./audit/index.ts";
import { encodeRecord, recordSchema } from "./record-message.ts";
import { partialOf, RecordingFile, recordingFile } from "./recording-file.ts";
import {
  applicationAttachment,
  artifactAttachment,
  epochMetadataName,
  eventsTopic,
  formatVersion,
  metadataName,
  outputTopic,
} from "./recording-layout.ts";
import { eventJsonSchema, eventToJson, type RecordNames, type RunEvent } from "./records/index.ts";
import type { SentMessage } from "./topic-codecs.ts";

/** What the end of a run adds to its recording. */
export interface RunSummary {
  readonly hash: string;
  readonly mode: "virtual" | "live";
  readonly durationNs: number;
  /** "virtual time", or the scheduling policy in force. */
  readonly scheduling: string;
  /** What a report takes beside the events (machine, threads, the world's summary), as JSON text. */
  readonly about?: string;
  /** The error that ended the run, in one line. */
  readonly failure?: string;
}

/** Options of a recording. */
export interface RecordingOptions {
  /** Another recording that has the name is replaced once this one is finished. */
  readonly replace?: boolean;
}

/** What a name can be given instead of one that is taken. */
const anotherName = "record under another name, or replace a recording: --force";

const checkOptions = optionsOf<RecordingOptions>("recording", "checkRecordingName", () => ({
  replace: z.boolean().optional(),
}));

/** Refuses a name that is taken. Throws `file/exists`, `file/write`. */
export function checkRecordingName(path: string, options: RecordingOptions = {}): void {
  checkArgument("recording", "checkRecordingName", "path", z.string().min(1).describe("the path of a file"), path);
  checkOptions(options);
  const { replace } = options;
  replaces(path, replace ? recordingFile : undefined, replace ? "record under another name" : anotherName);
}

/** Bytes of records after which a chunk is written, and milliseconds: what a run that is killed loses at most. */
const chunkBytes = 2 ** 20;
const chunkMs = 500;

/**
 * A recording being written: under `NAME.partial` until `finish`, and for good where the process ends before, up to what
 * was written in the last half second.
 */
export class RecordingWriter {
  readonly #path: string;
  readonly #options: RecordingOptions;
  readonly #application: ApplicationDescription;
  readonly #file: RecordingFile;
  readonly #writer: McapWriter;
  readonly #inputs: ReadonlyMap<number, number>;
  readonly #outputs: readonly number[];
  readonly #publications: readonly number[];
  readonly #tasks: readonly number[];
  readonly #events: number;
  readonly #chunk: ChunkLimit;
  /** Why the file took no more. */
  #failure: IsochronError | undefined;
  readonly #names: RecordNames;
  #eventCount = 0;
  #sentCount = 0;
  #lost = 0;
  #time = 0;
  #epochNs = 0n;

  private constructor(
    path: string,
    options: RecordingOptions,
    application: ApplicationDescription,
    file: RecordingFile,
    writer: McapWriter,
    chunk: ChunkLimit,
    channels: Channels,
  ) {
    this.#path = path;
    this.#options = options;
    this.#application = application;
    this.#file = file;
    this.#writer = writer;
    this.#chunk = chunk;
    this.#inputs = channels.inputs;
    this.#outputs = channels.outputs;
    this.#publications = channels.publications;
    this.#tasks = channels.tasks;
    this.#events = channels.events;
    const { table } = application;
    this.#names = { tasks: table.tasks.map((row) => row.name), channels: table.channels.map((row) => row.name) };
  }

  /** Begins a recording. Throws `file/exists` where its name is taken, `file/write` where the file cannot be made. */
  static async open(
    path: string,
    application: ApplicationDescription,
    artifacts: readonly Uint8Array[],
    options: RecordingOptions = {},
  ): Promise<RecordingWriter> {
    checkRecordingName(path, options);
    const file = await RecordingFile.create(path);
    try {
      const chunk = new ChunkLimit();
      const writer = new McapWriter({ writable: file, chunkSize: chunk as unknown as number });
      await writer.start({ profile: "ros2", library: "isochron" });
      await writer.addAttachment(
        attachment(applicationAttachment, "application/json", Buffer.from(JSON.stringify(application))),
      );
      for (const [at, { name }] of application.programs.entries()) {
        await writer.addAttachment(attachment(artifactAttachment(name), "application/zip", artifacts[at]!));
      }
      file.keep();
      const channels = await registerChannels(writer, application);
      return new RecordingWriter(path, options, application, file, writer, chunk, channels);
    } catch (cause) {
      await file.abandon();
      rmSync(partialOf(path), { force: true });
      throw fileError("write", path, cause);
    }
  }

  /**
   * Says, before any event is added, which ROS time logical 0 has and what kind of run it is: one that is killed says
   * nothing more of itself. Throws `file/write`.
   */
  async begin(epochNs: bigint, mode: RunSummary["mode"]): Promise<void> {
    this.#epochNs = epochNs;
    if (epochNs === 0n && mode === "virtual") return;
    try {
      const metadata = new Map(Object.entries({ epochNs: String(epochNs), mode }));
      await this.#writer.addMetadata({ name: epochMetadataName, metadata });
      this.#file.keep();
    } catch (cause) {
      this.#failure = fileError("write", this.#path, cause);
      throw this.#failure;
    }
  }

  /**
   * Adds events in their order. Throws `file/write` where the disk does not take them: then `finish` ends the recording
   * with what it has.
   */
  async add(events: readonly RunEvent[]): Promise<void> {
    if (this.#failure) throw this.#failure;
    try {
      for (const event of events) await this.#add(event);
    } catch (cause) {
      this.#failure = fileError("write", this.#path, cause);
      throw this.#failure;
    }
  }

  /**
   * Ends the file and gives it its name. Throws `file/write` where the disk did not take all of it: the recording stands,
   * up to what was taken, unless the error says otherwise; `file/exists` where another has taken the name. Under
   * `ISOCHRON_AUDIT=1` the file is audited then: `recording/illegal`.
   */
  async finish(summary: RunSummary): Promise<void> {
    await this.#finish(summary);
    if (process.env.ISOCHRON_AUDIT === "1") await checkLegal(this.#path);
  }

  /** Adds what pipelines have published. Throws as `add` does. */
  async addSent(messages: readonly SentMessage[]): Promise<void> {
    if (this.#failure) throw this.#failure;
    try {
      for (const { publication, timeNs, bytes } of messages)
        await this.#message(this.#publications[publication]!, timeNs, this.#sentCount++, bytes);
    } catch (cause) {
      this.#failure = fileError("write", this.#path, cause);
      throw this.#failure;
    }
  }

  async #finish(summary: RunSummary): Promise<void> {
    const failedBefore = this.#failure;
    if (!failedBefore) {
      try {
        await this.#writer.addMetadata({ name: metadataName, metadata: this.#metadata(summary) });
        await this.#writer.end();
      } catch (cause) {
        this.#failure = fileError("write", this.#path, cause);
      }
    }
    const left = `what was recorded stands in ${partialOf(this.#path)}`;
    if (this.#failure && !(await this.#file.endWith(this.#lastRecords(summary, this.#failure.message)))) {
      await this.#file.abandon();
      throw new IsochronError("file/write", this.#failure.message, {
        details: [left],
        help: `make room; isochron report ${partialOf(this.#path)} takes what there is`,
        cause: this.#failure,
      });
    }
    try {
      await this.#file.close();
      place(partialOf(this.#path), this.#path, this.#options.replace ? recordingFile : undefined);
    } catch (cause) {
      const { code, message, help } = cause instanceof IsochronError ? cause : fileError("write", this.#path, cause);
      throw new IsochronError(code, message, { details: [left], cause, ...(help === undefined ? {} : { help }) });
    }
    if (this.#failure && !failedBefore) throw this.#failure;
  }

  /** Gives a recording up that has nothing in it. */
  async discard(): Promise<void> {
    await this.#file.abandon();
    rmSync(partialOf(this.#path), { force: true });
  }

  /** What a run says at its end; `cut` tells why not all of it is in the file. */
  #metadata(summary: RunSummary, cut?: string): Map<string, string> {
    const { hash, mode, durationNs, scheduling, about, failure } = summary;
    return new Map(
      Object.entries({
        version: formatVersion,
        application: this.#application.name,
        hash,
        mode,
        durationNs: String(durationNs),
        scheduling,
        ...(about === undefined ? {} : { about }),
        ...(failure === undefined ? {} : { failure }),
        ...(cut === undefined ? {} : { cut }),
        lost: String(this.#lost),
        events: String(this.#eventCount),
      }),
    );
  }

  /** The end of a file without an index, as small as one can be. */
  #lastRecords(summary: RunSummary, cut: string): Uint8Array {
    const records = new McapRecordBuilder();
    records.writeMetadata({ name: metadataName, metadata: this.#metadata(summary, cut) });
    records.writeDataEnd({ dataSectionCrc: 0 });
    records.writeFooter({ summaryStart: 0n, summaryOffsetStart: 0n, summaryCrc: 0 });
    records.writeMagic();
    return records.buffer;
  }

  async #message(channelId: number, time: number, sequence: number, data: Uint8Array): Promise<void> {
    this.#time = Math.max(this.#time, time);
    const at = this.#epochNs + BigInt(Math.max(0, time));
    await this.#writer.addMessage({ channelId, sequence: sequence >>> 0, logTime: at, publishTime: at, data });
    this.#chunk.added(this.#file.position());
  }

  /** Adds a record to the log of decisions. */
  async #log(time: number, event: RunEvent): Promise<void> {
    const text = JSON.stringify(eventToJson(event, this.#names));
    await this.#message(this.#events, time, this.#eventCount++, Buffer.from(text));
  }

  async #add(event: RunEvent): Promise<void> {
    const { tasks, channels } = this.#application.table;
    switch (event.kind) {
      case "admit":
        await this.#message(this.#inputs.get(event.channel)!, event.time, event.sequence, event.bytes);
        await this.#log(event.time, event);
        return;
      case "output":
      case "discarded": {
        const row = channels[tasks[event.task]!.output]!;
        const time = event.kind === "output" ? event.time : this.#time;
        const record = {
          job: event.job,
          sequence: event.kind === "output" ? event.sequence : 0,
          chain: event.chain,
          slot: event.bytes,
        };
        await this.#message(this.#tasks[event.task]!, time, event.job, encodeRecord(row.fields, record));
        return;
      }
      case "message":
        await this.#message(this.#outputs[event.output]!, event.time, event.job, event.bytes);
        return;
      case "lost":
        // Traces only measure: without them the run is verified all the same.
        if (event.what !== "traces") this.#lost += event.count;
        await this.#log(this.#time, event);
        return;
      case "trace":
        await this.#log(event.release, event);
        return;
      case "fault":
        await this.#log(this.#time, event);
        return;
      case "release":
      case "verdict":
      case "skipped":
      case "keyframe":
      case "visible":
      case "rejected":
        await this.#log(event.time, event);
        return;
    }
  }
}

interface Channels {
  readonly inputs: ReadonlyMap<number, number>;
  readonly outputs: readonly number[];
  readonly publications: readonly number[];
  readonly tasks: readonly number[];
  readonly events: number;
}

/** The writer's limit for a chunk, which it asks for after each message: none at all once half a second has passed. */
class ChunkLimit {
  #position = 0n;
  #since = performance.now();

  /** A message was added; the file is now so long. */
  added(position: bigint): void {
    if (position === this.#position) return;
    this.#position = position;
    this.#since = performance.now();
  }

  valueOf(): number {
    return performance.now() - this.#since > chunkMs ? 0 : chunkBytes;
  }
}

const attachment = (name: string, mediaType: string, data: Uint8Array) => ({
  name,
  mediaType,
  data,
  logTime: 0n,
  createTime: 0n,
});

async function registerChannels(writer: McapWriter, application: ApplicationDescription): Promise<Channels> {
  const schemas = new Map<string, number>();
  const channel = async (
    topic: string,
    schema: string,
    encoding: string,
    text: string,
    messageEncoding: string,
  ): Promise<number> => {
    const known =
      schemas.get(schema) ?? (await writer.registerSchema({ name: schema, encoding, data: Buffer.from(text) }));
    schemas.set(schema, known);
    return await writer.registerChannel({ topic, schemaId: known, messageEncoding, metadata: new Map() });
  };
  const definitions = definitionsIn(application);
  const ros = (topic: string, type: string) => channel(topic, type, "ros2msg", definitions.schemaText(type), "cdr");
  const inputs = new Map<number, number>();
  for (const { topic, type, channel: id } of application.inputs) inputs.set(id, await ros(topic, type));
  const outputs: number[] = [];
  for (const { topic, type } of application.outputs) outputs.push(await ros(topic, type));
  const publications: number[] = [];
  for (const { topic, type } of application.publications) publications.push(await ros(topic, type));
  const tasks: number[] = [];
  for (const { name, output } of application.table.tasks) {
    const schema = `isochron_msgs/msg/${name.replace(/(?:^|\W|_)+(\w)/g, (_, letter: string) => letter.toUpperCase())}Output`;
    tasks.push(
      await channel(
        outputTopic(name),
        schema,
        "ros2msg",
        recordSchema(application.table.channels[output]!.fields),
        "cdr",
      ),
    );
  }
  const events = await channel(eventsTopic, "isochron.Event", "jsonschema", eventJsonSchema(), "json");
  return { inputs, outputs, publications, tasks, events };
}
