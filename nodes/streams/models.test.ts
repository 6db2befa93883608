// Each stream operator is held to a model: a few plain lines over arrays of arrivals, from what its documentation says.
import fc from "fast-check";
import { map, type Observable, Subject, timer } from "rxjs";
import { describe, expect, it } from "vitest";
import { countInto } from "./counter.ts";
import * as streams from "./index.ts";

const { approximateTime, bufferBounded, DropCounter, exactTime, LogicalClock, latest } = streams;
const { sampleEvery, timeWindow, watchdog } = streams;

/** A message: its place among all that come, its stream and its time. */
interface Arrival {
  readonly id: number;
  readonly stream: string;
  readonly stamp: number;
}

/** What a joiner made of the arrivals. `bounds` are those of the drops that had waited and were given up. */
interface Joins {
  readonly sets: readonly (readonly number[])[];
  readonly drops: number;
  readonly bounds: number;
  readonly resets: number;
}

interface Joining {
  readonly names: readonly string[];
  readonly arrivals: readonly Arrival[];
  readonly depth: number;
  readonly slop: number;
}

/** Stamps of one, two or three streams that advance, stand, fall a little behind, and now and then jump far back. */
const joinings: fc.Arbitrary<Joining> = fc
  .record({
    streams: fc.integer({ min: 1, max: 3 }),
    depth: fc.integer({ min: 1, max: 4 }),
    slop: fc.integer({ min: 0, max: 12 }),
    steps: fc.array(
      fc.record({
        stream: fc.nat({ max: 2 }),
        gap: fc.oneof(
          { weight: 20, arbitrary: fc.integer({ min: 0, max: 6 }) },
          { weight: 1, arbitrary: fc.constant(-300) },
        ),
        behind: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 9 })),
      }),
      { maxLength: 60 },
    ),
  })
  .map(({ streams, depth, slop, steps }) => {
    const names = ["a", "b", "c"].slice(0, streams);
    let time = 1000;
    const arrivals = steps.map(({ stream, gap, behind }, id) => {
      time += gap;
      return { id, stream: names[stream % streams]!, stamp: time - behind };
    });
    return { names, depth, slop, arrivals };
  });

/** Every way to take one of each list. */
const oneOfEach = <T>(lists: readonly (readonly T[])[]): T[][] =>
  lists.reduce<T[][]>((ways, list) => ways.flatMap((way) => list.map((each) => [...way, each])), [[]]);

/** The first by several numbers, the first of which decides, then the second … */
const least = <T>(all: readonly T[], key: (each: T) => readonly number[]): T | undefined =>
  [...all].sort(
    (a, b) =>
      key(a)
        .map((k, at) => k - key(b)[at]!)
        .find((difference) => difference !== 0) ?? 0,
  )[0];

/**
 * What waits, is dropped and begins anew, as `MatchOptions` says it; `choose` names the set that an arrival completes.
 * Under `newest` a message takes the place of one of its stream with the same time.
 */
function joinModel(
  { names, arrivals, depth }: Joining,
  newest: boolean,
  choose: (candidates: readonly Arrival[][], arrived: Arrival) => Arrival[] | undefined,
): Joins {
  const waiting = Object.fromEntries(names.map((name) => [name, [] as Arrival[]]));
  const since = Object.fromEntries(names.map((name) => [name, [] as number[]]));
  const sets: number[][] = [];
  let [replaced, passedOver, bounds, resets] = [0, 0, 0, 0];
  for (const arrived of arrivals) {
    const { stream, stamp } = arrived;
    const last = since[stream]!.slice(-depth);
    if (last.length === depth && last.every((each) => each > stamp)) {
      resets++;
      bounds += waiting[stream]!.length;
      waiting[stream] = [];
      since[stream] = [];
    }
    since[stream]!.push(stamp);
    if (newest) {
      const others = waiting[stream]!.filter((each) => each.stamp !== stamp);
      replaced += waiting[stream]!.length - others.length;
      waiting[stream] = others;
    }
    waiting[stream]!.push(arrived);
    const set = choose(oneOfEach(names.map((name) => (name === stream ? [arrived] : waiting[name]!))), arrived);
    if (set) {
      sets.push(set.map((each) => each.id));
      for (const member of set) {
        const before = waiting[member.stream]!;
        waiting[member.stream] = before.filter((each) => each !== member && each.stamp >= member.stamp);
        passedOver += before.length - 1 - waiting[member.stream]!.length;
      }
    } else if (waiting[stream]!.length > depth) {
      waiting[stream]!.shift();
      bounds++;
    }
  }
  return { sets, drops: replaced + passedOver + bounds, bounds, resets };
}

