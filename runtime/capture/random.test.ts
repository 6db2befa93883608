// Random numbers: the published values of Philox 4×32-10, steps that draw anew, and distributions.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import {
  bernoulli,
  compile,
  constant,
  forLoop,
  generator,
  Interpreter,
  load,
  multinomial,
  type RandomGenerator,
  rand,
  randn,
  type Tensor,
  tensorType,
  trace,
} from "../index.ts";
import { philoxBlock } from "../operators/random.ts";

const cacheDir = join(fileURLToPath(new URL("../..", import.meta.url)), ".cache/kernels");
const zero = { zero: Float32Array.of(0) };

/** Graphs whose only input is a zero. */
const traced = <T extends { readonly [name: string]: Tensor }>(body: (random: RandomGenerator) => T) =>
  trace(() => body(generator({ seed: 5 })), { zero: tensorType("f32", [1]) }, { name: "random" });

/** What one step gives. */
function drawn(body: (random: RandomGenerator) => Tensor): number[] {
  const graph = traced((random) => ({ y: body(random) }));
  return Array.from(new Interpreter(graph).run(zero).y as ArrayLike<number | bigint>, Number);
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

describe("random numbers", () => {
  it("have the blocks that Philox 4×32-10 is published with", () => {
    const hex = (text: string) => text.split(" ").map((each) => Number.parseInt(each, 16));
    const block = (counter: string, key: string) => philoxBlock(hex(counter), hex(key));
    expect(block("0 0 0 0", "0 0")).toEqual(hex("6627e8d5 e169c58d bc57ac4c 9b00dbd8"));
    const ones = "ffffffff";
    expect(block(`${ones} ${ones} ${ones} ${ones}`, `${ones} ${ones}`)).toEqual(
      hex("408f276d 41c83b0e a20bc7c6 6d5451fd"),
    );
    expect(block("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0")).toEqual(
      hex("d16cfe09 94fdcceb 5001e420 24126ea1"),
    );
  });

  it("are drawn anew by every step, compiled as interpreted, and again after a reset", async () => {
    const graph = traced((random) => ({
      first: random.bits([6]),
      second: random.bits([4]),
      normal: randn([3], { generator: random }),
    }));
    const interpreter = new Interpreter(graph);
    const program = load(await compile(graph, { cacheDir }));
    const step = () => Object.fromEntries(Object.entries(program.run(zero)).map(([name, y]) => [name, y.slice()]));
    const steps = [step(), step()];
    for (const each of steps) {
      const { normal, ...bits } = interpreter.run(zero);
      expect(each).toEqual({ ...bits, normal: Float32Array.from(each.normal!) });
      for (const [at, value] of normal.entries()) expect(each.normal![at]).toBeCloseTo(value, 5);
    }
    const block = (count: number) => philoxBlock([count, 0, 0, 0], [5, 0]);
    expect([...steps[0]!.first!]).toEqual([...block(0), ...block(1).slice(0, 2)]);
    expect([...steps[0]!.second!]).toEqual(block(2));
    // Six, four, and four numbers for three normal ones, are four blocks.
    expect([...steps[1]!.second!]).toEqual(block(6));
    program.reset();
    expect(step()).toEqual(steps[0]);
  });

  it("are drawn anew by every turn of a loop, and of one seed and counter are the same", () => {
    const graph = traced((random) => {
      const again = generator({ seed: 5, counter: constant(0, "u64") });
      return {
        turns: forLoop(3, (_, so) => so.mul(1000003).add(random.bits([1]).reshape([]).cast("u64")), constant(0, "u64")),
        fresh: again.bits([4]),
        next: again.counter,
      };
    });
    const { turns, fresh, next } = new Interpreter(graph).run(zero);
    const block = (count: number) => philoxBlock([count, 0, 0, 0], [5, 0]);
    const folded = [0, 1, 2].reduce((so, at) => BigInt.asUintN(64, so * 1000003n + BigInt(block(at)[0]!)), 0n);
    expect(turns).toEqual(BigUint64Array.of(folded));
    expect([...fresh]).toEqual(block(0));
    expect(next).toEqual(BigUint64Array.of(1n));
  });

  it.each(["f16", "bf16", "f32", "f64"] as const)("lie evenly from 0 to below 1 in %s", (dtype) => {
    const values = drawn((random) => rand([4000], { generator: random, dtype }).cast("f64"));
    expect(values.every((each) => each >= 0 && each < 1)).toBe(true);
    expect(Math.abs(mean(values) - 0.5)).toBeLessThan(0.02);
    const tenths = Array.from({ length: 10 }, (_, at) => values.filter((each) => Math.floor(each * 10) === at).length);
    expect(Math.min(...tenths)).toBeGreaterThan(320);
    if (dtype === "f64") expect(values.some((each) => each !== Math.fround(each))).toBe(true);
  });

  it.each(["f16", "f32", "f64"] as const)("are normal around 0 in %s, of any shape", (dtype) => {
    const values = drawn((random) => randn([3, 1333], { generator: random, dtype }).cast("f64"));
    expect(values).toHaveLength(3999);
    expect(Math.abs(mean(values))).toBeLessThan(0.05);
    expect(Math.abs(mean(values.map((each) => each ** 2)) - 1)).toBeLessThan(0.08);
    expect(Math.abs(values.filter((each) => Math.abs(each) < 1).length / 3999 - 0.6827)).toBeLessThan(0.03);
    // Neighbours have nothing to do with each other.
    expect(Math.abs(mean(values.slice(1).map((each, at) => each * values[at]!)))).toBeLessThan(0.06);
  });

  it("are 1 as often as is said, never for 0 and always for 1", () => {
    const p = (random: RandomGenerator) =>
      bernoulli(constant([0, 1, 0.25], "f32").unsqueeze(1).broadcastTo([3, 2000]), { generator: random, dtype: "i32" });
    const [never, always, sometimes] = drawn((random) => p(random).sum([1])) as [number, number, number];
    expect([never, always]).toEqual([0, 2000]);
    expect(Math.abs(sometimes / 2000 - 0.25)).toBeLessThan(0.03);
  });

  it("choose by weights, with replacement or each once", () => {
    const weights = () => constant([1, 0, 3, 4], "f32");
    const often = drawn((random) => multinomial(weights(), 4000, { generator: random, replacement: true }));
    const shares = [0, 1, 2, 3].map((at) => often.filter((each) => each === at).length / 4000);
    for (const [at, share] of [0.125, 0, 0.375, 0.5].entries())
      expect(Math.abs(shares[at]! - share)).toBeLessThan(0.03);
    expect(shares[1]).toBe(0);
    const lines = 1000;
    const once = drawn((random) =>
      multinomial(weights().unsqueeze(0).broadcastTo([lines, 4]), 3, { generator: random }),
    );
    const rows = Array.from({ length: lines }, (_, row) => once.slice(3 * row, 3 * row + 3));
    expect(rows.every((row) => new Set(row).size === 3 && !row.includes(1))).toBe(true);
    // The first of three is the heaviest one as often as its weight says.
    expect(Math.abs(rows.filter(([first]) => first === 3).length / lines - 0.5)).toBeLessThan(0.06);
  });

  it("are refused for dtypes that hold none, and more than there are without replacement", () => {
    expect(() => drawn((random) => rand([2], { generator: random, dtype: "f8e5m2" }))).toThrow("rand of f8e5m2");
    expect(() => drawn((random) => multinomial(constant([1, 1], "f32"), 3, { generator: random }))).toThrow("3 of 2");
  });
});
