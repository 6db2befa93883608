// Compares a recorded run with its recomputation, and names the first thing that differs.
import type { ApplicationDescription } from "./application.ts";
import { hexByte } from "./damage.ts";
import { messageDifference } from "./message-difference.ts";
import { differenceIn, differencesIn, isLarger, type NumberDifference } from "./number-difference.ts";
import type { RunEvent } from "./records/index.ts";

/** Where two runs part. */
export interface Difference {
  /** What differs: a decision, the bytes of an output, a message, a recorded input or a keyframe's states, the hash chain, a program, the file. */
  readonly kind: "decision" | "output" | "message" | "input" | "states" | "chain" | "program" | "file";
  /** The job of the task; of states, the one that found them. */
  readonly cycle: number;
  readonly task: string;
  /** The field of the output, the topic, or the name of the decision. */
  readonly port: string;
  /** Byte within the port; null where it is not bytes that differ. */
  readonly byte: number | null;
  readonly recorded: string | null;
  readonly recomputed: string | null;
  /** The number that the byte belongs to, where it belongs to one. */
  readonly number?: NumberDifference;
}

/** How much of a run differs. */
export interface Extent {
  /** Jobs whose decisions, outputs or messages differ. */
  readonly jobs: number;
  /** The largest difference of a number in an output; null where no number differs. */
  readonly largest:
    | (NumberDifference & { readonly task: string; readonly cycle: number; readonly port: string })
    | null;
}

type Keyed = Extract<
  RunEvent,
  { readonly kind: "message" | "skipped" | "output" | "discarded" | "release" | "verdict" }
>;
type Intake = Extract<RunEvent, { readonly kind: "visible" | "rejected" }>;

const keyOf = (event: Keyed): string => {
  switch (event.kind) {
    case "message":
      return `message ${event.output} ${event.job} ${event.time}`;
    case "skipped":
      // Early arrivals are counted, not numbered: several may carry the same job.
      return event.reason === "early" ? `early ${event.task} ${event.time}` : `skipped ${event.task} ${event.job}`;
    case "output":
    case "discarded":
      return `output ${event.task} ${event.job}`;
    case "release":
    case "verdict":
      return `${event.kind} ${event.task} ${event.job}`;
  }
};

const isKeyed = (event: RunEvent): event is Keyed => event.kind in rank;
const isIntake = (event: RunEvent): event is Intake => event.kind === "visible" || event.kind === "rejected";

const decisionText = (event: Keyed | undefined): string | null => {
  if (!event) return null;
  const { kind } = event;
  if (kind === "release") return JSON.stringify({ time: event.time, pins: event.pins });
  if (kind === "verdict") return JSON.stringify({ time: event.time, overrun: event.overrun });
  if (kind === "skipped") return JSON.stringify({ time: event.time, reason: event.reason });
  return kind;
};

/** Within one job: first what was decided, then what was computed, then what was sent. */
const rank: { readonly [kind in Keyed["kind"]]: number } = {
  skipped: 0,
  release: 1,
  output: 2,
  discarded: 2,
  verdict: 3,
  message: 4,
};

const firstByte = (a: Uint8Array, b: Uint8Array): number => {
  const length = Math.max(a.length, b.length);
  for (let at = 0; at < length; at++) if (a[at] !== b[at]) return at;
  return -1;
};

/** A difference, and when the job was released in which it lies. */
export interface TimedDifference {
  readonly time: number;
  readonly difference: Difference;
}

/** How two runs of an application differ: first, and in all. */
export interface Comparison {
  /** Undefined where every decision and every byte agree. */
  readonly first: TimedDifference | undefined;
  readonly extent: Extent;
}

/** Compares two runs of an application. */
export function compareRuns(
  application: ApplicationDescription,
  recorded: readonly RunEvent[],
  recomputed: readonly RunEvent[],
): Comparison {
  const jobs = jobDifferences(application, recorded, recomputed);
  const [first] = [
    jobs.first,
    firstIntakeDifference(application, recorded, recomputed),
    firstStatesDifference(application, recorded, recomputed),
  ]
    .filter((each) => each !== undefined)
    .sort((a, b) => a.time - b.time);
  return { first, extent: jobs.extent };
}

