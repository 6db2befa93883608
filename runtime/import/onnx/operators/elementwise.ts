// ONNX's operators of one element at a time: arithmetic, comparisons, bits, activations and conversions.
import { type Dtype, isFloatDtype } from "../../../../kernels/index.ts";
import { constant, full, type Tensor, where } from "../../../capture/tensor.ts";
import type { Call, Definition, Definitions } from "../call.ts";
import { modelError } from "../import-error.ts";

type Unary = (x: Tensor) => Tensor;
type Binary = (a: Tensor, b: Tensor) => Tensor;

const unary =
  (of: Unary): Definition =>
  (call) =>
    of(call.tensor(0));

/** The second operand as the first operator sets broadcast it: its dimensions lie from `axis` on under those of the first. */
function secondOf(call: Call): Tensor {
  const [a, b] = [call.tensor(0), call.tensor(1)];
  if (call.version >= 7 || !call.flag("broadcast") || call.attribute("axis") === undefined) return b;
  const axis = call.int("axis");
  const at = axis < 0 ? axis + a.shape.length : axis;
  const behind = a.shape.length - at - b.shape.length;
  if (behind < 0)
    throw modelError(`attribute "axis" is ${axis}, of operands of ${a.shape.length} and ${b.shape.length} dimensions`);
  return b.reshape([...b.shape, ...new Array<number>(behind).fill(1)]);
}

const binary =
  (of: Binary): Definition =>
  (call) =>
    of(call.tensor(0), secondOf(call));

/** One result of any number of operands. */
const variadic =
  (of: Binary): Definition =>
  (call) =>
    call.tensors().reduce(of);

/** a / b, that of integers cut towards 0. */
const dividedBy: Binary = (a, b) => a.div(b);

/** a to the power of b in a's dtype, whatever b's is. */
function power(a: Tensor, b: Tensor): Tensor {
  if (isFloatDtype(a.dtype)) return a.pow(b.cast(a.dtype));
  return a.cast("f64").pow(b.cast("f64")).cast(a.dtype);
}

/** a − b · ⌊a / b⌋, or with the sign of a as C's fmod. */
function modulo(call: Call): Tensor {
  const [a, b] = [call.tensor(0), call.tensor(1)];
  if (!call.flag("fmod")) return a.remainder(b);
  const wide = a.dtype === "f16" || a.dtype === "bf16" ? "f32" : a.dtype;
  const [x, y] = [a.cast(wide), b.cast(wide)];
  const rest = x.abs().remainder(y.abs());
  return where(x.less(0), rest.neg(), rest).cast(a.dtype);
}

function shifted(call: Call): Tensor {
  const [x, count] = [call.tensor(0), call.tensor(1)];
  return call.text("direction") === "LEFT" ? x.bitwiseLeftShift(count) : x.bitwiseRightShift(count);
}

/** x between bounds; where the lower is above the upper, the upper. */
function clip(call: Call): Tensor {
  const x = call.tensor(0);
  if (call.version < 11) return x.clamp(call.float("min", -Infinity), call.float("max", Infinity));
  const [low, high] = [call.optional(1), call.optional(2)];
  const above = low ? x.maximum(low.reshape([])) : x;
  return high ? above.minimum(high.reshape([])) : above;
}

/** |x| small: x² vanishes beside 1, and log1p keeps what is left. */
function asinh(x: Tensor): Tensor {
  const size = x.abs();
  const square = size.mul(size);
  const small = size.add(square.div(square.add(1).sqrt().add(1))).log1p();
  // Beyond 1e9 the square would overflow, and the root is |x| to the last bit.
  const large = size.log().add(Math.LN2);
  const found = where(size.greater(1e9), large, small);
  return where(x.less(0), found.neg(), found);
}

function acosh(x: Tensor): Tensor {
  const above = x.sub(1);
  const small = above.add(above.mul(above.add(2)).sqrt()).log1p();
  return where(x.greater(1e9), x.log().add(Math.LN2), small);
}

const atanh: Unary = (x) => x.mul(2).div(constant(1, x.dtype).sub(x)).log1p().mul(0.5);

const hardSigmoid = (x: Tensor, alpha: number, beta: number): Tensor => x.mul(alpha).add(beta).clamp(0, 1);

function slopedBelow(x: Tensor, slope: number | Tensor): Tensor {
  return where(x.less(0), x.mul(slope), x);
}

