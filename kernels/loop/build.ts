// Constructors of the loop language: typed expressions, and the builder that generators write kernels with.

import { IsochronError } from "../base/error.ts";
import { arithmeticOf, isSmallFloat, isSmallInteger, isStored } from "../dtype.ts";
import { numberOfStored, storedConstant } from "../stored.ts";
import type {
  Access,
  BinaryOperator,
  Buffer,
  CompareOperator,
  Expression,
  Kernel,
  Local,
  Narrowing,
  Scalar,
  Statement,
  UnaryOperator,
  ValueType,
} from "./ir.ts";

/** Bits of each scalar in a register; bool counts as one. */
export const bitsOf: { readonly [scalar in Scalar]: number } = {
  bool: 1,
  i8: 8,
  u8: 8,
  i16: 16,
  u16: 16,
  i32: 32,
  u32: 32,
  i64: 64,
  u64: 64,
  f32: 32,
  f64: 64,
  i4: 8,
  u4: 8,
  i2: 8,
  u2: 8,
  f8e4m3fn: 8,
  f8e4m3fnuz: 8,
  f8e5m2: 8,
  f8e5m2fnuz: 8,
  f8e8m0: 8,
  f4e2m1: 8,
  f16: 16,
  bf16: 16,
};

export const isFloat = (scalar: Scalar): boolean => scalar === "f32" || scalar === "f64";
export const isSigned = (scalar: Scalar): boolean => scalar.startsWith("i") || isFloat(scalar);
export const isInteger = (scalar: Scalar): boolean => !isFloat(scalar) && !isStored(scalar) && scalar !== "bool";

export const valueType = (scalar: Scalar, lanes = 1): ValueType => ({ scalar, lanes });
export const sameType = (a: ValueType, b: ValueType): boolean => a.scalar === b.scalar && a.lanes === b.lanes;
export const showType = ({ scalar, lanes }: ValueType): string => (lanes === 1 ? scalar : `${scalar}x${lanes}`);

const typeError = (message: string): IsochronError => new IsochronError("loop/type", message);

const expectType = (what: string, e: Expression, type: ValueType): void => {
  if (!sameType(e.type, type)) throw typeError(`${what} is ${showType(e.type)}, not ${showType(type)}`);
};

const isLaneCount = (lanes: number): boolean => Number.isInteger(lanes) && lanes >= 1;
const isLane = (lane: number, lanes: number): boolean => Number.isInteger(lane) && lane >= 0 && lane < lanes;

/** An index: an i64 expression, or a literal. */
export type Index = Expression | number;

const wrapInteger = (scalar: Scalar, value: bigint): bigint =>
  isSigned(scalar) ? BigInt.asIntN(bitsOf[scalar], value) : BigInt.asUintN(bitsOf[scalar], value);

/** A constant in every lane; integers wrap and floats round to the type. Throws `loop/type` where an integer type is given a fraction. */
export function constant(scalar: Scalar, value: number | bigint | boolean, lanes = 1): Expression {
  const type = valueType(scalar, lanes);
  if (scalar === "bool") return { kind: "constant", type, value: Boolean(value) };
  if (scalar === "f32") return { kind: "constant", type, value: Math.fround(Number(value)) };
  if (scalar === "f64") return { kind: "constant", type, value: Number(value) };
  if (isStored(scalar))
    return { kind: "constant", type, value: numberOfStored(scalar, storedConstant(scalar, Number(value))) };
  if (typeof value === "number" && !Number.isInteger(value)) throw typeError(`${value} is not a constant of ${scalar}`);
  const exact = BigInt(value);
  const wrapped = wrapInteger(scalar, exact);
  return { kind: "constant", type, value: bitsOf[scalar] === 64 ? wrapped : Number(wrapped) };
}

/** An f32 or f64 constant given by its bits. */
export function fromBits(scalar: "f32" | "f64", bits: bigint, lanes = 1): Expression {
  const integer = scalar === "f32" ? "u32" : "u64";
  return bitcast(constant(integer, bits, lanes), scalar);
}

/** An i64 index; numbers become constants. */
export const index = (value: Index): Expression => (typeof value === "number" ? constant("i64", value) : value);

