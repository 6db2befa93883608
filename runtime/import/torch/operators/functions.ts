// PyTorch's functions of numbers, element by element, beyond arithmetic and the commonest ones.
import type { Dtype } from "../../../../kernels/index.ts";
import { isFloatDtype } from "../../../../kernels/index.ts";
import { constant, full, type Tensor, where } from "../../../capture/tensor.ts";
import { asTensor, cast, isScalar, type TorchCall, torchMisfit } from "../call.ts";
import { floatType, promoteTypes } from "../promotion.ts";
import { given, operator, type TorchOperator } from "./definition.ts";

type Float = Tensor<"f32">;

const floats = (x: Tensor): Float => cast(x, floatType(x.dtype)) as Float;
const bools = (x: Tensor): Tensor<"bool"> => cast(x, "bool") as Tensor<"bool">;
const number = (x: Tensor, value: number): Tensor => constant(value, x.dtype);

const real = (name: string, run: (x: Float) => Tensor): TorchOperator =>
  operator(`${name}(Tensor self) -> Tensor`, (call) => run(floats(call.tensor("self"))));

const plain = (name: string, run: (x: Tensor) => Tensor): TorchOperator =>
  operator(`${name}(Tensor self) -> Tensor`, (call) => run(call.tensor("self")));

type Two = (a: Tensor, b: Tensor) => Tensor;

/** Of two tensors, in the dtype that both become. */
const pair = (name: string, run: Two, dtype?: (type: Dtype) => Dtype): TorchOperator =>
  operator(`${name}(Tensor self, Tensor other) -> Tensor`, (call) =>
    run(...(call.promoted(["self", "other"], dtype) as [Tensor, Tensor])),
  );

/** Of tensors or numbers, as overloads. */
const overloads = (
  name: string,
  run: Two,
  dtype?: (type: Dtype) => Dtype,
  scalar = "Scalar",
): readonly TorchOperator[] =>
  ["Tensor(Tensor self, Tensor other)", `${scalar}(Tensor self, Scalar other)`].map((schema) =>
    operator(`${name}.${schema} -> Tensor`, (call) =>
      run(...(call.promoted(["self", "other"], dtype) as [Tensor, Tensor])),
    ),
  );

/** ln(x + √(x² + 1)), by the size of x, so that nothing is lost near 0. */
const asinh = (x: Float): Float => {
  const a = x.abs();
  const square = a.mul(a);
  const small = a.add(square.div(square.add(1).sqrt().add(1))).log1p();
  // Where the square leaves the numbers that there are, ln 2x is as good.
  const large = a.log().add(Math.LN2);
  return where(a.greater(1e15), large, small).mul(x.sign());
};

const acosh = (x: Float): Float => {
  const t = x.sub(1);
  const small = t.add(t.mul(t).add(t.mul(2)).sqrt()).log1p();
  return where(x.greater(1e15), x.log().add(Math.LN2), small);
};

const atanh = (x: Float): Float => x.mul(2).div(constant(1, x.dtype).sub(x)).log1p().div(2);

/** What is left of a division towards zero, with the sign of what is divided. */
const fmod: Two = (a, b) => {
  if (!isFloatDtype(a.dtype)) return a.sub(a.div(b).mul(b));
  const size = a.abs().remainder(b.abs());
  return where(a.less(0), size.neg(), size);
};

/** b where a is NaN, and a where b is. */
const withoutNaN =
  (run: Two): Two =>
  (a, b) =>
    isFloatDtype(a.dtype) ? where(a.isNaN(), b, where(b.isNaN(), a, run(a, b))) : run(a, b);

const logAddExp = (a: Tensor, b: Tensor, log: (x: Tensor) => Tensor, exp: (x: Tensor) => Tensor): Tensor => {
  const most = a.maximum(b);
  const away = a.sub(b).abs().neg();
  const sum = most.add(log(exp(away).add(1)));
  return where(a.equal(b).and(a.isInf()), a, sum);
};

/** 0 where x is 0, and x·log of y elsewhere. */
const timesLog =
  (log: (y: Tensor) => Tensor): Two =>
  (x, y) =>
    where(x.equal(0).and(y.isNaN().not()), number(x, 0), x.mul(log(y)));

const rounded = (call: TorchCall): Tensor => {
  const x = call.tensor("self");
  const decimals = call.int("decimals");
  if (!isFloatDtype(x.dtype)) return x;
  const ten = 10 ** Math.abs(decimals);
  return decimals < 0 ? x.div(ten).round().mul(ten) : x.mul(ten).round().div(ten);
};

const finite = (call: TorchCall): Tensor => {
  const x = call.tensor("self");
  if (!isFloatDtype(x.dtype)) return x;
  const most = { f16: 65504, bf16: 3.3895313892515355e38, f32: 3.4028234663852886e38, f64: Number.MAX_VALUE };
  const largest = most[x.dtype as keyof typeof most];
  const or = (name: string, otherwise: number) => number(x, call.has(name) ? call.float(name) : otherwise);
  const infinite = x.isInf();
  const ends = where(x.greater(0), or("posinf", largest), or("neginf", -largest));
  return where(x.isNaN(), or("nan", 0), where(infinite, ends, x));
};

