// Quantised graphs: what rounding means, that graphs in QDQ form run in integers, and that every target computes the same.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { runnableTargets } from "../../kernels/index.ts";
import {
  type ArraysOf,
  compile,
  constant,
  conv2d,
  convInteger,
  dequantize,
  type Graph,
  graphOf,
  Interpreter,
  load,
  matmulInteger,
  quantize,
  type Signature,
  type Tensor,
  targetsOf,
  tensorType,
  trace,
} from "../index.ts";
import { withPlan } from "../testing/with-plan.ts";

const cacheDir = join(fileURLToPath(new URL("../..", import.meta.url)), ".cache/kernels");
const targets = runnableTargets();

/** The outputs of one step on every target of this machine, whose bits must be equal. */
async function outputsOf<I extends Signature, O extends Signature>(
  graph: Graph<I, O>,
  inputs: ArraysOf<I>,
): Promise<ArraysOf<O>> {
  const artifact = await compile(graph, { targets, cacheDir });
  const results = targets.map((target) => {
    const program = load(artifact, { target });
    const outputs = program.newOutputs();
    program.run(inputs, outputs);
    return outputs as ArraysOf<O>;
  });
  for (const each of results) expect(each).toEqual(results[0]);
  return results[0]!;
}

const generator = (seed: number) => {
  let state = (seed * 2654435761) >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
};
const floats = (count: number, seed: number, size: number): Float32Array => {
  const next = generator(seed);
  return Float32Array.from({ length: count }, () => (next() * 2 - 1) * size);
};
const signed = (count: number, seed: number): Int8Array => Int8Array.from(floats(count, seed, 128));

const nearestEven = (value: number): number => {
  const low = Math.floor(value);
  return value - low === 0.5 ? low + (low & 1) : Math.round(value);
};
const clamped = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high);

describe("quantize", () => {
  const x = [0.5, 1.5, 2.5, -0.5, -1.5, 126.5, 127.5, 1e9, -1e9, Infinity, -Infinity, NaN, -0, 0.49999997];
  it("rounds halves to even, saturates, and makes the lower end of NaN", async () => {
    const graph = trace(
      ({ x }) => ({ u: quantize(x, 1, 3, "u8"), i: quantize(x, 1, 0, "i8"), w: quantize(x, 0.5, -1, "i16") }),
      { x: tensorType("f32", [x.length]) },
      { name: "rounding" },
    );
    const { u, i, w } = await outputsOf(graph, { x: Float32Array.from(x) });
    expect([...u]).toEqual([3, 5, 5, 3, 1, 129, 131, 255, 0, 255, 0, 0, 3, 3]);
    expect([...i]).toEqual([0, 2, 2, 0, -2, 126, 127, 127, -128, 127, -128, -128, 0, 0]);
    expect([...w]).toEqual([0, 2, 4, -2, -4, 252, 254, 32767, -32768, 32767, -32768, -32768, -1, 0]);
  });

  it("takes a scale and a zero point per channel, and dequantize turns it back", async () => {
    const graph = trace(
      ({ x }) => {
        const q = quantize(x, [1, 0.5], [10, 20], "u8");
        return { q, y: dequantize(q, [1, 0.5], [10, 20]) };
      },
      { x: tensorType("f32", [1, 2, 3]) },
      { name: "channels" },
    );
    const { q, y } = await outputsOf(graph, { x: Float32Array.of(1, -2, 300, 1, -2, 300) });
    expect([...q]).toEqual([11, 8, 255, 22, 16, 255]);
    expect([...y]).toEqual([1, -2, 245, 1, -2, 117.5]);
  });
});

