// Softmax and norms along rows, windows and resizing of images, ordering, and steps of recurrent cells.

import { exportOnnx } from "../../../runtime/import/index.ts";
import {
  constant,
  convTranspose2d,
  gruCell,
  lstmCell,
  resize,
  state,
  type Tensor,
  tensorType,
  trace,
} from "../../../runtime/index.ts";
import { graph as made, modelBytes, node, stored } from "../../../runtime/testing/onnx-models.ts";
import { type BenchCase, type BenchEntry, numbers, plainGraph } from "../case.ts";
import { reordered } from "../models/policies.ts";

interface Unary {
  readonly shape: readonly number[];
  readonly flops: number;
  ours(x: Tensor<"f32">): Tensor<"f32">;
  /** What the peer has one operator for, and the exported graph more of them. */
  readonly theirs?: Parameters<typeof made>[0];
}

/** One operator of one input. */
function unary(name: string, { shape, flops, ours, theirs }: Unary): BenchCase {
  const graph = trace(({ x }) => ({ y: ours(x) }), { x: tensorType("f32", [...shape]) }, { name: "one" });
  const model = () => (theirs ? modelBytes(made(theirs)) : exportOnnx(graph));
  return { name, graph: plainGraph(graph), model, flops, atLeast: 1, aim: 1.5 };
}

const count = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

const softmax = (name: string, shape: readonly number[]): BenchCase =>
  unary(name, {
    shape,
    flops: 20 * count(shape),
    ours: (x) => x.softmax(-1),
  });

const logSoftmax = (name: string, shape: readonly number[]): BenchCase =>
  unary(name, {
    shape,
    flops: 20 * count(shape),
    ours: (x) => x.logSoftmax(-1),
  });

function norm(name: string, op: "layerNorm" | "rmsNorm", [rows, width]: readonly [number, number]): BenchCase {
  const [scale, shift] = [numbers(width, 5), numbers(width, 6)];
  const parameter = (data: Float32Array, known: string) => constant(data, "f32", undefined, known);
  const layer = op === "layerNorm";
  return unary(name, {
    shape: [rows, width],
    flops: (layer ? 8 : 5) * rows * width,
    ours: (x) =>
      layer
        ? x.layerNorm(parameter(scale, "scale"), parameter(shift, "shift"), 1e-5)
        : x.rmsNorm(parameter(scale, "scale"), 1e-5),
    ...(layer
      ? {}
      : {
          theirs: {
            inputs: [`x: f32[${rows},${width}]`],
            outputs: [`y: f32[${rows},${width}]`],
            nodes: [node("y = SimplifiedLayerNormalization(x, scale)", { axis: -1, epsilon: { float: 1e-5 } })],
            initializers: [stored("scale", "f32", [width], scale)],
          },
        }),
  });
}

const resized = (name: string, size: number, mode: "linear" | "cubic"): BenchCase =>
  unary(name, {
    shape: [1, 64, size, size],
    flops: (mode === "linear" ? 8 : 40) * 64 * 4 * size * size,
    ours: (x) => resize(x, [2 * size, 2 * size], { mode }),
  });

/** The largest of a row, in falling order. */
const largest = (name: string, length: number, most: number): BenchCase =>
  unary(name, {
    shape: [1, length],
    flops: length,
    ours: (x) => x.topK(most, -1).values,
  });

/** One step of a cell whose state stays between calls, weights as PyTorch keeps them. */
function cell(name: string, kind: "lstm" | "gru", inputs: number, hidden: number, atLeast: number): BenchCase {
  const lstm = kind === "lstm";
  // PyTorch's gates in ONNX's order: input, output, forget, cell; update, reset, new.
  const order = lstm ? [0, 3, 1, 2] : [1, 0, 2];
  const gates = order.length;
  const wx = numbers(gates * hidden * inputs, 41, 0.12);
  const wh = numbers(gates * hidden * hidden, 42, 0.12);
  const [bx, bh] = [numbers(gates * hidden, 43, 0.1), numbers(gates * hidden, 44, 0.1)];
  const graph = trace(
    ({ x }) => {
      const h = state("h", tensorType("f32", [1, hidden]));
      const weights = {
        input: constant(wx, "f32", [gates * hidden, inputs], "wx"),
        hidden: constant(wh, "f32", [gates * hidden, hidden], "wh"),
        inputBias: constant(bx, "f32", undefined, "bx"),
        hiddenBias: constant(bh, "f32", undefined, "bh"),
      };
      if (lstm) {
        const c = state("c", tensorType("f32", [1, hidden]));
        const next = lstmCell(x, { h: h.get(), c: c.get() }, weights);
        c.set(next.c);
        h.set(next.h);
      } else h.set(gruCell(x, h.get(), weights));
      return { y: h.get() };
    },
    { x: tensorType("f32", [1, inputs]) },
    { name: kind },
  );
  const typed = (each: string) => `${each}: f32[1,1,${hidden}]`;
  const cellState = lstm ? ["c"] : [];
  return {
    name,
    graph: plainGraph(graph),
    model: () =>
      modelBytes(
        made({
          inputs: [`x: f32[1,${inputs}]`, ...["h", ...cellState].map(typed)],
          outputs: ["y", ...cellState.map((each) => `${each}n`)].map(typed),
          initializers: [
            stored("wx", "f32", [1, gates * hidden, inputs], reordered(wx, order)),
            stored("wh", "f32", [1, gates * hidden, hidden], reordered(wh, order)),
            stored(
              "bias",
              "f32",
              [1, 2 * gates * hidden],
              Float32Array.of(...reordered(bx, order), ...reordered(bh, order)),
            ),
            stored("sequence", "i64", [3], BigInt64Array.of(1n, 1n, BigInt(inputs))),
          ],
          nodes: [
            node("xs = Reshape(x, sequence)"),
            lstm
              ? node(", y, cn = LSTM(xs, wx, wh, bias, , h, c)", { hidden_size: hidden })
              : node(", y = GRU(xs, wx, wh, bias, , h)", { hidden_size: hidden, linear_before_reset: 1 }),
          ],
        }),
      ),
    flops: 2 * (wx.length + wh.length),
    atLeast,
    aim: 2 * atLeast,
    feedback: { h: "y", ...(lstm ? { c: "cn" } : {}) },
  };
}

