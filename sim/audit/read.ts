// Gives a recording that was read to its auditor.
import { lostIn } from "../cut-recording.ts";
import type { Recording } from "../read-recording.ts";
import { type Audit, auditRun } from "./audit.ts";
import { Findings } from "./finding.ts";

/** Audits a recording that was read. */
export function auditRecording({ application, mode, durationNs, hash, events, lost }: Recording): Audit {
  const findings = new Findings();
  auditLosses(lost, lostIn(events), findings);
  const records = events.map((event) => ({ index: null, event }));
  return auditRun({ application, mode, durationNs, hash, records }, findings);
}

/** What a run says that it lost is what its log tells. */
export function auditLosses(stated: number, told: number, findings: Findings): void {
  if (stated !== told)
    findings.add("record/missing", "(the run)", 0, `the run says that it lost ${stated} records, its log ${told}`);
}