/** self + (end − self)·weight, from the nearer end as PyTorch does. */
const mixed = (call: TorchCall): Tensor => {
  const [a, b, w] = call.promoted(["self", "end", "weight"]) as [Tensor, Tensor, Tensor];
  const way = b.sub(a);
  return where(w.abs().less(0.5), a.add(way.mul(w)), b.sub(way.mul(constant(1, w.dtype).sub(w))));
};

const close = (call: TorchCall): Tensor => {
  const [a, b] = call.promoted(["self", "other"]) as [Tensor, Tensor];
  const equal = a.equal(b);
  if (!isFloatDtype(a.dtype)) return equal;
  const room = b.abs().mul(call.float("rtol")).add(call.float("atol"));
  const near = a.sub(b).abs().lessEqual(room).and(a.sub(b).isFinite());
  const both = call.flag("equal_nan") ? a.isNaN().and(b.isNaN()) : undefined;
  return both ? equal.or(near).or(both) : equal.or(near);
};

/** Shifts of bits; PyTorch's of numbers as of tensors. */
const shifts = (name: string, run: (a: Tensor<"i32">, b: Tensor<"i32">) => Tensor): readonly TorchOperator[] =>
  overloads(
    name,
    (a, b) => run(a as Tensor<"i32">, b as Tensor<"i32">),
    undefined,
    name.startsWith("__") ? "Scalar" : "Tensor_Scalar",
  );

const wideDtype = (): Dtype => "f64";

/** x to a power of floats, in double precision, as float_power. */
const floatPower = (call: TorchCall): Tensor => {
  const [x, y] = call.promoted(["self", "exponent"], wideDtype) as [Float, Float];
  return x.pow(y);
};

const logical = (name: string, run: (a: Tensor<"bool">, b: Tensor<"bool">) => Tensor): TorchOperator =>
  operator(`logical_${name}(Tensor self, Tensor other) -> Tensor`, (call) =>
    run(bools(call.tensor("self")), bools(call.tensor("other"))),
  );

const identity = (name: string): TorchOperator =>
  operator(`${name}(Tensor self) -> Tensor`, (call) => given(call.torch("self")));

/** a + value·b∘c. */
const fused = (name: string, run: Two): TorchOperator =>
  operator(`${name}(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor`, (call) => {
    const [self, a, b] = call.promoted(["self", "tensor1", "tensor2"]) as [Tensor, Tensor, Tensor];
    const product = run(a, b);
    const value = call.float("value");
    return self.add(value === 1 ? product : product.mul(value));
  });

