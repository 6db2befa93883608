// A part of a recording that is verified by itself: from a keyframe up to an instant.
import { IsochronError } from "../kernels/index.ts";
import { type Duration, formatDuration, parseDuration } from "../scheduler/index.ts";
import { eventsBefore, hashOfChains } from "./cut-recording.ts";
import type { Recording } from "./read-recording.ts";
import type { EventKind, EventOf, RunEvent } from "./records/index.ts";

type Keyframe = EventOf<"keyframe">;

/** Where a replay begins. */
export interface Start {
  /** The states of every task. */
  readonly keyframe: readonly Keyframe[];
  /** What was before it, as far as anything behind follows from it. */
  readonly past: readonly RunEvent[];
}

/** What a replay is to verify. */
export interface RecordingPart {
  readonly fromNs: number;
  readonly toNs: number;
  /** Absent where it begins with the run. */
  readonly start?: Start;
  /** What was recorded of it. */
  readonly events: readonly RunEvent[];
  /** Of the run up to its end. */
  readonly hash: string;
}

/** Kinds that something behind them may follow from. */
const remembered: ReadonlySet<EventKind> = new Set(["admit", "release", "skipped", "output", "discarded"]);

/**
 * The part of a recording from the newest keyframe that is not after `from`, or from its beginning where none is, up to `to`.
 *
 * Throws `replay/part` where nothing of the run lies between.
 */
export function partOf(recording: Recording, from: Duration | undefined, to: Duration | undefined): RecordingPart {
  const { application, durationNs } = recording;
  const askedNs = from === undefined ? 0 : parseDuration(from);
  const toNs = to === undefined ? durationNs : Math.min(parseDuration(to), durationNs);
  if (askedNs >= toNs && (from !== undefined || to !== undefined)) {
    const asked = `from ${formatDuration(askedNs)} to ${to === undefined ? "its end" : formatDuration(parseDuration(to))}`;
    throw new IsochronError("replay/part", `nothing of the recording lies ${asked}`, {
      help: `it has ${formatDuration(durationNs)}; name an instant before that, and a later one`,
    });
  }
  const isWhole = toNs === durationNs;
  const before = isWhole ? recording.events : eventsBefore(application, recording.events, toNs);
  const hash = isWhole ? recording.hash : hashOfChains(application, before);
  const keyframe = newestKeyframe(before, application.table.tasks.length, askedNs);
  if (!keyframe) return { fromNs: 0, toNs, events: before, hash };
  const fromNs = keyframe[0]!.time;
  const next = new Map(keyframe.map(({ task, job }) => [task, job]));
  const isBehind = (event: RunEvent): boolean => {
    switch (event.kind) {
      case "admit":
      case "visible":
      case "rejected":
      case "keyframe":
        return event.time >= fromNs;
      case "skipped":
        if (event.reason === "early") return event.time >= fromNs;
        return event.job >= next.get(event.task)!;
      case "release":
      case "verdict":
      case "output":
      case "discarded":
      case "message":
      case "trace":
      case "fault":
        return event.job >= next.get(event.task)!;
      case "lost":
        return true;
    }
  };
  const events: RunEvent[] = [];
  const past: RunEvent[] = [];
  for (const event of before)
    if (isBehind(event)) events.push(event);
    // What a job read is no matter any more.
    else if (remembered.has(event.kind)) past.push(event.kind === "release" ? { ...event, pins: [] } : event);
  return { fromNs, toNs, start: { keyframe, past }, events, hash };
}

/** The newest keyframe of every task that is not after an instant. */
function newestKeyframe(events: readonly RunEvent[], tasks: number, untilNs: number): readonly Keyframe[] | undefined {
  const byTag = new Map<number, Map<number, Keyframe>>();
  for (const event of events) {
    if (event.kind !== "keyframe" || event.time > untilNs) continue;
    const of = byTag.get(event.time) ?? new Map<number, Keyframe>();
    byTag.set(event.time, of.set(event.task, event));
  }
  const newest = [...byTag].reduce(
    (best, [time, { size }]) => (size === tasks && time > best ? time : best),
    Number.NEGATIVE_INFINITY,
  );
  const found = byTag.get(newest);
  return found && [...found.values()];
}
