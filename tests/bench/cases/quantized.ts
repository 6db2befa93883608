// Convolutions of eight bits: a QDQ model as the quantisation tools write it, and the same graph of ours.
import { constant, conv2d, dequantize, quantize, type Tensor, tensorType, trace } from "../../../runtime/index.ts";
import { type BenchCase, numbers, plainGraph } from "../case.ts";
import type { Initializer, OnnxNode } from "../onnx.ts";

interface QuantizedLayer {
  readonly channels: number;
  readonly size: number;
  readonly layers: number;
}

const weightScale = (layer: number, channel: number): number =>
  Math.fround(0.0004 + 0.00001 * (channel % 16) + 0.0001 * layer);
const inputScale = Math.fround(2 / 255);
const outputScale = Math.fround(1.6 / 255);
const [inputZero, outputZero] = [128, 0];

/** 3×3 convolutions with bias and ReLU, "same" padding, their weights scaled by channel; float32 at both ends. */
export function quantizedConvolutions(name: string, layer: QuantizedLayer, atLeast: number, aim: number): BenchCase {
  const { channels, size, layers } = layer;
  const taps = channels * 9;
  const shape = [channels, channels, 3, 3];
  const parts = Array.from({ length: layers }, (_, at) => {
    const scales = Float32Array.from({ length: channels }, (_, o) => weightScale(at, o));
    const from = at === 0 ? inputScale : outputScale;
    return {
      // Seven bits: without VNNI, onnxruntime's sums of two products saturate at 16 bits (its documentation's `reduce_range`).
      weight: Int8Array.from(numbers(channels * taps, 60 + at, 63)),
      scales,
      bias: Int32Array.from(numbers(channels, 70 + at, 2000)),
      biasScales: scales.map((each) => from * each),
      from,
    };
  });
  const graph = trace(
    ({ x }) => {
      let bytes: Tensor<"u8"> = quantize(x, inputScale, inputZero, "u8");
      parts.forEach(({ weight, scales, bias, biasScales, from }, at) => {
        const w = dequantize(constant(weight, "i8", shape, `w${at}`), [...scales], 0, { axis: 0 });
        const b = dequantize(constant(bias, "i32", [channels, 1, 1], `b${at}`), [...biasScales], 0, { axis: 0 });
        const value = dequantize(bytes, from, at === 0 ? inputZero : outputZero);
        bytes = quantize(conv2d(value, w, { padding: 1 }).add(b).relu(), outputScale, outputZero, "u8");
      });
      return { y: dequantize(bytes, outputScale, outputZero) };
    },
    { x: tensorType("f32", [1, channels, size, size]) },
    { name: "bytes" },
  );
  const scalar = (id: string, value: number): Initializer => ({ name: id, shape: [], data: Float32Array.of(value) });
  const initializers: Initializer[] = [
    scalar("in", inputScale),
    scalar("out", outputScale),
    { name: "inZero", shape: [], data: Uint8Array.of(inputZero) },
    { name: "outZero", shape: [], data: Uint8Array.of(outputZero) },
    { name: "weightZero", shape: [channels], data: new Int8Array(channels) },
    { name: "biasZero", shape: [channels], data: new Int32Array(channels) },
    ...parts.flatMap(({ weight, scales, bias, biasScales }, at): Initializer[] => [
      { name: `w${at}`, shape, data: weight },
      { name: `ws${at}`, shape: [channels], data: scales },
      { name: `b${at}`, shape: [channels], data: bias },
      { name: `bs${at}`, shape: [channels], data: biasScales },
    ]),
  ];
  const byChannel = { attributes: { axis: 0 } };
  const nodes: OnnxNode[] = [
    { op: "QuantizeLinear", inputs: ["x", "in", "inZero"], outputs: ["q0"] },
    ...parts.flatMap((_, at): OnnxNode[] => [
      {
        op: "DequantizeLinear",
        inputs: at === 0 ? ["q0", "in", "inZero"] : [`q${at}`, "out", "outZero"],
        outputs: [`d${at}`],
      },
      { op: "DequantizeLinear", inputs: [`w${at}`, `ws${at}`, "weightZero"], outputs: [`wd${at}`], ...byChannel },
      { op: "DequantizeLinear", inputs: [`b${at}`, `bs${at}`, "biasZero"], outputs: [`bd${at}`], ...byChannel },
      {
        op: "Conv",
        inputs: [`d${at}`, `wd${at}`, `bd${at}`],
        outputs: [`c${at}`],
        attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [1, 1] },
      },
      { op: "Relu", inputs: [`c${at}`], outputs: [`r${at}`] },
      { op: "QuantizeLinear", inputs: [`r${at}`, "out", "outZero"], outputs: [`q${at + 1}`] },
    ]),
    { op: "DequantizeLinear", inputs: [`q${layers}`, "out", "outZero"], outputs: ["y"] },
  ];
  return {
    name,
    graph: plainGraph(graph),
    model: {
      inputs: [{ name: "x", shape: [1, channels, size, size] }],
      outputs: [{ name: "y", shape: [1, channels, size, size] }],
      initializers,
      nodes,
    },
    flops: 2 * layers * channels * taps * size * size,
    atLeast,
    aim,
  };
}
