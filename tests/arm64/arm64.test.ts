// arm64: the packed runtime, on an arm64 Node under qemu, replays what x86-64 recorded, and the other way round.
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runOnArm64 } from "../robot/arm64.ts";
import {
  buildRoad,
  installRobot,
  isochronHere,
  pack,
  type RunResult,
  ranAs,
  replayedAs,
  runtimePackages,
} from "../robot/robot.ts";

const folder = mkdtempSync(join(tmpdir(), "isochron-arm64-"));
const robot = join(folder, "robot");
const built = join(folder, "road.isoapp");
const recording = join(folder, "x64.mcap");

const node = (args: readonly string[]) => runOnArm64(args, robot);
const isochronThere = (...args: string[]) => node(["node_modules/isochron/launch/bin/isochron.mjs", ...args, "--json"]);

describe("arm64", () => {
  let here: RunResult;

  beforeAll(() => {
    pack(folder, ["isochron", ...runtimePackages]);
    installRobot(robot, folder, "arm64");
    buildRoad(built);
    const run = ["run", built, "--duration", "3s", "--json", "--record", recording];
    here = ranAs(isochronHere(run));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("is what the emulated Node and the installed runtime are", () => {
    expect(node(["-p", "process.arch"]).stdout.trim()).toBe("arm64");
    expect(readdirSync(join(robot, "node_modules")).filter((name) => name.startsWith("isochron"))).toEqual([
      "isochron",
      "isochron-linux-arm64-gnu",
    ]);
  });

  it("replays bit for bit, with its own machine code, what x86-64 recorded", () => {
    const replayed = replayedAs(isochronThere("replay", recording, "--verify", "--target", "aarch64"));
    expect(replayed).toMatchObject({ bitExact: true, hash: here.hash, cycles: here.cycles });
    expect(replayed.kernelCalls).toBeGreaterThan(here.cycles);
  });

  it("records what x86-64 replays bit for bit", () => {
    const own = join(folder, "arm64.mcap");
    const there = ranAs(isochronThere("run", built, "--duration", "1s", "--record", own));
    expect(existsSync(own)).toBe(true);
    const replayed = replayedAs(isochronHere(["replay", own, "--verify", "--json"]));
    expect(replayed).toMatchObject({ bitExact: true, hash: there.hash, cycles: there.cycles });
  });
});