const literal = (e: Expression): bigint | undefined =>
  e.kind === "constant" && e.type.scalar === "i64" && e.type.lanes === 1 ? (e.value as bigint) : undefined;

/** Folds i64 scalar arithmetic on literals, which is what index expressions are made of. */
function foldIndex(operator: BinaryOperator, left: Expression, right: Expression): Expression | undefined {
  const a = literal(left);
  const b = literal(right);
  if (a !== undefined && b !== undefined) {
    if (operator === "add") return constant("i64", a + b);
    if (operator === "sub") return constant("i64", a - b);
    if (operator === "mul") return constant("i64", a * b);
  }
  if (operator === "add" && a === 0n) return right;
  if ((operator === "add" || operator === "sub") && b === 0n) return left;
  if (operator === "mul" && a === 1n) return right;
  if ((operator === "mul" || operator === "div") && b === 1n) return left;
  if (operator === "mul" && (a === 0n || b === 0n)) return constant("i64", 0n);
  return undefined;
}

/** A binary operation; a number beside an expression takes its type. */
export function binary(operator: BinaryOperator, a: Index, b: Index): Expression {
  const [left, right] = matched(a, b);
  if (!sameType(left.type, right.type)) {
    throw typeError(`${operator} of ${showType(left.type)} and ${showType(right.type)}: both sides must have one type`);
  }
  const { scalar, lanes } = left.type;
  const bitwise = operator === "and" || operator === "or" || operator === "xor";
  if (isStored(scalar) || (bitwise ? isFloat(scalar) : scalar === "bool"))
    throw typeError(`${operator} is not defined on ${scalar}`);
  if ((operator === "shl" || operator === "shr" || operator === "rem") && isFloat(scalar)) {
    throw typeError(`${operator} is not defined on ${scalar}`);
  }
  const folded = scalar === "i64" && lanes === 1 ? foldIndex(operator, left, right) : undefined;
  return folded ?? { kind: "binary", type: left.type, operator, left, right };
}

function matched(a: Index, b: Index): [Expression, Expression] {
  if (typeof a !== "number") return [a, typeof b === "number" ? constant(a.type.scalar, b, a.type.lanes) : b];
  return typeof b === "number" ? [index(a), index(b)] : [constant(b.type.scalar, a, b.type.lanes), b];
}

export const add = (a: Index, b: Index): Expression => binary("add", a, b);
export const sub = (a: Index, b: Index): Expression => binary("sub", a, b);
export const mul = (a: Index, b: Index): Expression => binary("mul", a, b);
export const div = (a: Index, b: Index): Expression => binary("div", a, b);
export const rem = (a: Index, b: Index): Expression => binary("rem", a, b);
export const and = (a: Index, b: Index): Expression => binary("and", a, b);
export const or = (a: Index, b: Index): Expression => binary("or", a, b);
export const xor = (a: Index, b: Index): Expression => binary("xor", a, b);
export const shl = (a: Index, b: Index): Expression => binary("shl", a, b);
export const shr = (a: Index, b: Index): Expression => binary("shr", a, b);

const unary = (operator: UnaryOperator, operand: Expression): Expression => {
  const { scalar } = operand.type;
  const fits =
    operator === "not"
      ? !isFloat(scalar)
      : operator === "neg" || operator === "abs"
        ? scalar !== "bool"
        : isFloat(scalar);
  if (!fits || isStored(scalar)) throw typeError(`${operator} is not defined on ${scalar}`);
  return { kind: "unary", type: operand.type, operator, operand };
};

export const neg = (e: Expression): Expression => unary("neg", e);
export const abs = (e: Expression): Expression => unary("abs", e);
export const sqrt = (e: Expression): Expression => unary("sqrt", e);
export const floor = (e: Expression): Expression => unary("floor", e);
export const ceil = (e: Expression): Expression => unary("ceil", e);
export const trunc = (e: Expression): Expression => unary("trunc", e);
export const roundEven = (e: Expression): Expression => unary("roundEven", e);
export const not = (e: Expression): Expression => unary("not", e);

