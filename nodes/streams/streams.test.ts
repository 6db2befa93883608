// The stream operators as marbles: one character is one millisecond.
import fc from "fast-check";
import { from, interval, map, NEVER, type Observable, Subject, Subscription, startWith, take, timer } from "rxjs";
import { TestScheduler } from "rxjs/testing";
import { describe, expect, it } from "vitest";
import {
  approximateTime,
  bufferBounded,
  DropCounter,
  exactTime,
  headerStamp,
  LogicalClock,
  latest,
  type MatchOptions,
  type Sources,
  sampleEvery,
  timeWindow,
  watchdog,
} from "./index.ts";

type Marbles = Parameters<Parameters<TestScheduler["run"]>[0]>[0] & { readonly clock: TestScheduler };

/** Runs a marble test; the scheduler of the test is the clock. */
const marbles = (body: (helpers: Marbles) => void): void => {
  const clock = new TestScheduler((actual, expected) => expect(actual).toEqual(expected));
  clock.run((helpers) => body({ ...helpers, clock }));
};

/** A message with its stream's name and its time. */
const at = (name: string, ms: number) => ({ name, header: { stamp: { sec: 0, nanosec: ms * 1e6 } } });
const names = (set: Readonly<Record<string, unknown>>) =>
  Object.values(set)
    .map((each) => (each as { readonly name: string }).name)
    .join("");

describe("latest", () => {
  it("emits the newest of every source once each has brought one", () =>
    marbles(({ cold, expectObservable }) => {
      const a = cold("a--b-----|");
      const b = cold("--x---y-|");
      const out = latest({ a, b }).pipe(map(({ a, b }) => a + b));
      expectObservable(out).toBe("--pq--r--|", { p: "ax", q: "bx", r: "by" });
    }));

  it("passes an error on at once and lets go of the other sources", () =>
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const a = cold("a--#");
      const b = cold("-x----y");
      expectObservable(latest({ a, b }).pipe(map(({ a, b }) => a + b))).toBe("-p-#", { p: "ax" });
      expectSubscriptions(b.subscriptions).toBe("^--!");
    }));

  it("completes at once without sources", () =>
    marbles(({ expectObservable }) => expectObservable(latest({})).toBe("|")));
});

describe("sampleEvery", () => {
  it("keeps to the grid for months, at a period that no sum of milliseconds meets", () => {
    const clock = new LogicalClock();
    const periodNs = 33_333_333;
    // After 92 days.
    const start = 240_000_000 * periodNs;
    clock.advanceTo(start - 1);
    const times: number[] = [];
    startWith(1)(NEVER)
      .pipe(sampleEvery(periodNs, clock))
      .subscribe(() => times.push(clock.timeNs));
    clock.advanceTo(start + 999 * periodNs);
    expect(times).toEqual(Array.from({ length: 1000 }, (_, at) => start + at * periodNs));
  });

  it("refuses a period of no time", () => {
    expect(() => sampleEvery("0ms", new LogicalClock())).toThrow('sampleEvery: period cannot be "0ms"');
  });

  it("emits the newest value on the clock's grid, again where nothing newer came", () =>
    marbles(({ cold, clock, expectObservable }) => {
      const source = cold("-ab-----c---|");
      expectObservable(source.pipe(sampleEvery("3ms", clock))).toBe("---b--b--c--|");
    }));

  it("keeps to the grid whenever it is subscribed", () =>
    marbles(({ hot, clock, expectObservable }) => {
      const source = hot("a-b-c-d-e-f-g-|");
      expectObservable(source.pipe(sampleEvery("4ms", clock)), "-----^-------!").toBe("--------e---g");
    }));

  it("stops its timer when it is unsubscribed", () => {
    const clock = new LogicalClock();
    const subscription = new Subject<number>().pipe(sampleEvery("1ms", clock)).subscribe();
    expect(clock.nextNs).toBe(1e6);
    subscription.unsubscribe();
    expect(clock.nextNs).toBeUndefined();
  });
});

