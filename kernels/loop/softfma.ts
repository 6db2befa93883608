// Fused multiply-add in software: exact product, exact sum, one rounding to nearest even, over the full range of f32 and f64.

const float64 = new Float64Array(1);
const bits64 = new BigUint64Array(float64.buffer);

/** a + b rounded to odd: truncated, and made odd where inexact, so that rounding once more to fewer bits is correct. Finite, without overflow. */
function addToOdd(a: number, b: number): number {
  const sum = a + b;
  const part = sum - a;
  const error = a - (sum - part) + (b - part);
  if (error === 0) return sum;
  float64[0] = sum;
  // A neighbour of an even sum is odd; towards the error is towards the exact value.
  if ((bits64[0]! & 1n) === 0n) bits64[0] = bits64[0]! + (error > 0 === sum > 0 ? 1n : -1n);
  return float64[0]!;
}

/** a × b + c for f32 arguments, rounded once to f32. */
export function fma32(a: number, b: number, c: number): number {
  // 24-bit factors: the product is exact in float64, subnormals included.
  const product = a * b;
  const sum = product + c;
  return Number.isFinite(sum) ? Math.fround(sum === 0 ? sum : addToOdd(product, c)) : sum;
}

/** 2^27 + 1: Veltkamp's constant, which splits 53 bits into two halves. */
const splitter = 134217729;

/** a × b + c for f64 arguments, rounded once to f64. */
export function fma64(a: number, b: number, c: number): number {
  const product = a * b;
  if (a === 0 || b === 0 || !Number.isFinite(a) || !Number.isFinite(b)) return product + c;
  // A finite product may overflow to infinity here, and must not meet an infinite addend.
  if (!Number.isFinite(c)) return c;
  if (c === 0) return product;
  return moderate(product) && moderate(a) && moderate(b) && Math.abs(c) < 2 ** 400
    ? fmaByErrorFree(a, b, product, c)
    : fmaByIntegers(a, b, c);
}

/** Far enough from both ends of the exponents that no intermediate of {@link fmaByErrorFree} overflows or is subnormal. */
const moderate = (x: number): boolean => {
  const magnitude = Math.abs(x);
  return magnitude < 2 ** 400 && magnitude > 2 ** -400;
};

/** Boldo and Melquiond, "Emulation of FMA and correctly rounded sums: proved algorithms using rounding to odd" (2008), algorithm Fmac. */
function fmaByErrorFree(a: number, b: number, high: number, c: number): number {
  const aBig = splitter * a;
  const aHigh = aBig - (aBig - a);
  const aLow = a - aHigh;
  const bBig = splitter * b;
  const bHigh = bBig - (bBig - b);
  const bLow = b - bHigh;
  const low = aLow * bLow - (high - aHigh * bHigh - aLow * bHigh - aHigh * bLow);

  const sum = c + low;
  const sumPart = sum - c;
  const sumError = c - (sum - sumPart) + (low - sumPart);

  const total = high + sum;
  const totalPart = total - high;
  const totalError = high - (total - totalPart) + (sum - totalPart);
  return total + addToOdd(sumError, totalError);
}

/** x = mantissa × 2^exponent, x finite. */
function decompose(x: number): { readonly mantissa: bigint; readonly exponent: number } {
  float64[0] = x;
  const bits = bits64[0]!;
  const field = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & 0xfffffffffffffn;
  const magnitude = field === 0 ? fraction : fraction | 0x10000000000000n;
  return { mantissa: x < 0 ? -magnitude : magnitude, exponent: Math.max(field, 1) - 1075 };
}

function fmaByIntegers(a: number, b: number, c: number): number {
  const [x, y, z] = [decompose(a), decompose(b), decompose(c)];
  const exponent = x.exponent + y.exponent;
  const lowest = Math.min(exponent, z.exponent);
  const sum = ((x.mantissa * y.mantissa) << BigInt(exponent - lowest)) + (z.mantissa << BigInt(z.exponent - lowest));
  return sum < 0n ? -rounded(-sum, lowest) : rounded(sum, lowest);
}

const bitLength = (value: bigint): number => {
  const text = value.toString(16);
  return 4 * text.length - Math.clz32(Number.parseInt(text[0]!, 16)) + 28;
};

/** 2^exponent for −1074 ≤ exponent ≤ 1023. */
const powerOfTwo = (exponent: number): number => {
  bits64[0] = exponent >= -1022 ? BigInt(exponent + 1023) << 52n : 1n << BigInt(exponent + 1074);
  return float64[0]!;
};

/** magnitude × 2^exponent to the nearest f64, ties to even. */
function rounded(magnitude: bigint, exponent: number): number {
  if (magnitude === 0n) return 0;
  // The exponent of the result's last place: 53 bits, or fewer where subnormal.
  const place = Math.max(exponent + bitLength(magnitude) - 53, -1074);
  if (place > 971) return Infinity;
  const drop = BigInt(place - exponent);
  if (drop <= 0n) return Number(magnitude << -drop) * powerOfTwo(place);
  const kept = magnitude >> drop;
  const rest = magnitude - (kept << drop);
  const half = 1n << (drop - 1n);
  const up = rest > half || (rest === half && (kept & 1n) === 1n);
  return Number(up ? kept + 1n : kept) * powerOfTwo(place);
}
