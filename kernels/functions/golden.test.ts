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
  acos: { f32: "45b993a04472761d", f64: "e8e6e5ec2fd1bedf" },
  asin: { f32: "eced7f6af9c99b6e", f64: "9b17b1a32f722a32" },
  atan: { f32: "fa72af78d716456a", f64: "b5a8f7dc5b4539e9" },
  atan2: { f32: "683a0a0b56cdcf0e", f64: "c97639ad38bc1133" },
  cos: { f32: "a2e80a593611ab6d", f64: "0b9d3e7412446dce" },
  cosh: { f32: "859585e2729f9891", f64: "43c76cb31b543aa7" },
  erf: { f32: "6fa330113241f08f", f64: "b6d3d5bb56775f84" },
  exp: { f32: "9537dcef27d9b579", f64: "d56565a0ffbebcf4" },
  expm1: { f32: "226a4cfe96b1e870", f64: "b9b86a566a9c7d16" },
  expNonPositive: { f32: "4b4809543d18aecd", f64: "7e4d1edeb5733345" },
  floorDivide: { f32: "d24062bb696db7e5", f64: "747c683a2a67707d" },
  log: { f32: "586a7fb7365e8129", f64: "e0628e814c6d1427" },
  log1p: { f32: "3b07bee46ca9e0ec", f64: "2cabfdd3f96722e2" },
  log2: { f32: "6fb4b63c5660534d", f64: "fda16a1aed3fb99a" },
  pow: { f32: "8179bc65d9af4489", f64: "36d4f9ebd3709dc5" },
  remainder: { f32: "11dd32e47aadf93b", f64: "23719c25366cdddf" },
  sigmoid: { f32: "ab40eb700292f703", f64: "a3951a585baeccde" },
  sin: { f32: "da44fa4669b19aa2", f64: "eae496504abfb061" },
  sinh: { f32: "294b82614103f673", f64: "495868c516c020ca" },
  tan: { f32: "dcf299692617693d", f64: "60df5e6cb5ef8537" },
  tanh: { f32: "a65dab6777225868", f64: "49c69bbfcaa9399b" },
};

/** Numbers between −30 and 30, between 0 and 1, and of either sign below 1024 and of any smaller size. */
function everyday(count: number, seed: number): number[] {
  const next = random(seed);
  const kinds = [
    () => 60 * next() - 30,
    next,
    () => (next() < 0.5 ? -1 : 1) * (1 + next()) * 2 ** (Math.floor(40 * next()) - 30),
    () => 2000 * next() - 1000,
  ];
  return Array.from({ length: count }, (_, at) => kinds[at % kinds.length]!());
}

/** What a function makes of all its arguments; NaN is one, since which it is means nothing. */
async function hashOf(name: string, f: ElementaryFunction, scalar: Float): Promise<string> {
  const listed = argumentsOf(scalar, arityOf(name));
  const operands = listed.map((each, at) => {
    const any = [...each, ...everyday(2000, 21 + at)];
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