function elu(x: Tensor, alpha: number): Tensor {
  return where(x.less(0), x.expm1().mul(alpha), x);
}

/** The activations by name, which recurrent operators take too; alpha and beta are theirs unless given. */
export const activations: { readonly [name: string]: (x: Tensor, alpha?: number, beta?: number) => Tensor } = {
  Relu: (x) => x.relu(),
  Tanh: (x) => x.tanh(),
  Sigmoid: (x) => x.sigmoid(),
  Affine: (x, alpha = 1, beta = 0) => x.mul(alpha).add(beta),
  LeakyRelu: (x, alpha = 0.01) => slopedBelow(x, alpha),
  ThresholdedRelu: (x, alpha = 1) => where(x.greater(alpha), x, constant(0, x.dtype)),
  ScaledTanh: (x, alpha = 1, beta = 1) => x.mul(beta).tanh().mul(alpha),
  HardSigmoid: (x, alpha = 0.2, beta = 0.5) => hardSigmoid(x, alpha, beta),
  Elu: (x, alpha = 1) => elu(x, alpha),
  Softsign: (x) => x.div(x.abs().add(1)),
  Softplus: (x) => x.softplus(),
};

const activation =
  (name: keyof typeof activations): Definition =>
  (call) =>
    activations[name]!(
      call.tensor(0),
      call.attribute("alpha") && call.float("alpha"),
      call.attribute("beta") && call.float("beta"),
    );

function selu(call: Call): Tensor {
  const x = call.tensor(0);
  const alpha = call.float("alpha", 1.6732631921768188);
  return elu(x, alpha).mul(call.float("gamma", 1.0507010221481323));
}

/** max(0, x) + min(0, α · (e^(x/α) − 1)). */
function celu(call: Call): Tensor {
  const x = call.tensor(0);
  const alpha = call.float("alpha", 1);
  return x.maximum(0).add(x.div(alpha).expm1().mul(alpha).minimum(0));
}

function shrink(call: Call): Tensor {
  const x = call.tensor(0);
  const [bias, threshold] = [call.float("bias", 0), call.float("lambd", 0.5)];
  const wide = isFloatDtype(x.dtype) ? x : x.cast("f32");
  const zero = constant(0, wide.dtype);
  const found = where(wide.less(-threshold), wide.add(bias), where(wide.greater(threshold), wide.sub(bias), zero));
  return found.cast(x.dtype);
}

/** A mask of infinities, of one sign or both. */
function isInfinite(call: Call): Tensor {
  const x = call.tensor(0);
  const [negative, positive] = [call.flag("detect_negative", true), call.flag("detect_positive", true)];
  const mask = x.isInf();
  if (negative && positive) return mask;
  if (!negative && !positive) return full("bool", x.shape, 0);
  return mask.and(positive ? x.greater(0) : x.less(0));
}

function gelu(call: Call): Tensor {
  const approximate = call.text("approximate", "none");
  return call.tensor(0).gelu(approximate === "tanh" ? { approximate: "tanh" } : {});
}

const roundModes = { up: "up", down: "down", nearest: "nearest" } as const;

/** x in another dtype; floats become integers cut towards 0, and everything but 0 is true. */
export const castTo = (x: Tensor, dtype: Dtype): Tensor => (x.dtype === dtype ? x : x.cast(dtype));

/** x in another dtype, with what the node says of numbers that a small float does not hold. */
function castAsSaid(call: Call, x: Tensor, dtype: Dtype): Tensor {
  if (x.dtype === dtype) return x;
  if (dtype === "f8e8m0") {
    const rounding = call.choice("round_mode", roundModes, "up");
    return x.cast(dtype, { rounding, ...saturation(call) });
  }
  return dtype.startsWith("f8") ? x.cast(dtype, saturation(call)) : x.cast(dtype);
}

const saturation = (call: Call): { readonly saturate?: boolean } =>
  call.flag("saturate", true) ? {} : { saturate: false };

/** Of pairs, in a bool where both are: the larger, the smaller. */
const largerOf: Binary = (a, b) => a.maximum(b);
const smallerOf: Binary = (a, b) => a.minimum(b);

function mean(call: Call): Tensor {
  const all = call.tensors();
  return all.reduce((a, b) => a.add(b)).div(all.length);
}

