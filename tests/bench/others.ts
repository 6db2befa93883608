// What other processes take of the processor, and other machines on the same hardware, while something is measured.
import { readFileSync } from "node:fs";

/** Milliseconds in which the cores did something since the system started, time taken by a hypervisor included. */
function busyMs(): number {
  // user nice system idle iowait irq softirq steal, in hundredths of a second; proc(5).
  const [user, nice, system, , , irq, softirq, steal] = readFileSync("/proc/stat", "utf8")
    .split("\n", 1)[0]!
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number) as [number, number, number, number, number, number, number, number];
  return 10 * (user + nice + system + irq + softirq + steal);
}

function ownMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e3;
}

/** Everybody but this process, from when it is made. */
export class Others {
  readonly #started = performance.now();
  readonly #busy = busyMs();
  readonly #own = ownMs();

  /** What they took until now, in cores: 0.05 is a twentieth of one. */
  share(): number {
    return (busyMs() - this.#busy - (ownMs() - this.#own)) / (performance.now() - this.#started);
  }
}
