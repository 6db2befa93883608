// The text of kernels.
import { describe, expect, it } from "vitest";
import * as b from "./build.ts";
import { printKernel, printStatement } from "./print.ts";

describe("printKernel", () => {
  it("prints buffers, loops, branches, locals and stores, one statement a line", () => {
    const kernel = b.kernel("softsign", (k) => {
      const x = k.buffer("x", "f32", 19, "read");
      const y = k.buffer("y", "f32", 19, "write", { align: 4 });
      k.for(0, 16, 8, (i) => {
        const v = k.let(b.load(x, i, 8), "value");
        k.store(y, i, b.div(v, b.add(b.abs(v), 1)));
      });
      const total = k.variable(b.constant("f32", -0), "total");
      k.for(16, 19, 1, (i) => {
        const inside = b.ge(b.load(x, i), 0);
        k.if(
          inside,
          () => total.set(b.fma(b.load(x, b.add(b.mul(i, 2), -16)), 2, total.get())),
          () => k.store(y, i, total.get(), b.constant("bool", true)),
        );
      });
    });
    expect(printKernel(kernel)).toBe(`kernel softsign(x: read f32[19], y: write f32[19] align 4)
  for i = 0 to 16 step 8
    let value: f32x8 = x[i ..+8]
    y[i ..+8] = (value / (abs(value) + 1:f32x8))
  var total: f32 = -0:f32
  for i_1 = 16 to 19 step 1
    if (x[i_1] >= 0:f32)
      total = fma(x[((i_1 * 2) + -16)], 2:f32, total)
    else
      y[i_1 where true:bool] = total
`);
  });

  it("names locals of one name apart, in order of appearance", () => {
    const kernel = b.kernel("names", (k) => {
      const out = k.buffer("i", "i64", 8, "write");
      k.for(0, 2, 1, (i) => k.for(0, 4, 1, (j) => k.store(out, b.add(b.mul(i, 4), j), j)));
    });
    expect(printKernel(kernel)).toBe(`kernel names(i: write i64[8])
  for i_1 = 0 to 2 step 1
    for i_2 = 0 to 4 step 1
      i[((i_1 * 4) + i_2)] = i_2
`);
  });

  it("names a shared subexpression once, so that its size stays linear", () => {
    const kernel = b.kernel("doubling", (k) => {
      const x = k.buffer("x", "f64", 1, "readwrite");
      let value = b.load(x, 0);
      for (let i = 0; i < 60; i++) value = b.add(value, value);
      k.store(x, 0, value);
    });
    const lines = printKernel(kernel).trimEnd().split("\n");
    expect(lines.slice(1, 3)).toEqual(["  %0: f64 = x[0]", "  %1: f64 = (%0 + %0)"]);
    expect(lines.at(-1)).toBe("  x[0] = (%59 + %59)");
    expect(lines).toHaveLength(62);
  });

  it("prints lane by lane operations with their lanes", () => {
    const kernel = b.kernel("lanes", (k) => {
      const x = k.buffer("x", "i32", 16, "read");
      const y = k.buffer("y", "u32", 4, "write");
      const scattered = b.load(x, b.ramp(3, -1, 4), 4, b.constant("bool", true, 4));
      const turned = b.shuffle(scattered, [3, 2, 5, 4], b.broadcast(b.extract(scattered, 1), 4));
      k.store(
        y,
        0,
        b.bitcast(b.select(b.lt(turned, 0), b.neg(turned), b.convert(b.convert(turned, "u8"), "i32")), "u32"),
      );
    });
    expect(printKernel(kernel)).toBe(`kernel lanes(x: read i32[16], y: write u32[4])
  %0: i32x4 = x[gather ramp.4(3, -1) where true:boolx4]
  %1: i32x4 = shuffle(%0, broadcast.4(%0.1), [3 2 5 4])
  y[0 ..+4] = bitcast.u32(select((%1 < 0:i32x4), neg(%1), convert.i32(convert.u8(%1))))
`);
  });

  it("quotes the lines of one statement", () => {
    const kernel = b.kernel("quoted", (k) => {
      const x = k.buffer("x", "f32", 4, "readwrite");
      k.for(0, 4, 1, (i) => k.store(x, i, b.sqrt(b.load(x, i))));
    });
    expect(printStatement(kernel, kernel.body[0]!)).toEqual(["  for i = 0 to 4 step 1"]);
  });
});
