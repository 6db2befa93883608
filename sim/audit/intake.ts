// Audits external channels: how messages are numbered, and when each is a sample or rejected.
import type { Findings } from "./finding.ts";
import type { SortedRun } from "./run.ts";

export function auditIntake({ run, channels }: SortedRun, findings: Findings): void {
  run.application.table.channels.forEach((row, id) => {
    const { admissions, visible, rejected } = channels[id]!;
    const latencyNs = row.latencyNs ?? 0;
    const numbered = [...admissions.values()].sort((a, b) => a.sequence - b.sequence);
    let newest = 0;
    numbered.forEach(({ sequence, time, index }, at) => {
      if (sequence !== at + 1 && (at === 0 || sequence !== numbered[at - 1]!.sequence + 1))
        findings.add(
          "intake/number",
          row.name,
          time,
          `message ${sequence} is where message ${at + 1} should be`,
          index,
        );
      if (time < newest)
        findings.add(
          "intake/number",
          row.name,
          time,
          `message ${sequence} arrives at ${time} ns, the one before at ${newest} ns`,
          index,
        );
      newest = Math.max(newest, time);
    });

    for (const { sequence, time, index } of visible.values()) {
      const add = (why: string) => findings.add("intake/visible", row.name, time, why, index);
      const admitted = admissions.get(sequence);
      if (latencyNs === 0) add(`message ${sequence} has a time of decoding, though it is decoded as it arrives`);
      else if (!admitted) add(`message ${sequence} is decoded, but it never arrived`);
      else if (run.mode === "virtual" && time !== admitted.time + latencyNs)
        add(`message ${sequence} stands at ${time} ns: it arrived at ${admitted.time} ns and takes ${latencyNs} ns`);
      else if (time < admitted.time)
        add(`message ${sequence} stands at ${time} ns, before it arrived at ${admitted.time} ns`);
    }
    const inOrder = [...visible.values()].sort((a, b) => a.sequence - b.sequence);
    inOrder.forEach(({ sequence, time, index }, at) => {
      const before = inOrder[at - 1];
      if (before && time < before.time)
        findings.add(
          "intake/visible",
          row.name,
          time,
          `message ${sequence} stands before message ${before.sequence}`,
          index,
        );
    });

    for (const { sequence, time, index } of rejected.values()) {
      const add = (why: string) => findings.add("intake/rejected", row.name, time, why, index);
      const admitted = admissions.get(sequence);
      if (!admitted) add(`message ${sequence} is rejected, but it never arrived`);
      else if (visible.has(sequence)) add(`message ${sequence} is rejected, and a sample too`);
      else if (latencyNs === 0 ? time !== admitted.time : time < admitted.time)
        add(`message ${sequence} is rejected at ${time} ns: it arrived at ${admitted.time} ns`);
      else if (latencyNs > 0 && run.mode === "virtual" && time !== admitted.time + latencyNs)
        add(
          `message ${sequence} is rejected at ${time} ns: it arrived at ${admitted.time} ns and takes ${latencyNs} ns`,
        );
    }

    if (latencyNs === 0) return;
    const newestVisible = inOrder.at(-1)?.sequence ?? 0;
    for (const { sequence, time } of admissions.values()) {
      if (visible.has(sequence) || rejected.has(sequence)) continue;
      const due = run.mode === "virtual" ? time + latencyNs < run.durationNs : sequence < newestVisible;
      if (due) findings.add("intake/visible", row.name, time, `message ${sequence} is neither a sample nor rejected`);
    }
  });
}
