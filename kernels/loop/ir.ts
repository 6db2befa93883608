// The loop language: a small typed loop-nest IR that kernel generators write, and that is printed, verified, interpreted and emitted.

/** A type that is computed in; signedness belongs to it, so division, comparison, shifts and conversions need no variants. */
export type Arithmetic = "bool" | "i8" | "u8" | "i16" | "u16" | "i32" | "u32" | "i64" | "u64" | "f32" | "f64";

/** A float of 16 bits. */
export type Half = "f16" | "bf16";

/** A float of 8 bits, or of 4 in the lower bits of a byte. */
export type SmallFloat = "f8e4m3fn" | "f8e4m3fnuz" | "f8e5m2" | "f8e5m2fnuz" | "f8e8m0" | "f4e2m1";

/** An integer of 4 or 2 bits, in the lower bits of a byte; what stands in the upper ones is not read. */
export type SmallInteger = "i4" | "u4" | "i2" | "u2";

/** A type that is stored, moved, chosen between and converted to the type that it is computed in and from it, and never computed in. */
export type Stored = Half | SmallFloat | SmallInteger;

/** A scalar type. */
export type Scalar = Arithmetic | Stored;

/** How a number becomes a small float where there is a choice. */
export interface Narrowing {
  /** Whether what is too large becomes the largest number, as it does unless this is false; else an infinity, or NaN where there is none. `f4e2m1` has only the largest. */
  readonly saturate?: boolean | undefined;
  /** To which power of two `f8e8m0` rounds: the next one up (unless given) or down, or the nearest, of two the larger. */
  readonly rounding?: "up" | "down" | "nearest" | undefined;
}

/** A value: `lanes` copies of a scalar; 1 is a scalar, more is a vector. Lanes are a matter of schedule and may not change a bit. */
export interface ValueType {
  readonly scalar: Scalar;
  readonly lanes: number;
}

/** How a kernel touches a buffer; buffers never alias each other (`noalias`). */
export type Access = "read" | "write" | "readwrite";

/** A kernel parameter: `length` elements in memory, base address 64-byte aligned unless `align` says less. bool is stored as one byte, 0 or 1. */
export interface Buffer {
  readonly name: string;
  readonly scalar: Scalar;
  readonly length: number;
  readonly access: Access;
  readonly align: number;
  /** What an iteration finds there it has written itself: iterations that run at once may each have a buffer of their own. */
  readonly private?: boolean;
}

/** An immutable local (`let`), a mutable one (`var`) or a loop index (always i64, one lane). Identity is the object. */
export interface Local {
  readonly name: string;
  readonly type: ValueType;
  readonly kind: "let" | "var" | "index";
}

/** Both operands have equal types; integer arithmetic wraps; shifts take counts below the width (masked otherwise); integer division by 0 is 0, MIN / -1 wraps. */
export type BinaryOperator = "add" | "sub" | "mul" | "div" | "rem" | "and" | "or" | "xor" | "shl" | "shr";

/** Equal types give bool of the same lanes; a comparison with NaN is false, except `ne`, which is true. */
export type CompareOperator = "eq" | "ne" | "lt" | "le" | "gt" | "ge";

/** `neg` and `abs` of floats change the sign bit only; `sqrt`, `floor`, `ceil`, `trunc`, `roundEven` are correctly rounded instructions; `not` is bitwise. */
export type UnaryOperator = "neg" | "abs" | "sqrt" | "floor" | "ceil" | "trunc" | "roundEven" | "not";

/**
 * An expression without side effects, evaluated lane by lane.
 *
 * There is no min or max: they are compare-and-select, written out, so that NaN and zeros are the same everywhere.
 */
