// What stands between products of bytes: it is computed on bytes or on sums of them, and no floats of an image are kept.
import { describe, expect, it } from "vitest";
import {
  Compilation,
  concat,
  constant,
  conv2d,
  convTranspose2d,
  dequantize,
  type Graph,
  Interpreter,
  quantize,
  resize,
  type Tensor,
  tensorType,
  trace,
} from "../index.ts";
import { KernelInterpreter } from "../interpreters/kernel-interpreter.ts";

type Numbers = Tensor<"f32">;
type Byte = "u8" | "i8";

const drawn = (count: number, seed: number, size: number): Float32Array =>
  Float32Array.from({ length: count }, (_, at) => Math.sin(at * 12.9898 + seed * 78.233) * size);
const weight = (shape: readonly number[], seed: number, axis: number): Numbers => {
  const data = Int8Array.from(
    drawn(
      shape.reduce((a, b) => a * b),
      seed,
      127,
    ),
  );
  const scales = Array.from({ length: shape[axis]! }, (_, o) => 0.001 + 0.0002 * o);
  return dequantize(constant(data, "i8", shape), scales, 0, { axis });
};

/** Numbers as bytes, and back. */
const through = (x: Numbers, scale: number, zero: number, dtype: Byte): Numbers => {
  const shift = dtype === "i8" ? 128 : 0;
  return dequantize(quantize(x, scale, zero - shift, dtype) as Tensor<"u8">, scale, zero - shift);
};

interface Between {
  readonly name: string;
  /** What bytes, and others of a convolution, become before they are rounded again; at this scale and zero point. */
  readonly body: (x: Numbers, other: Numbers) => Numbers;
  readonly to?: readonly [scale: number, zero: number];
  /** Operators that the decluttered graph has between the convolutions and the rounding, without repetitions. */
  readonly operators: readonly string[];
}

const [scale, zero] = [0.01, 120];
const cases: readonly Between[] = [
  {
    name: "the largest of windows",
    body: (x) => x.maxPool(3, { stride: 2, padding: 1 }),
    operators: ["pad", "slice", "maximum"],
  },
  { name: "the mean of windows", body: (x) => x.avgPool(2), operators: ["slice", "cast", "add", "requantize"] },
  {
    name: "the mean of an image",
    body: (x) => x.mean([2, 3], { keepDims: true }),
    to: [0.002, 128],
    operators: ["cast", "sum", "add", "requantize"],
  },
  { name: "relu", body: (x) => x.relu(), operators: ["maximum"] },
  {
    name: "a larger image of the nearest pixels",
    body: (x) => resize(x, [12, 12], { mode: "nearest" }),
    operators: ["indexSelect"],
  },
  {
    name: "others at the same scale beside them",
    body: (x) => concat([x, x.flip([3])], 1),
    operators: ["flip", "concat"],
  },
  {
    name: "others at another scale beside them",
    body: (x, other) => concat([x, other], 1),
    operators: ["dequantize", "quantize", "concat"],
  },
  {
    name: "others added",
    body: (x, other) => x.add(other),
    to: [0.015, 117],
    operators: ["dequantize", "add", "quantize"],
  },
  {
    name: "a gate",
    body: (x) => x.mul(x.sigmoid()),
    to: [0.005, 7],
    operators: ["dequantize", "sigmoid", "mul", "quantize"],
  },
  {
    name: "a transposed convolution",
    body: (x) =>
      convTranspose2d(x, weight([16, 8, 2, 2], 5, 1), { stride: 2 })
        .add(constant([...drawn(8, 6, 1)], "f32", [8, 1, 1]))
        .relu(),
    to: [0.015, 3],
    operators: ["convInteger", "add", "requantize", "reshape", "concat"],
  },
  {
    name: "a transposed convolution whose windows overlap",
    body: (x) => convTranspose2d(x, weight([16, 8, 3, 3], 5, 1), { stride: 2, padding: 1 }),
    to: [0.015, 130],
    operators: ["pad", "convInteger", "add", "requantize", "reshape", "concat", "slice"],
  },
];

function graphOf({ body, to = [scale, zero] }: Between, dtype: Byte): Graph {
  const shift = dtype === "i8" ? 128 : 0;
  return trace(
    ({ x }) => {
      const bytes = through(x, 0.01, 128, dtype);
      const one = through(conv2d(bytes, weight([16, 16, 1, 1], 1, 0)), scale, zero, dtype);
      const other = through(conv2d(bytes, weight([16, 16, 1, 1], 2, 0)), 0.008, 100, dtype);
      return { y: quantize(body(one, other), to[0], to[1] - shift, dtype) };
    },
    { x: tensorType("f32", [1, 16, 6, 6]) },
    { name: "between" },
  ) as unknown as Graph;
}

const named = cases.map((each) => [each.name, each] as const);

describe("between products of bytes", () => {
  it.each(named)("%s stands on bytes, within one step of the floats", (_, each) => {
    const graph = graphOf(each, "u8");
    const compilation = Compilation.of(graph);
    const { portable, planned } = compilation.methods[0]!;
    const names = portable.nodes.map(({ operator }) => operator.name);
    const last = names.lastIndexOf("requantize", names.length - 2);
    const between = each.operators.includes("requantize") ? names.indexOf("requantize") : last;
    expect([...new Set(names.slice(between + 1))].sort()).toEqual([...each.operators].sort());
    const code = compilation.code("x86-64-v3");
    const floats = code.methods[0]!.calls.flatMap(({ operands }) =>
      operands.filter(({ memory }) => memory.home.kind === "scratch" && memory.dtype === "f32"),
    );
    expect(floats).toEqual([]);
    const x = drawn(16 * 36, 3, 1.3);
    const found = new KernelInterpreter(code).step([x]).outputs[0]!;
    expect([...found]).toEqual([...(new Interpreter(planned).run({ x }).y as Uint8Array)]);
    const meant = new Interpreter(graph).run({ x }).y as Uint8Array;
    expect(Math.max(...found.map((byte, at) => Math.abs(byte - meant[at]!)))).toBeLessThanOrEqual(1);
    expect(new Set(found).size).toBeGreaterThan(8);
  });

  it.each(named)("%s gives signed bytes as it gives unsigned ones", (_, each) => {
    const x = drawn(16 * 36, 3, 1.3);
    const [unsigned, signed] = (["u8", "i8"] as const).map((dtype) => {
      const { planned } = Compilation.of(graphOf(each, dtype)).methods[0]!;
      return new Interpreter(planned).run({ x }).y as Uint8Array | Int8Array;
    });
    expect(Array.from(signed!, (byte) => byte + 128)).toEqual([...unsigned!]);
  });
});
