// Elementary functions to at least 160 correct bits in integer arithmetic: the reference that compiled functions are measured against.

/** A real number: value · 2^exponent. */
export interface Real {
  readonly value: bigint;
  readonly exponent: number;
}

const float64 = new Float64Array(1);
const bits64 = new BigUint64Array(float64.buffer);

/** A finite f64, exactly. */
export function real(x: number): Real {
  float64[0] = x;
  const bits = bits64[0]!;
  const field = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & 0xfffffffffffffn;
  const magnitude = field === 0 ? fraction : fraction | 0x10000000000000n;
  return { value: x < 0 ? -magnitude : magnitude, exponent: Math.max(field, 1) - 1075 };
}

const shifted = (value: bigint, by: number): bigint => (by >= 0 ? value << BigInt(by) : value >> BigInt(-by));
/** A number with `bits` bits behind the point. */
const fixed = ({ value, exponent }: Real, bits: number): bigint => shifted(value, exponent + bits);
const bitLength = (value: bigint): number => (value < 0n ? -value : value).toString(2).length;
/** Bits behind the point that leave 256 of them to a number of this size. */
const bitsFor = ({ value, exponent }: Real): number => 256 + Math.max(0, -(exponent + bitLength(value)));

/** Σ over odd k of ±t^k / k: artan (alternating) or artanh of a fixed number. */
function oddSeries(t: bigint, bits: number, alternating: boolean): bigint {
  const square = (t * t) >> BigInt(bits);
  let power = t;
  let sum = 0n;
  for (let k = 1n; power !== 0n && power !== -1n; k += 2n) {
    const term = power / k;
    sum += alternating && k % 4n === 3n ? -term : term;
    power = (power * square) >> BigInt(bits);
  }
  return sum;
}

const inverse = (n: bigint, bits: number): bigint => (1n << BigInt(bits)) / n;
const constantBits = 3000;
const wideLn2 = 2n * oddSeries(inverse(3n, constantBits), constantBits, false);
// Machin: π/4 = 4 artan 1/5 − artan 1/239.
const widePi =
  4n *
  (4n * oddSeries(inverse(5n, constantBits), constantBits, true) -
    oddSeries(inverse(239n, constantBits), constantBits, true));
const ln2 = (bits: number): bigint => wideLn2 >> BigInt(constantBits - bits);
const pi = (bits: number): bigint => widePi >> BigInt(constantBits - bits);

/** e^x of a fixed number: the result's last factor is a power of two. */
function expFixed(x: bigint, bits: number): Real {
  const k = x / ln2(bits);
  // Eight squarings follow, which cost as many bits.
  const work = bits + 16;
  const r = ((x - k * ln2(bits)) << 16n) >> 8n;
  let term = 1n << BigInt(work);
  let sum = 0n;
  for (let n = 1n; term !== 0n && term !== -1n; n++) {
    sum += term;
    term = ((term * r) >> BigInt(work)) / n;
  }
  for (let i = 0; i < 8; i++) sum = (sum * sum) >> BigInt(work);
  return { value: sum, exponent: Number(k) - work };
}

/** ln x with `bits` bits behind the point. */
function logFixed({ value, exponent }: Real, bits: number): bigint {
  const length = bitLength(value);
  const mantissa = shifted(value, bits - length);
  const one = 1n << BigInt(bits);
  // The mantissa lies in [½, 1); below √½ the series is better off from the other side.
  const doubled = mantissa * mantissa < 1n << BigInt(2 * bits - 1);
  const m = doubled ? mantissa << 1n : mantissa;
  const s = ((m - one) << BigInt(bits)) / (m + one);
  return 2n * oddSeries(s, bits, false) + BigInt(exponent + length - Number(doubled)) * ln2(bits);
}

/** artan t of a fixed t ≥ 0. */
function atanFixed(t: bigint, bits: number): bigint {
  const one = 1n << BigInt(bits);
  if (t > one) return (pi(bits) >> 1n) - atanFixed((one << BigInt(bits)) / t, bits);
  if (5n * t > 2n * one) return (pi(bits) >> 2n) + oddSeries(((t - one) << BigInt(bits)) / (t + one), bits, true);
  return oddSeries(t, bits, true);
}

/** sin and cos of a fixed number; `quarters` are added to the quadrant. */
function sineFixed(x: bigint, bits: number, quarters: bigint): bigint {
  const halfPi = pi(bits) >> 1n;
  const k = (2n * x + halfPi) / (2n * halfPi);
  const r = x - k * halfPi;
  const quadrant = (((k + quarters) % 4n) + 4n) % 4n;
  const square = (r * r) >> BigInt(bits);
  const odd = quadrant % 2n === 1n;
  let term = odd ? 1n << BigInt(bits) : r;
  let sum = 0n;
  for (let n = odd ? 1n : 2n; term !== 0n && term !== -1n; n += 2n) {
    sum += term;
    term = -((term * square) >> BigInt(bits)) / (n * (n + 1n));
  }
  return quadrant >= 2n ? -sum : sum;
}