export type Expression =
  /** A constant in every lane. Integers of 64 bits are bigints; constants of f32 and of stored types are numbers that are already rounded. */
  | { readonly kind: "constant"; readonly type: ValueType; readonly value: number | bigint | boolean }
  | { readonly kind: "local"; readonly type: ValueType; readonly local: Local }
  | {
      readonly kind: "binary";
      readonly type: ValueType;
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
  | { readonly kind: "unary"; readonly type: ValueType; readonly operator: UnaryOperator; readonly operand: Expression }
  | {
      readonly kind: "compare";
      readonly type: ValueType;
      readonly operator: CompareOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
  /** left × right + addend with one rounding; float types only. */
  | {
      readonly kind: "fma";
      readonly type: ValueType;
      readonly left: Expression;
      readonly right: Expression;
      readonly addend: Expression;
    }
  /**
   * addend + Σ left[4n+j] × right[4n+j] over j < 4, exactly, the i32 sum wrapping: bytes in fours, u8 or i8 on the left and
   * i8 on the right, four times as many lanes as the result has.
   */
  | {
      readonly kind: "dot4";
      readonly type: ValueType;
      readonly left: Expression;
      readonly right: Expression;
      readonly addend: Expression;
    }
  /** Lane-wise choice; both sides are evaluated. */
  | {
      readonly kind: "select";
      readonly type: ValueType;
      readonly condition: Expression;
      readonly whenTrue: Expression;
      readonly whenFalse: Expression;
    }
  /** Numeric conversion: float to integer truncates and saturates (NaN to 0), integer to float and f64 to f32 round to nearest even, integers wrap, bool is 0 or 1; to bool is `≠ 0`. Stored types are converted to the type that they are computed in and from it only. */
  | {
      readonly kind: "convert";
      readonly type: ValueType;
      readonly operand: Expression;
      readonly narrowing?: Narrowing;
    }
  /** The same bits as another scalar type of the same width. */
  | { readonly kind: "bitcast"; readonly type: ValueType; readonly operand: Expression }
  /** One scalar into every lane. */
  | { readonly kind: "broadcast"; readonly type: ValueType; readonly operand: Expression }
  /** base, base + step, …: i64 over the lanes, step a literal. */
  | { readonly kind: "ramp"; readonly type: ValueType; readonly base: Expression; readonly step: number }
  /** One lane of a vector, named at generation time. */
  | { readonly kind: "extract"; readonly type: ValueType; readonly operand: Expression; readonly lane: number }
  /** A vector of named lanes of one (`b` absent) or two vectors laid end to end. */
  | {
      readonly kind: "shuffle";
      readonly type: ValueType;
      readonly a: Expression;
      readonly b?: Expression;
      readonly lanes: readonly number[];
    }
  /**
   * `type.lanes` consecutive elements from `index` (i64 scalar), or a gather where `index` is an i64 vector.
   * Where `mask` (bool, same lanes) is false nothing is read and the lane is 0.
   */
  | {
      readonly kind: "load";
      readonly type: ValueType;
      readonly buffer: Buffer;
      readonly index: Expression;
      readonly mask?: Expression;
    };

/** A statement. Loops count upwards by a literal positive step; bounds are i64 scalars evaluated once, the upper one at least a step below 2^63. */
export type Statement =
  | { readonly kind: "let"; readonly local: Local; readonly value: Expression }
  | { readonly kind: "var"; readonly local: Local; readonly value: Expression }
  | { readonly kind: "assign"; readonly local: Local; readonly value: Expression }
  /** Consecutive elements from a scalar index; lanes whose `mask` is false are left as they are. */
  | {
      readonly kind: "store";
      readonly buffer: Buffer;
      readonly index: Expression;
      readonly value: Expression;
      readonly mask?: Expression;
    }
  /** A hint that what lies at an index, inside the buffer or not, is going to be read: it has no effect but on time. */
  | { readonly kind: "prefetch"; readonly buffer: Buffer; readonly index: Expression }
  | {
      readonly kind: "for";
      readonly index: Local;
      readonly from: Expression;
      readonly to: Expression;
      /** Where it ends earlier, at the first index that is not less: an i64 scalar that is known when the kernel runs. */
      readonly until?: Expression;
      readonly step: number;
      readonly body: readonly Statement[];
    }
  | {
      readonly kind: "if";
      readonly condition: Expression;
      readonly whenTrue: readonly Statement[];
      readonly whenFalse: readonly Statement[];
    };

/** One kernel: a function over buffers. Its symbol is unique in an artifact; its text is the unit of caching. */
export interface Kernel {
  readonly name: string;
  readonly buffers: readonly Buffer[];
  /** A last parameter, the number of the part of the work that is to be done; none where a call does all of it. */
  readonly chunk?: Local;
  readonly body: readonly Statement[];
}