/** A comparison; a number beside an expression takes its type. */
export function compare(operator: CompareOperator, a: Index, b: Index): Expression {
  const [left, right] = matched(a, b);
  if (!sameType(left.type, right.type))
    throw typeError(`${operator} of ${showType(left.type)} and ${showType(right.type)}`);
  if (isStored(left.type.scalar)) throw typeError(`${operator} is not defined on ${left.type.scalar}`);
  return { kind: "compare", type: valueType("bool", left.type.lanes), operator, left, right };
}

export const eq = (a: Index, b: Index): Expression => compare("eq", a, b);
export const ne = (a: Index, b: Index): Expression => compare("ne", a, b);
export const lt = (a: Index, b: Index): Expression => compare("lt", a, b);
export const le = (a: Index, b: Index): Expression => compare("le", a, b);
export const gt = (a: Index, b: Index): Expression => compare("gt", a, b);
export const ge = (a: Index, b: Index): Expression => compare("ge", a, b);

/** a × b + c, rounded once; numbers take the type of the first expression. */
export function fma(a: Index, b: Index, c: Index): Expression {
  const typed = [a, b, c].find((e) => typeof e !== "number");
  if (typed === undefined) throw typeError("fma of three numbers has no type");
  const { type } = typed;
  if (!isFloat(type.scalar)) throw typeError(`fma is not defined on ${type.scalar}`);
  const [left, right, addend] = [a, b, c].map((e) =>
    typeof e === "number" ? constant(type.scalar, e, type.lanes) : e,
  ) as [Expression, Expression, Expression];
  for (const e of [left, right, addend]) expectType("an operand of fma", e, type);
  return { kind: "fma", type, left, right, addend };
}

/** addend[n] + Σ left[4n+j] × right[4n+j], j < 4, exactly: i32 from u8 or i8 on the left and i8 on the right. */
export function dot4(left: Expression, right: Expression, addend: Expression): Expression {
  const { scalar, lanes } = addend.type;
  if (scalar !== "i32") throw typeError(`dot4 adds to i32, not to ${showType(addend.type)}`);
  if (left.type.scalar !== "u8") expectType("the left side of dot4", left, valueType("i8", 4 * lanes));
  else expectType("the left side of dot4", left, valueType("u8", 4 * lanes));
  expectType("the right side of dot4", right, valueType("i8", 4 * lanes));
  return { kind: "dot4", type: addend.type, left, right, addend };
}

/** Lane-wise choice. */
export function select(condition: Expression, whenTrue: Index, whenFalse: Index): Expression {
  const [yes, no] = matched(whenTrue, whenFalse);
  if (!sameType(yes.type, no.type)) throw typeError(`select between ${showType(yes.type)} and ${showType(no.type)}`);
  expectType("the condition of select", condition, valueType("bool", yes.type.lanes));
  return { kind: "select", type: yes.type, condition, whenTrue: yes, whenFalse: no };
}

/**
 * Numeric conversion, lane by lane; see the IR for its rules. To stored types and from them it goes through what they are computed
 * in, and rounds once; floats are truncated to small integers as to i32, of whose bits the lower ones stay.
 */
export function convert(operand: Expression, scalar: Scalar, narrowing?: Narrowing): Expression {
  const from = operand.type.scalar;
  if (from === scalar) return operand;
  const computed = arithmeticOf(from);
  if (from !== computed && scalar !== computed) return convert(convert(operand, computed), scalar, narrowing);
  if (isStored(scalar) && from !== arithmeticOf(scalar))
    return convert(computedFor(operand, scalar), scalar, narrowing);
  const type = valueType(scalar, operand.type.lanes);
  return { kind: "convert", type, operand, ...(narrowing && isSmallFloat(scalar) && { narrowing }) };
}

/** A number as the type that a stored one is computed in, so that what becomes of that is what becomes of the number. */
function computedFor(operand: Expression, scalar: Scalar): Expression {
  const from = operand.type.scalar;
  const computed = arithmeticOf(scalar);
  if (isSmallInteger(scalar)) return convert(isFloat(from) ? convert(operand, "i32") : operand, computed);
  return bitsOf[from] <= 16 ? convert(operand, computed) : roundedToOdd(operand);
}

