// Runs an application with its federates, in virtual time or live.
import { callNative, IsochronError } from "../kernels/index.ts";
import { type ClockSteps, ClockWatch } from "./clock-watch.ts";
import type { LiveExecutive, VirtualExecutive } from "./executive.ts";
import { type Federation, type RunHooks, requireHooks, type Watch } from "./federation.ts";
import type { RunEvent } from "./records/index.ts";

/** Messages of a log that are admitted, and may be decoded, before their time has come. */
const messagesAhead = 8;
/** Logical time after which events are handed on, nanoseconds. */
const virtualDrainNs = 1e9;
const liveDrainNs = 100e6;
/** Where no federate waits for anything, virtual time still halts so often, to be followed and ended. */
const longestStepNs = 100e6;
/** How long a live run sleeps at most: messages that somebody waits for end the sleep. */
const livePollNs = 5e6;

/** Milliseconds after which a run lets signals and other events in. */
const turnMs = 10;

/** Lets the event loop turn, where it has not for a while, however little time the run leaves. */
function turns(watch: Watch | undefined): () => Promise<void> | undefined {
  let last = performance.now();
  return () => {
    if (performance.now() - last < turnMs) return undefined;
    const ended = watch?.("a promise or a callback of the application");
    return new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      ended?.();
      last = performance.now();
    });
  };
}

/** How a run ended. */
export interface RunEnd {
  /** Logical time before which everything is in the events. */
  readonly endNs: number;
  /** The error that ended it. */
  readonly failure?: { readonly error: unknown };
  /** Live: steps of the system's clock; null where there was none. */
  readonly clockSteps?: ClockSteps | null;
}

/** Keeps the first error of several steps, each of which is taken whatever became of those before. */
class Steps {
  failure: { readonly error: unknown } | undefined;

  async take(step: () => void | Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      this.failure ??= { error };
    }
  }

  end(endNs: number): RunEnd {
    return { endNs, ...(this.failure === undefined ? {} : { failure: this.failure }) };
  }
}

/** Grants virtual time up to an instant, and none after the run was stopped. */
type Grant = (untilNs: number) => Promise<void>;

/**
 * Runs in virtual time, as fast as the machine can: time is granted up to the next thing that a federate waits for.
 *
 * Returns when the run ended. What fails ends it, and every event up to there has been handed on all the same.
 */
export const runVirtual = (
  federation: Federation<VirtualExecutive>,
  atMostNs: number,
  hooks: RunHooks,
): Promise<RunEnd> =>
  inVirtualTime(federation, hooks, async (grant) => {
    await beginVirtual(federation, hooks, hooks.epochNs ?? 0n);
    federation.begin();
    await grant(atMostNs);
  });

/**
 * Runs in virtual time by the clock of a transport: each of its messages grants time up to its own, that instant included.
 * What came before it, and after the one before, is admitted at its time.
 *
 * Logical 0 is the first time that the clock gives. Returns as `runVirtual` does, once it is stopped.
 */
export const runByClock = (
  federation: Federation<VirtualExecutive>,
  atMostNs: number,
  hooks: RunHooks,
): Promise<RunEnd> =>
  inVirtualTime(federation, hooks, async (grant) => {
    federation.begin();
    const epochNs = await federation.nextClock(hooks.signal);
    if (epochNs === undefined) return;
    await beginVirtual(federation, hooks, epochNs);
    let timeNs = 0;
    for (let next: bigint | undefined = epochNs; next !== undefined; next = await federation.nextClock(hooks.signal)) {
      const found = Number(next - epochNs);
      if (found < timeNs) throw backwards(found, timeNs);
      // A simulation that stands still says the same time again.
      if (found === timeNs && found > 0) continue;
      timeNs = Math.min(found, atMostNs - 1);
      federation.admitWaiting(timeNs);
      await grant(timeNs + 1);
      if (timeNs === atMostNs - 1) return;
    }
  });

const backwards = (toNs: number, fromNs: number): IsochronError =>
  new IsochronError("run/clock", `the clock went back from ${fromNs / 1e9} s to ${toNs / 1e9} s of the run`, {
    help: "a simulation that begins anew is another run: start the application again",
  });

/** Tells that a run begins, and from which ROS time its stamps are counted. */
async function begin(federation: Federation, { onBegin }: RunHooks, epochNs: bigint): Promise<void> {
  federation.setEpoch(epochNs);
  await onBegin?.(epochNs);
}

/** The same in virtual time, where the executive is told, too. */
async function beginVirtual(federation: Federation<VirtualExecutive>, hooks: RunHooks, epochNs: bigint): Promise<void> {
  callNative(() => federation.executive.setEpoch(epochNs));
  await begin(federation, hooks, epochNs);
}

