// Pictures: PNG against another decoder, JPEG's shape, and what damaged ones become.
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { PNG } from "pngjs";
import { describe, expect, it } from "vitest";
import { IsochronError } from "../kernels/index.ts";
import { decodePicture } from "./pictures.ts";

const sample = (name: string): Uint8Array =>
  readFileSync(fileURLToPath(new URL(`transport/tests/pictures/${name}`, import.meta.url)));

const errorOf = (body: () => unknown): IsochronError => {
  try {
    body();
  } catch (error) {
    if (error instanceof IsochronError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
};

/** A PNG of these samples by pngjs; colour types 0 grey, 2 RGB, 4 grey and alpha, 6 RGBA. */
function png(colorType: 0 | 2 | 4 | 6, width: number, height: number, at: (index: number) => number): Uint8Array {
  const picture = new PNG({ width, height });
  for (let index = 0; index < picture.data.length; index++) picture.data[index] = at(index);
  if (colorType === 0 || colorType === 2) for (let p = 3; p < picture.data.length; p += 4) picture.data[p] = 255;
  return PNG.sync.write(picture, { colorType, inputHasAlpha: true });
}

describe("a PNG", () => {
  it("has exactly the samples that pngjs reads from it, whatever its colours and size", () => {
    const cases = fc.record({
      colorType: fc.constantFrom(0 as const, 2 as const, 4 as const, 6 as const),
      width: fc.integer({ min: 1, max: 40 }),
      height: fc.integer({ min: 1, max: 20 }),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(cases, ({ colorType, width, height, seed }) => {
        const bytes = png(colorType, width, height, (index) => (index * 31 + ((index * seed) >> 7)) & 255);
        const theirs = PNG.sync.read(Buffer.from(bytes));
        const rgb = [...theirs.data].filter((_, index) => index % 4 !== 3);
        const ours = decodePicture(bytes, "rgb8");
        expect([ours.width, ours.height]).toEqual([width, height]);
        expect([...ours.data]).toEqual(rgb);
        if (colorType === 0 || colorType === 4) {
          expect([...decodePicture(bytes, "mono8").data]).toEqual(rgb.filter((_, index) => index % 3 === 0));
        }
      }),
      { numRuns: 200 },
    );
  });

  it("with one bit of its pixels changed is refused by its checksum", () => {
    const bytes = Uint8Array.from(png(2, 20, 10, (index) => (index * 7) & 255));
    const data = Buffer.from(bytes).indexOf("IDAT") + 10;
    bytes[data]! ^= 4;
    expect(errorOf(() => decodePicture(bytes, "rgb8")).code).toBe("picture/corrupt");
  });
});

describe("a JPEG", () => {
  it("becomes rows of its size in the encoding asked for", () => {
    const coloured = decodePicture(sample("420.jpg"), "rgb8");
    expect([coloured.height, coloured.width, coloured.data.length]).toEqual([29, 37, 29 * 37 * 3]);
    const grey = decodePicture(sample("420.jpg"), "mono8");
    expect([grey.height, grey.width, grey.data.length]).toEqual([29, 37, 29 * 37]);
  });

  it("that is cut is an error that says so, with its code", () => {
    const error = errorOf(() => decodePicture(sample("420.jpg").subarray(0, 900), "rgb8"));
    expect(error.code).toBe("picture/truncated");
    expect(error.message).toContain("ends early");
  });
});

const cases = fileURLToPath(new URL("../../shared/cases/logs", import.meta.url));

/** What OpenCV 5.0 and Pillow 13.0, both by libjpeg-turbo, give for these: the mean of all numbers, and some pixels. */
const known = {
  L13: {
    names: ["ff-padding", "leftover", "vendor-tail", "zeros"],
    colour: 137.339,
    grey: 125.862,
    at: [127, 122, 163],
  },
  L15: { names: ["ffmpeg-yuvj420p"], colour: 136.91, grey: 125.875, at: [128, 120, 167] },
  "L15, taller": { names: ["ffmpeg-yuvj422p"], colour: 137.022, grey: 125.875, at: [128, 120, 167] },
  "L15, whole": { names: ["ffmpeg-yuvj444p"], colour: 137.027, grey: 125.875, at: [127, 121, 165] },
};

describe.skipIf(!existsSync(cases))("a picture like that of a public report (needs ../shared)", () => {
  const read = (path: string): Uint8Array => readFileSync(join(cases, path));
  const mean = (data: ArrayLike<number>): number => Array.from(data).reduce((a, b) => a + b, 0) / data.length;

  it.each(
    Object.entries(known).flatMap(([id, { names, ...right }]) =>
      names.map((name) => [`${id.slice(0, 3)}/${name}.jpg`, right] as const),
    ),
  )("%s is what OpenCV and Pillow make of it", (path, right) => {
    const { data } = decodePicture(read(path), "rgb8");
    const middle = (24 * 64 + 32) * 3;
    const differences = right.at.map((level, at) => Math.abs(data[middle + at]! - level));
    expect(Math.max(...differences)).toBeLessThanOrEqual(4);
    expect(Math.abs(mean(data) - right.colour)).toBeLessThan(0.3);
    expect(Math.abs(mean(decodePicture(read(path), "mono8").data) - right.grey)).toBeLessThan(0.3);
  });

  it.each(["L17/depth16.png", "L17/compressed-depth.bin"])(
    "%s is the depth that OpenCV and Pillow read, to the bit",
    (path) => {
      for (const encoding of ["mono16", "16UC1"] as const) {
        const { height, width, data } = decodePicture(read(path), encoding);
        expect([height, width, data[24 * 64 + 32], mean(data)]).toEqual([48, 64, 1892, 1865.5]);
        const hash = createHash("sha256").update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
        expect(hash.digest("hex")).toBe("d97d90331a4dc125cc5ff91ae5769742296f51627ce112b5f49de8342f560dbe");
      }
    },
  );
});

describe("bytes that are no picture", () => {
  it("are an error that shows how they begin", () => {
    const error = errorOf(() => decodePicture(Uint8Array.of(1, 2, 3), "rgb8"));
    expect(error.code).toBe("picture/form");
    expect(error.details).toEqual(["they begin 01 02 03"]);
  });

  it("are refused before memory is taken for a size that they only claim", () => {
    const bytes = Uint8Array.from(sample("420.jpg"));
    const frame = Buffer.from(bytes).indexOf(Uint8Array.of(0xff, 0xc0));
    bytes.fill(0xff, frame + 5, frame + 9);
    expect(errorOf(() => decodePicture(bytes, "rgb8")).code).toBe("picture/too-large");
  });

  it("are not decoded to an encoding that there is not", () => {
    // @ts-expect-error: another name is a mistake in the types already.
    expect(errorOf(() => decodePicture(sample("420.jpg"), "yuv8")).code).toBe("message/encoding");
  });
});

describe("decoding", () => {
  it("keeps no picture once JavaScript has let it go", async () => {
    setFlagsFromString("--expose-gc");
    const collect: unknown = runInNewContext("gc");
    if (typeof collect !== "function") throw new Error("this Node cannot collect on demand");
    const large = png(2, 1000, 1000, (index) => (index * 13) & 255);
    const decode = async (rounds: number) => {
      for (let round = 0; round < rounds; round++) decodePicture(large, "rgb8");
      collect();
      await new Promise(setImmediate);
      return process.memoryUsage().rss;
    };
    for (let round = 0; round < 5; round++) await decode(10);
    const before = await decode(10);
    for (let round = 0; round < 19; round++) await decode(10);
    // Two hundred pictures of 3 MB would be 600 MB if each stayed.
    expect((await decode(10)) - before).toBeLessThan(100e6);
  });
});
