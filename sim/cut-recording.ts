// How far what a recording's file holds counts: to the run's end, or up to where a file without its end has everything.
import { hashOf } from "../kernels/index.ts";
import type { TaskRow } from "../scheduler/index.ts";
import type { ApplicationDescription } from "./application.ts";
import type { Contents, Facts } from "./recording-contents.ts";
import type { RunEvent } from "./records/index.ts";

interface Job {
  readonly releaseNs: number;
  ended: boolean;
}

/** What the events tell of each task's jobs, by task and number. */
function jobsOf(application: ApplicationDescription, events: readonly RunEvent[]): Map<number, Job>[] {
  const jobs = application.table.tasks.map(() => new Map<number, Job>());
  const verdicts = new Set<string>();
  const end = (task: number, job: number) => {
    const found = jobs[task]!.get(job);
    if (found && verdicts.has(`${task} ${job}`)) found.ended = true;
  };
  for (const event of events) {
    if (event.kind === "release") jobs[event.task]!.set(event.job, { releaseNs: event.time, ended: false });
    else if (event.kind === "skipped" && event.reason !== "early")
      jobs[event.task]!.set(event.job, { releaseNs: event.time, ended: true });
    else if (event.kind === "verdict") verdicts.add(`${event.task} ${event.job}`);
    else if (event.kind === "output" || event.kind === "discarded") end(event.task, event.job);
  }
  return jobs;
}

/** Instants at which samples come to stand on a channel, as far as they are known. */
function samplesOn(
  application: ApplicationDescription,
  events: readonly RunEvent[],
  jobs: readonly ReadonlyMap<number, Job>[],
  channel: number,
): number[] {
  const { channels, tasks } = application.table;
  const { source, latencyNs } = channels[channel]!;
  if (source.kind === "task") {
    const { letNs, onOverrun } = tasks[source.task]!;
    if (onOverrun === "hold") return [...jobs[source.task]!.values()].map(({ releaseNs }) => releaseNs + letNs);
    return events.flatMap((event) => (event.kind === "output" && event.task === source.task ? [event.time] : []));
  }
  if (latencyNs !== undefined)
    return events.flatMap((event) => (event.kind === "visible" && event.channel === channel ? [event.time] : []));
  const rejected = new Set(
    events.flatMap((event) => (event.kind === "rejected" && event.channel === channel ? [event.sequence] : [])),
  );
  return events.flatMap((event) =>
    event.kind === "admit" && event.channel === channel && !rejected.has(event.sequence) ? [event.time] : [],
  );
}

const never = Number.POSITIVE_INFINITY;

/** The first instant at which a task may have been released without the events having all of that job. */
function firstMissing(
  { trigger }: TaskRow,
  jobs: ReadonlyMap<number, Job>,
  early: readonly number[],
  samples: (channel: number) => readonly number[],
): number {
  const numbers = [...jobs.keys()].sort((a, b) => a - b);
  const open = numbers.find((job) => !jobs.get(job)!.ended);
  if (open !== undefined) return jobs.get(open)!.releaseNs;
  const last = numbers.at(-1);
  if (trigger.kind === "periodic") return trigger.phaseNs + ((last ?? -1) + 1) * trigger.periodNs;
  // Releases of a task follow each other; an early arrival is told of at once, before a release that it came after.
  const answered = last === undefined ? -1 : jobs.get(last)!.releaseNs;
  const told = new Set(early);
  return samples(trigger.channel).reduce(
    (first, time) => (time > answered && !told.has(time) ? Math.min(first, time) : first),
    never,
  );
}

/**
 * The instant up to which events that were cut off somewhere are all that happened.
 *
 * Records of one job follow each other, but not those of different jobs: each task's first job that is not there in whole
 * is looked for, and the last job in the log, whose message may be missing, is not counted.
 */
function wholeUntil(application: ApplicationDescription, events: readonly RunEvent[]): number {
  const { tasks } = application.table;
  const jobs = jobsOf(application, events);
  const lastRecord = events.findLast((event) => "task" in event && event.kind !== "trace" && event.kind !== "keyframe");
  if (!lastRecord || !("task" in lastRecord)) return 0;
  const lastJob = jobs[lastRecord.task]!.get(lastRecord.job)?.releaseNs;
  const until = lastJob ?? ("time" in lastRecord ? lastRecord.time : 0);
  const early = tasks.map((): number[] => []);
  for (const event of events)
    if (event.kind === "skipped" && event.reason === "early") early[event.task]!.push(event.time);
  const samples = (channel: number) => samplesOn(application, events, jobs, channel);
  return tasks.reduce(
    (first, row, task) => Math.min(first, firstMissing(row, jobs[task]!, early[task]!, samples)),
    until,
  );
}

