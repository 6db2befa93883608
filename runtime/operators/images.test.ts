// Norms by channel, convolutions, pooling, resizing and sampling have PyTorch's values (PyTorch 2.0.1 on the CPU).
import { describe, expect, it } from "vitest";
import { IsochronError } from "../../kernels/index.ts";
import { affineGrid, constant, conv2d, convTranspose2d, type GridSampleOptions, gridSample, resize } from "../index.ts";
import { given, traced, valuesOf } from "../testing/traced.ts";

const counting = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const closeTo = (values: readonly number[], digits = 4) => values.map((each) => expect.closeTo(each, digits));
const vector = (values: readonly number[]) => constant(values, "f32");

describe("norms by channel", () => {
  const x = given("f32", counting(8), [2, 2, 2]);
  const y = given(
    "f32",
    counting(24).map((i) => i ** 1.5),
    [1, 4, 2, 3],
  );

  it("batchNorm takes the mean and the variance that are given", () => {
    const options = { scale: [2, 3], shift: [0.5, -1] };
    const full = valuesOf({ x }, (v) =>
      v.x.batchNorm(vector([1, 2]), vector([4, 0.25]), {
        scale: vector(options.scale),
        shift: vector(options.shift),
      }),
    );
    expect(full).toEqual(closeTo([-0.499999, 0.5, -1, 4.99988, 3.499996, 4.499995, 22.999519, 28.999399]));
    const plain = valuesOf({ x }, (v) => v.x.batchNorm(vector([1, 2]), vector([4, 0.25])));
    expect(plain).toEqual(closeTo([-0.499999, 0, 0, 1.99996, 1.499998, 1.999998, 7.99984, 9.9998]));
  });

  it("groupNorm takes neighbouring channels together", () => {
    const result = valuesOf({ y }, (v) =>
      v.y.groupNorm(2, { scale: vector([1, 2, 3, 4]), shift: vector([0, 1, 2, 3]) }),
    );
    expect(result.slice(0, 12)).toEqual(
      closeTo([
        -1.261299, -1.176816, -1.022345, -0.822312, -0.585434, -0.316749, 0.960688, 1.606701, 2.300671, 3.03949,
        3.820583, 4.641776,
      ]),
    );
    expect(result.slice(18)).toEqual(closeTo([3.386106, 4.579797, 5.805331, 7.0619, 8.348753, 9.665195]));
    expect(() => traced({ y }, (v) => v.y.groupNorm(3))).toThrow(/in 3 groups: they do not divide 4 channels/);
  });

  it("instanceNorm takes each channel by itself", () => {
    const result = valuesOf({ y }, (v) => v.y.instanceNorm());
    expect(result.slice(0, 6)).toEqual(closeTo([-1.19779, -0.942986, -0.477094, 0.126213, 0.840646, 1.651011]));
    expect(valuesOf({ y }, (v) => v.y.instanceNorm({ shift: vector([1, 0, 0, 0]) }))[0]).toEqual(
      expect.closeTo(-0.19779, 4),
    );
  });
});