/** A number as f32 whose last digit is odd where it is not exact, so that rounding that to fewer digits is as rounding the number. */
function roundedToOdd(operand: Expression): Expression {
  const { scalar, lanes } = operand.type;
  const nearest = convert(operand, "f32");
  const back = convert(nearest, scalar);
  const bits = bitcast(nearest, "i32");
  const one = (value: number) => constant("i32", value, lanes);
  const up = select(gt(operand, back), one(1), select(lt(operand, back), one(-1), one(0)));
  const outward = select(lt(bits, 0), neg(up), up);
  return bitcast(select(eq(and(bits, 1), 0), add(bits, outward), bits), "f32");
}

/** The same bits as another scalar of the same width. */
export function bitcast(operand: Expression, scalar: Scalar): Expression {
  if (bitsOf[scalar] !== bitsOf[operand.type.scalar])
    throw typeError(`bitcast of ${operand.type.scalar} to ${scalar} changes the width`);
  return operand.type.scalar === scalar
    ? operand
    : { kind: "bitcast", type: valueType(scalar, operand.type.lanes), operand };
}

/** One scalar into every lane. */
export function broadcast(operand: Expression, lanes: number): Expression {
  if (operand.type.lanes === lanes) return operand;
  if (operand.type.lanes !== 1 || !isLaneCount(lanes))
    throw typeError(`broadcast of ${showType(operand.type)} to ${lanes} lanes`);
  const type = valueType(operand.type.scalar, lanes);
  return operand.kind === "constant" ? { ...operand, type } : { kind: "broadcast", type, operand };
}

/** base, base + step, … over `lanes` lanes. */
export function ramp(base: Index, step: number, lanes: number): Expression {
  const first = index(base);
  expectType("the base of a ramp", first, valueType("i64"));
  if (!Number.isSafeInteger(step) || !isLaneCount(lanes)) throw typeError(`a ramp by ${step} over ${lanes} lanes`);
  return lanes === 1 ? first : { kind: "ramp", type: valueType("i64", lanes), base: first, step };
}

/** One lane of a vector, as a scalar. */
export function extract(operand: Expression, lane: number): Expression {
  if (!isLane(lane, operand.type.lanes)) throw typeError(`lane ${lane} of ${showType(operand.type)}`);
  return operand.type.lanes === 1 ? operand : { kind: "extract", type: valueType(operand.type.scalar), operand, lane };
}

/** The named lanes of one vector, or of two laid end to end. */
export function shuffle(a: Expression, lanes: readonly number[], b?: Expression): Expression {
  const width = a.type.lanes * (b ? 2 : 1);
  if (b) expectType("the second vector of shuffle", b, a.type);
  if (lanes.length === 0 || !lanes.every((lane) => isLane(lane, width)))
    throw typeError(`shuffle names lanes [${lanes}] of ${width}`);
  return { kind: "shuffle", type: valueType(a.type.scalar, lanes.length), a, ...(b ? { b } : {}), lanes };
}

/** `lanes` consecutive elements from a scalar index, or a gather at a vector of indices. */
export function load(buffer: Buffer, at: Index, lanes = 1, mask?: Expression): Expression {
  const where = index(at);
  const width = where.type.lanes > 1 ? where.type.lanes : lanes;
  if (where.type.scalar !== "i64") throw typeError(`${buffer.name} is indexed by ${showType(where.type)}`);
  if (!isLaneCount(width) || (lanes !== 1 && lanes !== width))
    throw typeError(`${lanes} lanes of ${buffer.name} are loaded at ${showType(where.type)}`);
  if (mask) expectType("the mask of a load", mask, valueType("bool", width));
  return { kind: "load", type: valueType(buffer.scalar, width), buffer, index: where, ...(mask ? { mask } : {}) };
}

/** The index that a loop ends at. */
export const endOf = ({ to, until }: Extract<Statement, { kind: "for" }>): Expression =>
  until ? select(lt(until, to), until, to) : to;

/** A mutable local. */
export interface Variable {
  get(): Expression;
  set(value: Expression): void;
}

