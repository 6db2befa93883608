// Writes a report: numbers as .json, the page as .html.
import { mkdirSync } from "node:fs";
import { dirname, extname } from "node:path";
import { IsochronError } from "../../kernels/index.ts";
import { writeWhole } from "../../runtime/index.ts";
import { reactions } from "./chains.ts";
import type { RunFacts } from "./facts.ts";
import type { Ledger } from "./ledger.ts";
import { renderPage } from "./page.ts";
import { type Report, reportOf } from "./report.ts";
import { timelineOf } from "./timeline.ts";

/** What a report can be written as. */
export type ReportFormat = "json" | "html";

/** The format that a file's name asks for. Throws `command/report` for any other. */
export function reportFormat(path: string): ReportFormat {
  const format = extname(path).slice(1);
  if (format === "json" || format === "html") return format;
  throw new IsochronError("command/report", `"${path}" should end in .html or .json`, {
    help: "--report run.html for a page to read, --report run.json for the numbers",
  });
}

/** A summed-up run, and its forms. */
export interface RunReport {
  readonly report: Report;
  /** The report as a file's text. */
  text(format: ReportFormat): string;
  /** Writes it, whole or not at all, in the format of the name. */
  write(path: string): void;
}

/** Sums a run up. */
export function summarise(ledger: Ledger, facts: RunFacts): RunReport {
  const found = reactions(ledger);
  const report = reportOf(ledger, facts, found);
  const text = (format: ReportFormat): string =>
    format === "json"
      ? `${JSON.stringify(report, null, 2)}\n`
      : renderPage(report, timelineOf(ledger, { durationNs: facts.durationNs, clock: report.clock }, found));
  return {
    report,
    text,
    write: (path) => {
      const format = reportFormat(path);
      mkdirSync(dirname(path), { recursive: true });
      writeWhole(path, text(format));
    },
  };
}
