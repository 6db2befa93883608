// The algorithms against results that others computed, and their application: run, recorded and replayed.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { compile, load } from "isochron";
import { afterAll, describe, expect, it } from "vitest";
import { Workplace } from "../../tests/command-line/command.ts";
import { predictive } from "./predictive.ts";
import { registration } from "./registration.ts";
import { suppression } from "./suppression.ts";
import { boxes, poseAt, rangesFrom } from "./world.ts";

const cacheDir = join(fileURLToPath(new URL("../..", import.meta.url)), ".cache/kernels");
const options = { targets: ["x86-64-v3" as const], cacheDir };

describe("the algorithms", () => {
  it("suppress the boxes that OpenCV suppresses", async () => {
    const program = load(await compile(suppression, options));
    const outputs = program.newOutputs();
    program.run({ boxes: Float32Array.from(boxes.flat()) }, outputs);
    // cv2.dnn.NMSBoxes(boxes, scores, 0.0, 0.5) of OpenCV 5.0.0 keeps 4, 0, 7, 6 and 5.
    expect([...outputs.kept]).toEqual([1, 0, 0, 0, 1, 1, 1, 1]);
  });

  it("plan the pushes that SciPy's bounded least squares finds", async () => {
    const program = load(await compile(predictive, options));
    const outputs = program.newOutputs();
    // scipy.optimize.lsq_linear 1.17.1 of the same cost, tol=1e-14: the first six of twenty pushes.
    const known: readonly (readonly [number, number, readonly number[]])[] = [
      [1, 0, [-1, -1, -1, -1, -1, -1]],
      [0.2, -0.5, [0.769881, 0.768222, 0.708766, 0.620335, 0.521837, 0.424999]],
      [-1.5, 1, [1, 1, 1, 1, -0.3511, -1]],
    ];
    for (const [position, speed, plan] of known) {
      program.run({ position: Float32Array.of(position), speed: Float32Array.of(speed) }, outputs);
      plan.forEach((push, at) => void expect(Math.abs(outputs.plan[at]! - push), `push ${at}`).toBeLessThan(2e-5));
      expect(outputs.push[0]).toBe(outputs.plan[0]);
    }
  });

  it("find the pose from which a scan was made, to two centimetres and hundredths", async () => {
    const program = load(await compile(registration, options));
    const outputs = program.newOutputs();
    let most = 0;
    for (const seconds of [0, 2, 5, 8]) {
      const pose = poseAt(seconds);
      const start = Float32Array.from(poseAt(seconds - 0.5));
      program.run({ ranges: rangesFrom(pose), start }, outputs);
      pose.forEach((each, at) => void expect(Math.abs(outputs.pose[at]! - each)).toBeLessThan(0.02));
      most = Math.max(most, outputs.turns[0]!);
    }
    expect(most).toBeGreaterThan(1);
  });
});

describe("their application", () => {
  const place = new Workplace();
  afterAll(() => place.remove());

  it("runs, records and replays loops that end when the values say so", async () => {
    const application = fileURLToPath(new URL("app.ts", import.meta.url));
    const recording = place.path("algorithms.mcap");
    const run = await place.shared("run", application, "-d", "10s", "--record", recording, "--json");
    expect(run.code).toBe(0);
    const { world, cycles } = JSON.parse(run.out) as { world: Record<string, number | string>; cycles: number };
    expect(cycles).toBe(300);
    expect(world.kept).toBe("1 0 0 0 1 1 1 1");
    for (const [name, most] of [
      ["position", 1e-3],
      ["speed", 1e-3],
      ["furthest", 0.03],
    ] as const)
      expect(Math.abs(Number(world[name])), name).toBeLessThan(most);
    const replay = await place.shared("replay", recording, "--verify", "--json");
    expect(JSON.parse(replay.out)).toMatchObject({ bitExact: true, cycles: 300 });
  });
});