describe("integer products", () => {
  it("subtract the zero point, which is also what pads", async () => {
    const [a, w] = [Uint8Array.of(3, 130, 255, 0, 7, 128), signed(6, 1)];
    const graph = trace(
      ({ a }) => ({
        product: matmulInteger(a.reshape([2, 3]), constant(w, "i8", [3, 2]), 128),
        plane: convInteger(a.reshape([1, 1, 2, 3]), constant(w.slice(0, 3), "i8", [1, 1, 1, 3]), {
          padding: [0, 1],
          zeroPoint: 128,
        }),
      }),
      { a: tensorType("u8", [6]) },
      { name: "zero" },
    );
    const { product, plane } = await outputsOf(graph, { a });
    const at = (row: number, column: number) =>
      row < 0 || row > 1 || column < 0 || column > 2 ? 0 : a[row * 3 + column]! - 128;
    const places = [0, 1].flatMap((row) => [0, 1, 2].map((column) => [row, column] as const));
    expect([...plane]).toEqual(
      places.map(([row, column]) => [0, 1, 2].reduce((sum, j) => sum + at(row, column + j - 1) * w[j]!, 0)),
    );
    expect([...product]).toEqual(
      [0, 1].flatMap((row) =>
        [0, 1].map((column) => [0, 1, 2].reduce((sum, j) => sum + at(row, j) * w[j * 2 + column]!, 0)),
      ),
    );
  });
});

interface QdqConvolution {
  readonly channels: number;
  readonly outputs: number;
  readonly plane: readonly [number, number];
  readonly kernel: number;
  readonly stride: number;
  readonly dtype: "u8" | "i8";
  readonly zero: number;
  readonly relu: boolean;
  readonly groups: number;
}

const [inputScale, outputScale] = [Math.fround(0.013), Math.fround(0.11)];

/** quantize, dequantize, convolve with dequantised weights, add a bias of whole steps, quantize. */
function qdq({ channels, outputs, plane, kernel, stride, dtype, zero, relu, groups }: QdqConvolution) {
  const inner = channels / groups;
  const taps = inner * kernel * kernel;
  const weight = signed(outputs * taps, 3);
  const scales = Float32Array.from({ length: outputs }, (_, o) => 0.002 + 0.0003 * o);
  const biasScales = scales.map((scale) => inputScale * scale);
  const bias = Int32Array.from(floats(outputs, 4, 3000));
  const padding = (kernel - 1) / 2;
  const graph = trace(
    ({ x }) => {
      const value = dequantize(quantize(x, inputScale, zero, dtype) as Tensor<"u8">, inputScale, zero);
      const w = dequantize(constant(weight, "i8", [outputs, inner, kernel, kernel]), [...scales], 0, { axis: 0 });
      const b = dequantize(constant(bias, "i32", [outputs, 1, 1]), [...biasScales], 0, { axis: 0 });
      const sum = conv2d(value, w, { padding, stride, groups }).add(b);
      return { y: quantize(relu ? sum.relu() : sum, outputScale, zero, dtype) };
    },
    { x: tensorType("f32", [1, channels, ...plane]) },
    { name: "qdq" },
  );
  const [least, most] = dtype === "u8" ? [0, 255] : [-128, 127];
  /** The same by integers, written out. */
  const meaning = (x: Float32Array): number[] => {
    const [height, width] = plane;
    const bytes = Array.from(x, (each) => clamped(nearestEven(Math.fround(each / inputScale)) + zero, least, most));
    const [h, w] = plane.map((size) => Math.floor((size + 2 * padding - kernel) / stride) + 1) as [number, number];
    const result: number[] = [];
    for (let o = 0; o < outputs; o++)
      for (let row = 0; row < h; row++)
        for (let column = 0; column < w; column++) {
          let sum = bias[o]!;
          const first = Math.floor(o / (outputs / groups)) * inner;
          for (let c = 0; c < inner; c++)
            for (let ky = 0; ky < kernel; ky++)
              for (let kx = 0; kx < kernel; kx++) {
                const [r, s] = [row * stride + ky - padding, column * stride + kx - padding];
                if (r < 0 || s < 0 || r >= height || s >= width) continue;
                const tap = ((o * inner + c) * kernel + ky) * kernel + kx;
                sum += (bytes[((first + c) * height + r) * width + s]! - zero) * weight[tap]!;
              }
          const factor = Math.fround(Math.fround(inputScale * scales[o]!) / outputScale);
          const low = relu ? Math.max(least!, zero) : least!;
          result.push(clamped(nearestEven(Math.fround(Math.fround(sum) * factor)) + zero, low, most!));
        }
    return result;
  };
  return { graph, meaning };
}

