// The auditor's door.

export { type Audit, auditRun } from "./audit.ts";
export { auditFile, checkLegal, type FileAudit } from "./file.ts";
export {
  type AuditFinding,
  type AuditRule,
  auditRules,
  describeFinding,
  describeFindings,
  Findings,
} from "./finding.ts";
export { auditRecording } from "./read.ts";
export type { AuditedRun, AuditRecord } from "./run.ts";
