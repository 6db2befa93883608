// Arithmetic, comparisons, bits, activations and conversions, as ONNX has them.
import { type Dtype, isFloatDtype } from "../../../../../kernels/index.ts";
import { type Operator, operators } from "../../../../operators/index.ts";
import { elementTypeOf } from "../../element-types.ts";
import { type Call, type Entry, rule, same } from "../call.ts";
import type { Written } from "../writer.ts";

const isFloat = (call: Call): boolean => isFloatDtype(call.type(0).dtype);
const isUnsigned = (dtype: Dtype): boolean => dtype.startsWith("u");

/** A number of the operands' dtype. */
const numberOf = (call: Call, value: number): Written => call.number(call.type(0).dtype, value);

/** Whether a tensor, of the operands' dtype, is below 0. */
const below = (call: Call, x: Written): Written => call.op("Less", [x, numberOf(call, 0)]);

/** Whether a float is below 0, or the zero with that sign. */
const hasSign = (call: Call, x: Written): Written =>
  call.op("Or", [below(call, x), below(call, call.op("Reciprocal", [x]))]);

/** Whether two tensors differ in sign and the first is not 0. */
const crosses = (call: Call, rest: Written, divisor: Written): Written =>
  call.op("And", [
    call.op("Not", [call.op("Equal", [rest, numberOf(call, 0)])]),
    call.op("Xor", [below(call, rest), below(call, divisor)]),
  ]);

function notEqual(call: Call): Written {
  if (call.type(0).dtype === "bool") return call.op("Xor", call.operands);
  return call.op("Not", [call.op("Equal", call.operands)]);
}

/** Bools have their order as bytes. */
const ordered =
  (name: string) =>
  (call: Call): Written =>
    call.op(
      name,
      call.operands.map((each) => (call.type(0).dtype === "bool" ? call.cast(each, "bool", "i32") : each)),
    );

/** Of floats the sign is the dividend's in ONNX. */
function remainder(call: Call): Written {
  const [a, b] = call.operands as [Written, Written];
  if (!isFloat(call)) return call.op("Mod", [a, b]);
  const rest = call.op("Mod", [a, b], { fmod: 1 });
  return call.op("Where", [crosses(call, rest, b), call.op("Add", [rest, b]), rest]);
}

/** ⌊a / b⌋: what the remainder leaves is a multiple of b but for rounding. */
function floorDivide(call: Call): Written {
  const [a, b] = call.operands as [Written, Written];
  const quotient = call.op("Div", [a, b]);
  if (!isFloat(call)) {
    if (isUnsigned(call.type(0).dtype)) return quotient;
    const rest = call.op("Sub", [a, call.op("Mul", [quotient, b])]);
    const less = call.op("Sub", [quotient, numberOf(call, 1)]);
    return call.op("Where", [crosses(call, rest, b), less, quotient]);
  }
  const whole = call.op("Round", [call.op("Div", [call.op("Sub", [a, remainder(call)]), b])]);
  return call.op("Where", [call.op("Equal", [b, numberOf(call, 0)]), quotient, whole]);
}

/** 2 · sinh (x/2) · e^(x/2), which keeps what is near 0; −1 where it vanishes beside that. */
function expm1(call: Call): Written {
  const [x] = call.operands as [Written];
  const half = call.op("Mul", [x, numberOf(call, 0.5)]);
  const product = call.op("Mul", [call.op("Sinh", [half]), call.op("Exp", [half])]);
  const found = call.op("Mul", [product, numberOf(call, 2)]);
  return call.op("Where", [call.op("Less", [x, numberOf(call, -50)]), numberOf(call, -1), found]);
}

/** 2 · artanh (x / (x + 2)), which keeps what is near 0; a logarithm above 1. */
function log1p(call: Call): Written {
  const [x] = call.operands as [Written];
  const ratio = call.op("Div", [x, call.op("Add", [x, numberOf(call, 2)])]);
  const near = call.op("Mul", [call.op("Atanh", [ratio]), numberOf(call, 2)]);
  const far = call.op("Log", [call.op("Add", [x, numberOf(call, 1)])]);
  return call.op("Where", [call.op("Greater", [x, numberOf(call, 1)]), far, near]);
}

/** The angle of (x, y) in its half plane, and half a turn more where x is negative. */
function atan2(call: Call): Written {
  const operands = call.operands as [Written, Written];
  const both = (test: (x: Written) => Written): Written => call.op("And", operands.map(test));
  // Two infinities stand for a direction like two ones do.
  const infinite = both((each) => call.op("IsInf", [each]));
  const [y, x] = operands.map((each) => call.op("Where", [infinite, call.op("Sign", [each]), each])) as [
    Written,
    Written,
  ];
  const zeros = both((each) => call.op("Equal", [each, numberOf(call, 0)]));
  const ratio = call.op("Where", [zeros, y, call.op("Div", [y, x])]);
  const angle = call.op("Atan", [ratio]);
  const turn = call.op("Where", [hasSign(call, y), numberOf(call, -Math.PI), numberOf(call, Math.PI)]);
  return call.op("Where", [hasSign(call, x), call.op("Add", [angle, turn]), angle]);
}

function trunc(call: Call): Written {
  const [x] = call.operands as [Written];
  return call.op("Where", [below(call, x), call.op("Ceil", [x]), call.op("Floor", [x])]);
}

/** Integers pass no test for floats. */
const testOfFloats =
  (test: (call: Call, x: Written) => Written, otherwise: 0 | 1) =>
  (call: Call): Written => {
    const [x] = call.operands as [Written];
    if (isFloat(call)) return test(call, x);
    const falses = call.op("Less", [x, x]);
    return otherwise ? call.op("Not", [falses]) : falses;
  };

