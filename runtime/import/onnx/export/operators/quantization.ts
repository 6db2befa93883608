// Quantising to bytes and back, as ONNX has it.
import { operators } from "../../../../operators/index.ts";
import { type Call, type Entry, rule } from "../call.ts";
import type { Written, WrittenAttributes } from "../writer.ts";

/** The only dimension of x along which a parameter differs; undefined where it is one for all. Throws for several. */
function axisOf(call: Call, at: number): number | undefined {
  const rank = call.result.shape.length;
  const shape = call.shape(at);
  const axes = shape.flatMap((size, d) => (size === 1 ? [] : [d + rank - shape.length]));
  if (axes.length > 1)
    call.refuse(`parameters along ${axes.length} dimensions`, "give one for all, or one per channel");
  return axes[0];
}

/** The scale and the zero point as they stand in ONNX: one of each, or a list along one dimension. */
function parameters(call: Call): { readonly operands: Written[]; readonly attributes: WrittenAttributes } {
  const result = call.sizes(call.result.shape);
  const found = [axisOf(call, 1), axisOf(call, 2)];
  const [axis] = found.filter((each) => each !== undefined);
  if (found.some((each) => each !== undefined && each !== axis))
    call.refuse("its scale and its zero point go along different dimensions");
  if (axis === undefined) return { operands: [1, 2].map((at) => call.reshape(call.operands[at]!, [])), attributes: {} };
  const operands = [1, 2].map((at) => {
    const list = call.reshape(call.operands[at]!, [found[at - 1] === undefined ? 1 : result[axis]!]);
    return found[at - 1] === undefined ? call.op("Expand", [list, call.list([result[axis]!])]) : list;
  });
  return { operands, attributes: { axis } };
}

const linear =
  (name: string) =>
  (call: Call): Written => {
    const { dtype } = name === "QuantizeLinear" ? call.result : call.type(0);
    if (call.opset < 21 && dtype.endsWith("16"))
      call.refuse(`operator set ${call.opset} does not quantise to ${dtype}`);
    const shape = call.sizes(call.result.shape);
    const [given] = call.operands as [Written];
    const x = String(shape) === String(call.shape(0)) ? given : call.op("Expand", [given, call.list(shape)]);
    const { operands, attributes } = parameters(call);
    return call.op(name, [x, ...operands], attributes);
  };

export const quantization: readonly Entry[] = [
  rule(operators.quantize, linear("QuantizeLinear")),
  rule(operators.dequantize, (call) => {
    if (call.type(0).dtype !== "i32") return linear("DequantizeLinear")(call);
    // Sums have no zero point in ONNX.
    const [x, scale, zeroPoint] = call.operands;
    return call.op("Mul", [call.cast(call.op("Sub", [x, zeroPoint]), "i32", "f32"), scale]);
  }),
];
