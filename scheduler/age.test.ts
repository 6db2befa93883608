// The age of what a chain acts on: bounds against schedules that are walked through by hand, and what is refused.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { IsochronError } from "../kernels/index.ts";
import { ageBound } from "./age.ts";
import { analyse, type Chain } from "./analysis.ts";
import { paceOf } from "./pace.ts";
import { type ScheduleTable, scheduleTable, type TaskRow } from "./schedule-table.ts";

const ms = 1_000_000;

type ChainAnalysis = ReturnType<typeof analyse>["chains"][number];

interface Step {
  /** Undefined for one on arrival of what it reads. */
  readonly every?: { readonly period: number; readonly phase: number } | undefined;
  /** Of one on arrival: how far apart releases are, to which an earlier arrival is deferred. */
  readonly defer?: { readonly interval: number; readonly tolerance: number } | undefined;
  readonly deadline: number;
}

/** Tasks in a row, each reading the one before, the first an external channel; `triggers` replaces triggers by name of task. */
function rowOf(steps: readonly Step[], triggers: Readonly<Record<number, TaskRow["trigger"]>> = {}): ScheduleTable {
  const fields = [{ name: "x", dtype: "f32", shape: [], offset: 0, bytes: 4 }];
  const channel = { depth: 2, slotBytes: 4, fields };
  return scheduleTable.parse({
    version: 1,
    name: "row",
    channels: [
      { ...channel, name: "/in", source: { kind: "external" } },
      ...steps.map((_, task) => ({ ...channel, name: `t${task}`, source: { kind: "task", task } })),
      { ...channel, name: "/other", source: { kind: "external" } },
    ],
    tasks: steps.map(({ every, defer, deadline }, at) => ({
      ...{ name: `t${at}`, program: 0, budgetNs: 1, deadlineNs: deadline, letNs: deadline },
      ...{ priority: 50, core: at, onOverrun: "hold", inputs: [{ channel: at, field: 0 }], output: at + 1 },
      trigger:
        triggers[at] ??
        (every
          ? { kind: "periodic", periodNs: every.period, phaseNs: every.phase }
          : defer
            ? {
                kind: "arrival",
                channel: at,
                minIntervalNs: defer.interval,
                toleranceNs: defer.tolerance,
                early: "defer",
              }
            : { kind: "arrival", channel: at, minIntervalNs: deadline, early: "drop" }),
    })),
  });
}

const chainOf = (steps: readonly Step[], maxAgeNs?: number): Chain => ({
  name: "row",
  from: 0,
  tasks: steps.map((_, at) => at),
  budgetNs: 1e12,
  maxAgeNs,
  place: "app.ts:3:1",
});

/** When what comes at these times releases a task that defers what comes early. */
function deferred(times: readonly number[], { interval, tolerance }: NonNullable<Step["defer"]>): number[] {
  const releases: number[] = [];
  let nominal = Number.NEGATIVE_INFINITY;
  const release = (at: number) => {
    releases.push(at);
    nominal = Math.max(at, nominal) + interval;
  };
  let waits = false;
  for (const time of [...times, Number.POSITIVE_INFINITY]) {
    if (waits && nominal - tolerance < time) {
      waits = false;
      release(nominal - tolerance);
    }
    if (waits || time === Number.POSITIVE_INFINITY) continue;
    if (time >= nominal - tolerance) release(time);
    else waits = true;
  }
  return releases;
}

/** When the last task publishes, and of what time the sample is that stands behind it: by the rules of releases alone. */
function published(steps: readonly Step[], samples: readonly number[], end: number): { at: number; sample: number }[] {
  let seen = samples.map((time) => ({ at: time, sample: time }));
  for (const { every, defer, deadline } of steps) {
    const arrivals = seen.map(({ at }) => at);
    const releases = every
      ? Array.from({ length: Math.ceil((end - every.phase) / every.period) }, (_, n) => every.phase + n * every.period)
      : defer
        ? deferred(arrivals, defer)
        : arrivals;
    seen = releases.flatMap((release) => {
      const newest = seen.findLast(({ at }) => at <= release);
      return newest ? [{ at: release + deadline, sample: newest.sample }] : [];
    });
  }
  return seen;
}

/** Of what is published, the first that derives from each sample. */
const firstAnswers = (all: ReturnType<typeof published>) =>
  all.filter(({ sample }, place) => sample !== all[place - 1]?.sample);

