// The machine that benchmarks run on: its name, the targets it runs, and the arithmetic peak of one core under each.
import { cpus } from "node:os";
import { z } from "zod";
import { loadRuntime, type TargetName } from "../../kernels/index.ts";

const runtime = z
  .object({
    targets: z.custom<() => TargetName[]>((value) => typeof value === "function"),
  })
  .parse(loadRuntime());

export const machineName = (): string => `${cpus()[0]?.model.trim() ?? "unknown"}, ${cpus().length} cores`;

/** The targets that this machine runs, best first. */
export const runnableTargets = (): TargetName[] => runtime.targets();

export { measurePeak } from "../../runtime/index.ts";
