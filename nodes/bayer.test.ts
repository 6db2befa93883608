// Bayer mosaics as planes.
import { describe, expect, it } from "vitest";
import { Interpreter, tensorType, trace } from "../runtime/index.ts";
import { bayerPlanes } from "./bayer.ts";

/** Two by four pixels, each the number of its place in the square of four, plus ten for the second square. */
const mosaic = Uint8Array.of(0, 1, 10, 11, 2, 3, 12, 13);

describe("the planes of a Bayer mosaic", () => {
  it.each([
    ["rggb", [0, 10, 1, 11, 2, 12, 3, 13]],
    ["grbg", [1, 11, 0, 10, 3, 13, 2, 12]],
    ["gbrg", [2, 12, 3, 13, 0, 10, 1, 11]],
    ["bggr", [3, 13, 2, 12, 1, 11, 0, 10]],
  ] as const)("of %s are red, green beside red, green beside blue, blue", (pattern, expected) => {
    const graph = trace(
      ({ data }) => ({ planes: bayerPlanes(data, pattern) }),
      { data: tensorType("u8", [2, 4]) },
      { name: "planes" },
    );
    const [planes] = Object.values(new Interpreter(graph).run({ data: mosaic }));
    expect(graph.toString()).toContain("u8[4,1,2]");
    expect([...(planes as Uint8Array)]).toEqual(expected);
  });

  it("are refused of what is no mosaic", () => {
    const planes = (shape: readonly number[], pattern: string) => () =>
      trace(
        // @ts-expect-error: another pattern is a mistake in the types already.
        ({ data }) => ({ planes: bayerPlanes(data, pattern) }),
        { data: tensorType("u8", shape) },
        { name: "planes" },
      );
    for (const shape of [
      [3, 4],
      [2, 5],
      [2, 4, 1],
    ])
      expect(planes(shape, "rggb")).toThrow(expect.objectContaining({ code: "picture/bayer" }));
    expect(planes([2, 4], "rgbg")).toThrow('there is no Bayer pattern "rgbg"');
  });
});
