// How an application closes what it opened: its own functions, the last first, none of which can hang the process.
import { IsochronError } from "../kernels/index.ts";

/** Milliseconds after which a function is named that has not ended, and after which it is given up. */
const slowMs = 1000;
const mostMs = 5000;

interface Closer {
  readonly close: () => void | Promise<void>;
  readonly place: string | undefined;
}

/** What `app.closing` was given. */
export class Closers {
  readonly #all: Closer[] = [];

  add(close: Closer["close"], place: string | undefined): void {
    this.#all.push({ close, place });
  }

  /** Calls each once, the last first, whatever becomes of the others. Throws `application/closing`, the first failure. */
  async close(onSlow?: (what: string) => void): Promise<void> {
    const failures: IsochronError[] = [];
    for (let closer = this.#all.pop(); closer; closer = this.#all.pop()) {
      try {
        await closed(closer, onSlow);
      } catch (cause) {
        failures.push(failed(closer, cause));
      }
    }
    if (failures[0]) throw failures[0];
  }
}

const failed = ({ place }: Closer, cause: unknown): IsochronError =>
  cause instanceof IsochronError
    ? cause
    : new IsochronError(
        "application/closing",
        `what app.closing() was given failed: ${cause instanceof Error ? cause.message : String(cause)}`,
        { cause, ...(place === undefined ? {} : { place }) },
      );

async function closed({ close, place }: Closer, onSlow: ((what: string) => void) | undefined): Promise<void> {
  const slow = setTimeout(() => {
    onSlow?.(
      `what app.closing() was given${place === undefined ? "" : ` at ${place}`} has not come to an end for a second`,
    );
  }, slowMs);
  let limit: NodeJS.Timeout | undefined;
  const given = new Promise<never>((_, reject) => {
    limit = setTimeout(() => {
      reject(
        new IsochronError(
          "application/closing",
          `what app.closing() was given has not come to an end in ${mostMs / 1000} s`,
          {
            help: "its promise never settles: close without waiting for what does not come",
            ...(place === undefined ? {} : { place }),
          },
        ),
      );
    }, mostMs);
  });
  try {
    await Promise.race([(async () => await close())(), given]);
  } finally {
    clearTimeout(slow);
    clearTimeout(limit);
  }
}
