// The dot product of bytes: what it means, and that every target's code computes exactly that.
import { describe, expect, it } from "vitest";
import { runnableTargets } from "../base/native.ts";
import { type Target, target, targetNames } from "../targets.ts";
import { expectAgreement, newArray } from "../testing/agreement.ts";
import { dot4, kernel, load, mul, shuffle } from "./build.ts";
import { emitModule } from "./emit.ts";
import { interpretKernel } from "./interpret.ts";
import type { Kernel } from "./ir.ts";
import { printKernel } from "./print.ts";
import { verifyKernel } from "./verify.ts";
import { usesDot } from "./walk.ts";

/** y[n] = x[n] + a·b in fours, `lanes` at a time. */
const dotKernel = (left: "u8" | "i8", lanes: number, vectors = 1): Kernel =>
  kernel("dot", (k) => {
    const a = k.buffer("a", left, 4 * lanes * vectors, "read");
    const b = k.buffer("b", "i8", 4 * lanes * vectors, "read");
    const x = k.buffer("x", "i32", lanes * vectors, "read");
    const y = k.buffer("y", "i32", lanes * vectors, "write");
    for (let v = 0; v < vectors; v++) {
      const at = 4 * lanes * v;
      k.store(y, lanes * v, dot4(load(a, at, 4 * lanes), load(b, at, 4 * lanes), load(x, lanes * v, lanes)));
    }
  });

const extremes = [-128, 127, 0, 255, 1, -1, 128, 2];
/** Bytes in which every pair of extremes meets. */
const left = (count: number): number[] => Array.from({ length: count }, (_, at) => extremes[at % 8]!);
const right = (count: number): number[] => Array.from({ length: count }, (_, at) => extremes[Math.floor(at / 8) % 8]!);

const arraysFor = ({ buffers: [a, b, x, y] }: Kernel) => {
  const sums = newArray("i32", x!.length);
  for (let at = 0; at < sums.length; at++) sums[at] = at % 3 === 0 ? 0x7fffffff - at : -0x80000000 + at;
  const bytes = [newArray(a!.scalar, a!.length), newArray("i8", b!.length)] as const;
  left(a!.length).forEach((value, at) => {
    bytes[0][at] = value;
  });
  right(b!.length).forEach((value, at) => {
    bytes[1][at] = value;
  });
  return [...bytes, sums, newArray("i32", y!.length)];
};

describe("dot4", () => {
  it("adds four products of bytes to a sum that wraps", () => {
    const each = dotKernel("u8", 2);
    const y = new Int32Array(2);
    interpretKernel(each, [
      Uint8Array.of(255, 255, 255, 255, 1, 2, 3, 4),
      Int8Array.of(-128, -128, -128, -128, 5, -6, 7, -8),
      Int32Array.of(-0x80000000, 100),
      y,
    ]);
    expect([...y]).toEqual([0x80000000 - 4 * 255 * 128, 100 + 5 - 12 + 21 - 32]);
  });

  it("prints itself, and is known to be in a kernel", () => {
    const each = dotKernel("i8", 4);
    expect(printKernel(each)).toContain("y[0 ..+4] = dot4(a[0 ..+16], b[0 ..+16], x[0 ..+4])");
    expect(usesDot(each.body)).toBe(true);
    expect(usesDot(kernel("none", (k) => void k.buffer("x", "i8", 1, "read")).body)).toBe(false);
  });

  it("takes bytes in fours only, signed on the right", () => {
    const wrong = (name: "i8" | "u8", lanes: number) =>
      kernel("wrong", (k) => {
        const bytes = k.buffer("b", name, 64, "read");
        const y = k.buffer("y", "i32", 4, "readwrite");
        k.store(y, 0, dot4(load(bytes, 0, lanes), load(bytes, 0, lanes), load(y, 0, 4)));
      });
    expect(() => wrong("u8", 16)).toThrow("the right side of dot4 is u8x16, not i8x16");
    expect(() => wrong("i8", 8)).toThrow("the left side of dot4 is i8x8, not i8x16");
    expect(() => verifyKernel(wrong("i8", 16))).not.toThrow();
  });

  const widths = (["u8", "i8"] as const).flatMap((name) => [1, 2, 4, 8, 16, 32].map((lanes) => [name, lanes] as const));
  it.each(widths)(
    "of %s in %i lanes gives the interpreter's bits on every target of this machine",
    async (name, lanes) => {
      const each = dotKernel(name, lanes, Math.max(1, 32 / lanes));
      await expectAgreement(each, arraysFor(each), { targets: runnableTargets() });
    },
  );

  it("of one pixel with many weights gives the interpreter's bits on every target of this machine", async () => {
    const each = kernel("pixel", (k) => {
      const a = k.buffer("a", "u8", 32, "read");
      const b = k.buffer("b", "i8", 512, "read");
      const x = k.buffer("x", "i32", 16, "read");
      const y = k.buffer("y", "i32", 16, "write");
      const sum = k.variable(load(x, 0, 16));
      k.for(0, 8, 1, (i) => {
        const four = load(a, mul(i, 4), 4);
        sum.set(
          dot4(
            shuffle(
              four,
              Array.from({ length: 64 }, (_, at) => at % 4),
            ),
            load(b, mul(i, 64), 64),
            sum.get(),
          ),
        );
      });
      k.store(y, 0, sum.get());
    });
    await expectAgreement(each, arraysFor(each), { targets: runnableTargets() });
  });

  it("is one instruction where the target has it", () => {
    const text = (name: Target["name"], lanes: number, byte: "u8" | "i8") =>
      emitModule([dotKernel(byte, lanes)], target(name));
    expect(text("x86-64-v4+vnni", 16, "u8")).toContain("@llvm.x86.avx512.vpdpbusd.512(");
    expect(text("x86-64-v4", 16, "u8")).toContain("@llvm.x86.avx512.pmaddw.d.512(");
    expect(text("x86-64-v3", 8, "u8")).toContain("@llvm.x86.avx2.pmadd.wd(");
    expect(text("aarch64+dotprod", 4, "i8")).toContain("@llvm.aarch64.neon.sdot.v4i32.v16i8(");
    for (const name of targetNames) expect(text(name, 4, "i8")).not.toContain("pmadd.ub.sw");
  });
});