const span = (set: readonly Arrival[]) =>
  Math.max(...set.map((each) => each.stamp)) - Math.min(...set.map((each) => each.stamp));
const total = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);

const exactModel = (given: Joining): Joins =>
  joinModel(given, true, (candidates) => candidates.find((set) => span(set) === 0));

const approximateModel = (given: Joining): Joins =>
  joinModel(given, false, (candidates) =>
    least(
      candidates.filter((set) => span(set) <= given.slop),
      (set) => [span(set), total(set.map((each) => each.stamp)), total(set.map((each) => each.id))],
    ),
  );

/** The sets of an operator over the same arrivals, with counters given, or counted under its own name. */
function joined(
  operator: (sources: Readonly<Record<string, Subject<Arrival>>>, options: streams.MatchOptions) => Observable<object>,
  { names, arrivals, depth }: Joining,
  given: boolean,
): Joins {
  const [drops, resets, own] = [new DropCounter("drops"), new DropCounter("resets"), new DropCounter("own")];
  const sources = Object.fromEntries(names.map((name) => [name, new Subject<Arrival>()]));
  const sets: number[][] = [];
  countInto(() => own);
  try {
    operator(sources, {
      depth,
      resets,
      stamp: (message) => (message as Arrival).stamp,
      ...(given && { drops }),
    }).subscribe((set) => sets.push((Object.values(set) as Arrival[]).map((each) => each.id)));
    for (const arrival of arrivals) sources[arrival.stream]!.next(arrival);
  } finally {
    countInto(undefined);
  }
  return { sets, drops: drops.count, bounds: own.count, resets: resets.count };
}

function holdJoiner(operator: Parameters<typeof joined>[0], model: (given: Joining) => Joins, given: Joining): void {
  const expected = model(given);
  expect(joined(operator, given, true)).toEqual({ ...expected, bounds: 0 });
  expect(joined(operator, given, false)).toEqual({ ...expected, drops: 0 });
}

/** A value and when it comes, and when the source ends. */
interface Timed {
  readonly times: readonly number[];
  readonly end: number;
  readonly period: number;
}

/** Values that come together, a little apart, exactly a period apart, and far apart. */
const timings: fc.Arbitrary<Timed> = fc
  .record({
    period: fc.integer({ min: 1, max: 20 }),
    gaps: fc.array(fc.oneof(fc.nat({ max: 5 }), fc.nat({ max: 60 }), fc.constant("period" as const)), {
      minLength: 1,
      maxLength: 40,
    }),
  })
  .map(({ period, gaps }) => {
    let time = 0;
    const times = gaps.map((gap) => (time += gap === "period" ? period : gap));
    return { period, times: times.slice(0, -1), end: times.at(-1)! };
  });

/**
 * What an operator emits, and when, while a source brings its values' places at their times and then ends. As in a run, what
 * comes at an instant comes before the timers of that instant.
 */
