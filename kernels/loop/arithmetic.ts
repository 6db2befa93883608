// What each operator of the loop language does to one lane, exactly.
import { arithmeticOf, isSmallInteger, isStored } from "../dtype.ts";
import { smallBits } from "../small.ts";
import { numberOfStored, storedOfNumber } from "../stored.ts";
import { bitsOf, isFloat, isSigned } from "./build.ts";
import type { BinaryOperator, CompareOperator, Narrowing, Scalar, Stored, UnaryOperator } from "./ir.ts";
import { fma32, fma64 } from "./softfma.ts";

/** One lane: a bigint for i64 and u64, otherwise a number; bool is 0 or 1, f32 a number that is already rounded, a half or a small float its bits. */
export type Lane = number | bigint;

type Unary = (a: Lane) => Lane;
type Binary = (a: Lane, b: Lane) => Lane;

// A scalar type fixes whether its lanes are numbers or bigints, which the verifier has checked.
const unaryNumber = (f: (a: number) => Lane): Unary => f as Unary;
const unaryBigint = (f: (a: bigint) => Lane): Unary => f as Unary;
const binaryNumber = (f: (a: number, b: number) => number): Binary => f as Binary;
const binaryBigint = (f: (a: bigint, b: bigint) => bigint): Binary => f as Binary;

export const isWide = (scalar: Scalar): boolean => scalar === "i64" || scalar === "u64";

/** Reduces an integer of at most 2^53 to a type of at most 32 bits. */
const wrapNumber: { readonly [scalar in "bool" | "i8" | "u8" | "i16" | "u16" | "i32" | "u32"]: (a: number) => number } =
  {
    bool: (a) => a & 1,
    i8: (a) => (a << 24) >> 24,
    u8: (a) => a & 0xff,
    i16: (a) => (a << 16) >> 16,
    u16: (a) => a & 0xffff,
    i32: (a) => a | 0,
    u32: (a) => a >>> 0,
  };

const wrapBigint = (scalar: "i64" | "u64"): ((a: bigint) => bigint) =>
  scalar === "i64" ? (a) => BigInt.asIntN(64, a) : (a) => BigInt.asUintN(64, a);

/** a operator b. */
export function binaryOf(operator: BinaryOperator, scalar: Scalar): Binary {
  if (isStored(scalar)) throw new RangeError(`${operator} is not defined on ${scalar}`);
  switch (scalar) {
    case "f32":
      return roundedBinary(operator, Math.fround);
    case "f64":
      return roundedBinary(operator, (a) => a);
    case "i64":
    case "u64":
      return wideBinary(operator, wrapBigint(scalar));
    default:
      return narrowBinary(operator, wrapNumber[scalar], bitsOf[scalar] - 1);
  }
}

/** In f64 and rounded: for f32 too this is the correctly rounded result, since 53 ≥ 2 × 24 + 2. */
function roundedBinary(operator: BinaryOperator, round: (a: number) => number): Binary {
  switch (operator) {
    case "add":
      return binaryNumber((a, b) => round(a + b));
    case "sub":
      return binaryNumber((a, b) => round(a - b));
    case "mul":
      return binaryNumber((a, b) => round(a * b));
    case "div":
      return binaryNumber((a, b) => round(a / b));
    case "rem":
    case "and":
    case "or":
    case "xor":
    case "shl":
    case "shr":
      throw new RangeError(`${operator} is not defined on floats`);
  }
}

function narrowBinary(operator: BinaryOperator, wrap: (a: number) => number, countMask: number): Binary {
  switch (operator) {
    case "add":
      return binaryNumber((a, b) => wrap(a + b));
    case "sub":
      return binaryNumber((a, b) => wrap(a - b));
    case "mul":
      return binaryNumber((a, b) => wrap(Math.imul(a, b)));
    case "div":
      return binaryNumber((a, b) => (b === 0 ? 0 : wrap(Math.trunc(a / b))));
    case "rem":
      return binaryNumber((a, b) => (b === 0 ? 0 : wrap(a % b)));
    case "and":
      return binaryNumber((a, b) => wrap(a & b));
    case "or":
      return binaryNumber((a, b) => wrap(a | b));
    case "xor":
      return binaryNumber((a, b) => wrap(a ^ b));
    case "shl":
      return binaryNumber((a, b) => wrap(a << (b & countMask)));
    case "shr":
      // Unsigned numbers are not negative, but those of 32 bits would be to >>.
      return binaryNumber((a, b) => (a < 0 ? a >> (b & countMask) : a >>> (b & countMask)));
  }
}

