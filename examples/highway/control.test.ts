// The lane keeper turns the wheel towards the lane's centre, and leaves it where it is without a lane.
import { fileURLToPath } from "node:url";
import { compile, load } from "isochron";
import { describe, expect, it } from "vitest";
import { laneKeeper } from "./control.ts";

const cacheDir = fileURLToPath(new URL("../../.cache/kernels", import.meta.url));
const artifact = await compile(laneKeeper, { targets: ["x86-64-v3"], cacheDir });

interface Lane {
  readonly offset?: number;
  readonly heading?: number;
  readonly found?: boolean;
  readonly confidence?: number;
}

/** A fresh keeper: each call is one step, and gives the steering angle. */
function keeper(): (lane: Lane) => number {
  const program = load(artifact);
  const outputs = program.newOutputs();
  return ({ offset = 0, heading = 0, found = true, confidence = 0.8 }) => {
    program.run(
      {
        offset: Float32Array.of(offset),
        heading: Float32Array.of(heading),
        found: Uint8Array.of(Number(found)),
        confidence: Float32Array.of(confidence),
      },
      outputs,
    );
    return outputs.steeringAngle[0]!;
  };
}

describe("the highway lane keeper", () => {
  it("steers towards a lane that lies or leads to the left, and the other way by as much", () => {
    for (const lane of [{ offset: 0.5 }, { heading: 0.02 }]) {
      const left = keeper()(lane);
      const right = keeper()({ offset: -(lane.offset ?? 0), heading: -(lane.heading ?? 0) });
      expect(left).toBeGreaterThan(0);
      expect(right).toBe(-left);
    }
  });

  it("settles at the angle of pure pursuit", () => {
    const step = keeper();
    for (let n = 0; n < 100; n++) step({ offset: 0.5, heading: 0.01 });
    expect(step({ offset: 0.5, heading: 0.01 })).toBeCloseTo(Math.atan((2 * 2.7 * (0.5 + 0.01 * 25)) / 25 ** 2), 5);
  });

  it("holds the wheel where no lane is found, whatever is said of it", () => {
    const step = keeper();
    const before = step({ offset: 0.5 });
    expect(step({ offset: -1, heading: -0.1, found: false })).toBe(before);
    expect(step({ found: false, confidence: 0 })).toBe(before);
  });

  it("never turns further than a highway asks for", () => {
    const step = keeper();
    for (let n = 0; n < 200; n++) step({ offset: 30, heading: 0.5, confidence: 1 });
    expect(step({ offset: 30, heading: 0.5, confidence: 1 })).toBeLessThanOrEqual(Math.fround(0.1));
  });
});
