// PyTorch's operators of quantised tensors: layers that take bytes and give bytes, and all that moves bytes or chooses among them.
import { convInteger, matmulInteger } from "../../../capture/integer-products.ts";
import { isTensor } from "../../../capture/methods/symbolic.ts";
import { dequantize, quantize } from "../../../capture/quantization.ts";
import { concat, type Tensor } from "../../../capture/tensor.ts";
import { countOf } from "../../../graph/tensor-type.ts";
import { asTensor, cast, itemsOfTorch, TorchCall, torchMisfit, unsupportedTorch } from "../call.ts";
import { kindOfTorch, TorchObject, TorchQuantized, TorchTensor, type TorchValue } from "../values.ts";
import { given, operator, type TorchOperator, type TorchResult } from "./definition.ts";
import { chosen, type Packed, packedOf } from "./quantized.ts";

type Bytes = Tensor<"i8" | "u8">;
type Float = Tensor<"f32">;

/** ScalarType of quantised tensors by number. */
const byteTypes: { readonly [number: string]: "i8" | "u8" } = { "12": "i8", "13": "u8" };
const ends = { i8: [-128, 127], u8: [0, 255] } as const;

const quantizedIn = (value: TorchValue): TorchQuantized => {
  if (value instanceof TorchQuantized) return value;
  throw torchMisfit(`${kindOfTorch(value)} is no quantised tensor`);
};

const numbersOf = ({ bytes, scale, zero }: TorchQuantized): Float => dequantize(bytes, scale, zero);

/** Bytes for numbers, by a scale and a zero point. */
const quantizedAs = (x: Float, scale: Float, zero: Bytes): TorchQuantized =>
  new TorchQuantized(quantize(x, scale, zero, zero.type.dtype) as Bytes, scale, zero);

/** The scale and the zero point that a call gives its result. */
function wanted(call: TorchCall, names: readonly [string, string], dtype: "i8" | "u8") {
  const single = (name: string, to: "f32" | "i8" | "u8"): Tensor => asTensor(call.value(name), to).reshape([]);
  return { scale: single(names[0], "f32") as Float, zero: single(names[1], dtype) as Bytes };
}

function quantizedTensor(call: TorchCall): TorchResult {
  const dtype = byteTypes[String(call.value("dtype"))];
  if (!dtype) throw unsupportedTorch("quantised tensors are there of quint8 and qint8", "quantise to 8 bits");
  const { scale, zero } = wanted(call, ["scale", "zero_point"], dtype);
  return given(quantizedAs(cast(call.tensor("self"), "f32") as Float, scale, zero));
}

/** Sums of products in integers as bytes: with a bias, rounded once, as FBGEMM does (`requantizeOutputProcessingAvx2`). */
function inBytes(
  sums: Float,
  scales: Float,
  bias: Float | undefined,
  scale: Float,
  zero: Bytes,
  rectified: boolean,
): TorchQuantized {
  const whole = bias ? sums.add(bias.div(scales)) : sums;
  const steps = whole.mul(scales.div(scale)).round();
  const shifted = (rectified ? steps.maximum(0) : steps).add(zero.cast("f32"));
  return new TorchQuantized(shifted.clamp(...ends.u8).cast("u8") as Bytes, scale, zero);
}

/** Bytes of the scale and the zero point that a call asks for. */
function requantized(
  call: TorchCall,
  sums: Float,
  scales: Float,
  bias: Float | undefined,
  names: readonly [string, string],
  rectified: boolean,
): TorchResult {
  const { scale, zero } = wanted(call, names, "u8");
  return given(inBytes(sums, scales, bias, scale, zero, rectified));
}

const byOutput = (x: Tensor, rank: number): Float =>
  (x.type.shape.length === 0 ? x : x.reshape([-1, ...new Array<number>(rank).fill(1)])) as Float;

