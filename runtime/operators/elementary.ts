// Elementary functions and tests of single floats.
import { functions, loop } from "../../kernels/index.ts";
import { type Elementwise, elementwise, floatFunction } from "./elementwise.ts";
import { erf as errorFunction } from "./error-function.ts";

/** 2/√π·∫ e^−t² dt from 0 to x. */
export const erf = floatFunction("erf", functions.erf, errorFunction, 4);
/** x in radians, of any size; NaN of an infinity. */
export const tan = floatFunction("tan", functions.tan, Math.tan, 3);
/** In [−π/2, π/2]; NaN beyond ±1. */
export const asin = floatFunction("asin", functions.asin, Math.asin, 2);
/** In [0, π]; NaN beyond ±1. */
export const acos = floatFunction("acos", functions.acos, Math.acos, 2);
export const sinh = floatFunction("sinh", functions.sinh, Math.sinh, 2);
export const cosh = floatFunction("cosh", functions.cosh, Math.cosh, 2);
/** e^x − 1, without loss near 0. */
export const expm1 = floatFunction("expm1", functions.expm1, Math.expm1, 2);
/** ln (1 + x), without loss near 0; −∞ at −1, NaN below. */
export const log1p = floatFunction("log1p", functions.log1p, Math.log1p, 2);
/** Exact at powers of two. */
export const log2 = floatFunction("log2", functions.log2, Math.log2, 2);
/** 1 / √x, both rounded: ±∞ of ±0. */
export const rsqrt = floatFunction(
  "rsqrt",
  (x) => loop.div(1, loop.sqrt(x)),
  (x) => 1 / Math.sqrt(x),
  2,
);
/** To the integer that is nearer to zero. */
export const trunc = floatFunction("trunc", loop.trunc, Math.trunc, 0);

/** 1, 0 or −1; 0 of NaN and of both zeros, as in PyTorch. */
export const sign = elementwise("sign", {
  arity: 1,
  expression(x) {
    const { scalar, lanes } = x!.type;
    const [zero, one] = [loop.constant(scalar, 0, lanes), loop.constant(scalar, 1, lanes)];
    const positive = loop.select(loop.gt(x!, 0), one, zero);
    return scalar.startsWith("u") ? positive : loop.select(loop.lt(x!, 0), loop.constant(scalar, -1, lanes), positive);
  },
  float: (x) => Number(x! > 0) - Number(x! < 0),
  integer: (x) => (x! > 0n ? 1n : x! < 0n ? -1n : 0n),
});

/** A test of every number of any type; integers pass none of those for floats. */
const test = (
  name: string,
  expression: Elementwise["expression"],
  float: (x: number) => boolean,
  ofIntegers: boolean,
) =>
  elementwise(name, {
    arity: 1,
    result: "bool",
    expression: (x) =>
      loop.isFloat(x!.type.scalar) ? expression(x!) : loop.constant("bool", ofIntegers, x!.type.lanes),
    float: (x) => Number(float(x!)),
    integer: () => BigInt(ofIntegers),
  });

const isNotANumber = test("isNaN", (x) => loop.ne(x!, x!), Number.isNaN, false);
/** Whether x is ∞ or −∞. */
export const isInf = test(
  "isInf",
  (x) => loop.eq(loop.abs(x!), Infinity),
  (x) => Math.abs(x) === Infinity,
  false,
);
/** Whether x is neither infinite nor NaN. */
const isFiniteNumber = test("isFinite", (x) => loop.lt(loop.abs(x!), Infinity), Number.isFinite, true);

export { isFiniteNumber as isFinite, isNotANumber as isNaN };
