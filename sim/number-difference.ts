// Two numbers of one type that should be the same: both values, and how far they lie apart.
import {
  bytesOf,
  type Dtype,
  isFloatDtype,
  isHalf,
  isStored,
  numberOfStored,
  storedConstant,
} from "../kernels/index.ts";
import type { FieldRow } from "../scheduler/index.ts";

/** Text stands for what JSON has no number for: NaN, infinities, integers beyond 2⁵³. */
export type Shown = number | string;

/** A recorded number and the recomputed one. */
export interface NumberDifference {
  /** The number's place in the port: `[3]`, `drive.steering_angle`; empty where the port is one number. */
  readonly at: string;
  readonly dtype: Dtype;
  readonly recorded: Shown;
  readonly recomputed: Shown;
  /** How far apart; null where one is NaN. */
  readonly absolute: Shown | null;
  /** Of floats: steps from one representable number to the next; null for integers, and where one is NaN. */
  readonly ulps: Shown | null;
}

/** The number at a place, little-endian. */
function numberAt(bytes: Uint8Array, at: number, dtype: Dtype): number | bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (isStored(dtype)) return numberOfStored(dtype, isHalf(dtype) ? view.getUint16(at, true) : view.getUint8(at));
  switch (dtype) {
    case "bool":
    case "u8":
      return view.getUint8(at);
    case "i8":
      return view.getInt8(at);
    case "i16":
      return view.getInt16(at, true);
    case "u16":
      return view.getUint16(at, true);
    case "i32":
      return view.getInt32(at, true);
    case "u32":
      return view.getUint32(at, true);
    case "i64":
      return view.getBigInt64(at, true);
    case "u64":
      return view.getBigUint64(at, true);
    case "f32":
      return view.getFloat32(at, true);
    case "f64":
      return view.getFloat64(at, true);
  }
}

/** The bits of a float as an integer in which neighbours differ by one, and both zeros are 0. */
function step(value: number, dtype: Dtype): bigint {
  if (isStored(dtype)) {
    // The bits of a magnitude are in the order of the numbers.
    const bits = storedConstant(dtype, Math.abs(value));
    return BigInt(value < 0 ? -bits : bits);
  }
  const view = new DataView(new ArrayBuffer(8));
  if (dtype === "f32") view.setFloat32(0, value);
  else view.setFloat64(0, value);
  const bits = dtype === "f32" ? BigInt(view.getInt32(0)) : view.getBigInt64(0);
  const magnitude = bits & (dtype === "f32" ? 0x7fffffffn : 0x7fffffffffffffffn);
  return bits < 0n ? -magnitude : magnitude;
}

const apart = (a: bigint, b: bigint): bigint => (a > b ? a - b : b - a);

/** The shortest text that reads back as the same float32. */
function shortest(value: number, dtype: Dtype): number {
  if (dtype !== "f32" || !Number.isFinite(value)) return value;
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return Number(value.toPrecision(9));
}

const shown = (value: number | bigint, dtype: Dtype): Shown => {
  if (typeof value === "number")
    return Number.isFinite(value) && !Object.is(value, -0)
      ? shortest(value, dtype)
      : Object.is(value, -0)
        ? "-0"
        : String(value);
  return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
};

/** How two numbers of a type differ. */
export function numberDifference(
  at: string,
  dtype: Dtype,
  recorded: number | bigint,
  recomputed: number | bigint,
): NumberDifference {
  const both = { at, dtype, recorded: shown(recorded, dtype), recomputed: shown(recomputed, dtype) };
  if (typeof recorded === "bigint" || typeof recomputed === "bigint") {
    return { ...both, absolute: shown(apart(BigInt(recorded), BigInt(recomputed)), "i64"), ulps: null };
  }
  if (Number.isNaN(recorded) || Number.isNaN(recomputed)) return { ...both, absolute: null, ulps: null };
  const absolute = shown(Math.abs(recorded - recomputed), "f64");
  if (!isFloatDtype(dtype)) return { ...both, absolute, ulps: null };
  return { ...both, absolute, ulps: shown(apart(step(recorded, dtype), step(recomputed, dtype)), "i64") };
}

/** An element's place in a tensor: `[2, 5]`. */
function placeOf(element: number, shape: readonly number[]): string {
  if (shape.length === 0) return "";
  const places: number[] = [];
  let rest = element;
  for (const size of [...shape].reverse()) {
    places.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return `[${places.join(", ")}]`;
}

/** The number that holds byte `byte` of a slot, in both slots. */
export function differenceIn(
  { dtype, shape, offset }: FieldRow,
  byte: number,
  recorded: Uint8Array,
  recomputed: Uint8Array,
): NumberDifference {
  const element = Math.floor((byte - offset) / bytesOf(dtype));
  const at = offset + element * bytesOf(dtype);
  return numberDifference(
    placeOf(element, shape),
    dtype,
    numberAt(recorded, at, dtype),
    numberAt(recomputed, at, dtype),
  );
}

/** Every number of a field that differs between two slots. */
export function* differencesIn(
  field: FieldRow,
  recorded: Uint8Array,
  recomputed: Uint8Array,
): Generator<NumberDifference> {
  const size = bytesOf(field.dtype);
  for (let at = field.offset; at < field.offset + field.bytes; at += size) {
    for (let byte = at; byte < at + size; byte++) {
      if (recorded[byte] === recomputed[byte]) continue;
      yield differenceIn(field, byte, recorded, recomputed);
      break;
    }
  }
}

/** Which of two differences is larger: one with NaN before all, then by how far apart. */
export const isLarger = (a: NumberDifference, b: NumberDifference): boolean => {
  if (a.absolute === null || b.absolute === null) return a.absolute === null && b.absolute !== null;
  return Number(a.absolute) > Number(b.absolute);
};
