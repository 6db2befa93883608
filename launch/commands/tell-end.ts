// Says where a recording ends that is not whole, or whose run failed.
import { formatDuration } from "../../scheduler/index.ts";
import type { Recording } from "../../sim/index.ts";
import type { Terminal } from "../terminal.ts";

/** Says on standard error where a recording ends that is not whole, or whose run failed. */
export function tellEnd(
  path: string,
  { cut, failure, durationNs }: Pick<Recording, "cut" | "failure" | "durationNs">,
  terminal: Terminal,
): void {
  const at = formatDuration(durationNs);
  if (failure !== undefined) terminal.error(`${path}: the run ended at ${at} by an error: ${failure}`);
  if (!cut) return;
  const where = cut.at === undefined ? "" : `, byte ${cut.at}`;
  terminal.error(`${path} ends at ${at}${where}, before its run (${cut.why}): what is there is taken up to then`);
}