describe("exactTime", () => {
  const values = { a: at("a", 1), b: at("b", 2), c: at("c", 3), x: at("x", 1), z: at("z", 3) };

  it("joins messages of equal stamps and drops, counted, what can match nothing any more", () =>
    marbles(({ cold, expectObservable, flush }) => {
      const drops = new DropCounter("drops");
      const left = cold("abc------|", values);
      const right = cold("---x--z--|", values);
      expectObservable(exactTime({ left, right }, { drops }).pipe(map(names))).toBe("---p--q--|", { p: "ax", q: "cz" });
      flush();
      expect(drops.count).toBe(1);
    }));

  it("holds at most the depth of each stream", () =>
    marbles(({ cold, expectObservable, flush }) => {
      const drops = new DropCounter("drops");
      const left = cold("abc----|", values);
      const right = cold("---x-z-|", values);
      const out = exactTime({ left, right }, { depth: 2, drops }).pipe(map(names));
      expectObservable(out).toBe("-----q-|", { q: "cz" });
      flush();
      // a left when c came; b, and x that found no partner, when c and z were joined.
      expect(drops.count).toBe(3);
    }));

  it("loses what came first where more wait than may, however their stamps are", () =>
    marbles(({ cold, expectObservable, flush }) => {
      const drops = new DropCounter("drops");
      const own = { c: at("c", 30), a: at("a", 10), b: at("b", 20), x: at("x", 10), y: at("y", 20), z: at("z", 30) };
      const left = cold("cab----|", own);
      const right = cold("---zxy-|", own);
      const out = exactTime({ left, right }, { depth: 2, drops }).pipe(map(names));
      expectObservable(out).toBe("----pq-|", { p: "ax", q: "by" });
      flush();
      // c left when b came. z came before its time: it may wait, and does to the end.
      expect(drops.count).toBe(1);
    }));

  it("takes the newest of several with one stamp", () =>
    marbles(({ cold, expectObservable, flush }) => {
      const drops = new DropCounter("drops");
      const left = cold("ab--|", { a: at("a", 1), b: at("b", 1) });
      const right = cold("--x-|", { x: at("x", 1) });
      expectObservable(exactTime({ left, right }, { drops }).pipe(map(names))).toBe("--p-|", { p: "bx" });
      flush();
      expect(drops.count).toBe(1);
    }));

  it("says which messages it cannot match", () =>
    marbles(({ cold, expectObservable }) => {
      const out = exactTime({ left: cold("-a"), right: cold("--") });
      expectObservable(out).toBe("-#", {}, expect.objectContaining({ code: "stream/stamp" }));
    }));
});

