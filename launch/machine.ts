// The machine a run happened on, as reports name it.
import { readFileSync } from "node:fs";
import { arch, cpus, release } from "node:os";

/** What a reader of a latency report needs to know of the machine. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly architecture: string;
  readonly kernel: string;
  readonly node: string;
  /** Frequency governor of core 0; absent where the kernel shows none (virtual machines). */
  readonly governor?: string;
}

/** Describes this machine. */
export function describeMachine(): Machine {
  const processors = cpus();
  const governor = readGovernor();
  return {
    cpu: processors[0]?.model.trim() || "unknown",
    cores: processors.length,
    architecture: arch(),
    kernel: release(),
    node: process.versions.node,
    ...(governor === undefined ? {} : { governor }),
  };
}

function readGovernor(): string | undefined {
  try {
    return readFileSync("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "utf8").trim();
  } catch {
    return undefined;
  }
}
