// The lane finder on a real drive: against labels made by eye, mirrored, moved aside, turned, faded.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { camera, laneWidth } from "./camera.ts";
import { columnAt, compileLaneFinder, type Estimate } from "./estimate.ts";
import { pixelsOf, readFrames } from "./frames.ts";
import { readLabels } from "./labels.ts";

/** The drive that the labels were made of; it lies beside the checkout. */
const logPath = fileURLToPath(new URL("../../../shared/data/highway/highway.mcap", import.meta.url));
const { width, height } = camera;
const lowest = height - 1;
const rows = [350, 425, 500, lowest];

/** The picture whose column x shows column `from(x)` of another, or its nearest. */
function recolumned(pixels: Uint8Array, from: (x: number) => number): Uint8Array {
  const sources = Int32Array.from({ length: width }, (_, x) => Math.min(Math.max(from(x), 0), width - 1) * 3);
  const out = new Uint8Array(pixels.length);
  for (let row = 0; row < pixels.length; row += width * 3) {
    for (let x = 0; x < width; x++) {
      const [to, at] = [row + x * 3, row + sources[x]!];
      out[to] = pixels[at]!;
      out[to + 1] = pixels[at + 1]!;
      out[to + 2] = pixels[at + 2]!;
    }
  }
  return out;
}

/** What is found in a frame as it is, mirrored, and moved to the right by 40 pixels and to the left. */
interface Views {
  readonly plain: Estimate;
  readonly mirrored: Estimate;
  readonly moved: Readonly<Record<40 | -40, Estimate>>;
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;

describe.skipIf(!existsSync(logPath))("the highway lane finder on a real drive (needs ../shared)", () => {
  let frames: readonly Uint8Array[];
  let find: (pixels: Uint8Array) => Estimate;
  let views: readonly Views[];
  let estimates: readonly Estimate[];
  beforeAll(async () => {
    frames = await readFrames(logPath);
    const fresh = await compileLaneFinder({ targets: ["x86-64-v3"] });
    find = await compileLaneFinder({ targets: ["x86-64-v3"] });
    views = frames.map((jpeg) => {
      const pixels = pixelsOf(jpeg);
      const moved = (by: number): Estimate => find(recolumned(pixels, (x) => x - by));
      return {
        plain: fresh(pixels),
        mirrored: find(recolumned(pixels, (x) => width - 1 - x)),
        moved: { 40: moved(40), [-40]: moved(-40) },
      };
    });
    estimates = views.map(({ plain }) => plain);
  });

  it("finds lines within 2 px median and 8 px at most of labels made by eye", () => {
    const { rows: labelled, labels } = readLabels(frames.length);
    for (const side of ["left", "right"] as const) {
      const away = labels.flatMap((label) => {
        const estimate = estimates[label.frame]!;
        expect({ frame: label.frame, found: estimate.found }).toEqual({ frame: label.frame, found: true });
        return labelled.map((row, at) => Math.abs(columnAt(estimate[side], row) - label[side][at]!));
      });
      expect(median(away)).toBeLessThan(2);
      expect(Math.max(...away)).toBeLessThan(8);
    }
  });

  it("finds the lane in at least 210 of the 221 frames themselves, and counts them from 0", () => {
    expect(estimates.map(({ frame }) => frame)).toEqual(Array.from({ length: 221 }, (_, n) => n));
    expect(estimates.filter(({ found }) => found).length).toBeGreaterThanOrEqual(210);
    for (const { found, confidence } of estimates) expect(found).toBe(confidence > 0.5);
  });

  it("tells offset and heading as the lines do", () => {
    for (const { left, right, offset, heading } of estimates) {
      const [from, to] = [columnAt(left, lowest), columnAt(right, lowest)];
      expect(offset).toBeCloseTo((laneWidth * (camera.centre - (from + to) / 2)) / (to - from), 4);
      const ahead = (columnAt(left, camera.horizon) + columnAt(right, camera.horizon)) / 2;
      expect(heading).toBeCloseTo(Math.atan((camera.centre - ahead) / camera.focal), 4);
    }
  });

  it("says the opposite of every mirrored frame, within 3 px and 0.01 rad", () => {
    for (const { plain, mirrored } of views) {
      const { found, left, right, offset, heading } = plain;
      expect(mirrored.found).toBe(found);
      const metre = (columnAt(right, lowest) - columnAt(left, lowest)) / laneWidth;
      expect(Math.abs(mirrored.offset + offset) * metre).toBeLessThan(3);
      expect(Math.abs(mirrored.heading + heading)).toBeLessThan(0.01);
      for (const row of rows) {
        expect(Math.abs(columnAt(mirrored.left, row) - (width - 1 - columnAt(right, row)))).toBeLessThan(3);
        expect(Math.abs(columnAt(mirrored.right, row) - (width - 1 - columnAt(left, row)))).toBeLessThan(3);
      }
    }
  });

  it.each([40, -40] as const)("moves lines and offset with every frame that is moved by %i px", (by) => {
    for (const { plain, moved: either } of views) {
      const { found, left, right, offset } = plain;
      const moved = either[by];
      expect(moved.found).toBe(found);
      for (const row of rows) {
        expect(Math.abs(columnAt(moved.left, row) - columnAt(left, row) - by)).toBeLessThan(3);
        expect(Math.abs(columnAt(moved.right, row) - columnAt(right, row) - by)).toBeLessThan(3);
      }
      const metre = (columnAt(right, lowest) - columnAt(left, lowest)) / laneWidth;
      expect(Math.abs((moved.offset - offset) * metre + by)).toBeLessThan(3);
    }
  });

  it("finds no lane in frames turned upside down or faded to a twentieth, and still finds it at half the light", () => {
    for (const label of readLabels(frames.length).labels) {
      const pixels = pixelsOf(frames[label.frame]!);
      const turned = new Uint8Array(pixels.length);
      for (let y = 0; y < height; y++) {
        turned.set(pixels.subarray(y * width * 3, (y + 1) * width * 3), (height - 1 - y) * width * 3);
      }
      expect(find(turned).found).toBe(false);
      expect(find(pixels.map((value) => 115 + value / 20)).found).toBe(false);
      expect(find(pixels.map((value) => value / 2)).found).toBe(true);
    }
  });
});
