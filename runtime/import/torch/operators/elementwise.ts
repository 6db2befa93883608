// PyTorch's operators that work element by element.
import type { Dtype } from "../../../../kernels/index.ts";
import { constant, type Tensor, where } from "../../../capture/tensor.ts";
import { asTensor, cast, isScalar, type TorchCall } from "../call.ts";
import { floatType } from "../promotion.ts";
import { operator, type TorchOperator } from "./definition.ts";

type Two = (a: Tensor, b: Tensor) => Tensor;

/** An operator of two tensors, or a tensor and a number, both orders of overloads. */
const binary = (name: string, run: Two, dtype?: (type: Dtype) => Dtype): TorchOperator[] => {
  const apply = (call: TorchCall) => run(...(call.promoted(["self", "other"], dtype) as [Tensor, Tensor]));
  return [
    operator(`${name}.Tensor(Tensor self, Tensor other) -> Tensor`, apply),
    operator(`${name}.Scalar(Tensor self, Scalar other) -> Tensor`, apply),
  ];
};

/** `self + alpha · other`, and what is like it. */
const scaled = (name: string, run: Two): TorchOperator[] => {
  const apply = (call: TorchCall) => {
    const [self, other] = call.promoted(["self", "other"]) as [Tensor, Tensor];
    const alpha = call.float("alpha");
    return run(self, alpha === 1 ? other : other.mul(alpha));
  };
  return [
    operator(`${name}.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor`, apply),
    operator(`${name}.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor`, apply),
  ];
};

/** An operator of one tensor whose result has its dtype. */
const unary = (name: string, run: (x: Tensor) => Tensor): TorchOperator =>
  operator(`${name}(Tensor self) -> Tensor`, (call) => run(call.tensor("self")));

/** A function of real numbers: integers become floats. */
const real = (name: string, run: (x: Tensor<"f32">) => Tensor): TorchOperator =>
  unary(name, (x) => run(cast(x, floatType(x.type.dtype)) as Tensor<"f32">));

const toBool = (x: Tensor): Tensor<"bool"> => cast(x, "bool") as Tensor<"bool">;

/** A quotient, rounded as PyTorch names it. */
function divided(call: TorchCall): Tensor {
  const mode = call.has("rounding_mode") ? call.text("rounding_mode") : "none";
  const [a, b] = call.promoted(["self", "other"], mode === "none" ? floatType : undefined) as [Tensor, Tensor];
  if (mode === "none") return a.div(b);
  if (mode === "floor") return (a as Tensor<"f32">).floorDivide(b as Tensor<"f32">);
  const isFloat = floatType(a.type.dtype) === a.type.dtype;
  return isFloat ? (a.div(b) as Tensor<"f32">).trunc() : a.div(b);
}

/** A value between bounds, either of which may be missing. */
function clamped(call: TorchCall, low: string, high: string): Tensor {
  const names = ["self", low, high].filter((name) => call.has(name));
  const [self, ...bounds] = call.promoted(names) as [Tensor, ...Tensor[]];
  let result = self;
  if (call.has(low)) result = result.maximum(bounds.shift()!);
  if (call.has(high)) result = result.minimum(bounds.shift()!);
  return result;
}

const chosen = (call: TorchCall): Tensor => {
  const [a, b] = call.promoted(["self", "other"]) as [Tensor, Tensor];
  return where(toBool(call.tensor("condition")), a, b);
};

const hardSigmoid = (x: Tensor<"f32">): Tensor<"f32"> => x.add(3).clamp(0, 6).div(6);

const filled = (call: TorchCall): Tensor => {
  const self = call.tensor("self");
  return where(toBool(call.tensor("mask")), asTensor(call.value("value"), self.type.dtype), self);
};

const powerOf = (call: TorchCall): Tensor => {
  const exponent = call.value("exponent");
  const [x, y] = call.promoted(["self", "exponent"]) as [Tensor, Tensor];
  if (isScalar(exponent) && Number(exponent) === 2) return x.mul(x);
  const dtype = floatType(x.type.dtype);
  return cast((cast(x, dtype) as Tensor<"f32">).pow(cast(y, dtype) as Tensor<"f32">), x.type.dtype);
};

