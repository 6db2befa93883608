// A run as its auditor sees it: what was recorded, sorted by task and by channel, with what is doubled or out of order set aside.
import type { ApplicationDescription } from "../application.ts";
import type { EventKind, EventOf, RunEvent } from "../records/index.ts";
import type { AuditRule, Findings } from "./finding.ts";

/** A record and its place in the log of decisions; outputs and messages have none. */
export interface AuditRecord {
  readonly index: number | null;
  readonly event: RunEvent;
}

/** What is audited: a run's application, its records, and what it says of itself. */
export interface AuditedRun {
  readonly application: ApplicationDescription;
  readonly mode: "virtual" | "live";
  /** Logical time at which the run ended; releases and publications from there on did not happen. */
  readonly durationNs: number;
  /** The run's hash; absent where the run was not finished. */
  readonly hash?: string;
  /** In the order of writing. */
  readonly records: readonly AuditRecord[];
}

type Of<Kind extends EventKind> = EventOf<Kind> & { readonly index: number | null };

/** The records of one task, by the number of the release. */
export class TaskRecords {
  readonly releases = new Map<number, Of<"release">>();
  readonly skips = new Map<number, Of<"skipped">>();
  readonly early: Of<"skipped">[] = [];
  readonly verdicts = new Map<number, Of<"verdict">>();
  readonly outputs = new Map<number, Of<"output">>();
  readonly discarded = new Map<number, Of<"discarded">>();
  readonly traces = new Map<number, Of<"trace">>();
  readonly stalls = new Map<number, Of<"fault">>();
  readonly keyframes: Of<"keyframe">[] = [];

  /** The numbers of all releases, with or without a job, in order. */
  numbers(): number[] {
    return [...this.releases.keys(), ...this.skips.keys()].sort((a, b) => a - b);
  }

  /** When release `job` was; undefined where it was not. */
  timeOf(job: number): number | undefined {
    return (this.releases.get(job) ?? this.skips.get(job))?.time;
  }
}

/** The records of one external channel, by the message's number. */
export class ChannelRecords {
  readonly admissions = new Map<number, Of<"admit">>();
  readonly visible = new Map<number, Of<"visible">>();
  readonly rejected = new Map<number, Of<"rejected">>();
}

/** Records of one run, sorted. */
export interface SortedRun {
  readonly run: AuditedRun;
  readonly tasks: readonly TaskRecords[];
  readonly channels: readonly ChannelRecords[];
  /** By output, then by job. */
  readonly messages: readonly ReadonlyMap<number, Of<"message">>[];
  readonly lost: { readonly decisions: number; readonly traces: number; readonly outputs: number };
}

/** Sorts the records of a run; what is doubled, of nobody, or out of order is a finding. */
export function sortRecords(run: AuditedRun, findings: Findings): SortedRun {
  const { table, outputs } = run.application;
  const tasks = table.tasks.map(() => new TaskRecords());
  const channels = table.channels.map(() => new ChannelRecords());
  const messages = outputs.map(() => new Map<number, Of<"message">>());
  const lost = { decisions: 0, traces: 0, outputs: 0 };
  const newestJob = table.tasks.map(() => -1);
  const newestMessage = table.channels.map(() => 0);

  const timeOf = (event: RunEvent): number => ("time" in event ? event.time : "release" in event ? event.release : 0);
  const tell = (rule: AuditRule, { event, index }: AuditRecord, subject: string, why: string) =>
    findings.add(rule, subject, timeOf(event), why, index);
  const once = <T extends EventKind>(
    map: Map<number, Of<T>>,
    key: number,
    record: AuditRecord,
    event: Of<T>,
    subject: string,
  ): void => {
    if (map.has(key)) tell("record/doubled", record, subject, `a second ${event.kind} of number ${key}`);
    else map.set(key, event);
  };

  for (const record of run.records) {
    const { index } = record;
    const event = record.event;
    if (event.kind === "lost") {
      lost[event.what] += event.count;
      continue;
    }
    if (event.kind === "message") {
      const into = messages[event.output];
      const topic = outputs[event.output]?.topic;
      if (!into || topic === undefined)
        tell("record/form", record, "(the run)", `a message of output ${event.output}, which is not there`);
      else once(into, event.job, record, { ...event, index }, topic);
      continue;
    }
    if (event.kind === "admit" || event.kind === "visible" || event.kind === "rejected") {
      const row = table.channels[event.channel];
      const into = channels[event.channel];
      if (!row || !into || row.source.kind !== "external") {
        tell(
          "record/form",
          record,
          row?.name ?? "(the run)",
          `${event.kind}: nothing arrives on channel ${event.channel}`,
        );
        continue;
      }
      if (event.kind === "admit") {
        if (event.sequence < newestMessage[event.channel]!)
          tell(
            "record/order",
            record,
            row.name,
            `message ${event.sequence} stands behind message ${newestMessage[event.channel]}`,
          );
        newestMessage[event.channel] = Math.max(newestMessage[event.channel]!, event.sequence);
        once(into.admissions, event.sequence, record, { ...event, index }, row.name);
      } else {
        if (index !== null && !into.admissions.has(event.sequence))
          tell("record/order", record, row.name, `message ${event.sequence} is ${event.kind} before it is admitted`);
        if (event.kind === "visible") once(into.visible, event.sequence, record, { ...event, index }, row.name);
        else once(into.rejected, event.sequence, record, { ...event, index }, row.name);
      }
      continue;
    }
    const row = table.tasks[event.task];
    const into = tasks[event.task];
    if (!row || !into) {
      tell("record/form", record, "(the run)", `${event.kind} of task ${event.task}, which is not there`);
      continue;
    }
    if (event.kind === "release" || (event.kind === "skipped" && event.reason !== "early")) {
      if (event.job < newestJob[event.task]!)
        tell("record/order", record, row.name, `release ${event.job} stands behind release ${newestJob[event.task]}`);
      newestJob[event.task] = Math.max(newestJob[event.task]!, event.job);
    }
    switch (event.kind) {
      case "release":
        once(into.releases, event.job, record, { ...event, index }, row.name);
        break;
      case "skipped":
        if (event.reason === "early") into.early.push({ ...event, index });
        else once(into.skips, event.job, record, { ...event, index }, row.name);
        break;
      case "verdict":
        if (index !== null && !into.releases.has(event.job))
          tell("record/order", record, row.name, `the verdict of job ${event.job} stands before its release`);
        once(into.verdicts, event.job, record, { ...event, index }, row.name);
        break;
      case "output":
        once(into.outputs, event.job, record, { ...event, index }, row.name);
        break;
      case "discarded":
        once(into.discarded, event.job, record, { ...event, index }, row.name);
        break;
      case "trace":
        once(into.traces, event.job, record, { ...event, index }, row.name);
        break;
      case "fault":
        once(into.stalls, event.job, record, { ...event, index }, row.name);
        break;
      case "keyframe":
        into.keyframes.push({ ...event, index });
        break;
    }
  }
  return { run, tasks, channels, messages, lost };
}