describe("approximateTime", () => {
  it("joins the nearest messages within the slop", () =>
    marbles(({ cold, expectObservable }) => {
      const values = { a: at("a", 0), b: at("b", 40), c: at("c", 80), x: at("x", 3), y: at("y", 38), z: at("z", 95) };
      const left = cold("a---b---c--|", values);
      const right = cold("-x---y---z-|", values);
      const out = approximateTime({ left, right }, { slop: "10ms" }).pipe(map(names));
      expectObservable(out).toBe("-p---q-----|", { p: "ax", q: "by" });
    }));

  it("joins the older of two messages that lie equally near", () => {
    const sides = { left: new Subject<object>(), right: new Subject<object>() };
    const sets: string[] = [];
    approximateTime(sides, { slop: "5ms" }).subscribe((set) => sets.push(names(set)));
    sides.left.next(at("a", 8));
    sides.left.next(at("b", 12));
    sides.right.next(at("x", 10));
    expect(sets).toEqual(["ax"]);
  });

  it("uses each message once and never goes back in time", () => {
    const streams = fc.record({
      left: fc.uniqueArray(fc.integer({ min: 0, max: 400 }), { maxLength: 30 }),
      right: fc.uniqueArray(fc.integer({ min: 0, max: 400 }), { maxLength: 30 }),
      slop: fc.integer({ min: 0, max: 30 }),
    });
    fc.assert(
      fc.property(streams, ({ left, right, slop }) => {
        const sorted = (times: readonly number[]) => [...times].sort((a, b) => a - b);
        const arrivals = [
          ...sorted(left).map((time) => ({ side: "left" as const, time })),
          ...sorted(right).map((time) => ({ side: "right" as const, time })),
        ].sort((a, b) => a.time - b.time);
        const sides = { left: new Subject<object>(), right: new Subject<object>() };
        const drops = new DropCounter("drops");
        const sets: { readonly left: number; readonly right: number }[] = [];
        approximateTime(sides, { slop: slop * 1e6, drops, depth: 100 }).subscribe((set) =>
          sets.push({ left: headerStamp(set.left) / 1e6, right: headerStamp(set.right) / 1e6 }),
        );
        for (const { side, time } of arrivals) sides[side].next(at(side, time));
        for (const set of sets) expect(Math.abs(set.left - set.right)).toBeLessThanOrEqual(slop);
        for (const side of ["left", "right"] as const) {
          const used = sets.map((set) => set[side]);
          expect(used).toEqual(sorted([...new Set(used)]));
        }
        expect(drops.count).toBeLessThanOrEqual(arrivals.length - 2 * sets.length);
      }),
    );
  });
});

describe.each([
  ["exactTime", exactTime],
  [
    "approximateTime",
    (sources: Sources, options: MatchOptions) => approximateTime(sources, { slop: "20ms", ...options }),
  ],
] as const)("%s, where stamps jump back", (_name, joined) => {
  /** Two streams of 20 Hz; the second ends half a second before the first does, and both begin again 100 s before. */
  function jump(options: MatchOptions) {
    const [left, right] = [new Subject<object>(), new Subject<object>()];
    const sets: number[][] = [];
    joined({ left, right }, options).subscribe((set) =>
      sets.push(Object.values(set).map((each) => headerStamp(each) / 1e6)),
    );
    for (let k = 0; k < 40; k++) {
      left.next(at("left", 100_000 + k * 50));
      if (k < 30) right.next(at("right", 100_000 + k * 50));
    }
    for (let k = 0; k < 60; k++) {
      left.next(at("left", k * 50));
      right.next(at("right", k * 50));
    }
    return sets;
  }

  it("joins from the first set on, and counts what is dropped and that each stream began anew", () => {
    const [drops, resets] = [new DropCounter("drops"), new DropCounter("resets")];
    const sets = jump({ drops, resets });
    expect(sets.slice(0, 30).every(([a, b]) => a === b)).toBe(true);
    expect(sets.slice(30)).toEqual(Array.from({ length: 60 }, (_, k) => [k * 50, k * 50]));
    // The left ones of the last half second found no partner.
    expect([drops.count, resets.count]).toEqual([10, 2]);
  });

  it("never joins across the jump, though the same stamps come again", () => {
    const [left, right] = [new Subject<{ round: number }>(), new Subject<{ round: number }>()];
    const stamped = (round: number, k: number) => ({ ...at("", k * 50), round });
    const rounds: (readonly number[])[] = [];
    joined({ left, right }, {}).subscribe((set) =>
      rounds.push(Object.values(set).map((each) => (each as { round: number }).round)),
    );
    for (let round = 0; round < 3; round++) {
      // The right one of each round's last quarter never comes; in the next round it comes before the left one.
      for (let k = 0; k < 40; k++) {
        if (k < 30 || round > 0) right.next(stamped(round, k));
        left.next(stamped(round, k));
      }
    }
    expect(rounds).toHaveLength(110);
    expect(rounds.filter(([a, b]) => a !== b)).toEqual([]);
  });

  it("takes messages that are late by less than the depth for late, not for a new beginning", () => {
    const orders = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 40, maxLength: 40 });
    fc.assert(
      fc.property(orders, (late) => {
        const resets = new DropCounter("resets");
        const [left, right] = [new Subject<object>(), new Subject<object>()];
        joined({ left, right }, { resets }).subscribe();
        const order = late.map((places, k) => ({ k, place: k + places })).sort((a, b) => a.place - b.place);
        for (const { k } of order) {
          left.next(at("left", k * 50));
          right.next(at("right", k * 50));
        }
        expect(resets.count).toBe(0);
      }),
    );
  });
});

