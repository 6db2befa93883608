// The detector: what it finds in pictures, and its application run, recorded and replayed.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { compile, load } from "isochron";
import { afterAll, describe, expect, it } from "vitest";
import { Workplace } from "../../tests/command-line/command.ts";
import { detector } from "./detector.ts";
import { draw } from "./world.ts";

const cacheDir = join(fileURLToPath(new URL("../..", import.meta.url)), ".cache/kernels");

describe("the detector", () => {
  it("finds squares of every size, the clearest first, and nothing on an empty wall", async () => {
    const program = load(await compile(detector, { targets: ["x86-64-v3"], cacheDir }));
    const outputs = program.newOutputs();
    program.run({ picture: draw([]) }, outputs);
    expect([...outputs.found]).toEqual([0n]);
    const lamp = { kind: "lamp", x: 20, y: 28, side: 8 } as const;
    const hole = { kind: "hole", x: 80, y: 40, side: 16 } as const;
    program.run({ picture: draw([hole, lamp]) }, outputs);
    expect([...outputs.found]).toEqual([2n]);
    const first = (name: "x" | "y" | "sizeX" | "sizeY" | "kind") => [...outputs[name].subarray(0, 2)];
    expect({ x: first("x"), y: first("y"), width: first("sizeX"), height: first("sizeY") }).toEqual({
      ...{ x: [20, 80], y: [28, 40], width: [8, 16], height: [8, 16] },
    });
    expect(first("kind")).toEqual([0, 1]);
    // 130 and 90 of 255 brighter and darker than what is around them.
    expect([...outputs.score.subarray(0, 2)].map((each) => each.toFixed(4))).toEqual(["0.5098", "0.3529"]);
  });
});

describe("its application", () => {
  const place = new Workplace();
  afterAll(() => place.remove());

  it("publishes a list of as many detections as there are, records it and replays it bit for bit", async () => {
    const application = fileURLToPath(new URL("app.ts", import.meta.url));
    const recording = place.path("detector.mcap");
    const run = await place.shared("run", application, "-d", "3s", "--record", recording, "--json");
    expect(run.code, run.error).toBe(0);
    // Of 29 pictures the detections are known: 5 each with none to three and with none again, and 4 with one.
    expect(JSON.parse(run.out)).toMatchObject({ world: { pictures: 30, found: 34, wrong: 0 } });
    const replay = await place.shared("replay", recording, "--verify", "--json");
    expect(JSON.parse(replay.out)).toMatchObject({ bitExact: true });
  });
});
