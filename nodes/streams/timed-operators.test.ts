// Every operator of RxJS that takes a scheduler, on the application's clock: with any delay, on any jitter, time goes on.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import * as rx from "rxjs";
import { describe, expect, it } from "vitest";
import { LogicalClock } from "./index.ts";

const ms = 1e6;

/** What an operator is given: its delay in milliseconds, a clock, a source that jitters, and the end of time as a date. */
interface Situation {
  readonly delay: number;
  readonly clock: LogicalClock;
  readonly source: rx.Observable<number>;
}
type Made = (situation: Situation) => rx.Observable<unknown>;

/** Operators and sources with a delay, by their names in RxJS; what is in brackets tells variants apart. */
const timed: { readonly [name: string]: Made } = {
  interval: ({ delay, clock }) => rx.interval(delay, clock),
  timer: ({ delay, clock }) => rx.timer(delay, clock),
  "timer (repeating)": ({ delay, clock }) => rx.timer(delay, delay, clock),
  "timer (date)": ({ delay, clock }) => rx.timer(new Date(clock.now() + delay), clock),
  auditTime: ({ delay, clock, source }) => source.pipe(rx.auditTime(delay, clock)),
  bufferTime: ({ delay, clock, source }) => source.pipe(rx.bufferTime(delay, clock)),
  "bufferTime (overlapping)": ({ delay, clock, source }) => source.pipe(rx.bufferTime(delay, delay / 2, clock)),
  "bufferTime (bounded)": ({ delay, clock, source }) => source.pipe(rx.bufferTime(delay, null, 3, clock)),
  debounceTime: ({ delay, clock, source }) => source.pipe(rx.debounceTime(delay, clock)),
  delay: ({ delay, clock, source }) => source.pipe(rx.delay(delay, clock)),
  "delay (date)": ({ delay, clock, source }) => source.pipe(rx.delay(new Date(clock.now() + delay), clock)),
  observeOn: ({ delay, clock, source }) => source.pipe(rx.observeOn(clock, delay)),
  publishReplay: ({ delay, clock, source }) => {
    const shared = source.pipe(rx.shareReplay({ windowTime: delay, refCount: true, scheduler: clock }));
    return rx.merge(shared, rx.interval(delay, clock).pipe(rx.switchMap(() => shared)));
  },
  sampleTime: ({ delay, clock, source }) => source.pipe(rx.sampleTime(delay, clock)),
  shareReplay: ({ delay, clock, source }) => {
    const replayed = new rx.ReplaySubject<number>(undefined, delay, clock);
    source.subscribe(replayed);
    return rx.interval(delay, clock).pipe(rx.switchMap(() => replayed));
  },
  subscribeOn: ({ delay, clock, source }) => source.pipe(rx.subscribeOn(clock, delay)),
  throttleTime: ({ delay, clock, source }) => source.pipe(rx.throttleTime(delay, clock)),
  "throttleTime (trailing)": ({ delay, clock, source }) =>
    source.pipe(rx.throttleTime(delay, clock, { leading: false, trailing: true })),
  "throttleTime (both)": ({ delay, clock, source }) =>
    source.pipe(rx.throttleTime(delay, clock, { leading: true, trailing: true })),
  timeInterval: ({ delay, clock, source }) => source.pipe(rx.delay(delay, clock), rx.timeInterval(clock)),
  timeout: ({ delay, clock, source }) =>
    source.pipe(rx.timeout({ each: delay, scheduler: clock, with: () => rx.timer(delay, delay, clock) })),
  "timeout (first)": ({ delay, clock, source }) =>
    source.pipe(rx.timeout({ first: delay, scheduler: clock, with: () => rx.of(-1) })),
  "timeout (date)": ({ delay, clock, source }) =>
    source.pipe(
      rx.timeout({ first: new Date(clock.now() + delay), each: delay, scheduler: clock, with: () => rx.of(-1) }),
    ),
  timeoutWith: ({ delay, clock, source }) =>
    source.pipe(rx.timeout({ each: delay, scheduler: clock }), rx.retry({ delay: () => rx.timer(delay, clock) })),
  timestamp: ({ delay, clock, source }) => source.pipe(rx.delay(delay, clock), rx.timestamp(clock)),
  windowTime: ({ delay, clock, source }) => source.pipe(rx.windowTime(delay, clock), rx.mergeAll()),
  "windowTime (overlapping)": ({ delay, clock, source }) =>
    source.pipe(rx.windowTime(delay, delay / 2, 3, clock), rx.mergeAll()),

  // Without a scheduler of their own: the delay is a timer's.
  audit: ({ delay, clock, source }) => source.pipe(rx.audit(() => rx.timer(delay, clock))),
  bufferToggle: ({ delay, clock, source }) =>
    source.pipe(rx.bufferToggle(rx.interval(delay, clock), () => rx.timer(delay, clock))),
  bufferWhen: ({ delay, clock, source }) => source.pipe(rx.bufferWhen(() => rx.timer(delay, clock))),
  debounce: ({ delay, clock, source }) => source.pipe(rx.debounce(() => rx.timer(delay, clock))),
  delayWhen: ({ delay, clock, source }) => source.pipe(rx.delayWhen(() => rx.timer(delay, clock))),
  repeat: ({ delay, clock }) => rx.of(1).pipe(rx.repeat({ delay: () => rx.timer(delay, clock) })),
  retry: ({ delay, clock }) =>
    rx.throwError(() => new Error("again")).pipe(rx.retry({ delay: () => rx.timer(delay, clock) })),
  sample: ({ delay, clock, source }) => source.pipe(rx.sample(rx.interval(delay, clock))),
  skipUntil: ({ delay, clock, source }) => source.pipe(rx.skipUntil(rx.timer(delay, clock))),
  takeUntil: ({ delay, clock, source }) => source.pipe(rx.takeUntil(rx.timer(delay, clock))),
  throttle: ({ delay, clock, source }) => source.pipe(rx.throttle(() => rx.timer(delay, clock), { trailing: true })),
  windowToggle: ({ delay, clock, source }) =>
    source.pipe(
      rx.windowToggle(rx.interval(delay, clock), () => rx.timer(delay, clock)),
      rx.mergeAll(),
    ),
  windowWhen: ({ delay, clock, source }) =>
    source.pipe(
      rx.windowWhen(() => rx.timer(delay, clock)),
      rx.mergeAll(),
    ),
};

