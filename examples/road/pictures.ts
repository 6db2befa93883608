// Pictures of what was found: frames with the lane drawn over them, as PNG.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32, deflateSync } from "node:zlib";
import type { Program } from "isochron";
import { camera, pixelOf } from "./camera.ts";

/** What the lane finder said of a frame: metres, radians, 1/m. */
export interface Found {
  readonly offset: number;
  readonly heading: number;
  readonly curvature: number;
  readonly confidence: number;
}

const scale = 4;
const halfLane = 1.75;
type Colour = readonly [number, number, number];

/** Runs the lane finder on one frame. */
export function findLane(program: Program, pixels: Uint8Array): Found {
  const outputs = program.newOutputs() as Readonly<Record<keyof Found, Float32Array>>;
  program.run({ image: pixels }, outputs);
  return {
    offset: outputs.offset[0]!,
    heading: outputs.heading[0]!,
    curvature: outputs.curvature[0]!,
    confidence: outputs.confidence[0]!,
  };
}

/** The frame, enlarged, with the lane's sides in green and its centre in yellow. */
export function overlay(
  pixels: Uint8Array,
  found: Found,
): { readonly width: number; readonly height: number; readonly rgb: Uint8Array } {
  const [width, height] = [camera.width * scale, camera.height * scale];
  const rgb = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const value = pixels[Math.floor(y / scale) * camera.width + Math.floor(x / scale)]!;
      rgb.fill(value, (y * width + x) * 3, (y * width + x) * 3 + 3);
    }
  }
  const dot = (column: number, row: number, colour: Colour) => {
    for (let dy = -1; dy <= 1; dy++) {
      for (let dx = -1; dx <= 1; dx++) {
        const x = Math.round((column + 0.5) * scale) + dx;
        const y = Math.round((row + 0.5) * scale) + dy;
        if (x >= 0 && x < width && y >= 0 && y < height) rgb.set(colour, (y * width + x) * 3);
      }
    }
  };
  for (let ahead = 4; ahead < 25; ahead += 0.1) {
    const centre = found.offset + Math.tan(found.heading) * ahead + (found.curvature * ahead ** 2) / 2;
    for (const side of [-halfLane, halfLane]) dot(...pixelOf({ ahead, left: centre + side }), [60, 220, 80]);
    dot(...pixelOf({ ahead, left: centre }), [250, 210, 60]);
  }
  return { width, height, rgb };
}

/** A PNG of 8-bit RGB pixels (PNG specification, third edition, §5). */
export function png({
  width,
  height,
  rgb,
}: {
  readonly width: number;
  readonly height: number;
  readonly rgb: Uint8Array;
}): Buffer {
  const chunk = (type: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
    const out = Buffer.alloc(body.length + 8);
    out.writeUInt32BE(data.length, 0);
    body.copy(out, 4);
    out.writeUInt32BE(crc32(body), body.length + 4);
    return out;
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const rows = Buffer.alloc(height * (width * 3 + 1));
  for (let y = 0; y < height; y++) rows.set(rgb.subarray(y * width * 3, (y + 1) * width * 3), y * (width * 3 + 1) + 1);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([
    signature,
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(rows)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

/** Writes the picture of one frame; returns its path. */
export function writePicture(folder: string, name: string, pixels: Uint8Array, found: Found): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${name}.png`);
  writeFileSync(path, png(overlay(pixels, found)));
  return path;
}
