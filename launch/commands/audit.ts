// `isochron audit`: holds a recording's decisions to the rules of the schedule.
import { type Audit, auditFile, describeFindings } from "../../sim/index.ts";
import type { Terminal } from "../terminal.ts";
import { tellEnd } from "./tell-end.ts";

/** Options of `isochron audit`. */
export interface AuditOptions {
  readonly json?: boolean;
}

/** What an audit came to, in words. */
export function describeAudit({ legal, findings, count, records }: Audit): string {
  if (legal) return `legal: ${records} records keep the rules of the schedule`;
  const first = describeFindings(findings, count).map((line) => `  ${line}`);
  return [`NOT legal: ${count} of ${records} records break a rule of the schedule; the first`, ...first].join("\n");
}

/** The command: exits 1 where a rule is broken. */
export async function auditCommand(path: string, { json }: AuditOptions, terminal: Terminal): Promise<number> {
  const audit = await auditFile(path);
  tellEnd(path, audit, terminal);
  terminal.out(json ? JSON.stringify(audit) : describeAudit(audit));
  return audit.legal ? 0 : 1;
}
