// What the three tasks see: boxes of one picture, a scanner that goes along a wall, and a cart that is pushed to its target.
import type { World } from "isochron/sim";
import { angles } from "./registration.ts";

/** Boxes as left, top, width and height in pixels, and a score. */
export const boxes: readonly (readonly number[])[] = [
  [100, 100, 60, 40, 0.9],
  [104, 98, 60, 42, 0.85],
  [110, 108, 58, 40, 0.6],
  [300, 50, 40, 80, 0.7],
  [302, 54, 42, 80, 0.95],
  [20, 200, 30, 30, 0.3],
  [140, 110, 60, 40, 0.5],
  [305, 90, 40, 80, 0.65],
];

/** Where the scanner is after some seconds: x and y in metres, and its angle in radians. */
export const poseAt = (seconds: number): readonly [number, number, number] => [
  0.1 * seconds,
  -0.1 * seconds,
  0.05 * seconds,
];

/** The range of each ray from a pose to the walls x = 3 and y = 3. */
export function rangesFrom([x, y, angle]: readonly [number, number, number]): Float32Array {
  return angles.map((own) => {
    const [cos, sin] = [Math.cos(own + angle), Math.sin(own + angle)];
    return Math.min(...[(3 - x) / cos, (3 - y) / sin].filter((each) => each > 0));
  });
}

const periodNs = 100_000_000;

export function algorithmsWorld(): World {
  let [position, speed] = [1, 0];
  let furthest: number | null = null;
  let kept: readonly number[] = [];
  return {
    name: "desk",
    periodNs,
    step(timeNs, io) {
      const seconds = timeNs / 1e9;
      const dt = periodNs / 1e9;
      const force = (io.latest("/cart/force") as { readonly data: number } | undefined)?.data ?? 0;
      position += speed * dt + (force * dt * dt) / 2;
      speed += force * dt;
      const pose = (io.latest("/pose") as { readonly data: ArrayLike<number> } | undefined)?.data;
      // The pose is that of the scan before.
      const real = poseAt(seconds - dt);
      if (pose) furthest = Math.max(furthest ?? 0, ...[0, 1, 2].map((at) => Math.abs(pose[at]! - real[at]!)));
      kept = Array.from((io.latest("/kept") as { readonly data: ArrayLike<number> } | undefined)?.data ?? []);
      io.publish("/boxes", { data: boxes.flat() });
      io.publish("/start", { data: pose ?? [0, 0, 0] });
      io.publish("/scan", { ranges: rangesFrom(poseAt(seconds)) });
      io.publish("/cart/position", { data: position });
      io.publish("/cart/speed", { data: speed });
    },
    summary: () => ({ position, speed, furthest, kept: kept.join(" ") }),
  };
}