/** The first message that was decoded to something else, or at another time, or was rejected in one run only. */
function firstIntakeDifference(
  application: ApplicationDescription,
  recorded: readonly RunEvent[],
  recomputed: readonly RunEvent[],
): TimedDifference | undefined {
  const byNumber = (events: readonly RunEvent[]) =>
    new Map(events.filter(isIntake).map((event) => [`${event.channel} ${event.sequence}`, event]));
  const [before, after] = [byNumber(recorded), byNumber(recomputed)];
  const found = [...new Set([...before.keys(), ...after.keys()])].flatMap((key): TimedDifference[] => {
    const [a, b] = [before.get(key), after.get(key)];
    if (intakeText(a) === intakeText(b)) return [];
    const { channel, sequence, time } = (a ?? b)!;
    const at = {
      ...readerOf(application, recorded, channel, sequence),
      port: application.table.channels[channel]!.name,
    };
    return [
      { time, difference: { kind: "input", ...at, byte: null, recorded: intakeText(a), recomputed: intakeText(b) } },
    ];
  });
  return found.sort((a, b) => a.time - b.time)[0];
}

const keyframeText = ({ time, job }: Keyframe): string => `at ${time} ns, before release ${job}`;

type Keyframe = Extract<RunEvent, { readonly kind: "keyframe" }>;

/** The first keyframe whose states are not those that were computed again. */
function firstStatesDifference(
  application: ApplicationDescription,
  recorded: readonly RunEvent[],
  recomputed: readonly RunEvent[],
): TimedDifference | undefined {
  const isKeyframe = (event: RunEvent): event is Keyframe => event.kind === "keyframe";
  const keyOfTag = ({ task, time }: Keyframe) => `${task} ${time}`;
  const after = new Map(recomputed.filter(isKeyframe).map((event) => [keyOfTag(event), event]));
  let first: TimedDifference | undefined;
  for (const event of recorded) {
    if (!isKeyframe(event) || (first && first.time <= event.time)) continue;
    const { task, job, time, states } = event;
    const again = after.get(keyOfTag(event));
    const byte = again ? firstByte(states, again.states) : -1;
    if (byte < 0 && job === again?.job) continue;
    const at = { kind: "states", cycle: job, task: application.table.tasks[task]!.name, port: "states" } as const;
    const difference: Difference =
      byte < 0
        ? { ...at, byte: null, recorded: keyframeText(event), recomputed: again ? keyframeText(again) : null }
        : { ...at, byte, recorded: hexByte(states[byte]), recomputed: hexByte(again?.states[byte]) };
    first = { time, difference };
  }
  return first;
}

const intakeText = (event: Intake | undefined): string | null => {
  if (!event) return null;
  return event.kind === "visible" ? `decoded at ${event.time} ns, BLAKE3 ${event.blake3}` : event.reason;
};

/** The first job that read a sample. */
export function readerOf(
  application: ApplicationDescription,
  events: readonly RunEvent[],
  channel: number,
  sequence: number,
): { readonly cycle: number; readonly task: string } {
  for (const event of events) {
    if (event.kind !== "release") continue;
    if (event.pins.some((pin) => pin.channel === channel && pin.sequence === sequence))
      return { cycle: event.job, task: application.table.tasks[event.task]!.name };
  }
  return { cycle: sequence, task: "(read by no task)" };
}

function jobDifferences(
  application: ApplicationDescription,
  recorded: readonly RunEvent[],
  recomputed: readonly RunEvent[],
): Comparison {
  const before = new Map(recorded.filter(isKeyed).map((event) => [keyOf(event), event]));
  const after = new Map(recomputed.filter(isKeyed).map((event) => [keyOf(event), event]));
  const releaseTimes = new Map<string, number>();
  for (const event of [...recorded, ...recomputed]) {
    if (event.kind === "release" || event.kind === "skipped")
      releaseTimes.set(`${event.task} ${event.job}`, event.time);
  }
  let first: { readonly order: readonly number[]; readonly key: string; readonly found: TimedDifference } | undefined;
  const differing = new Set<string>();
  let largest: Extent["largest"] = null;
  for (const key of new Set([...before.keys(), ...after.keys()])) {
    const [a, b] = [before.get(key), after.get(key)];
    const difference = differenceOf(application, a, b);
    if (!difference) continue;
    const event = (a ?? b)!;
    // Once a job differs, so do the hash chains of all that follow: they say nothing of those jobs.
    if (difference.kind !== "chain") differing.add(`${event.task} ${event.job}`);
    const most = largestIn(application, a, b);
    if (most && (!largest || isLarger(most, largest))) largest = most;
    const time = releaseTimes.get(`${event.task} ${event.job}`) ?? 0;
    const order = [time, event.task, event.job, rank[event.kind]];
    if (!first || isBefore(order, first.order)) first = { order, key, found: { time, difference } };
  }
  const extent = { jobs: differing.size, largest };
  if (!first) return { first: undefined, extent };
  const { time, difference } = first.found;
  const number = messageNumber(application, before.get(first.key), after.get(first.key));
  return { first: { time, difference: number ? { ...difference, number } : difference }, extent };
}

