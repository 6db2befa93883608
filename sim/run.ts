// Runs an application with its federates, in virtual time or live.
import { callNative } from "../kernels/index.ts";
import type { Federation, RunHooks } from "./federation.ts";

/** Messages of a log that are admitted, and may be decoded, before their time has come. */
const messagesAhead = 8;
/** Logical time after which events are handed on, nanoseconds. */
const virtualDrainNs = 1e9;
const liveDrainNs = 100e6;
/** Where no federate waits for anything, virtual time still halts so often, to be followed and ended. */
const longestStepNs = 100e6;
/** How long a live run sleeps at most before it looks for messages again. */
const livePollNs = 5e6;

/** Milliseconds after which a run lets signals and other events in. */
const turnMs = 10;

/** Lets the event loop turn, where it has not for a while, however little time the run leaves. */
function turns(): () => Promise<void> | undefined {
  let last = performance.now();
  return () => {
    if (performance.now() - last < turnMs) return undefined;
    return new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      last = performance.now();
    });
  };
}

/** Runs in virtual time, as fast as the machine can: time is granted up to the next thing that a federate waits for. Returns when the run ended. */
export async function runVirtual(federation: Federation, atMostNs: number, hooks: RunHooks): Promise<number> {
  const { executive } = federation;
  const turn = turns();
  let processed = -1;
  let drained = 0;
  const drain = async (time: number) => {
    drained = time;
    await hooks.onEvents(federation.take(), time);
  };
  try {
    federation.begin();
    for (;;) {
      await turn();
      if (hooks.signal?.aborted === true) break;
      federation.check();
      if (federation.behind) await drain(processed);
      const admittedUntil = await federation.fillAhead(processed, atMostNs, messagesAhead);
      const durationNs = Math.min(atMostNs, federation.endNs);
      const target = Math.min(federation.nextNs, admittedUntil, durationNs, processed + 1 + longestStepNs);
      if (target - 1 > processed) {
        const until = target - 1;
        processed = callNative(() => executive.advance(until));
        // Where it stopped before, releases of the next instant have been made already: what is admitted now comes later.
        federation.earliestNs = processed + (processed < until ? 2 : 1);
        if (federation.observing || processed >= drained + virtualDrainNs) await drain(processed);
        // A message stands before: time is granted up to it first.
        if (processed < until || federation.nextNs < target) continue;
      }
      if (target >= durationNs) break;
      await federation.grant(target);
    }
    await federation.settle();
  } finally {
    await federation.end();
  }
  const end = Math.min(atMostNs, processed + 1);
  await drain(end);
  return end;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Runs on the executive's real threads; federates are granted real time as it passes. Returns when the run ended.
 *
 * A feed that ends before `atMostNs` ends the run once all that follows from its last message has had its time.
 */
export async function runLive(federation: Federation, atMostNs: number, hooks: RunHooks): Promise<number> {
  const { executive } = federation;
  const turn = turns();
  const durationNs = () => Math.min(atMostNs, federation.endNs);
  const aborted = () => hooks.signal?.aborted === true;
  const ended = (now: number) => aborted() || now >= durationNs();
  let drained = 0;
  let end: number | undefined;
  try {
    federation.begin(() => executive.now());
    callNative(() => executive.start());
    for (;;) {
      await turn();
      federation.check();
      const now = executive.now();
      if (aborted()) break;
      // First what is due: however late this thread is, a log does not end before its last message.
      const feedNext = now < 0 ? 0 : await federation.feedUntil(Math.min(now, atMostNs - 1));
      if (federation.observing || ended(now) || now >= drained + liveDrainNs) {
        drained = now;
        await hooks.onEvents(federation.take(), now);
      }
      if (ended(now)) break;
      // Instant by instant: a federate that is slower than time does not keep the run from ending.
      while (federation.nextNs <= now && !ended(executive.now())) {
        await federation.grant(federation.nextNs);
        await turn();
      }
      if (now >= 0 && federation.nextNs > now) await federation.grant(now);
      const next = Math.min(feedNext, federation.nextNs, durationNs(), now + livePollNs);
      const ahead = next - executive.now();
      if (ahead > 0) await pause(ahead / 1e6);
    }
    const last = Math.min(executive.now(), durationNs() - 1);
    await hooks.onEvents(federation.take(), last);
    await federation.conclude(last);
    end = callNative(() => executive.stop());
    // What had been published by then may have been on its way to the records.
    const rest = federation.take();
    await federation.handOutRest(last);
    await federation.settle();
    await hooks.onEvents(rest, end);
  } finally {
    try {
      end ??= callNative(() => executive.stop());
    } finally {
      await federation.end();
    }
  }
  return end;
}
