// Emits kernels as LLVM IR text: opaque pointers, explicit vectors and alignment, no fast-math, nothing LLVM could turn into a call.
import { isHalf, isSmallFloat, isSmallInteger, isStored } from "../dtype.ts";
import { storedConstant } from "../stored.ts";
import type { Target } from "../targets.ts";
import { bitsOf, endOf, isFloat, isSigned } from "./build.ts";
import { emitDot } from "./emit-dot.ts";
import { emitNarrow, emitWiden } from "./emit-half.ts";
import { type Instructions, vector } from "./instructions.ts";
import type { Buffer, Expression, Kernel, Local, Scalar, Statement, ValueType } from "./ir.ts";
import { narrowed, widened } from "./small.ts";
import { isSymbol, verifyKernel } from "./verify.ts";

/** Stored types are their bits, but where they are converted. */
const scalarText = (scalar: Scalar): string => {
  if (scalar === "f32") return "float";
  if (scalar === "f64") return "double";
  return `i${bitsOf[scalar]}`;
};
const typeText = ({ scalar, lanes }: ValueType): string => vector(scalarText(scalar), lanes);
/** bool is a byte in memory. */
const memoryText = ({ scalar, lanes }: ValueType): string =>
  vector(scalar === "bool" ? "i8" : scalarText(scalar), lanes);
const memoryBytes = (scalar: Scalar): number => (scalar === "bool" ? 1 : bitsOf[scalar] / 8);
/** The suffix by which intrinsics name a type. */
const suffix = (text: string, lanes: number): string => {
  const name = text === "float" ? "f32" : text === "double" ? "f64" : text;
  return lanes === 1 ? name : `v${lanes}${name}`;
};
const typeSuffix = ({ scalar, lanes }: ValueType): string => suffix(scalarText(scalar), lanes);

const float64 = new Float64Array(1);
const float64Bits = new BigUint64Array(float64.buffer);

function constantText(scalar: Scalar, value: number | bigint | boolean): string {
  if (isStored(scalar)) return String(storedConstant(scalar, Number(value)));
  if (!isFloat(scalar)) return scalar === "bool" ? String(Boolean(value)) : String(value);
  float64[0] = Number(value);
  const bits = Number.isNaN(Number(value)) ? 0x7ff8000000000000n : float64Bits[0]!;
  return `0x${bits.toString(16).toUpperCase().padStart(16, "0")}`;
}

/** The attributes that every function of a target's module carries. */
export const targetAttributes = ({ backend: { cpu, features }, machine }: Target): string =>
  `nounwind "no-builtins" "frame-pointer"="none" "target-cpu"="${cpu}"${
    features ? ` "target-features"="${features}"` : ""
  } "prefer-vector-width"="${machine.vectorBytes * 8}"`;

/** A kernel's function without its name, and the intrinsics that it calls. */
interface Emitted {
  readonly target: Target;
  readonly buffers: Kernel["buffers"];
  readonly chunk: Kernel["chunk"];
  readonly text: string;
  readonly intrinsics: ReadonlySet<string>;
}

/** What was emitted last of a body: a kernel is compared with others under another name before its module is made. */
const lastEmitted = new WeakMap<Kernel["body"], Emitted>();

function emitFunction(kernel: Kernel, target: Target): Emitted {
  const { body, buffers, chunk } = kernel;
  const last = lastEmitted.get(body);
  const known = last?.target === target && last.buffers === buffers && last.chunk === chunk;
  if (known && isSymbol(kernel.name)) return last;
  verifyKernel(kernel);
  const intrinsics = new Set<string>();
  const emitted = { target, buffers, chunk, text: new FunctionEmitter(kernel, intrinsics, target).emit(), intrinsics };
  lastEmitted.set(body, emitted);
  return emitted;
}

/** Emits kernels as one module; throws what `verifyKernel` throws. */
export function emitModule(kernels: readonly Kernel[], target: Target): string {
  const functions = kernels.map((kernel) => emitFunction(kernel, target));
  const intrinsics = new Set(functions.flatMap((each) => [...each.intrinsics]));
  return [
    `target triple = "${target.backend.triple}"`,
    "",
    ...functions.map(({ text }, at) => `define void @${kernels[at]!.name}${text}`),
    ...[...intrinsics].sort(),
    "",
    `attributes #0 = { ${targetAttributes(target)} }`,
    "",
  ].join("\n");
}