/** The number by which two messages differ first: decoded for the first difference only. */
const messageNumber = (
  application: ApplicationDescription,
  a: Keyed | undefined,
  b: Keyed | undefined,
): NumberDifference | undefined =>
  a?.kind === "message" && b?.kind === "message"
    ? messageDifference(application, application.outputs[a.output]!.topic, a.bytes, b.bytes)
    : undefined;

/** The largest difference of a number in a job's output. */
function largestIn(application: ApplicationDescription, a: Keyed | undefined, b: Keyed | undefined): Extent["largest"] {
  if (!isComputed(a) || !isComputed(b)) return null;
  const row = application.table.tasks[a.task]!;
  let largest: Extent["largest"] = null;
  for (const field of application.table.channels[row.output]!.fields) {
    for (const each of differencesIn(field, a.bytes, b.bytes)) {
      if (!largest || isLarger(each, largest)) largest = { ...each, task: row.name, cycle: a.job, port: field.name };
    }
  }
  return largest;
}

type Computed = Extract<RunEvent, { readonly kind: "output" | "discarded" }>;
const isComputed = (event: Keyed | undefined): event is Computed =>
  event?.kind === "output" || event?.kind === "discarded";

const isBefore = (a: readonly number[], b: readonly number[]): boolean => {
  const at = a.findIndex((each, i) => each !== b[i]);
  return at >= 0 && a[at]! < b[at]!;
};

type Published = Extract<RunEvent, { readonly kind: "output" }>;

/** A difference in the number or the time under which an output was published. */
function tagDifference(
  at: { readonly cycle: number; readonly task: string },
  a: Published,
  b: Published,
): Difference | undefined {
  for (const port of ["sequence", "time"] as const) {
    if (a[port] === b[port]) continue;
    return { kind: "output", ...at, port, byte: null, recorded: String(a[port]), recomputed: String(b[port]) };
  }
  return undefined;
}

function differenceOf(
  application: ApplicationDescription,
  a: Keyed | undefined,
  b: Keyed | undefined,
): Difference | undefined {
  const event = (a ?? b)!;
  const row = application.table.tasks[event.task]!;
  const at = { cycle: event.job, task: row.name };
  if (isComputed(a) && isComputed(b)) {
    const byte = firstByte(a.bytes, b.bytes);
    if (byte >= 0) {
      const { fields } = application.table.channels[row.output]!;
      const field = fields.findLast((each) => each.offset <= byte) ?? fields[0]!;
      return {
        kind: "output",
        ...at,
        port: field.name,
        byte: byte - field.offset,
        recorded: hexByte(a.bytes[byte]),
        recomputed: hexByte(b.bytes[byte]),
        ...(byte < field.offset + field.bytes ? { number: differenceIn(field, byte, a.bytes, b.bytes) } : {}),
      };
    }
    if (a.kind !== b.kind)
      return { kind: "decision", ...at, port: "verdict", byte: null, recorded: a.kind, recomputed: b.kind };
    if (a.chain !== b.chain) {
      const byte = firstByte(Buffer.from(a.chain, "hex"), Buffer.from(b.chain, "hex"));
      return { kind: "chain", ...at, port: "chain", byte, recorded: a.chain, recomputed: b.chain };
    }
    if (a.kind === "output" && b.kind === "output") return tagDifference(at, a, b);
    return undefined;
  }
  if (a?.kind === "message" && b?.kind === "message") {
    const byte = firstByte(a.bytes, b.bytes);
    if (byte < 0) return undefined;
    return {
      kind: "message",
      ...at,
      port: application.outputs[a.output]!.topic,
      byte,
      recorded: hexByte(a.bytes[byte]),
      recomputed: hexByte(b.bytes[byte]),
    };
  }
  const [recorded, recomputed] = [decisionText(a), decisionText(b)];
  if (recorded === recomputed) return undefined;
  return { kind: "decision", ...at, port: event.kind, byte: null, recorded, recomputed };
}
