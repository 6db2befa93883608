// `isochron replay`: recomputes a recording and says whether every bit agrees.
import type { TargetName } from "../../kernels/index.ts";
import { type Difference, type ReplayResult, readRecording, replay } from "../../sim/index.ts";
import { readApplication } from "../build.ts";
import type { Terminal } from "../terminal.ts";

/** Options of `isochron replay`. */
export interface ReplayCommandOptions {
  readonly verify?: boolean;
  readonly app?: string;
  readonly target?: TargetName;
  readonly json?: boolean;
}

/** Replays a recording, with its own programs or those of a built application. */
export async function replayFile(
  path: string,
  options: ReplayCommandOptions,
  terminal: Terminal,
): Promise<ReplayResult> {
  const recording = await readRecording(path);
  const artifacts = options.app === undefined ? undefined : readApplication(options.app).artifacts;
  const result = replay(recording, {
    onProgress: (share) => terminal.progress(`replaying ${Math.floor(share * 100)} %`),
    ...(artifacts === undefined ? {} : { artifacts }),
    ...(options.target === undefined ? {} : { target: options.target }),
  });
  terminal.progress(undefined);
  return recording.lost > 0 ? { ...result, bitExact: false } : result;
}

/** The difference in words. */
export function describeDifference({ kind, cycle, task, port, byte, recorded, recomputed }: Difference): string {
  const place = byte === null ? "" : `, byte ${byte}`;
  return [
    `first difference: ${kind} of task "${task}", cycle ${cycle}, port "${port}"${place}`,
    `  recorded    ${recorded ?? "(nothing)"}`,
    `  recomputed  ${recomputed ?? "(nothing)"}`,
  ].join("\n");
}

/** The command: exits 1 under --verify where anything differs. */
export async function replayCommand(path: string, options: ReplayCommandOptions, terminal: Terminal): Promise<number> {
  const result = await replayFile(path, options, terminal);
  const { bitExact, cycles, kernelCalls, hash, firstDifference } = result;
  if (options.json)
    terminal.out(
      JSON.stringify({ bitExact, cycles, kernelCalls, hash, ...(firstDifference ? { firstDifference } : {}) }),
    );
  else {
    terminal.out(
      `${bitExact ? "bit-exact" : "NOT bit-exact"}: ${cycles} jobs recomputed, ${kernelCalls} kernel calls, hash ${hash}`,
    );
    if (firstDifference) terminal.out(describeDifference(firstDifference));
    else if (!bitExact)
      terminal.out(`  the recorded hash is ${result.recordedHash}, or records were lost while recording`);
  }
  return options.verify && !bitExact ? 1 : 0;
}
