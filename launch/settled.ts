// Waits for an application's module, whose top-level `await` may wait for what never comes.
import { IsochronError } from "../kernels/index.ts";

/** Milliseconds after which a module is named that only waits, and one that may be working. */
const slowMs = 1000;
const slowestMs = 60_000;
/** Of a second, what a process that only waits takes of the processor, microseconds. */
const idleUs = 20_000;

/**
 * The module, called `shown`. Says on standard error that it has not settled for a second; an interruption ends the waiting.
 *
 * Throws `application/load` where nothing is left that could settle it.
 */
export async function settled<T>(module: Promise<T>, shown: string, signal?: AbortSignal): Promise<T> {
  let end: (error: unknown) => void = () => undefined;
  const ended = new Promise<never>((_, reject) => {
    end = reject;
  });
  const nothingLeft = () =>
    end(
      new IsochronError(
        "application/load",
        `${shown} cannot be loaded: its top-level await waits for what never comes`,
        {
          help: "await what settles, or begin it without waiting: void connect()",
        },
      ),
    );
  const aborted = () => end(signal?.reason);
  const slow = tellOfWaiting(shown);
  process.once("beforeExit", nothingLeft);
  signal?.addEventListener("abort", aborted);
  try {
    return await Promise.race([module, ended]);
  } finally {
    clearInterval(slow);
    process.removeListener("beforeExit", nothingLeft);
    signal?.removeEventListener("abort", aborted);
    module.catch(() => undefined);
    ended.catch(() => undefined);
  }
}

function tellOfWaiting(shown: string): NodeJS.Timeout {
  let used = process.cpuUsage();
  const begun = performance.now();
  const timer = setInterval(() => {
    const { user, system } = process.cpuUsage(used);
    used = process.cpuUsage();
    // On a busy machine even a small module may take a second.
    if (user + system > idleUs && performance.now() - begun < slowestMs) return;
    process.stderr.write(
      `${shown} has not been loaded for a second: its top-level await waits; Ctrl-C ends the waiting\n`,
    );
    clearInterval(timer);
  }, slowMs);
  return timer.unref();
}
