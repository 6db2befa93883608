// Operators on the bits of integers and bools, and elements of one type taken as another.
import { z } from "zod";
import { arithmeticOf, type Dtype, dtypes, type Expression, isSmallInteger, loop } from "../../kernels/index.ts";
import { numberIn, showTensorType } from "../graph/tensor-type.ts";
import { type Elementwise, elementwise } from "./elementwise.ts";
import { operandError, operator } from "./operator.ts";

const bitwise = (
  name: string,
  expression: (a: Expression, b: Expression) => Expression,
  integer: (a: bigint, b: bigint) => bigint,
  bool: (a: number, b: number) => number,
) =>
  elementwise(name, {
    arity: 2,
    expression: expression as Elementwise["expression"],
    integer: integer as Elementwise["integer"] & {},
    bool: bool as Elementwise["bool"] & {},
  });

export const bitwiseAnd = bitwise(
  "bitwiseAnd",
  loop.and,
  (a, b) => a & b,
  (a, b) => a & b,
);
export const bitwiseOr = bitwise(
  "bitwiseOr",
  loop.or,
  (a, b) => a | b,
  (a, b) => a | b,
);
export const bitwiseXor = bitwise(
  "bitwiseXor",
  loop.xor,
  (a, b) => a ^ b,
  (a, b) => a ^ b,
);
export const bitwiseNot = elementwise("bitwiseNot", {
  arity: 1,
  expression: loop.not as Elementwise["expression"],
  integer: (a) => ~a!,
  bool: (a) => 1 - a!,
});

const bitsOf = ({ type: { scalar } }: Expression): number => Number(scalar.slice(1));
const isSigned = ({ type: { scalar } }: Expression): boolean => scalar.startsWith("i");

/** Whether a count is at least the width, or negative. */
function isBeyond(count: Expression): Expression {
  const large = loop.ge(count, bitsOf(count));
  return isSigned(count) ? loop.or(large, loop.lt(count, 0)) : large;
}

/** The bits of a moved up by b; by the width or more, or by a negative count, all of them are lost. Integers. */
export const bitwiseLeftShift = elementwise("bitwiseLeftShift", {
  arity: 2,
  expression: (a, b) => loop.select(isBeyond(b!), 0, loop.shl(a!, b!)),
  // The result wraps to its type, so that bits beyond any width are lost.
  integer: (a, b) => (b! < 0n || b! > 63n ? 0n : a! << b!),
});

/**
 * The bits of a moved down by b; copies of the sign, or zeros where there is none, come in from above. Integers.
 *
 * By the width or more, or by a negative count, nothing else is left.
 */
export const bitwiseRightShift = elementwise("bitwiseRightShift", {
  arity: 2,
  expression(a, b) {
    const emptied = isSigned(a!) ? loop.shr(a!, bitsOf(a!) - 1) : loop.constant(a!.type.scalar, 0, a!.type.lanes);
    return loop.select(isBeyond(b!), emptied, loop.shr(a!, b!));
  },
  integer: (a, b) => (b! < 0n || b! > 63n ? (a! < 0n ? -1n : 0n) : a! >> b!),
});

/** How many bits of its memory an element means; a bool is a byte. */
const widthOf = (dtype: Dtype): number => (dtype === "bool" ? 8 : Number(/\d+/.exec(dtype)![0]));

/** The integers of a width without a sign. */
const unsigned = (width: number): Dtype => dtypes.find((each) => each === `u${width}`)!;

/** Whether what lies in memory is not all of it bits of the element. */
const isNumber = (dtype: Dtype): boolean => dtype === "bool" || isSmallInteger(dtype);

/** The bits of the NaN that stands for all, of those floats that instructions make NaNs of; their signs are not the same everywhere. */
const bitsOfNaN: { readonly [D in Dtype]?: bigint } = {
  f16: 0x7e00n,
  bf16: 0x7fc0n,
  f32: 0x7fc00000n,
  f64: 0x7ff8000000000000n,
};

/**
 * The same bits as another dtype of the same width, as PyTorch's `view(dtype)`: f32 as i32 or u32, u4 as f4e2m1.
 *
 * A bool is the byte 0 or 1, and every byte but 0 is true. Every NaN of 16 bits and more has the bits of the one whose sign and
 * payload are clear, so that they do not depend on the machine: there PyTorch keeps what it finds.
 */