function prelu(call: Call): Tensor {
  const [x, slope] = [call.tensor(0), call.tensor(1)];
  // The first operator sets give a slope by channel without its trailing dimensions.
  const isByChannel = call.version < 7 && slope.shape.length === 1 && slope.shape[0] !== 1;
  return slopedBelow(x, isByChannel ? slope.reshape([...slope.shape, ...x.shape.slice(2).map(() => 1)]) : slope);
}

function reciprocal(x: Tensor): Tensor {
  return constant(1, x.dtype).div(x);
}

export const elementwise: Definitions = {
  Abs: unary((x) => x.abs()),
  Acos: unary((x) => x.acos()),
  Acosh: unary(acosh),
  Add: binary((a, b) => a.add(b)),
  And: binary((a, b) => (a as Tensor<"bool">).and(b as Tensor<"bool">)),
  Asin: unary((x) => x.asin()),
  Asinh: unary(asinh),
  Atan: unary((x) => x.atan()),
  Atanh: unary(atanh),
  BitCast: (call) => call.tensor(0).bitCast(call.dtype("to")),
  BitShift: shifted,
  BitwiseAnd: binary((a, b) => a.bitwiseAnd(b)),
  BitwiseNot: unary((x) => x.bitwiseNot()),
  BitwiseOr: binary((a, b) => a.bitwiseOr(b)),
  BitwiseXor: binary((a, b) => a.bitwiseXor(b)),
  Cast: (call) => castAsSaid(call, call.tensor(0), call.dtype("to")),
  CastLike: (call) => castAsSaid(call, call.tensor(0), call.tensor(1).dtype),
  Ceil: unary((x) => x.ceil()),
  Celu: celu,
  Clip: clip,
  Cos: unary((x) => x.cos()),
  Cosh: unary((x) => x.cosh()),
  Div: binary(dividedBy),
  Elu: activation("Elu"),
  Equal: binary((a, b) => a.equal(b)),
  Erf: unary((x) => x.erf()),
  Exp: unary((x) => x.exp()),
  Floor: unary((x) => x.floor()),
  Gelu: gelu,
  Greater: binary((a, b) => a.greater(b)),
  GreaterOrEqual: binary((a, b) => a.greaterEqual(b)),
  HardSigmoid: activation("HardSigmoid"),
  HardSwish: unary((x) => x.mul(hardSigmoid(x, 1 / 6, 0.5))),
  Identity: (call) => call.value(0),
  IsInf: isInfinite,
  IsNaN: unary((x) => x.isNaN()),
  LeakyRelu: activation("LeakyRelu"),
  Less: binary((a, b) => a.less(b)),
  LessOrEqual: binary((a, b) => a.lessEqual(b)),
  Log: unary((x) => x.log()),
  Max: variadic(largerOf),
  Mean: mean,
  Min: variadic(smallerOf),
  Mish: unary((x) => x.mul(x.softplus().tanh())),
  Mod: modulo,
  Mul: binary((a, b) => a.mul(b)),
  Neg: unary((x) => x.neg()),
  Not: unary((x) => (x as Tensor<"bool">).not()),
  Or: binary((a, b) => (a as Tensor<"bool">).or(b as Tensor<"bool">)),
  PRelu: prelu,
  Pow: (call) => power(call.tensor(0), secondOf(call)),
  Reciprocal: unary(reciprocal),
  Relu: unary((x) => x.relu()),
  Round: unary((x) => x.round()),
  Selu: selu,
  Shrink: shrink,
  Sigmoid: unary((x) => x.sigmoid()),
  Sign: unary((x) => x.sign()),
  Sin: unary((x) => x.sin()),
  Sinh: unary((x) => x.sinh()),
  Softplus: unary((x) => x.softplus()),
  Softsign: activation("Softsign"),
  Sqrt: unary((x) => x.sqrt()),
  Sub: binary((a, b) => a.sub(b)),
  Sum: variadic((a, b) => a.add(b)),
  Swish: (call) => call.tensor(0).mul(call.tensor(0).mul(call.float("alpha", 1)).sigmoid()),
  Tan: unary((x) => x.tan()),
  Tanh: unary((x) => x.tanh()),
  ThresholdedRelu: activation("ThresholdedRelu"),
  Where: (call) => where(call.tensor(0) as Tensor<"bool">, call.tensor(1), call.tensor(2)),
  Xor: binary((a, b) => (a as Tensor<"bool">).notEqual(b as Tensor<"bool">)),
};
