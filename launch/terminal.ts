// What commands write to: results on standard output, progress on standard error, interruption as a signal.
import { constants } from "node:os";
import { watchSignals } from "./watchdog.ts";

/** A command's terminal. */
export interface Terminal {
  out(text: string): void;
  error(text: string): void;
  /**
   * Shows one line of progress in place of the last, with a bar where the `share` done is known; undefined clears it.
   *
   * Where standard error is no terminal, a plain line now and then.
   */
  progress(text: string | undefined, share?: number): void;
  /** Aborted by Ctrl-C, which ends the process by itself until a command has asked for this. */
  readonly signal: AbortSignal;
}

const listened = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Ctrl-C and its like: the first asks the command to end, the second ends the process. */
export class Interruption {
  readonly #controller = new AbortController();
  #listening = false;
  /** 128 and the signal's number, once there was one: what the process exits with. */
  exitCode: number | undefined;

  get signal(): AbortSignal {
    if (!this.#listening) {
      for (const name of listened) process.on(name, this.#hear);
      watchSignals(listened);
    }
    this.#listening = true;
    return this.#controller.signal;
  }

  /** Leaves signals to the process again. */
  close(): void {
    for (const name of listened) process.removeListener(name, this.#hear);
  }

  readonly #hear = (name: NodeJS.Signals): void => {
    // What has been recorded stays; the watchdog ends the process where this is not heard.
    if (this.exitCode !== undefined) process.exit(this.exitCode);
    this.exitCode = 128 + constants.signals[name];
    this.#controller.abort();
  };
}

/** Milliseconds between lines of progress where there is no terminal. */
const plainLineMs = 5000;

/** A bar of twenty cells. */
const bar = (share: number | undefined): string => {
  if (share === undefined) return "";
  const cells = Math.round(Math.min(1, Math.max(0, share)) * 20);
  return `${"█".repeat(cells)}${"░".repeat(20 - cells)} `;
};

/** The process's own terminal; `write` takes results, standard output unless given. */
export function processTerminal(
  interruption: Interruption,
  write = (text: string): void => void process.stdout.write(text),
): Terminal {
  const clear = "\r\u001b[2K";
  const live = process.stderr.isTTY === true;
  let nextLine = performance.now() + plainLineMs;
  return {
    out: (text) => write(`${text}\n`),
    error: (text) => void process.stderr.write(`${live ? clear : ""}${text}\n`),
    progress: (text, share) => {
      if (live) process.stderr.write(clear + (text === undefined ? "" : bar(share) + text));
      else if (text !== undefined && performance.now() >= nextLine) {
        nextLine = performance.now() + plainLineMs;
        process.stderr.write(`${text}\n`);
      }
    },
    get signal() {
      return interruption.signal;
    },
  };
}
