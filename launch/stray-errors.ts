// Errors that nobody caught while an application runs: thrown in a callback, or of a promise that was rejected.
import { IsochronError } from "../kernels/index.ts";
import { userPlace } from "./user-place.ts";

/** An error as one of the application; one whose stack never was in the application's files is left as it is. */
function ofApplication(cause: unknown, what: string): unknown {
  if (cause instanceof IsochronError) return cause;
  if (cause instanceof Error && cause.stack !== undefined && userPlace(cause.stack) === undefined) {
    // Sockets and the like fail by themselves, with a code of the system.
    if (!("code" in cause) && !("syscall" in cause)) return cause;
  }
  const why = cause instanceof Error ? cause.message : String(cause);
  return new IsochronError("application/failed", `${what}: ${why}`, {
    help: "catch it where it arises: try { await … } catch, promise.catch(…), stream.on('error', …)",
    cause,
  });
}

/** Does some work, which fails with the first error that nobody caught. */
export async function withStrayErrors<T>(work: () => Promise<T>): Promise<T> {
  const strays = new StrayErrors();
  try {
    return await strays.during(work());
  } finally {
    strays.close();
  }
}

/** Takes errors that nobody caught, instead of the end of the process, until it is closed. */
export class StrayErrors {
  #first: { readonly error: unknown } | undefined;
  #take: ((error: unknown) => void) | undefined;

  constructor() {
    process.on("unhandledRejection", this.#rejected);
    process.on("uncaughtException", this.#thrown);
  }

  /** The first of them. */
  get first(): { readonly error: unknown } | undefined {
    return this.#first;
  }

  /** Waits for some work, which fails with the first stray error. */
  async during<T>(work: Promise<T>): Promise<T> {
    const stray = new Promise<never>((_, reject) => {
      this.handOver(reject);
    });
    try {
      return await Promise.race([work, stray]);
    } finally {
      this.#take = undefined;
      // What is given up may fail later.
      work.catch(() => undefined);
      stray.catch(() => undefined);
    }
  }

  /** Hands errors to `take` from now on, and the one that was there already. */
  handOver(take: (error: unknown) => void): void {
    this.#take = take;
    if (this.#first) take(this.#first.error);
  }

  close(): void {
    process.removeListener("unhandledRejection", this.#rejected);
    process.removeListener("uncaughtException", this.#thrown);
  }

  readonly #rejected = (cause: unknown): void => this.#add(ofApplication(cause, "a promise was rejected"));
  readonly #thrown = (cause: unknown): void => this.#add(ofApplication(cause, "a callback failed"));

  #add(error: unknown): void {
    this.#first ??= { error };
    this.#take?.(this.#first.error);
  }
}
