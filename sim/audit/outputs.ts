// Audits what jobs gave: outputs and messages at their publication instants, traces, hash chains, keyframes.
import { hashOf } from "../../kernels/index.ts";
import type { TaskRow } from "../../scheduler/index.ts";
import type { Findings } from "./finding.ts";
import type { SortedRun, TaskRecords } from "./run.ts";

export function auditOutputs(sorted: SortedRun, findings: Findings): void {
  const { application, hash } = sorted.run;
  const chains = application.table.tasks.map((row, id) => {
    const records = sorted.tasks[id]!;
    for (const job of records.numbers()) auditOutput(sorted, row, records, job, findings);
    for (const { kind, job, index } of [...records.outputs.values(), ...records.discarded.values()])
      if (!records.releases.has(job))
        findings.add(
          "output/published",
          row.name,
          records.timeOf(job) ?? 0,
          `release ${job} has no job, but an output (${kind})`,
          index,
        );
    return auditChain(row, records, findings);
  });
  auditMessages(sorted, findings);
  auditThreads(sorted, findings);
  auditKeyframes(sorted, findings);
  const complete = chains.every((chain) => chain !== undefined);
  if (hash === undefined || !complete) return;
  const expected = hashOf(Buffer.concat(chains.map((chain) => Buffer.from(chain!, "hex"))));
  if (expected !== hash)
    findings.add(
      "hash/run",
      "(the run)",
      sorted.run.durationNs,
      `the run's hash is ${hash}; its tasks' chains give ${expected}`,
    );
}

function auditOutput(sorted: SortedRun, row: TaskRow, records: TaskRecords, job: number, findings: Findings): void {
  const verdict = records.verdicts.get(job);
  if (!verdict) return;
  const release = records.releases.get(job);
  if (!release) {
    findings.add(
      "verdict/time",
      row.name,
      verdict.time - row.letNs,
      `release ${job} has no job, but a verdict`,
      verdict.index,
    );
    return;
  }
  const [output, discarded] = [records.outputs.get(job), records.discarded.get(job)];
  if (verdict.overrun) {
    if (output)
      findings.add(
        "output/discarded",
        row.name,
        release.time,
        `job ${job} is an overrun, but its output is published`,
        output.index,
      );
    if (!discarded && sorted.lost.outputs === 0)
      findings.add(
        "output/discarded",
        row.name,
        release.time,
        `job ${job} is an overrun, and its discarded output is missing`,
      );
    return;
  }
  if (discarded)
    findings.add(
      "output/discarded",
      row.name,
      release.time,
      `job ${job} is done, but its output is discarded`,
      discarded.index,
    );
  if (!output) {
    if (sorted.lost.outputs === 0)
      findings.add("output/published", row.name, release.time, `job ${job} is done, and its output is missing`);
    return;
  }
  const publication = release.time + row.letNs;
  if (output.time !== publication)
    findings.add(
      "output/published",
      row.name,
      release.time,
      `the output of job ${job} is published at ${output.time} ns, not at ${publication} ns`,
      output.index,
    );
  if (output.sequence !== job + 1)
    findings.add(
      "output/published",
      row.name,
      release.time,
      `the output of job ${job} is published as sample ${output.sequence}, not ${job + 1}`,
      output.index,
    );
  if (output.channel !== row.output)
    findings.add(
      "output/published",
      row.name,
      release.time,
      `the output of job ${job} is published on channel ${output.channel}, not ${row.output}`,
      output.index,
    );
}

/** Recomputes a task's hash chain; undefined where outputs are missing from it. */
function auditChain(row: TaskRow, records: TaskRecords, findings: Findings): string | undefined {
  let chain = Buffer.alloc(32).toString("hex");
  for (const job of records.numbers()) {
    const release = records.releases.get(job);
    if (!release) continue;
    const verdict = records.verdicts.get(job);
    const output = records.outputs.get(job) ?? records.discarded.get(job);
    if (!verdict || !output) return undefined;
    const head = Buffer.alloc(32 + 16 + release.pins.length * 13 + 1);
    head.write(chain, 0, "hex");
    head.writeBigUInt64LE(BigInt(job), 32);
    head.writeBigInt64LE(BigInt(release.time), 40);
    release.pins.forEach(({ channel, sequence, held }, at) => {
      head.writeUInt32LE(channel, 48 + at * 13);
      head.writeBigUInt64LE(BigInt(sequence), 52 + at * 13);
      head.writeUInt8(Number(held), 60 + at * 13);
    });
    head.writeUInt8(Number(verdict.overrun), head.length - 1);
    const expected = hashOf(Buffer.concat([head, output.bytes]));
    if (output.chain !== expected) {
      findings.add(
        "hash/chain",
        row.name,
        release.time,
        `the chain of job ${job} is ${output.chain}; its records give ${expected}`,
        output.index,
      );
      // Later links are held to what stands, so that each broken one is told once.
      chain = output.chain;
    } else chain = expected;
  }
  return chain;
}

