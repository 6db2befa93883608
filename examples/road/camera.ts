// The camera: renders the road in perspective, markings with gaps, texture, shadows and noise, pixel by pixel.
import type { Road } from "./road.ts";

/** The camera's geometry; the perception graph is built for it. Pixels, metres, radians. */
export const camera = {
  width: 160,
  height: 120,
  /** Focal length in pixels. */
  focal: 130,
  centreX: 79.5,
  centreY: 59.5,
  /** Above the road. */
  mount: 1.4,
  /** Downwards from the horizon. */
  pitch: 0.16,
} as const;

/** A position on the ground in the camera's frame: metres ahead and to the left. */
export interface Ground {
  readonly ahead: number;
  readonly left: number;
}

/** Where a pixel's ray meets the ground, or undefined above the horizon. */
export function groundOf(column: number, row: number): Ground | undefined {
  const right = (column - camera.centreX) / camera.focal;
  const down = (row - camera.centreY) / camera.focal;
  const [sin, cos] = [Math.sin(camera.pitch), Math.cos(camera.pitch)];
  const fall = down * cos + sin;
  if (fall <= 1e-3) return undefined;
  const distance = camera.mount / fall;
  return { ahead: distance * (cos - down * sin), left: -distance * right };
}

/** The pixel (column, row) that shows a point on the ground. */
export function pixelOf({ ahead, left }: Ground): readonly [number, number] {
  const [sin, cos] = [Math.sin(camera.pitch), Math.cos(camera.pitch)];
  const depth = ahead * cos + camera.mount * sin;
  const down = camera.mount * cos - ahead * sin;
  return [camera.centreX - (camera.focal * left) / depth, camera.centreY + (camera.focal * down) / depth];
}

/** A repeatable pattern in [0, 1) from whole numbers (a finaliser of MurmurHash3). */
export function hash(a: number, b: number, seed: number): number {
  let h = (Math.imul(a, 0x85ebca6b) ^ Math.imul(b, 0xc2b2ae35) ^ seed) | 0;
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
  return ((h ^ (h >>> 16)) >>> 0) / 2 ** 32;
}

/** Where the camera is. */
export interface Pose {
  readonly x: number;
  readonly y: number;
  readonly heading: number;
  /** Arc length of the road nearest to it. */
  readonly s: number;
}

const view = 60;
const lineHalf = 0.08;
/** The dashed marking: metres painted and metres between. */
const dash = { painted: 3, period: 9 };

/** Brightness of the ground, 0 to 255, at an arc length and lateral offset from the centre of our lane. */
function brightness(s: number, offset: number, halfLane: number, seed: number): number {
  const texture = hash(Math.floor(s * 8), Math.floor(offset * 8), seed) - 0.5;
  // Trees throw shadows across the road now and then.
  const shadow =
    hash(Math.floor(s / 7), 0, seed ^ 0x51ed) < 0.25 &&
    hash(Math.floor(s * 1.5), Math.floor(offset * 1.2), seed ^ 0x77) < 0.7
      ? 0.55
      : 1;
  const onLeft = Math.abs(offset - halfLane) < lineHalf;
  const onRight = Math.abs(offset + halfLane) < lineHalf;
  const painted = onRight || (onLeft && s % dash.period < dash.painted);
  if (painted) return (205 + 30 * texture) * shadow;
  const asphalt = offset < halfLane + 3.6 && offset > -halfLane - 0.8;
  return (asphalt ? 92 + 26 * texture : 62 + 60 * texture) * shadow;
}

/** Renders one frame: u8[height × width], row by row. */
export function render(road: Road, pose: Pose, frame: number, seed: number): Uint8Array {
  const pixels = new Uint8Array(camera.width * camera.height);
  const [sin, cos] = [Math.sin(pose.heading), Math.cos(pose.heading)];
  for (let row = 0; row < camera.height; row++) {
    let guess: number | undefined;
    for (let column = 0; column < camera.width; column++) {
      const noise = (hash(row * camera.width + column, frame, seed ^ 0x2f) - 0.5) * 14;
      const ground = groundOf(column, row);
      let value = 150 + (row / camera.height) * 40;
      if (ground && ground.ahead < view) {
        const x = pose.x + ground.ahead * cos - ground.left * sin;
        const y = pose.y + ground.ahead * sin + ground.left * cos;
        const { s, offset } = road.locate(x, y, guess ?? pose.s + ground.ahead);
        guess = s;
        value = brightness(s, offset, road.halfLane, seed);
      }
      pixels[row * camera.width + column] = Math.max(0, Math.min(255, Math.round(value + noise)));
    }
  }
  return pixels;
}