const ofFixed = (value: bigint, bits: number): Real => ({ value, exponent: -bits });
const absolute = ({ value, exponent }: Real): Real => ({ value: value < 0n ? -value : value, exponent });
const withSign = ({ value, exponent }: Real, sign: number): Real => ({ value: sign < 0 ? -value : value, exponent });

/** (a / b) of positive numbers, to 256 bits. */
function quotient(a: Real, b: Real): Real {
  const shift = 256 + bitLength(b.value) - bitLength(a.value);
  return {
    value: shifted(a.value, Math.max(0, shift)) / b.value,
    exponent: a.exponent - b.exponent - Math.max(0, shift),
  };
}

/** Where e^x is far beyond any format; a larger exponent makes no difference. */
const limited = (x: bigint, bits: number): bigint => {
  const limit = 1n << BigInt(bits + 12);
  return x > limit ? limit : x < -limit ? -limit : x;
};

/** ⌊√n⌋ (Newton). */
function root(n: bigint): bigint {
  if (n === 0n) return 0n;
  let x = 1n << BigInt((bitLength(n) + 1) >> 1);
  for (;;) {
    const next = (x + n / x) >> 1n;
    if (next >= x) return x;
    x = next;
  }
}

/** √(1 − x²) of a fixed |x| ≤ 1. */
const complement = (x: bigint, bits: number): bigint => root((1n << BigInt(2 * bits)) - x * x);

/** e^x and e^−x of a fixed x ≥ 0, with `bits` bits behind the point. */
function bothExponentials(x: bigint, bits: number): readonly [bigint, bigint] {
  const grown = fixed(expFixed(x, bits), bits);
  return [grown, (1n << BigInt(2 * bits)) / grown];
}

/** 2/√π·e^−x²·Σ 2^n·x^(2n+1) / (1·3·5·…·(2n+1)): terms of one sign. */
function erfFixed(x: bigint, bits: number): bigint {
  const one = BigInt(bits);
  const square = (x * x) >> one;
  let term = x;
  let sum = 0n;
  for (let n = 1n; term !== 0n; n++) {
    sum += term;
    term = ((term * 2n * square) >> one) / (2n * n + 1n);
  }
  const scaled = (sum * fixed(expFixed(-square, bits), bits)) >> one;
  return ((2n * scaled) << one) / root(pi(bits) << one);
}