describe("convolutions", () => {
  const x = given("f32", counting(9), [1, 1, 3, 3]);

  it('with padding "same" pad one more below and to the right, and add a bias', () => {
    const ones = given("f32", Array<number>(8).fill(1), [2, 1, 2, 2]);
    const y = traced({ x, ones }, (v) => conv2d(v.x, v.ones, { padding: "same", bias: vector([10, 20]) }));
    expect(y.shape).toEqual([1, 2, 3, 3]);
    expect(y.values).toEqual([18, 22, 17, 30, 34, 23, 23, 25, 18, 28, 32, 27, 40, 44, 33, 33, 35, 28]);
    const numbers = traced({ x, ones }, (v) =>
      conv2d(v.x, v.ones, { padding: 0, paddingAfter: 1, bias: vector([10, 20]) }),
    );
    expect(numbers).toEqual(y);
    expect(traced({ x, ones }, (v) => conv2d(v.x, v.ones, { padding: [1, 0], paddingAfter: [0, 2] })).shape).toEqual([
      1, 2, 3, 4,
    ]);
    expect(() => traced({ x, ones }, (v) => conv2d(v.x, v.ones, { padding: "same", stride: 2 }))).toThrow(
      IsochronError,
    );
  });

  it("transposed add a bias, and cut other widths off at either end", () => {
    const z = given("f32", counting(4), [1, 1, 2, 2]);
    const ones = given("f32", Array<number>(8).fill(1), [1, 2, 2, 2]);
    const y = valuesOf({ z, ones }, (v) => convTranspose2d(v.z, v.ones, { stride: 2, bias: vector([1, 2]) }));
    expect(y).toEqual([1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4, 2, 2, 3, 3, 2, 2, 3, 3, 4, 4, 5, 5, 4, 4, 5, 5]);
    const cut = traced({ z, ones }, (v) =>
      convTranspose2d(v.z, v.ones, { stride: 2, padding: [0, 1], paddingAfter: [2, 0] }),
    );
    expect(cut.shape).toEqual([1, 2, 2, 3]);
    expect(cut.values.slice(0, 6)).toEqual([0, 1, 1, 0, 1, 1]);
  });
});

describe("pooling", () => {
  const plane = given("f32", counting(35), [1, 1, 5, 7]);

  it("adapts its windows to the size of the result", () => {
    expect(valuesOf({ plane }, (v) => v.plane.adaptiveAvgPool([2, 3]))).toEqual([8, 10, 12, 22, 24, 26]);
    expect(valuesOf({ plane }, (v) => v.plane.adaptiveMaxPool([2, 3]))).toEqual([16, 18, 20, 30, 32, 34]);
    expect(valuesOf({ plane }, (v) => v.plane.adaptiveAvgPool(1))).toEqual([17]);
    const bytes = given("u8", counting(35), [1, 1, 5, 7]);
    expect(valuesOf({ bytes }, (v) => v.bytes.adaptiveAvgPool([2, 3]))).toEqual([8, 10, 12, 22, 24, 26]);
  });

  it("of integers takes the largest, padding never, and means towards zero", () => {
    const x = given("i64", [-5, 3, 7, -9].map(BigInt), [1, 1, 2, 2]);
    expect(valuesOf({ x }, (v) => v.x.maxPool(2, { stride: 1, padding: 1 }))).toEqual(
      [-5, 3, 3, 7, 7, 3, 7, 7, -9].map(BigInt),
    );
    const y = given("i8", [-5, 3, -7, -2, 127, 127, 127, 126], [1, 2, 2, 2]);
    expect(valuesOf({ y }, (v) => v.y.avgPool(2))).toEqual([-2, 126]);
  });
});

describe("resizing", () => {
  const pixels = [0, 50, 100, 150, 200, 250, 255, 205, 155, 105, 55, 5];
  const bytes = given("u8", pixels, [1, 1, 2, 6]);
  const floats = given("f32", pixels, [1, 1, 2, 6]);

  it("of integers rounds to the nearest, halves up", () => {
    expect(valuesOf({ bytes }, (v) => resize(v.bytes, [3, 4]))).toEqual([
      13, 88, 163, 238, 128, 128, 128, 128, 243, 168, 93, 18,
    ]);
    expect(valuesOf({ bytes }, (v) => resize(v.bytes, [1, 3], { mode: "nearest" }))).toEqual([0, 100, 200]);
    expect(valuesOf({ bytes }, (v) => resize(v.bytes, [2, 4], { antialias: true }))).toEqual([
      19, 89, 161, 231, 236, 166, 94, 24,
    ]);
  });

  it("antialiased takes every pixel into account", () => {
    const linear = valuesOf({ floats }, (v) => resize(v.floats, [2, 4], { antialias: true }));
    expect(linear).toEqual(
      closeTo([18.750002, 88.888893, 161.111099, 231.25, 236.25, 166.11113, 93.888885, 23.750002], 3),
    );
    const cubic = valuesOf({ floats }, (v) => resize(v.floats, [3, 4], { mode: "cubic", antialias: true }));
    expect(cubic).toEqual(
      closeTo(
        [
          -0.480112, 79.919113, 169.422974, 249.822235, 127.499992, 127.5, 127.499985, 127.5, 255.480164, 175.080902,
          85.576988, 5.177726,
        ],
        3,
      ),
    );
    expect(() => traced({ floats }, (v) => resize(v.floats, [1, 3], { mode: "nearest", antialias: true }))).toThrow(
      /no antialiasing of mode "nearest"/,
    );
  });
});

