// Gives a recording to its auditor.
import type { Recording } from "../read-recording.ts";
import { type Audit, auditRun } from "./audit.ts";

/** Audits a recording that was read. */
export const auditRecording = ({ application, mode, durationNs, hash, events }: Recording): Audit =>
  auditRun({
    application,
    mode: mode === "live" ? "live" : "virtual",
    durationNs,
    hash,
    records: events.map((event) => ({ index: null, event })),
  });
