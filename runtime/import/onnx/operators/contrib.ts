// onnxruntime's own operators (com.microsoft) on floats: what its optimiser makes of several nodes of a model.
import type { Tensor } from "../../../capture/tensor.ts";
import type { Call, Definition, Definitions } from "../call.ts";
import { modelError } from "../import-error.ts";
import { castTo, elementwise } from "./elementwise.ts";
import { images } from "./images.ts";
import { networks, product } from "./networks.ts";
import { widened } from "./norms.ts";
import { selection } from "./selection.ts";
import { shapes } from "./shapes.ts";

/** Activations that are fused behind a product, by name, with their parameters in order. */
const fusedActivations: { readonly [name: string]: (x: Tensor, ...parameters: readonly number[]) => Tensor } = {
  "": (x) => x,
  Relu: (x) => x.relu(),
  Sigmoid: (x) => x.sigmoid(),
  Tanh: (x) => x.tanh(),
  LeakyRelu: (x, alpha = 0.01) => x.maximum(0).add(x.minimum(0).mul(alpha)),
  Clip: (x, low = -Infinity, high = Infinity) => x.clamp(low, high),
  HardSigmoid: (x, alpha = 0.2, beta = 0.5) => x.mul(alpha).add(beta).clamp(0, 1),
};

const activated = (call: Call, x: Tensor, parameters: readonly number[]): Tensor =>
  call.choice("activation", fusedActivations, "")(x, ...parameters);

/** A convolution, something added to it, and an activation. */
function fusedConvolution(call: Call): Tensor {
  const y = networks.Conv!(call.withOperands(call.inputs.slice(0, 3), 22)) as Tensor;
  const added = call.optional(3);
  return activated(call, added ? y.add(added) : y, call.floats("activation_params", []));
}

function fusedGemm(call: Call): Tensor {
  const parameters = ["activation_alpha", "activation_beta"].filter((name) => call.attribute(name));
  return activated(
    call,
    networks.Gemm!(call.withOperands(call.inputs, 13)) as Tensor,
    parameters.map((name) => call.float(name)),
  );
}

/** alpha · a · b; each side may have its last dimensions turned, or its first one put in front of the last. */
function fusedProduct(call: Call): Tensor {
  const side = (at: number, name: string): Tensor => {
    const x = call.tensor(at);
    const rank = x.shape.length;
    const moved = call.flag(`transBatch${name}`) && rank > 2 ? x.permute([...range(1, rank - 1), 0, rank - 1]) : x;
    return call.flag(`trans${name}`) && rank > 1 ? moved.transpose(-2, -1) : moved;
  };
  const alpha = call.float("alpha", 1);
  const y = product(side(0, "A"), side(1, "B"));
  return alpha === 1 ? y : y.mul(alpha);
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, at) => from + at);

/** x with its bias, where it has one. */
const biased = (call: Call): Tensor => {
  const [x, bias] = [call.tensor(0), call.optional(1)];
  return bias ? x.add(bias) : x;
};

/** What is skipped added to a row and normalised; the sum is the fourth result. Of rows that are not centred there is no shift. */
const skipped =
  (isCentred: boolean): Definition =>
  (call) => {
    const [x, skip, scale] = [call.tensor(0), call.tensor(1), call.tensor(2)];
    const [shift, bias] = isCentred ? [call.optional(3), call.optional(4)] : [undefined, call.optional(3)];
    const both = widened(x).add(castTo(skip, widened(x).dtype));
    const sum = bias ? both.add(castTo(bias, both.dtype)) : both;
    const own = (each: Tensor | undefined): Tensor | undefined => each && castTo(each, sum.dtype);
    const y = normalizedRows(sum, own(scale)!, own(shift), call.float("epsilon", isCentred ? 1e-12 : 1e-6), isCentred);
    if (call.wants(1) || call.wants(2))
      throw modelError("its mean and deviation are not computed by onnxruntime either");
    return [castTo(y, x.dtype), undefined, undefined, castTo(sum, x.dtype)];
  };

