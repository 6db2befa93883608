// Pictures that are stored as they are: where their pixels lie, and what is refused.
import { describe, expect, it } from "vitest";
import { IsochronError } from "../../../../kernels/index.ts";
import { plainPicture } from "./plain-pictures.ts";

const little = (size: 2 | 4, value: number): number[] => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value, true);
  return [...bytes.subarray(0, size)];
};
const ascii = (text: string): number[] => [...new TextEncoder().encode(text)];

/** A BMP of 1×2 pixels of 24 bits. */
const bmp = (height: number, compression = 0): number[] => [
  ...ascii("BM"),
  ...[62, 0, 54, 40, 1, height].flatMap((each) => little(4, each)),
  ...little(2, 1),
  ...little(2, 24),
  ...little(4, compression),
  ...new Array<number>(20).fill(0),
  ...[3, 2, 1, 0, 6, 5, 4, 0],
];
/** A TIFF of 2×1 pixels in one strip, behind the entries. */
function tiff(compression: number): number[] {
  const entries = [
    [256, 2],
    [257, 1],
    [259, compression],
    [258, 8],
    [262, 2],
    [273, 110],
    [277, 3],
    [278, 1],
  ] as const;
  return [
    ...ascii("II*\0"),
    ...little(4, 8),
    ...little(2, entries.length),
    ...entries.flatMap(([tag, value]) => [...little(2, tag), ...little(2, 4), ...little(4, 1), ...little(4, value)]),
    ...little(4, 0),
    ...[1, 2, 3, 4, 5, 6],
  ];
}
const codeOf = (bytes: number[]): string => {
  try {
    return plainPicture(Uint8Array.from(bytes)) ? "picture" : "none";
  } catch (error) {
    return error instanceof IsochronError ? error.code : String(error);
  }
};
const rgbOf = (bytes: number[]) => [...plainPicture(Uint8Array.from(bytes))!.rgb];

describe("plainPicture", () => {
  it("reads the rows of a BMP from the bottom, or from the top where its height is negative", () => {
    expect(rgbOf(bmp(2))).toEqual([4, 5, 6, 1, 2, 3]);
    expect(rgbOf(bmp(-2))).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it("reads PNM in colours and grey, with comments in its header", () => {
    expect(rgbOf([...ascii("P6 # two\n2 1\n255\n"), 1, 2, 3, 4, 5, 6])).toEqual([1, 2, 3, 4, 5, 6]);
    expect(rgbOf([...ascii("P5\n1 2 255\n"), 7, 8])).toEqual([7, 7, 7, 8, 8, 8]);
  });

  it("reads the strips of a TIFF", () => {
    expect(rgbOf(tiff(1))).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it("refuses what is compressed, cut short or too large, and leaves other formats alone", () => {
    expect([tiff(5), bmp(2, 1), ascii("P1\n1 1\n")].map(codeOf)).toEqual(new Array(3).fill("import/unsupported"));
    const cut = [tiff(1).slice(0, -1), bmp(2).slice(0, -2), bmp(2).slice(0, 20), ascii("P6 99999999 99999999 255\n")];
    expect(cut.map(codeOf)).toEqual(new Array(4).fill("import/model"));
    expect(codeOf([0xff, 0xd8, 0xff])).toBe("none");
  });

  it("takes no memory for pixels that a small file only claims to have", () => {
    const before = process.memoryUsage().arrayBuffers;
    expect(codeOf(ascii("P6 16384 16384 255\n"))).toBe("import/model");
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 24);
  });
});
