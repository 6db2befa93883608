// Watches the application's own code: what does not return is named, and a second Ctrl-C ends the process whatever it does.
import { constants } from "node:os";
import { z } from "zod";
import { loadRuntime } from "../kernels/index.ts";
import type { Watch } from "../sim/index.ts";

const binding = z.object({
  watchName: z.custom<(name: string) => number>((value) => typeof value === "function"),
  watchRunning: z.custom<(number: number) => number>((value) => typeof value === "function"),
  watchSignals: z.custom<(signals: readonly number[]) => void>((value) => typeof value === "function"),
});

let native: z.infer<typeof binding> | undefined | null;

/** The runtime module's part; where it cannot be loaded, whoever needs the rest of it says so. */
function watchdog(): z.infer<typeof binding> | null {
  if (native !== undefined) return native;
  try {
    native = binding.parse(loadRuntime());
  } catch {
    native = null;
  }
  return native;
}

const numbers = new Map<string, number>();

/** Says on standard error that `what` has not come to an end once it has taken a second of processor time, or ten seconds. */
export const watch: Watch = (what) => {
  const found = watchdog();
  if (!found) return () => undefined;
  const number = numbers.get(what) ?? found.watchName(what);
  numbers.set(what, number);
  const before = found.watchRunning(number);
  return () => void found.watchRunning(before);
};

/** From the second of these signals on the process ends soon, though JavaScript may never hear of it; to be called once Node listens. */
export function watchSignals(names: readonly NodeJS.Signals[]): void {
  watchdog()?.watchSignals(names.map((name) => constants.signals[name]));
}
