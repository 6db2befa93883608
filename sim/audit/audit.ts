// Holds a recorded run to the rules of the schedule (docs/architecture.md §4), from its records alone: nothing is computed again.
import { type AuditFinding, Findings } from "./finding.ts";
import { auditIntake } from "./intake.ts";
import { auditOutputs } from "./outputs.ts";
import { auditReleases } from "./releases.ts";
import { type AuditedRun, sortRecords } from "./run.ts";
import { samplesOf } from "./samples.ts";

/** What an audit came to. */
export interface Audit {
  /** Every decision was allowed, and none is missing. */
  readonly legal: boolean;
  /** Findings by time, the first illegal decision first; at most the first 1000. */
  readonly findings: readonly AuditFinding[];
  /** How many there are. */
  readonly count: number;
  /** Records that were looked at. */
  readonly records: number;
}

/**
 * Audits a run.
 *
 * The rules are stated here once more, from `docs/architecture.md` and not from the executive's code, so that a fault of the
 * executive is not a fault of its judge. `found` holds what reading the recording found already.
 */
export function auditRun(run: AuditedRun, found: Findings = new Findings()): Audit {
  const sorted = sortRecords(run, found);
  const { decisions, outputs } = sorted.lost;
  if (decisions > 0 || outputs > 0)
    found.add(
      "record/missing",
      "(the run)",
      0,
      `${decisions} decisions and ${outputs} outputs were lost while recording`,
    );
  const samples = samplesOf(sorted);
  auditIntake(sorted, found);
  auditReleases(sorted, samples, found);
  auditOutputs(sorted, found);
  return { legal: found.count === 0, findings: found.inOrder(), count: found.count, records: run.records.length };
}
