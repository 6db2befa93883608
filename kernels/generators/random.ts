// Random bits by counting: Philox 4×32 with ten rounds (Salmon, Moraes, Dror, Shaw: Parallel random numbers, as easy as 1, 2, 3; 2011).
import { add, and, broadcast, constant, convert, KernelBuilder, mul, ramp, shr, shuffle, xor } from "../loop/build.ts";
import type { Buffer, Expression, Kernel } from "../loop/ir.ts";
import type { Target } from "../targets.ts";
import { fixed, type Source } from "./access.ts";
import type { Destination } from "./map.ts";

/** Rounds of the generator. */
export const philoxRounds = 10;
/** What words 0 and 2 of a block are multiplied by, and what the two words of the key grow by, in each round. */
export const philoxFactors = [0xd2511f53, 0xcd9e8d57] as const;
export const philoxSteps = [0x9e3779b9, 0xbb67ae85] as const;

/** The four words of blocks whose counters are `count`, of u64, under a key of two words. */
function blocks(k: KernelBuilder, count: Expression, key: readonly [number, number]): readonly Expression[] {
  const { lanes } = count.type;
  const word = (value: number) => constant("u32", value, lanes);
  const low = (wide: Expression) => k.let(convert(and(wide, constant("u64", 0xffffffff, lanes)), "u32"));
  const high = (wide: Expression) => k.let(convert(shr(wide, constant("u64", 32, lanes)), "u32"));
  let words = [low(count), high(count), word(0), word(0)];
  for (let round = 0; round < philoxRounds; round++) {
    const products = [0, 1].map((at) =>
      k.let(mul(convert(words[2 * at]!, "u64"), constant("u64", philoxFactors[at]!, lanes))),
    ) as [Expression, Expression];
    const keys = key.map((each, at) => word((each + Math.imul(round, philoxSteps[at]!)) >>> 0)) as [
      Expression,
      Expression,
    ];
    words = [
      k.let(xor(xor(high(products[1]), words[1]!), keys[0])),
      low(products[1]),
      k.let(xor(xor(high(products[0]), words[3]!), keys[1])),
      low(products[0]),
    ];
  }
  return words;
}

/**
 * destination[i] = word i mod 4 of the block whose counter is counter + ⌊i/4⌋, of u32 in row-major order.
 *
 * Schedule: as many blocks at a time as a vector has counters of u64, their words woven into each other.
 */
export function philoxKernel(
  name: string,
  buffers: readonly Buffer[],
  counter: Source,
  key: readonly [number, number],
  count: number,
  { buffer, offset }: Destination,
  target: Target,
): Kernel {
  const k = new KernelBuilder();
  k.buffers.push(...buffers);
  const lanes = target.machine.vectorBytes / 8;
  const first = k.let(
    counter.at(
      counter.shape.map(() => fixed(0)),
      1,
    ),
  );
  const whole = Math.floor(count / 4);
  const main = whole - (whole % lanes);
  if (main > 0)
    k.for(0, main, lanes, (block) => {
      const counts = add(broadcast(first, lanes), convert(ramp(block, 1, lanes), "u64"));
      const [a, b, c, d] = blocks(k, k.let(counts), key) as [Expression, Expression, Expression, Expression];
      const places = Array.from({ length: lanes }, (_, lane) => lane);
      const pairs = places.flatMap((lane) => [lane, lane + lanes]);
      const fours = places.flatMap((lane) => [2 * lane, 2 * lane + 1, 2 * (lane + lanes), 2 * (lane + lanes) + 1]);
      const left = k.let(shuffle(a, pairs, b));
      const right = k.let(shuffle(c, pairs, d));
      k.store(buffer, add(offset, mul(block, 4)), shuffle(left, fours, right));
    });
  for (let block = main; 4 * block < count; block++) {
    const words = blocks(k, k.let(add(first, constant("u64", block))), key);
    for (const [at, word] of words.slice(0, count - 4 * block).entries())
      k.store(buffer, offset + 4 * block + at, word);
  }
  return k.finish(name);
}
