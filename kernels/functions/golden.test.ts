// The bits of every elementary function on a fixed list of arguments: no numeric plan changes without a word.
//
// A plan changes only with a word: a line in CHANGELOG.md, what docs/kernels.md and the function's comment say, and the hash
// here. Whoever changes a hash changes what recorded runs compute when they are compiled again.
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { newArray } from "../testing/agreement.ts";
import { type ElementaryFunction, kernelOf, random } from "../testing/function-accuracy.ts";
import { argumentsOf, arityOf } from "../testing/function-arguments.ts";
import { runNative } from "../testing/native-kernel.ts";
import * as functions from "./index.ts";

type Float = "f32" | "f64";

/** SHA-256 of the values in float32 and in float64, its first 16 digits. */
const golden: { readonly [name in keyof typeof functions]: Readonly<Record<Float, string>> } = {
  acos: { f32: "e7d04a6cfd42782b", f64: "340e062155b6e172" },
  asin: { f32: "ea4bcd3e092976cd", f64: "afd199fde6dd2e0b" },
  atan: { f32: "94fd6f2fcb4b0b0b", f64: "74a22d176b5f7e91" },
  atan2: { f32: "af6c008a92e3414d", f64: "b384c27f675bfaf0" },
  cos: { f32: "063b86b80571ba0b", f64: "f32ab5c3649f554b" },
  cosh: { f32: "11da9afadbd0ebd8", f64: "f5063cb601e5a16b" },
  erf: { f32: "ea51cc69148b813f", f64: "48e4a53e66003c1c" },
  exp: { f32: "41c652cbd5fd8aca", f64: "ab953989aa0abb45" },
  expm1: { f32: "2b3fe8cbb2642d7a", f64: "aeead6eb634e255b" },
  expNonPositive: { f32: "0df54d031e82702f", f64: "c392e7663e0e7b34" },
  floorDivide: { f32: "dd8989d5b801d653", f64: "a3c91ab818fed6bc" },
  log: { f32: "0dc496edd05024fe", f64: "cde8445f5fe7d13d" },
  log1p: { f32: "bfe62b8e24a40af6", f64: "d94e997cf29939e9" },
  log2: { f32: "6d936397c40fcd63", f64: "f07e1073f422d65f" },
  pow: { f32: "6535fa5d7adf05c4", f64: "ecc502ae4ea3b0e8" },
  remainder: { f32: "fd21904202a50230", f64: "436d0043b26d2819" },
  sigmoid: { f32: "677d8847505d132d", f64: "09e4a35ee187a754" },
  sin: { f32: "bd904854878ebaac", f64: "6047013c6b3f7a06" },
  sinh: { f32: "49e69f45d12b563c", f64: "2d63f84f8f2a9103" },
  tan: { f32: "a7320488a0bb0899", f64: "cafbaf256a97debb" },
  tanh: { f32: "3ff1e36669ce0fe7", f64: "da7a42eadb601f7b" },
};

/** Numbers of everyday size, between −30 and 30, and between 0 and 1. */
function everyday(count: number, seed: number): number[] {
  const next = random(seed);
  return Array.from({ length: count }, (_, at) => (at % 2 === 0 ? 60 * next() - 30 : next()));
}

/** What a function makes of all its arguments; NaN is one, since which it is means nothing. */
async function hashOf(name: string, f: ElementaryFunction, scalar: Float): Promise<string> {
  const listed = argumentsOf(scalar, arityOf(name));
  const operands = listed.map((each, at) => {
    const any = [...each, ...everyday(1000, 21 + at)];
    // What this one gives above 0 means nothing.
    const all = name === "expNonPositive" ? any.map((x) => -Math.abs(x)) : any;
    return scalar === "f32" ? Float32Array.from(all) : Float64Array.from(all);
  });
  const { length } = operands[0]!;
  const values = newArray(scalar, length) as Float32Array | Float64Array;
  await runNative(kernelOf(name, f, scalar, operands.length, length), [...operands, values]);
  values.forEach((value, at) => {
    if (Number.isNaN(value)) values[at] = Number.NaN;
  });
  return createHash("sha256").update(new Uint8Array(values.buffer)).digest("hex").slice(0, 16);
}

describe("the numeric plan of elementary functions", () => {
  it.each(Object.entries(functions))("%s gives the bits that it has always given", async (name, each) => {
    const f = each as ElementaryFunction;
    const found = { f32: await hashOf(name, f, "f32"), f64: await hashOf(name, f, "f64") };
    const word = "a plan changes only with a word: CHANGELOG.md, the docs, and this hash";
    expect(found, word).toEqual(golden[name as keyof typeof golden]);
  });
});