const convolutions: readonly QdqConvolution[] = [
  { channels: 16, outputs: 16, plane: [6, 7], kernel: 3, stride: 1, dtype: "u8", zero: 128, relu: true, groups: 1 },
  { channels: 3, outputs: 24, plane: [9, 8], kernel: 3, stride: 2, dtype: "u8", zero: 7, relu: false, groups: 1 },
  { channels: 20, outputs: 33, plane: [5, 5], kernel: 1, stride: 1, dtype: "i8", zero: -3, relu: true, groups: 1 },
  { channels: 5, outputs: 3, plane: [5, 6], kernel: 3, stride: 1, dtype: "i8", zero: 0, relu: false, groups: 1 },
  { channels: 24, outputs: 24, plane: [6, 9], kernel: 3, stride: 1, dtype: "u8", zero: 99, relu: false, groups: 24 },
  { channels: 32, outputs: 32, plane: [5, 9], kernel: 3, stride: 2, dtype: "i8", zero: 5, relu: false, groups: 8 },
  { channels: 32, outputs: 64, plane: [5, 5], kernel: 1, stride: 1, dtype: "u8", zero: 9, relu: true, groups: 2 },
  { channels: 40, outputs: 30, plane: [5, 5], kernel: 1, stride: 1, dtype: "u8", zero: 0, relu: false, groups: 2 },
];

