import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { reactions } from "./chains.ts";
import { admit, facts, job, ledgerOf, ms, smallRun } from "./testing/small-run.ts";
import { timelineOf } from "./timeline.ts";
import { windowsOf } from "./windows.ts";
import { summarise } from "./write.ts";

const run = { durationNs: facts.durationNs, clock: "real" } as const;
const timeline = (events = smallRun(), durationNs = run.durationNs, limit?: number) => {
  const ledger = ledgerOf(events);
  return timelineOf(ledger, { ...run, durationNs }, reactions(ledger), limit);
};

/** Job by job for a long time, with one overrun in the middle. */
const longRun = (jobs: number, missed: number) =>
  Array.from({ length: jobs }, (_, number) => [
    admit(number + 1, 40 * number),
    ...job(0, number, 40 * number, number + 1, 0.1, number === missed ? 20 : 2),
  ]).flat();

describe("a page's timeline", () => {
  it("holds every job of a short run", () => {
    const { windows, rows, shownJobs, allJobs } = timeline();
    expect(windows).toEqual([{ fromNs: 0, toNs: 200 * ms }]);
    expect([shownJobs, allJobs]).toEqual([15, 15]);
    expect(rows.map(({ name }) => name)).toEqual(["/camera", "find", "steer"]);
    expect(rows[1]).toMatchObject({ kind: "task", outcome: "ddoof", late: [0.1e6, 0.1e6, 0.1e6, 0.2e6, null] });
    expect(rows[2]).toMatchObject({ outcome: "ddddoobldd", holds: true, firstDone: 0 });
  });

  it("holds the beginning, the end and what is around misses of a long run", () => {
    const { windows, shownJobs, allJobs, rows } = timeline(longRun(1000, 500), 40_000 * ms, 80);
    expect(allJobs).toBe(1000);
    expect(shownJobs).toBeLessThan(80);
    expect(windows).toHaveLength(3);
    const missed = 500 * 40 * ms;
    expect(windows.some(({ fromNs, toNs }) => fromNs < missed && missed < toNs)).toBe(true);
    const find = rows[1]!;
    if (find.kind !== "task") throw new Error("the second row is a task");
    expect(find.job[0]).toBe(0);
    expect(find.job).toContain(500);
    expect(find.job.at(-1)).toBe(999);
  });

  it("draws no more than it may, whatever is missed, in stretches apart, and the first misses of all", () => {
    const drawn = fc.record({
      gaps: fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 20, maxLength: 150 }),
      misses: fc.array(fc.record({ from: fc.integer({ min: 1, max: 2000 }), length: fc.nat(100) }), {
        minLength: 1,
        maxLength: 20,
      }),
      limit: fc.integer({ min: 4, max: 100 }),
    });
    fc.assert(
      fc.property(drawn, ({ gaps, misses, limit }) => {
        const times = gaps.map((_, at) => gaps.slice(0, at).reduce((a, b) => a + b, 0));
        const ordered = Float64Array.from(times).sort();
        // Between whole numbers, so that no time lies on an edge.
        const around = misses.map(({ from, length }) => ({ fromNs: from - 0.5, toNs: from + length + 0.5 }));
        around.sort((a, b) => a.fromNs - b.fromNs);
        const windows = windowsOf({ times: ordered, misses: around }, 3000, limit);
        const within = (list: typeof windows, time: number) =>
          list.some(({ fromNs, toNs }) => time >= fromNs && time <= toNs);
        const shown = times.filter((time) => within(windows, time));
        expect(shown.length).toBeLessThanOrEqual(limit);
        if (times.length <= limit) expect(shown).toEqual(times);
        expect(windows.slice(1).filter(({ fromNs }, at) => fromNs <= windows[at]!.toNs)).toEqual([]);
        const quarter = Math.floor(limit / 4);
        for (const end of [ordered.slice(0, quarter), ordered.slice(-quarter)])
          expect([...end].filter((time) => !within(windows, time))).toEqual([]);
        const [first] = around;
        const needed = first ? times.filter((time) => within([first], time)).length : 0;
        if (first && needed <= limit - 2 * quarter) expect(within(windows, first.fromNs)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it("keeps the slowest job of each part of a long run in its chart", () => {
    const [response] = timeline(longRun(5000, 2347), 200_000 * ms).responses;
    expect(response!.timeNs.length).toBeLessThanOrEqual(1001);
    expect(Math.max(...response!.valueNs)).toBe(20.1 * ms);
    expect(response!.timeNs[response!.valueNs.indexOf(20.1 * ms)]).toBe(2347 * 40 * ms);
  });

  it("keeps a page of many jobs below four megabytes", () => {
    const summary = summarise(ledgerOf(longRun(120_000, 60_000)), { ...facts, durationNs: 120_000 * 40 * ms });
    const page = summary.text("html");
    expect(page.length).toBeLessThan(4e6);
    expect(page).toContain("Drawn are");
  });
});