function wideBinary(operator: BinaryOperator, wrap: (a: bigint) => bigint): Binary {
  switch (operator) {
    case "add":
      return binaryBigint((a, b) => wrap(a + b));
    case "sub":
      return binaryBigint((a, b) => wrap(a - b));
    case "mul":
      return binaryBigint((a, b) => wrap(a * b));
    case "div":
      return binaryBigint((a, b) => (b === 0n ? 0n : wrap(a / b)));
    case "rem":
      return binaryBigint((a, b) => (b === 0n ? 0n : a % b));
    case "and":
      return binaryBigint((a, b) => a & b);
    case "or":
      return binaryBigint((a, b) => a | b);
    case "xor":
      return binaryBigint((a, b) => a ^ b);
    case "shl":
      return binaryBigint((a, b) => wrap(a << (b & 63n)));
    case "shr":
      return binaryBigint((a, b) => a >> (b & 63n));
  }
}

/** To the nearest integer, ties to even; keeps the sign of zero. */
const roundEven = (a: number): number => {
  const magnitude = Math.abs(a);
  // From 2^52 on every f64 is an integer; below, adding 2^52 rounds at the units.
  if (!(magnitude < 2 ** 52)) return a;
  const rounded = magnitude + 2 ** 52 - 2 ** 52;
  return a < 0 || Object.is(a, -0) ? -rounded : rounded;
};

/** operator a. */
export function unaryOf(operator: UnaryOperator, scalar: Scalar): Unary {
  switch (operator) {
    case "neg":
      if (isFloat(scalar)) return unaryNumber((a) => -a);
      return isWide(scalar) ? mapWide(scalar, (a) => -a) : mapNarrow(scalar, (a) => -a);
    case "abs":
      if (isFloat(scalar)) return unaryNumber(Math.abs);
      return isWide(scalar) ? mapWide(scalar, (a) => (a < 0n ? -a : a)) : mapNarrow(scalar, Math.abs);
    case "not":
      return isWide(scalar) ? mapWide(scalar, (a) => ~a) : mapNarrow(scalar, (a) => ~a);
    case "sqrt":
      return unaryNumber(scalar === "f32" ? (a) => Math.fround(Math.sqrt(a)) : Math.sqrt);
    case "floor":
      return unaryNumber(Math.floor);
    case "ceil":
      return unaryNumber(Math.ceil);
    case "trunc":
      return unaryNumber(Math.trunc);
    case "roundEven":
      return unaryNumber(roundEven);
  }
}

function mapWide(scalar: Scalar, f: (a: bigint) => bigint): Unary {
  const wrap = wrapBigint(scalar === "i64" ? "i64" : "u64");
  return unaryBigint((a) => wrap(f(a)));
}

function mapNarrow(scalar: Scalar, f: (a: number) => number): Unary {
  const wrap = wrapNumber[scalar as keyof typeof wrapNumber];
  return unaryNumber((a) => wrap(f(a)));
}

/** a operator b, as 0 or 1. */
export function compareOf(operator: CompareOperator): Binary {
  switch (operator) {
    case "eq":
      return (a, b) => (a === b ? 1 : 0);
    case "ne":
      return (a, b) => (a !== b ? 1 : 0);
    case "lt":
      return (a, b) => (a < b ? 1 : 0);
    case "le":
      return (a, b) => (a <= b ? 1 : 0);
    case "gt":
      return (a, b) => (a > b ? 1 : 0);
    case "ge":
      return (a, b) => (a >= b ? 1 : 0);
  }
}

/** a × b + c with one rounding. */
export const fmaOf = (scalar: Scalar): ((a: Lane, b: Lane, c: Lane) => Lane) =>
  (scalar === "f32" ? fma32 : fma64) as (a: Lane, b: Lane, c: Lane) => Lane;

/** The least and the greatest number of an integer type. */
export function rangeOf(scalar: Scalar): readonly [bigint, bigint] {
  const bits = BigInt(isSmallInteger(scalar) ? smallBits[scalar] : bitsOf[scalar]);
  return isSigned(scalar) ? [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n] : [0n, (1n << bits) - 1n];
}

/** A 64-bit integer as f64, rounded to odd, so that rounding that again to 24 bits or fewer is as rounding the integer. */
function toOddFloat64(a: bigint): number {
  const magnitude = a < 0n ? -a : a;
  const extra = magnitude.toString(2).length - 53;
  if (extra <= 0) return Number(a);
  const kept = magnitude >> BigInt(extra);
  const odd = kept << BigInt(extra) === magnitude ? kept : kept | 1n;
  const value = Number(odd) * 2 ** extra;
  return a < 0n ? -value : value;
}

/** A 64-bit integer to the nearest f32, ties to even, in one rounding. */
export const toFloat32 = (a: bigint): number => Math.fround(toOddFloat64(a));

/** A number to the element of a stored type that it becomes, floats in one rounding. */
export const toStored = (scalar: Stored, a: Lane, narrowing?: Narrowing): number =>
  storedOfNumber(scalar, typeof a === "bigint" ? toOddFloat64(a) : a, narrowing);

