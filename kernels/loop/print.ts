// Prints kernels as stable text: names unique in order of appearance, shared subexpressions named once.
import { showType } from "./build.ts";
import type { BinaryOperator, CompareOperator, Expression, Kernel, Local, Statement } from "./ir.ts";
import { expressionsOf, sharedBelow } from "./walk.ts";

const binarySigns: { readonly [operator in BinaryOperator]: string } = {
  add: "+",
  sub: "-",
  mul: "*",
  div: "/",
  rem: "%",
  and: "&",
  or: "|",
  xor: "^",
  shl: "<<",
  shr: ">>",
};

const compareSigns: { readonly [operator in CompareOperator]: string } = {
  eq: "==",
  ne: "!=",
  lt: "<",
  le: "<=",
  gt: ">",
  ge: ">=",
};

/** The text of a kernel, one statement a line; equal texts mean equal kernels. */
export const printKernel = (kernel: Kernel): string => `${new Printer(kernel).lines.join("\n")}\n`;

/** The lines that one statement of a kernel takes in the kernel's text, those of nested statements left out. */
export const printStatement = (kernel: Kernel, statement: Statement): readonly string[] =>
  new Printer(kernel).own.get(statement) ?? [];

class Printer {
  readonly lines: string[] = [];
  readonly own = new Map<Statement, readonly string[]>();
  readonly #names = new Map<object, string>();
  readonly #taken = new Set<string>();
  #shared: ReadonlySet<Expression> = new Set();
  #parts = new Map<Expression, string>();
  #pending: string[] = [];
  #counter = 0;

  constructor(kernel: Kernel) {
    const parameters = kernel.buffers.map((buffer) => {
      const align = buffer.align === 64 ? "" : ` align ${buffer.align}`;
      return `${this.#name(buffer)}: ${buffer.access} ${buffer.scalar}[${buffer.length}]${align}`;
    });
    if (kernel.chunk) parameters.push(`${this.#name(kernel.chunk)}: i64`);
    this.lines.push(`kernel ${kernel.name}(${parameters.join(", ")})`);
    this.#statements(kernel.body, "  ");
  }

  #name(of: { readonly name: string }): string {
    const known = this.#names.get(of);
    if (known !== undefined) return known;
    let name = of.name;
    for (let next = 1; this.#taken.has(name); next++) name = `${of.name}_${next}`;
    this.#taken.add(name);
    this.#names.set(of, name);
    return name;
  }

  #statements(body: readonly Statement[], indent: string): void {
    for (const statement of body) this.#statement(statement, indent);
  }

  #statement(s: Statement, indent: string): void {
    this.#shared = sharedBelow(expressionsOf(s));
    this.#parts = new Map();
    this.#pending = [];
    const text = this.#head(s);
    const lines = [...this.#pending, text].map((line) => indent + line);
    this.own.set(s, lines);
    this.lines.push(...lines);
    if (s.kind === "for") this.#statements(s.body, `${indent}  `);
    if (s.kind !== "if") return;
    this.#statements(s.whenTrue, `${indent}  `);
    if (s.whenFalse.length === 0) return;
    this.lines.push(`${indent}else`);
    this.#statements(s.whenFalse, `${indent}  `);
  }

  #head(s: Statement): string {
    switch (s.kind) {
      case "let":
      case "var": {
        const value = this.#expression(s.value);
        return `${s.kind} ${this.#declared(s.local)} = ${value}`;
      }
      case "assign":
        return `${this.#name(s.local)} = ${this.#expression(s.value)}`;
      case "store": {
        const value = this.#expression(s.value);
        return `${this.#element(s.buffer, s.index, s.value.type.lanes, s.mask)} = ${value}`;
      }
      case "prefetch":
        return `prefetch ${this.#element(s.buffer, s.index, 1)}`;
      case "for": {
        const [from, to] = [this.#expression(s.from), this.#expression(s.to)];
        const until = s.until ? ` until ${this.#expression(s.until)}` : "";
        return `for ${this.#name(s.index)} = ${from} to ${to}${until} step ${s.step}`;
      }
      case "if":
        return `if ${this.#expression(s.condition)}`;
    }
  }

  #declared(local: Local): string {
    return `${this.#name(local)}: ${showType(local.type)}`;
  }

  #element(buffer: { readonly name: string }, index: Expression, lanes: number, mask?: Expression): string {
    const at = this.#expression(index);
    const span = index.type.lanes > 1 ? "gather " : "";
    const count = span === "" && lanes > 1 ? ` ..+${lanes}` : "";
    const where = mask ? ` where ${this.#expression(mask)}` : "";
    return `${this.#name(buffer)}[${span}${at}${count}${where}]`;
  }

  /** A subexpression that occurs again gets a line and a name of its own, before the statement. */
  #expression(e: Expression): string {
    const known = this.#parts.get(e);
    if (known !== undefined) return known;
    const text = this.#text(e);
    if (!this.#shared.has(e)) return text;
    const name = this.#name({ name: `%${this.#counter++}` });
    this.#pending.push(`${name}: ${showType(e.type)} = ${text}`);
    this.#parts.set(e, name);
    return name;
  }

  #text(e: Expression): string {
    switch (e.kind) {
      case "constant": {
        const value = Object.is(e.value, -0) ? "-0" : String(e.value);
        return e.type.scalar === "i64" && e.type.lanes === 1 ? value : `${value}:${showType(e.type)}`;
      }
      case "local":
        return this.#name(e.local);
      case "binary": {
        const left = this.#expression(e.left);
        return `(${left} ${binarySigns[e.operator]} ${this.#expression(e.right)})`;
      }
      case "compare": {
        const left = this.#expression(e.left);
        return `(${left} ${compareSigns[e.operator]} ${this.#expression(e.right)})`;
      }
      case "unary":
        return this.#call(e.operator, [e.operand]);
      case "fma":
        return this.#call("fma", [e.left, e.right, e.addend]);
      case "dot4":
        return this.#call("dot4", [e.left, e.right, e.addend]);
      case "select":
        return this.#call("select", [e.condition, e.whenTrue, e.whenFalse]);
      case "convert":
        return this.#call(
          `convert.${e.type.scalar}`,
          [e.operand],
          ...Object.entries(e.narrowing ?? {}).flatMap((each) => (each[1] === undefined ? [] : each.join("="))),
        );
      case "bitcast":
        return this.#call(`bitcast.${e.type.scalar}`, [e.operand]);
      case "broadcast":
        return this.#call(`broadcast.${e.type.lanes}`, [e.operand]);
      case "ramp":
        return this.#call(`ramp.${e.type.lanes}`, [e.base], String(e.step));
      case "extract":
        return `${this.#expression(e.operand)}.${e.lane}`;
      case "shuffle":
        return this.#call("shuffle", e.b ? [e.a, e.b] : [e.a], `[${e.lanes.join(" ")}]`);
      case "load":
        return this.#element(e.buffer, e.index, e.type.lanes, e.mask);
    }
  }

  #call(name: string, operands: readonly Expression[], ...rest: readonly string[]): string {
    return `${name}(${[...operands.map((each) => this.#expression(each)), ...rest].join(", ")})`;
  }
}
