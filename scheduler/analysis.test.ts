// Schedulability: what is refused, with which words, and the bounds of what is accepted.
import { describe, expect, it } from "vitest";
import { IsochronError } from "../kernels/index.ts";
import { analyse, type Chain } from "./analysis.ts";
import { layoutSlot, printScheduleTable, type ScheduleTable, scheduleTable, type TaskRow } from "./schedule-table.ts";

const ms = 1_000_000;
const fields = [{ name: "x", dtype: "f32" as const, shape: [], offset: 0, bytes: 4 }];
const base = { program: 0, priority: 50, core: 0, onOverrun: "hold" as const };

const road = (change: { lane?: Partial<TaskRow>; steer?: Partial<TaskRow> } = {}): ScheduleTable =>
  scheduleTable.parse({
    version: 1,
    name: "road",
    channels: [
      { name: "/camera/image", source: { kind: "external" }, depth: 2, slotBytes: 4, fields },
      { name: "lane", source: { kind: "task", task: 0 }, depth: 2, slotBytes: 4, fields },
      { name: "steer", source: { kind: "task", task: 1 }, depth: 2, slotBytes: 4, fields },
    ],
    tasks: [
      {
        ...base,
        name: "lane",
        trigger: { kind: "arrival", channel: 0, minIntervalNs: 30 * ms, early: "drop" },
        budgetNs: 4 * ms,
        deadlineNs: 15 * ms,
        letNs: 15 * ms,
        inputs: [{ channel: 0, field: 0 }],
        output: 1,
        ...change.lane,
      },
      {
        ...base,
        name: "steer",
        trigger: { kind: "periodic", periodNs: 20 * ms, phaseNs: 0 },
        budgetNs: 1 * ms,
        deadlineNs: 5 * ms,
        letNs: 5 * ms,
        priority: 60,
        inputs: [{ channel: 1, field: 0 }],
        output: 2,
        ...change.steer,
      },
    ],
  });

const chain = (budgetNs: number): Chain => ({
  name: "camera to steering",
  from: 0,
  tasks: [0, 1],
  budgetNs,
  place: "app.ts:14:7",
});

const refusal = (body: () => unknown): string => {
  try {
    body();
  } catch (error) {
    if (error instanceof IsochronError) return error.render();
    throw error;
  }
  throw new Error("nothing was refused");
};

