// Where numbers are not those that PyTorch gave, within what a fixture allows.
import type { Fixture } from "./fixtures.ts";

/** The first number that differs, in words. */
export function differenceOf(
  found: ArrayLike<number | bigint> | undefined,
  wanted: ArrayLike<number | bigint>,
  { rtol, atol }: Pick<Fixture, "rtol" | "atol">,
): string | undefined {
  if (found?.length !== wanted.length) return `has ${found?.length ?? "no"} elements instead of ${wanted.length}`;
  for (let at = 0; at < wanted.length; at++) {
    const [a, b] = [Number(found[at]), Number(wanted[at])];
    if (Object.is(a, b) || a === b || Math.abs(a - b) <= atol + rtol * Math.abs(b)) continue;
    return `is ${a} at ${at} instead of ${b}`;
  }
  return undefined;
}
