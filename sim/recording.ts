// Writes a run as MCAP: inputs as received, outputs, decisions and hashes, with all that replaying it takes.
import { rmSync } from "node:fs";
import { type FileHandle, open, rename } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { McapWriter } from "@mcap/core";
import { FileHandleWritable } from "@mcap/nodejs";
import { fileError } from "../kernels/index.ts";
import { hashOf } from "../runtime/index.ts";
import { type ApplicationDescription, definitionsIn } from "./application.ts";
import type { RunEvent } from "./events.ts";
import { encodeRecord, recordSchema } from "./record-message.ts";

export const eventsTopic = "/isochron/events";
export const outputTopic = (task: string): string => `/isochron/outputs/${task}`;
export const metadataName = "isochron";
export const applicationAttachment = "application.json";
export const artifactAttachment = (program: string): string => `artifacts/${program}.iso`;
export const formatVersion = "1";

/** What the end of a run adds to its recording. */
export interface RunSummary {
  readonly hash: string;
  readonly mode: "virtual" | "live";
  readonly durationNs: number;
  /** "virtual time", or the scheduling policy in force. */
  readonly scheduling: string;
  /** What a report takes beside the events (machine, threads, the world's summary), as JSON text. */
  readonly about?: string;
}

const eventSchema = JSON.stringify({
  type: "object",
  title: "isochron.Event",
  properties: {
    kind: { type: "string" },
    task: { type: "string" },
    job: { type: "integer" },
    time: { type: "integer" },
  },
  required: ["kind"],
});

/** A recording being written; nothing stands under its name until `finish`. */
export class RecordingWriter {
  readonly #path: string;
  readonly #application: ApplicationDescription;
  readonly #file: FileHandle;
  readonly #writer: McapWriter;
  readonly #inputs: ReadonlyMap<number, number>;
  readonly #outputs: readonly number[];
  readonly #tasks: readonly number[];
  readonly #events: number;
  /** Whatever way the process ends, a recording that was not finished does not stay. */
  readonly #removePartial = (): void => rmSync(temporary(this.#path), { force: true });
  #eventCount = 0;
  #lost = 0;
  #time = 0;

  private constructor(
    path: string,
    application: ApplicationDescription,
    file: FileHandle,
    writer: McapWriter,
    channels: Channels,
  ) {
    this.#path = path;
    this.#application = application;
    this.#file = file;
    this.#writer = writer;
    this.#inputs = channels.inputs;
    this.#outputs = channels.outputs;
    this.#tasks = channels.tasks;
    this.#events = channels.events;
    process.once("exit", this.#removePartial);
  }

  /** Begins a recording. Throws `file/write` where the file cannot be made. */
  static async open(
    path: string,
    application: ApplicationDescription,
    artifacts: readonly Uint8Array[],
  ): Promise<RecordingWriter> {
    let file: FileHandle;
    try {
      file = await open(temporary(path), "w");
    } catch (cause) {
      throw fileError("write", path, cause);
    }
    const writer = new McapWriter({ writable: new FileHandleWritable(file) });
    await writer.start({ profile: "ros2", library: "isochron" });
    await writer.addAttachment(
      attachment(applicationAttachment, "application/json", Buffer.from(JSON.stringify(application))),
    );
    for (const [at, { name }] of application.programs.entries()) {
      await writer.addAttachment(attachment(artifactAttachment(name), "application/zip", artifacts[at]!));
    }
    return new RecordingWriter(path, application, file, writer, await registerChannels(writer, application));
  }

  /** Adds events in their order. */
  async add(events: readonly RunEvent[]): Promise<void> {
    for (const event of events) await this.#add(event);
  }

  /** Closes the file and puts it in place. */
  async finish(summary: RunSummary): Promise<void> {
    await this.#writer.addMetadata({
      name: metadataName,
      metadata: new Map(
        Object.entries({
          version: formatVersion,
          application: this.#application.name,
          hash: summary.hash,
          mode: summary.mode,
          durationNs: String(summary.durationNs),
          scheduling: summary.scheduling,
          ...(summary.about === undefined ? {} : { about: summary.about }),
          lost: String(this.#lost),
          events: String(this.#eventCount),
        }),
      ),
    });
    await this.#writer.end();
    await this.#file.close();
    try {
      await rename(temporary(this.#path), this.#path);
    } catch (cause) {
      throw fileError("write", this.#path, cause);
    }
    process.removeListener("exit", this.#removePartial);
  }

  /** Gives the recording up; nothing stays behind. */
  async discard(): Promise<void> {
    // After a failure at the end the file may be closed already.
    await this.#file.close().catch(() => undefined);
    this.#removePartial();
    process.removeListener("exit", this.#removePartial);
  }

  async #message(channelId: number, time: number, sequence: number, data: Uint8Array): Promise<void> {
    this.#time = Math.max(this.#time, time);
    const at = BigInt(Math.max(0, time));
    await this.#writer.addMessage({ channelId, sequence: sequence >>> 0, logTime: at, publishTime: at, data });
  }

  async #event(time: number, fields: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#message(this.#events, time, this.#eventCount++, Buffer.from(JSON.stringify(fields)));
  }

  async #add(event: RunEvent): Promise<void> {
    const { tasks, channels } = this.#application.table;
    const taskName = "task" in event ? tasks[event.task]?.name : undefined;
    switch (event.kind) {
      case "admit": {
        const { bytes, channel, ...rest } = event;
        await this.#message(this.#inputs.get(channel)!, event.time, event.sequence, bytes);
        await this.#event(event.time, {
          ...rest,
          channel: channels[channel]?.name,
          bytes: bytes.length,
          blake3: hashOf(bytes),
          crc32: crc32(bytes),
        });
        return;
      }
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
      case "release": {
        const pins = event.pins.map(({ channel, ...pin }) => ({ channel: channels[channel]?.name, ...pin }));
        await this.#event(event.time, { ...event, task: taskName, pins });
        return;
      }
      case "keyframe":
        await this.#event(event.time, {
          ...event,
          task: taskName,
          states: Buffer.from(event.states).toString("base64"),
        });
        return;
      case "trace":
        await this.#event(event.release, { ...event, task: taskName });
        return;
      case "visible":
      case "rejected":
        await this.#event(event.time, { ...event, channel: channels[event.channel]?.name });
        return;
      case "lost":
        // Traces (1) only measure: without them the run is verified all the same.
        if (event.what !== 1) this.#lost += event.count;
        await this.#event(this.#time, { ...event });
        return;
      case "fault":
        await this.#event(this.#time, { ...event, task: taskName });
        return;
      case "verdict":
      case "skipped":
        await this.#event(event.time, { ...event, task: taskName });
        return;
    }
  }
}

interface Channels {
  readonly inputs: ReadonlyMap<number, number>;
  readonly outputs: readonly number[];
  readonly tasks: readonly number[];
  readonly events: number;
}

const temporary = (path: string): string => `${path}.partial`;

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
  const events = await channel(eventsTopic, "isochron.Event", "jsonschema", eventSchema, "json");
  return { inputs, outputs, tasks, events };
}
