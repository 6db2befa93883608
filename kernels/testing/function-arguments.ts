// The arguments that elementary functions are tried with: odd values, turns of a circle, and random bits.
import { newArray } from "./agreement.ts";
import { random } from "./function-accuracy.ts";
import { oddArguments } from "./odd-values.ts";

/** Operands of a function. */
export const arityOf = (name: string): number => (["atan2", "pow", "remainder", "floorDivide"].includes(name) ? 2 : 1);

/** Random bits, so that every exponent and every NaN comes along. */
function randomBits(scalar: "f32" | "f64", count: number, seed: number): number[] {
  const next = random(seed);
  const array = newArray(scalar, count);
  const words = new Uint32Array(array.buffer);
  for (let at = 0; at < words.length; at++) words[at] = next() * 2 ** 32;
  return Array.from(array, Number);
}

/** What a function is tried with: pairs for two operands, and plain values for one, with a length that leaves a scalar end. */
export function argumentsOf(scalar: "f32" | "f64", arity: number): number[][] {
  const odd = oddArguments[scalar];
  const turns = Array.from({ length: 60 }, (_, at) => (at + 1) * 0.26);
  const one = [...odd, ...odd.map((x) => -x), ...turns, ...turns.map((x) => -x), ...randomBits(scalar, 400, 11)];
  if (arity === 1) return [one.slice(0, one.length - (one.length % 8) - 3)];
  const pairs = odd.flatMap((x) => odd.map((y) => [x, y] as const));
  const [a, b] = [randomBits(scalar, 203, 12), randomBits(scalar, 203, 13)];
  const near = turns.map((x, at) => [x, (at - 30) / 4] as const);
  const all = [...pairs, ...near, ...a.map((x, at) => [x, b[at]!] as const)];
  return [all.map(([x]) => x), all.map(([, y]) => y)];
}
