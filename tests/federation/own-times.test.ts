// Live: a world that is granted late, or several steps at once, keeps the times that it means, as far as that costs no deadline.
import { describe, expect, it } from "vitest";
import { application, buildApplication, numbers, tensorType, trace } from "../../launch/index.ts";
import {
  createLiveExecutive,
  Federation,
  type LiveExecutive,
  type RunEvent,
  runLive,
  type World,
} from "../../sim/index.ts";

const ms = 1e6;
const number = numbers("std_msgs/msg/Float32", { value: { field: "data", dtype: "f32" } });
const doubler = trace(({ value }) => ({ data: value.mul(2) }), { value: tensorType("f32", []) }, { name: "doubler" });

/** Takes the processor away from everything else on this thread. */
function stall(forMs: number): void {
  for (const until = performance.now() + forMs; performance.now() < until; );
}

/** A world with a step every 50 ms, each of which publishes. */
const stepping = (before: (timeNs: number) => void = () => undefined): World => ({
  name: "stepping",
  periodNs: 50 * ms,
  step(timeNs, io) {
    before(timeNs);
    io.publish("/in", { data: timeNs / ms });
  },
  summary: () => ({}),
});

const declared = (deadline: "50ms" | "2ms") =>
  application("doubling", (app) => {
    const input = app.input("/in", number);
    const limits = { on: input, minInterval: "50ms", budget: "1ms", deadline } as const;
    app.task("double", doubler, { inputs: { value: input }, ...limits });
  });

/** The world's federation, its executive replaced by `admit`, at a time that the test sets. */
async function federated(deadline: "50ms" | "2ms") {
  const { description } = await buildApplication(declared(deadline), { cacheDir: ".cache/kernels" });
  const admitted: number[] = [];
  const admit = (_: number, timeNs: number) => admitted.push(timeNs);
  const federation = new Federation(description, { admit } as unknown as LiveExecutive, { world: stepping() });
  const clock = { nowNs: 0 };
  federation.begin(() => clock.nowNs);
  return { federation, clock, admitted };
}

describe("the messages of a live world", () => {
  it("have the times of their steps, though several are granted late and at once", async () => {
    const { federation, clock, admitted } = await federated("50ms");
    clock.nowNs = 113 * ms;
    // The last two of three are within what the task can spare; the first is 113 ms late.
    await federation.grant(100 * ms);
    // (50 ms − 1 ms) / 2 back at most.
    expect(admitted).toEqual([(113 - 24.5) * ms, (113 - 24.5) * ms, 100 * ms]);
    clock.nowNs = 160 * ms;
    await federation.grant(150 * ms);
    expect(admitted.at(-1)).toBe(150 * ms);
    expect(federation.lateness).toEqual({ messages: 4, late: 2, worstNs: 113 * ms, firstNs: 0, missedSteps: 0 });
  });

  it("come no later than half of what the tasks they release have to spare", async () => {
    const { federation, clock, admitted } = await federated("2ms");
    clock.nowNs = 3 * ms;
    await federation.grant(0);
    expect(admitted).toEqual([2.5 * ms]);
    expect(federation.lateness).toMatchObject({ messages: 1, late: 1, worstNs: 3 * ms });
  });

  it("that were never sent, since steps take longer than their period, are counted", async () => {
    const { federation, clock } = await federated("50ms");
    await federation.grant(0);
    clock.nowNs = 230 * ms;
    await federation.conclude(230 * ms);
    expect(federation.lateness).toMatchObject({ messages: 1, missedSteps: 4 });
  });

  it("are not dropped by a minimum interval as long as the period, though the world jitters", {
    timeout: 60_000,
  }, async () => {
    const { description, artifacts } = await buildApplication(declared("50ms"), { cacheDir: ".cache/kernels" });
    const executive = createLiveExecutive(description, artifacts);
    // Every other step takes 12 ms, so that messages leave 50 ± 12 ms apart: half of them came too early for 50 ms.
    const world = stepping((timeNs) => stall(timeNs % (100 * ms) === 0 ? 12 : 0));
    const federation = new Federation(description, executive, { world });
    const events: RunEvent[] = [];
    const { failure } = await runLive(federation, 1000 * ms, { onEvents: (some) => void events.push(...some) });
    if (failure) throw failure.error;
    const tags = events.flatMap((event) => (event.kind === "admit" ? [event.time] : []));
    const early = events.filter((event) => event.kind === "skipped" && event.reason === "early").length;
    const { late, missedSteps } = federation.lateness!;
    expect(tags.length).toBe(20 - missedSteps);
    // On a machine that is later still than the task can spare, as many as came late, and the next after each.
    expect(early).toBeLessThanOrEqual(2 * late);
    expect(tags.filter((tag) => tag % (50 * ms) === 0).length).toBeGreaterThanOrEqual(tags.length - late);
  });
});
