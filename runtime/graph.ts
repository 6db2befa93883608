// The graph: typed inputs and outputs, constants, states, and nodes in SSA form; prints itself, checks itself.
import { IsochronError } from "../kernels/index.ts";
import type { Operator } from "./operators/index.ts";
import type { Place } from "./place.ts";
import { byteLength, sameShape, showTensorType, type TensorType, type TypedArray } from "./tensor-type.ts";

/** One value; identity is the object. */
export interface Value {
  readonly type: TensorType;
  /** What the user called it, for printing. */
  readonly hint?: string;
}

export interface NamedValue {
  readonly name: string;
  readonly value: Value;
}

export interface Constant {
  readonly name: string;
  readonly value: Value;
  readonly data: TypedArray;
}

/** A mutable tensor: `value` is what a step reads, `next` what it leaves. */
export interface State {
  readonly name: string;
  readonly value: Value;
  readonly initial: TypedArray;
  next: Value;
}

/** One application of an operator, whose attributes are of type `A`; `isNodeOf` tells whose. */
export interface Node<A = unknown> {
  readonly operator: Operator<A>;
  readonly attributes: A;
  readonly inputs: readonly Value[];
  readonly output: Value;
  /** Where in the user's source it was called. */
  readonly place?: Place;
}

/** Whether a node applies an operator, and so has its attributes. */
export const isNodeOf = <A>(node: Node | undefined, operator: Operator<A>): node is Node<A> =>
  node?.operator === operator;

/** The types of a graph's inputs or outputs, by name. */
export type Signature = { readonly [name: string]: TensorType };

const showNumber = (value: number | bigint | undefined): string => (Object.is(value, -0) ? "-0" : String(value));

/** The shortest decimal that reads back as the element; a float32 needs nine digits at most. */
function showElement(data: TypedArray): string {
  const [value] = data;
  if (!(data instanceof Float32Array) || value === undefined) return showNumber(value);
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(Number(value).toPrecision(digits));
    if (Object.is(Math.fround(short), value)) return showNumber(short);
  }
  return showNumber(Number(Number(value).toPrecision(9)));
}

const showAttribute = (value: unknown): string =>
  Array.isArray(value)
    ? `[${value.map(showAttribute).join(",")}]`
    : typeof value === "number"
      ? showNumber(value)
      : String(value);

/** Longest operation behind which the types of all stand in one column. */
const widest = 160;

/** A graph, typed by its signature. */
export class Graph<I extends Signature = Signature, O extends Signature = Signature> {
  readonly name: string;
  readonly inputs: readonly NamedValue[];
  readonly constants: readonly Constant[];
  readonly states: readonly State[];
  readonly nodes: readonly Node[];
  readonly outputs: readonly NamedValue[];
  /** Only for TypeScript: the signature's types. */
  declare readonly signature: { readonly inputs: I; readonly outputs: O };

  constructor(parts: Omit<Graph, "signature" | "toString" | "verify">) {
    this.name = parts.name;
    this.inputs = parts.inputs;
    this.constants = parts.constants;
    this.states = parts.states;
    this.nodes = parts.nodes;
    this.outputs = parts.outputs;
  }

  /** Stable readable text; names are hints, or numbers in order of appearance. */
  toString(): string {
    const names = new Map<Value, string>();
    const used = new Set<string>();
    /** How many have wanted a name. */
    const wants = new Map<string, number>();
    const name = (value: Value, wanted: string): string => {
      let n = wants.get(wanted) ?? 0;
      let unique = n === 0 ? wanted : `${wanted}${n}`;
      while (used.has(unique)) unique = `${wanted}${++n}`;
      wants.set(wanted, n + 1);
      used.add(unique);
      names.set(value, unique);
      return unique;
    };
    for (const { value, name: given } of this.inputs) name(value, `%${given}`);
    const isLiteral = ({ value }: Constant) => value.type.shape.length === 0;
    for (const each of this.constants) {
      if (isLiteral(each)) names.set(each.value, showElement(each.data));
      else name(each.value, `@${each.name}`);
    }
    for (const { value, name: given } of this.states) name(value, `$${given}`);
    for (const [at, { output }] of this.nodes.entries()) name(output, `%${output.hint ?? at}`);
    const show = (value: Value) => names.get(value) ?? "%?";
    const list = (values: readonly NamedValue[]) =>
      values.map((each) => `${each.name}: ${showTensorType(each.value.type)}`).join(", ");
    const lines = this.nodes.map((node) => {
      const attributes = Object.entries(node.attributes as object).map(
        ([key, value]) => `${key}=${showAttribute(value)}`,
      );
      const operands = [...node.inputs.map(show), ...attributes].join(", ");
      return [
        `  ${show(node.output)} = ${node.operator.name}(${operands})`,
        `: ${showTensorType(node.output.type)}`,
      ] as const;
    });
    // A line of very many operands does not push the types of all others to its right.
    const width = lines.reduce((most, [left]) => Math.max(most, left.length <= widest ? left.length : 0), 0) + 1;
    return [
      `graph ${this.name}(${list(this.inputs)}) -> (${list(this.outputs)})`,
      ...this.constants
        .filter((each) => !isLiteral(each))
        .map(({ value }) => `  const ${show(value)} : ${showTensorType(value.type)}`),
      ...this.states.map(({ value }) => `  state ${show(value)} : ${showTensorType(value.type)}`),
      ...lines.map(([left, right]) => `${left.padEnd(width)}${right}`),
      ...this.states.map((state) => `  ${show(state.value)} := ${show(state.next)}`),
      `  return ${this.outputs.map((each) => `${each.name}=${show(each.value)}`).join(", ")}`,
    ].join("\n");
  }

  /** Checks that every value is defined before it is used, once, and has the type its operator gives. Throws `graph/invalid`. */
  verify(): void {
    const defined = new Set<Value>();
    const fail = (what: string, at?: Place): never => {
      const place = at?.text;
      throw new IsochronError("graph/invalid", `graph "${this.name}": ${what}`, {
        details: this.toString().split("\n"),
        ...(place === undefined ? {} : { place }),
      });
    };
    const define = (value: Value, what: string) => {
      if (defined.has(value)) fail(`${what} is defined twice`);
      defined.add(value);
    };
    for (const each of this.inputs) define(each.value, `input ${each.name}`);
    for (const each of this.constants) {
      define(each.value, `constant ${each.name}`);
      if (each.data.byteLength !== byteLength(each.value.type))
        fail(`constant ${each.name} holds ${each.data.byteLength} bytes`);
    }
    for (const each of this.states) define(each.value, `state ${each.name}`);
    for (const node of this.nodes) {
      if (node.inputs.some((value) => !defined.has(value)))
        fail(`${node.operator.name} uses a value before its definition`, node.place);
      const type = node.operator.infer(
        node.inputs.map((value) => value.type),
        node.attributes,
      );
      const found = node.output.type;
      if (type.dtype !== found.dtype || !sameShape(type.shape, found.shape)) {
        fail(`${node.operator.name} gives ${showTensorType(type)}, not ${showTensorType(found)}`, node.place);
      }
      define(node.output, `the result of ${node.operator.name}`);
    }
    for (const { name, value } of this.outputs) if (!defined.has(value)) fail(`output ${name} is not defined`);
    for (const { name, value, next } of this.states) {
      if (!defined.has(next)) fail(`the next value of state ${name} is not defined`);
      if (next.type.dtype !== value.type.dtype || !sameShape(next.type.shape, value.type.shape)) {
        fail(`state ${name} is ${showTensorType(value.type)}, its next value ${showTensorType(next.type)}`);
      }
    }
  }
}
