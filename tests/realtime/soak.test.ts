// A live run of many cycles: nothing is lost, memory does not grow, and every cycle is accounted for, legal and replayed.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { application, buildApplication, numbers, state, tensorType, trace } from "../../launch/index.ts";
import {
  createLiveExecutive,
  Federation,
  RecordingWriter,
  type RunEvent,
  runLive,
  type World,
} from "../../sim/index.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "isochron-soak-"));
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

const asked = process.env.ISOCHRON_CYCLES;
const cycles = Number(asked ?? 1_000_000);
const us = 1000;
/** Two tasks have it, a third is released by the first: three cycles each. */
const periodNs = 400 * us;
const durationNs = Math.ceil(cycles / 3) * periodNs;

const scalar = tensorType("f32", []);
const counter = trace(
  ({ x }) => {
    const count = state("count", scalar, 0);
    const next = count.get().mul(0.5).add(x);
    count.set(next);
    return { y: next };
  },
  { x: scalar },
  { name: "counter" },
);

/** Publishes a number every 5 ms. */
const hand = (): World => ({
  name: "hand",
  periodNs: 5_000_000,
  step: (timeNs, io) => io.publish("/in", { data: timeNs % 1e9 }),
  summary: () => ({}),
});

const declared = application("soak", (app) => {
  const input = app.input("/in", numbers("std_msgs/msg/Float32", { x: { field: "data", dtype: "f32" } }));
  const limits = { budget: "20us", deadline: "200us" } as const;
  const first = app.task("first", counter, { inputs: input.ports, period: "400us", priority: 70, ...limits });
  const second = app.task("second", counter, {
    inputs: { x: first.outputs.y },
    on: first,
    minInterval: "400us",
    priority: 60,
    onOverrun: "skip",
    ...limits,
  });
  app.task("third", counter, {
    inputs: { x: second.outputs.y },
    period: "400us",
    phase: "100us",
    priority: 50,
    onOverrun: "skip",
    ...limits,
  });
  app.output("/out", "std_msgs/msg/Float32", { data: second.outputs.y });
  app.world(hand);
});

const verified = z.object({ bitExact: z.boolean(), legal: z.boolean(), cycles: z.number() });

/** What a command prints; a million cycles take more memory than Node.js takes by itself. */
function isochron(...args: string[]): unknown {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["--max-old-space-size=12000", "launch/bin/isochron.mjs", ...args, "--json"],
    { cwd: root, encoding: "utf8", maxBuffer: 2 ** 28 },
  );
  expect(status, `${stderr}${stdout.slice(0, 2000)}`).toBe(0);
  return JSON.parse(stdout);
}

describe.runIf(asked !== undefined || process.env.ISOCHRON_NIGHTLY === "1")(`a live run of ${cycles} cycles`, () => {
  it("loses nothing, keeps its memory, and is legal and bit-exact", async () => {
    // The audit has a process of its own below.
    vi.stubEnv("ISOCHRON_AUDIT", "0");
    const path = join(folder, "soak.mcap");
    const { description, artifacts } = await buildApplication(declared, { cacheDir: ".cache/kernels" });
    const executive = createLiveExecutive(description, artifacts);
    const { streams } = declared.declarations;
    const federation = new Federation(description, executive, { world: hand(), streams });
    const writer = await RecordingWriter.open(path, description, artifacts);
    const counts = description.table.tasks.map(() => ({
      jobs: 0,
      skips: 0,
      early: 0,
      verdicts: 0,
      done: 0,
      outputs: 0,
    }));
    const lost: RunEvent[] = [];
    const memory: number[] = [];
    const count = (event: RunEvent) => {
      if (event.kind === "lost") lost.push(event);
      if (!("task" in event)) return;
      const of = counts[event.task]!;
      if (event.kind === "release") of.jobs++;
      else if (event.kind === "skipped") event.reason === "early" ? of.early++ : of.skips++;
      else if (event.kind === "verdict") {
        of.verdicts++;
        if (!event.overrun) of.done++;
      } else if (event.kind === "output" || event.kind === "discarded") of.outputs++;
    };
    const { endNs, failure } = await runLive(federation, durationNs, {
      onEvents: async (events) => {
        for (const event of events) count(event);
        await writer.add(events);
        memory.push(process.memoryUsage().rss);
      },
    });
    expect(failure).toBeUndefined();
    await writer.finish({ hash: executive.hash(), mode: "live", durationNs: endNs, scheduling: "not real-time" });

    expect(lost).toEqual([]);
    const [first, second, third] = counts as [(typeof counts)[0], (typeof counts)[0], (typeof counts)[0]];
    const due = (phaseNs: number) => Math.ceil((endNs - phaseNs) / periodNs);
    expect([first.jobs + first.skips, third.jobs + third.skips]).toEqual([due(0), due(100 * us)]);
    // Held outputs release it too, once there is one to hold.
    expect(second.jobs + second.skips + second.early).toBeLessThanOrEqual(due(0));
    expect(second.jobs + second.skips + second.early).toBeGreaterThanOrEqual(first.done);
    for (const { jobs, verdicts, outputs } of counts) expect([verdicts, outputs]).toEqual([jobs, jobs]);
    const jobs = first.jobs + second.jobs + third.jobs;
    expect(first.skips + second.skips + second.early + third.skips + jobs).toBeGreaterThan(cycles * 0.99);

    // The first half has warmed up what the second uses.
    const most = (all: readonly number[]) => Math.max(...all);
    const half = Math.ceil(memory.length / 2);
    expect(most(memory.slice(half)) - most(memory.slice(0, half))).toBeLessThan(64 * 2 ** 20);

    expect(verified.parse(isochron("replay", path, "--verify"))).toEqual({ bitExact: true, legal: true, cycles: jobs });
    expect(isochron("audit", path)).toMatchObject({ legal: true, count: 0 });
  });
});