function quantizedLinear(call: TorchCall, rectified: boolean): TorchResult {
  const x = quantizedIn(call.value("X"));
  const { weight, scales, zeroPoints, bias } = packedOf(call, "W_prepack");
  const [width, lead] = [x.shape.at(-1)!, x.shape.slice(0, -1)];
  const rows = x.bytes.reshape([countOf(lead), width]);
  const columns = (weight as Tensor<"i8">).permute([1, 0]);
  const sums = matmulInteger(rows, columns, x.zero, zeroPoints as Tensor<"i8">).cast("f32");
  const both = scales.mul(x.scale) as Float;
  const names = ["Y_scale_i", "Y_zero_point_i"] as const;
  const result = requantized(call, sums, both, bias as Float | undefined, names, rectified);
  const { bytes, scale, zero } = quantizedIn((result as { readonly value: TorchValue }).value);
  return given(new TorchQuantized(bytes.reshape([...lead, weight.shape[0]!]), scale, zero));
}

/** The numbers of a packed convolution over so many dimensions. */
function convolutionOf(call: TorchCall, rank: 2 | 3) {
  const object = call.value("packed_weight");
  const numbers = object instanceof TorchObject ? itemsOfTorch(object.attributes.get("numbers") ?? null) : undefined;
  const [dimensions, ...rest] = (numbers ?? []).map(Number);
  if (dimensions !== rank || rest.length !== 4 * rank + 2)
    throw torchMisfit(`packed_weight is ${kindOfTorch(object)} of no convolution over ${rank} dimensions`);
  const part = (at: number): number[] => rest.slice(at * rank, (at + 1) * rank);
  const [groups, transposed] = rest.slice(4 * rank) as [number, number];
  if (transposed !== 0) throw unsupportedTorch("a transposed convolution of packed weights");
  return { stride: part(0), padding: part(1), dilation: part(2), groups };
}

/** Sums of a convolution of bytes, and what they stand for. */
function convolved(call: TorchCall, rank: 1 | 2 | 3, bytes: Bytes, scale: Float, zero: Bytes) {
  const packed: Packed = packedOf(call, "packed_weight");
  const { weight, scales, zeroPoints, bias } = packed;
  // Of a line the weights are those of a plane of one row.
  const planes = rank === 3 ? 3 : 2;
  const x = rank === 1 ? bytes.unsqueeze(2) : bytes;
  const options = convolutionOf(call, planes);
  const sums = convInteger(
    x,
    weight as Tensor<"i8">,
    {
      ...options,
      zeroPoint: zero,
      weightZeroPoint: zeroPoints as Tensor<"i8">,
    } as never,
  );
  const own = rank === 1 ? sums.squeeze(2) : sums;
  return {
    sums: own.cast("f32") as Float,
    scales: byOutput(scales, rank).mul(scale) as Float,
    bias: bias && byOutput(cast(bias, "f32"), rank),
  };
}

const convolutions = ([1, 2, 3] as const).flatMap((rank) => [
  ...[false, true].map((rectified) =>
    operator(
      `quantized::conv${rank}d${rectified ? "_relu" : ""}.new(Quantized qx, Packed packed_weight, Scalar output_scale, Scalar output_zero_point) -> Tensor`,
      (call) => {
        const { bytes, scale, zero } = quantizedIn(call.value("qx"));
        const { sums, scales, bias } = convolved(call, rank, bytes, scale, zero);
        return requantized(call, sums, scales, bias, ["output_scale", "output_zero_point"], rectified);
      },
    ),
  ),
  operator(
    `quantized::conv${rank}d_dynamic(Tensor qx, Packed packed_weight, bool reduce_range=False) -> Tensor`,
    (call) => {
      const x = cast(call.tensor("qx"), "f32") as Float;
      const { scale, zero } = chosen(x, call.flag("reduce_range") ? 127 : 255);
      const bytes = quantize(x, scale, zero, "u8") as Bytes;
      const { sums, scales, bias } = convolved(call, rank, bytes, scale, zero as Bytes);
      // PyTorch keeps the result in bytes of the input's scale, whatever of it lies outside.
      return numbersOf(inBytes(sums, scales, bias, scale, zero as Bytes, false));
    },
  ),
]);

