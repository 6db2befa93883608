// The machine that benchmarks run on: its name, and what one core can do at most under each target.
import { cpus, loadavg } from "node:os";
import type { TargetName } from "../../kernels/index.ts";
import { measureMachine, type Peak } from "../../runtime/index.ts";

export const machineName = (): string => cpus()[0]?.model.trim() ?? "unknown";

/** A machine and its limits. */
export interface Machine {
  readonly name: string;
  readonly cores: number;
  /** Runnable threads of the minute before. */
  readonly load: number;
  readonly limits: { readonly [target in TargetName]?: Peak };
}

/** Measures this machine under some targets. */
export async function measureThisMachine(targets: readonly TargetName[]): Promise<Machine> {
  const load = loadavg()[0]!;
  const limits: { [target in TargetName]?: Peak } = {};
  for (const target of targets) limits[target] = await measureMachine(target);
  return { name: machineName(), cores: cpus().length, load, limits };
}