/** A linear layer as PyTorch keeps it, of one row. */
function linear(name: string, inputs: number, outputs: number): BenchCase {
  const [w, b] = [numbers(inputs * outputs, 51, 0.05), numbers(outputs, 52)];
  return unary(name, {
    shape: [1, inputs],
    flops: 2 * inputs * outputs,
    ours: (x) => x.linear(constant(w, "f32", [outputs, inputs], "w"), constant(b, "f32", undefined, "b")),
  });
}

/** A transposed convolution of square kernels, padded by half of what the kernel has beyond the stride. */
function transposed(
  name: string,
  [inputs, outputs]: readonly [number, number],
  kernel: number,
  stride: number,
  size: number,
): BenchCase {
  const w = numbers(inputs * outputs * kernel * kernel, 53, 0.05);
  const shape = [inputs, outputs, kernel, kernel];
  const padding = (kernel - stride) / 2;
  return unary(name, {
    shape: [1, inputs, size, size],
    flops: 2 * w.length * size * size,
    ours: (x) => convTranspose2d(x, constant(w, "f32", shape, "w"), { stride, padding }),
  });
}

/** The rows, made when asked for. */
export const rows: readonly BenchEntry[] = [
  { name: "softmax 1x1000", make: (name) => softmax(name, [1, 1000]) },
  { name: "softmax 3x197x197", make: (name) => softmax(name, [3, 197, 197]) },
  { name: "log-softmax 197x1000", make: (name) => logSoftmax(name, [197, 1000]) },
  { name: "layer norm 197x768", make: (name) => norm(name, "layerNorm", [197, 768]) },
  { name: "RMS norm 197x768", make: (name) => norm(name, "rmsNorm", [197, 768]) },
  { name: "lstm step 47-64", make: (name) => cell(name, "lstm", 47, 64, 8) },
  {
    name: "mean of 1000000x3 over rows",
    make: (name) =>
      unary(name, {
        shape: [1_000_000, 3],
        flops: 3_000_000,
        ours: (x) => x.mean([0]),
      }),
  },
  { name: "linear 4096-4097", cold: true, make: (name) => linear(name, 4096, 4097) },
  { name: "transposed conv 2x2 by 2, 1024-512 at 14", make: (name) => transposed(name, [1024, 512], 2, 2, 14) },
  { name: "transposed conv 16x16 by 8, 21-21 at 28", make: (name) => transposed(name, [21, 21], 16, 8, 28) },
  { name: "lstm step 364-364", make: (name) => cell(name, "lstm", 364, 364, 1) },
  { name: "lstm step 256-256", cold: true, make: (name) => cell(name, "lstm", 256, 256, 1) },
  { name: "gru step 47-64", make: (name) => cell(name, "gru", 47, 64, 8) },
  {
    name: "max pool 3x3 by 2, 64 at 112",
    make: (name) =>
      unary(name, {
        shape: [1, 64, 112, 112],
        flops: 9 * 64 * 56 * 56,
        ours: (x) => x.maxPool(3, { stride: 2, padding: 1 }),
      }),
  },
  {
    name: "global average pool, 512 at 7",
    make: (name) =>
      unary(name, {
        shape: [1, 512, 7, 7],
        flops: 512 * 49,
        ours: (x) => x.avgPool(7),
        theirs: {
          inputs: ["x: f32[1,512,7,7]"],
          outputs: ["y: f32[1,512,1,1]"],
          nodes: [node("y = GlobalAveragePool(x)")],
        },
      }),
  },
  { name: "bilinear resize by 2, 64 at 56", make: (name) => resized(name, 56, "linear") },
  { name: "bicubic resize by 2, 64 at 56", make: (name) => resized(name, 56, "cubic") },
  { name: "top 5 of 1000", make: (name) => largest(name, 1000, 5) },
  { name: "top 1000 of 1000 (sort)", make: (name) => largest(name, 1000, 1000) },
];