/** Collects the statements of one kernel; nested bodies are functions called at once. */
export class KernelBuilder {
  readonly buffers: Buffer[] = [];
  #open: Statement[] = [];

  /** Adds a parameter of `length` elements; `align` is what its address is a multiple of, 64 unless given. */
  buffer(name: string, scalar: Scalar, length: number, access: Access, options: { align?: number } = {}): Buffer {
    const buffer = { name, scalar, length, access, align: options.align ?? 64 };
    this.buffers.push(buffer);
    return buffer;
  }

  /** Names a value, so that it is computed once, here; of a variable, its value of this moment. */
  let(value: Expression, name = "v"): Expression {
    if (value.kind === "constant" || (value.kind === "local" && value.local.kind !== "var")) return value;
    const local: Local = { name, type: value.type, kind: "let" };
    this.#open.push({ kind: "let", local, value });
    return { kind: "local", type: value.type, local };
  }

  /** A mutable local. */
  variable(initial: Expression, name = "acc"): Variable {
    const local: Local = { name, type: initial.type, kind: "var" };
    this.#open.push({ kind: "var", local, value: initial });
    return {
      get: () => ({ kind: "local", type: local.type, local }),
      set: (value) => {
        expectType(`the value assigned to ${name}`, value, local.type);
        this.#open.push({ kind: "assign", local, value });
      },
    };
  }

  /** Counts from `from` up to below `to`, or `until` where that is less. */
  for(from: Index, to: Index, step: number, body: (i: Expression) => void, name = "i", until?: Expression): void {
    if (!Number.isSafeInteger(step) || step < 1) throw typeError(`a loop's step is ${step}, not a positive integer`);
    for (const bound of [from, to, until ?? to]) expectType("a loop's bound", index(bound), valueType("i64"));
    const local: Local = { name, type: valueType("i64"), kind: "index" };
    const statements = this.#nested(() => body({ kind: "local", type: local.type, local }));
    const ends = until ? { until } : {};
    this.#open.push({ kind: "for", index: local, from: index(from), to: index(to), ...ends, step, body: statements });
  }

  /** Runs one of two bodies. */
  if(condition: Expression, whenTrue: () => void, whenFalse: () => void = () => {}): void {
    expectType("the condition of if", condition, valueType("bool"));
    this.#open.push({ kind: "if", condition, whenTrue: this.#nested(whenTrue), whenFalse: this.#nested(whenFalse) });
  }

  /** `lanes` consecutive elements, or a gather; see {@link load}. */
  load(buffer: Buffer, at: Index, lanes = 1, mask?: Expression): Expression {
    return load(buffer, at, lanes, mask);
  }

  /** Writes the lanes of `value` to consecutive elements; where `mask` is false nothing is written. */
  store(buffer: Buffer, at: Index, value: Expression, mask?: Expression): void {
    if (value.type.scalar !== buffer.scalar)
      throw typeError(`${showType(value.type)} stored into ${buffer.name}: ${buffer.scalar}`);
    expectType(`the index of ${buffer.name}`, index(at), valueType("i64"));
    if (mask) expectType("the mask of a store", mask, valueType("bool", value.type.lanes));
    this.#open.push({ kind: "store", buffer, index: index(at), value, ...(mask ? { mask } : {}) });
  }

  /** Says that what lies at an index, inside the buffer or not, is going to be read. */
  prefetch(buffer: Buffer, at: Index): void {
    expectType(`the index of ${buffer.name}`, index(at), valueType("i64"));
    this.#open.push({ kind: "prefetch", buffer, index: index(at) });
  }

  /** The statements so far, as a kernel. */
  finish(name: string): Kernel {
    return { name, buffers: this.buffers, body: this.#open };
  }

  #nested(body: () => void): Statement[] {
    const outer = this.#open;
    this.#open = [];
    body();
    const inner = this.#open;
    this.#open = outer;
    return inner;
  }
}

/** Builds a kernel. */
export function kernel(name: string, body: (k: KernelBuilder) => void): Kernel {
  const builder = new KernelBuilder();
  body(builder);
  return builder.finish(name);
}
