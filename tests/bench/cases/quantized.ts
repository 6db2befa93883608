// Convolutions of eight bits: a QDQ model as the quantisation tools write it, and the same graph of ours.
import { constant, conv2d, dequantize, quantize, type Tensor, tensorType, trace } from "../../../runtime/index.ts";
import { graph as made, modelBytes, node, stored } from "../../../runtime/testing/onnx-models.ts";
import { type BenchCase, numbers, plainGraph } from "../case.ts";

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
  const type = `f32[1,${channels},${size},${size}]`;
  const scalar = (id: string, value: number) => stored(id, "f32", [], Float32Array.of(value));
  const byChannel = { axis: 0 };
  const model = () =>
    modelBytes(
      made({
        inputs: [`x: ${type}`],
        outputs: [`y: ${type}`],
        initializers: [
          scalar("in", inputScale),
          scalar("out", outputScale),
          stored("inZero", "u8", [], Uint8Array.of(inputZero)),
          stored("outZero", "u8", [], Uint8Array.of(outputZero)),
          stored("weightZero", "i8", [channels], new Int8Array(channels)),
          stored("biasZero", "i32", [channels], new Int32Array(channels)),
          ...parts.flatMap(({ weight, scales, bias, biasScales }, at) => [
            stored(`w${at}`, "i8", shape, weight),
            stored(`ws${at}`, "f32", [channels], scales),
            stored(`b${at}`, "i32", [channels], bias),
            stored(`bs${at}`, "f32", [channels], biasScales),
          ]),
        ],
        nodes: [
          node("q0 = QuantizeLinear(x, in, inZero)"),
          ...parts.flatMap((_, at) => [
            node(`d${at} = DequantizeLinear(${at === 0 ? "q0, in, inZero" : `q${at}, out, outZero`})`),
            node(`wd${at} = DequantizeLinear(w${at}, ws${at}, weightZero)`, byChannel),
            node(`bd${at} = DequantizeLinear(b${at}, bs${at}, biasZero)`, byChannel),
            node(`c${at} = Conv(d${at}, wd${at}, bd${at})`, {
              kernel_shape: [3, 3],
              pads: [1, 1, 1, 1],
              strides: [1, 1],
            }),
            node(`r${at} = Relu(c${at})`),
            node(`q${at + 1} = QuantizeLinear(r${at}, out, outZero)`),
          ]),
          node(`y = DequantizeLinear(q${layers}, out, outZero)`),
        ],
      }),
    );
  return {
    name,
    graph: plainGraph(graph),
    model,
    flops: 2 * layers * channels * taps * size * size,
    atLeast,
    aim,
  };
}
