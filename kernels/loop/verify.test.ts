// What the verifier refuses, and that it says which kernel and which line.
import { describe, expect, it } from "vitest";
import { IsochronError } from "../base/error.ts";
import * as b from "./build.ts";
import type { Expression, Kernel, Local, Statement } from "./ir.ts";
import { verifyKernel } from "./verify.ts";

const x = { name: "x", scalar: "f32", length: 8, access: "read", align: 64 } as const;
const y = { name: "y", scalar: "f32", length: 8, access: "write", align: 64 } as const;
const kernelOf = (...body: Statement[]): Kernel => ({ name: "faulty", buffers: [x, y], body });
const store = (value: Expression, at: Expression = b.index(0), mask?: Expression): Statement => ({
  kind: "store",
  buffer: y,
  index: at,
  value,
  ...(mask ? { mask } : {}),
});
const one = b.constant("f32", 1);
const local = (kind: Local["kind"], name = "v", scalar: "f32" | "i64" = "f32"): Local => ({
  name,
  type: b.valueType(scalar),
  kind,
});
const use = (of: Local): Expression => ({ kind: "local", type: of.type, local: of });

/** The error's code, message and quoted lines. */
function refusal(kernel: Kernel): string {
  try {
    verifyKernel(kernel);
  } catch (error) {
    if (!(error instanceof IsochronError)) throw error;
    return [`${error.code}: ${error.message}`, ...error.details].join("\n");
  }
  return "accepted";
}

describe("verifyKernel", () => {
  it("accepts what the builder builds", () => {
    const kernel = b.kernel("fine", (k) => {
      const from = k.buffer("from", "u8", 16, "read");
      const to = k.buffer("to", "f64", 16, "readwrite");
      const best = k.variable(b.constant("f64", 0));
      k.for(0, 16, 4, (i) => {
        const v = k.let(b.convert(b.load(from, i, 4), "f64"));
        k.if(b.gt(b.extract(v, 0), best.get()), () => best.set(b.extract(v, 3)));
        k.store(to, i, b.add(v, b.load(to, b.ramp(i, 1, 4))), b.lt(v, 100));
      });
    });
    expect(refusal(kernel)).toBe("accepted");
  });

  it("names the kernel and quotes the line", () => {
    expect(refusal(kernelOf(store(one), store(b.fma(one, b.load(x, 8), one))))).toBe(
      "loop/bounds: kernel faulty: elements 8 to 8 of x, which has 8\ny[0] = fma(1:f32, x[8], 1:f32)",
    );
  });

  const v = local("let");
  const variable = local("var", "sum");
  const i = local("index", "i", "i64");
  const loop = (...body: Statement[]): Statement => ({
    kind: "for",
    index: i,
    from: b.index(0),
    to: b.index(8),
    step: 1,
    body,
  });
  const wide = b.constant("f32", 1, 4);
  const binary = (left: Expression, right: Expression): Expression => ({
    kind: "binary",
    type: left.type,
    operator: "add",
    left,
    right,
  });

  it.each<[string, Kernel, string]>([
    [
      "a local used outside its loop",
      kernelOf(loop(), store(one, use(i))),
      "loop/scope: kernel faulty: i is used outside",
    ],
    [
      "a loop that counts what is no index",
      kernelOf({ kind: "for", index: local("let", "n", "i64"), from: b.index(0), to: b.index(8), step: 1, body: [] }),
      "loop/scope: kernel faulty: the loop counts n, a let",
    ],
    ["a local used before it is declared", kernelOf(store(use(v))), "loop/scope: kernel faulty: v is used before"],
    [
      "a variable assigned before it is declared",
      kernelOf({ kind: "assign", local: variable, value: one }),
      "loop/scope: kernel faulty: sum is used before",
    ],
    [
      "an assigned let",
      kernelOf({ kind: "let", local: v, value: one }, { kind: "assign", local: v, value: one }),
      "loop/scope: kernel faulty: v is assigned",
    ],
    ["an assigned loop index", kernelOf(loop({ kind: "assign", local: i, value: b.index(1) })), "loop/scope"],
    [
      "a local declared twice",
      kernelOf({ kind: "let", local: v, value: one }, { kind: "let", local: v, value: one }),
      "loop/scope: kernel faulty: v is declared twice",
    ],
    [
      "a local that leaves its branch",
      kernelOf({
        kind: "if",
        condition: b.constant("bool", true),
        whenTrue: [{ kind: "let", local: v, value: one }],
        whenFalse: [store(use(v))],
      }),
      "loop/scope: kernel faulty: v is used outside",
    ],
    [
      "a store into a buffer that is read only",
      kernelOf({ kind: "store", buffer: x, index: b.index(0), value: one }),
      "loop/access: kernel faulty: x may be read only, and is written",
    ],
    [
      "a load from a buffer that is written only",
      kernelOf(store(b.load(y, 1))),
      "loop/access: kernel faulty: y may be written only",
    ],
    [
      "a buffer of another kernel",
      kernelOf(store(b.load({ ...x }, 1))),
      "loop/access: kernel faulty: x is not a buffer",
    ],
    ["a store of another type", kernelOf(store(b.constant("f64", 1))), "loop/type"],
    [
      "operands of two types",
      kernelOf(store(binary(one, b.constant("f64", 1)))),
      "loop/type: kernel faulty: the right side",
    ],
    ["operands of different lanes", kernelOf(store(binary(wide, one))), "loop/type"],
    [
      "a mask of the wrong lanes",
      kernelOf(store(wide, b.index(0), b.constant("bool", true, 2))),
      "loop/type: kernel faulty: the mask",
    ],
    [
      "a condition that is not bool",
      kernelOf({ kind: "if", condition: one, whenTrue: [], whenFalse: [] }),
      "loop/type: kernel faulty: the condition",
    ],
    [
      "a vector that ends outside its buffer",
      kernelOf(store(wide, b.index(5))),
      "loop/bounds: kernel faulty: elements 5 to 8 of y",
    ],
    ["a negative index", kernelOf(store(one, b.index(-1))), "loop/bounds"],
    [
      "an f32 constant that is not rounded",
      kernelOf(store({ ...one, value: 0.1 } as Expression)),
      "loop/type: kernel faulty: 0.1",
    ],
    [
      "a lane that a vector has not",
      kernelOf(store({ kind: "extract", type: b.valueType("f32"), operand: wide, lane: 4 })),
      "loop/form: kernel faulty: lane 4",
    ],
    ["a step of zero", kernelOf({ ...loop(), step: 0 } as Statement), "loop/form: kernel faulty: the step is 0"],
    ["a name that is no symbol", { ...kernelOf(), name: "a b" }, "loop/form: kernel a b: the name"],
    ["a buffer listed twice", { ...kernelOf(), buffers: [x, x] }, "loop/form: kernel faulty: a buffer is listed twice"],
  ])("refuses %s", (_, kernel, start) => {
    expect(refusal(kernel).slice(0, start.length)).toBe(start);
  });
});

