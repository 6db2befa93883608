// The LLVM IR of kernels, and what LLVM makes of it on each target.
import { describe, expect, it } from "vitest";
import { type Target, target, targetNames } from "../targets.ts";
import * as b from "./build.ts";
import { emitModule } from "./emit.ts";
import type { Kernel } from "./ir.ts";

const assembly = (kernel: Kernel, to: Target): Promise<string> => to.backend.assembly(emitModule([kernel], to));

describe("emitModule", () => {
  it.each([
    ["x86-64-v4", /prefetcht1/],
    ["aarch64", /prfm\s+pldl2keep/],
  ] as const)("makes a hint an instruction of %s", async (name, instruction) => {
    const kernel = b.kernel("hint", (k) => {
      const x = k.buffer("x", "f32", 8, "read");
      const y = k.buffer("y", "f32", 8, "write");
      k.prefetch(x, 4096);
      k.store(y, 0, b.load(x, 0, 8));
    });
    expect(await assembly(kernel, target(name))).toMatch(instruction);
  });

  it("emits one function per kernel, its buffers' rights and alignment on the parameters", () => {
    const text = emitModule(
      [
        b.kernel("axpy", (k) => {
          const x = k.buffer("x", "f32", 8, "read");
          const y = k.buffer("y", "f32", 8, "write", { align: 4 });
          k.store(y, 0, b.fma(b.load(x, 0, 8), -0.5, 1));
        }),
      ],
      target("x86-64-v4"),
    );
    expect(text).toBe(`target triple = "x86_64-unknown-linux-gnu"

define void @axpy(ptr noalias nocapture align 64 readonly %b0, ptr noalias nocapture align 4 writeonly %b1) #0 {
entry:
  %t0 = getelementptr inbounds float, ptr %b0, i64 0
  %t1 = load <8 x float>, ptr %t0, align 4
  %t2 = call <8 x float> @llvm.fma.v8f32(<8 x float> %t1, <8 x float> ${splat("0xBFE0000000000000")}, <8 x float> ${splat("0x3FF0000000000000")})
  %t3 = getelementptr inbounds float, ptr %b1, i64 0
  store <8 x float> %t2, ptr %t3, align 4
  ret void
}

declare <8 x float> @llvm.fma.v8f32(<8 x float>, <8 x float>, <8 x float>)

attributes #0 = { nounwind "no-builtins" "frame-pointer"="none" "target-cpu"="x86-64-v4" "target-features"="-prefer-256-bit" "prefer-vector-width"="512" }
`);
  });

  it("refuses a kernel that is not well formed", () => {
    const kernel = b.kernel("outside", (k) => k.store(k.buffer("y", "f32", 4, "write"), 4, b.constant("f32", 0)));
    expect(() => emitModule([kernel], target("aarch64"))).toThrowError(/kernel outside: elements 4 to 4 of y/);
  });

  it("computes a shared subexpression once per statement", () => {
    const kernel = b.kernel("doubling", (k) => {
      const x = k.buffer("x", "f64", 1, "readwrite");
      let value = b.load(x, 0);
      for (let i = 0; i < 60; i++) value = b.add(value, value);
      k.store(x, 0, value);
    });
    expect(emitModule([kernel], target("aarch64")).match(/fadd/g)).toHaveLength(60);
  });

  const n = 4096;
  const fill = b.kernel("fill", (k) => {
    const y = k.buffer("y", "f32", n, "write");
    k.for(0, n, 1, (i) => k.store(y, i, b.constant("f32", 0)));
  });
  const unrolledFill = b.kernel("unrolled_fill", (k) => {
    const y = k.buffer("y", "u8", 512, "write");
    for (let i = 0; i < 512; i++) k.store(y, i, b.constant("u8", 0));
  });
  const copy = b.kernel("copy", (k) => {
    const [x, y] = [k.buffer("x", "f32", n, "read"), k.buffer("y", "f32", n, "write")];
    k.for(0, n, 1, (i) => k.store(y, i, b.load(x, i)));
  });
  const rounding = b.kernel("rounding", (k) => {
    const [x, y] = [k.buffer("x", "f64", n, "read"), k.buffer("y", "f64", n, "write")];
    k.for(0, n, 1, (i) => {
      const v = k.let(b.load(x, i));
      const rounded = [b.sqrt, b.floor, b.ceil, b.trunc, b.roundEven].map((f) => f(b.abs(v)));
      k.store(y, i, b.add(b.fma(v, rounded[0]!, rounded[1]!), b.add(rounded[2]!, b.add(rounded[3]!, rounded[4]!))));
    });
  });
  const converting = b.kernel("converting", (k) => {
    const [x, y] = [k.buffer("x", "f64", n, "read"), k.buffer("y", "u64", n, "write")];
    k.for(0, n, 1, (i) => k.store(y, i, b.rem(b.convert(b.load(x, i), "u64"), b.convert(b.load(x, 0), "u64"))));
  });

  const kernels = [fill, unrolledFill, copy, rounding, converting];
  it.each(targetNames.flatMap((name) => kernels.map((kernel) => ({ name, kernel, what: kernel.name }))))(
    "calls nothing: $what on $name",
    async ({ name, kernel }) => {
      const text = await assembly(kernel, target(name));
      expect(text).toContain(`${kernel.name}:`);
      expect(text).not.toMatch(/^\s*(call|callq|bl|blr|jmp|b)\s+(?!\.L)[a-z_]/m);
    },
  );

  it("keeps variables of a loop in registers", async () => {
    const kernel = b.kernel("dot", (k) => {
      const [x, y] = [k.buffer("x", "f32", n, "read"), k.buffer("y", "f32", 8, "write")];
      const sum = k.variable(b.constant("f32", 0, 8));
      k.for(0, n, 8, (i) => sum.set(b.fma(b.load(x, i, 8), b.load(x, i, 8), sum.get())));
      k.store(y, 0, sum.get());
    });
    const text = await assembly(kernel, target("x86-64-v3"));
    expect(text).toMatch(/vfmadd/);
    expect(text).not.toMatch(/rsp|rbp/);
  });

  it("never contracts a product and a sum into one rounding", async () => {
    const kernel = b.kernel("apart", (k) => {
      const x = k.buffer("x", "f32", 16, "readwrite");
      k.for(0, 16, 8, (i) => k.store(x, i, b.add(b.mul(b.load(x, i, 8), b.load(x, i, 8)), 0.1)));
    });
    for (const name of targetNames) expect(await assembly(kernel, target(name))).not.toMatch(/fmadd|fmla/);
  });
});

const splat = (text: string): string => `<${Array.from({ length: 8 }, () => `float ${text}`).join(", ")}>`;
