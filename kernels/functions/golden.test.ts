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
const golden: { readonly [name in keyof typeof functions]: Readonly<Record<Float, string>> } = {};

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
