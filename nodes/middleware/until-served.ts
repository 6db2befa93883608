// Waiting for something to be served: transports tell of no service that comes.

/** How often it is looked, milliseconds. */
const lookEveryMs = 10;

/** Waits until something is there; for ever where the signal is aborted before. */
export async function untilServed(isThere: () => boolean, signal: AbortSignal): Promise<void> {
  while (signal.aborted || !isThere()) {
    if (signal.aborted) await new Promise(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
}