const isFiniteNumber = (call: Call, x: Written): Written =>
  call.op("Not", [call.op("Or", [call.op("IsInf", [x]), call.op("IsNaN", [x])])]);

/** Bools have operators of their own. */
const bitwise = (operator: Operator, name: string): Entry =>
  rule(operator, (call) => call.op(call.type(0).dtype === "bool" ? name : `Bitwise${name}`, call.operands));

/** ONNX shifts numbers without a sign; those with one are turned where they are negative, so that zeros come in. */
const shifted =
  (direction: "LEFT" | "RIGHT") =>
  (call: Call): Written => {
    const [x, count] = call.operands as [Written, Written];
    const { dtype } = call.type(0);
    if (isUnsigned(dtype)) return call.op("BitShift", [x, count], { direction });
    const unsigned = `u${dtype.slice(1)}` as Dtype;
    const bits = (each: Written): Written => call.cast(each, dtype, unsigned);
    const moved = (each: Written): Written =>
      call.cast(call.op("BitShift", [bits(each), bits(count)], { direction }), unsigned, dtype);
    if (direction === "LEFT") return moved(x);
    const turned = call.op("Where", [below(call, x), numberOf(call, -1), numberOf(call, 0)]);
    return call.op("BitwiseXor", [moved(call.op("BitwiseXor", [x, turned])), turned]);
  };

/** Operators that are several of ONNX's, so that floats that are only stored are computed in float32 and rounded once. */
export const inSteps: ReadonlySet<Operator> = new Set<Operator>([
  operators.atan2,
  operators.expm1,
  operators.log1p,
  operators.log2,
  operators.rsqrt,
  operators.remainder,
  operators.floorDivide,
]);

export const elementwise: readonly Entry[] = [
  same(operators.add, "Add"),
  same(operators.sub, "Sub"),
  same(operators.mul, "Mul"),
  same(operators.div, "Div"),
  same(operators.maximum, "Max"),
  same(operators.minimum, "Min"),
  rule(operators.neg, (call) =>
    isUnsigned(call.type(0).dtype)
      ? call.op("Sub", [numberOf(call, 0), call.operands[0]])
      : call.op("Neg", call.operands),
  ),
  same(operators.abs, "Abs"),
  same(operators.equal, "Equal"),
  rule(operators.notEqual, notEqual),
  rule(operators.less, ordered("Less")),
  rule(operators.lessEqual, ordered("LessOrEqual")),
  rule(operators.greater, ordered("Greater")),
  rule(operators.greaterEqual, ordered("GreaterOrEqual")),
  same(operators.logicalAnd, "And"),
  same(operators.logicalOr, "Or"),
  same(operators.logicalNot, "Not"),
  same(operators.sqrt, "Sqrt"),
  same(operators.floor, "Floor"),
  same(operators.ceil, "Ceil"),
  same(operators.round, "Round"),
  same(operators.exp, "Exp"),
  same(operators.log, "Log"),
  same(operators.tanh, "Tanh"),
  same(operators.sigmoid, "Sigmoid"),
  same(operators.sin, "Sin"),
  same(operators.cos, "Cos"),
  same(operators.atan, "Atan"),
  rule(operators.atan2, atan2),
  same(operators.pow, "Pow"),
  same(operators.where, "Where"),
  rule(operators.cast, (call, { dtype, saturate, rounding }) =>
    call.op("Cast", call.operands, {
      to: elementTypeOf(dtype),
      ...(saturate === false ? { saturate: 0 } : {}),
      ...(rounding ? { round_mode: rounding } : {}),
    }),
  ),
  rule(operators.bitCast, (call, { dtype }) => {
    if (call.opset < 26) call.refuse(`operator set ${call.opset} has no BitCast`, "export it as operator set 26");
    return call.op("BitCast", call.operands, { to: elementTypeOf(dtype) });
  }),
  rule(operators.isFinite, testOfFloats(isFiniteNumber, 1)),
  rule(
    operators.isNaN,
    testOfFloats((call, x) => call.op("IsNaN", [x]), 0),
  ),
  rule(
    operators.isInf,
    testOfFloats((call, x) => call.op("IsInf", [x]), 0),
  ),
  same(operators.erf, "Erf"),
  same(operators.tan, "Tan"),
  same(operators.asin, "Asin"),
  same(operators.acos, "Acos"),
  same(operators.sinh, "Sinh"),
  same(operators.cosh, "Cosh"),
  rule(operators.expm1, expm1),
  rule(operators.log1p, log1p),
  rule(operators.log2, (call) => call.op("Mul", [call.op("Log", call.operands), numberOf(call, Math.LOG2E)])),
  rule(operators.rsqrt, (call) => call.op("Reciprocal", [call.op("Sqrt", call.operands)])),
  rule(operators.trunc, trunc),
  same(operators.sign, "Sign"),
  rule(operators.remainder, remainder),
  rule(operators.floorDivide, floorDivide),
  bitwise(operators.bitwiseAnd, "And"),
  bitwise(operators.bitwiseOr, "Or"),
  bitwise(operators.bitwiseXor, "Xor"),
  bitwise(operators.bitwiseNot, "Not"),
  rule(operators.bitwiseLeftShift, shifted("LEFT")),
  rule(operators.bitwiseRightShift, shifted("RIGHT")),
  rule(operators.elu, (call, { alpha }) =>
    call.holds(alpha) ? call.op("Elu", call.operands, { alpha: { float: alpha } }) : undefined,
  ),
  rule(operators.gelu, (call, { approximate }) =>
    call.opset < 20 ? undefined : call.op("Gelu", call.operands, approximate === "tanh" ? { approximate } : {}),
  ),
  rule(operators.softplus, (call, { beta, threshold }) =>
    beta === 1 && threshold === 20 ? call.op("Softplus", call.operands) : undefined,
  ),
];
