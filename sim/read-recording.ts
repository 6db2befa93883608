// Reads a recording back: the application, its programs, and every event.
import { hashOf } from "../kernels/index.ts";
import type { ApplicationDescription } from "./application.ts";
import { type RecordingCut, reachOf } from "./cut-recording.ts";
import { type Damage, inputDamage, type LogEntry, logDamage, type RecordedInput } from "./damage.ts";
import { openIndexed } from "./logs/index.ts";
import { recordedMessages } from "./recorded-messages.ts";
import {
  applicationOf,
  attached,
  type Contents,
  checkFinished,
  contentsByIndex,
  contentsByScan,
  isChecksumError,
  runFacts,
} from "./recording-contents.ts";
import { artifactAttachment } from "./recording-layout.ts";
import { type FileContents, filesOf, joined, nameOf, type RecordingPath, withFiles } from "./recording-parts.ts";
import type { LoggedAdmission, RunEvent } from "./records/index.ts";
import type { SentMessage } from "./topic-codecs.ts";

/** A recording in memory. */
export interface Recording {
  readonly application: ApplicationDescription;
  readonly artifacts: readonly Uint8Array[];
  readonly events: readonly RunEvent[];
  /** What pipelines published. */
  readonly sent: readonly SentMessage[];
  /** What the recording shows to be wrong with itself. */
  readonly damage: readonly Damage[];
  readonly hash: string;
  readonly mode: "virtual" | "live";
  readonly durationNs: number;
  /** The tag of the keyframe that it begins with; absent where it begins with its run. */
  readonly beginsNs?: number;
  /** The ROS time of logical 0, nanoseconds since 1970. */
  readonly epochNs: bigint;
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

/**
 * Reads a recording: a file, a folder with parts of a run, or parts. Throws `file/read`, `recording/foreign`,
 * `recording/truncated`, `recording/damaged`, or `recording/parts` where they do not follow each other.
 */
export async function readRecording(path: RecordingPath): Promise<Recording> {
  const paths = await filesOf(path);
  const name = nameOf(path);
  return await withFiles(paths, async (files) => {
    const indexed = await Promise.all(files.map((file) => openIndexed(file).catch(() => undefined)));
    const contents = async (validateCrcs: boolean): Promise<Contents> => {
      const all: FileContents[] = [];
      // Without an index it was not finished, or ended in haste: what is there is read as it was written.
      for (const [at, reader] of indexed.entries())
        all.push({
          path: paths[at]!,
          contents: reader ? await contentsByIndex(reader, validateCrcs) : await contentsByScan(files[at]!),
        });
      return joined(all);
    };
    try {
      return await readAll(name, await contents(true));
    } catch (cause) {
      if (!isChecksumError(cause)) throw cause;
      // What a changed byte did is for replay to show, cycle and port; that a checksum is wrong only says that there is one.
      const recording = await readAll(name, await contents(false));
      return { ...recording, damage: [...recording.damage, { kind: "file", why: cause.message }] };
    }
  });
}

async function readAll(path: string, contents: Contents): Promise<Recording> {
  const application = applicationOf(path, contents);
  const artifacts = application.programs.map(({ name }) =>
    attached(path, contents, artifactAttachment(name), `the program "${name}" is missing`),
  );
  const facts = contents.metadata === undefined ? undefined : runFacts.parse(contents.metadata);
  checkFinished(path, contents);

  const { tasks } = application.table;
  const received: RecordedInput[] = [];
  const admissions: LoggedAdmission[] = [];
  const log: LogEntry[] = [];
  const damage: Damage[] = [];
  const events: RunEvent[] = [];
  const sent: SentMessage[] = [];
  const read = recordedMessages(path, application);
  for await (const message of contents.messages) {
    const found = read(message);
    switch (found?.kind) {
      case "received":
        received.push(found.event);
        events.push(found.event);
        break;
      case "given":
        damage.push(...found.damage);
        events.push(found.event);
        break;
      case "sent":
        sent.push(found.message);
        break;
      case "logged": {
        const { event, index } = found;
        log.push({
          index,
          task: "task" in event ? tasks[event.task]!.name : "(none)",
          job: "job" in event ? event.job : 0,
        });
        if (event.kind === "admit") admissions.push(event);
        else events.push(event);
        break;
      }
    }
  }
  application.programs.forEach(({ blake3 }, program) => {
    if (hashOf(artifacts[program]!) !== blake3) damage.push({ kind: "program", program });
  });
  if (contents.cut?.damaged) damage.push({ kind: "file", why: contents.cut.why });
  const { events: kept, ...reach } = reachOf(application, events, contents, facts);
  const { durationNs, isComplete, isWhole } = reach;
  const isBefore = ({ time }: { readonly time: number }) => isWhole || time < durationNs;
  const jobs = new Set(kept.flatMap((event) => ("job" in event ? [`${event.task} ${event.job}`] : [])));
  const first = contents.part?.firstEvent ?? 0;
  const count = isComplete && facts ? facts.events : log.reduce((most, { index }) => Math.max(most, index + 1), first);
  return {
    application,
    artifacts,
    events: kept,
    sent: sent.filter(({ timeNs }) => isWhole || timeNs < durationNs),
    damage: [
      ...damage.filter((each) => each.kind !== "record" || jobs.has(`${each.task} ${each.job}`)),
      ...inputDamage(received.filter(isBefore), admissions.filter(isBefore)),
      ...logDamage(log, first, count),
    ],
    hash: reach.hash,
    durationNs,
    ...((contents.part?.fromNs ?? 0) === 0 ? {} : { beginsNs: contents.part!.fromNs }),
    epochNs: contents.begun.epochNs,
    mode: reach.mode,
    scheduling: facts?.scheduling ?? "not known: the recording has no end",
    ...(facts?.about === undefined ? {} : { about: facts.about }),
    ...(facts?.failure === undefined ? {} : { failure: facts.failure }),
    ...(reach.cut === undefined ? {} : { cut: reach.cut }),
    lost: Math.max(isWhole && facts ? facts.lost : 0, reach.lost),
  };
}