function watched<R>(
  { times, end }: Timed,
  operate: (source: Observable<number>, clock: streams.LogicalClock) => Observable<R>,
) {
  const clock = new LogicalClock();
  const source = new Subject<number>();
  const seen: (readonly [number, R | "end" | "error"])[] = [];
  operate(source, clock).subscribe({
    next: (value) => seen.push([clock.timeNs, value]),
    error: () => seen.push([clock.timeNs, "error"]),
    complete: () => seen.push([clock.timeNs, "end"]),
  });
  times.forEach((time, at) => {
    clock.arriveAt(time);
    source.next(at);
  });
  clock.arriveAt(end);
  source.complete();
  clock.advanceTo(end + 10_000);
  expect(clock.nextNs).toBeUndefined();
  return seen;
}

/** Silence after each value, and after the subscription, that nothing follows within the timeout. */
function watchdogModel({ times, end, period }: Timed) {
  const since = [0, ...times];
  const said = since.map((time, at) => {
    const value = at === 0 ? [] : [[time, { kind: "value", value: at - 1 }] as const];
    const next = since[at + 1] ?? end;
    return [...value, ...(next - time > period ? [[time + period, { kind: "silent" }] as const] : [])];
  });
  return [...said.flat(), [end, "end"] as const];
}

/** At every multiple of the period before the end, the newest value so far. */
function sampleModel({ times, end, period }: Timed) {
  const seen: (readonly [number, number | "end"])[] = [];
  for (let tick = period; tick < end; tick += period) {
    const newest = times.findLastIndex((time) => time <= tick);
    if (newest >= 0) seen.push([tick, newest]);
  }
  return [...seen, [end, "end"] as const];
}

/** With each value, the places of those that are younger than the period. */
const windowModel = ({ times, end, period }: Timed) => [
  ...times.map((time, at) => [
    time,
    times.map((_, place) => place).filter((place) => place <= at && time - times[place]! < period),
  ]),
  [end, "end"],
];

interface Queueing extends Timed {
  readonly size: number;
  readonly policy: streams.FullPolicy;
}
const queueings: fc.Arbitrary<Queueing> = fc
  .record({ timing: timings, size: fc.nat({ max: 3 }), policy: fc.constantFrom("dropOldest", "dropNewest", "fail") })
  .map(({ timing, size, policy }) => ({ ...timing, size, policy }));

/** How long a value is consumed. */
const takes = (value: number, period: number) => (value * 7) % (period + 1);

/** One is consumed at a time; who comes meanwhile waits, and where too many would, the policy decides. */
function queueModel({ times, end, period, size, policy }: Queueing) {
  const seen: (readonly [number, number | "end" | "error"])[] = [];
  let [waiting, drops] = [[] as number[], 0];
  let current: { readonly value: number; readonly until: number } | undefined;
  const finishBefore = (time: number) => {
    while (current && current.until < time) {
      const { until, value } = current;
      seen.push([until, value]);
      const next = waiting.shift();
      current = next === undefined ? undefined : { value: next, until: until + takes(next, period) };
    }
  };
  for (const [value, time] of times.entries()) {
    finishBefore(time);
    if (!current) current = { value, until: time + takes(value, period) };
    else if (waiting.length < size) waiting.push(value);
    else if (policy === "fail") return { seen: [...seen, [time, "error"]], drops };
    else {
      drops++;
      if (policy === "dropOldest") waiting = [...waiting, value].slice(1);
    }
  }
  finishBefore(Number.POSITIVE_INFINITY);
  return { seen: [...seen, [Math.max(end, seen.at(-1)?.[0] ?? 0), "end"]], drops };
}