export const bitCast = operator({
  name: "bitCast",
  attributes: z.strictObject({ dtype: z.enum(dtypes) }),
  errorUlp: 0,
  moves: true,
  infer([x], { dtype }) {
    if (widthOf(x!.dtype) === widthOf(dtype)) return { dtype, shape: x!.shape };
    throw operandError(
      "dtype",
      `bitCast of ${showTensorType(x!)} to ${dtype}: one has ${widthOf(x!.dtype)} bits, the other ${widthOf(dtype)}`,
      `convert numbers with .cast("${dtype}"), or name a dtype of ${widthOf(x!.dtype)} bits`,
    );
  },
  evaluate([x], { dtype }, { data }) {
    const bytes = (each: typeof data) => new Uint8Array(each.buffer, each.byteOffset, each.byteLength);
    const width = widthOf(dtype);
    bytes(data).set(bytes(x!.data));
    const nan = bitsOfNaN[x!.dtype];
    if (nan !== undefined) {
      const bits = width === 64 ? new BigUint64Array([nan]) : Uint32Array.of(Number(nan));
      const size = width / 8;
      for (let at = 0; at < data.length; at++)
        if (Number.isNaN(Number(numberIn(x!.dtype, x!.data[at]!))))
          bytes(data).set(new Uint8Array(bits.buffer, 0, size), at * size);
    }
    if (!isNumber(dtype) && !isNumber(x!.dtype)) return;
    for (let at = 0; at < data.length; at++) {
      const bits = Number(x!.data[at]!) & (2 ** width - 1);
      const isNegative = dtype.startsWith("i") && bits >= 2 ** (width - 1);
      data[at] = dtype === "bool" ? Number(bits !== 0) : isNegative ? bits - 2 ** width : bits;
    }
  },
  lowering: {
    kind: "pointwise",
    expression([x], { dtype }) {
      const from = x!.type.scalar;
      const width = widthOf(dtype);
      const word = unsigned(width);
      // Floats of 4 bits lie in a byte.
      const byte = width < 8 ? "u8" : word;
      const found = isNumber(from) ? loop.convert(x!, word) : loop.convert(loop.bitcast(x!, byte), word);
      const nan = bitsOfNaN[from];
      const number = nan !== undefined && loop.convert(x!, arithmeticOf(from));
      const one = number && loop.constant(word, width === 64 ? nan! : Number(nan), x!.type.lanes);
      const bits = one ? loop.select(loop.ne(number, number), one, found) : found;
      return isNumber(dtype) ? loop.convert(bits, dtype) : loop.bitcast(loop.convert(bits, byte), dtype);
    },
  },
});

/** The widths of the fields that a byte is made of. */
const fieldAttributes = z.strictObject({ bits: z.union([z.literal(2), z.literal(4)]), from: z.int().min(0).max(6) });

/**
 * The number of `bits` bits at bit `from` of each byte. u8 → f32.
 *
 * What packed weights are read by: it is never folded, so that they stay packed, and computed again wherever it is read. Exact.
 */
export const bitField = operator({
  name: "bitField",
  attributes: fieldAttributes,
  errorUlp: 0,
  infer([x]) {
    if (x!.dtype !== "u8") throw operandError("dtype", `bitField of ${showTensorType(x!)}`, "x is u8");
    return { dtype: "f32", shape: x!.shape };
  },
  evaluate([x], { bits, from }, { data }) {
    for (let i = 0; i < data.length; i++) data[i] = (Number(x!.data[i]) >> from) & (2 ** bits - 1);
  },
  lowering: {
    kind: "pointwise",
    isCheap: true,
    expression([x], { bits, from }) {
      const { lanes } = x!.type;
      const moved = from === 0 ? x! : loop.shr(x!, loop.constant("u8", from, lanes));
      // The highest field has nothing above it.
      const field = from + bits === 8 ? moved : loop.and(moved, loop.constant("u8", 2 ** bits - 1, lanes));
      return loop.convert(loop.convert(field, "i32"), "f32");
    },
  },
});