describe("gridSample of batches and channels", () => {
  const image = given(
    "f32",
    counting(12).map((i) => i * i),
    [1, 1, 3, 4],
  );
  const grid = given("f32", [-1.2, -0.9, -0.5, 0.1, 0.3, 0.35, 0.95, 1.3, 2.2, -2.9], [1, 5, 1, 2]);

  it.each<
    [mode: GridSampleOptions["mode"], outside: GridSampleOptions["outside"], alignCorners: boolean, values: number[]]
  >([
    ["bilinear", "zeros", true, [1.12, 28.15, 57.710003, 83.597504, 0]],
    ["bilinear", "zeros", false, [0, 28.300005, 71.32, 3.630013, 0]],
    ["bilinear", "border", true, [1.6, 28.15, 57.710003, 119.425003, 9]],
    ["bilinear", "border", false, [0, 28.300005, 71.32, 121, 9]],
    ["bilinear", "reflection", true, [2.140001, 28.15, 57.710003, 98.005005, 79.040001]],
    ["bilinear", "reflection", false, [0, 28.300005, 71.32, 121, 82.900002]],
    ["nearest", "zeros", true, [0, 25, 36, 121, 0]],
    ["nearest", "zeros", false, [0, 16, 100, 0, 0]],
    ["nearest", "border", true, [0, 25, 36, 121, 9]],
    ["nearest", "border", false, [0, 16, 100, 121, 9]],
    ["nearest", "reflection", true, [0, 25, 36, 121, 81]],
    ["nearest", "reflection", false, [0, 16, 100, 121, 81]],
    ["bicubic", "zeros", true, [0.529037, 28.729067, 65.633804, 98.851257, 0.001458]],
    ["bicubic", "zeros", false, [-0.144022, 30.874355, 85.874359, 3.080366, 0]],
    ["bicubic", "border", true, [0.811389, 27.471619, 59.747185, 127.697021, 9.000001]],
    ["bicubic", "border", false, [-1.775255, 27.577423, 75.081223, 123.397774, 8.999998]],
    ["bicubic", "reflection", true, [0.057101, 27.473227, 63.535076, 110.567444, 84.415237]],
    ["bicubic", "reflection", false, [-2.705359, 27.577423, 75.081223, 127.396278, 93.189621]],
  ])("is %s with %s outside, corners aligned: %s", (mode, outside, alignCorners, expected) => {
    const options = { mode, outside, alignCorners, coordinates: "normalized" } as GridSampleOptions;
    const found = traced({ image, grid }, (v) => gridSample(v.image, v.grid, options));
    expect(found.shape).toEqual([1, 1, 5, 1]);
    expect(found.values).toEqual(closeTo(expected, 3));
  });

  it("reads pixels of one image too, in every mode", () => {
    const single = given("f32", counting(6), [2, 3]);
    const at = given("f32", [0, 0, 1.4, 0.9, 5, 5], [3, 2]);
    const nearest = traced({ single, at }, (v) => gridSample(v.single, v.at, { mode: "nearest", outside: "border" }));
    expect(nearest).toEqual({ dtype: "f32", shape: [3], values: [0, 4, 5] });
    expect(valuesOf({ single, at }, (v) => gridSample(v.single, v.at))[1]).toEqual(expect.closeTo(4.1, 5));
  });
});

