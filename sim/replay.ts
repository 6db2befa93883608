// Replays a recording: recomputes every job from the logged inputs and decisions, and compares.
import { callNative } from "../kernels/index.ts";
import { type Difference, firstDifference } from "./compare.ts";
import { decisionRecords, parseEvents, type RunEvent } from "./events.ts";
import { createExecutive } from "./executive.ts";
import type { Recording } from "./read-recording.ts";

/** What a replay found. */
export interface ReplayResult {
  readonly bitExact: boolean;
  /** Jobs that were run again. */
  readonly cycles: number;
  readonly kernelCalls: number;
  readonly hash: string;
  readonly recordedHash: string;
  readonly firstDifference?: Difference;
}

/** Options of a replay. */
export interface ReplayOptions {
  /** Programs to run instead of the recording's own, in the application's order. */
  readonly artifacts?: readonly Uint8Array[];
  readonly target?: string;
  readonly onProgress?: (share: number) => void;
  readonly signal?: AbortSignal;
}

/** Runs a recording again in virtual time, on one thread. */
export function replay(recording: Recording, options: ReplayOptions = {}): ReplayResult {
  const { application, durationNs } = recording;
  const executive = createExecutive(application, options.artifacts ?? recording.artifacts, {
    replay: decisionRecords(recording.events),
    ...(options.target === undefined ? {} : { target: options.target }),
  });
  const admissions = recording.events
    .filter((event) => event.kind === "admit")
    .sort((a, b) => a.time - b.time || a.channel - b.channel || a.sequence - b.sequence);
  const recomputed: RunEvent[] = [];
  admissions.forEach((event, at) => {
    options.signal?.throwIfAborted();
    callNative(() => {
      executive.advance(event.time - 1);
      executive.admit(event.channel, event.time, Buffer.from(event.bytes));
    });
    recomputed.push(...parseEvents(executive.drain()));
    options.onProgress?.(at / admissions.length);
  });
  callNative(() => executive.advance(durationNs - 1));
  recomputed.push(...parseEvents(executive.drain()));
  const hash = executive.hash();
  const difference = firstDifference(application, recording.events, recomputed) ?? inputDifference(recording);
  return {
    bitExact: difference === undefined && hash === recording.hash,
    cycles: recomputed.filter((event) => event.kind === "release").length,
    kernelCalls: executive.kernelCalls(),
    hash,
    recordedHash: recording.hash,
    ...(difference === undefined ? {} : { firstDifference: difference }),
  };
}

/** A recorded input that is not what was admitted, though no output shows it: named by the first job that read it. */
function inputDifference({ application, changedInputs, events }: Recording): Difference | undefined {
  const [changed] = changedInputs;
  if (!changed) return undefined;
  const reader = events.find(
    (event) =>
      event.kind === "release" &&
      event.pins.some((pin) => pin.channel === changed.channel && pin.sequence === changed.sequence),
  );
  const port = application.table.channels[changed.channel]!.name;
  return {
    kind: "input",
    cycle: reader?.kind === "release" ? reader.job : changed.sequence,
    task: reader?.kind === "release" ? application.table.tasks[reader.task]!.name : "(read by no task)",
    port,
    byte: null,
    recorded: `sample ${changed.sequence}, whose hash is not that of the admitted bytes`,
    recomputed: null,
  };
}
