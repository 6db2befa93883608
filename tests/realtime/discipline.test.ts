// Real-time discipline: what the executive's threads may not do is counted and trapped while they run.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "isochron-realtime-"));
const shim = join(folder, "shim.so");

const count = z.int().min(0);
const shimReport = z.object({
  /** Threads that were watched, and those of them that the filter held when they ended. */
  threads: count,
  filtered: count,
  /** Sleeps with a time limit, and how many of them were used to break a rule on purpose. */
  sleeps: count,
  planted: count,
  mallocs: count,
  frees: count,
  maps: count,
  traps: count,
  minorFaults: count,
  majorFaults: count,
  systemCalls: z.record(z.string(), count),
});

const clean = { mallocs: 0, frees: 0, maps: 0, traps: 0, minorFaults: 0, majorFaults: 0, systemCalls: {} };
/** The tasks', and those by which messages come and leave. */
const threads = 5;

/**
 * Runs the application live under the shim, recorded, its output sent to its own input, some jobs stalled beyond their deadline;
 * what the shim saw, and how many jobs ran.
 */
function watch(duration: string, plant?: string) {
  const report = join(folder, "report.json");
  const socket = `unix://${join(folder, "echo.sock")}`;
  const stalls = ["--stall", "source:97:2ms", "--stall", "tuner:31:1ms", "--stall", "sink:89:2ms"];
  const run = spawnSync(
    process.execPath,
    [
      "launch/bin/isochron.mjs",
      "run",
      "tests/realtime/app.ts",
      "--realtime",
      "--duration",
      duration,
      "--json",
      ...["--record", join(folder, "run.mcap"), "--force", "--world"],
      ...["--datagram", `/level=${socket}`, "--datagram", `/echo=${socket}`],
      ...stalls,
    ],
    {
      cwd: root,
      encoding: "utf8",
      env: {
        ...process.env,
        LD_PRELOAD: shim,
        ISOCHRON_SHIM_REPORT: report,
        ISOCHRON_SHIM_FILE: join(root, "package-lock.json"),
        ...(plant === undefined ? {} : { ISOCHRON_SHIM_PLANT: plant }),
      },
    },
  );
  expect(run.stderr).not.toMatch(/error|warning/i);
  expect(run.status).toBe(0);
  const { cycles } = z.object({ cycles: count }).parse(JSON.parse(run.stdout));
  const { threads, filtered, sleeps, planted, ...seen } = shimReport.parse(JSON.parse(readFileSync(report, "utf8")));
  return { cycles, threads, filtered, sleeps, planted, seen };
}

/** What the shim sees of one kind of violation, which is planted several times. */
function plant(kind: string) {
  const { planted, filtered, seen } = watch("300ms", kind);
  expect(filtered).toBe(threads);
  expect(planted).toBeGreaterThan(0);
  return { planted, seen };
}

describe.skipIf(process.arch !== "x64")("real-time discipline", () => {
  beforeAll(() => {
    const source = join(root, "tests/realtime/shim.c");
    const built = spawnSync("cc", ["-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-Wl,-z,now", "-o", shim, source], {
      encoding: "utf8",
    });
    expect(built.stderr).toBe("");
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("no allocation, no system call but the sleep, and no page fault over 10,000 cycles", () => {
    let [watched, runs] = [0, 0];
    // A busy machine skips releases that it cannot start in time: then it takes more runs to see as many cycles.
    while (watched < 10_000) {
      const { cycles, sleeps, seen, ...held } = watch("5s");
      expect(seen).toEqual(clean);
      expect(held).toEqual({ threads, filtered: threads, planted: 0 });
      expect(sleeps).toBeGreaterThan(0);
      expect(cycles).toBeGreaterThan(0);
      watched += cycles;
      expect(++runs).toBeLessThanOrEqual(10);
    }
  });

  it("a planted allocation is caught", () => {
    const { planted, seen } = plant("malloc");
    expect(seen).toEqual({ ...clean, mallocs: planted, frees: planted });
  });

  it("a planted mapping is caught", () => {
    const { planted, seen } = plant("mmap");
    const [mmap, munmap] = [9, 11];
    expect(seen).toEqual({
      ...clean,
      maps: 2 * planted,
      traps: 2 * planted,
      systemCalls: { [mmap]: planted, [munmap]: planted },
    });
  });

  it("a planted system call is caught", () => {
    const { planted, seen } = plant("syscall");
    const getppid = 110;
    expect(seen).toEqual({ ...clean, traps: planted, systemCalls: { [getppid]: planted } });
  });

  it("a planted lock is caught, though it waits as the sleep does", () => {
    const { planted, seen } = plant("lock");
    const futex = 202;
    expect(seen).toEqual({ ...clean, traps: planted, systemCalls: { [futex]: planted } });
  });

  it("a planted minor page fault is caught", () => {
    const { planted, seen } = plant("minor-fault");
    expect(seen).toEqual({ ...clean, minorFaults: planted });
  });

  it("a planted major page fault is caught", () => {
    const { seen } = plant("major-fault");
    expect(seen.majorFaults).toBeGreaterThan(0);
  });
});
