// The lane finder on pictures made for the test: painted lines, and pictures without a lane.
import { Interpreter } from "isochron";
import { describe, expect, it } from "vitest";
import { camera } from "./camera.ts";
import { columnAt, compileLaneFinder } from "./estimate.ts";
import { laneFinder } from "./perception.ts";

const { width, height } = camera;

/** A picture made pixel by pixel. */
function picture(colourAt: (x: number, y: number) => readonly [number, number, number]): Uint8Array {
  const pixels = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) pixels.set(colourAt(x, y), (y * width + x) * 3);
  }
  return pixels;
}

/** Uniform numbers from 0 to 1, the same for the same seed. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Random grey squares of a size. */
function noise(seed: number, size: number): Uint8Array {
  const random = randomNumbers(seed);
  const across = Math.ceil(width / size);
  const squares = Uint8Array.from({ length: across * Math.ceil(height / size) }, () => random() * 256);
  return picture((x, y) => {
    const grey = squares[Math.floor(y / size) * across + Math.floor(x / size)]!;
    return [grey, grey, grey];
  });
}

const find = await compileLaneFinder({ targets: ["x86-64-v3"] });
const nothing = {
  found: false,
  left: { intercept: 0, slope: 0 },
  right: { intercept: 0, slope: 0 },
  offset: 0,
  heading: 0,
};

describe("the highway lane finder", () => {
  const cases: Record<string, () => Uint8Array> = {
    "an even grey": () => picture(() => [128, 128, 128]),
    "all black": () => picture(() => [0, 0, 0]),
    "all white": () => picture(() => [255, 255, 255]),
    "a slope of brightness": () => picture((x) => [x / 4, x / 4, x / 4]),
    "upright stripes": () => picture((x) => (x % 40 < 8 ? [255, 255, 255] : [60, 60, 60])),
    "a chequerboard": () => picture((x, y) => (((x >> 5) + (y >> 5)) % 2 ? [200, 200, 200] : [50, 50, 50])),
  };
  for (const [name, make] of Object.entries(cases)) {
    it(`finds none in ${name}`, () => expect(find(make())).toMatchObject(nothing));
  }

  it("finds none in noise of any grain", () => {
    for (const size of [1, 2, 4, 8, 16, 32]) {
      for (const seed of [1, 2, 3]) {
        const { frame: _, confidence, ...lane } = find(noise(seed, size));
        expect({ size, seed, ...lane }).toEqual({ size, seed, ...nothing });
        expect(confidence).toBeLessThan(0.5);
      }
    }
  });

  it("finds none in coloured noise", () => {
    const random = randomNumbers(4);
    expect(find(picture(() => [random() * 256, random() * 256, random() * 256]))).toMatchObject(nothing);
  });

  /** A grey road with lines at these laterals, and bright ground beyond another. */
  const road = (lines: readonly number[], verge = Infinity) =>
    picture((x, y) => {
      const depth = y - camera.horizon;
      const lateral = (x - camera.centre) / depth;
      if (depth <= 0) return [150, 180, 230];
      if (lines.some((line) => Math.abs(lateral - line) < 0.06)) return [240, 240, 240];
      return lateral > verge ? [200, 170, 120] : [90, 90, 95];
    });

  it("finds two painted lines, and none where there is only one of them", () => {
    const { found, left, right, heading } = find(road([-1.5, 1.2]));
    expect(found).toBe(true);
    for (const row of [350, 425, 500]) {
      expect(Math.abs(columnAt(left, row) - camera.centre + 1.5 * (row - camera.horizon))).toBeLessThan(1);
      expect(Math.abs(columnAt(right, row) - camera.centre - 1.2 * (row - camera.horizon))).toBeLessThan(1);
    }
    expect(Math.abs(heading)).toBeLessThan(0.001);
    expect(find(road([-1.5])).found).toBe(false);
    expect(find(road([1.2])).found).toBe(false);
  });

  it("takes the edge of the road, bright on one side only, for no line", () => {
    expect(find(road([-1.5], 1.3)).found).toBe(false);
    expect(find(road([-1.5, 1.2], 1.8)).found).toBe(true);
  });

  it("says what the interpreter says, to a hundredth of a pixel", () => {
    const pixels = road([-1.45, 1.52], 2);
    const { left, right, offset, heading } = find(pixels);
    const meant = new Interpreter(laneFinder).run({ image: pixels });
    for (const [line, of] of [
      [left, meant.left],
      [right, meant.right],
    ] as const) {
      for (const row of [350, 500]) expect(columnAt(line, row)).toBeCloseTo(of[0]! + of[1]! * row, 2);
    }
    expect(offset).toBeCloseTo(meant.offset[0]!, 4);
    expect(heading).toBeCloseTo(meant.heading[0]!, 5);
    expect(Array.from(meant.found)).toEqual([1]);
  });
});
