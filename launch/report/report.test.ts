import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { RunEvent } from "../../sim/index.ts";
import { neededTolerance } from "./findings.ts";
import { reportOf } from "./report.ts";
import {
  admit,
  facts,
  job,
  ledgerOf,
  ms,
  skip,
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

  it("says how old what stands is at each publication, held values too, so that a gap of the input shows", () => {
    const [chain] = report().chains;
    // Samples of 0 and 40 ms; from 85 ms on the command that answers the second is held, or computed anew from it.
    expect(chain!.age).toMatchObject({ count: 9, min: 25 * ms, p50: 65 * ms, p99: 145 * ms, max: 145 * ms });
    expect(chain).toMatchObject({ oldest: { ageNs: 160 * ms, timeNs: 200 * ms }, maxAgeNs: null, overAge: null });
    const aged = (maxAgeNs: number, tasks = [0, 1]) => {
      const application = smallApplication();
      application.chains = [{ ...application.chains[0]!, tasks, maxAgeNs }];
      const { chains, verdicts } = reportOf(ledgerOf(smallRun(), application), facts);
      return { overAge: chains[0]!.overAge, verdicts: verdicts.filter(({ text }) => text.includes("maxAge")) };
    };
    expect(aged(100 * ms)).toEqual({
      overAge: 3,
      verdicts: [
        {
          about: "chain",
          status: "bad",
          text: "camera to steering: 3 times over its maxAge of 100 ms, oldest 145 ms when published, 160 ms before it was replaced at 200 ms",
        },
      ],
    });
    expect(aged(145 * ms).verdicts).toEqual([
      {
        about: "chain",
        status: "good",
        text: "camera to steering: within its maxAge of 145 ms, oldest 145 ms when published",
      },
    ]);
    // One that publishes on arrival has no instants in a gap: what it left standing since 55 ms, of 40 ms, ages to the end.
    expect(aged(159 * ms, [0])).toMatchObject({ overAge: 1, verdicts: [{ status: "bad" }] });
    expect(aged(160 * ms, [0])).toMatchObject({ overAge: 0, verdicts: [{ status: "good" }] });
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
      text: "1 of 4 messages of /camera rejected, first at 47 ms: error[picture/cut]: the picture is cut off",
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

  const early =
    "1 of 6 messages /camera → find dropped by minInterval, first at 50 ms: 10 ms after the one before, minInterval is " +
    "30 ms; to take all it needs a tolerance of 20 ms, and the deadline leaves 15 ms";

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
      early,
      "bit-exact: not checked",
      "camera to steering: within its budget of 60 ms, worst 25 ms",
      "conservation holds for every task and channel",
    ]);
    const calm = report([admit(1, 0), ...job(0, 0, 0, 1, 0.1, 2), ...job(1, 0, 0, 0, 0.1, 0.2)], {
      ...facts,
      replayed: { bitExact: true, kernelCalls: 7, difference: null, illegal: null },
    });
    expect(calm.verdicts.map(({ text }) => text)).toEqual([
      "camera to steering: not measured, no command came of a sample",
      "every deadline met",
      "real-time: SCHED_FIFO granted",
      "conservation holds for every task and channel",
      "bit-exact: recomputed with 7 kernel calls",
    ]);
    const broken = report(smallRun(), {
      ...facts,
      replayed: { bitExact: true, kernelCalls: 7, difference: null, illegal: "a release that nothing caused" },
    });
    expect(broken.verdicts.filter(({ about }) => about === "replay")).toEqual([
      { about: "replay", status: "bad", text: "the rules of the schedule are broken: a release that nothing caused" },
      { about: "replay", status: "good", text: "bit-exact: recomputed with 7 kernel calls" },
    ]);
  });

  it("tells a core that is not there from one that is not free", () => {
    const [first, second] = facts.threads;
    const threads = [
      { ...first!, core: 2, bound: false },
      { ...second!, core: 1, bound: false },
    ];
    expect(report(smallRun(), { ...facts, threads }).faults.map(({ first: { reason } }) => reason)).toEqual(
      expect.arrayContaining([
        "core 2 is not there, the machine has 2: it ran on any",
        "core 1 is not free to this process: it ran on any other",
      ]),
    );
  });

  it("counts what stream pipelines dropped, by the name of their counter", () => {
    const { streamDrops, verdicts } = report(smallRun(), { ...facts, streamDrops: { "frames kept back": 3, idle: 0 } });
    expect(streamDrops).toEqual({ "frames kept back": 3, idle: 0 });
    expect(verdicts.filter(({ about }) => about === "messages").map(({ text }) => text)).toEqual([
      early,
      "3 values dropped by the stream frames kept back",
    ]);
  });

  it("counts records that the recorder lost, by what they were", () => {
    const lossy = report([
      ...smallRun(),
      { kind: "lost", what: "decisions", count: 1 },
      { kind: "lost", what: "traces", count: 3 },
    ]);
    expect(lossy.lost).toEqual({ decisions: 1, traces: 3, outputs: 0 });
    expect(lossy.verdicts.filter(({ about }) => about === "records").map(({ text }) => text)).toEqual([
      "1 decision lost; the run cannot be replayed in full",
      "3 trace records lost; the latencies are incomplete",
    ]);
  });

  it("says of messages that a minimum interval dropped which was the first, why, and the tolerance that would have taken all", () => {
    // Due every 30 ms; the third comes 4 ms late, so that the fourth comes 26 ms after it.
    const jittery = [0, 30, 64, 90, 120].map((at, index) => admit(index + 1, at));
    const released = [0, 30, 64, 120].flatMap((at, number) => job(0, number, at, [1, 2, 3, 5][number]!, 0.1, 1));
    const { drops, verdicts } = report([...jittery, ...released, skip(0, 3, 90, "early")]);
    const reason = '26 ms after the one before, minInterval is 30 ms; tolerance: "4000us" would take all';
    expect(drops).toEqual([
      { kind: "early", where: "/camera → find", count: 1, of: 5, first: { timeNs: 90 * ms, reason } },
    ]);
    expect(verdicts).toContainEqual({
      about: "messages",
      status: "bad",
      text: `1 of 5 messages /camera → find dropped by minInterval, first at 90 ms: ${reason}`,
    });
    const tolerant = smallApplication();
    Object.assign(tolerant.table.tasks[0]!.trigger, { toleranceNs: 4 * ms });
    expect(reportOf(ledgerOf(smallRun(), tolerant), facts).drops[0]!.first.reason).toContain(
      "minInterval is 30 ms with 4 ms tolerated;",
    );
    expect(reportOf(ledgerOf(smallRun(), tolerant), facts).tasks[0]!.trigger).toBe(
      "on /camera, at least 30 ms apart, 4 ms early tolerated",
    );
  });

  it("finds the least tolerance with which the executive's rule drops nothing", () => {
    const rule = (times: readonly number[], interval: number, tolerance: number): boolean => {
      let [newest, nominal] = [Number.NaN, Number.NaN];
      return times.every((time) => {
        if (!Number.isNaN(newest) && time < nominal - tolerance) return false;
        [newest, nominal] = [time, Math.max(Number.isNaN(nominal) ? time : nominal, time) + interval];
        return true;
      });
    };
    const jitter = fc.array(fc.nat(50), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(jitter, fc.integer({ min: 1, max: 40 }), (gaps, interval) => {
        let now = 0;
        const times = gaps.map((gap) => (now += gap));
        const needed = neededTolerance(times, interval);
        expect(rule(times, interval, needed)).toBe(true);
        if (needed > 0) expect(rule(times, interval, needed - 1)).toBe(false);
      }),
    );
  });

  it("tells messages that could not be decoded from those that found the decoder behind, each with its first", () => {
    const behind = "error[input/backlog]: the decoder is behind; messages that wait already were too many";
    const rejected = (sequence: number, at: number, reason: string): RunEvent => ({
      kind: "rejected",
      channel: 0,
      sequence,
      time: at * ms,
      reason,
    });
    const wrong = "error[codec/short]: the message ends at byte 4\nhelp: none";
    const events = [
      ...[0, 40, 80, 120].map((at, index) => admit(index + 1, at)),
      rejected(4, 125, wrong),
      rejected(1, 1, "error[codec/kind]: another"),
      rejected(2, 41, wrong),
      rejected(3, 80, behind),
    ];
    const { drops, verdicts, topics } = report(events);
    expect(drops).toEqual([
      {
        kind: "rejected",
        where: "/camera",
        count: 3,
        of: 4,
        first: { timeNs: ms, reason: "error[codec/kind]: another" },
      },
      { kind: "behind", where: "/camera", count: 1, of: 4, first: { timeNs: 80 * ms, reason: behind } },
    ]);
    expect(topics[0]!.rejections[0]).toEqual({ reason: wrong, count: 2, firstNs: 41 * ms });
    expect(verdicts.map(({ text }) => text)).toContain(
      `1 of 4 messages of /camera dropped before decoding, first at 80 ms: ${behind}`,
    );
    const all = report([admit(1, 0), admit(2, 40), rejected(1, 0, wrong), rejected(2, 40, wrong)]);
    expect(all.verdicts.map(({ text }) => text)).toContain(
      "all 2 messages of /camera rejected, first at 0 ns: error[codec/short]: the message ends at byte 4",
    );
  });

  it("says which inputs nothing fed, and what their readers made of it", () => {
    const { faults, verdicts } = report([]);
    expect(faults).toEqual([
      {
        kind: "unfed",
        where: "/camera",
        count: 1,
        of: null,
        first: { timeNs: null, reason: '"find" was never released' },
      },
    ]);
    expect(verdicts).toContainEqual({
      about: "messages",
      status: "bad",
      text: 'nothing came on /camera: "find" was never released',
    });
  });

  it("says which outputs were NaN or infinite, in how many jobs, and where first", () => {
    const application = smallApplication();
    const at = { shape: [2], offset: 0, bytes: 8 };
    application.table.channels[1]!.fields = [
      { name: "offset", dtype: "f32", ...at },
      { name: "count", dtype: "i32", ...at, offset: 64 },
    ];
    const slot = (...values: number[]): Uint8Array => {
      const bytes = new Uint8Array(128).fill(0xff, 64);
      bytes.set(new Uint8Array(Float32Array.from(values).buffer));
      return bytes;
    };
    const values = [
      [1, 2],
      [1, Number.NaN],
      [Number.NEGATIVE_INFINITY, 0],
      [0, 0],
    ];
    const events = [
      admit(1, 0),
      ...values.flatMap((pair, number) =>
        job(0, number, number * 40, 1, 0.1, 1).map((event) =>
          event.kind === "output" ? { ...event, bytes: slot(...pair) } : event,
        ),
      ),
    ];
    for (const order of [events, [...events].reverse()]) {
      const { faults, verdicts } = reportOf(ledgerOf(order, application), facts);
      const first = { timeNs: 55 * ms, reason: "job 1, element 1 is NaN" };
      expect(faults).toEqual([{ kind: "non-finite", where: "offset of find", count: 2, of: 4, first }]);
      expect(verdicts).toContainEqual({
        about: "values",
        status: "bad",
        text: "offset of find NaN or infinite in 2 of 4 outputs, first at 55 ms: job 1, element 1 is NaN",
      });
    }
  });

  it("says which cores were not there, and what came late of a live world", () => {
    const threads = [
      { name: "iso:7:60", core: 7, bound: false, priority: 60, policy: "SCHED_FIFO" },
      { name: "iso:1:50", core: 1, bound: false, priority: 50, policy: "SCHED_FIFO" },
    ];
    const lateness = { messages: 125, late: 12, worstNs: 23 * ms, firstNs: 1200 * ms, missedSteps: 3 };
    const { verdicts } = report(smallRun(), { ...facts, threads, lateness });
    const texts = verdicts.map(({ text }) => text);
    expect(texts).toContain("thread iso:7:60 not on its core: core 7 is not there, the machine has 2: it ran on any");
    expect(texts).toContain("thread iso:1:50 not on its core: core 1 is not free to this process: it ran on any other");
    expect(texts).toContain(
      "12 of 125 messages of world, log and pipelines late, first at 1.2 s: they came up to 23 ms after their own time, and got a later one",
    );
    expect(texts.filter((text) => text.startsWith("3 steps of the world not made"))).toHaveLength(1);
  });
});
