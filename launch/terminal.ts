// What commands write to: results on standard output, progress on standard error, interruption as a signal.

/** A command's terminal. */
export interface Terminal {
  out(text: string): void;
  error(text: string): void;
  /** Shows one line of progress in place of the last; undefined clears it. Silent where standard error is no terminal. */
  progress(text: string | undefined): void;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

/** The process's own terminal. */
export function processTerminal(signal: AbortSignal): Terminal {
  const clear = "\r\u001b[2K";
  const live = process.stderr.isTTY === true;
  return {
    out: (text) => void process.stdout.write(`${text}\n`),
    error: (text) => void process.stderr.write(`${live ? clear : ""}${text}\n`),
    progress: (text) => {
      if (live) process.stderr.write(clear + (text ?? ""));
    },
    signal,
  };
}
