// Writes a run as MCAP: inputs as received, outputs, decisions and hashes, with all that replaying it takes.
import { rmSync } from "node:fs";
import { getSystemErrorName } from "node:util";
import { z } from "zod";
import {
  callNative,
  checkArgument,
  fileError,
  IsochronError,
  loadRuntime,
  optionsOf,
  place,
  replaces,
} from "../kernels/index.ts";
import { type ApplicationDescription, definitionsIn } from "./application.ts";
import { checkLegal } from "./audit/index.ts";
import type { LiveExecutive } from "./executive.ts";
import { recordLayout, recordSchema } from "./record-message.ts";
import { partialExists, partialOf, recordingFile } from "./recording-file.ts";
import {
  applicationAttachment,
  artifactAttachment,
  eventsTopic,
  formatVersion,
  outputTopic,
} from "./recording-layout.ts";
import { eventJsonSchema, type RunEvent, writeEvents } from "./records/index.ts";
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
  /** How its chunks are compressed; not at all unless said. */
  readonly compression?: "lz4" | "zstd";
}

/** What a name can be given instead of one that is taken. */
const anotherName = "record under another name, or replace a recording: --force";

const checkOptions = optionsOf<RecordingOptions>("recording", "checkRecordingName", () => ({
  replace: z.boolean().optional(),
  compression: z.enum(["lz4", "zstd"]).optional(),
}));

/** Refuses a name that is taken. Throws `file/exists`, `file/write`. */
export function checkRecordingName(path: string, options: RecordingOptions = {}): void {
  checkArgument("recording", "checkRecordingName", "path", z.string().min(1).describe("the path of a file"), path);
  checkOptions(options);
  const { replace } = options;
  replaces(path, replace ? recordingFile : undefined, replace ? "record under another name" : anotherName);
}

/** Bytes of records that may wait for the disk before who adds them does. */
const mostWaiting = 2 ** 26;

/** How a recording's file ended; `errno` is the disk's. */
interface RecordingEnd {
  readonly kind: "flushed" | "whole" | "failed" | "cut" | "unended";
  readonly errno?: number | null;
}

/** A recording that is written on a thread of its own. */
export interface NativeRecorder {
  opened(): Promise<RecordingEnd | null>;
  begin(epochNs: bigint, isLive: boolean): void;
  /** These return how many bytes wait for the disk now. */
  add(records: Buffer): number;
  send(publication: number, timeNs: number, bytes: Buffer): number;
  /** The errno of the disk that took no more. */
  failed(): number | null;
  drained(): Promise<RecordingEnd | null>;
  flush(): Promise<RecordingEnd>;
  finish(facts: Readonly<Record<string, string>>): Promise<RecordingEnd>;
  cut(facts: Readonly<Record<string, string>>): Promise<RecordingEnd>;
  close(): Promise<unknown>;
}

interface NativeAttachment {
  readonly name: string;
  readonly mediaType: string;
  readonly data: Buffer;
}

const binding = z.object({
  Recorder: z.custom<
    new (
      path: string,
      layout: string,
      attachments: readonly NativeAttachment[],
      compression?: string,
    ) => NativeRecorder
  >((value) => typeof value === "function"),
});

/**
 * A recording being written on a thread of its own: under `NAME.partial` until `finish`, and for good where the process ends
 * before, up to what was written in the last half second.
 */
export class RecordingWriter {
  readonly #path: string;
  readonly #options: RecordingOptions;
  readonly #application: string;
  readonly #recorder: NativeRecorder;
  #begun = false;
  #follows = false;
  /** Why the file took no more, once it was told. */
  #failure: IsochronError | undefined;

  private constructor(path: string, options: RecordingOptions, application: string, recorder: NativeRecorder) {
    this.#path = path;
    this.#options = options;
    this.#application = application;
    this.#recorder = recorder;
  }

  /** Begins a recording. Throws `file/exists` where its name is taken, `file/write` where the file cannot be made. */
  static async open(
    path: string,
    application: ApplicationDescription,
    artifacts: readonly Uint8Array[],
    options: RecordingOptions = {},
  ): Promise<RecordingWriter> {
    checkRecordingName(path, options);
    const { Recorder } = binding.parse(loadRuntime());
    const attachments = [
      attachment(applicationAttachment, "application/json", Buffer.from(JSON.stringify(application))),
      ...application.programs.map(({ name }, at) =>
        attachment(artifactAttachment(name), "application/zip", Buffer.from(artifacts[at]!)),
      ),
    ];
    const layout = JSON.stringify(recordingTopics(application));
    let recorder: NativeRecorder;
    try {
      recorder = new Recorder(partialOf(path), layout, attachments, options.compression);
    } catch (cause) {
      const found = cause instanceof Error ? Number(cause.message) : Number.NaN;
      if (Number.isNaN(found)) throw cause;
      const error = diskError(found);
      throw error.code === "EEXIST" ? partialExists(path, error) : fileError("write", path, error);
    }
    const failed = await recorder.opened();
    if (failed) {
      await recorder.close();
      rmSync(partialOf(path), { force: true });
      throw fileError("write", path, diskError(failed.errno));
    }
    return new RecordingWriter(path, options, application.name, recorder);
  }