describe("analysis", () => {
  it("adds up utilisation, response times and chain bounds", () => {
    expect(analyse(road(), [chain(60 * ms)])).toEqual({
      cores: [{ core: 0, utilisation: 4 / 30 + 1 / 20 }],
      tasks: [
        { task: "lane", responseNs: 5 * ms, deadlineNs: 15 * ms },
        { task: "steer", responseNs: 1 * ms, deadlineNs: 5 * ms },
      ],
      chains: [
        {
          chain: "camera to steering",
          boundNs: 40 * ms,
          budgetNs: 60 * ms,
          age: { leastNs: 20 * ms, withoutGapsNs: 20 * ms, samplings: 1, boundNs: null, longestGapNs: null },
        },
      ],
    });
  });

  it("promises no latency where a task is released by what comes at a pace that nobody knows", () => {
    const released = (channel: number): Partial<TaskRow> => ({
      trigger: { kind: "arrival", channel, minIntervalNs: 20 * ms, early: "drop" },
    });
    // On arrival of the camera, not of what it reads; then on arrival of its own like, every 20 ms.
    expect(analyse(road({ steer: released(0) }), [chain(60 * ms)]).chains[0]!.boundNs).toBeNull();
    expect(analyse(road({ lane: { ...released(2) } }), [chain(60 * ms)]).chains[0]!.boundNs).toBe(60 * ms);
  });

  it("counts the time that decoding takes, and says so", () => {
    const table = road();
    const decoded = { ...table, channels: table.channels.with(0, { ...table.channels[0]!, latencyNs: 7 * ms }) };
    const [found] = analyse(decoded, [chain(47 * ms)]).chains;
    expect(found).toMatchObject({ boundNs: 47 * ms, age: { leastNs: 27 * ms, withoutGapsNs: 27 * ms } });
    expect(refusal(() => analyse(decoded, [chain(46 * ms)]))).toContain(
      "its budget is 46 ms\n  /camera/image decoding 7 ms\n  lane     deadline 15 ms\n",
    );
    const aged = { ...chain(47 * ms), maxAgeNs: 20 * ms };
    expect(refusal(() => analyse(decoded, [aged]))).toContain(
      "its maxAge is 20 ms\n  /camera/image decoding 7 ms\n  lane     deadline 15 ms\n",
    );
  });

  it("counts how long a task lets the first sample wait, where that is longer than its period", () => {
    const late = { trigger: { kind: "periodic" as const, periodNs: 20 * ms, phaseNs: 50 * ms } };
    expect(analyse(road({ steer: late }), [chain(70 * ms)]).chains[0]!.boundNs).toBe(70 * ms);
    // On arrival of what a task publishes that begins so late, and then 5 ms after each of its releases.
    const table = road();
    const pacer = { ...table.tasks[1]!, ...late, name: "pacer", inputs: [], output: 3 };
    const paced = {
      ...table,
      channels: [
        ...table.channels,
        { ...table.channels[2]!, name: "pacer", source: { kind: "task", task: 2 } as const },
      ],
      tasks: [
        table.tasks[0]!,
        {
          ...table.tasks[1]!,
          trigger: { kind: "arrival", channel: 3, minIntervalNs: 20 * ms, early: "drop" } as const,
        },
        pacer,
      ],
    };
    expect(analyse(paced, [chain(75 * ms)]).chains[0]!.boundNs).toBe(75 * ms);
  });

  it("counts every preemption by a higher priority", () => {
    const table = road({ lane: { budgetNs: 25 * ms, deadlineNs: 30 * ms, letNs: 30 * ms } });
    expect(analyse(table, []).tasks[0]?.responseNs).toBe(27 * ms);
  });

  it("counts the release that a tolerance may bring forward as one preemption more", () => {
    const arriving = (toleranceNs: number): Partial<TaskRow> => ({
      trigger: {
        kind: "arrival",
        channel: 1,
        minIntervalNs: 20 * ms,
        ...(toleranceNs > 0 ? { toleranceNs } : {}),
        early: "drop",
      },
    });
    const lane = { budgetNs: 18 * ms, deadlineNs: 30 * ms, letNs: 30 * ms };
    const response = (toleranceNs: number) =>
      analyse(road({ lane, steer: arriving(toleranceNs) }), []).tasks[0]?.responseNs;
    // 18 ms and a preemption of 1 ms in each 20 ms; one that may come 2 ms early falls twice within 19 ms.
    expect([0, 1, 2].map((tolerance) => response(tolerance * ms))).toEqual([19 * ms, 19 * ms, 20 * ms]);
    // In the long run the interval holds: no more of the core's time is asked for.
    expect(analyse(road({ lane, steer: arriving(2 * ms) }), []).cores[0]?.utilisation).toBe(18 / 30 + 1 / 20);
  });

  it("counts each task of the same priority once, since it is not preempted and released first", () => {
    const table = road({ steer: { priority: 50 } });
    expect(analyse(table, []).tasks[1]?.responseNs).toBe(5 * ms);
  });

  it("accepts a response that ends with the deadline, and refuses one that takes a nanosecond more", () => {
    const steer = (budgetNs: number): ScheduleTable =>
      road({ steer: { priority: 40, budgetNs, deadlineNs: 5 * ms, letNs: 5 * ms } });
    expect(analyse(steer(ms), []).tasks[1]).toEqual({ task: "steer", responseNs: 5 * ms, deadlineNs: 5 * ms });
    expect(refusal(() => analyse(steer(ms + 1), []))).toContain(
      'error[schedule/response-time]: task "steer" can take 5.000001 ms or more, its deadline is 5 ms\n',
    );
  });

  it("accepts a chain that takes its budget, and refuses one that takes a nanosecond more", () => {
    expect(analyse(road(), [chain(40 * ms)]).chains[0]!.boundNs).toBe(40 * ms);
    expect(refusal(() => analyse(road(), [chain(40 * ms - 1)]))).toContain(
      'chain "camera to steering" can take 40 ms, its budget is 39.999999 ms\n',
    );
  });

  it("counts a deferral of a chain's task as long as the interval, and says so", () => {
    const deferred = road({
      lane: { trigger: { kind: "arrival", channel: 0, minIntervalNs: 30 * ms, toleranceNs: 5 * ms, early: "defer" } },
    });
    const [found] = analyse(deferred, [chain(70 * ms)]).chains;
    expect(found).toMatchObject({ boundNs: 70 * ms, age: { withoutGapsNs: 50 * ms, leastNs: 20 * ms } });
    expect(refusal(() => analyse(deferred, [chain(70 * ms - 1)]))).toContain(
      [
        "can take 70 ms, its budget is 69.999999 ms",
        "  lane     deferral 30 ms + deadline 15 ms",
        "  steer    sampling 20 ms + deadline 5 ms",
      ].join("\n"),
    );
  });

  it("accepts all of a core's time, in parts that do not add up to 1 as floats, and refuses a nanosecond more", () => {
    const whole = (budgetNs: number): ScheduleTable => {
      const tasks = [7, 1, 2].map((tenths) => ({
        ...road().tasks[1]!,
        trigger: { kind: "periodic" as const, periodNs: 10 * ms, phaseNs: 0 },
        budgetNs: tenths * ms + (tenths === 7 ? budgetNs : 0),
        deadlineNs: 10 * ms,
        letNs: 10 * ms,
      }));
      return { ...road(), tasks };
    };
    expect(analyse(whole(0), []).cores).toEqual([{ core: 0, utilisation: expect.closeTo(1, 15) }]);
    expect(refusal(() => analyse(whole(1), []))).toContain(
      "error[schedule/utilisation]: core 0 is asked for more than 100 % of its time",
    );
  });

  it("refuses a core that is asked for more than its time", () => {
    const text = refusal(() => analyse(road({ lane: { budgetNs: 29 * ms } }), []));
    expect(text).toContain("error[schedule/utilisation]: core 0 is asked for 102 % of its time");
    expect(text).toContain("lane         budget 29 ms every 30 ms: 96.7 %");
  });

  it("proposes a smaller budget or a longer deadline, and no priority, where a budget alone is too long", () => {
    const text = refusal(() => analyse(road({ steer: { budgetNs: 5 * ms, deadlineNs: 4 * ms, letNs: 4 * ms } }), []));
    expect(text).toContain(
      "help: its budget alone is longer than its deadline: give it a budget of at most 4 ms, or a deadline of at least 5 ms",
    );
    expect(text).not.toContain("priority");
    const filled = refusal(() => analyse(road({ steer: { budgetNs: 21 * ms } }), []));
    expect(filled).toContain('help: give "steer" a budget of at most 20 ms, or a period of at least 21 ms');
  });

  it("refuses a task that can miss its deadline, naming what delays it", () => {
    const text = refusal(() => analyse(road({ steer: { priority: 40, deadlineNs: 4 * ms, letNs: 4 * ms } }), []));
    expect(text).toBe(
      [
        'error[schedule/response-time]: task "steer" can take 5 ms or more, its deadline is 4 ms',
        "  steer        budget 1 ms every 20 ms: 5 %",
        "  lane         budget 4 ms every 30 ms: 13.3 %, runs first",
        "  help: raise its priority to 51 (now 40), move it to another core, allow it a deadline of 5 ms, or give what runs first smaller budgets",
      ].join("\n"),
    );
  });

  it("refuses a chain over its budget, hop by hop", () => {
    expect(refusal(() => analyse(road(), [chain(30 * ms)]))).toBe(
      [
        'error[schedule/chain-budget]: chain "camera to steering" can take 40 ms, its budget is 30 ms',
        "  lane     deadline 15 ms",
        "  steer    sampling 20 ms + deadline 5 ms",
        "  --> app.ts:14:7",
        '  help: release "steer" on arrival of lane, or allow 40 ms',
      ].join("\n"),
    );
  });

  it("refuses a chain whose tasks do not feed each other", () => {
    expect(refusal(() => analyse(road(), [{ ...chain(60 * ms), tasks: [1] }]))).toContain(
      'error[schedule/chain]: chain "camera to steering": task "steer" does not read "/camera/image"',
    );
  });

  it("lays the fields of a slot one after the other, each at a multiple of 64 bytes", () => {
    const field = (bytes: number) => ({ name: "x", dtype: "u8" as const, shape: [bytes], bytes });
    const { fields, slotBytes } = layoutSlot([1, 64, 65, 0, 3].map(field));
    expect(fields.map(({ offset }) => offset)).toEqual([0, 64, 128, 256, 256]);
    expect(slotBytes).toBe(259);
    expect(layoutSlot([])).toEqual({ slotBytes: 0, fields: [] });
  });

  it("prints the table stably", () => {
    expect(printScheduleTable(road())).toBe(
      [
        "schedule road",
        "  channel /camera/image from external  depth 2, slot 4 B { x: f32[]@0 }",
        "  channel lane from task lane  depth 2, slot 4 B { x: f32[]@0 }",
        "  channel steer from task steer  depth 2, slot 4 B { x: f32[]@0 }",
        "  task lane  on /camera/image, at least 30 ms apart (drop)  budget 4 ms, deadline 15 ms, LET 15 ms, priority 50, core 0, overrun hold",
        "    (/camera/image.x) → lane",
        "  task steer  every 20 ms  budget 1 ms, deadline 5 ms, LET 5 ms, priority 60, core 0, overrun hold",
        "    (lane.x) → steer",
      ].join("\n"),
    );
    const late = { trigger: { kind: "periodic" as const, periodNs: 20 * ms, phaseNs: 3 * ms } };
    const { channels, ...rest } = road({ steer: late });
    const decoded = channels.with(0, { ...channels[0]!, latencyNs: 7 * ms });
    const printed = printScheduleTable({ ...rest, channels: decoded });
    expect(printed).toContain("\n  channel /camera/image from external, decoded within 7 ms  depth 2,");
    expect(printed).toContain("\n  task steer  every 20 ms + 3 ms  budget 1 ms,");
    const tolerant = {
      kind: "arrival",
      channel: 0,
      minIntervalNs: 30 * ms,
      toleranceNs: 5 * ms,
      early: "drop",
    } as const;
    expect(printScheduleTable(road({ lane: { trigger: tolerant } }))).toContain(
      "task lane  on /camera/image, at least 30 ms apart, 5 ms early tolerated (drop)  budget",
    );
  });
});
