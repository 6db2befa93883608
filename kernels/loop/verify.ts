// Checks that a kernel is well formed: types, scopes, access rights, and indices that are literals.

import { IsochronError } from "../base/error.ts";
import { arithmeticOf, isStored } from "../dtype.ts";
import { bitsOf, constant, isFloat, isInteger, sameType, showType, valueType } from "./build.ts";
import type { Buffer, Expression, Kernel, Local, Scalar, Statement, ValueType } from "./ir.ts";
import { printStatement } from "./print.ts";
import { expressionsOf, operandsOf } from "./walk.ts";

/** What is wrong with a kernel, by area; the codes are `loop/` and these. */
type Fault = "type" | "scope" | "access" | "bounds" | "form";

/**
 * Throws where a kernel is not well formed: `loop/type`, `loop/scope`, `loop/access`, `loop/bounds` (a literal index outside its
 * buffer) or `loop/form`; the error names the kernel and quotes the line.
 */
export function verifyKernel(kernel: Kernel): void {
  new Verifier(kernel).run();
}

/** Whether a name is one that a kernel can have. */
export const isSymbol = (name: string): boolean => /^[A-Za-z_][\w.]*$/.test(name);

class Verifier {
  readonly #kernel: Kernel;
  readonly #buffers: ReadonlySet<Buffer>;
  /** Every local declared so far. */
  readonly #declared = new Set<Local>();
  /** The locals that can be seen here. */
  readonly #visible = new Set<Local>();
  #statement: Statement | undefined;
  #checked = new Set<Expression>();

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.#buffers = new Set(kernel.buffers);
  }

  run(): void {
    const { name, buffers, chunk, body } = this.#kernel;
    if (!isSymbol(name)) this.#fail("form", "the name is not a symbol: letters, digits, _ and . only");
    if (this.#buffers.size !== buffers.length) this.#fail("form", "a buffer is listed twice");
    for (const { name: buffer, length, align } of buffers) {
      if (!Number.isSafeInteger(length) || length < 0) this.#fail("form", `${buffer} has ${length} elements`);
      if (!Number.isSafeInteger(align) || align < 1 || !Number.isInteger(Math.log2(align)))
        this.#fail("form", `the alignment of ${buffer} is ${align}, not a power of two`);
    }
    this.#body(body, ...(chunk ? [chunk] : []));
  }

  #fail(fault: Fault, message: string): never {
    throw new IsochronError(`loop/${fault}`, `kernel ${this.#kernel.name}: ${message}`, {
      details: this.#statement ? printStatement(this.#kernel, this.#statement).map((line) => line.trim()) : [],
      help: "kernels come from generators: report this with the operator and the shapes that were compiled",
    });
  }

  #expect(what: string, type: ValueType, wanted: ValueType): void {
    if (!sameType(type, wanted)) this.#fail("type", `${what} is ${showType(type)}, not ${showType(wanted)}`);
  }

  #body(body: readonly Statement[], ...own: Local[]): void {
    const outer = [...this.#visible];
    for (const local of own) this.#declare(local);
    for (const statement of body) this.#check(statement);
    this.#visible.clear();
    for (const local of outer) this.#visible.add(local);
  }

  #declare(local: Local): void {
    if (this.#declared.has(local)) this.#fail("scope", `${local.name} is declared twice`);
    this.#declared.add(local);
    this.#visible.add(local);
  }

  #check(s: Statement): void {
    this.#statement = s;
    this.#checked = new Set();
    for (const e of expressionsOf(s)) this.#expression(e);
    switch (s.kind) {
      case "let":
      case "var":
        if (s.local.kind !== s.kind) this.#fail("scope", `${s.kind} declares ${s.local.name}, a ${s.local.kind}`);
        this.#expect(`the value of ${s.local.name}`, s.value.type, s.local.type);
        this.#declare(s.local);
        return;
      case "assign":
        this.#visibleHere(s.local);
        if (s.local.kind !== "var") this.#fail("scope", `${s.local.name} is assigned, but is no variable`);
        this.#expect(`the value assigned to ${s.local.name}`, s.value.type, s.local.type);
        return;
      case "store":
        this.#touch(s.buffer, "write");
        this.#expect(`the index of ${s.buffer.name}`, s.index.type, valueType("i64"));
        this.#expect(`the value stored into ${s.buffer.name}`, s.value.type, {
          scalar: s.buffer.scalar,
          lanes: s.value.type.lanes,
        });
        this.#mask(s.mask, s.value.type.lanes);
        this.#bounds(s.buffer, s.index, s.value.type.lanes, s.mask);
        return;
      case "prefetch":
        this.#touch(s.buffer, "read");
        this.#expect(`the index of ${s.buffer.name}`, s.index.type, valueType("i64"));
        return;
      case "for":
        this.#expect("the lower bound", s.from.type, valueType("i64"));
        this.#expect("the upper bound", s.to.type, valueType("i64"));
        if (s.until) this.#expect("the earlier end", s.until.type, valueType("i64"));
        if (!Number.isSafeInteger(s.step) || s.step < 1) this.#fail("form", `the step is ${s.step}`);
        if (s.index.kind !== "index") this.#fail("scope", `the loop counts ${s.index.name}, a ${s.index.kind}`);
        this.#expect("the loop index", s.index.type, valueType("i64"));
        this.#body(s.body, s.index);
        return;
      case "if":
        this.#expect("the condition", s.condition.type, valueType("bool"));
        this.#body(s.whenTrue);
        this.#body(s.whenFalse);
        return;
    }
  }

  #visibleHere(local: Local): void {
    if (this.#visible.has(local)) return;
    const why = this.#declared.has(local) ? "outside its scope" : "before it is declared";
    this.#fail("scope", `${local.name} is used ${why}`);
  }

  #touch(buffer: Buffer, how: "read" | "write"): void {
    if (!this.#buffers.has(buffer)) this.#fail("access", `${buffer.name} is not a buffer of this kernel`);
    if (buffer.access === "readwrite" || buffer.access === how) return;
    const [is, done] = how === "read" ? ["write", "read"] : ["read", "written"];
    this.#fail("access", `${buffer.name} may be ${is === "read" ? "read" : "written"} only, and is ${done}`);
  }

  #mask(mask: Expression | undefined, lanes: number): void {
    if (mask) this.#expect("the mask", mask.type, valueType("bool", lanes));
  }

  /** A masked access may lie outside, lane by lane, as long as its mask says so. */
  #bounds(buffer: Buffer, index: Expression, lanes: number, mask?: Expression): void {
    if (mask) {
      if (buffer.length === 0 && lanes === 1) this.#fail("bounds", `${buffer.name} has no elements`);
      return;
    }
    if (index.kind !== "constant") return;
    const first = BigInt(index.value);
    const end = first + BigInt(index.type.lanes > 1 ? 1 : lanes);
    if (first < 0n || end > BigInt(buffer.length))
      this.#fail("bounds", `elements ${first} to ${end - 1n} of ${buffer.name}, which has ${buffer.length}`);
  }

  #expression(e: Expression): void {
    if (this.#checked.has(e)) return;
    this.#checked.add(e);
    const { scalar, lanes } = e.type;
    if (!Number.isSafeInteger(lanes) || lanes < 1) this.#fail("type", `a value of ${lanes} lanes`);
    for (const operand of operandsOf(e)) this.#expression(operand);
    switch (e.kind) {
      case "constant":
        this.#constant(e.type, e.value);
        return;
      case "local":
        this.#visibleHere(e.local);
        this.#expect(e.local.name, e.type, e.local.type);
        return;
      case "binary": {
        this.#expect(`the left side of ${e.operator}`, e.left.type, e.type);
        this.#expect(`the right side of ${e.operator}`, e.right.type, e.type);
        const bitwise = e.operator === "and" || e.operator === "or" || e.operator === "xor";
        const integral = e.operator === "rem" || e.operator === "shl" || e.operator === "shr";
        if (isStored(scalar) || (bitwise ? isFloat(scalar) : integral ? !isInteger(scalar) : scalar === "bool"))
          this.#fail("type", `${e.operator} is not defined on ${scalar}`);
        return;
      }
      case "unary": {
        this.#expect(`the operand of ${e.operator}`, e.operand.type, e.type);
        const signs = e.operator === "neg" || e.operator === "abs";
        if (isStored(scalar) || (e.operator === "not" ? isFloat(scalar) : signs ? scalar === "bool" : !isFloat(scalar)))
          this.#fail("type", `${e.operator} is not defined on ${scalar}`);
        return;
      }
      case "compare":
        this.#expect("a comparison", e.type, valueType("bool", e.left.type.lanes));
        this.#expect(`the right side of ${e.operator}`, e.right.type, e.left.type);
        if (isStored(e.left.type.scalar)) this.#fail("type", `${e.operator} is not defined on ${e.left.type.scalar}`);
        return;
      case "fma":
        if (!isFloat(scalar)) this.#fail("type", `fma is not defined on ${scalar}`);
        for (const operand of operandsOf(e)) this.#expect("an operand of fma", operand.type, e.type);
        return;
      case "dot4":
        if (scalar !== "i32") this.#fail("type", `dot4 is not defined on ${scalar}`);
        this.#expect("the addend of dot4", e.addend.type, e.type);
        this.#expect(
          "the left side of dot4",
          e.left.type,
          valueType(e.left.type.scalar === "u8" ? "u8" : "i8", 4 * lanes),
        );
        this.#expect("the right side of dot4", e.right.type, valueType("i8", 4 * lanes));
        return;
      case "select":
        this.#expect("the condition of select", e.condition.type, valueType("bool", lanes));
        this.#expect("a side of select", e.whenTrue.type, e.type);
        this.#expect("a side of select", e.whenFalse.type, e.type);
        return;
      case "convert":
        this.#expect("the operand of convert", e.operand.type, valueType(e.operand.type.scalar, lanes));
        for (const [stored, other] of [
          [scalar, e.operand.type.scalar],
          [e.operand.type.scalar, scalar],
        ] as const)
          if (other !== stored && other !== arithmeticOf(stored) && isStored(stored))
            this.#fail("type", `${stored} is converted to ${arithmeticOf(stored)} and from it, not ${other}`);
        return;
      case "bitcast":
        this.#expect("the operand of bitcast", e.operand.type, valueType(e.operand.type.scalar, lanes));
        if (bitsOf[scalar] !== bitsOf[e.operand.type.scalar])
          this.#fail("type", `bitcast of ${e.operand.type.scalar} to ${scalar} changes the width`);
        return;
      case "broadcast":
        this.#expect("the operand of broadcast", e.operand.type, valueType(scalar));
        return;
      case "ramp":
        this.#expect("a ramp", e.type, valueType("i64", lanes));
        this.#expect("the base of a ramp", e.base.type, valueType("i64"));
        if (!Number.isSafeInteger(e.step)) this.#fail("form", `the step of a ramp is ${e.step}`);
        return;
      case "extract":
        this.#expect("an extracted lane", e.type, valueType(e.operand.type.scalar));
        this.#lanes([e.lane], e.operand.type.lanes);
        return;
      case "shuffle":
        this.#expect("a shuffle", e.type, valueType(e.a.type.scalar, e.lanes.length));
        if (e.b) this.#expect("the second vector of a shuffle", e.b.type, e.a.type);
        this.#lanes(e.lanes, e.a.type.lanes * (e.b ? 2 : 1));
        return;
      case "load":
        this.#touch(e.buffer, "read");
        this.#expect(`a load from ${e.buffer.name}`, e.type, valueType(e.buffer.scalar, lanes));
        this.#expect(
          `the index of ${e.buffer.name}`,
          e.index.type,
          valueType("i64", e.index.type.lanes > 1 ? lanes : 1),
        );
        this.#mask(e.mask, lanes);
        this.#bounds(e.buffer, e.index, lanes, e.mask);
        return;
    }
  }

  #lanes(lanes: readonly number[], width: number): void {
    const outside = lanes.find((lane) => !Number.isInteger(lane) || lane < 0 || lane >= width);
    if (outside !== undefined) this.#fail("form", `lane ${outside} of a vector of ${width}`);
  }

  /** A constant is what the constructor makes of it: rounded, in range, a bigint where it has 64 bits. */
  #constant({ scalar }: ValueType, value: number | bigint | boolean): void {
    if (!holds(scalar, value)) this.#fail("type", `${value} is not a constant of ${scalar}`);
  }
}

function holds(scalar: Scalar, value: number | bigint | boolean): boolean {
  if (isInteger(scalar) && typeof value === "number" && !Number.isInteger(value)) return false;
  const made = constant(scalar, value);
  return made.kind === "constant" && Object.is(made.value, value);
}