/** Those that hand values to a scheduler one by one, without a delay. */
const immediate: { readonly [name: string]: Made } = {
  bindCallback: ({ clock }) => rx.bindCallback((back: (value: number) => void) => back(1), clock)(),
  bindNodeCallback: ({ clock }) =>
    rx.bindNodeCallback((back: (error: null, value: number) => void) => back(null, 1), clock)(),
  combineLatest: ({ clock, source }) => rx.combineLatest([rx.scheduled([1, 2], clock), source]),
  concat: ({ clock, source }) => rx.concat(rx.scheduled([1, 2], clock), source),
  empty: ({ clock }) => rx.scheduled([], clock),
  endWith: ({ clock, source }) => rx.concat(source, rx.scheduled([1, 2], clock)),
  expand: ({ clock }) => rx.of(1).pipe(rx.expand((n) => (n < 9 ? rx.of(n + 1) : rx.EMPTY), undefined, clock)),
  forkJoin: ({ clock, source }) => rx.forkJoin([rx.scheduled([1, 2], clock), source]),
  from: ({ clock }) => rx.from([1, 2, 3]).pipe(rx.observeOn(clock)),
  generate: ({ clock }) =>
    rx.generate(
      0,
      (n) => n < 9,
      (n) => n + 1,
      clock,
    ),
  merge: ({ clock, source }) => rx.merge(rx.scheduled([1, 2], clock), source),
  of: ({ clock }) => rx.scheduled(rx.of(1, 2), clock),
  pairs: ({ clock }) => rx.scheduled(Object.entries({ a: 1, b: 2 }), clock),
  range: ({ clock }) => rx.range(1, 9).pipe(rx.subscribeOn(clock)),
  startWith: ({ clock, source }) => rx.concat(rx.scheduled([1, 2], clock), source),
  throwError: ({ clock }) =>
    rx
      .throwError(() => new Error("thrown"))
      .pipe(
        rx.subscribeOn(clock),
        rx.catchError(() => rx.of(1)),
      ),
};

/** Delays as users write them, and any others, nanoseconds and less among them. */
const delays = fc.oneof(
  fc.constantFrom(0.1, 0.25, 1.5, 5, 16.7, 20, 33.3, 50, 100),
  fc.double({ min: 1e-9, max: 1000, noNaN: true }),
  fc.integer({ min: 1, max: 5_000_000 }).map((ns) => ns / ms),
);

const situations = fc.record({
  delay: delays,
  /** Up to 100 days. */
  startNs: fc.oneof(fc.integer({ min: 0, max: 60e9 }), fc.integer({ min: 0, max: 8.6e15 })),
  /** Arrivals, in delays since the one before. */
  gaps: fc.array(fc.double({ min: 0, max: 4, noNaN: true }), { minLength: 1, maxLength: 12 }),
});

