// An application run in a test: its messages, its report, the same every time.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it, vi } from "vitest";
import { runnableTargets } from "../kernels/index.ts";
import type { World } from "../sim/index.ts";
import { application, numbers, state, tensorType, trace } from "./index.ts";
import { targetsHere } from "./load-application.ts";
import { runApplication } from "./testing.ts";

const cacheDir = join(fileURLToPath(new URL("..", import.meta.url)), ".cache/kernels");

const total = trace(
  ({ x }) => {
    const sum = state("sum", tensorType("f32", []), 0);
    const next = sum.get().add(x);
    sum.set(next);
    return { sum: next };
  },
  { x: tensorType("f32", []) },
  { name: "total" },
);

/** Publishes 1, 2, 3, … every 10 ms, from 10 ms on. */
const counter = (): World => {
  let count = 0;
  return {
    name: "counter",
    periodNs: 10_000_000,
    step: (_, io) => io.publish("/in", { data: ++count }),
    summary: () => ({ count }),
  };
};

const summing = (world: () => World) =>
  application("sums", (app) => {
    const input = app.input("/in", numbers("std_msgs/msg/Float32", { x: { field: "data", dtype: "f32" } }));
    const task = app.task("total", total, {
      inputs: input.ports,
      on: input,
      minInterval: "5ms",
      budget: "100us",
      deadline: "2ms",
    });
    app.output("/sum", "std_msgs/msg/Float32", task.outputs, { sum: "data" });
    app.world(world);
  });
const declared = summing(counter);

describe("runApplication", () => {
  it("gives what was published, when, and the report, and gives the same a second time", async () => {
    const first = await runApplication(declared, { duration: "45ms", cacheDir });
    const published = first.messages.get("/sum")!;
    // Messages come at 0, 10, 20, 30 and 40 ms; each is answered at the job's deadline.
    expect(published.map(({ message }) => message)).toEqual([1, 3, 6, 10, 15].map((data) => ({ data })));
    expect(published.map(({ timeNs }) => timeNs)).toEqual([2e6, 12e6, 22e6, 32e6, 42e6]);
    expect(first.report).toMatchObject({
      mode: "virtual",
      durationNs: 45e6,
      misses: { total: 0 },
      world: { count: 5 },
    });
    const second = await runApplication(declared, { duration: "45ms", cacheDir });
    expect(second.hash).toBe(first.hash);
    expect(second.messages).toEqual(first.messages);
  });

  it("compiles for this machine alone, unless the environment forces a target: the executive then has all to choose from", () => {
    expect(targetsHere()).toEqual({ targets: runnableTargets().slice(0, 1) });
    vi.stubEnv("ISOCHRON_TARGET", "x86-64-v3");
    expect(targetsHere()).toEqual({});
    vi.unstubAllEnvs();
  });

  it("throws what a world throws", async () => {
    const broken = summing(() => ({
      ...counter(),
      step: () => {
        throw new Error("the wheel came off");
      },
    }));
    await expect(runApplication(broken, { duration: "20ms", cacheDir })).rejects.toThrow("the wheel came off");
  });

  it("ends when it is cancelled", async () => {
    const stop = new AbortController();
    const run = runApplication(declared, { duration: "100000s", cacheDir, signal: stop.signal });
    setTimeout(() => stop.abort(), 300);
    await expect(run).rejects.toThrow(/abort/i);
  });
});
