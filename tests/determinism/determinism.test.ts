// Determinism across instruction sets, processes and builds: equal bits, whatever the machine code and wherever it was built.
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, type TestContext } from "vitest";
import { z } from "zod";
import { loadRuntime, readArchive } from "../../kernels/index.ts";
import {
  buildRoad,
  isochronHere,
  type RunResult,
  ranAs,
  replayedAs,
  root,
  runOutside,
  succeed,
} from "../robot/robot.ts";

const folder = mkdtempSync(join(tmpdir(), "isochron-determinism-"));
const built = join(folder, "road.isoapp");
const recordingOf = (target: string): string => join(folder, `${target}.mcap`);

const machine = z
  .object({ targets: z.custom<() => string[]>((value) => typeof value === "function") })
  .parse(loadRuntime())
  .targets();
const reason = (target: string): string =>
  target === "x86-64-v4"
    ? "this CPU has no AVX-512, which x86-64-v4 takes"
    : `this machine does not run ${target}: it runs ${machine.join(", ")}`;

const runs = new Map<string | undefined, RunResult>();

/** What a run of the road for 5 s gives; with a target given, on its code, and recorded. Each is run once. */
const run = (target?: string): RunResult => {
  const chosen = target === undefined ? [] : ["--target", target, "--record", recordingOf(target)];
  const result = runs.get(target) ?? ranAs(isochronHere(["run", built, "--duration", "5s", "--json", ...chosen]));
  runs.set(target, result);
  return result;
};

beforeAll(() => {
  buildRoad(built);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("determinism", () => {
  const needs = (context: TestContext, ...targets: readonly string[]): void => {
    for (const target of targets) if (!machine.includes(target)) context.skip(reason(target));
  };

  it("the instruction sets have machine code of their own", () => {
    const programs = Object.entries(readArchive(readFileSync(built))).filter(([name]) => name.endsWith(".iso"));
    expect(programs.length).toBe(2);
    for (const [, bytes] of programs) {
      const files = readArchive(bytes);
      const code = ["x86-64-v3", "x86-64-v4", "aarch64"].map((target) => files[`code/${target}.o`]);
      for (const [at, each] of code.entries()) {
        expect(each?.length).toBeGreaterThan(1000);
        for (const other of code.slice(at + 1)) expect(Buffer.from(each!).equals(Buffer.from(other!))).toBe(false);
      }
    }
  });

  it.for(["x86-64-v3", "x86-64-v4"])("a run on %s has the hash of a run on the best code", (target, context) => {
    needs(context, target);
    expect(run(target)).toEqual(run());
  });

  it.for([
    ["x86-64-v4", "x86-64-v3"],
    ["x86-64-v3", "x86-64-v4"],
  ] as const)("what %s recorded replays on %s bit for bit", ([recorder, replayer], context) => {
    needs(context, recorder, replayer);
    const recorded = run(recorder);
    const args = ["replay", recordingOf(recorder), "--target", replayer, "--verify", "--json"];
    const replayed = replayedAs(isochronHere(args));
    expect(replayed).toMatchObject({ bitExact: true, hash: recorded.hash, cycles: recorded.cycles });
  });

  it("code of another machine is refused", () => {
    const foreign = process.arch === "arm64" ? "x86-64-v3" : "aarch64";
    const { status, stderr } = isochronHere(["run", built, "--duration", "1s", "--target", foreign]);
    expect(stderr).toContain(`error[artifact/cannot-run]: this machine cannot run "${foreign}"`);
    expect(status).toBe(1);
  });

  it("builds from nothing, in another folder and process, give the same bytes", () => {
    const elsewhere = join(folder, "elsewhere");
    cpSync(join(root, "examples/road"), join(elsewhere, "car"), { recursive: true });
    const command = join(root, "launch/bin/isochron.mjs");
    for (const app of ["car/app.ts", join(root, "examples/road/app.ts")]) {
      const env = { ISOCHRON_CACHE: mkdtempSync(join(folder, "cache-")) };
      succeed(runOutside(elsewhere, process.execPath, [command, "build", app, "-o", "again.isoapp"], env));
      expect(readFileSync(join(elsewhere, "again.isoapp")).equals(readFileSync(built))).toBe(true);
    }
  });
});