/** A run in virtual time whose time `body` grants. */
async function inVirtualTime(
  federation: Federation<VirtualExecutive>,
  hooks: RunHooks,
  body: (grant: Grant) => Promise<void>,
): Promise<RunEnd> {
  requireHooks(hooks);
  const { executive } = federation;
  const turn = turns(hooks.watch);
  let processed = -1;
  let drained = 0;
  let granted = 0;
  const drain = async (time: number) => {
    drained = time;
    const events = federation.take();
    federation.sendUntil(time);
    await hooks.onEvents(events, time, federation.takeSent());
  };
  const grant = async (untilNs: number) => {
    granted = untilNs;
    for (;;) {
      await turn();
      if (hooks.signal?.aborted === true) break;
      federation.check();
      if (federation.behind) await drain(processed);
      const admittedUntil = await federation.fillAhead(processed, untilNs, messagesAhead);
      const durationNs = Math.min(untilNs, federation.endNs);
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
    if (federation.linked) await drain(processed);
  };
  const steps = new Steps();
  await steps.take(async () => {
    await body(grant);
    await federation.settle();
  });
  await steps.take(() => federation.end());
  let end = Math.min(granted, processed + 1);
  await steps.take(async () => {
    const last = federation.take();
    // A job that faulted ends the run at its release, later than what was known to be processed.
    if (steps.failure) end = Math.max(end, lastReleaseNs(last));
    await hooks.onEvents(last, end, federation.takeSent());
  });
  return steps.end(end);
}

const lastReleaseNs = (events: readonly RunEvent[]): number =>
  events.reduce((last, event) => (event.kind === "release" ? Math.max(last, event.time) : last), 0);

/**
 * Runs on the executive's real threads; federates are granted real time as it passes.
 *
 * A feed that ends before `atMostNs` ends the run once all that follows from its last message has had its time. Returns
 * when the run ended. What fails ends it, and every event up to there has been handed on all the same.
 */
export async function runLive(
  federation: Federation<LiveExecutive>,
  atMostNs: number,
  hooks: RunHooks,
): Promise<RunEnd> {
  requireHooks(hooks);
  const { executive } = federation;
  const turn = turns(hooks.watch);
  const durationNs = () => Math.min(atMostNs, federation.endNs);
  const aborted = () => hooks.signal?.aborted === true;
  const ended = (now: number) => aborted() || now >= durationNs();
  let drained = 0;
  let end: number | undefined;
  let started = false;
  let clock: ClockWatch | undefined;
  /** Takes what there is, and sends what stands before anything waits for a disk. */
  const hand = async (timeNs: number, sentUntilNs: number) => {
    const events = federation.take();
    federation.sendUntil(sentUntilNs);
    await hooks.onEvents(events, timeNs, federation.takeSent());
  };
  const stop = () => {
    end ??= started ? callNative(() => executive.stop()) : 0;
    return end;
  };
  const steps = new Steps();
  await steps.take(async () => {
    federation.begin(() => executive.now());
    const epochNs = callNative(() => executive.start(hooks.epochNs));
    started = true;
    clock = new ClockWatch(() => executive.clockAtZero());
    await begin(federation, hooks, epochNs);
    for (;;) {
      await turn();
      federation.check();
      callNative(() => executive.checkJobs());
      const now = executive.now();
      if (aborted()) break;
      clock.look(now);
      // First what is due: however late this thread is, a log does not end before its last message.
      const feedNext = now < 0 ? 0 : await federation.feedUntil(Math.min(now, atMostNs - 1));
      federation.takeMessages();
      federation.sendUntil(now);
      const drainNs = federation.observing || federation.linked ? livePollNs : liveDrainNs;
      if (ended(now) || now >= drained + drainNs) {
        drained = now;
        await hand(now, now);
      }
      if (ended(now)) break;
      // Instant by instant: a federate that is slower than time does not keep the run from ending.
      while (federation.nextNs <= now && !ended(executive.now())) {
        await federation.grant(federation.nextNs);
        await turn();
      }
      if (now >= 0 && federation.nextNs > now) await federation.grant(now);
      const sendNext = federation.sendUntil(executive.now());
      const next = Math.min(feedNext, federation.nextNs, sendNext, durationNs(), now + livePollNs);
      const ahead = next - executive.now();
      if (ahead > 0) await federation.sleep(ahead / 1e6);
    }
    const last = Math.min(executive.now(), durationNs() - 1);
    await hand(last, last);
    await federation.conclude(last);
    stop();
    // What had been published by then may have been on its way to the records.
    await hand(end!, end!);
    await federation.handOutRest(last);
    await federation.settle();
  });
  await steps.take(() => void stop());
  if (started) await steps.take(() => callNative(() => executive.checkJobs()));
  await steps.take(() => federation.end());
  await steps.take(() => hooks.onEvents(federation.take(), end ?? 0, federation.takeSent()));
  // What a job that faulted computed, and all that follows from it, is no part of the run.
  const endNs = Math.min(end ?? 0, executive.faultedNs() ?? Number.POSITIVE_INFINITY);
  return { ...steps.end(endNs), clockSteps: clock?.steps ?? null };
}