describe("a graph in QDQ form", () => {
  it.each(convolutions)(
    "computes a convolution of $channels to $outputs channels of $dtype in integers, in $groups groups",
    async (each) => {
      const { graph, meaning } = qdq(each);
      const x = floats(each.channels * each.plane[0] * each.plane[1], 5, 2);
      const { y } = await outputsOf(graph, { x });
      expect([...y]).toEqual(meaning(x));
      // The float graph rounds on its way, so a value near a half may fall to the other side.
      const [simplified, asWritten] = [withPlan(graph as unknown as Graph), graph as unknown as Graph].map(
        (given) => new Interpreter(given).run({ x }).y!,
      );
      expect([...simplified!]).toEqual([...y]);
      for (const [at, value] of [...y].entries())
        expect(Math.abs(value - Number(asWritten![at]))).toBeLessThanOrEqual(1);
      expect(new Set(y).size).toBeGreaterThan(30);
    },
  );

  it("is simplified to a product of bytes and one rounding", () => {
    const { graph } = qdq(convolutions[0]!);
    const text = withPlan(graph as unknown as Graph).toString();
    expect(text.split("\n").slice(4)).toMatchInlineSnapshot(`
      [
        "  %0 = reshape(%x, shape=[1,1,16,6,7])                                       : f32[1,1,16,6,7]",
        "  %1 = permute(%0, axes=[0,1,3,4,2])                                         : f32[1,1,6,7,16]",
        "  %2 = quantize(%1, 0.013, 128)                                              : u8[1,1,6,7,16]",
        "  %3 = pad(%2, before=[0,0,1,1,0], after=[0,0,1,1,0], value=128)             : u8[1,1,8,9,16]",
        "  %4 = blockedConvInteger(%3, @c, stride=[1,1], dilation=[1,1], channels=16) : i32[1,1,6,7,16]",
        "  %5 = add(%4, @offset)                                                      : i32[1,1,6,7,16]",
        "  %6 = requantize(%5, @scale, dtype=u8, zeroPoint=128, low=128, high=255)    : u8[1,1,6,7,16]",
        "  %7 = reshape(%6, shape=[1,1,42,16])                                        : u8[1,1,42,16]",
        "  %8 = permute(%7, axes=[0,1,3,2])                                           : u8[1,1,16,42]",
        "  %9 = reshape(%8, shape=[1,16,6,7])                                         : u8[1,16,6,7]",
        "  return y=%9",
      ]
    `);
  });

  it("multiplies matrices, rounding with a bias that is no whole number of steps", async () => {
    const [rows, depth, columns] = [3, 21, 19];
    const weight = signed(columns * depth, 6);
    const bias = floats(columns, 7, 0.5);
    const graph = trace(
      ({ x }) => {
        const value = dequantize(quantize(x, inputScale, 100, "u8"), inputScale, 100);
        const w = dequantize(constant(weight, "i8", [columns, depth]), 0.004, 0, { axis: 0 });
        return { y: quantize(value.linear(w, constant(bias, "f32")), outputScale, 9, "u8") };
      },
      { x: tensorType("f32", [rows, depth]) },
      { name: "linear" },
    );
    const plain = withPlan(graph as unknown as Graph);
    const names = plain.nodes.map(({ operator }) => operator.name);
    expect(names).toEqual(["quantize", "packedMatmulInteger", "add", "requantize"]);
    const x = floats(rows * depth, 8, 2);
    const { y } = await outputsOf(graph, { x });
    const factor = Math.fround(Math.fround(inputScale * Math.fround(0.004)) / outputScale);
    const meant = Array.from({ length: rows * columns }, (_, at) => {
      const [row, column] = [Math.floor(at / columns), at % columns];
      let sum = 0;
      for (let j = 0; j < depth; j++) {
        const byte = clamped(nearestEven(Math.fround(x[row * depth + j]! / inputScale)) + 100, 0, 255);
        sum += (byte - 100) * weight[column * depth + j]!;
      }
      const product = Math.fround(sum * factor);
      return clamped(nearestEven(Math.fround(product + Math.fround(bias[column]! / outputScale))) + 9, 0, 255);
    });
    expect([...y]).toEqual(meant);
  });

  it("subtracts zero points with which weights are no signed bytes from the sums", async () => {
    const [bytes, zeros] = [Uint8Array.from(signed(36, 9), (each) => each + 128), [0, 100, 255, 31]];
    const graph = trace(
      ({ x }) => {
        const value = dequantize(quantize(x, inputScale, 100, "u8"), inputScale, 100);
        const scales = [0.001, 0.002, 0.001, 0.003];
        const apart = dequantize(constant(bytes, "u8", [4, 1, 3, 3]), scales, zeros, { axis: 0 });
        const all = dequantize(constant(bytes, "u8", [9, 4]), scales, zeros, { axis: 1 });
        return {
          plane: quantize(conv2d(value, apart, { groups: 4, padding: 1 }), 0.01, 120, "u8"),
          product: quantize(value.reshape([16, 9]).matmul(all), 0.01, 120, "u8"),
        };
      },
      { x: tensorType("f32", [1, 4, 6, 6]) },
      { name: "zeros" },
    );
    const names = withPlan(graph as unknown as Graph).nodes.map(({ operator }) => operator.name);
    expect(names.filter((name) => name === "conv2d" || name === "matmul")).toEqual([]);
    const x = floats(144, 8, 1.5);
    const found = await outputsOf(graph, { x });
    const meant = new Interpreter(graph).run({ x });
    for (const name of ["plane", "product"] as const) {
      expect(new Set(found[name]).size).toBeGreaterThan(30);
      for (const [at, value] of found[name].entries())
        expect(Math.abs(value - meant[name][at]!)).toBeLessThanOrEqual(1);
    }
  });

  it("stays in float32 where weights vary from call to call", () => {
    const graph = trace(
      ({ x, v }) => {
        const value = dequantize(quantize(x, 0.1, 0, "u8"), 0.1, 0);
        return { y: conv2d(value, dequantize(v, 0.1, 0)) };
      },
      { x: tensorType("f32", [1, 4, 2, 2]), v: tensorType("i8", [4, 4, 1, 1]) },
      { name: "floats" },
    );
    const names = withPlan(graph as unknown as Graph).nodes.map(({ operator }) => operator.name);
    expect(names).toContain("conv2d");
    expect(names.some((name) => name.endsWith("Integer"))).toBe(false);
  });
});

describe("an artifact", () => {
  it("holds code for dot products of bytes where its graph has any, and compiles again to the same bytes", async () => {
    const { graph } = qdq(convolutions[0]!);
    const artifact = await compile(graph, { cacheDir });
    const five = ["x86-64-v3", "x86-64-v4", "x86-64-v4+vnni", "aarch64", "aarch64+dotprod"];
    expect(Object.keys(artifact.manifest.targets)).toEqual(five);
    const again = await compile(graphOf(artifact), { cacheDir });
    expect(Buffer.from(again.bytes).equals(artifact.bytes)).toBe(true);
    const best = load(artifact).target;
    expect(best).toBe(targets[0]);
    const plain = trace(({ x }) => ({ y: x.add(1) }), { x: tensorType("f32", [4]) }, { name: "plain" });
    expect(targetsOf(plain as unknown as Graph)).toEqual(["x86-64-v3", "x86-64-v4", "aarch64"]);
  });
});
