// Reduction of any finite float64 by multiples of π/2, after Payne and Hanek: only the bits of 2/π that matter are multiplied.
import {
  add,
  and,
  bitcast,
  constant,
  convert,
  eq,
  fma,
  lt,
  mul,
  ne,
  neg,
  or,
  select,
  shl,
  shr,
  sub,
  xor,
} from "../loop/build.ts";
import type { Expression } from "../loop/ir.ts";
import { type Double, fastTwoSum } from "./polynomial.ts";

/** The first 1216 bits of 2/π behind the binary point, which is what the largest float64 needs. */
export const twoOverPi =
  0xa2f9836e4e441529fc2757d1f534ddc0db6295993c439041fe5163abdebbc561b7246e3a424dd2e006492eea09d1921cfe1deb1cb129a73ee88235f52ebb4484e99c7026b45f7e413991d639835339f49c845f8bbdf9283b1ff897ffde05980fef2f118b5a0a6d1f6d367ecf27cb09b74f463f669e5fea2d7527bac7ebe5f17b3d0739f78a5292ea6bfb5fb11f8d5d0856033046fc7b6babn;

/** Words of 64 bits, the first of them zero, so that a window may begin before the binary point. */
const words = Array.from({ length: 20 }, (_, at) => BigInt.asUintN(64, twoOverPi >> BigInt(64 * (19 - at))));

/** π/2 in two parts. */
export const halfPi = { high: Math.PI / 2, low: 6.123233995736766e-17 };
const limbMask = 0xffffffff;

/** How much of 2/π a reduction looks at. */
export interface ReductionWidth {
  /** Words of {@link words} that its arguments can reach. */
  readonly words: number;
  /** Words that are multiplied; what is left out is below 2^(55 − 64·window) of a turn of 4. */
  readonly window: number;
}

/** Every float64: the nearest that one comes to a multiple of π/2 is 2⁻⁶¹, which leaves 76 bits. */
export const anyDouble: ReductionWidth = { words: 20, window: 3 };
/** Every float32 held as a float64, to more than 2⁻³⁵ of the remainder. */
export const anySingle: ReductionWidth = { words: 5, window: 2 };

/** |x| = quadrant·π/2 + remainder with |remainder| ≤ π/4, for a finite x; the quadrant (u64) is known modulo 4. */
export interface Reduced {
  readonly quadrant: Expression;
  readonly remainder: Double;
}

/** Reduces the f64 `magnitude` ≥ 0; what comes of an infinity or NaN is some number. */
export function reduceByHalfPi(magnitude: Expression, width: ReductionWidth): Reduced {
  const u64 = (value: bigint | number) => constant("u64", value, magnitude.type.lanes);
  const f64 = (value: number) => constant("f64", value, magnitude.type.lanes);
  const bits = bitcast(magnitude, "u64");
  // magnitude = mantissa · 2^(exponent field − 1075); bits of 2/π above weight 2 of the product are multiples of 4.
  const mantissa = or(and(bits, u64(2n ** 52n - 1n)), u64(2n ** 52n));
  const position = sub(shr(bits, 52), 1013);
  const product = multiply(windowAt(position, width), [and(mantissa, limbMask), shr(mantissa, 32)]);

  // Two bits of quadrant, then the fraction: from one half on it counts as negative, in the next quadrant.
  const top = product.at(-1)!;
  const fraction = product.map((limb, at) =>
    and(at === 0 ? shl(limb, 2) : or(shl(limb, 2), shr(product[at - 1]!, 30)), limbMask),
  );
  const negative = shr(fraction.at(-1)!, 31);
  const flip = and(sub(u64(0), negative), limbMask);
  const limbs = fraction.map((limb) => convert(xor(limb, flip), "f64")).reverse();

  // From the least limb up, so that each sum is exact but for the part that is carried along.
  const terms = limbs.slice(0, -1).map((limb, at) => mul(limb, 2 ** (-32 * (at + 1))));
  let turn: Double = { high: terms.at(-1)!, low: f64(0) };
  for (const term of terms.slice(0, -1).reverse()) {
    const { high, low } = fastTwoSum(term, turn.high);
    turn = { high, low: add(low, turn.low) };
  }
  const high = mul(turn.high, halfPi.high);
  const low = fma(turn.low, halfPi.high, fma(turn.high, halfPi.low, fma(turn.high, halfPi.high, neg(high))));
  const remainder = fastTwoSum(high, low);
  const signed = (e: Expression) => select(ne(negative, 0), neg(e), e);

  const small = lt(magnitude, Math.PI / 4);
  return {
    quadrant: select(small, u64(0), add(shr(top, 30), negative)),
    remainder: {
      high: select(small, magnitude, signed(remainder.high)),
      low: select(small, f64(0), signed(remainder.low)),
    },
  };
}

/** The bits of {@link words} from `position` on, as limbs of 32 bits, least first. */
function windowAt(position: Expression, { words: reach, window }: ReductionWidth): Expression[] {
  let row = words.slice(0, reach).map((word) => constant("u64", word, position.type.lanes));
  // One level per bit of the word's index, the highest first; a level leaves what the lower bits can still reach.
  for (let step = 16; step >= 1; step /= 2) {
    if (step + window >= reach) continue;
    const bit = ne(and(position, 64 * step), 0);
    row = row
      .slice(0, window + step)
      .map((word, at) => (row[at + step] === undefined ? word : select(bit, row[at + step]!, word)));
  }
  const shift = and(position, 63);
  const complement = sub(63, shift);
  return Array.from({ length: window }, (_, at) => {
    const word = or(shl(row[at]!, shift), shr(shr(row[at + 1]!, 1), complement));
    return [shr(word, 32), and(word, limbMask)];
  })
    .flat()
    .reverse();
}

/** The product of two numbers in limbs, least first, modulo 2^(32 · limbs of a). */
function multiply(a: readonly Expression[], b: readonly Expression[]): Expression[] {
  const product: Expression[] = [];
  b.forEach((factor, from) => {
    let carry: Expression | undefined;
    for (let at = from; at < a.length; at++) {
      let sum = mul(a[at - from]!, factor);
      for (const addend of [product[at], carry]) if (addend) sum = add(sum, addend);
      product[at] = and(sum, limbMask);
      carry = shr(sum, 32);
    }
  });
  return product;
}

/** Whether the lowest bit of a u64 is set. */
export const isOdd = (e: Expression): Expression => eq(and(e, 1), 1);
