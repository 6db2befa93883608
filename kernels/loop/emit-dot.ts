// Emits the dot product of bytes: one instruction where the target has it, exact widening arithmetic elsewhere.
import type { Target } from "../targets.ts";
import { type Instructions, splat, vector } from "./instructions.ts";

/** pmaddwd by lanes of its result: i16 products in pairs, which never overflow where one factor has eight bits. */
const pairProducts = new Map([
  [4, "x86.sse2.pmadd.wd"],
  [8, "x86.avx2.pmadd.wd"],
  [16, "x86.avx512.pmaddw.d.512"],
]);

/** sum[n] + Σ left[4n+j] × right[4n+j] over `lanes` sums; the left bytes are signed or not, the right ones signed. */
export function emitDot(
  to: Instructions,
  { machine: { dot, vectorBytes }, backend: { triple } }: Target,
  lanes: number,
  signed: boolean,
  sum: string,
  left: string,
  right: string,
): string {
  const words = vector("i32", lanes);
  const halves = `<${2 * lanes} x i16>`;
  const bytes = `<${4 * lanes} x i8>`;
  const flipped = () => to.define(`xor ${bytes} ${left}, ${splat("i8", 4 * lanes, -128)}`);
  if (dot === "vnni" && (lanes === 4 || lanes === 8 || lanes === 16)) {
    const weights = to.define(`bitcast ${bytes} ${right} to ${words}`);
    const dotted = (start: string, a: string) => {
      const values = [start, to.define(`bitcast ${bytes} ${a} to ${words}`), weights];
      return to.intrinsic(`x86.avx512.vpdpbusd.${32 * lanes}`, words, [words, words, words], values);
    };
    if (!signed) return dotted(sum, left);
    // The instruction takes unsigned bytes: a·b = (a + 128)·b − 128·b.
    const excess = dotted("zeroinitializer", splat("i8", 4 * lanes, -128));
    return to.define(`sub ${words} ${dotted(sum, flipped())}, ${excess}`);
  }
  if (dot === "dotprod" && (lanes === 2 || lanes === 4)) {
    const dotted = (start: string, a: string) =>
      to.intrinsic(`aarch64.neon.sdot.v${lanes}i32.v${4 * lanes}i8`, words, [words, bytes, bytes], [start, a, right]);
    if (signed) return dotted(sum, left);
    // The instruction takes signed bytes: a·b = (a − 128)·b − (−128)·b.
    const excess = dotted("zeroinitializer", splat("i8", 4 * lanes, -128));
    return to.define(`sub ${words} ${dotted(sum, flipped())}, ${excess}`);
  }
  // Bytes 0 and 2 of each four in one vector of 16-bit numbers, 1 and 3 in another: nothing is shuffled.
  const eights = splat("i16", 2 * lanes, 8);
  const low = (value: string) => {
    const up = to.define(`shl ${halves} ${value}, ${eights}`);
    return to.define(`ashr ${halves} ${up}, ${eights}`);
  };
  const high = (value: string) => to.define(`ashr ${halves} ${value}, ${eights}`);
  const [a, b] = [left, right].map((each) => to.define(`bitcast ${bytes} ${each} to ${halves}`)) as [string, string];
  const lefts = signed
    ? [low(a), high(a)]
    : [to.define(`and ${halves} ${a}, ${splat("i16", 2 * lanes, 255)}`), to.define(`lshr ${halves} ${a}, ${eights}`)];
  const rights = [low(b), high(b)];
  const pairs = triple.startsWith("x86_64") && 4 * lanes <= vectorBytes ? pairProducts.get(lanes) : undefined;
  return [0, 1].reduce((total, part) => {
    const [x, y] = [lefts[part]!, rights[part]!];
    if (pairs) {
      const products = to.intrinsic(pairs, words, [halves, halves], [x, y]);
      return to.define(`add ${words} ${total}, ${products}`);
    }
    // A product of eight by eight bits, one of them signed, fits sixteen.
    const products = to.define(`bitcast ${halves} ${to.define(`mul ${halves} ${x}, ${y}`)} to ${words}`);
    const sixteen = splat("i32", lanes, 16);
    const even = to.define(`ashr ${words} ${to.define(`shl ${words} ${products}, ${sixteen}`)}, ${sixteen}`);
    const odd = to.define(`ashr ${words} ${products}, ${sixteen}`);
    return to.define(`add ${words} ${to.define(`add ${words} ${total}, ${even}`)}, ${odd}`);
  }, sum);
}