/** Arithmetic of numbers that bytes stand for, as bytes again. */
const arithmetic = (name: string, run: (a: Float, b: Float) => Float): readonly TorchOperator[] =>
  [false, true].map((rectified) =>
    operator(
      `quantized::${name}${rectified ? "_relu" : ""}(Quantized qa, Quantized qb, Scalar scale, Scalar zero_point) -> Tensor`,
      (call) => {
        const [a, b] = [quantizedIn(call.value("qa")), quantizedIn(call.value("qb"))];
        const y = run(numbersOf(a), numbersOf(b));
        const { scale, zero } = wanted(call, ["scale", "zero_point"], a.bytes.type.dtype);
        return given(quantizedAs(rectified ? y.relu() : y, scale, zero));
      },
    ),
  );

export const quantizedTensors: readonly TorchOperator[] = [
  operator("quantize_per_tensor(Tensor self, Scalar scale, Scalar zero_point, int dtype) -> Tensor", quantizedTensor),
  operator(
    "quantize_per_tensor.tensor_qparams(Tensor self, Tensor scale, Tensor zero_point, int dtype) -> Tensor",
    quantizedTensor,
  ),
  operator("dequantize.self(Quantized self) -> Tensor", (call) => numbersOf(quantizedIn(call.value("self")))),
  operator("int_repr(Quantized self) -> Tensor", (call) => quantizedIn(call.value("self")).bytes),
  ...[false, true].map((rectified) =>
    operator(
      `quantized::linear${rectified ? "_relu" : ""}(Quantized X, Packed W_prepack, Scalar Y_scale_i, Scalar Y_zero_point_i) -> Tensor`,
      (call) => quantizedLinear(call, rectified),
    ),
  ),
  ...convolutions,
  ...arithmetic("add", (a, b) => a.add(b)),
  ...arithmetic("mul", (a, b) => a.mul(b)),
  operator("quantized::cat(Quantized[] qx, int dim, Scalar? scale, Scalar? zero_point) -> Tensor", (call) => {
    const all = (itemsOfTorch(call.value("qx")) ?? []).map(quantizedIn);
    const [first] = all;
    if (!first) throw torchMisfit("quantized::cat of nothing");
    const dtype = first.bytes.type.dtype;
    const own = call.has("scale") ? wanted(call, ["scale", "zero_point"], dtype) : first;
    const y = concat(all.map(numbersOf), call.axis("dim", first.shape.length));
    return given(quantizedAs(y, own.scale, own.zero));
  }),
];

/** Operators that give bytes of the same meaning for quantised tensors: they move them, or choose among them, or average. */
const overBytes = [
  "adaptive_avg_pool1d",
  "adaptive_avg_pool2d",
  "avg_pool2d",
  "clone",
  "contiguous",
  "flatten",
  "hardtanh",
  "max_pool1d",
  "max_pool2d",
  "mean",
  "permute",
  "relu",
  "relu6",
  "reshape",
  "select",
  "slice",
  "squeeze",
  "transpose",
  "unsqueeze",
  "view",
  "dropout",
];

/** Forms of operators for quantised tensors, made of those for numbers. */
export const overQuantized = (operators: ReadonlyMap<string, readonly TorchOperator[]>): readonly TorchOperator[] =>
  overBytes.flatMap((name) =>
    (operators.get(name) ?? []).map(({ schema, run }) => {
      const [self, ...rest] = schema.arguments;
      return {
        schema: { ...schema, arguments: [{ ...self!, type: "Quantized" }, ...rest] },
        run: (call: TorchCall): TorchResult => {
          const x = quantizedIn(call.value(self!.name));
          const values = new Map(rest.map((each) => [each.name, call.value(each.name)]));
          const result = run(new TorchCall(new Map([...values, [self!.name, TorchTensor.of(numbersOf(x))]])));
          const y = isTensor(result)
            ? result
            : ((result as { readonly value: TorchValue }).value as TorchTensor).read();
          return given(quantizedAs(y as Float, x.scale, x.zero));
        },
      };
    }),
  );
