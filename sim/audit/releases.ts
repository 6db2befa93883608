// Audits releases: when each is, which arrivals are early, what each sees, and which have no job.
import type { TaskRow } from "../../scheduler/index.ts";
import type { Findings } from "./finding.ts";
import type { SortedRun, TaskRecords } from "./run.ts";
import type { Samples } from "./samples.ts";

/** When a task's releases are, and how many there were at each arrival that came too early. */
interface Expected {
  readonly count: number;
  readonly at: (job: number) => number;
  readonly early: readonly { readonly time: number; readonly released: number }[];
}

function expectedReleases({ trigger }: TaskRow, samples: readonly Samples[], endNs: number): Expected {
  if (trigger.kind === "periodic") {
    const { phaseNs, periodNs } = trigger;
    return {
      count: Math.max(0, Math.ceil((endNs - phaseNs) / periodNs)),
      at: (job) => phaseNs + job * periodNs,
      early: [],
    };
  }
  const releases: number[] = [];
  const early: { time: number; released: number }[] = [];
  const { minIntervalNs, toleranceNs = 0 } = trigger;
  // When the next release is due in the long run; a leaky bucket lets it be earlier by the tolerance.
  let nominal = Number.NEGATIVE_INFINITY;
  for (const { time } of samples[trigger.channel]!.all) {
    const allowed = nominal - toleranceNs;
    const last = releases.at(-1) ?? Number.NEGATIVE_INFINITY;
    let release: number | undefined;
    if (time >= allowed) release = time;
    // One release may wait for the interval's end; it sees what arrives meanwhile, up to its own instant.
    else if (trigger.early === "defer" && time > last) release = allowed;
    if (release === undefined) early.push({ time, released: releases.length });
    else {
      releases.push(release);
      nominal = Math.max(release, nominal) + minIntervalNs;
    }
  }
  const count = releases.filter((time) => time < endNs).length;
  return { count, at: (job) => releases[job]!, early };
}

export function auditReleases(sorted: SortedRun, samples: readonly Samples[], findings: Findings): void {
  sorted.run.application.table.tasks.forEach((row, id) => {
    const records = sorted.tasks[id]!;
    const expected = expectedReleases(row, samples, sorted.run.durationNs);
    auditTimes(row, records, expected, findings);
    auditEarly(row, records, expected.early, findings);
    let before: JobBefore;
    for (const job of records.numbers()) {
      if (records.releases.has(job)) auditPins(sorted, row, records, job, samples, findings);
      auditJob(sorted, row, records, job, before, samples, findings);
      if (records.releases.has(job)) before = { job, end: endOf(sorted, records, job) };
    }
  });
}

/** Missing releases that are told one by one. */
const mostMissing = 1000;

function auditTimes(row: TaskRow, records: TaskRecords, expected: Expected, findings: Findings): void {
  const numbers = records.numbers();
  for (const job of numbers) {
    const [release, skip] = [records.releases.get(job), records.skips.get(job)];
    const { time, index } = (release ?? skip)!;
    if (release && skip)
      findings.add("record/doubled", row.name, time, `release ${job} has a job and is skipped too`, index);
    if (job >= expected.count) {
      findings.add("release/time", row.name, time, `release ${job} at ${time} ns is not caused by anything`, index);
      continue;
    }
    const wanted = expected.at(job);
    if (time !== wanted)
      findings.add(
        "release/time",
        row.name,
        Math.min(time, wanted),
        `release ${job} is at ${time} ns, not at ${wanted} ns`,
        index,
      );
  }
  const there = new Set(numbers);
  for (let job = 0, missing = 0; job < expected.count && missing < mostMissing; job++) {
    if (there.has(job)) continue;
    missing++;
    const time = expected.at(job);
    findings.add("release/time", row.name, time, `release ${job} at ${time} ns is missing`);
  }
}

