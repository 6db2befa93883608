// `isochron report`: the page and the numbers of a recorded run.
import { extname } from "node:path";
import { replaces } from "../../kernels/index.ts";
import { describeFinding, readRecording } from "../../sim/index.ts";
import { factsOf, Ledger, printReport, type Replayed, reportFile, reportFormat, summarise } from "../report/index.ts";
import type { Terminal } from "../terminal.ts";
import { describeDifference, replayed as replayRecording } from "./replay.ts";
import { tellEnd } from "./tell-end.ts";

/** Options of `isochron report`. */
export interface ReportCommandOptions {
  readonly output?: string;
  /** Recompute the recording too. */
  readonly verify?: boolean;
  readonly json?: boolean;
}

/** The command: writes what the output's name asks for, or page and numbers beside the recording; --json prints the numbers. */
export async function reportCommand(path: string, options: ReportCommandOptions, terminal: Terminal): Promise<number> {
  const written = options.output !== undefined ? [options.output] : options.json ? [] : besides(path);
  for (const file of written) replaces(file, reportFile(reportFormat(file)));
  const recording = await readRecording(path);
  tellEnd(path, recording, terminal);
  let replayed: Replayed = "not checked";
  if (options.verify) {
    const { bitExact, kernelCalls, firstDifference, audit } = replayRecording(recording, {}, terminal);
    const [illegal] = audit.findings;
    replayed = {
      bitExact,
      kernelCalls,
      difference: firstDifference ? describeDifference(firstDifference) : null,
      illegal: illegal ? describeFinding(illegal) : null,
    };
  }
  const ledger = new Ledger(recording.application);
  ledger.add(recording.events);
  ledger.addSent(recording.sent);
  const summary = summarise(ledger, factsOf(recording, replayed));
  for (const file of written) summary.write(file);
  if (options.json) terminal.out(JSON.stringify(summary.report));
  else terminal.out([printReport(summary.report), ...written.map((file) => `  report             ${file}`)].join("\n"));
  return replayed === "not checked" || (replayed.bitExact && replayed.illegal === null) ? 0 : 1;
}

/** Where the report of `out/road.mcap`, or of what is left of it, goes: `out/road.report.html` and `out/road.report.json`. */
function besides(path: string): string[] {
  const finished = path.replace(/\.partial$/, "");
  const stem = finished.slice(0, finished.length - extname(finished).length);
  return [`${stem}.report.html`, `${stem}.report.json`];
}
