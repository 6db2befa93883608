// A ledger that forgets: of a run without end everything is counted, and the last part is told of as if it were all.
import { describe, expect, it } from "vitest";
import type { RunEvent } from "../../sim/index.ts";
import { Ledger } from "./ledger.ts";
import { printReport } from "./print.ts";
import { type Report, reportOf } from "./report.ts";
import { admit, facts, job, ms, skip, smallApplication } from "./testing/small-run.ts";

/** A camera every 40 ms and two commands for each of its pictures; every tenth command is late, one in 25 is skipped. */
const longRun = (pictures: number): RunEvent[][] =>
  Array.from({ length: pictures }, (_, picture) => {
    const at = picture * 40;
    const commands = [2 * picture, 2 * picture + 1].flatMap((number) =>
      number % 25 === 24
        ? [skip(1, number, number * 20, "late")]
        : job(1, number, number * 20, number % 2 === 0 ? picture : picture + 1, 0.05, number % 10 === 9 ? 8 : 0.2),
    );
    return [admit(picture + 1, at), ...job(0, picture, at, picture + 1, 0.1, 2 + (picture % 7) / 10), ...commands];
  });

const pictures = 500;
const about = { ...facts, durationNs: pictures * 40 * ms };

function reported(keep?: number): { readonly report: Report; readonly ledger: Ledger } {
  const ledger = new Ledger(smallApplication(), keep);
  for (const events of longRun(pictures)) ledger.add(events);
  return { report: reportOf(ledger, about), ledger };
}

describe("a ledger that keeps so many of each", () => {
  const whole = reported().report;
  const { report, ledger } = reported(100);

  it("keeps no more than twice as many", () => {
    const columns = [
      ...ledger.tasks.flatMap(({ release, start, end, pins }) => [release, start, end, ...pins.values()]),
      ...ledger.channels.map(({ arrivals }) => arrivals),
      ...ledger.messages.map(({ times }) => times),
    ];
    for (const { length, first } of columns) expect(length - first).toBeLessThanOrEqual(201);
    expect(report.keptFromNs).toBeGreaterThan(about.durationNs / 2);
  });

  it("counts releases, messages and misses of the whole run", () => {
    const counts = ({ tasks, topics, misses }: Report) => ({
      tasks: tasks.map(({ released, onTime, overrun, skipped, inFlight, conserved }) => [
        ...[released, onTime, overrun, skipped, inFlight],
        conserved,
      ]),
      topics: topics.map(({ messages, bytes }) => [messages, bytes]),
      misses: misses.total,
    });
    expect(counts(report)).toEqual(counts(whole));
    const last = report.misses.groups.filter(({ cause }) => cause !== "longer ago");
    expect(last.reduce((sum, { count }) => sum + count, 0)).toBe(report.misses.listed.length);
    expect(report.misses.groups.find(({ cause }) => cause === "longer ago")?.count).toBeGreaterThan(0);
  });

  it("balances every channel over what it keeps", () => {
    for (const balance of report.channels) expect(balance).toMatchObject({ conserved: true, overwritten: 0 });
    expect(report.channels[0]!.published).toBeLessThan(whole.channels[0]!.published);
  });

  it("measures what came since, as a run of that part alone would", () => {
    const from = report.keptFromNs;
    const since = new Ledger(smallApplication());
    since.add(
      longRun(pictures)
        .flat()
        .filter((event) => !("time" in event) || event.time >= from),
    );
    const alone = reportOf(since, about);
    const measured = ({ chains, topics: [camera] }: Report) => [chains[0]!.latency, camera!.rateHz, camera!.intervalNs];
    expect(measured(report)).toEqual(measured(alone));
    expect(printReport(report)).toContain("times, chains and causes are told of the last ");
    expect(printReport(whole)).not.toContain("are told of the last");
  });
});

describe("reasons that differ every time", () => {
  it("are kept apart up to a thousand, and counted in sum from there on", () => {
    const ledger = new Ledger(smallApplication());
    ledger.add(
      Array.from({ length: 1500 }, (_, at): RunEvent[] => [
        admit(at + 1, at),
        { kind: "rejected", channel: 0, sequence: at + 1, time: at * ms, reason: `value ${at}` },
      ]).flat(),
    );
    const { rejections } = ledger.channels[0]!;
    expect(rejections).toHaveLength(1001);
    expect(rejections[0]).toMatchObject({ reason: "other reasons", count: 500, firstSequence: 1001 });
  });
});
