// Emits conversions of halves to f32 and back, which give equal bits on every target.
import { type Instructions, splat, vector } from "./instructions.ts";
import type { Half } from "./ir.ts";

const word = (value: number, lanes: number): string => splat("i32", lanes, value);

/**
 * The same floats, of which LLVM knows nothing: where it sees that what is computed with comes from halves or is rounded to
 * them, it computes in half precision, element by element.
 */
function fenced({ intrinsic }: Instructions, lanes: number, value: string): string {
  const singles = vector("float", lanes);
  return intrinsic(`arithmetic.fence.${lanes === 1 ? "" : `v${lanes}`}f32`, singles, [singles], [value]);
}

/** A half, given by its bits, as f32; exact. */
export function emitWiden(to: Instructions, half: Half, lanes: number, value: string): string {
  const { define } = to;
  const [bits, words, singles, halves] = ["i16", "i32", "float", "half"].map((text) => vector(text, lanes));
  if (half === "f16") {
    const stored = define(`bitcast ${bits} ${value} to ${halves}`);
    return fenced(to, lanes, define(`fpext ${halves} ${stored} to ${singles}`));
  }
  const wide = define(`zext ${bits} ${value} to ${words}`);
  return define(`bitcast ${words} ${define(`shl ${words} ${wide}, ${word(16, lanes)}`)} to ${singles}`);
}

/** The bits of the half that is nearest to an f32, of two the even one. */
export function emitNarrow(to: Instructions, half: Half, lanes: number, value: string): string {
  const { define } = to;
  const [bits, words, singles, halves] = ["i16", "i32", "float", "half"].map((text) => vector(text, lanes));
  if (half === "f16") {
    const stored = define(`fptrunc ${singles} ${fenced(to, lanes, value)} to ${halves}`);
    return define(`bitcast ${halves} ${stored} to ${bits}`);
  }
  // Integers, since LLVM's own conversion calls a function where a target has no instruction: half a unit less the last digit that stays makes ties even.
  const whole = define(`bitcast ${singles} ${value} to ${words}`);
  const last = define(`and ${words} ${define(`lshr ${words} ${whole}, ${word(16, lanes)}`)}, ${word(1, lanes)}`);
  const up = define(`add ${words} ${last}, ${word(0x7fff, lanes)}`);
  const rounded = define(`lshr ${words} ${define(`add ${words} ${whole}, ${up}`)}, ${word(16, lanes)}`);
  const isNumber = define(`fcmp ord ${singles} ${value}, ${lanes === 1 ? "0.0" : "zeroinitializer"}`);
  const chosen = define(
    `select ${vector("i1", lanes)} ${isNumber}, ${words} ${rounded}, ${words} ${word(0x7fc0, lanes)}`,
  );
  return define(`trunc ${words} ${chosen} to ${bits}`);
}