/** The numeric conversion between two scalars. */
export function convertOf(from: Scalar, to: Scalar, narrowing?: Narrowing): Unary {
  if (from === to) return (a) => a;
  if (isStored(from)) {
    const convert = convertOf(arithmeticOf(from), to, narrowing);
    return unaryNumber((a) => convert(numberOfStored(from, a)));
  }
  if (isSmallInteger(to)) {
    const convert = convertOf(from, isFloat(from) ? "i32" : arithmeticOf(to));
    return (a) => toStored(to, convert(a));
  }
  if (isStored(to)) return (a) => toStored(to, a, narrowing);
  if (to === "bool") return (a) => (Number(a) !== 0 ? 1 : 0);
  if (to === "f64") return Number;
  if (to === "f32") return isWide(from) ? unaryBigint(toFloat32) : unaryNumber(Math.fround);
  if (isFloat(from)) return saturating(to);
  if (to === "i64" || to === "u64") {
    const wrap = wrapBigint(to);
    return (a) => wrap(BigInt(a));
  }
  const wrap = wrapNumber[to];
  return isWide(from) ? unaryBigint((a) => wrap(Number(BigInt.asIntN(32, a)))) : unaryNumber(wrap);
}

/** Truncates; what does not fit becomes the nearest end of the range, and NaN 0. */
function saturating(to: Scalar): Unary {
  const [low, high] = rangeOf(to);
  const [least, greatest] = [Number(low), Number(high)];
  if (!isWide(to))
    return unaryNumber((a) => (Number.isNaN(a) ? 0 : Math.trunc(Math.min(Math.max(a, least), greatest)) + 0));
  return unaryNumber((a) => {
    if (Number.isNaN(a)) return 0n;
    if (a <= least) return low;
    return a >= greatest ? high : BigInt(Math.trunc(a));
  });
}

/** Every NaN as the one with the default bits. */
export const canonical = (a: number): number => (Number.isNaN(a) ? Number.NaN : a);

const scratch = new DataView(new ArrayBuffer(8));

const writers: { readonly [scalar in Scalar]: (a: Lane) => void } = {
  bool: (a) => scratch.setUint8(0, Number(a)),
  i8: (a) => scratch.setInt8(0, Number(a)),
  u8: (a) => scratch.setUint8(0, Number(a)),
  i16: (a) => scratch.setInt16(0, Number(a)),
  u16: (a) => scratch.setUint16(0, Number(a)),
  i32: (a) => scratch.setInt32(0, Number(a)),
  u32: (a) => scratch.setUint32(0, Number(a)),
  i64: (a) => scratch.setBigInt64(0, BigInt(a)),
  u64: (a) => scratch.setBigUint64(0, BigInt(a)),
  f32: (a) => scratch.setFloat32(0, canonical(Number(a))),
  f64: (a) => scratch.setFloat64(0, canonical(Number(a))),
  i4: (a) => scratch.setInt8(0, Number(a)),
  u4: (a) => scratch.setUint8(0, Number(a)),
  i2: (a) => scratch.setInt8(0, Number(a)),
  u2: (a) => scratch.setUint8(0, Number(a)),
  f8e4m3fn: (a) => scratch.setUint8(0, Number(a)),
  f8e4m3fnuz: (a) => scratch.setUint8(0, Number(a)),
  f8e5m2: (a) => scratch.setUint8(0, Number(a)),
  f8e5m2fnuz: (a) => scratch.setUint8(0, Number(a)),
  f8e8m0: (a) => scratch.setUint8(0, Number(a)),
  f4e2m1: (a) => scratch.setUint8(0, Number(a)),
  f16: (a) => scratch.setUint16(0, Number(a)),
  bf16: (a) => scratch.setUint16(0, Number(a)),
};

const readers: { readonly [scalar in Scalar]: () => Lane } = {
  bool: () => scratch.getUint8(0) & 1,
  i8: () => scratch.getInt8(0),
  u8: () => scratch.getUint8(0),
  i16: () => scratch.getInt16(0),
  u16: () => scratch.getUint16(0),
  i32: () => scratch.getInt32(0),
  u32: () => scratch.getUint32(0),
  i64: () => scratch.getBigInt64(0),
  u64: () => scratch.getBigUint64(0),
  f32: () => scratch.getFloat32(0),
  f64: () => scratch.getFloat64(0),
  i4: () => scratch.getInt8(0),
  u4: () => scratch.getUint8(0),
  i2: () => scratch.getInt8(0),
  u2: () => scratch.getUint8(0),
  f8e4m3fn: () => scratch.getUint8(0),
  f8e4m3fnuz: () => scratch.getUint8(0),
  f8e5m2: () => scratch.getUint8(0),
  f8e5m2fnuz: () => scratch.getUint8(0),
  f8e8m0: () => scratch.getUint8(0),
  f4e2m1: () => scratch.getUint8(0),
  f16: () => scratch.getUint16(0),
  bf16: () => scratch.getUint16(0),
};

/** The same bits as another scalar of the same width. */
export function bitcastOf(from: Scalar, to: Scalar): Unary {
  const [write, read] = [writers[from], readers[to]];
  return (a) => {
    write(a);
    return read();
  };
}