function auditEarly(row: TaskRow, records: TaskRecords, expected: Expected["early"], findings: Findings): void {
  const keyOf = (time: number, released: number) => `${time} ${released}`;
  const wanted = new Map<string, number>();
  for (const { time, released } of expected) {
    const key = keyOf(time, released);
    wanted.set(key, (wanted.get(key) ?? 0) + 1);
  }
  for (const { time, job, index, decided } of records.early) {
    if (decided !== undefined && decided !== time)
      findings.add("skip/decided", row.name, time, `an arrival at ${time} ns is found early at ${decided} ns`, index);
    const left = wanted.get(keyOf(time, job)) ?? 0;
    if (left === 0)
      findings.add("skip/early", row.name, time, `an arrival at ${time} ns after ${job} releases is not early`, index);
    else wanted.set(keyOf(time, job), left - 1);
  }
  for (const [key, left] of wanted) {
    if (left === 0) continue;
    const [time, released] = key.split(" ").map(Number);
    findings.add(
      "skip/early",
      row.name,
      time!,
      `an early arrival at ${time} ns after ${released} releases is not recorded`,
    );
  }
}

/** The channels that a task reads, each once, in the order of its inputs. */
const channelsOf = (row: TaskRow): number[] => [...new Set(row.inputs.map(({ channel }) => channel))];

function auditPins(
  { run }: SortedRun,
  row: TaskRow,
  records: TaskRecords,
  job: number,
  samples: readonly Samples[],
  findings: Findings,
): void {
  const { pins, time, index } = records.releases.get(job)!;
  const wanted = channelsOf(row);
  const nameOf = (channel: number) => run.application.table.channels[channel]?.name ?? `channel ${channel}`;
  if (pins.length !== wanted.length || pins.some(({ channel }, at) => channel !== wanted[at])) {
    const [have, want] = [pins.map((pin) => nameOf(pin.channel)), wanted.map(nameOf)].map((names) => names.join(", "));
    findings.add("release/pins", row.name, time, `release ${job} reads ${have || "nothing"}, not ${want}`, index);
    return;
  }
  for (const { channel, sequence, held } of pins) {
    const sample = samples[channel]!.newestAt(time);
    if (sequence !== sample.sequence)
      findings.add(
        "release/pins",
        row.name,
        time,
        `release ${job} at ${time} ns saw sample ${sequence} of "${nameOf(channel)}", where sample ${sample.sequence} stood`,
        index,
      );
    else if (held !== sample.held && !(sample.held && mayBeUnseen(run, channel)))
      findings.add(
        "release/held",
        row.name,
        time,
        `release ${job} took sample ${sequence} of "${nameOf(channel)}" for ${held ? "held" : "new"}, which it is not`,
        index,
      );
  }
}

/** Whether a reader may not have seen yet that a later release of the channel's task was due: live, where messages release it. */
const mayBeUnseen = ({ mode, application }: SortedRun["run"], channel: number): boolean => {
  const { source } = application.table.channels[channel]!;
  return mode === "live" && source.kind === "task" && application.table.tasks[source.task]?.trigger.kind === "arrival";
};

/** When a job ended; undefined where the recording does not say. */
function endOf({ run }: SortedRun, records: TaskRecords, job: number): number | undefined {
  const release = records.releases.get(job);
  if (!release) return undefined;
  if (run.mode === "virtual") return release.time + (records.stalls.get(job)?.duration ?? 0);
  return records.traces.get(job)?.end ?? records.verdicts.get(job)?.ended;
}

/** The newest job before a release, and when it ended. */
type JobBefore = { readonly job: number; readonly end: number | undefined } | undefined;