describe("approximateTime of three streams", () => {
  it("finds a set within the slop though the nearest of each are not one", () => {
    const streams = { a: new Subject<object>(), b: new Subject<object>(), c: new Subject<object>() };
    const sets: string[] = [];
    approximateTime(streams, { slop: "30ms" }).subscribe((set) => sets.push(names(set)));
    streams.b.next(at("y", 85));
    streams.b.next(at("b", 120));
    streams.c.next(at("c", 120));
    streams.a.next(at("a", 100));
    expect(sets).toEqual(["abc"]);
  });
});

describe("timeWindow", () => {
  it("forgets what is ahead of a clock that was set back", () => {
    let nowMs = 100_000;
    const clock = { now: () => nowMs, schedule: () => Subscription.EMPTY };
    const source = new Subject<string>();
    const windows: string[] = [];
    source.pipe(timeWindow("3ms", clock)).subscribe((each) => windows.push(each.join("")));
    source.next("a");
    nowMs = 50;
    for (const value of ["b", "c"]) source.next(value);
    expect(windows).toEqual(["a", "b", "bc"]);
  });

  it("holds as many values in any part of a run, at periods that no sum of milliseconds meets", () => {
    const clock = new LogicalClock();
    const sizes = new Set<number>();
    interval(0.1, clock)
      .pipe(timeWindow("300us", clock))
      .subscribe((values) => sizes.add(values.length));
    clock.advanceTo(1e9);
    expect([...sizes]).toEqual([1, 2, 3]);
  });

  it("holds the values of the last duration", () =>
    marbles(({ cold, clock, expectObservable }) => {
      const source = cold("ab-c------d|");
      const out = source.pipe(
        timeWindow("3ms", clock),
        map((each) => each.join("")),
      );
      expectObservable(out).toBe("pq-r------s|", { p: "a", q: "ab", r: "bc", s: "d" });
    }));
});

describe("watchdog", () => {
  it("says once that the stream is silent, and goes on with the next value", () =>
    marbles(({ cold, clock, expectObservable }) => {
      const source = cold("-a-b-------c|");
      const out = source.pipe(
        watchdog("4ms", clock),
        map((each) => (each.kind === "value" ? each.value : "!")),
      );
      expectObservable(out).toBe("-a-b---s---c|", { a: "a", b: "b", c: "c", s: "!" });
    }));

  it("notices that nothing ever comes", () =>
    marbles(({ cold, clock, expectObservable }) => {
      expectObservable(cold("---------|").pipe(watchdog("4ms", clock))).toBe("----s----|", { s: { kind: "silent" } });
    }));

  it("leaves no timer behind", () => {
    const clock = new LogicalClock();
    const subscription = new Subject<number>().pipe(watchdog("5ms", clock)).subscribe();
    expect(clock.nextNs).toBe(5e6);
    subscription.unsubscribe();
    expect(clock.nextNs).toBeUndefined();
  });
});

