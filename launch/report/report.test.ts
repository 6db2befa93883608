import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { RunEvent } from "../../sim/index.ts";
import { reportOf } from "./report.ts";
import {
  admit,
  facts,
  job,
  ledgerOf,
  ms,
  smallApplication,
  smallRun,
  virtualFacts,
  virtualRun,
} from "./testing/small-run.ts";

const report = (events: readonly RunEvent[] = smallRun(), about = facts) => reportOf(ledgerOf(events), about);
const without = (unwanted: (event: RunEvent) => boolean) => smallRun().filter((event) => !unwanted(event));

describe("a report", () => {
  it("counts every task's releases on time, overrun, skipped and in flight", () => {
    const [find, steer] = report().tasks;
    expect(find).toMatchObject({ released: 5, onTime: 2, overrun: 2, skipped: 0, inFlight: 1, conserved: true });
    expect(steer).toMatchObject({ released: 10, onTime: 6, overrun: 2, skipped: 2, inFlight: 0, conserved: true });
  });

  it("balances what each reader of a channel saw, missed, dropped and has before it", () => {
    expect(report().channels).toEqual([
      {
        channel: "/camera",
        consumer: "find",
        published: 6,
        read: 5,
        overwritten: 0,
        dropped: 1,
        rejected: 0,
        pending: 0,
        conserved: true,
      },
      {
        channel: "find",
        consumer: "steer",
        published: 2,
        read: 2,
        overwritten: 0,
        dropped: 0,
        rejected: 0,
        pending: 0,
        conserved: true,
      },
    ]);
    const hurried = [
      admit(1, 0),
      admit(2, 40),
      admit(3, 80),
      admit(4, 120),
      ...job(0, 0, 0, 1, 0, 1),
      ...job(0, 1, 80, 3, 0, 1),
    ];
    expect(report(hurried).channels[0]).toMatchObject({
      published: 4,
      read: 2,
      overwritten: 1,
      pending: 1,
      conserved: true,
    });
  });

  it("shows a balance as broken when a release, a verdict, an output or an admission is missing from the log", () => {
    const of = (event: RunEvent, kind: RunEvent["kind"], task: number, number: number) =>
      event.kind === kind && "task" in event && event.task === task && event.job === number;
    const noRelease = report(without((event) => of(event, "skipped", 1, 6)));
    expect(noRelease.tasks[1]).toMatchObject({ released: 10, conserved: false });
    expect(noRelease.verdicts[0]).toEqual({
      about: "deadlines",
      status: "bad",
      text: "2 overruns of find (injected stall, execution over budget)",
    });
    expect(noRelease.verdicts).toContainEqual({
      about: "conservation",
      status: "bad",
      text: "conservation is broken for steer",
    });
    const twice = report([...smallRun(), { kind: "verdict", task: 0, job: 0, time: 15 * ms, overrun: false }]);
    expect(twice.tasks[0]).toMatchObject({ conserved: false });
    const noOutput = report(without((event) => of(event, "output", 0, 1)));
    expect(noOutput.channels[1]).toMatchObject({ published: 2, read: 2, conserved: true });
    const unseenOutput = report([...smallRun(), ...job(0, 5, 190, 6, 0, 1).filter(({ kind }) => kind !== "output")]);
    expect(unseenOutput.channels[1]).toMatchObject({ published: 3, read: 2, pending: 0, conserved: false });
    const noAdmission = report(without((event) => event.kind === "admit" && event.sequence === 3));
    expect(noAdmission.channels[0]).toMatchObject({ published: 6, read: 5, dropped: 0, conserved: false });
  });

  it("does not depend on the order in which threads were drained", () => {
    const expected = report();
    fc.assert(
      fc.property(fc.shuffledSubarray(smallRun(), { minLength: smallRun().length }), (events) => {
        expect(report(events)).toEqual(expected);
      }),
      { numRuns: 50 },
    );
  });

  it("measures execution from start to end, lateness from release to start, response from release to end", () => {
    const [find] = report().tasks;
    expect(find!.executionTime).toMatchObject({ count: 4, p50: 3 * ms, max: 25 * ms });
    expect(find!.lateness).toMatchObject({ count: 4, p50: 0.1 * ms, max: 0.2 * ms });
    expect(find!.responseTime).toMatchObject({ count: 4, max: 25.1 * ms });
    expect(find!.overBudget).toBe(2);
  });

  it("follows a chain from each sample to the first command that used it", () => {
    const [chain] = report().chains;
    // Sample 1 at 0 ms is first used by the command of 25 ms, sample 2 at 40 ms by that of 65 ms.
    expect(chain).toMatchObject({ path: ["/camera", "find", "steer"], overBudget: 0 });
    expect(chain!.latency).toMatchObject({ count: 2, p50: 25 * ms, max: 25 * ms });
    const slow = report([admit(1, 0), ...job(0, 0, 0, 1, 0, 1), ...job(1, 4, 80, 1, 0, 0.1)]);
    expect(slow.chains[0]).toMatchObject({ overBudget: 1, latency: { count: 1, max: 85 * ms } });
    expect(slow.verdicts[0]).toMatchObject({ about: "chain", status: "bad" });
  });

  it("names the cause of every miss, and what stood instead", () => {
    const { misses } = report();
    expect(misses.total).toBe(6);
    expect(misses.listed.map(({ task, job: number, why, instead }) => [task, number, why, instead])).toEqual([
      ["find", 2, "stalled for 25 ms on purpose; its output was due 15 ms after its release", "nothing published"],
      [
        "steer",
        4,
        "started 4.5 ms after its release, which leaves less than its budget of 1 ms",
        "previous value held",
      ],
      ["steer", 5, "ran 22 ms, its budget is 1 ms", "previous value held"],
      ["find", 3, "ran 14.9 ms, its budget is 4 ms", "nothing published"],
      ["steer", 6, "job 5 was still running: it took 22 ms", "previous value held"],
      ["steer", 7, "not started within 5 ms of its release", "previous value held"],
    ]);
    expect(misses.groups.reduce((sum, { count }) => sum + count, 0)).toBe(6);
  });

  it("gives rates and drops of every topic", () => {
    const [camera, find, , steering] = report().topics;
    expect(camera).toMatchObject({ direction: "input", messages: 6, bytes: 600, rateHz: 31.25, dropped: 1 });
    expect(camera!.intervalNs).toEqual({ min: 10 * ms, p50: 40 * ms, max: 40 * ms });
    expect(find).toMatchObject({ direction: "internal", messages: 2, type: null, dropped: null });
    expect(steering).toMatchObject({ topic: "/steering", direction: "output", messages: 6, bytes: 264 });
    expect(report([admit(1, 0)]).topics[0]).toMatchObject({ messages: 1, rateHz: null, intervalNs: null });
  });

  it("accounts for messages that could not be decoded, and for the time that decoding takes", () => {
    const application = smallApplication();
    application.table.channels[0]!.latencyNs = 20 * ms;
    const hash = "00".repeat(32);
    const reason = "error[picture/cut]: the picture is cut off";
    const events: RunEvent[] = [
      ...[0, 40, 80, 120].map((at, index) => admit(index + 1, at)),
      { kind: "visible", channel: 0, sequence: 1, time: 6 * ms, blake3: hash },
      { kind: "rejected", channel: 0, sequence: 2, time: 47 * ms, reason },
      { kind: "visible", channel: 0, sequence: 3, time: 88 * ms, blake3: hash },
      ...job(0, 0, 6, 1, 0.1, 1),
      ...job(0, 1, 88, 3, 0.1, 1),
      ...job(1, 2, 40, 1, 0.1, 0.1),
    ];
    const decoding = reportOf(ledgerOf(events, application), facts);
    expect(decoding.channels[0]).toMatchObject({ published: 4, read: 2, rejected: 1, pending: 1, conserved: true });
    expect(decoding.topics[0]).toMatchObject({ messages: 4, rejected: 1, rejections: [{ reason, count: 1 }] });
    expect(decoding.topics[0]!.decoding).toMatchObject({ count: 2, max: 8 * ms });
    // From the arrival of the message, decoding included.
    expect(decoding.chains[0]!.latency).toMatchObject({ count: 1, max: 45 * ms });
    expect(decoding.verdicts).toContainEqual({
      about: "messages",
      status: "bad",
      text: "1 message of /camera rejected",
    });
    expect(reportOf(ledgerOf(events, application), virtualFacts).topics[0]!.decoding).toBe("not measured");
  });

  it("says not measured for latencies in virtual time, and calls its chain latency logical", () => {
    const virtual = report(virtualRun(), virtualFacts);
    for (const task of virtual.tasks) {
      expect([task.executionTime, task.lateness, task.responseTime, task.overBudget]).toEqual(
        Array(4).fill("not measured"),
      );
    }
    expect(virtual.clock).toBe("logical");
    expect(virtual.verdicts.map(({ text }) => text)).toEqual([
      "deadlines not measured: times are logical",
      "virtual time: execution time and lateness not measured",
      "bit-exact: not checked",
      "camera to steering: within its budget of 60 ms in logical time, worst 25 ms",
      "conservation holds for every task and channel",
    ]);
  });

  it("gives its verdicts with the bad ones first", () => {
    const refused = report(smallRun(), { ...facts, scheduling: "not real-time (SCHED_OTHER)", damage: 2 });
    expect(refused.verdicts.map(({ text }) => text)).toEqual([
      "2 overruns of find (injected stall, execution over budget)",
      "2 overruns of steer (late start, execution over budget)",
      "2 skipped releases of steer (earlier job still running, not started in time)",
      "2 jobs of find over the budget of 4 ms",
      "1 job of steer over the budget of 1 ms",
      "not real-time (SCHED_OTHER)",
      "the recording was changed in 2 places",
      "bit-exact: not checked",
      "camera to steering: within its budget of 60 ms, worst 25 ms",
      "conservation holds for every task and channel",
    ]);
    const calm = report([admit(1, 0), ...job(0, 0, 0, 1, 0.1, 2), ...job(1, 0, 0, 0, 0.1, 0.2)], {
      ...facts,
      replayed: { bitExact: true, kernelCalls: 7, difference: null },
    });
    expect(calm.verdicts.map(({ text }) => text)).toEqual([
      "camera to steering: not measured, no command came of a sample",
      "every deadline met",
      "real-time: SCHED_FIFO granted",
      "conservation holds for every task and channel",
      "bit-exact: recomputed with 7 kernel calls",
    ]);
  });

  it("counts what stream pipelines dropped, by the name of their counter", () => {
    const { streamDrops, verdicts } = report(smallRun(), { ...facts, streamDrops: { "frames kept back": 3, idle: 0 } });
    expect(streamDrops).toEqual({ "frames kept back": 3, idle: 0 });
    expect(verdicts.filter(({ about }) => about === "messages").map(({ text }) => text)).toEqual([
      "3 values dropped by the stream frames kept back",
    ]);
  });

  it("counts records that the recorder lost, by what they were", () => {
    const lossy = report([...smallRun(), { kind: "lost", what: 0, count: 1 }, { kind: "lost", what: 1, count: 3 }]);
    expect(lossy.lost).toEqual({ decisions: 1, traces: 3, outputs: 0 });
    expect(lossy.verdicts.filter(({ about }) => about === "records").map(({ text }) => text)).toEqual([
      "1 decision lost; the run cannot be replayed in full",
      "3 trace records lost; the latencies are incomplete",
    ]);
  });
});