/** The events before an instant: messages that came, jobs that were released, with all that became of them. */
export function eventsBefore(
  application: ApplicationDescription,
  events: readonly RunEvent[],
  untilNs: number,
): RunEvent[] {
  const jobs = jobsOf(application, events);
  const isBefore = (task: number, job: number, otherwise: number) =>
    (jobs[task]!.get(job)?.releaseNs ?? otherwise) < untilNs;
  const isKept = (event: RunEvent): boolean => {
    switch (event.kind) {
      case "admit":
      case "visible":
      case "rejected":
      case "keyframe":
      case "skipped":
      case "release":
        return event.time < untilNs;
      case "trace":
        return event.release < untilNs;
      case "verdict":
      case "message":
      case "output":
        return isBefore(event.task, event.job, event.time);
      case "fault":
      case "discarded":
        return isBefore(event.task, event.job, never);
      case "lost":
        return true;
    }
  };
  return events.filter(isKept);
}

/** A run's hash by the hash chains that its records hold: BLAKE3 over each task's last. */
export function hashOfChains(application: ApplicationDescription, events: readonly RunEvent[]): string {
  const chains = application.table.tasks.map(() => ({ job: -1, chain: "00".repeat(32) }));
  for (const event of events) {
    if (event.kind !== "output" && event.kind !== "discarded") continue;
    if (event.job > chains[event.task]!.job) chains[event.task] = { job: event.job, chain: event.chain };
  }
  return hashOf(Buffer.from(chains.map(({ chain }) => chain).join(""), "hex"));
}

/** Only live runs measure when jobs ran, which is recorded after what they did. */
const isLive = (events: readonly RunEvent[]): boolean => events.some((event) => event.kind === "trace");

/** How many decisions and outputs events tell of as lost. */
export const lostIn = (events: readonly RunEvent[]): number =>
  events.reduce((sum, event) => (event.kind === "lost" && event.what !== "traces" ? sum + event.count : sum), 0);

/** Why and where the recording of a run ends before the run. */
export interface RecordingCut {
  readonly why: string;
  /** Bytes of the file that are whole; absent where it was ended on purpose: the disk took no more, or the run goes on elsewhere. */
  readonly at?: number;
}

/** How far what a file holds counts. */
export interface Reach {
  readonly events: readonly RunEvent[];
  /** Logical time at which they end. */
  readonly durationNs: number;
  readonly hash: string;
  readonly mode: "virtual" | "live";
  readonly cut?: RecordingCut;
  /** Decisions and outputs that were lost while recording, as the events say; traces only measure. */
  readonly lost: number;
  /** The file has all that was written of the run. */
  readonly isComplete: boolean;
  /** The same, of a run that has not failed. */
  readonly isWhole: boolean;
}

/**
 * How far the events of a file count.
 *
 * Those of a run that failed, or whose recording was cut, end where all of them are there, and the hash is theirs.
 */
export function reachOf(
  application: ApplicationDescription,
  events: readonly RunEvent[],
  { cut: fileCut, begun }: Pick<Contents, "cut" | "begun">,
  facts: Facts | undefined,
): Reach {
  // What a run says at its end stands before its last events.
  const cut = fileCut?.allData ? undefined : fileCut;
  const isComplete = facts !== undefined && facts.cut === undefined && !cut;
  if (isComplete && facts.failure === undefined) {
    const { durationNs, hash, mode } = facts;
    return { events, durationNs, hash, mode, lost: lostIn(events), isComplete, isWhole: true };
  }
  const known = isComplete ? facts.durationNs : (cut?.untilNs ?? wholeUntil(application, events));
  const durationNs = Math.min(known, facts?.durationNs ?? never);
  const kept = eventsBefore(application, events, durationNs);
  const ended =
    facts?.cut === undefined
      ? cut && (({ why, at }) => (at === undefined ? { why } : { why, at }))(cut)
      : { why: facts.cut };
  return {
    events: kept,
    durationNs,
    hash: hashOfChains(application, kept),
    mode: facts?.mode ?? begun.mode ?? (isLive(kept) ? "live" : "virtual"),
    ...(isComplete || !ended ? {} : { cut: ended }),
    lost: lostIn(kept),
    isComplete,
    isWhole: false,
  };
}