/** How other modules declare a kernel. */
export const declareKernel = (kernel: Kernel): string =>
  `declare void @${kernel.name}(${[...kernel.buffers.map(() => "ptr"), ...(kernel.chunk ? ["i64"] : [])].join(", ")})`;

/** Whether a shuffle repeats the four bytes of its operand, twice or more. */
const repeatsWord = (e: Extract<Expression, { kind: "shuffle" }>): boolean =>
  e.b === undefined &&
  e.a.type.lanes === 4 &&
  bitsOf[e.a.type.scalar] === 8 &&
  e.lanes.length > 4 &&
  e.lanes.length % 4 === 0 &&
  e.lanes.every((lane, at) => lane === at % 4);

class FunctionEmitter {
  readonly #kernel: Kernel;
  readonly #intrinsics: Set<string>;
  readonly #target: Target;
  readonly #allocas: string[] = [];
  readonly #lines: string[] = [];
  readonly #locals = new Map<Local, string>();
  readonly #buffers = new Map<Buffer, string>();
  #memo = new Map<Expression, string>();
  #counter = 0;
  #block = "entry";
  /** What expressions that take several instructions are written with. */
  readonly #writer: Instructions = {
    define: (text) => this.#define(text),
    intrinsic: (name, result, types, values) => this.#intrinsic(name, result, types, values),
  };

  constructor(kernel: Kernel, intrinsics: Set<string>, target: Target) {
    this.#kernel = kernel;
    this.#intrinsics = intrinsics;
    this.#target = target;
    kernel.buffers.forEach((buffer, at) => {
      this.#buffers.set(buffer, `%b${at}`);
    });
    if (kernel.chunk) this.#locals.set(kernel.chunk, "%chunk");
  }

  /** The function from its parameters on. */
  emit(): string {
    this.#statements(this.#kernel.body);
    const parameters = this.#kernel.buffers.map(({ align, access }, at) => {
      const rights = access === "read" ? " readonly" : access === "write" ? " writeonly" : "";
      return `ptr noalias nocapture align ${align}${rights} %b${at}`;
    });
    if (this.#kernel.chunk) parameters.push("i64 %chunk");
    return [
      `(${parameters.join(", ")}) #0 {`,
      "entry:",
      ...this.#allocas.map((line) => `  ${line}`),
      ...this.#lines,
      "  ret void",
      "}",
      "",
    ].join("\n");
  }

  #line(text: string): void {
    this.#lines.push(`  ${text}`);
  }

  #label(name: string): void {
    this.#lines.push(`${name}:`);
    this.#block = name;
  }

  #fresh(prefix = "t"): string {
    return `%${prefix}${this.#counter++}`;
  }

  #define(text: string): string {
    const name = this.#fresh();
    this.#line(`${name} = ${text}`);
    return name;
  }

  /** Calls an intrinsic, declaring it once; arguments come with their types. */
  #intrinsic(name: string, result: string, types: readonly string[], values: readonly string[]): string {
    this.#intrinsics.add(`declare ${result} @llvm.${name}(${types.join(", ")})`);
    const call = `call ${result} @llvm.${name}(${types.map((type, at) => `${type} ${values[at]}`).join(", ")})`;
    if (result !== "void") return this.#define(call);
    this.#line(call);
    return "";
  }

  #statements(body: readonly Statement[]): void {
    for (const statement of body) {
      this.#memo = new Map();
      this.#statement(statement);
    }
  }

  #statement(s: Statement): void {
    switch (s.kind) {
      case "let":
        this.#locals.set(s.local, this.#value(s.value));
        return;
      case "var": {
        const slot = this.#fresh("p");
        this.#allocas.push(`${slot} = alloca ${typeText(s.local.type)}`);
        this.#locals.set(s.local, slot);
        this.#line(`store ${typeText(s.local.type)} ${this.#value(s.value)}, ptr ${slot}`);
        return;
      }
      case "assign":
        this.#line(`store ${typeText(s.local.type)} ${this.#value(s.value)}, ptr ${this.#locals.get(s.local)}`);
        return;
      case "store":
        this.#store(s);
        return;
      case "prefetch":
        this.#prefetch(s);
        return;
      case "for":
        this.#for(s);
        return;
      case "if": {
        const id = this.#counter++;
        this.#line(`br i1 ${this.#value(s.condition)}, label %then${id}, label %else${id}`);
        this.#label(`then${id}`);
        this.#statements(s.whenTrue);
        this.#line(`br label %end${id}`);
        this.#label(`else${id}`);
        this.#statements(s.whenFalse);
        this.#line(`br label %end${id}`);
        this.#label(`end${id}`);
        return;
      }
    }
  }

  #prefetch({ buffer, index }: Extract<Statement, { kind: "prefetch" }>): void {
    const scalar = memoryText({ scalar: buffer.scalar, lanes: 1 });
    const base = this.#buffers.get(buffer);
    // Not inbounds: a hint may name what lies behind a buffer.
    const address = this.#define(`getelementptr ${scalar}, ptr ${base}, i64 ${this.#value(index)}`);
    // To be read, into the second-level cache, as data.
    this.#intrinsic("prefetch.p0", "void", ["ptr", "i32", "i32", "i32"], [address, "0", "2", "1"]);
  }

  #for(s: Extract<Statement, { kind: "for" }>): void {
    const id = this.#counter++;
    const from = this.#value(s.from);
    const to = this.#value(endOf(s));
    const before = this.#block;
    const i = `%i${id}`;
    this.#locals.set(s.index, i);
    this.#line(`br label %head${id}`);
    this.#label(`head${id}`);
    this.#line(`${i} = phi i64 [ ${from}, %${before} ], [ ${i}.next, %latch${id} ]`);
    this.#line(`${i}.go = icmp slt i64 ${i}, ${to}`);
    this.#line(`br i1 ${i}.go, label %body${id}, label %exit${id}`);
    this.#label(`body${id}`);
    this.#statements(s.body);
    this.#line(`br label %latch${id}`);
    this.#label(`latch${id}`);
    this.#line(`${i}.next = add nsw i64 ${i}, ${s.step}`);
    this.#line(`br label %head${id}`);
    this.#label(`exit${id}`);
  }

  #address(buffer: Buffer, index: string): string {
    return this.#define(
      `getelementptr inbounds ${memoryText({ scalar: buffer.scalar, lanes: 1 })}, ptr ${this.#buffers.get(buffer)}, i64 ${index}`,
    );
  }

  #store(s: Extract<Statement, { kind: "store" }>): void {
    const { type } = s.value;
    let value = this.#value(s.value);
    if (type.scalar === "bool") value = this.#define(`zext ${typeText(type)} ${value} to ${memoryText(type)}`);
    const index = this.#value(s.index);
    const align = memoryBytes(type.scalar);
    if (!s.mask) {
      this.#line(`store ${memoryText(type)} ${value}, ptr ${this.#address(s.buffer, index)}, align ${align}`);
      return;
    }
    const mask = this.#value(s.mask);
    if (type.lanes > 1) {
      const text = type.scalar === "bool" ? "i8" : scalarText(type.scalar);
      this.#intrinsic(
        `masked.store.${suffix(text, type.lanes)}.p0`,
        "void",
        [memoryText(type), "ptr", "i32 immarg", vector("i1", type.lanes)],
        [value, this.#address(s.buffer, index), String(align), mask],
      );
      return;
    }
    const id = this.#counter++;
    this.#line(`br i1 ${mask}, label %store${id}, label %stored${id}`);
    this.#label(`store${id}`);
    this.#line(`store ${memoryText(type)} ${value}, ptr ${this.#address(s.buffer, index)}, align ${align}`);
    this.#line(`br label %stored${id}`);
    this.#label(`stored${id}`);
  }

  /** The SSA name or constant of an expression, computed once per statement. */
  #value(e: Expression): string {
    const known = this.#memo.get(e);
    if (known !== undefined) return known;
    const name = this.#compute(e);
    this.#memo.set(e, name);
    return name;
  }

  #compute(e: Expression): string {
    const type = typeText(e.type);
    switch (e.kind) {
      case "constant":
        return this.#constant(e.type, e.value);
      case "local": {
        const name = this.#locals.get(e.local)!;
        return e.local.kind === "var" ? this.#define(`load ${type}, ptr ${name}`) : name;
      }
      case "binary":
        return this.#binary(e);
      case "unary":
        return this.#unary(e);
      case "compare":
        return this.#compare(e);
      case "fma":
        return this.#intrinsic(
          `fma.${typeSuffix(e.type)}`,
          type,
          [type, type, type],
          [this.#value(e.left), this.#value(e.right), this.#value(e.addend)],
        );
      case "dot4":
        return emitDot(
          this.#writer,
          this.#target,
          e.type.lanes,
          e.left.type.scalar === "i8",
          this.#value(e.addend),
          this.#value(e.left),
          this.#value(e.right),
        );
      case "select":
        return this.#select(this.#value(e.condition), e.type, this.#value(e.whenTrue), this.#value(e.whenFalse));
      case "convert":
        return this.#converted(e);
      case "bitcast": {
        const from = typeText(e.operand.type);
        const value = this.#value(e.operand);
        return from === type ? value : this.#define(`bitcast ${from} ${value} to ${type}`);
      }
      case "broadcast":
        return this.#splat(e.type, this.#value(e.operand));
      case "ramp": {
        const base = this.#splat(e.type, this.#value(e.base));
        const steps = Array.from({ length: e.type.lanes }, (_, lane) => `i64 ${lane * e.step}`);
        return this.#define(`add ${type} ${base}, <${steps.join(", ")}>`);
      }
      case "extract":
        return this.#define(`extractelement ${typeText(e.operand.type)} ${this.#value(e.operand)}, i32 ${e.lane}`);
      case "shuffle": {
        if (repeatsWord(e)) return this.#repeatedWord(e);
        const source = typeText(e.a.type);
        const second = e.b ? this.#value(e.b) : "poison";
        const lanes = e.lanes.map((lane) => `i32 ${lane}`).join(", ");
        const mask = `<${e.lanes.length} x i32> <${lanes}>`;
        return this.#define(`shufflevector ${source} ${this.#value(e.a)}, ${source} ${second}, ${mask}`);
      }
      case "load":
        return this.#load(e);
    }
  }

  #constant({ scalar, lanes }: ValueType, value: number | bigint | boolean): string {
    const text = constantText(scalar, value);
    return lanes === 1 ? text : `<${Array.from({ length: lanes }, () => `${scalarText(scalar)} ${text}`).join(", ")}>`;
  }

  #splat(type: ValueType, scalar: string): string {
    const text = typeText(type);
    const first = this.#define(`insertelement ${text} poison, ${scalarText(type.scalar)} ${scalar}, i32 0`);
    return this.#define(`shufflevector ${text} ${first}, ${text} poison, <${type.lanes} x i32> zeroinitializer`);
  }

  /** Four bytes over and over, as the one 32-bit broadcast that it is. */
  #repeatedWord(e: Extract<Expression, { kind: "shuffle" }>): string {
    const word = this.#define(`bitcast ${typeText(e.a.type)} ${this.#value(e.a)} to i32`);
    const type: ValueType = { scalar: "i32", lanes: e.lanes.length / 4 };
    return this.#define(`bitcast ${typeText(type)} ${this.#splat(type, word)} to ${typeText(e.type)}`);
  }

  #select(condition: string, type: ValueType, yes: string, no: string): string {
    const text = typeText(type);
    return this.#define(`select ${vector("i1", type.lanes)} ${condition}, ${text} ${yes}, ${text} ${no}`);
  }

  #binary(e: Extract<Expression, { kind: "binary" }>): string {
    const left = this.#value(e.left);
    const right = this.#value(e.right);
    const text = typeText(e.type);
    const signed = isSigned(e.type.scalar);
    if (isFloat(e.type.scalar)) return this.#define(`f${e.operator} ${text} ${left}, ${right}`);
    switch (e.operator) {
      case "add":
      case "sub":
      case "mul":
      case "and":
      case "or":
      case "xor":
        return this.#define(`${e.operator} ${text} ${left}, ${right}`);
      case "shl":
      case "shr": {
        const width = this.#constant(e.type, BigInt(bitsOf[e.type.scalar] - 1));
        const count = this.#define(`and ${text} ${right}, ${width}`);
        const operator = e.operator === "shl" ? "shl" : signed ? "ashr" : "lshr";
        return this.#define(`${operator} ${text} ${left}, ${count}`);
      }
      case "div":
      case "rem":
        return this.#divide(e, left, right);
    }
  }

  /** Integer division that is total: by zero gives 0, and the most negative number by −1 wraps. */
  #divide(e: Extract<Expression, { kind: "binary" }>, left: string, right: string): string {
    const text = typeText(e.type);
    const signed = isSigned(e.type.scalar);
    const operator = `${signed ? "s" : "u"}${e.operator}`;
    const divisor = e.right.kind === "constant" ? BigInt(e.right.value as number | bigint) : undefined;
    if (divisor !== undefined && divisor !== 0n && divisor !== -1n)
      return this.#define(`${operator} ${text} ${left}, ${right}`);
    const zero = this.#constant(e.type, 0);
    const isZero = this.#define(`icmp eq ${text} ${right}, ${zero}`);
    const minusOne = signed ? this.#define(`icmp eq ${text} ${right}, ${this.#constant(e.type, -1)}`) : undefined;
    const condition = vector("i1", e.type.lanes);
    const unsafe = minusOne ? this.#define(`or ${condition} ${isZero}, ${minusOne}`) : isZero;
    const safe = this.#select(unsafe, e.type, this.#constant(e.type, 1), right);
    const quotient = this.#define(`${operator} ${text} ${left}, ${safe}`);
    const wrapped = minusOne
      ? this.#select(
          minusOne,
          e.type,
          e.operator === "div" ? this.#define(`sub ${text} ${zero}, ${left}`) : zero,
          quotient,
        )
      : quotient;
    return this.#select(isZero, e.type, zero, wrapped);
  }

  #unary(e: Extract<Expression, { kind: "unary" }>): string {
    const operand = this.#value(e.operand);
    const text = typeText(e.type);
    const float = isFloat(e.type.scalar);
    switch (e.operator) {
      case "neg":
        return this.#define(float ? `fneg ${text} ${operand}` : `sub ${text} ${this.#constant(e.type, 0)}, ${operand}`);
      case "not":
        return this.#define(`xor ${text} ${operand}, ${this.#constant(e.type, e.type.scalar === "bool" ? true : -1)}`);
      case "abs":
        if (float) return this.#intrinsic(`fabs.${typeSuffix(e.type)}`, text, [text], [operand]);
        if (!isSigned(e.type.scalar)) return operand;
        return this.#intrinsic(`abs.${typeSuffix(e.type)}`, text, [text, "i1 immarg"], [operand, "false"]);
      case "sqrt":
      case "floor":
      case "ceil":
      case "trunc":
      case "roundEven":
        return this.#intrinsic(`${e.operator.toLowerCase()}.${typeSuffix(e.type)}`, text, [text], [operand]);
    }
  }

  #compare(e: Extract<Expression, { kind: "compare" }>): string {
    const { type } = e.left;
    const left = this.#value(e.left);
    const right = this.#value(e.right);
    const text = typeText(type);
    if (isFloat(type.scalar))
      return this.#define(`fcmp ${e.operator === "ne" ? "une" : `o${e.operator}`} ${text} ${left}, ${right}`);
    const order = e.operator === "eq" || e.operator === "ne" ? "" : isSigned(type.scalar) ? "s" : "u";
    return this.#define(`icmp ${order}${e.operator} ${text} ${left}, ${right}`);
  }

  #converted({ operand, type, narrowing }: Extract<Expression, { kind: "convert" }>): string {
    const [from, to] = [operand.type.scalar, type.scalar];
    if (isSmallFloat(from) || isSmallInteger(from)) return this.#value(widened(operand));
    if (isSmallFloat(to) || isSmallInteger(to)) return this.#value(narrowed(operand, to, narrowing));
    return this.#convert(operand.type, this.#value(operand), type);
  }

  #convert(from: ValueType, value: string, to: ValueType): string {
    const source = typeText(from);
    const result = typeText(to);
    const [a, b] = [from.scalar, to.scalar];
    if (a === b) return value;
    if (isHalf(a)) return emitWiden(this.#writer, a, from.lanes, value);
    if (isHalf(b)) return emitNarrow(this.#writer, b, from.lanes, value);
    if (b === "bool")
      return this.#define(`${isFloat(a) ? "fcmp une" : "icmp ne"} ${source} ${value}, ${this.#constant(from, 0)}`);
    if (isFloat(a) && isFloat(b))
      return this.#define(`${a === "f32" ? "fpext" : "fptrunc"} ${source} ${value} to ${result}`);
    if (isFloat(a)) {
      const name = `fpto${isSigned(b) ? "s" : "u"}i.sat.${typeSuffix(to)}.${typeSuffix(from)}`;
      return this.#intrinsic(name, result, [source], [value]);
    }
    const signed = a !== "bool" && isSigned(a);
    if (isFloat(b)) return this.#define(`${signed ? "s" : "u"}itofp ${source} ${value} to ${result}`);
    if (source === result) return value;
    const operator = bitsOf[b] < bitsOf[a] ? "trunc" : signed ? "sext" : "zext";
    return this.#define(`${operator} ${source} ${value} to ${result}`);
  }

  #load(e: Extract<Expression, { kind: "load" }>): string {
    const { type } = e;
    const text = memoryText(type);
    const align = memoryBytes(type.scalar);
    const index = this.#value(e.index);
    const loaded =
      e.index.type.lanes > 1
        ? this.#gather(e, index)
        : e.mask
          ? this.#maskedLoad(e, index)
          : this.#define(`load ${text}, ptr ${this.#address(e.buffer, index)}, align ${align}`);
    return type.scalar === "bool" ? this.#define(`trunc ${text} ${loaded} to ${typeText(type)}`) : loaded;
  }

  #gather(e: Extract<Expression, { kind: "load" }>, index: string): string {
    const { scalar, lanes } = e.type;
    const element = memoryText({ scalar, lanes: 1 });
    const pointers = this.#define(
      `getelementptr inbounds ${element}, ptr ${this.#buffers.get(e.buffer)}, <${lanes} x i64> ${index}`,
    );
    const mask = e.mask ? this.#value(e.mask) : this.#constant({ scalar: "bool", lanes }, true);
    return this.#intrinsic(
      `masked.gather.${suffix(element, lanes)}.v${lanes}p0`,
      memoryText(e.type),
      [`<${lanes} x ptr>`, "i32 immarg", `<${lanes} x i1>`, memoryText(e.type)],
      [pointers, String(memoryBytes(scalar)), mask, "zeroinitializer"],
    );
  }

  #maskedLoad(e: Extract<Expression, { kind: "load" }>, index: string): string {
    const { scalar, lanes } = e.type;
    const text = memoryText(e.type);
    const align = memoryBytes(scalar);
    const mask = this.#value(e.mask!);
    if (lanes === 1) {
      const zero = isFloat(scalar) ? "0.0" : "0";
      const safe = this.#define(`select i1 ${mask}, i64 ${index}, i64 0`);
      const loaded = this.#define(`load ${text}, ptr ${this.#address(e.buffer, safe)}, align ${align}`);
      return this.#define(`select i1 ${mask}, ${text} ${loaded}, ${text} ${zero}`);
    }
    return this.#intrinsic(
      `masked.load.${suffix(memoryText({ scalar, lanes: 1 }), lanes)}.p0`,
      text,
      ["ptr", "i32 immarg", `<${lanes} x i1>`, text],
      [this.#address(e.buffer, index), String(align), mask, "zeroinitializer"],
    );
  }
}
