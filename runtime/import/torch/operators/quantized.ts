// PyTorch's quantised operators of floats: linear layers whose weights are packed bytes, and rounding as in training.

import { matmulInteger } from "../../../capture/integer-products.ts";
import { quantize } from "../../../capture/quantization.ts";
import { constant, type Tensor, where } from "../../../capture/tensor.ts";
import { countOf } from "../../../graph/tensor-type.ts";
import { cast, type TorchCall, torchMisfit, unsupportedTorch } from "../call.ts";
import { kindOfTorch, TorchObject, TorchTensor } from "../values.ts";
import { operator, type TorchOperator } from "./definition.ts";

/** Weights [out, in, …] as bytes, the numbers that these stand for, and a bias. */
export interface Packed {
  readonly weight: Tensor;
  readonly scales: Tensor;
  readonly zeroPoints: Tensor;
  readonly bias: Tensor | undefined;
}

export function packedOf(call: TorchCall, name: string): Packed {
  const object = call.value(name);
  const attribute = (key: string): Tensor | undefined => {
    const value = object instanceof TorchObject ? object.attributes.get(key) : undefined;
    return value instanceof TorchTensor ? value.read() : undefined;
  };
  const [weight, scales, zeroPoints] = [attribute("weight"), attribute("scales"), attribute("zeroPoints")];
  if (!weight || !scales || !zeroPoints)
    throw torchMisfit(`${name} is ${kindOfTorch(object)} instead of packed weights`);
  return { weight, scales, zeroPoints, bias: attribute("bias") };
}

/** Scale and zero point of values from the least to the largest, zero among them, as PyTorch chooses them. */
export function chosen(
  x: Tensor<"f32">,
  largest: number,
): { readonly scale: Tensor<"f32">; readonly zero: Tensor<"u8"> } {
  const [low, high] = [x.min().minimum(0), x.max().maximum(0)];
  const range = high.sub(low).div(largest);
  const scale = where(range.equal(0), constant(0.1, "f32"), range);
  const zero = low.neg().div(scale).round().clamp(0, largest).cast("u8");
  return { scale, zero };
}

/** A linear layer whose inputs become bytes as they come: one scale for all of them. */
function dynamicLinear(call: TorchCall): Tensor {
  const { weight, scales, zeroPoints, bias } = packedOf(call, "W_prepack");
  if (weight.dtype !== "i8") throw unsupportedTorch(`packed weights of ${weight.dtype}`);
  const x = cast(call.tensor("X"), "f32") as Tensor<"f32">;
  const [width, lead] = [x.shape.at(-1)!, x.shape.slice(0, -1)];
  const rows = x.reshape([countOf(lead), width]);
  // With a bit less, no product of two bytes overflows the 16 bits of older machines.
  const { scale, zero } = chosen(rows, call.flag("reduce_range") ? 127 : 255);
  const bytes = quantize(rows, scale, zero, "u8");
  const product = matmulInteger(bytes, (weight as Tensor<"i8">).permute([1, 0]), zero, zeroPoints as Tensor<"i8">);
  const y = product.cast("f32").mul(scales.mul(scale) as Tensor<"f32">);
  return (bias ? y.add(cast(bias, "f32") as Tensor<"f32">) : y).reshape([...lead, weight.shape[0]!]);
}

const relu = (run: (call: TorchCall) => Tensor) => (call: TorchCall) => run(call).relu();

/** The weights of packed ones as they are computed with. */
function unpacked(call: TorchCall): { readonly weight: Tensor; readonly bias: Tensor | undefined } {
  const { weight, scales, zeroPoints, bias } = packedOf(call, "W_prepack");
  const column = (x: Tensor): Tensor => (x.shape.length === 0 ? x : x.unsqueeze(1));
  return {
    weight: cast(weight, "f32")
      .sub(column(cast(zeroPoints, "f32")))
      .mul(column(scales)),
    bias,
  };
}

/** A linear layer whose weights are of half precision. */
function halfLinear(call: TorchCall): Tensor {
  const { weight, bias } = unpacked(call);
  const x = call.tensor("X");
  const lead = x.shape.slice(0, -1);
  const rows = x.reshape([countOf(lead), x.shape.at(-1)!]);
  const product = rows.matmul(weight.permute([1, 0]));
  return (bias ? product.add(bias) : product).reshape([...lead, weight.shape[0]!]);
}

/** To integers and back: what a network that learns to be quantised computes. */
function fakeQuantized(call: TorchCall, scale: Tensor, zero: Tensor): Tensor {
  const x = call.tensor("self");
  const steps = x.div(cast(scale, x.dtype)).round().add(cast(zero, x.dtype));
  const held = steps.clamp(call.int("quant_min"), call.int("quant_max"));
  return held.sub(cast(zero, x.dtype)).mul(cast(scale, x.dtype));
}

export const quantized: readonly TorchOperator[] = [
  operator("quantized::linear_dynamic(Tensor X, Packed W_prepack, bool reduce_range=False) -> Tensor", dynamicLinear),
  operator(
    "quantized::linear_relu_dynamic(Tensor X, Packed W_prepack, bool reduce_range=False) -> Tensor",
    relu(dynamicLinear),
  ),
  operator("quantized::linear_dynamic_fp16(Tensor X, Packed W_prepack) -> Tensor", halfLinear),
  operator("quantized::linear_relu_dynamic_fp16(Tensor X, Packed W_prepack) -> Tensor", relu(halfLinear)),
  operator(
    "fake_quantize_per_tensor_affine(Tensor self, float scale, int zero_point, int quant_min, int quant_max) -> Tensor",
    (call) => fakeQuantized(call, constant(call.float("scale"), "f32"), constant(call.int("zero_point"), "f32")),
  ),
  operator(
    "fake_quantize_per_tensor_affine.tensor_qparams(Tensor self, Tensor scale, Tensor zero_point, int quant_min, int quant_max) -> Tensor",
    (call) => fakeQuantized(call, call.tensor("scale"), call.tensor("zero_point")),
  ),
  operator(
    "fake_quantize_per_channel_affine(Tensor self, Tensor scale, Tensor zero_point, int axis, int quant_min, int quant_max) -> Tensor",
    (call) => {
      const rank = call.tensor("self").shape.length;
      const axis = call.axis("axis", rank);
      const along = (x: Tensor) => x.reshape(Array.from({ length: rank }, (_, at) => (at === axis ? x.shape[0]! : 1)));
      return fakeQuantized(call, along(call.tensor("scale")), along(call.tensor("zero_point")));
    },
  ),
];