  /**
   * Says, before any event is added, which ROS time logical 0 has and what kind of run it is: one that is killed says
   * nothing more of itself.
   */
  begin(epochNs: bigint, mode: RunSummary["mode"]): void {
    this.#begun = true;
    callNative(() => this.#recorder.begin(epochNs, mode === "live"));
  }

  /**
   * Records every event of a live executive from here on, without JavaScript on the way: `add` is not called then. A disk that
   * takes no more ends the recording and not the run; `finish` says so.
   */
  follow(executive: LiveExecutive): void {
    this.#follows = true;
    callNative(() => executive.recordTo(this.#recorder));
  }

  /**
   * Adds events in their order. Throws `file/write` where the disk does not take them: then `finish` ends the recording
   * with what it has.
   */
  async add(events: readonly RunEvent[]): Promise<void> {
    this.#check();
    if (!this.#begun) this.begin(0n, "virtual");
    if (this.#recorder.add(writeEvents(events)) > mostWaiting) await this.#recorder.drained();
    this.#check();
  }

  /** Adds what pipelines have published. Throws as `add` does, but for a recording that follows a live executive. */
  async addSent(messages: readonly SentMessage[]): Promise<void> {
    if (this.#follows && this.#recorder.failed() !== null) return;
    this.#check();
    let waiting = 0;
    for (const { publication, timeNs, bytes } of messages)
      waiting = this.#recorder.send(publication, timeNs, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    if (waiting > mostWaiting && !this.#follows) await this.#recorder.drained();
  }

  /** Writes everything that was added, and waits for it. Throws as `add` does. */
  async flush(): Promise<void> {
    await this.#recorder.flush();
    this.#check();
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

  async #finish(summary: RunSummary): Promise<void> {
    const toldBefore = this.#failure;
    const left = `what was recorded stands in ${partialOf(this.#path)}`;
    const end = await this.#recorder.finish(this.#facts(summary));
    if (end.kind === "failed") {
      const failure = this.#failed(end.errno);
      const { kind } = await this.#recorder.cut(this.#facts(summary, failure.message));
      if (kind !== "cut")
        throw new IsochronError("file/write", failure.message, {
          details: [left],
          help: `make room; isochron report ${partialOf(this.#path)} takes what there is`,
          cause: failure,
        });
    }
    try {
      place(partialOf(this.#path), this.#path, this.#options.replace ? recordingFile : undefined);
    } catch (cause) {
      const { code, message, help } = cause instanceof IsochronError ? cause : fileError("write", this.#path, cause);
      throw new IsochronError(code, message, { details: [left], cause, ...(help === undefined ? {} : { help }) });
    }
    if (this.#failure && !toldBefore) throw this.#failure;
  }

  /** Gives a recording up that has nothing in it. */
  async discard(): Promise<void> {
    await this.#recorder.close();
    rmSync(partialOf(this.#path), { force: true });
  }

  #failed(errno: number | null | undefined): IsochronError {
    this.#failure ??= fileError("write", this.#path, diskError(errno));
    return this.#failure;
  }

  #check(): void {
    const errno = this.#recorder.failed();
    if (errno !== null) throw this.#failed(errno);
  }

  /** What a run says at its end; `cut` tells why not all of it is in the file. The recorder adds what it counted. */
  #facts(summary: RunSummary, cut?: string): Record<string, string> {
    const { hash, mode, durationNs, scheduling, about, failure } = summary;
    return {
      version: formatVersion,
      application: this.#application,
      hash,
      mode,
      durationNs: String(durationNs),
      scheduling,
      ...(about === undefined ? {} : { about }),
      ...(failure === undefined ? {} : { failure }),
      ...(cut === undefined ? {} : { cut }),
    };
  }
}

/** An error of the system, as Node's have them. */
function diskError(errno: number | null | undefined): NodeJS.ErrnoException {
  const code = getSystemErrorName(-(errno ?? 5));
  return Object.assign(new Error(`the disk says ${code}`), { code });
}

const attachment = (name: string, mediaType: string, data: Buffer): NativeAttachment => ({ name, mediaType, data });

/** A topic of a recording. */
interface Topic {
  readonly topic: string;
  readonly schema: string;
  readonly schemaEncoding: "ros2msg" | "jsonschema";
  readonly schemaText: string;
  readonly messageEncoding: "cdr" | "json";
}

/** Which topics a recording has, and what of a run goes to which, by their places: `sim/recorder/src/layout.rs` reads it. */
function recordingTopics(application: ApplicationDescription) {
  const { channels, tasks } = application.table;
  const topics: Topic[] = [];
  const ros = (topic: string, schema: string, schemaText: string): number =>
    topics.push({ topic, schema, schemaEncoding: "ros2msg", schemaText, messageEncoding: "cdr" }) - 1;
  const definitions = definitionsIn(application);
  const typed = ({ topic, type }: { readonly topic: string; readonly type: string }) =>
    ros(topic, type, definitions.schemaText(type));
  const received = new Map(application.inputs.map((input) => [input.channel, typed(input)]));
  const outputs = application.outputs.map(typed);
  const publications = application.publications.map(typed);
  const records = tasks.map(({ name, output }) => {
    const { fields } = channels[output]!;
    const schema = `isochron_msgs/msg/${name.replace(/(?:^|\W|_)+(\w)/g, (_, letter: string) => letter.toUpperCase())}Output`;
    return { topic: ros(outputTopic(name), schema, recordSchema(fields)), ...recordLayout(fields) };
  });
  const events =
    topics.push({
      topic: eventsTopic,
      schema: "isochron.Event",
      schemaEncoding: "jsonschema",
      schemaText: eventJsonSchema(),
      messageEncoding: "json",
    }) - 1;
  return {
    topics,
    inputs: channels.map((_, channel) => received.get(channel) ?? null),
    outputs,
    publications,
    tasks: records,
    events,
    names: { tasks: tasks.map(({ name }) => name), channels: channels.map(({ name }) => name) },
  };
}
