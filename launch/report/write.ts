// Writes a report: numbers as .json, the page as .html.
import { extname } from "node:path";
import { beginsWith, type FileKind, IsochronError, writeWhole } from "../../kernels/index.ts";
import { prepareFolder } from "../output-file.ts";
import { reactions } from "./chains.ts";
import type { RunFacts } from "./facts.ts";
import type { Ledger } from "./ledger.ts";
import { generator, renderPage } from "./page.ts";
import { type Report, reportOf } from "./report.ts";
import { timelineOf } from "./timeline.ts";

/** What a report can be written as. */
export type ReportFormat = "json" | "html";

/** What a report may replace: a report of the same format. */
export const reportFile = (format: ReportFormat): FileKind => ({
  name: format === "json" ? "the numbers of a report" : "the page of a report",
  begins:
    format === "json"
      ? beginsWith(`{\n  "format": "isochron-report",`)
      : (start) => new TextDecoder().decode(start).includes(`<meta name="generator" content="${generator}">`),
});

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
  /** Writes it, whole or not at all, in the format of the name. Throws `file/exists` where something else stands there. */
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
      prepareFolder(path);
      writeWhole(path, text(format), reportFile(format));
    },
  };
}
