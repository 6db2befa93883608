// The road example: what the camera shows is found, the car keeps its lane, and only because it sees.
import { fileURLToPath } from "node:url";
import { compile, load, type Program } from "isochron";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { type Ended, Workplace } from "../../tests/command-line/command.ts";
import { render } from "./camera.ts";
import { laneFinder } from "./perception.ts";
import { findLane } from "./pictures.ts";
import { Road } from "./road.ts";

const app = fileURLToPath(new URL("app.ts", import.meta.url));

const result = z.object({
  cycles: z.int(),
  world: z.object({
    maxTrackingError: z.number(),
    rmsTrackingError: z.number(),
    leftRoad: z.boolean(),
    distance: z.number(),
  }),
  deadlineMisses: z.null(),
  hash: z.string(),
});

describe("the road's camera and lane finder", () => {
  const road = new Road();
  let finder: Program;
  beforeAll(async () => {
    const cacheDir = fileURLToPath(new URL("../../.cache/isochron", import.meta.url));
    finder = load(
      await compile(laneFinder, { targets: [process.arch === "arm64" ? "aarch64" : "x86-64-v3"], cacheDir }),
    ) as unknown as Program;
  });

  /** The camera `left` metres left of the lane's centre at `s`, heading `turned` radians left of the road. */
  const poseAt = (s: number, left: number, turned = 0) => {
    const { x, y, heading } = road.at(s);
    return { x: x - left * Math.sin(heading), y: y + left * Math.cos(heading), heading: heading + turned, s };
  };
  const look = (s: number, left: number, turned = 0, seed = 1) =>
    findLane(finder, render(road, poseAt(s, left, turned), Math.round(s), seed));

  it("find the lane's centre all along the road, from either side of it, and never take another for it", () => {
    const here: number[] = [];
    const ahead: number[] = [];
    for (let s = 0; s < 550; s += 5) {
      for (const left of [-0.5, 0, 0.5]) {
        const { offset, heading, curvature, confidence } = look(s, left, 0, 1 + (s % 2));
        expect(confidence).toBeGreaterThan(0.3);
        here.push(Math.abs(offset + left));
        const [pose, point] = [poseAt(s, left), road.at(s + 7)];
        const [dx, dy] = [point.x - pose.x, point.y - pose.y];
        const z = dx * Math.cos(pose.heading) + dy * Math.sin(pose.heading);
        const lateral = -dx * Math.sin(pose.heading) + dy * Math.cos(pose.heading);
        ahead.push(Math.abs(offset + Math.tan(heading) * z + (curvature * z ** 2) / 2 - lateral));
      }
    }
    const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1]!;
    // What the car aims for is 7 m ahead, where markings are seen.
    expect(median(ahead)).toBeLessThan(0.03);
    expect(Math.max(...ahead)).toBeLessThan(0.5);
    // Markings are seen from 4 m on; in the tightest bends the lane is extrapolated back over a change of curvature.
    expect(median(here)).toBeLessThan(0.15);
    expect(Math.max(...here)).toBeLessThan(road.halfLane * 0.6);
  });

  it("find where the road points", () => {
    const [left, straight, right] = [0.08, 0, -0.08].map((turned) => look(20, 0, turned).heading);
    expect(Math.abs(straight!)).toBeLessThan(0.03);
    expect(left! - straight!).toBeCloseTo(-0.08, 1);
    expect(right! - straight!).toBeCloseTo(0.08, 1);
    expect(left!).toBeLessThan(right!);
  });

  it("are not sure of anything on a grey picture", () => {
    expect(findLane(finder, new Uint8Array(120 * 160).fill(128)).confidence).toBeLessThan(0.1);
  });
});

describe("the road in closed loop, 30 s", () => {
  const places = [{}, {}, { ROAD_SEED: "2" }, { ROAD_BLIND: "1" }].map(
    (env) => new Workplace(env as Record<string, string>),
  );
  afterAll(() => {
    for (const place of places) place.remove();
  });
  let [seen, again, other, blind] = [] as z.infer<typeof result>[];

  beforeAll(async () => {
    const parse = ({ code, out, error }: Ended) => {
      expect({ code, error }).toEqual({ code: 0, error: "" });
      return result.parse(JSON.parse(out));
    };
    const runs = await Promise.all(places.map((place) => place.isochron("run", app, "--duration", "30s", "--json")));
    [seen, again, other, blind] = runs.map(parse);
  });

  it("the car keeps its lane: it starts 0.3 m beside the centre, and stays within half a metre", () => {
    expect(seen).toMatchObject({ cycles: 2250, world: { leftRoad: false } });
    expect(seen!.world.maxTrackingError).toBeLessThan(0.5);
    expect(seen!.world.rmsTrackingError).toBeLessThan(0.1);
    expect(seen!.world.distance).toBeGreaterThan(295);
  });

  it("two drives have one hash", () => {
    expect(again).toEqual(seen);
  });

  it("another seed is another drive, in its lane too", () => {
    expect(other!.hash).not.toBe(seen!.hash);
    expect(other!.world.leftRoad).toBe(false);
    expect(other!.world.rmsTrackingError).toBeLessThan(0.1);
  });

  it("with perception blinded the car leaves the road", () => {
    expect(blind!.world.leftRoad).toBe(true);
    expect(blind!.world.maxTrackingError).toBeGreaterThan(2.6);
    expect(blind!.hash).not.toBe(seen!.hash);
  });
});
