// Writes a run as MCAP: inputs as received, outputs, decisions and hashes, with all that replaying it takes.
import { randomUUID } from "node:crypto";
import { readdirSync, rmdirSync, rmSync } from "node:fs";
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
import type { ApplicationDescription } from "./application.ts";
import { checkLegal } from "./audit/index.ts";
import type { LiveExecutive } from "./executive.ts";
import { partialExists, partialOf, recordingFile } from "./recording-file.ts";
import {
  checkFolder,
  formSchemas,
  type RecordingForm,
  type RecordingFormOptions,
  recordingForm,
  removeFolder,
} from "./recording-form.ts";
import { applicationAttachment, artifactAttachment, formatVersion } from "./recording-layout.ts";
import { recordingTopics } from "./recording-topics.ts";
import { type RunEvent, writeEvents } from "./records/index.ts";
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
export interface RecordingOptions extends RecordingFormOptions {
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
  ...formSchemas(),
}));

/** Of a recording's options those of its form. */
const formOf = ({ split, keep, last }: RecordingOptions): RecordingFormOptions => ({
  ...(split === undefined ? {} : { split }),
  ...(keep === undefined ? {} : { keep }),
  ...(last === undefined ? {} : { last }),
});

/** Refuses a name that is taken, and forms that go into no recording. Throws `file/exists`, `file/write`, `recording/split`, `recording/keep`, `recording/last`. */
export function checkRecordingName(path: string, options: RecordingOptions = {}): void {
  checkArgument("recording", "checkRecordingName", "path", z.string().min(1).describe("the path of a file"), path);
  checkOptions(options);
  const { replace } = options;
  if (recordingForm(formOf(options)).kind !== "file") {
    checkFolder(path, replace === true);
    return;
  }
  replaces(path, replace ? recordingFile : undefined, replace ? "record under another name" : anotherName);
}

/** Bytes of records that may wait for the disk before who adds them does. */
const mostWaiting = 2 ** 26;

/** How a recording's file ended; `errno` is the disk's. */
interface RecordingEnd {
  readonly kind: "flushed" | "whole" | "failed" | "saved" | "not saved" | "cut" | "unended";
  readonly errno?: number | null;
  /** The file that was saved. */
  readonly path?: string | null;
}

/** What the disk did not take between parts. */
interface RecordingGaps {
  readonly count: number;
  readonly records: number;
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
  save(reason: string): Promise<RecordingEnd>;
  gaps(): RecordingGaps;
  close(): Promise<unknown>;
}

interface NativeOptions {
  readonly compression?: string;
  readonly run?: string;
  readonly splitBytes?: number;
  readonly splitNs?: number;
  readonly keepBytes?: number;
  readonly lastNs?: number;
  readonly lastBytes?: number;
}

/** Memory that the last of a run may take. */
const mostInMemory = 2 ** 30;

/** What a recording is kept in, as the recorder is told. */
function nativeForm(form: RecordingForm): NativeOptions {
  switch (form.kind) {
    case "file":
      return {};
    case "parts": {
      const { bytes, timeNs, keepBytes } = form;
      return {
        run: randomUUID(),
        ...(bytes === undefined ? {} : { splitBytes: bytes }),
        ...(timeNs === undefined ? {} : { splitNs: timeNs }),
        ...(keepBytes === undefined ? {} : { keepBytes }),
      };
    }
    case "last":
      return { run: randomUUID(), lastNs: form.timeNs, lastBytes: mostInMemory };
  }
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
      options: NativeOptions,
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
  readonly #form: RecordingForm;
  #begun = false;
  #follows = false;
  /** Why the file took no more, once it was told. */
  #failure: IsochronError | undefined;

  private constructor(path: string, options: RecordingOptions, application: string, recorder: NativeRecorder) {
    this.#form = recordingForm(formOf(options));
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
    const form = recordingForm(formOf(options));
    const isFile = form.kind === "file";
    if (!isFile && options.replace) removeFolder(path);
    const native = {
      ...nativeForm(form),
      ...(options.compression === undefined ? {} : { compression: options.compression }),
    };
    let recorder: NativeRecorder;
    try {
      recorder = new Recorder(isFile ? partialOf(path) : path, layout, attachments, native);
    } catch (cause) {
      const found = cause instanceof Error ? Number(cause.message) : Number.NaN;
      if (Number.isNaN(found)) throw cause;
      const error = diskError(found);
      throw error.code === "EEXIST" && isFile ? partialExists(path, error) : fileError("write", path, error);
    }
    const failed = await recorder.opened();
    if (failed) {
      await recorder.close();
      rmSync(isFile ? partialOf(path) : path, { force: true, recursive: true });
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

  /**
   * Writes what is kept in memory of the run to a file of its own, which is returned; `reason` is in its name. Throws
   * `recording/last` where nothing is kept so, `file/write` where the disk does not take it: the run goes on either way.
   */
  async save(reason: "request" | "misses"): Promise<string> {
    if (this.#form.kind !== "last") {
      throw new IsochronError("recording/last", "nothing of the run is kept in memory to be saved", {
        help: "record with --last 60s, or `last` in the options",
      });
    }
    const { kind, path, errno } = await this.#recorder.save(reason);
    if (kind !== "saved" || path == null) throw fileError("write", this.#path, diskError(errno));
    return path;
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
    const { kind } = this.#form;
    // What is kept of a run need not be all of it.
    const isAll = kind === "file" || (kind === "parts" && this.#options.keep === undefined);
    if (process.env.ISOCHRON_AUDIT === "1" && isAll) await checkLegal(this.#path);
  }

  async #finish(summary: RunSummary): Promise<void> {
    const toldBefore = this.#failure;
    const standing = this.#form.kind === "file" ? partialOf(this.#path) : this.#path;
    const left = `what was recorded stands in ${standing}`;
    const end = await this.#recorder.finish(this.#facts(summary));
    if (end.kind === "failed") {
      const failure = this.#failed(end.errno);
      const { kind } = await this.#recorder.cut(this.#facts(summary, failure.message));
      if (kind !== "cut")
        throw new IsochronError("file/write", failure.message, {
          details: [left],
          help: `make room; isochron report ${standing} takes what there is`,
          cause: failure,
        });
    }
    if (this.#form.kind !== "file") {
      const { count, records } = this.#recorder.gaps();
      if (count > 0)
        throw new IsochronError(
          "file/write",
          `the disk took nothing of ${records} records, ${count === 1 ? "once" : `${count} times`}, between parts in ${this.#path}`,
          {
            details: [left],
            help: "each part before a gap, and each behind one, is verified by itself",
          },
        );
      if (this.#failure && !toldBefore) throw this.#failure;
      // Of a ring that nobody asked for nothing is left.
      if (this.#form.kind === "last" && readdirSync(this.#path).length === 0) rmdirSync(this.#path);
      return;
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
    const made = this.#form.kind === "file" ? partialOf(this.#path) : this.#path;
    rmSync(made, { force: true, recursive: true });
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
