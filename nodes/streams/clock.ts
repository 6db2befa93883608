// The application's clock for RxJS: logical time as a scheduler, moved on by whoever grants time.
import { type SchedulerAction, type SchedulerLike, Subscription } from "rxjs";
import { z } from "zod";
import { checkArgument, IsochronError } from "../../kernels/index.ts";

const nanosecondsPerMs = 1e6;

/** A scheduler's time in whole nanoseconds: fractions of milliseconds add up to wrong sums, these do not. */
export const nanosecondsOf = (clock: SchedulerLike): number => Math.round(clock.now() * nanosecondsPerMs);

const clockSchema = z
  .custom((given) => typeof (given as { schedule?: unknown } | undefined)?.schedule === "function")
  .describe("a clock: app.clock");

/** Refuses what keeps no time. Throws `stream/argument`. */
export const checkClock = (operator: string, given: unknown): void =>
  checkArgument("stream", operator, "clock", clockSchema, given);

/** Timers that may fire at one instant before it is clear that time would never go on. */
const mostAtOneInstant = 1_000_000;

/** A delay in whole nanoseconds: none above 0 becomes 0, or what waits for a last fraction of time would wait for ever. */
function delayNsOf(delayMs: number): number {
  if (Number.isNaN(delayMs)) {
    throw new IsochronError("stream/delay", "a timer is asked to wait for NaN milliseconds", {
      help: "give a number of milliseconds",
    });
  }
  return delayMs > 0 ? Math.max(1, Math.round(delayMs * nanosecondsPerMs)) : 0;
}

const livelock = (timeNs: number): IsochronError =>
  new IsochronError("stream/livelock", `timers without a delay keep each other going at ${timeNs} ns`, {
    help: "give the timer that repeats itself a period above 0",
  });

interface Timer {
  atNs: number;
  order: number;
  fire(): void;
  unsubscribe(): void;
}

/** What a scheduler hands out; it waits at most once at a time. */
class LogicalAction<T> extends Subscription implements SchedulerAction<T>, Timer {
  readonly #timers: Timers;
  readonly #work: (this: SchedulerAction<T>, state: T) => void;
  #state: T | undefined;
  atNs = 0;
  order = 0;

  constructor(timers: Timers, work: (this: SchedulerAction<T>, state: T) => void) {
    super();
    this.#timers = timers;
    this.#work = work;
  }

  schedule(state?: T, delay = 0): Subscription {
    if (this.closed) return this;
    const delayNs = delayNsOf(delay);
    this.#state = state;
    this.#timers.remove(this);
    this.#timers.add(this, delayNs);
    return this;
  }

  fire(): void {
    this.#work.call(this, this.#state as T);
  }

  override unsubscribe(): void {
    this.#timers.remove(this);
    super.unsubscribe();
  }
}

/** The waiting timers in the order in which they fire: by time, then as they were made. */
class Timers {
  nowNs = 0;
  #waiting: Timer[] = [];
  #made = 0;

  add(action: Timer, delayNs: number): void {
    action.atNs = this.nowNs + delayNs;
    action.order = this.#made++;
    this.#waiting.splice(this.#place(action), 0, action);
  }

  remove(action: Timer): void {
    const at = this.#place(action);
    if (this.#waiting[at] === action) this.#waiting.splice(at, 1);
  }

  get first(): Timer | undefined {
    return this.#waiting[0];
  }

  clear(): void {
    for (const action of [...this.#waiting]) action.unsubscribe();
    this.nowNs = 0;
  }

  /** Where an action stands, or would. */
  #place({ atNs, order }: Timer): number {
    let [low, high] = [0, this.#waiting.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const each = this.#waiting[middle]!;
      if (each.atNs < atNs || (each.atNs === atNs && each.order < order)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/**
 * Logical time as a `SchedulerLike`, for every RxJS operator that takes one: `interval(20, clock)`.
 *
 * RxJS counts milliseconds; their fractions keep whole nanoseconds exact for 104 days. A delay is rounded to whole
 * nanoseconds, and one above 0 is 1 ns at least. Nothing happens by itself: timers fire, in order of time and then of
 * their making, when a run grants time with `advanceTo`.
 */
export class LogicalClock implements SchedulerLike {
  readonly #timers = new Timers();
  /** Timers that have fired since time moved. */
  #firedNow = 0;

  /** Logical time now, nanoseconds since the run's start. */
  get timeNs(): number {
    return this.#timers.nowNs;
  }

  /** When the next timer fires; undefined where none waits. */
  get nextNs(): number | undefined {
    return this.#timers.first?.atNs;
  }

  /** Logical time in milliseconds. */
  now(): number {
    return this.timeNs / nanosecondsPerMs;
  }

  schedule<T>(work: (this: SchedulerAction<T>, state: T) => void, delay = 0, state?: T): Subscription {
    return new LogicalAction(this.#timers, work).schedule(state, delay);
  }

  /** Fires the timers before `timeNs`, which is the time from then on; those of `timeNs` itself wait for `advanceTo`. */
  arriveAt(timeNs: number): void {
    this.#fireBefore(timeNs);
    this.#moveTo(timeNs);
  }

  /** Fires the timers up to and including `timeNs`, which is the time from then on. Throws `stream/livelock`. */
  advanceTo(timeNs: number): void {
    this.#fireBefore(timeNs + 1);
    this.#moveTo(timeNs);
  }

  #fireBefore(timeNs: number): void {
    for (let next = this.#timers.first; next && next.atNs < timeNs; next = this.#timers.first) {
      this.#timers.remove(next);
      this.#moveTo(next.atNs);
      if (++this.#firedNow > mostAtOneInstant) throw livelock(this.timeNs);
      next.fire();
    }
  }

  #moveTo(timeNs: number): void {
    if (timeNs <= this.#timers.nowNs) return;
    this.#timers.nowNs = timeNs;
    this.#firedNow = 0;
  }

  /** Back to time 0 without timers, for another run. */
  reset(): void {
    this.#timers.clear();
    this.#firedNow = 0;
  }
}
