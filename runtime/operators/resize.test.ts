// Rows of pixels resized by hand, as PyTorch's interpolate gives them.
import { describe, expect, it } from "vitest";
import { arrayFrom } from "../graph/tensor-type.ts";
import { type Graph, Interpreter, type ResizeOptions, resize, tensorType, trace } from "../index.ts";
import { decompose } from "../passes/decompose.ts";
import { given, traced, valuesOf } from "../testing/traced.ts";

function resized(row: readonly number[], size: number, options: ResizeOptions): number[] {
  const graph = trace(
    ({ x }) => ({ y: resize(x, [1, size], options) }),
    { x: tensorType("f64", [1, 1, 1, row.length]) },
    { name: "row" },
  );
  return [...new Interpreter(graph).run({ x: Float64Array.from(row) }).y];
}

describe("resize", () => {
  const row = [1, 2, 4, 8];

  it("places pixels by their centres, by the corners, or from the first", () => {
    expect(resized(row, 8, { coordinates: "halfPixel" })).toEqual([1, 1.25, 1.75, 2.5, 3.5, 5, 7, 8]);
    expect(resized(row, 7, { coordinates: "alignCorners" })).toEqual([1, 1.5, 2, 3, 4, 6, 8]);
    expect(resized(row, 8, { coordinates: "asymmetric" })).toEqual([1, 1.5, 2, 3, 4, 6, 8, 8]);
  });

  it("takes the nearest pixel, rounded as asked", () => {
    const nearest = { mode: "nearest", coordinates: "asymmetric" } as const;
    expect(resized(row, 8, { ...nearest, rounding: "floor" })).toEqual([1, 1, 2, 2, 4, 4, 8, 8]);
    expect(resized(row, 8, { ...nearest, rounding: "ceil" })).toEqual([1, 2, 2, 4, 4, 8, 8, 8]);
    expect(resized(row, 2, { mode: "nearest", rounding: "preferFloor" })).toEqual([1, 4]);
    expect(resized(row, 2, { mode: "nearest", rounding: "preferCeil" })).toEqual([2, 8]);
  });

  it("weighs four pixels by the cubic kernel", () => {
    // At a quarter behind pixel 1, with a = −0.75: −27/256, 225/256, 67/256, −9/256 of pixels 0 to 3.
    const [, , , quarter] = resized(row, 8, { mode: "cubic" });
    expect(quarter).toBeCloseTo((-27 * 1 + 225 * 2 + 67 * 4 - 9 * 8) / 256, 12);
    expect(resized(row, 7, { mode: "cubic", coordinates: "alignCorners" })[2]).toBe(2);
  });

  it("gives the values of ONNX's tests: scales, symmetric halves, antialiasing, pixels outside, regions", () => {
    const x = given(
      "f32",
      Array.from({ length: 16 }, (_, i) => i + 1),
      [1, 1, 4, 4],
    );
    const plane = (size: readonly number[], options: ResizeOptions) =>
      valuesOf({ x }, ({ x }) => resize(x, size, options));
    const scaled = (scale: number) => ({ scales: [Math.fround(scale), Math.fround(scale)] });
    const line = valuesOf({ x: given("f32", [1, 2, 3, 4], [4]) }, ({ x }) =>
      resize(x, [2], { axes: [0], coordinates: "halfPixelSymmetric", scales: [0.6] }),
    );
    expect(line).toEqual([1.6666666269302368, 3.3333332538604736]);
    expect(plane([2, 2], { ...scaled(0.6), antialias: true, excludeOutside: false })).toEqual([2.875, 4.5, 9.375, 11]);
    expect(plane([3, 3], { ...scaled(0.8), mode: "cubic", cubic: -0.5, excludeOutside: true })).toEqual([
      1.3681267499923706, 2.669501304626465, 4.013336658477783, 6.573625087738037, 7.875, 9.21883487701416,
      11.948966026306152, 13.250341415405273, 14.594176292419434,
    ]);
    const corners = valuesOf({ x: given("f32", [1, 2, 3, 4, 5, 6, 7, 8], [1, 1, 2, 4]) }, ({ x }) =>
      resize(x, [1, 2], { ...scaled(0.6), coordinates: "alignCorners" }),
    );
    expect(corners).toEqual([1, 3.142857074737549]);
    const region = { starts: [0.4, 0.6].map(Math.fround), ends: [1.2, 1.7].map(Math.fround) };
    expect(plane([3, 3], { coordinates: "cropAndResize", region, extrapolation: 10 })).toEqual([
      7.600000381469727, 10, 10, 12.40000057220459, 10, 10, 10, 10, 10,
    ]);
    const alone = valuesOf({ x: given("f32", [1, 5, 9], [1, 1, 3]) }, ({ x }) =>
      resize(x, [1], { coordinates: "pytorchHalfPixel", mode: "cubic" }),
    );
    expect(alone).toEqual([1]);
  });

  it("goes along any dimensions of any number, in any order", () => {
    const x = given("i32", [1, 2, 3, 4, 5, 6], [3, 1, 2]);
    const found = traced({ x }, ({ x }) => resize(x, [4, 6], { axes: [-1, 0], mode: "nearest", rounding: "floor" }));
    expect(found).toMatchObject({
      shape: [6, 1, 4],
      values: [1, 1, 1, 2, 1, 1, 1, 2, 1, 1, 1, 2, 3, 3, 3, 4, 3, 3, 3, 4, 5, 5, 5, 6],
    });
  });

  it("takes a region that the step finds as one that is known, bit for bit", () => {
    const options = [
      ...(["floor", "ceil", "preferFloor", "preferCeil"] as const).map(
        (rounding) => ({ mode: "nearest", rounding }) as const,
      ),
      ...(["linear", "cubic"] as const).flatMap((mode) =>
        [false, true].map((excludeOutside) => ({ mode, excludeOutside })),
      ),
    ].map((each) => ({ ...each, extrapolation: 7 }));
    const regions = [
      [0.2, 0.1, 0.9, 0.8],
      [-0.3, 0.4, 1.3, 0.7],
      [1, 0.9, 0, 0.05],
    ];
    for (const [dtype, size] of [
      ["f32", [3, 5]],
      ["i64", [4, 1]],
    ] as const) {
      const values = Array.from({ length: 20 }, (_, at) => (at * 37) % 101);
      const types = {
        x: tensorType(dtype, [1, 1, 4, 5]),
        starts: tensorType("f32", [2]),
        ends: tensorType("f64", [2]),
      };
      const places: ResizeOptions = { coordinates: "cropAndResize", scales: [1.1, 0.7] };
      const found = trace(
        ({ x, starts, ends }) =>
          Object.fromEntries(
            options.map((each, at) => [`y${at}`, resize(x, size, { ...places, ...each, region: { starts, ends } })]),
          ),
        types,
        { name: "found" },
      );
      for (const region of regions) {
        const [starts, ends] = [Float32Array.from(region.slice(0, 2)), Float64Array.from(region.slice(2))];
        const known = trace(
          ({ x }) =>
            Object.fromEntries(
              options.map((each, at) => [
                `y${at}`,
                resize(x, size, { ...places, ...each, region: { starts: [...starts], ends: [...ends] } }),
              ]),
            ),
          { x: types.x },
          { name: "known" },
        );
        const x = arrayFrom(dtype, values);
        // As a whole, and taken apart into what kernels compute.
        for (const way of [(graph: Graph) => graph, decompose])
          expect(new Interpreter(way(found as Graph)).run({ x, starts, ends } as never)).toEqual(
            new Interpreter(way(known as Graph)).run({ x } as never),
          );
      }
      const nowhere = {
        x: arrayFrom(dtype, values),
        starts: Float32Array.of(Number.NaN, 0),
        ends: Float64Array.of(1, 1),
      };
      for (const graph of [found, decompose(found)])
        for (const y of Object.values(new Interpreter(graph as Graph).run(nowhere as never)))
          expect(new Set<unknown>(y as Iterable<unknown>)).toEqual(
            new Set<unknown>(arrayFrom(dtype, [7]) as Iterable<unknown>),
          );
    }
  });

  it("refuses a region of another length, and beside other coordinates", () => {
    const x = given("f32", [1, 2, 3, 4], [1, 1, 2, 2]);
    const two = given("f32", [0, 1]);
    const three = given("f32", [0, 0.5, 1]);
    const message = /resize of f32\[1,1,2,2\] in the region f32\[\d\] to f64\[2\]/;
    const coordinates = "cropAndResize";
    expect(() =>
      valuesOf({ x, three }, ({ x, three }) =>
        resize(x, [2, 2], { coordinates, region: { starts: three, ends: [1, 1] } }),
      ),
    ).toThrow(message);
    expect(() =>
      valuesOf({ x, two }, ({ x, two }) => resize(x, [2, 2], { region: { starts: two, ends: [1, 1] } })),
    ).toThrow(message);
  });

  it.each([
    ["sizes that are not those of the dimensions", [2, 2], { axes: [0] }, "to [2,2] along [0]"],
    ["too few scales", [2, 2], { scales: [0.5] }, "with scales [0.5]"],
    ["a region that is not given", [2, 2], { coordinates: "cropAndResize" }, "no region for coordinates"],
    ["what no byte is", [2, 2], { extrapolation: 300 }, "what lies outside cannot be 300"],
  ] as const)("refuses %s", (_, size, options, message) => {
    const x = given("u8", [1, 2, 3, 4], [1, 1, 2, 2]);
    expect(() => valuesOf({ x }, ({ x }) => resize(x, size, options))).toThrow(message);
  });
});