/** Lets an operator run on arrivals at odd times; values that it emitted, and when, each at most a few per delay. */
function observe(make: Made, { delay, startNs, gaps }: typeof situations extends fc.Arbitrary<infer T> ? T : never) {
  const clock = new LogicalClock();
  clock.advanceTo(startNs);
  const source = new rx.Subject<number>();
  const seen: { readonly value: unknown; readonly timeNs: number }[] = [];
  let failed: unknown;
  const subscription = make({ delay, clock, source }).subscribe({
    next: (value) => {
      if (seen.push({ value, timeNs: clock.timeNs }) > 10_000) subscription.unsubscribe();
    },
    error: (error) => {
      failed = error;
    },
  });
  const delayNs = Math.max(1, Math.round(delay * ms));
  let timeNs = startNs;
  gaps.forEach((gap, at) => {
    timeNs += Math.floor(gap * delayNs);
    clock.arriveAt(timeNs);
    source.next(at);
    clock.advanceTo(timeNs);
  });
  clock.advanceTo(timeNs + 10 * delayNs + 10);
  subscription.unsubscribe();
  return { clock, seen, failed, delayNs };
}

describe("every timed operator of RxJS on the application's clock", () => {
  it.each(Object.entries({ ...timed, ...immediate }))(
    "%s lets time go on, and leaves no timer behind",
    (_name, make) => {
      fc.assert(
        fc.property(situations, (situation) => {
          const { clock, seen, failed } = observe(make, situation);
          expect(failed).toBeUndefined();
          expect(seen.length).toBeLessThan(1000);
          expect(clock.nextNs).toBeUndefined();
        }),
        { numRuns: 60, endOnFailure: true },
      );
    },
  );

  it("is in this list: whatever takes a scheduler in the installed RxJS", () => {
    const folder = join(fileURLToPath(import.meta.resolve("rxjs")), "../../types/internal");
    const named = (part: string) =>
      readdirSync(join(folder, part))
        .filter(
          (file) => file.endsWith(".d.ts") && readFileSync(join(folder, part, file), "utf8").includes("SchedulerLike"),
        )
        .map((file) => file.slice(0, -".d.ts".length))
        .filter((name) => !name.endsWith("Internals"));
    const found = [...named("operators"), ...named("observable")];
    expect(found.length).toBeGreaterThan(25);
    const known = Object.keys({ ...timed, ...immediate });
    expect(found.filter((name) => !known.includes(name))).toEqual([]);
  });
});

describe("debounceTime on the application's clock", () => {
  it("emits the last value once its delay has passed, 1 ns later at most, wherever in a day it came", () => {
    const values = fc.record({ delay: delays, atNs: fc.integer({ min: 0, max: 86_400e9 }) });
    fc.assert(
      fc.property(values, ({ delay, atNs }) => {
        const { seen, delayNs } = observe(timed.debounceTime!, { delay, startNs: atNs, gaps: [0] });
        expect(seen).toHaveLength(1);
        const lateNs = seen[0]!.timeNs - atNs - delayNs;
        // A sum of milliseconds above 2^25 is rounded to 4 ps at worst here, the clock to whole nanoseconds.
        expect([0, 1]).toContain(lateNs);
      }),
      { numRuns: 2000, endOnFailure: true },
    );
  });
});

describe("a timer's delay", () => {
  it("above 0 takes a nanosecond at least, and fractions are rounded to the nearest", () => {
    const clock = new LogicalClock();
    const fired: number[] = [];
    for (const delay of [0, -1, 1e-12, 1.4e-6, 1.6e-6]) clock.schedule(() => fired.push(clock.timeNs), delay);
    clock.advanceTo(0);
    expect(fired).toEqual([0, 0]);
    clock.advanceTo(10);
    expect(fired).toEqual([0, 0, 1, 1, 2]);
  });

  it("that is no number is refused", () => {
    const clock = new LogicalClock();
    expect(() => clock.schedule(() => undefined, Number.NaN)).toThrow("a timer is asked to wait for NaN milliseconds");
    const failed: unknown[] = [];
    rx.timer(Number.NaN, clock).subscribe({ error: (error) => failed.push(error) });
    expect(failed).toEqual([expect.objectContaining({ code: "stream/delay" })]);
  });

  it("that never ends does not keep time from going on", () => {
    const clock = new LogicalClock();
    let fired = 0;
    rx.timer(Number.POSITIVE_INFINITY, clock).subscribe(() => fired++);
    clock.advanceTo(Number.MAX_SAFE_INTEGER - 1);
    expect(fired).toBe(0);
  });
});
