// The auditor's door.

export { type Audit, auditRun } from "./audit.ts";
export { type AuditFinding, type AuditRule, auditRules, Findings } from "./finding.ts";
export { auditRecording } from "./read.ts";
export type { AuditedRun, AuditRecord } from "./run.ts";
