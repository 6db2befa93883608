// Networks that onnxruntime's quantiser has made (quantised/make.py): what they are computed in, and that onnxruntime agrees.
import { readFileSync } from "node:fs";
import { InferenceSession, Tensor as PeerTensor } from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { OnnxModel } from "../../../runtime/import/onnx/model.ts";
import { Compilation, type Graph, Interpreter } from "../../../runtime/index.ts";
import { KernelInterpreter } from "../../../runtime/interpreters/kernel-interpreter.ts";

const noFiles = () => {
  throw new Error("the model has no files beside it");
};
const bytesOf = (name: string): Uint8Array => readFileSync(new URL(`quantised/${name}.onnx`, import.meta.url));

const x = Float32Array.from({ length: 3 * 64 }, (_, at) => Math.sin(at * 12.9898) * 2);

/** How many nodes of a graph are of an operator, by its name. */
const counted = (graph: Graph, ...names: readonly string[]): number[] =>
  names.map((name) => graph.nodes.filter(({ operator }) => operator.name === name).length);

/** The share of numbers that differ from others by more than one of the steps in which these lie, or of 255 of their range. */
function shareApart(found: Float32Array, wanted: Float32Array): number {
  const sorted = [...wanted].sort((a, b) => a - b);
  const gaps = sorted.slice(1).map((each, at) => each - sorted[at]!);
  const step = Math.max(Math.min(...gaps.filter((gap) => gap > 1e-4)), (sorted.at(-1)! - sorted[0]!) / 255);
  return found.filter((each, at) => Math.abs(each - wanted[at]!) > 1.001 * step).length / found.length;
}

describe("a network that onnxruntime has quantised", () => {
  it.each([
    ["qdq-u8", { convInteger: 8, matmulInteger: 1, conv2d: 0, matmul: 0 }],
    ["qdq-i8", { convInteger: 8, matmulInteger: 1, conv2d: 0, matmul: 0 }],
    // Weights around other zero points than 128 take the sum of each window besides; the phases of a transposed convolution share it.
    ["qdq-weights-u8", { convInteger: 13, matmulInteger: 1, conv2d: 0, matmul: 0 }],
    // The quantiser leaves transposed convolution to floats in this form, and in the dynamic one.
    ["operators-u8", { convInteger: 8, matmulInteger: 1, conv2d: 4, matmul: 0 }],
    ["operators-i8", { convInteger: 4, matmulInteger: 1, conv2d: 4, matmul: 0 }],
    ["dynamic", { convInteger: 8, matmulInteger: 1, conv2d: 4, matmul: 0 }],
  ])("runs as %s in integers, and gives what onnxruntime gives", async (name, expected) => {
    const bytes = bytesOf(name);
    const graph = new OnnxModel(bytes, `${name}.onnx`, noFiles).graph();
    const compilation = Compilation.of(graph);
    const { portable } = compilation.methods[0]!;
    expect(counted(portable, ...Object.keys(expected))).toEqual(Object.values(expected));
    const found = new KernelInterpreter(compilation.code("x86-64-v3")).step([x]).outputs;
    const [y, gated] = found.map(
      ({ buffer, byteOffset, byteLength }) => new Float32Array(buffer, byteOffset, byteLength / 4),
    ) as [Float32Array, Float32Array];
    const session = await InferenceSession.create(bytes, { graphOptimizationLevel: "disabled" });
    const peer = await session.run({ x: new PeerTensor("float32", x, [1, 3, 8, 8]) });
    const meant = new Interpreter(graph).run({ x }) as unknown as { y: Float32Array; gated: Float32Array };
    for (const [found, name] of [
      [y, "y"],
      [gated, "gated"],
    ] as const) {
      const theirs = peer[name]!.data as Float32Array;
      expect(new Set(theirs).size).toBeGreaterThan(9);
      // What falls to the other side of a half is a step apart, of which the gate's rounding makes three.
      for (const wanted of [meant[name], theirs]) expect(shareApart(found, wanted), name).toBeLessThan(0.05);
    }
  });
});