/** Rows of the last dimension scaled to deviation 1, or to a mean of squares of 1 where they are not centred. */
export function normalizedRows(
  x: Tensor,
  scale: Tensor,
  shift: Tensor | undefined,
  epsilon: number,
  isCentred: boolean,
): Tensor {
  if (!isCentred) return x.rmsNorm(scale, epsilon);
  return x.layerNorm(scale, shift ?? scale.mul(0), epsilon);
}

/** Rows of words, their positions and their segments added and normalised; and how many words of each row a mask counts. */
export function embedded(
  call: Call,
  tables: readonly Tensor[],
  [scale, shift]: readonly Tensor[],
  mask: number,
): (Tensor | undefined)[] {
  const [ids, segments] = [call.tensor(0), call.optional(1)];
  const [batch, length] = ids.shape as [number, number];
  const [words, positions, kinds] = tables as [Tensor, Tensor, Tensor | undefined];
  const given = call.optional(mask + 1);
  const place = given ? positions.indexSelect(0, given) : positions.slice([0, length]).unsqueeze(0);
  const sum = words.indexSelect(0, ids).add(place);
  const whole = segments && kinds ? sum.add(kinds.indexSelect(0, segments)) : sum;
  const y = normalizedRows(whole, scale!, shift, call.float("epsilon", 1e-12), true);
  const counted = call.optional(mask);
  const counts = counted ? counted.sum([1]) : ids.slice([], [0, 1]).mul(0).reshape([batch]);
  return [y, castTo(counts, "i32"), whole];
}

/** Operands: ids, segments, tables of words, positions and segments, scale, shift, mask, positions. */
function embedLayerNormalization(call: Call): (Tensor | undefined)[] {
  const tables = [call.tensor(2), call.tensor(3), ...(call.has(4) ? [call.tensor(4)] : [])];
  return embedded(call, tables, [call.tensor(5), call.tensor(6)], 7);
}

/** x[…] with a dimension of 1 where operand 1 says. */
const expandedDims = (call: Call): Tensor => call.tensor(0).unsqueeze(call.number(1));

/** The same operator as ONNX's own in a newer version. */
const asIn =
  (definition: Definition, version: number): Definition =>
  (call) =>
    definition(call.withOperands(call.inputs, version));

export const contrib: Definitions = {
  "com.microsoft::BiasGelu": (call) => biased(call).gelu(),
  "com.microsoft::EmbedLayerNormalization": embedLayerNormalization,
  "com.microsoft::ExpandDims": expandedDims,
  "com.microsoft::FastGelu": (call) => biased(call).gelu({ approximate: "tanh" }),
  "com.microsoft::FusedConv": fusedConvolution,
  "com.microsoft::FusedGemm": fusedGemm,
  "com.microsoft::FusedMatMul": fusedProduct,
  "com.microsoft::GatherND": asIn(shapes.GatherND!, 13),
  "com.microsoft::Gelu": asIn(elementwise.Gelu!, 20),
  "com.microsoft::GridSample": asIn(images.GridSample!, 16),
  "com.microsoft::Pad": asIn(shapes.Pad!, 13),
  "com.microsoft::QuickGelu": (call) => call.tensor(0).mul(call.tensor(0).mul(call.float("alpha", 1.702)).sigmoid()),
  "com.microsoft::Range": asIn(shapes.Range!, 11),
  "com.microsoft::SkipLayerNormalization": skipped(true),
  "com.microsoft::SkipSimplifiedLayerNormalization": skipped(false),
  "com.microsoft::TransposeMatMul": fusedProduct,
  "com.microsoft::Trilu": asIn(shapes.Trilu!, 14),
  "com.microsoft::Unique": asIn(selection.Unique!, 11),
  // An operator of onnxruntime in ONNX's own domain.
  SimplifiedLayerNormalization: (call) => {
    const x = call.tensor(0);
    return castTo(
      normalizedRows(
        widened(x),
        castTo(call.tensor(1), widened(x).dtype),
        undefined,
        call.float("epsilon", 1e-5),
        false,
      ),
      x.dtype,
    );
  },
};