/** Whether a release has a job, and why not; and what became of that job. */
function auditJob(
  sorted: SortedRun,
  row: TaskRow,
  records: TaskRecords,
  job: number,
  before: JobBefore,
  samples: readonly Samples[],
  findings: Findings,
): void {
  const live = sorted.run.mode === "live";
  const skip = records.skips.get(job);
  // In virtual time a job takes no time unless it stalls.
  const stalled = (number: number) => live || records.stalls.has(number);
  if (!skip) {
    const { time, index } = records.releases.get(job)!;
    if (before?.end !== undefined && stalled(before.job) && before.end >= time)
      findings.add(
        "skip/busy",
        row.name,
        time,
        `release ${job} has a job, though job ${before.job} ran until ${before.end} ns`,
        index,
      );
    auditVerdict(sorted, row, records, job, findings);
    return;
  }
  const { time, index, reason, decided } = skip;
  const publication = time + row.letNs;
  if (decided !== undefined && (live ? decided < time : decided !== time))
    findings.add(
      "skip/decided",
      row.name,
      time,
      `release ${job} is skipped at ${decided} ns, which is not when it could be`,
      index,
    );
  switch (reason) {
    case "busy":
      if (!before || !stalled(before.job))
        findings.add("skip/busy", row.name, time, `release ${job} is skipped as busy, but no job was running`, index);
      else if (before.end !== undefined && before.end < time)
        findings.add(
          "skip/busy",
          row.name,
          time,
          `release ${job} is skipped as busy, but job ${before.job} had ended at ${before.end} ns`,
          index,
        );
      return;
    case "late":
      if (!live)
        findings.add("skip/late", row.name, time, `release ${job} is late, which cannot be in virtual time`, index);
      else if (decided !== undefined && decided < publication)
        findings.add(
          "skip/late",
          row.name,
          time,
          `release ${job} is skipped as late at ${decided} ns; its publication instant is ${publication} ns`,
          index,
        );
      return;
    case "gone": {
      if (!live)
        findings.add(
          "skip/gone",
          row.name,
          time,
          `an input of release ${job} is gone, which cannot be in virtual time`,
          index,
        );
      // A producer writes its next sample ahead of the instant from which it stands.
      const until =
        (decided ?? publication) + Math.max(0, ...sorted.run.application.table.tasks.map((each) => each.letNs));
      const gone = channelsOf(row).some(
        (channel) =>
          samples[channel]!.countBetween(time, until) >= sorted.run.application.table.channels[channel]!.depth,
      );
      if (live && !gone)
        findings.add(
          "skip/gone",
          row.name,
          time,
          `release ${job} is skipped because an input is gone, but every input was kept`,
          index,
        );
      return;
    }
    case "stopped":
    case "early":
      findings.add("record/form", row.name, time, `release ${job} is skipped as ${reason}`, index);
      return;
  }
}

function auditVerdict(sorted: SortedRun, row: TaskRow, records: TaskRecords, job: number, findings: Findings): void {
  const release = records.releases.get(job)!;
  const verdict = records.verdicts.get(job);
  const publication = release.time + row.letNs;
  if (!verdict) {
    findings.add("verdict/time", row.name, release.time, `job ${job} has no verdict`, release.index);
    return;
  }
  const { time, overrun, index } = verdict;
  if (time !== publication)
    findings.add(
      "verdict/time",
      row.name,
      release.time,
      `the verdict of job ${job} is at ${time} ns, not at ${publication} ns`,
      index,
    );
  const end = endOf(sorted, records, job);
  if (end === undefined) return;
  if (verdict.ended !== undefined && verdict.ended !== end)
    findings.add(
      "verdict/ended",
      row.name,
      release.time,
      `job ${job} ended at ${verdict.ended} ns by its verdict, at ${end} ns by its other records`,
      index,
    );
  if (!overrun && end > publication)
    findings.add(
      "verdict/done",
      row.name,
      release.time,
      `job ${job} is done, though it ended at ${end} ns, after ${publication} ns`,
      index,
    );
  if (!overrun || end > publication) return;
  // It ended in time by its own clock: then somebody settled it at its instant, before it could say so.
  if (sorted.run.mode === "virtual" || !hasReader(sorted, row, publication))
    findings.add(
      "verdict/overrun",
      row.name,
      release.time,
      `job ${job} is an overrun, though it ended at ${end} ns, by ${publication} ns`,
      index,
    );
}

/** Whether anybody needed a task's value at or after an instant: a task that reads it or is released by it, or an output that shows it. */
function hasReader({ run }: SortedRun, row: TaskRow, publication: number): boolean {
  const { table, outputs } = run.application;
  if (publication >= run.durationNs) return false;
  return (
    outputs.some(({ channel }) => channel === row.output) ||
    table.tasks.some(
      ({ inputs, trigger }) =>
        inputs.some(({ channel }) => channel === row.output) ||
        (trigger.kind === "arrival" && trigger.channel === row.output),
    )
  );
}