export const elementwise: readonly TorchOperator[] = [
  ...scaled("add", (a, b) => (a.type.dtype === "bool" ? toBool(a).or(toBool(b)) : a.add(b))),
  ...scaled("sub", (a, b) => a.sub(b)),
  ...scaled("rsub", (a, b) => b.sub(a)),
  ...binary("mul", (a, b) => (a.type.dtype === "bool" ? toBool(a).and(toBool(b)) : a.mul(b))),
  operator("div.Tensor(Tensor self, Tensor other) -> Tensor", divided),
  operator("div.Scalar(Tensor self, Scalar other) -> Tensor", divided),
  operator("div.Tensor_mode(Tensor self, Tensor other, *, str? rounding_mode) -> Tensor", divided),
  operator("div.Scalar_mode(Tensor self, Scalar other, *, str? rounding_mode) -> Tensor", divided),
  ...binary("floor_divide", (a, b) => (a as Tensor<"f32">).floorDivide(b as Tensor<"f32">)),
  ...binary("remainder", (a, b) => (a as Tensor<"f32">).remainder(b as Tensor<"f32">)),
  operator("maximum(Tensor self, Tensor other) -> Tensor", (call) => {
    const [a, b] = call.promoted(["self", "other"]) as [Tensor, Tensor];
    return a.maximum(b);
  }),
  operator("minimum(Tensor self, Tensor other) -> Tensor", (call) => {
    const [a, b] = call.promoted(["self", "other"]) as [Tensor, Tensor];
    return a.minimum(b);
  }),
  operator("max.other(Tensor self, Tensor other) -> Tensor", (call) => {
    const [a, b] = call.promoted(["self", "other"]) as [Tensor, Tensor];
    return a.maximum(b);
  }),
  operator("min.other(Tensor self, Tensor other) -> Tensor", (call) => {
    const [a, b] = call.promoted(["self", "other"]) as [Tensor, Tensor];
    return a.minimum(b);
  }),
  operator("atan2(Tensor self, Tensor other) -> Tensor", (call) => {
    const [a, b] = call.promoted(["self", "other"], floatType) as [Tensor<"f32">, Tensor<"f32">];
    return a.atan2(b);
  }),
  operator("pow.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor", powerOf),
  operator("pow.Tensor_Tensor(Tensor self, Tensor exponent) -> Tensor", powerOf),
  operator("pow.Scalar(Scalar self, Tensor exponent) -> Tensor", powerOf),
  ...binary("eq", (a, b) => a.equal(b)),
  ...binary("ne", (a, b) => a.notEqual(b)),
  ...binary("lt", (a, b) => a.less(b)),
  ...binary("le", (a, b) => a.lessEqual(b)),
  ...binary("gt", (a, b) => a.greater(b)),
  ...binary("ge", (a, b) => a.greaterEqual(b)),
  operator("logical_and(Tensor self, Tensor other) -> Tensor", (call) =>
    toBool(call.tensor("self")).and(toBool(call.tensor("other"))),
  ),
  operator("logical_or(Tensor self, Tensor other) -> Tensor", (call) =>
    toBool(call.tensor("self")).or(toBool(call.tensor("other"))),
  ),
  unary("logical_not", (x) => toBool(x).not()),
  ...binary("bitwise_and", (a, b) => (a as Tensor<"i32">).bitwiseAnd(b as Tensor<"i32">)),
  ...binary("__and__", (a, b) => (a as Tensor<"i32">).bitwiseAnd(b as Tensor<"i32">)),
  ...binary("bitwise_or", (a, b) => (a as Tensor<"i32">).bitwiseOr(b as Tensor<"i32">)),
  ...binary("__or__", (a, b) => (a as Tensor<"i32">).bitwiseOr(b as Tensor<"i32">)),
  ...binary("bitwise_xor", (a, b) => (a as Tensor<"i32">).bitwiseXor(b as Tensor<"i32">)),
  unary("bitwise_not", (x) => (x as Tensor<"i32">).bitwiseNot()),
  unary("neg", (x) => x.neg()),
  unary("abs", (x) => x.abs()),
  unary("sign", (x) => (x as Tensor<"f32">).sign()),
  unary("relu", (x) => x.relu()),
  unary("relu6", (x) => x.clamp(0, 6)),
  real("exp", (x) => x.exp()),
  real("expm1", (x) => x.expm1()),
  real("log", (x) => x.log()),
  real("log1p", (x) => x.log1p()),
  real("log2", (x) => x.log2()),
  real("log10", (x) => x.log().div(Math.LN10)),
  real("sqrt", (x) => x.sqrt()),
  real("rsqrt", (x) => x.rsqrt()),
  real("reciprocal", (x) => constant(1, x.type.dtype).div(x)),
  real("sin", (x) => x.sin()),
  real("cos", (x) => x.cos()),
  real("tan", (x) => x.tan()),
  real("asin", (x) => x.asin()),
  real("acos", (x) => x.acos()),
  real("atan", (x) => x.atan()),
  real("sinh", (x) => x.sinh()),
  real("cosh", (x) => x.cosh()),
  real("tanh", (x) => x.tanh()),
  real("erf", (x) => x.erf()),
  real("sigmoid", (x) => x.sigmoid()),
  real("silu", (x) => x.silu()),
  real("hardsigmoid", hardSigmoid),
  real("hardswish", (x) => x.mul(hardSigmoid(x))),
  ...(["floor", "ceil", "round", "trunc"] as const).map((name) =>
    unary(name, (x) => (floatType(x.type.dtype) === x.type.dtype ? (x as Tensor<"f32">)[name]() : x)),
  ),
  operator("leaky_relu(Tensor self, Scalar negative_slope=0.01) -> Tensor", (call) => {
    const x = call.tensor("self");
    return where(x.greater(0), x, x.mul(call.float("negative_slope")));
  }),
  operator("prelu(Tensor self, Tensor weight) -> Tensor", (call) => {
    const [x, weight] = [call.tensor("self"), call.tensor("weight")];
    const [count] = weight.type.shape as readonly number[];
    const rank = x.type.shape.length;
    const slope =
      count === 1 || rank < 2 ? weight.reshape([]) : weight.reshape([count!, ...new Array(rank - 2).fill(1)]);
    return where(x.greater(0), x, x.mul(weight.type.shape.length === 0 ? weight : slope));
  }),
  operator("hardtanh(Tensor self, Scalar min_val=-1, Scalar max_val=1) -> Tensor", (call) =>
    clamped(call, "min_val", "max_val"),
  ),
  operator("gelu(Tensor self, *, str approximate='none') -> Tensor", (call) =>
    (call.tensor("self") as Tensor<"f32">).gelu({ approximate: call.text("approximate") === "tanh" ? "tanh" : "none" }),
  ),
  operator("softplus(Tensor self, Scalar beta=1, Scalar threshold=20) -> Tensor", (call) =>
    (call.tensor("self") as Tensor<"f32">).softplus({ beta: call.float("beta"), threshold: call.float("threshold") }),
  ),
  operator("clamp(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor", (call) => clamped(call, "min", "max")),
  operator("clamp.Tensor(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor", (call) =>
    clamped(call, "min", "max"),
  ),
  operator("clamp_min(Tensor self, Scalar min) -> Tensor", (call) => clamped(call, "min", "max")),
  operator("clamp_max(Tensor self, Scalar max) -> Tensor", (call) => clamped(call, "min", "max")),
  operator("where.self(Tensor condition, Tensor self, Tensor other) -> Tensor", chosen),
  operator("where.ScalarSelf(Tensor condition, Scalar self, Tensor other) -> Tensor", chosen),
  operator("where.ScalarOther(Tensor condition, Tensor self, Scalar other) -> Tensor", chosen),
  operator("masked_fill.Scalar(Tensor self, Tensor mask, Scalar value) -> Tensor", filled),
  operator("masked_fill.Tensor(Tensor self, Tensor mask, Tensor value) -> Tensor", filled),
  unary("isnan", (x) => (x as Tensor<"f32">).isNaN()),
  unary("isinf", (x) => (x as Tensor<"f32">).isInf()),
  unary("isfinite", (x) => (x as Tensor<"f32">).isFinite()),
];