describe("the age of what a chain acts on", () => {
  it("is at least all deadlines, and at most those and the pace of what is read again and again", () => {
    const steps = [{ deadline: 15 * ms }, { every: { period: 20 * ms, phase: 0 }, deadline: 5 * ms }];
    expect(ageBound(rowOf(steps), chainOf(steps, 60 * ms))).toEqual({
      leastNs: 20 * ms,
      withoutGapsNs: 20 * ms,
      samplings: 1,
      boundNs: null,
      longestGapNs: 40 * ms,
    });
    const arriving = [{ deadline: 15 * ms }, { deadline: 5 * ms }];
    expect(ageBound(rowOf(arriving), chainOf(arriving))).toMatchObject({
      leastNs: 20 * ms,
      boundNs: 20 * ms,
      samplings: 0,
    });
    const slow = [
      { every: { period: 10 * ms, phase: 0 }, deadline: 3 * ms },
      { every: { period: 4 * ms, phase: 0 }, deadline: ms },
    ];
    expect(ageBound(rowOf(slow), chainOf(slow))).toMatchObject({
      leastNs: 4 * ms,
      withoutGapsNs: 14 * ms,
      samplings: 1,
    });
  });

  it("lies within its bounds in drawn schedules with drawn samples, and so does a chain's latency", () => {
    const step: fc.Arbitrary<Step> = fc.record({
      every: fc.option(fc.record({ period: fc.integer({ min: 2, max: 30 }), phase: fc.nat(20) }), { nil: undefined }),
      defer: fc.option(fc.record({ interval: fc.integer({ min: 5, max: 30 }), tolerance: fc.nat(4) }), {
        nil: undefined,
      }),
      deadline: fc.integer({ min: 1, max: 12 }),
    });
    const given = fc.record({
      steps: fc.array(step, { minLength: 1, maxLength: 4 }),
      gaps: fc.array(fc.integer({ min: 1, max: 25 }), { minLength: 20, maxLength: 40 }),
    });
    fc.assert(
      fc.property(given, ({ steps, gaps }) => {
        let now = 0;
        const samples = gaps.map((gap) => (now += gap));
        const [{ age, boundNs }] = analyse(rowOf(steps), [chainOf(steps)]).chains as [ChainAnalysis];
        const { leastNs, withoutGapsNs, samplings } = age;
        const most = withoutGapsNs + samplings * Math.max(...gaps);
        const all = published(steps, samples, now);
        expect(all.filter(({ at, sample }) => at - sample < leastNs)).toEqual([]);
        // Beyond the last sample there is a gap of which the bound does not speak.
        expect(all.filter(({ at, sample }) => at <= now && at - sample > most)).toEqual([]);
        expect(firstAnswers(all).filter(({ at, sample }) => at - sample > boundNs!)).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it("reaches its bound", () => {
    const steps = [{ deadline: 3 }, { every: { period: 7, phase: 0 }, deadline: 2 }];
    const samples = Array.from({ length: 200 }, (_, n) => 11 * n);
    const { withoutGapsNs, samplings } = ageBound(rowOf(steps), chainOf(steps));
    const oldest = Math.max(...published(steps, samples, 2000).map(({ at, sample }) => at - sample));
    // A release at the instant of a publication sees it, so that the bound of whole nanoseconds is missed by one.
    expect(oldest).toBe(withoutGapsNs + samplings * 11 - 1);
  });

  it("reaches the bound of its latency, too, through a deferral and a sampling", () => {
    const steps = [
      { defer: { interval: 12, tolerance: 2 }, deadline: 3 },
      { every: { period: 7, phase: 0 }, deadline: 2 },
    ];
    const bound = analyse(rowOf(steps), [chainOf(steps)]).chains[0]!.boundNs!;
    expect(bound).toBe(12 + 3 + 7 + 2);
    // Pairs, of which the second is deferred by as long as may be; each pair falls elsewhere between two samplings.
    const samples = Array.from({ length: 100 }, (_, n) => [40 * n, 40 * n + 1]).flat();
    const slowest = Math.max(...firstAnswers(published(steps, samples, 5000)).map(({ at, sample }) => at - sample));
    // Each wait begins a nanosecond after a release; and the tolerance, which no release has used up, shortens a deferral.
    expect(slowest).toBe(bound - 2 - 2);
  });

  it("is refused where maxAge cannot hold, however often samples come", () => {
    const steps = [{ deadline: 15 * ms }, { every: { period: 20 * ms, phase: 0 }, deadline: 5 * ms }];
    const refused = (maxAge: number): string => {
      try {
        ageBound(rowOf(steps), chainOf(steps, maxAge));
      } catch (error) {
        if (error instanceof IsochronError) return error.render();
        throw error;
      }
      return "accepted";
    };
    expect(refused(20 * ms + 1)).toBe("accepted");
    expect(refused(20 * ms)).toBe(
      [
        'error[schedule/chain-age]: chain "row" can act on what is 20 ms old and more, its maxAge is 20 ms',
        "  t0       deadline 15 ms",
        "  t1       the time between two samples of /in + deadline 5 ms",
        "  --> app.ts:3:1",
        "  help: it is 20 ms old in any case, by its deadlines: allow more than that, or shorten them",
      ].join("\n"),
    );
    const arriving = [{ deadline: 15 * ms }];
    expect(() => ageBound(rowOf(arriving), chainOf(arriving, 15 * ms))).not.toThrow();
    expect(() => ageBound(rowOf(arriving), chainOf(arriving, 15 * ms - 1))).toThrow("can act on what is 15 ms old,");
  });

  it("leaves each of several samplings its share of the gap that maxAge allows", () => {
    const paced = { kind: "arrival", channel: 0, minIntervalNs: 9, early: "drop" } as const;
    const steps = [{ deadline: 5 }, { deadline: 2 }, { deadline: 3 }];
    const table = rowOf(steps, { 1: paced, 2: paced });
    expect(ageBound(table, chainOf(steps, 100))).toMatchObject({ samplings: 2, withoutGapsNs: 10, longestGapNs: 45 });
  });

  it("is not promised where a task goes by the pace of another input", () => {
    const other = { kind: "arrival", channel: 3, minIntervalNs: 9, early: "drop" } as const;
    const steps = [{ deadline: 5 }, { every: { period: 9, phase: 0 }, deadline: 2 }];
    const table = rowOf(steps, { 0: other });
    expect(paceOf(table, 1)).toEqual({ external: 3 });
    expect(ageBound(table, chainOf(steps, 100))).toMatchObject({ samplings: 2, boundNs: null, longestGapNs: null });
  });
});
