// Replays a recording: recomputes every job from the logged inputs and decisions, and compares.
import { z } from "zod";
import { callNative, functionSchema, optionsOf, signalSchema, targetSchema } from "../kernels/index.ts";
import { acceptWeights } from "../runtime/index.ts";
import { type Duration, durationSchema } from "../scheduler/index.ts";
import type { ApplicationDescription } from "./application.ts";
import { compareRuns, type Difference, type Extent, readerOf, type TimedDifference } from "./compare.ts";
import type { Damage } from "./damage.ts";
import { createVirtualExecutive, type VirtualExecutive } from "./executive.ts";
import { messageDifference } from "./message-difference.ts";
import type { Recording } from "./read-recording.ts";
import { eventsTopic } from "./recording-layout.ts";
import { partOf, type Start } from "./recording-part.ts";
import { requireBeginning } from "./recording-parts.ts";
import { decisionRecords, parseEvents, type RunEvent, writeEvents } from "./records/index.ts";

/** What a replay found. */
export interface ReplayResult {
  /** Nothing differs, and nothing was lost that could have. */
  readonly bitExact: boolean;
  /** Logical time from which on and up to which the run was verified. */
  readonly fromNs: number;
  readonly toNs: number;
  /** Jobs that were run again. */
  readonly cycles: number;
  readonly kernelCalls: number;
  /** Of the run up to the end of what was verified. */
  readonly hash: string;
  readonly recordedHash: string;
  readonly firstDifference?: Difference;
  /** How much differs between what was recorded and what was recomputed; absent where nothing does. */
  readonly differing?: Extent;
}

/** Options of a replay. */
export interface ReplayOptions {
  /** Programs to run instead of the recording's own, in the application's order. */
  readonly artifacts?: readonly Uint8Array[];
  readonly target?: string;
  /** Logical time from which on to verify: from the newest keyframe before. What is before that is taken from the recording. */
  readonly from?: Duration;
  /** Logical time up to which to verify. */
  readonly to?: Duration;
  readonly onProgress?: (share: number) => void;
  readonly signal?: AbortSignal;
}

const checkReplay = optionsOf<ReplayOptions>("replay", "replay", () => ({
  artifacts: z.array(z.instanceof(Uint8Array)).describe("a list of artifacts' bytes").optional(),
  target: targetSchema.optional(),
  from: durationSchema.optional(),
  to: durationSchema.optional(),
  onProgress: functionSchema.optional(),
  signal: signalSchema.optional(),
}));

/** Runs a recording again in virtual time, on one thread. Throws `replay/part` where nothing of it is asked for. */
export function replay(recording: Recording, options: ReplayOptions = {}): ReplayResult {
  checkReplay(options);
  requireBeginning(recording.beginsNs);
  const { application } = recording;
  const { fromNs, toNs, start, events, hash: recordedHash } = partOf(recording, options.from, options.to);
  const tags = keyframeTags(recording.events);
  const executive = createVirtualExecutive(application, options.artifacts ?? recordedArtifacts(recording), {
    replay: decisionRecords(recording.events),
    ...(tags.size === 0 ? {} : { keyframeEveryNs: [...tags].reduce(commonDivisor) }),
    ...(options.target === undefined ? {} : { target: options.target }),
  });
  callNative(() => executive.setEpoch(recording.epochNs));
  if (start) resume(executive, start);
  const admissions = events
    .filter((event) => event.kind === "admit")
    .sort((a, b) => a.time - b.time || a.channel - b.channel || a.sequence - b.sequence);
  const recomputed: RunEvent[] = [];
  const drain = () => {
    for (const event of parseEvents(executive.drain()))
      if (event.kind !== "keyframe" || tags.has(event.time)) recomputed.push(event);
  };
  for (const [at, event] of admissions.entries()) {
    options.signal?.throwIfAborted();
    callNative(() => {
      // A log's messages are admitted ahead of their time, so that some may lie beyond the end of an interrupted run.
      executive.advance(Math.min(event.time, toNs) - 1);
      executive.admit(event.channel, event.time, Buffer.from(event.bytes));
    });
    drain();
    options.onProgress?.(at / admissions.length);
  }
  callNative(() => executive.advance(toNs - 1));
  drain();
  const hash = executive.hash();
  const { first: unlike, extent } = compareRuns(application, events, recomputed);
  const damage = differencesOf(recording, options.artifacts === undefined);
  const differences = [
    ...damage.filter(({ time }) => time === last || (time >= fromNs && time < toNs)),
    ...(unlike ? [unlike] : []),
  ];
  const [first] = differences.sort((a, b) => a.time - b.time);
  return {
    bitExact: first === undefined && hash === recordedHash && recording.lost === 0,
    fromNs,
    toNs,
    cycles: recomputed.filter((event) => event.kind === "release").length,
    kernelCalls: executive.kernelCalls(),
    hash,
    recordedHash,
    ...(first === undefined ? {} : { firstDifference: first.difference, differing: extent }),
  };
}

