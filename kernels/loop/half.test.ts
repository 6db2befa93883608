// Conversions of halves, compiled: the bits of every pattern and every tie, by vector instructions and without calls.
import { describe, expect, it } from "vitest";
import { numberOfHalf } from "../half.ts";
import { target, targetNames } from "../targets.ts";
import { expectAgreement } from "../testing/agreement.ts";
import * as b from "./build.ts";
import { emitModule } from "./emit.ts";
import type { Half } from "./ir.ts";

const halves: readonly Half[] = ["f16", "bf16"];

/** floor(x + y), rounded to a half before and after. */
const rounding = (half: Half) =>
  b.kernel(`rounding_${half}`, (k) => {
    const [x, y] = [k.buffer("x", half, 64, "read"), k.buffer("y", half, 64, "read")];
    const z = k.buffer("z", half, 64, "write");
    const rounded = (value: ReturnType<typeof b.load>) => b.convert(b.convert(value, half), "f32");
    k.for(0, 64, 8, (i) => {
      const sum = b.add(b.convert(b.load(x, i, 8), "f32"), b.convert(b.load(y, i, 8), "f32"));
      k.store(z, i, b.convert(b.floor(rounded(sum)), half));
    });
  });

describe.each(halves)("%s", (half) => {
  it("is widened alike by the interpreter and every target, for all 65,536 patterns, and narrowed around every tie", async () => {
    const count = 65536;
    const kernel = b.kernel(`all_${half}`, (k) => {
      const [bits, singles] = [k.buffer("bits", half, count, "read"), k.buffer("singles", "f32", 3 * count, "read")];
      const [wide, narrow] = [k.buffer("wide", "f32", count, "write"), k.buffer("narrow", half, 3 * count, "write")];
      k.for(0, count, 8, (i) => k.store(wide, i, b.convert(b.load(bits, i, 8), "f32")));
      k.for(0, 3 * count, 8, (i) => k.store(narrow, i, b.convert(b.load(singles, i, 8), half)));
    });
    const bits = Uint16Array.from({ length: count }, (_, at) => at);
    const ties = Float32Array.from(bits, (at) => (numberOfHalf(half, at) + numberOfHalf(half, at + 1)) / 2);
    const around = new Float32Array(3 * count);
    const words = new Int32Array(around.buffer);
    ties.forEach((tie, at) => {
      around.fill(tie, 3 * at, 3 * at + 3);
      words[3 * at]! -= 1;
      words[3 * at + 2]! += 1;
    });
    const arrays = [bits, around, new Float32Array(count), new Uint16Array(3 * count)];
    const [, , wide] = await expectAgreement(kernel, arrays);
    expect(wide![0x3c00]).toBe(numberOfHalf(half, 0x3c00));
  });

  it.each(targetNames)("is computed with in float32, in whole vectors and without a call, on %s", async (name) => {
    const { backend } = target(name);
    const text = await backend.assembly(emitModule([rounding(half)], target(name)));
    expect(text).toMatch(backend.triple.startsWith("x86") ? /vround\w*ps|vrndscaleps/ : /frintm\s+v\d+\.4s/);
    expect(text).not.toMatch(/vpinsrw|vroundss|frintm\s+[sh]\d/);
    expect(text).not.toMatch(/^\s*(call|callq|bl|blr|jmp|b)\s+(?!\.L)[a-z_*]/m);
  });
});

describe("halves", () => {
  it("are not computed with, nor converted to anything but f32", () => {
    const x = b.constant("f16", 1);
    for (const wrong of [() => b.add(x, x), () => b.neg(x), () => b.not(x), () => b.lt(x, x), () => b.and(x, x)])
      expect(wrong).toThrow("is not defined on f16");
  });

  it("are constants of their own numbers", () => {
    expect(b.constant("f16", 1 / 3)).toMatchObject({ value: 0.333251953125 });
    expect(b.constant("bf16", 1 / 3)).toMatchObject({ value: 0.333984375 });
  });
});
