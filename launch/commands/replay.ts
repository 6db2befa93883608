// `isochron replay`: recomputes a recording and says whether every bit agrees.
import type { TargetName } from "../../kernels/index.ts";
import { formatDuration, parseDuration } from "../../scheduler/index.ts";
import {
  type Audit,
  auditRecording,
  type Difference,
  type Extent,
  type NumberDifference,
  type Recording,
  type ReplayResult,
  readRecording,
  replay,
} from "../../sim/index.ts";
import { readApplication } from "../build.ts";
import type { Terminal } from "../terminal.ts";
import { describeAudit } from "./audit.ts";
import { tellEnd } from "./tell-end.ts";

/** Options of `isochron replay`. */
export interface ReplayCommandOptions {
  readonly verify?: boolean;
  readonly app?: string;
  readonly target?: TargetName;
  readonly from?: string;
  readonly to?: string;
  readonly json?: boolean;
}

/** Replays a recording, with its own programs or those of a built application. */
export function replayed(
  recording: Recording,
  options: ReplayCommandOptions,
  terminal: Terminal,
): ReplayResult & { readonly audit: Audit } {
  const artifacts = options.app === undefined ? undefined : readApplication(options.app).artifacts;
  const result = replay(recording, {
    onProgress: (share) => terminal.progress(`replaying ${Math.floor(share * 100)} %`),
    ...(artifacts === undefined ? {} : { artifacts }),
    ...(options.target === undefined ? {} : { target: options.target }),
    ...(options.from === undefined ? {} : { from: instant(options.from) }),
    ...(options.to === undefined ? {} : { to: instant(options.to) }),
  });
  terminal.progress(undefined);
  const audit = auditRecording(recording);
  return { ...result, audit };
}

/** An instant as it is given, nanoseconds: minutes may be `m`, too. */
const instant = (text: string): number => parseDuration(text.replace(/(?<=\d\s*)m(?=\s*$)/, "min"));

/** The difference in words, with the numbers that the byte belongs to. */
export function describeDifference({
  kind,
  cycle,
  task,
  port,
  byte,
  recorded,
  recomputed,
  number,
}: Difference): string {
  const place = byte === null ? "" : `, byte ${byte}`;
  const where = number && number.at !== "" ? `, ${number.at}` : "";
  const value = (bytes: string | null, of: NumberDifference["recorded"] | undefined): string =>
    of === undefined ? (bytes ?? "(nothing)") : `${of}${bytes === null ? "" : `  (byte ${bytes})`}`;
  return [
    `first difference: ${kind} of task "${task}", cycle ${cycle}, port "${port}"${where}${place}`,
    `  recorded    ${value(recorded, number?.recorded)}`,
    `  recomputed  ${value(recomputed, number?.recomputed)}`,
    ...(number ? [`  apart       ${howFar(number)}`] : []),
  ].join("\n");
}

/** `1.2e-7 (1 ulp of f32)`. */
const howFar = ({ absolute, ulps, dtype }: NumberDifference): string => {
  if (absolute === null) return `one is not a number (${dtype})`;
  return `${absolute} (${ulps === null ? "" : `${ulps} ulp of `}${dtype})`;
};

/** How much differs in all. */
export const describeExtent = ({ jobs, largest }: Extent, cycles: number): string => {
  const most =
    largest === null
      ? ""
      : `; the largest difference is ${howFar(largest)}, in ${largest.port}${largest.at} of task "${largest.task}", cycle ${largest.cycle}: ${largest.recorded} and ${largest.recomputed}`;
  return `  ${jobs} of ${cycles} jobs differ${most}`;
};

/** The command: exits 1 under --verify where anything differs. */
export async function replayCommand(path: string, options: ReplayCommandOptions, terminal: Terminal): Promise<number> {
  const recording = await readRecording(path);
  tellEnd(path, recording, terminal);
  const result = replayed(recording, options, terminal);
  const { durationNs, cut } = recording;
  const isPart = options.from !== undefined || options.to !== undefined;
  const { bitExact, fromNs, toNs, cycles, kernelCalls, hash, firstDifference, differing, audit } = result;
  const found = {
    legal: audit.legal,
    ...(audit.legal ? {} : { firstIllegal: audit.findings[0] }),
    ...(firstDifference ? { firstDifference } : {}),
    ...(differing ? { differing } : {}),
  };
  if (options.json)
    terminal.out(
      JSON.stringify({
        bitExact,
        cycles,
        kernelCalls,
        hash,
        durationNs,
        ...(isPart ? { fromNs, toNs } : {}),
        ...(cut ? { cut } : {}),
        ...found,
      }),
    );
  else {
    const which = isPart
      ? ` from ${formatDuration(fromNs)} to ${formatDuration(toNs)}`
      : cut
        ? ` up to ${formatDuration(durationNs)}`
        : "";
    terminal.out(
      `${bitExact ? "bit-exact" : "NOT bit-exact"}${which}: ${cycles} jobs recomputed, ${kernelCalls} kernel calls, hash ${hash}`,
    );
    if (firstDifference) terminal.out(describeDifference(firstDifference));
    if (differing) terminal.out(describeExtent(differing, cycles));
    if (!firstDifference && !bitExact)
      terminal.out(`  the recorded hash is ${result.recordedHash}, or records were lost while recording`);
    // A recording that was changed breaks rules too: what differs is told first.
    if (!audit.legal) terminal.out(describeAudit(audit));
  }
  return options.verify && !(bitExact && audit.legal) ? 1 : 0;
}