/** What each operator is held to, by its exported name. */
const held: { readonly [operator: string]: () => void } = {
  latest: () =>
    fc.assert(
      fc.property(joinings, ({ names, arrivals }) => {
        const sources = Object.fromEntries(names.map((name) => [name, new Subject<number>()]));
        const seen: number[][] = [];
        latest(sources).subscribe((set) => seen.push(names.map((name) => set[name] as number)));
        for (const { id, stream } of arrivals) sources[stream]!.next(id);
        const newest = arrivals.map((_, at) =>
          names.map((name) => arrivals.slice(0, at + 1).findLastIndex((each) => each.stream === name)),
        );
        expect(seen).toEqual(newest.filter((set) => !set.includes(-1)));
      }),
    ),
  exactTime: () =>
    fc.assert(
      fc.property(joinings, (given) => holdJoiner(exactTime, exactModel, given)),
      { numRuns: 500 },
    ),
  approximateTime: () =>
    fc.assert(
      fc.property(joinings, (given) =>
        holdJoiner(
          (sources, options) => approximateTime(sources, { slop: given.slop, ...options }),
          approximateModel,
          given,
        ),
      ),
      { numRuns: 500 },
    ),
  watchdog: () =>
    fc.assert(
      fc.property(timings, (given) => {
        const seen = watched(given, (source, clock) => source.pipe(watchdog(given.period, clock)));
        expect(seen).toEqual(watchdogModel(given));
      }),
    ),
  sampleEvery: () =>
    fc.assert(
      fc.property(timings, (given) => {
        const seen = watched(given, (source, clock) => source.pipe(sampleEvery(given.period, clock)));
        expect(seen).toEqual(sampleModel(given));
      }),
    ),
  timeWindow: () =>
    fc.assert(
      fc.property(timings, (given) => {
        const seen = watched(given, (source, clock) => source.pipe(timeWindow(given.period, clock)));
        expect(seen).toEqual(windowModel(given));
      }),
    ),
  bufferBounded: () =>
    fc.assert(
      fc.property(queueings, (given) => {
        const drops = new DropCounter("queue");
        const seen = watched(given, (source, clock) =>
          source.pipe(
            bufferBounded(
              given.size,
              given.policy,
              (value) => timer(takes(value, given.period) / 1e6, clock).pipe(map(() => value)),
              drops,
            ),
          ),
        );
        expect({ seen, drops: drops.count }).toEqual(queueModel(given));
      }),
      { numRuns: 500 },
    ),
};

/** What else the folder exports: no operators. */
const others = ["DropCounter", "LogicalClock", "StreamHub", "headerStamp"];

describe("each stream operator does what its model does on random arrivals:", () => {
  it.each(Object.keys(held))("%s", (operator) => held[operator]!());

  it("none that is exported lacks a model", () => {
    expect([...Object.keys(held), ...others].sort()).toEqual(Object.keys(streams).sort());
  });
});

describe("the application's clock", () => {
  it("fires timers by time and then as they were made, whoever made them, as a sorted list would", () => {
    const plans = fc.array(
      fc.record({ delay: fc.nat({ max: 9 }), later: fc.array(fc.nat({ max: 9 }), { maxLength: 3 }) }),
      {
        maxLength: 20,
      },
    );
    fc.assert(
      fc.property(plans, (plan) => {
        const clock = new LogicalClock();
        const fired: (readonly [number, string])[] = [];
        plan.forEach(({ delay, later }, at) => {
          clock.schedule(() => {
            fired.push([clock.timeNs, `${at}`]);
            for (const [place, more] of later.entries())
              clock.schedule(() => fired.push([clock.timeNs, `${at}.${place}`]), more / 1e6);
          }, delay / 1e6);
        });
        clock.advanceTo(100);

        let made = 0;
        const list = plan.map(({ delay }, at) => ({ time: delay, name: `${at}`, order: made++ }));
        const expected: (readonly [number, string])[] = [];
        for (let first = least(list, (each) => [each.time, each.order]); first; ) {
          const { time, name } = first;
          list.splice(list.indexOf(first), 1);
          expected.push([time, name]);
          const later = name.includes(".") ? [] : plan[Number(name)]!.later;
          for (const [place, more] of later.entries())
            list.push({ time: time + more, name: `${name}.${place}`, order: made++ });
          first = least(list, (each) => [each.time, each.order]);
        }
        expect(fired).toEqual(expected);
      }),
    );
  });
});