/** One message a publication on each topic that shows the task's output, held publications included. */
function auditMessages(sorted: SortedRun, findings: Findings): void {
  const { table, outputs } = sorted.run.application;
  outputs.forEach(({ topic, channel }, id) => {
    const task = table.tasks.findIndex((row) => row.output === channel);
    const row = table.tasks[task];
    const records = sorted.tasks[task];
    if (!row || !records) return;
    const messages = sorted.messages[id]!;
    let standing = false;
    for (const job of records.numbers()) {
      const time = records.timeOf(job)! + row.letNs;
      const done = records.verdicts.get(job)?.overrun === false;
      // An output whose bytes were lost is published to the tasks, but there is no message of it.
      const told = done && (records.outputs.has(job) || sorted.lost.outputs === 0);
      standing ||= told;
      const wanted = told || (!done && row.onOverrun === "hold" && standing);
      const message = messages.get(job);
      if (message && !wanted)
        findings.add(
          "output/message",
          topic,
          time,
          `a message of job ${job}, at whose publication instant nothing is published`,
          message.index,
        );
      else if (!message && wanted)
        findings.add(
          "output/message",
          topic,
          time,
          `no message at ${time} ns, where job ${job} ${done ? "publishes" : "holds"}`,
        );
      else if (message && message.time !== time)
        findings.add(
          "output/message",
          topic,
          Math.min(time, message.time),
          `the message of job ${job} is at ${message.time} ns, not at ${time} ns`,
          message.index,
        );
    }
    for (const { job, time, index } of messages.values())
      if (records.timeOf(job) === undefined)
        findings.add(
          "output/message",
          topic,
          time,
          `a message of release ${job} of "${row.name}", which is not there`,
          index,
        );
  });
}

/** Real times: each job within its release and its thread's other jobs. */
function auditThreads({ run, tasks }: SortedRun, findings: Findings): void {
  const rows = run.application.table.tasks;
  const threads = new Map<string, { row: TaskRow; job: number; start: number; end: number; index: number | null }[]>();
  rows.forEach((row, id) => {
    for (const { job, release, start, end, index } of tasks[id]!.traces.values()) {
      const add = (why: string) => findings.add("trace/thread", row.name, release, why, index);
      const recorded = tasks[id]!.releases.get(job);
      if (run.mode === "virtual") add(`job ${job} has real times, though the run was in virtual time`);
      if (!recorded) add(`a trace of job ${job}, which is not there`);
      else if (recorded.time !== release)
        add(`the trace of job ${job} is of a release at ${release} ns, not at ${recorded.time} ns`);
      if (start < release) add(`job ${job} starts at ${start} ns, before its release at ${release} ns`);
      if (end < start) add(`job ${job} ends at ${end} ns, before it starts at ${start} ns`);
      const thread = `${row.core} ${row.priority}`;
      const jobs = threads.get(thread) ?? [];
      threads.set(thread, jobs);
      jobs.push({ row, job, start, end, index });
    }
  });
  for (const jobs of threads.values()) {
    jobs.sort((a, b) => a.start - b.start);
    jobs.forEach((each, at) => {
      const before = jobs[at - 1];
      if (before && each.start < before.end)
        findings.add(
          "trace/thread",
          each.row.name,
          each.start,
          `job ${each.job} starts at ${each.start} ns on a thread on which job ${before.job} of "${before.row.name}" runs until ${before.end} ns`,
          each.index,
        );
    });
  }
}

/** Keyframes: in virtual time, all tasks at one tag, each with the number of its next release. */
function auditKeyframes({ run, tasks }: SortedRun, findings: Findings): void {
  const tags = [...new Set(tasks.flatMap((records) => records.keyframes.map(({ time }) => time)))].sort(
    (a, b) => a - b,
  );
  run.application.table.tasks.forEach((row, id) => {
    const records = tasks[id]!;
    const releases = records.numbers().map((job) => records.timeOf(job)!);
    releases.sort((a, b) => a - b);
    const at = new Map<number, (typeof records.keyframes)[number]>();
    for (const keyframe of records.keyframes) {
      const { time, index } = keyframe;
      if (run.mode === "live")
        findings.add("keyframe", row.name, time, `a keyframe at ${time} ns, though the run was live`, index);
      if (at.has(time)) findings.add("record/doubled", row.name, time, `a second keyframe at ${time} ns`, index);
      else at.set(time, keyframe);
    }
    let next = 0;
    for (const tag of tags) {
      while (next < releases.length && releases[next]! < tag) next++;
      const keyframe = at.get(tag);
      if (!keyframe) findings.add("keyframe", row.name, tag, `the keyframe at ${tag} ns lacks the task`);
      else if (keyframe.job !== next)
        findings.add(
          "keyframe",
          row.name,
          tag,
          `the keyframe at ${tag} ns names release ${keyframe.job} as the next, which is ${next}`,
          keyframe.index,
        );
    }
  });
}