describe("bufferBounded", () => {
  /** A consumer that takes 4 ms for each value. */
  const slow = (clock: TestScheduler) => (value: string) => timer(4, clock).pipe(map(() => value));

  it("hands over one after the other and drops the oldest that wait", () =>
    marbles(({ cold, clock, expectObservable, flush }) => {
      const drops = new DropCounter("queue");
      const source = cold("abcd---------|");
      expectObservable(source.pipe(bufferBounded(2, "dropOldest", slow(clock), drops))).toBe("----a---c---d|");
      flush();
      expect(drops.count).toBe(1);
    }));

  it("drops the newest where that is the policy", () =>
    marbles(({ cold, clock, expectObservable, flush }) => {
      const drops = new DropCounter("queue");
      const source = cold("abcd----|");
      expectObservable(source.pipe(bufferBounded(2, "dropNewest", slow(clock), drops))).toBe("----a---b---(c|)");
      flush();
      expect(drops.count).toBe(1);
    }));

  it("fails where that is the policy", () =>
    marbles(({ cold, clock, expectObservable }) => {
      const out = cold("abcd").pipe(bufferBounded(2, "fail", slow(clock)));
      expectObservable(out).toBe("---#", {}, expect.objectContaining({ code: "stream/full" }));
    }));

  it("passes everything on that is consumed at once", () =>
    marbles(({ cold, expectObservable }) => {
      expectObservable(cold("ab-(cd)|").pipe(bufferBounded(0, "fail", (value: string) => [value]))).toBe("ab-(cd)|");
    }));

  it("lets go of source and consumer when it is unsubscribed", () =>
    marbles(({ cold, clock, expectObservable, expectSubscriptions }) => {
      const source = cold("a-b-c-d-");
      const out: Observable<string> = source.pipe(bufferBounded(9, "fail", slow(clock)));
      expectObservable(out, "^----!").toBe("----a-");
      expectSubscriptions(source.subscriptions).toBe("^----!");
    }));
});

describe("the logical clock", () => {
  it("fires timers in order of time and then of their making, and only when time is granted", () => {
    const clock = new LogicalClock();
    const fired: string[] = [];
    clock.schedule(() => fired.push(`b@${clock.timeNs}`), 2);
    clock.schedule(() => fired.push(`a@${clock.timeNs}`), 1);
    clock.schedule(() => fired.push(`c@${clock.timeNs}`), 2);
    expect(clock.nextNs).toBe(1e6);
    clock.advanceTo(1_999_999);
    expect(fired).toEqual(["a@1000000"]);
    clock.advanceTo(2e6);
    expect(fired).toEqual(["a@1000000", "b@2000000", "c@2000000"]);
    expect(clock.nextNs).toBeUndefined();
  });

  it("carries RxJS's own timers, exact to the nanosecond", () => {
    const clock = new LogicalClock();
    const seen: number[] = [];
    interval(0.125, clock)
      .pipe(
        map(() => clock.timeNs),
        take(1000),
      )
      .subscribe((time) => seen.push(time));
    clock.advanceTo(1e9);
    expect(seen).toEqual(Array.from({ length: 1000 }, (_, n) => (n + 1) * 125_000));
    expect(clock.nextNs).toBeUndefined();
  });

  it("fires nothing that was unsubscribed, even by a timer of the same instant", () => {
    const clock = new LogicalClock();
    const fired: string[] = [];
    clock.schedule(() => second.unsubscribe(), 1);
    const second = clock.schedule(() => fired.push("second"), 1);
    clock.advanceTo(1e6);
    expect(fired).toEqual([]);
  });

  it("refuses timers that never let time go on", () => {
    const clock = new LogicalClock();
    interval(0, clock).subscribe();
    expect(() => clock.advanceTo(1e6)).toThrow("timers without a delay keep each other going at 0 ns");
  });

  it("is the same after a reset", () => {
    const clock = new LogicalClock();
    const run = () => {
      const seen: number[] = [];
      const subscription = from([1, 2, 3])
        .pipe(sampleEvery("7ms", clock))
        .subscribe(() => seen.push(clock.timeNs));
      const ticks = interval(3, clock).subscribe(() => seen.push(clock.timeNs));
      clock.advanceTo(50e6);
      subscription.unsubscribe();
      ticks.unsubscribe();
      clock.reset();
      return seen;
    };
    expect(run()).toEqual(run());
  });
});
