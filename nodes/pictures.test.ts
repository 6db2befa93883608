// Pictures: PNG against another decoder, JPEG's shape, and what damaged ones become.
import { readFileSync } from "node:fs";
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
    expect(errorOf(() => decodePicture(sample("420.jpg"), "bgr8")).code).toBe("picture/encoding");
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