export const functions: readonly TorchOperator[] = [
  real("asinh", asinh),
  real("acosh", acosh),
  real("atanh", atanh),
  real("exp2", (x) => constant(2, x.dtype).pow(x)),
  real("erfc", (x) => constant(1, x.dtype).sub(x.erf())),
  real("sinc", (x) => {
    const turn = x.mul(Math.PI);
    return where(x.equal(0), constant(1, x.dtype), turn.sin().div(turn));
  }),
  real("deg2rad", (x) => x.mul(Math.PI / 180)),
  real("rad2deg", (x) => x.mul(180 / Math.PI)),
  operator("logit(Tensor self, float? eps=None) -> Tensor", (call) => {
    const x = floats(call.tensor("self"));
    const epsilon = call.has("eps") ? call.float("eps") : undefined;
    const held = epsilon === undefined ? x : x.clamp(epsilon, 1 - epsilon);
    return held.div(constant(1, x.dtype).sub(held)).log();
  }),
  plain("square", (x) => x.mul(x)),
  plain("frac", (x) => x.sub((x as Float).trunc())),
  plain("sgn", (x) => x.sign()),
  plain("signbit", (x) => {
    if (!isFloatDtype(x.dtype)) return x.less(0);
    // Negative zero too: 1 / −0 is −∞.
    return x.less(0).or(number(x, 1).div(x).equal(Number.NEGATIVE_INFINITY));
  }),
  plain("isposinf", (x) => (isFloatDtype(x.dtype) ? x.equal(Number.POSITIVE_INFINITY) : full("bool", x.shape, 0))),
  plain("isneginf", (x) => (isFloatDtype(x.dtype) ? x.equal(Number.NEGATIVE_INFINITY) : full("bool", x.shape, 0))),
  plain("isreal", (x) => full("bool", x.shape, 1)),
  identity("positive"),
  identity("alias"),
  identity("lift_fresh_copy"),
  identity("lift"),
  operator("round.decimals(Tensor self, *, int decimals) -> Tensor", rounded),
  operator("nan_to_num(Tensor self, float? nan=None, float? posinf=None, float? neginf=None) -> Tensor", finite),
  ...overloads("fmod", fmod),
  pair(
    "fmax",
    withoutNaN((a, b) => a.maximum(b)),
  ),
  pair(
    "fmin",
    withoutNaN((a, b) => a.minimum(b)),
  ),
  pair("hypot", (a, b) => {
    const [x, y] = [a.abs(), b.abs()];
    const [most, least] = [x.maximum(y), x.minimum(y)];
    const ratio = least.div(most);
    return where(most.equal(0).or(most.isInf()), most, most.mul(ratio.mul(ratio).add(1).sqrt()));
  }),
  pair("logaddexp", (a, b) =>
    logAddExp(
      a,
      b,
      (x) => x.log(),
      (x) => x.exp(),
    ),
  ),
  pair("logaddexp2", (a, b) =>
    logAddExp(
      a,
      b,
      (x) => x.log2(),
      (x) => number(x, 2).pow(x),
    ),
  ),
  ...overloads(
    "copysign",
    (a, b) => {
      const negative = b.less(0).or(number(b, 1).div(b).equal(Number.NEGATIVE_INFINITY));
      return where(negative, a.abs().neg(), a.abs());
    },
    floatType,
  ),
  operator("heaviside(Tensor self, Tensor values) -> Tensor", (call) => {
    const [x, values] = [call.tensor("self"), call.tensor("values")];
    const step = cast(x.greater(0), x.dtype);
    return where(x.equal(0), values.broadcastTo(x.shape), step);
  }),
  ...[
    "Tensor(Tensor self, Tensor other)",
    "Scalar_Self(Scalar self, Tensor other)",
    "Scalar_Other(Tensor self, Scalar other)",
  ].flatMap((schema) =>
    ["xlogy", "special_xlogy"].map((name) =>
      operator(`${name}.${schema} -> Tensor`, (call) =>
        timesLog((y) => y.log())(...(call.promoted(["self", "other"], floatType) as [Tensor, Tensor])),
      ),
    ),
  ),
  logical("xor", (a, b) => a.bitwiseXor(b)),
  ...shifts("bitwise_left_shift", (a, b) => a.bitwiseLeftShift(b)),
  ...shifts("bitwise_right_shift", (a, b) => a.bitwiseRightShift(b)),
  ...shifts("__lshift__", (a, b) => a.bitwiseLeftShift(b)),
  ...shifts("__rshift__", (a, b) => a.bitwiseRightShift(b)),
  ...overloads("__xor__", (a, b) => a.bitwiseXor(b)),
  operator("float_power.Tensor_Tensor(Tensor self, Tensor exponent) -> Tensor", floatPower),
  operator("float_power.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor", floatPower),
  operator("float_power.Scalar(Scalar self, Tensor exponent) -> Tensor", floatPower),
  operator("lerp.Scalar(Tensor self, Tensor end, Scalar weight) -> Tensor", mixed),
  operator("lerp.Tensor(Tensor self, Tensor end, Tensor weight) -> Tensor", mixed),
  fused("addcmul", (a, b) => a.mul(b)),
  fused("addcdiv", (a, b) => a.div(b)),
  operator(
    "isclose(Tensor self, Tensor other, float rtol=1e-05, float atol=1e-08, bool equal_nan=False) -> Tensor",
    close,
  ),
  operator(
    "allclose(Tensor self, Tensor other, float rtol=1e-05, float atol=1e-08, bool equal_nan=False) -> Tensor",
    (call) => bools(close(call)).all(),
  ),
  operator("equal(Tensor self, Tensor other) -> Tensor", (call) => {
    const [a, b] = [call.tensor("self"), call.tensor("other")];
    if (a.shape.join() !== b.shape.join()) return constant(0, "bool");
    const dtype = promoteTypes(a.dtype, b.dtype);
    return cast(a, dtype).equal(cast(b, dtype)).all();
  }),
  operator("where.Scalar(Tensor condition, Scalar self, Scalar other) -> Tensor", (call) => {
    const [a, b] = [call.value("self"), call.value("other")];
    if (!isScalar(a) || !isScalar(b)) throw torchMisfit("where chooses between numbers");
    const types = [a, b].map(
      (each): Dtype => (typeof each === "bigint" ? "i64" : typeof each === "boolean" ? "bool" : "f32"),
    );
    const dtype = promoteTypes(types[0]!, types[1]!);
    return where(bools(call.tensor("condition")), asTensor(a, dtype), asTensor(b, dtype));
  }),
  operator("fill.Scalar(Tensor self, Scalar value) -> Tensor", (call) => {
    const self = call.tensor("self");
    return asTensor(call.value("value"), self.dtype).broadcastTo(self.shape);
  }),
  operator("fill.Tensor(Tensor self, Tensor value) -> Tensor", (call) => {
    const self = call.tensor("self");
    return asTensor(call.value("value"), self.dtype).broadcastTo(self.shape);
  }),
  operator("copy(Tensor self, Tensor src, bool non_blocking=False) -> Tensor", (call) => {
    const self = call.tensor("self");
    return cast(call.tensor("src"), self.dtype).broadcastTo(self.shape);
  }),
];