/** Twelve elements and sixteen positions of ONNX's tests of volumes. */
const volume = given("f32", counting(13).slice(1), [1, 1, 3, 2, 2]);
const within = given(
  "f32",
  [
    -1, -1, -1, -1, -0.5, 0.3, -0.5, -0.5, -0.5, 1, -0.6, -1, -0.2, -0.2, -0.2, 0.4, 0.2, 0.6, 0, 0, 0, -1, 0, 0, 0, 0,
    0, -1, 1, 0, -0.2, -0.2, -0.2, 1, 0.4, -0.2, 0.5, 0.5, 0.5, -1, -0.8, 0.8, 1, 1, 1, 0.4, 0.6, -0.3,
  ],
  [1, 2, 4, 2, 3],
);

describe("gridSample of volumes", () => {
  it.each([
    ["bilinear", true, [1, 6.7, 3.75, 2.4, 5.4, 9.3, 6.5, 6, 6.5, 7, 5.4, 6.6, 9.25, 8.4, 12, 6.1]],
    ["nearest", false, [1, 5, 1, 0, 5, 12, 5, 5, 5, 0, 5, 0, 12, 9, 0, 8]],
  ] as const)("is %s with corners aligned: %s, as in ONNX's tests", (mode, alignCorners, expected) => {
    const found = traced({ volume, within }, (v) =>
      gridSample(v.volume, v.within, { mode, alignCorners, coordinates: "normalized" }),
    );
    expect(found.shape).toEqual([1, 1, 2, 4, 2]);
    expect(found.values).toEqual(closeTo(expected));
  });

  it("reads planes as gridSample of images does, where depths are whole", () => {
    const positions = given("f32", [0.3, 0.9, 1, 1.2, -0.5, 2], [1, 2, 1, 1, 3]);
    const found = valuesOf({ volume, positions }, (v) => gridSample(v.volume, v.positions));
    const plane = (depth: number, x: number, y: number) =>
      valuesOf({ volume, at: given("f32", [x, y], [1, 2]) }, (v) =>
        gridSample(v.volume.slice([], [], [depth, depth + 1]).reshape([2, 2]), v.at),
      )[0];
    expect(found).toEqual(closeTo([Number(plane(1, 0.3, 0.9)), Number(plane(2, 1.2, -0.5))]));
  });
});

describe("affineGrid", () => {
  const turn = given("f32", [0, -1, 0.5, 1, 0, -0.25], [1, 2, 3]);
  it("maps the pixels of images by corners of the image, or by centres of its corner pixels", () => {
    const by = (alignCorners: boolean) => traced({ turn }, (v) => affineGrid(v.turn, [1, 3, 2, 2], { alignCorners }));
    expect(by(false)).toEqual({ dtype: "f32", shape: [1, 2, 2, 2], values: [1, -0.75, 1, 0.25, 0, -0.75, 0, 0.25] });
    expect(by(true).values).toEqual([1.5, -1.25, 1.5, 0.75, -0.5, -1.25, -0.5, 0.75]);
    expect(valuesOf({ turn }, (v) => affineGrid(v.turn, [1, 1, 1, 1], { alignCorners: true }))).toEqual([0.5, -0.25]);
  });

  it("maps the elements of volumes, x first", () => {
    const scale = given("f32", [2, 0, 0, 0, 0, 3, 0, 0, 0, 0, 4, 1], [1, 3, 4]);
    const found = traced({ scale }, (v) => affineGrid(v.scale, [1, 1, 2, 1, 2]));
    expect(found).toMatchObject({ shape: [1, 2, 1, 2, 3], values: [-1, 0, -1, 1, 0, -1, -1, 0, 3, 1, 0, 3] });
    expect(() => traced({ turn }, (v) => affineGrid(v.turn, [2, 1, 2, 2]))).toThrow("affineGrid of f32[1,2,3]");
  });
});