/** Exact values at finite arguments within the functions' domains; below and above all formats they may be any such number. */
export const exactFunctions = {
  exp(x: number): Real {
    return expFixed(limited(fixed(real(x), 320), 320), 320);
  },
  log(x: number): Real {
    return ofFixed(logFixed(real(x), 320), 320);
  },
  tanh(x: number): Real {
    if (Math.abs(x) > 400) return real(Math.sign(x));
    const exact = absolute(real(x));
    const bits = bitsFor(exact) + 64;
    const { value, exponent } = expFixed(2n * fixed(exact, bits), bits);
    const e = fixed({ value, exponent }, bits);
    const one = 1n << BigInt(bits);
    return withSign(ofFixed(((e - one) << BigInt(bits)) / (e + one), bits), x);
  },
  sigmoid(x: number): Real {
    const e = expFixed(limited(fixed(absolute(real(x)), 320), 320), 320);
    // 1 + e^−|x|, whose small part may vanish behind 320 bits.
    const small = quotient({ value: 1n, exponent: 0 }, e);
    const sum = ofFixed((1n << 320n) + fixed(small, 320), 320);
    return quotient(x < 0 ? small : { value: 1n, exponent: 0 }, sum);
  },
  sin(x: number): Real {
    const exact = absolute(real(x));
    const bits = bitsFor(exact) + 128;
    // The error of π grows with x.
    const work = bits + Math.max(0, exact.exponent + 64);
    return withSign(ofFixed(sineFixed(fixed(exact, work), work, 0n), work), x);
  },
  cos(x: number): Real {
    const exact = absolute(real(x));
    const work = 384 + Math.max(0, exact.exponent + 64);
    return ofFixed(sineFixed(fixed(exact, work), work, 1n), work);
  },
  atan(x: number): Real {
    const exact = absolute(real(x));
    const bits = bitsFor(exact) + 64;
    return withSign(ofFixed(atanFixed(fixed(exact, bits), bits), bits), x);
  },
  tan(x: number): Real {
    const [sine, cosine] = [exactFunctions.sin(x), exactFunctions.cos(x)];
    const sign = sine.value < 0n === cosine.value < 0n ? 1 : -1;
    return withSign(quotient(absolute(sine), absolute(cosine)), sign);
  },
  asin(x: number): Real {
    const exact = absolute(real(x));
    const bits = bitsFor(exact) + 64;
    const [sine, cosine] = [fixed(exact, bits), complement(fixed(exact, bits), bits)];
    if (cosine === 0n) return withSign(ofFixed(pi(bits) >> 1n, bits), x);
    return withSign(ofFixed(atanFixed((sine << BigInt(bits)) / cosine, bits), bits), x);
  },
  /** For |x| < 1. */
  acos(x: number): Real {
    const bits = bitsFor(absolute(real(x))) + 64;
    const cosine = fixed(absolute(real(x)), bits);
    const sine = complement(cosine, bits);
    const acute = cosine === 0n ? pi(bits) >> 1n : atanFixed((sine << BigInt(bits)) / cosine, bits);
    return ofFixed(x < 0 ? pi(bits) - acute : acute, bits);
  },
  sinh(x: number): Real {
    const exact = absolute(real(x));
    const bits = bitsFor(exact) + 64;
    const [up, down] = bothExponentials(limited(fixed(exact, bits), bits), bits);
    return withSign(ofFixed((up - down) >> 1n, bits), x);
  },
  cosh(x: number): Real {
    const [up, down] = bothExponentials(limited(fixed(absolute(real(x)), 320), 320), 320);
    return ofFixed((up + down) >> 1n, 320);
  },
  expm1(x: number): Real {
    const exact = real(x);
    const bits = bitsFor(absolute(exact)) + 64;
    return ofFixed(fixed(expFixed(limited(fixed(exact, bits), bits), bits), bits) - (1n << BigInt(bits)), bits);
  },
  /** For x > −1. */
  log1p(x: number): Real {
    const exact = real(x);
    const sum: Real = { value: fixed(exact, 1100) + (1n << 1100n), exponent: -1100 };
    return ofFixed(logFixed(sum, bitsFor(absolute(exact)) + 64), bitsFor(absolute(exact)) + 64);
  },
  log2(x: number): Real {
    const logarithm = logFixed(real(x), 640);
    return ofFixed((logarithm << 320n) / ln2(320), 640);
  },
  erf(x: number): Real {
    if (Math.abs(x) > 8) return real(Math.sign(x));
    const exact = absolute(real(x));
    const bits = bitsFor(exact) + 128;
    return withSign(ofFixed(erfFixed(fixed(exact, bits), bits), bits), x);
  },
  /** For y ≠ 0. */
  atan2(y: number, x: number): Real {
    const [height, width] = [absolute(real(y)), absolute(real(x))];
    if (width.value === 0n) return withSign(ofFixed(pi(320) >> 1n, 320), y);
    const ratio = quotient(height, width);
    const bits = bitsFor(ratio) + 64;
    const acute = atanFixed(fixed(ratio, bits), bits);
    return withSign(ofFixed(x < 0 ? pi(bits) - acute : acute, bits), y);
  },
  /** For x > 0. */
  pow(x: number, y: number): Real {
    const exponent = real(y);
    const logarithm = logFixed(real(x), 400);
    return expFixed(limited(shifted(logarithm * exponent.value, exponent.exponent), 400), 400);
  },
} as const;

const formats = {
  f32: { least: -149, digits: 24, top: 128 },
  f64: { least: -1074, digits: 53, top: 1024 },
} as const;

/**
 * How far `computed` is from `exact`, in units of the last place of the exact value's binade (subnormals: of the least one).
 * An infinity counts as the power of two that would follow the largest finite number.
 */
export function ulpsFrom(exact: Real, computed: number, scalar: "f32" | "f64"): number {
  const { least, digits, top } = formats[scalar];
  if (Number.isNaN(computed)) return Infinity;
  const size = exact.value === 0n ? -Infinity : exact.exponent + bitLength(exact.value);
  const place = Math.min(Math.max(size - digits, least), top - digits);
  const given: Real = Number.isFinite(computed) ? real(computed) : { value: computed < 0 ? -1n : 1n, exponent: top };
  // What overflows beyond that power is an infinity too.
  if (size > top && !Number.isFinite(computed)) return exact.value < 0n === computed < 0 ? 0 : Infinity;
  const guard = 64;
  const difference = fixed(given, guard - place) - fixed(exact, guard - place);
  return Math.abs(Number(difference)) / 2 ** guard;
}
