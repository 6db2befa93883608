// Boxes of images pooled: RoiAlign with the values of ONNX's reference, roiPool against its definition written out.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { compile, Interpreter, load, type RoiAlignOptions, roiAlign, roiPool, tensorType, trace } from "../index.ts";
import { given, traced, valuesOf } from "../testing/traced.ts";

const cacheDir = join(fileURLToPath(new URL("../..", import.meta.url)), ".cache/kernels");
const pixels = Array.from({ length: 24 }, (_, i) => (i * 7) % 11);
const corners = [0.5, 0.25, 3.5, 2.75, -2, 1, 1.5, 2, 1, 1, 1.25, 1.5];
const x = given("f32", pixels, [2, 1, 3, 4]);
const boxes = given("f32", corners, [3, 4]);
const images = given("i64", [1, 0, 1]);

describe("roiAlign", () => {
  it.each([
    [
      "as many samples as pixels",
      { aligned: true },
      [5.390625, 6.695312, 5.585938, 3.023438, 0, 4.148438, 0, 4.398438, 5.492188, 5.851562, 5.789062, 6.492188],
    ],
    [
      "boxes of a pixel at least",
      { samplingRatio: 2 },
      [6.498047, 3.583984, 3.404297, 4.572266, 2.375, 4.140625, 1.125, 4.734375, 6.75, 4.75, 4.25, 2.25],
    ],
    [
      "the largest of two by two",
      { samplingRatio: 2, aligned: true, mode: "max" },
      [5.414062, 8.203125, 5.414062, 4.101562, 0, 5.25, 0, 5.25, 3.673828, 4.447266, 5.009766, 6.064453],
    ],
    [
      "the largest of all",
      { mode: "max" },
      [6.398438, 2.734375, 3.5, 7, 4.5, 3.65625, 1.5, 5.625, 5.0625, 2.8125, 2.25, 0.9375],
    ],
  ] as const)("is what ONNX's reference gives for %s", (_, options, expected) => {
    const found = traced({ x, boxes, images }, (v) => roiAlign(v.x, v.boxes, 2, { ...options, images: v.images }));
    expect(found.shape).toEqual([3, 1, 2, 2]);
    expect(found.values).toEqual(expected.map((each) => expect.closeTo(each, 5)));
  });

  it("has equal bits compiled and interpreted, and is a fault for more samples than there may be", async () => {
    const types = {
      x: tensorType("f32", [2, 1, 3, 4]),
      boxes: tensorType("f32", [3, 4]),
      images: tensorType("i64", [3]),
    };
    const graph = (options: RoiAlignOptions) =>
      trace((v) => ({ y: roiAlign(v.x, v.boxes, 2, { images: v.images, ...options }) }), types, { name: "boxes" });
    const inputs = {
      x: Float32Array.from(pixels),
      boxes: Float32Array.from(corners),
      images: BigInt64Array.of(1n, 0n, 1n),
    };
    const whole = graph({});
    const program = load(await compile(whole, { cacheDir }));
    expect(program.run(inputs)).toEqual(new Interpreter(whole).run(inputs));
    const large = { ...inputs, boxes: inputs.boxes.map((each) => 3 * each) };
    expect(() => new Interpreter(whole).run(large)).toThrow("more than 2 elements");
    expect(() => program.run(large)).toThrow("the samples of a box");
    expect(new Interpreter(graph({ atMost: 9 })).run(large).y).toHaveLength(12);
  });

  it("gives none for no boxes, and is refused for boxes that are none", () => {
    const none = given("f32", [], [0, 4]);
    expect(traced({ x, none }, (v) => roiAlign(v.x, v.none, [2, 3]))).toMatchObject({
      shape: [0, 1, 2, 3],
      values: [],
    });
    const wrong = given("f32", [1, 2, 3, 4, 5], [1, 5]);
    expect(() => traced({ x, wrong }, (v) => roiAlign(v.x, v.wrong, 2))).toThrow(
      "roiAlign of f32[2,1,3,4] at f32[1,5]",
    );
  });
});

describe("roiPool", () => {
  /** The largest pixel of each part of a box, as torchvision's definition says. */
  function pooled(image: number, box: readonly number[], [rows, columns]: readonly [number, number], scale: number) {
    const [x1, y1, x2, y2] = box.map((each) => Math.sign(each) * Math.floor(Math.abs(each * scale) + 0.5)) as [
      number,
      number,
      number,
      number,
    ];
    const [height, width] = [Math.max(y2 - y1 + 1, 1) / rows, Math.max(x2 - x1 + 1, 1) / columns];
    return Array.from({ length: rows * columns }, (_, i) => {
      const [row, column] = [Math.floor(i / columns), i % columns];
      let most = -Infinity;
      for (let y = Math.max(0, Math.floor(row * height) + y1); y < Math.min(3, Math.ceil((row + 1) * height) + y1); y++)
        for (
          let c = Math.max(0, Math.floor(column * width) + x1);
          c < Math.min(4, Math.ceil((column + 1) * width) + x1);
          c++
        )
          most = Math.max(most, pixels[image * 12 + y * 4 + c]!);
      return most === -Infinity ? 0 : most;
    });
  }

  it.each([
    [1, [2, 2]],
    [0.5, [2, 3]],
    [1.3, [3, 1]],
  ] as const)("is the largest pixel of each part, boxes scaled by %s", (spatialScale, size) => {
    const found = valuesOf({ x, boxes, images }, (v) =>
      roiPool(v.x, v.boxes, size, { spatialScale, images: v.images }),
    );
    const expected = [1, 0, 1].flatMap((image, at) =>
      pooled(image, corners.slice(4 * at, 4 * at + 4), size, spatialScale),
    );
    expect(found).toEqual(expected);
  });

  it("is 0 for boxes beside the image", () => {
    const beside = given("f32", [10, 10, 12, 12], [1, 4]);
    expect(valuesOf({ x, beside }, (v) => roiPool(v.x, v.beside, [1, 2]))).toEqual([0, 0]);
  });
});