describe("the constructors", () => {
  it.each<[string, () => unknown, string]>([
    ["add two types", () => b.add(one, b.constant("f64", 1)), "add of f32 and f64"],
    ["shift floats", () => b.shl(one, one), "shl is not defined on f32"],
    ["add booleans", () => b.add(b.constant("bool", true), b.constant("bool", true)), "add is not defined on bool"],
    ["take a root of an integer", () => b.sqrt(b.index(4)), "sqrt is not defined on i64"],
    ["index by a fraction", () => b.load(x, 0.5), "0.5 is not a constant of i64"],
    ["index by an i32", () => b.load(x, b.constant("i32", 1)), "x is indexed by i32"],
    ["change the width in a bitcast", () => b.bitcast(one, "f64"), "changes the width"],
    ["extract a lane that is not there", () => b.extract(one, 1), "lane 1 of f32"],
    ["select by a number", () => b.select(one, one, one), "the condition of select is f32, not bool"],
  ])("refuse to %s", (_, build, message) => {
    expect(build).toThrowError(
      expect.objectContaining({ code: "loop/type", message: expect.stringContaining(message) }),
    );
  });

  it("fold index arithmetic on literals", () => {
    const i = use(local("index", "i", "i64"));
    expect(b.add(b.mul(3, 4), 5)).toEqual(b.index(17));
    expect(b.add(b.mul(i, 1), 0)).toBe(i);
    expect(b.mul(i, 0)).toEqual(b.index(0));
  });

  it("let a variable's value of now be named, not its later ones", () => {
    const kernel = b.kernel("snapshot", (k) => {
      const sum = k.variable(one);
      expect(k.let(sum.get())).not.toEqual(sum.get());
      const named = k.let(b.add(sum.get(), 1));
      expect(k.let(named)).toBe(named);
    });
    expect(kernel.body.map((each) => each.kind)).toEqual(["var", "let", "let"]);
  });
});