/** Records that are handed over at once. */
const atOnce = 10_000;

/** Sets an executive to where the run stood at a keyframe. */
function resume(executive: VirtualExecutive, { keyframe, past }: Start): void {
  callNative(() => {
    executive.recall(writeEvents(keyframe));
    for (let at = 0; at < past.length; at += atOnce) executive.remember(writeEvents(past.slice(at, at + atOnce)));
    executive.resume();
  });
}

/** When the run's states were kept: at multiples of an interval, where anything happened. */
const keyframeTags = (events: readonly RunEvent[]): ReadonlySet<number> =>
  new Set(events.flatMap((event) => (event.kind === "keyframe" && event.time > 0 ? [event.time] : [])));

const commonDivisor = (a: number, b: number): number => (b === 0 ? a : commonDivisor(b, a % b));

/** The recording's own programs; one with changed weights runs as it is, so that what it computes shows the change. */
const recordedArtifacts = ({ artifacts, damage }: Recording): readonly Uint8Array[] =>
  artifacts.map((bytes, program) =>
    damage.some((each) => each.kind === "program" && each.program === program) ? acceptWeights(bytes) : bytes,
  );

/** Damage that is found by reading, as differences. */
const differencesOf = (recording: Recording, ownPrograms: boolean): TimedDifference[] =>
  recording.damage
    .filter((each) => ownPrograms || each.kind !== "program")
    .map((each) => damageDifference(recording, each));

/** A missing record, a changed program and a wrong checksum come last: they count where nothing else tells. */
function damageDifference({ application, events }: Recording, damage: Damage): TimedDifference {
  const { tasks } = application.table;
  switch (damage.kind) {
    case "input":
      return { time: damage.time, difference: inputDifference(application, events, damage) };
    case "record": {
      const { task, job: cycle, port, byte, recorded, written } = damage;
      const release = events.find((event) => event.kind === "release" && event.task === task && event.job === cycle);
      const at = { cycle, task: tasks[task]!.name, port, byte };
      const time = release?.kind === "release" ? release.time : 0;
      return { time, difference: { kind: "output", ...at, recorded, recomputed: written } };
    }
    case "log": {
      const at = { cycle: damage.job, task: damage.task, port: eventsTopic, byte: null };
      const record = `record ${damage.index}`;
      const [recorded, recomputed] = damage.what === "added" ? [record, null] : [null, record];
      return { time: last, difference: { kind: "decision", ...at, recorded, recomputed } };
    }
    case "file": {
      const at = { cycle: 0, task: "(none)", port: "checksum", byte: null };
      return { time: last, difference: { kind: "file", ...at, recorded: damage.why, recomputed: null } };
    }
    case "program": {
      const { name } = application.programs[damage.program]!;
      const task = tasks.find((row) => row.program === damage.program)?.name ?? "(none)";
      const at = { cycle: 0, task, port: name, byte: null };
      const recorded = "not the artifact that the run was made with";
      return { time: last, difference: { kind: "program", ...at, recorded, recomputed: null } };
    }
  }
}

/** After everything that has a time. */
const last = Number.MAX_SAFE_INTEGER;

/** An input that is not what was admitted, named by the first job that read it. */
function inputDifference(
  application: ApplicationDescription,
  events: readonly RunEvent[],
  { channel, sequence, byte, recorded, admitted }: Extract<Damage, { readonly kind: "input" }>,
): Difference {
  const port = application.table.channels[channel]!.name;
  const message = events.find(
    (event) => event.kind === "admit" && event.channel === channel && event.sequence === sequence,
  );
  let number: Difference["number"];
  if (byte !== null && admitted !== null && message?.kind === "admit") {
    const before = message.bytes.slice();
    before[byte] = Number.parseInt(admitted, 16);
    number = messageDifference(application, port, message.bytes, before);
  }
  const at = { ...readerOf(application, events, channel, sequence), port, byte };
  return { kind: "input", ...at, recorded, recomputed: admitted, ...(number ? { number } : {}) };
}
