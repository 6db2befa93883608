// Products of bytes of every plan: packed, blocked, grouped, and of weights that are no constants; rounded back to bytes.
import { constant, conv2d, convInteger, dequantize, matmulInteger, quantize, type Tensor } from "isochron";
import { kernelsOf, weights } from "./scene.ts";

const bytesOf = (count: number, seed: number): Int8Array =>
  Int8Array.from(weights(count, seed, 127), (each) => Math.round(each));

/** A convolution of bytes as a quantised network has it. */
const layer = (x: Tensor<"u8">, outputs: number, kernel: number, seed: number, groups = 1): Tensor<"u8"> => {
  const inputs = x.shape[1]! / groups;
  const w = constant(bytesOf(outputs * inputs * kernel * kernel, seed), "i8", [outputs, inputs, kernel, kernel]);
  const scales = Array.from({ length: outputs }, (_, o) => 2 ** -9 * (1 + (o % 3)));
  const sum = conv2d(dequantize(x, 1 / 64, 12), dequantize(w, scales, 0, { axis: 0 }), { groups });
  const bias = constant(weights(outputs, seed + 1), "f32", [outputs, 1, 1]);
  return quantize(sum.add(bias).relu(), 1 / 16, 3, "u8");
};

export default kernelsOf("integers", (_, bytes) => {
  const plane = bytes.reshape([1, 4, 16, 16]);
  const blocked = layer(plane, 32, 3, 1);
  const grouped = layer(blocked, 32, 3, 3, 8);
  const signed = bytes.cast("i32").sub(128).cast("i8");
  const factor = dequantize(constant(bytesOf(64 * 24, 5), "i8", [64, 24]), 1 / 128);
  return {
    blocked: dequantize(blocked, 1 / 16, 3).slice([0, 1], [0, 32, 7]),
    grouped: dequantize(grouped, 1 / 16, 3).slice([0, 1], [0, 32, 7]),
    packed: dequantize(bytes, 1 / 64, 12).matmul(factor),
    product: matmulInteger(bytes, signed.slice([0, 7]).permute(), 3).cast("f32"),
    convolution: convInteger(plane, signed.slice([0, 2], [0, 36]).reshape([2, 4, 3, 3]), { stride: 2 }).cast("f32"),
  };
});
