// The graph: typed inputs and outputs, constants, states, and nodes in SSA form; prints itself, checks itself.
import { IsochronError } from "../../kernels/index.ts";
import type { Operator, ResultTypes } from "../operators/index.ts";
import { type Dimension, isDimension, showDimension } from "./dimension.ts";
import { factOf, knownResults } from "./facts.ts";
import type { Form } from "./forms.ts";
import { type Place, withPlace } from "./place.ts";
import {
  byteLength,
  type Known,
  numberIn,
  sameType,
  showTensorType,
  type TensorType,
  type TypedArray,
} from "./tensor-type.ts";

/** One value; identity is the object. */
export interface Value {
  readonly type: TensorType;
  /** What the user called it, for printing. */
  readonly hint?: string;
  /** Its elements, where they follow from constants and sizes alone. */
  readonly known?: Known;
}

export interface NamedValue {
  readonly name: string;
  readonly value: Value;
}

export interface Constant {
  readonly name: string;
  readonly value: Value;
  readonly data: TypedArray;
  /** Where its elements are those of another constant in another form: they are made when they are asked for, and held by nobody. */
  readonly made?: Making;
}

/** How elements are made of those of another constant, all of which become elements. */
export interface Making {
  readonly of: Constant;
  readonly form: Form;
}

/** A mutable tensor: `value` is what a step reads, `next` what it leaves. */
export interface State {
  readonly name: string;
  readonly value: Value;
  readonly initial: TypedArray;
  next: Value;
}

/** The results of a node: one or more. */
export type Results = readonly [Value, ...Value[]];

/** One application of an operator, whose attributes are of type `A`; `isNodeOf` tells whose. */
export interface Node<A = unknown> {
  readonly operator: Operator<A>;
  readonly attributes: A;
  readonly inputs: readonly Value[];
  readonly outputs: Results;
  /** Of control flow: the graphs that it runs, which read nothing but their inputs. */
  readonly regions?: readonly Graph[];
  /** Where in the user's source it was called. */
  readonly place?: Place;
}

/** A value of each type, with what the user calls it where that is known. */
export const valuesOf = (
  [first, ...others]: ResultTypes,
  hints: readonly (string | undefined)[] = [],
  elements: readonly (Known | undefined)[] = [],
): Results => {
  const value = (type: TensorType, at: number): Value => {
    const [hint, known] = [hints[at], elements[at]];
    return { type, ...(hint === undefined ? {} : { hint }), ...(known ? { known } : {}) };
  };
  return [value(first, 0), ...others.map((type, at) => value(type, at + 1))];
};

/** What a node may have beside its operands. */
export interface NodeParts {
  readonly attributes?: unknown;
  readonly regions?: readonly Graph[] | undefined;
  /** What the user calls the results. */
  readonly hints?: readonly (string | undefined)[];
  readonly place?: Place | undefined;
}

/** A node that applies an operator: its attributes checked, its results of the types that the operator gives. Errors name its place. */
export function nodeOf(
  operator: Operator,
  inputs: readonly Value[],
  { attributes = {}, regions, hints, place }: NodeParts = {},
): Node {
  const facts = inputs.map(factOf);
  try {
    const parsed = operator.parse(attributes, facts);
    const types = operator.infer(facts, parsed, regions);
    return {
      operator,
      attributes: parsed,
      inputs,
      outputs: valuesOf(types, hints, knownResults(operator, parsed, facts, types)),
      ...(regions ? { regions } : {}),
      ...(place ? { place } : {}),
    };
  } catch (error) {
    throw place ? withPlace(error, place) : error;
  }
}

/** Whether a node applies an operator, and so has its attributes. */
export const isNodeOf = <A>(node: Node | undefined, operator: Operator<A>): node is Node<A> =>
  node?.operator === operator;

/** The node that computes each value of a graph. */
export const producersOf = ({ nodes }: { readonly nodes: readonly Node[] }): Map<Value, Node> =>
  new Map(nodes.flatMap((node) => node.outputs.map((value) => [value, node] as const)));

/** A graph whose regions are others, made of its own. */
export function mapRegions(graph: Graph, change: (region: Graph) => Graph): Graph {
  if (graph.nodes.every(({ regions }) => regions === undefined)) return graph;
  const nodes = graph.nodes.map((node) => (node.regions ? { ...node, regions: node.regions.map(change) } : node));
  return new Graph({ ...graph, nodes });
}

/** A graph and all regions inside of it. */
export const withRegions = (graph: Graph): Graph[] => [
  graph,
  ...graph.nodes.flatMap(({ regions = [] }) => regions.flatMap(withRegions)),
];

/** The node with the attributes of an operator, where it applies that. */
export const match = <A>(node: Node | undefined, operator: Operator<A>): Node<A> | undefined =>
  isNodeOf(node, operator) ? node : undefined;

/** A value that a graph reads and nothing in it defines: what reads it first, and where. */
export interface ForeignUse {
  readonly value: Value;
  readonly reader: { readonly kind: "operator" | "output" | "state"; readonly name: string };
  readonly place?: string;
}

/** The first use of a value that no input, constant, state or earlier node of a graph defines. */
export function foreignUse({ inputs, constants, states, nodes, outputs }: Graph): ForeignUse | undefined {
  const own = new Set<Value>([...inputs, ...constants, ...states].map(({ value }) => value));
  for (const { inputs: operands, operator, outputs: results, place } of nodes) {
    const value = operands.find((each) => !own.has(each));
    if (value) {
      const text = place?.text;
      const reader = { kind: "operator", name: operator.name } as const;
      return { value, reader, ...(text === undefined ? {} : { place: text }) };
    }
    for (const each of results) own.add(each);
  }
  const last = [
    ...outputs.map(({ name, value }) => ({ kind: "output", name, value }) as const),
    ...states.map(({ name, next }) => ({ kind: "state", name, value: next }) as const),
  ];
  const found = last.find(({ value }) => !own.has(value));
  return found && { value: found.value, reader: found };
}

/** What is said of a loop that would run more often than it may. */
export function faultOf({ operator, attributes, outputs }: Node): string {
  const { atMost } = attributes as { readonly atMost?: number };
  const names = outputs.flatMap(({ hint }) => (hint === undefined ? [] : [hint]));
  const over = names.length === 0 ? "" : ` over ${names.join(", ")}`;
  return `${operator.name}${over} would run more than ${atMost} times`;
}

/** The fault of a dimension that would have more elements than it may, unless another one is told. */
export const boundFault = (dimension: string, atMost: number, fault?: string | undefined): string =>
  fault ?? `dimension "${dimension}" would have more than ${atMost} elements, or less than none`;

/** The types of a graph's inputs or outputs, by name. */
export type Signature = { readonly [name: string]: TensorType };

const showNumber = (value: number | bigint | undefined): string => (Object.is(value, -0) ? "-0" : String(value));

/** The shortest decimal that reads back as the element; a float32 needs nine digits at most. */
function showElement(dtype: TensorType["dtype"], data: TypedArray): string {
  const [value] = data;
  if (!(data instanceof Float32Array) || value === undefined)
    return showNumber(value === undefined ? value : numberIn(dtype, value));
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(Number(value).toPrecision(digits));
    if (Object.is(Math.fround(short), value)) return showNumber(short);
  }
  return showNumber(Number(Number(value).toPrecision(9)));
}

function showAttribute(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(showAttribute).join(",")}]`;
  if (typeof value === "number") return showNumber(value);
  return typeof value === "object" && isDimension(value as Dimension)
    ? showDimension(value as Dimension)
    : String(value);
}

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

  /** Stable readable text; names are hints, or numbers in order of appearance. A note stands behind the node that it is about. */
  toString(note?: (node: Node) => string | undefined): string {
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
      if (isLiteral(each)) names.set(each.value, showElement(each.value.type.dtype, each.data));
      else name(each.value, `@${each.name}`);
    }
    for (const { value, name: given } of this.states) name(value, `$${given}`);
    for (const [at, { outputs }] of this.nodes.entries())
      for (const output of outputs) name(output, `%${output.hint ?? at}`);
    const show = (value: Value) => names.get(value) ?? "%?";
    const list = (values: readonly NamedValue[]) =>
      values.map((each) => `${each.name}: ${showTensorType(each.value.type)}`).join(", ");
    const lines = this.nodes.map((node) => {
      const attributes = Object.entries(node.attributes as object).map(
        ([key, value]) => `${key}=${showAttribute(value)}`,
      );
      const operands = [...node.inputs.map(show), ...attributes].join(", ");
      const noted = note?.(node);
      return {
        left: `  ${node.outputs.map(show).join(", ")} = ${node.operator.name}(${operands})`,
        right: `: ${node.outputs.map(({ type }) => showTensorType(type)).join(", ")}${noted === undefined ? "" : `  // ${noted}`}`,
        regions: (node.regions ?? []).flatMap((each) => each.toString(note).split("\n")).map((line) => `    ${line}`),
      };
    });
    // A line of very many operands does not push the types of all others to its right.
    const width = lines.reduce((most, { left }) => Math.max(most, left.length <= widest ? left.length : 0), 0) + 1;
    return [
      `graph ${this.name}(${list(this.inputs)}) -> (${list(this.outputs)})`,
      ...this.constants
        .filter((each) => !isLiteral(each))
        .map(({ value }) => `  const ${show(value)} : ${showTensorType(value.type)}`),
      ...this.states.map(({ value }) => `  state ${show(value)} : ${showTensorType(value.type)}`),
      ...lines.flatMap(({ left, right, regions }) => [`${left.padEnd(width)}${right}`, ...regions]),
      ...this.states.map((state) => `  ${show(state.value)} := ${show(state.next)}`),
      `  return ${this.outputs.map((each) => `${each.name}=${show(each.value)}`).join(", ")}`,
    ].join("\n");
  }

  /**
   * Checks that every value is defined before it is used, once, and has the type its operator gives, and that no two outputs have
   * one name. Throws `graph/invalid`.
   */
  verify(): void {
    const names = this.outputs.map(({ name }) => name);
    const doubled = names.find((name, at) => names.indexOf(name) < at);
    if (doubled !== undefined) invalid(this, `there are two outputs named "${doubled}"`);
    verifyValues(this);
  }
}

function invalid(graph: Graph, what: string, at?: Place): never {
  const place = at?.text;
  throw new IsochronError("graph/invalid", `graph "${graph.name}": ${what}`, {
    details: graph.toString().split("\n"),
    ...(place === undefined ? {} : { place }),
  });
}

function verifyValues(graph: Graph): void {
  const defined = new Set<Value>();
  const fail = (what: string, at?: Place): never => invalid(graph, what, at);
  const define = (value: Value, what: string) => {
    if (defined.has(value)) fail(`${what} is defined twice`);
    defined.add(value);
  };
  for (const each of graph.inputs) define(each.value, `input ${each.name}`);
  for (const each of graph.constants) {
    define(each.value, `constant ${each.name}`);
    if (!each.made && each.data.byteLength !== byteLength(each.value.type))
      fail(`constant ${each.name} holds ${each.data.byteLength} bytes`);
  }
  for (const each of graph.states) define(each.value, `state ${each.name}`);
  for (const node of graph.nodes) {
    if (node.inputs.some((value) => !defined.has(value)))
      fail(`${node.operator.name} uses a value before its definition`, node.place);
    for (const region of node.regions ?? []) {
      if (region.states.length > 0) fail(`region ${region.name} of ${node.operator.name} has states`, node.place);
      verifyValues(region);
    }
    const types = node.operator.infer(node.inputs.map(factOf), node.attributes, node.regions);
    if (types.length !== node.outputs.length)
      fail(`${node.operator.name} gives ${types.length} results, not ${node.outputs.length}`, node.place);
    types.forEach((type, at) => {
      const output = node.outputs[at]!;
      const found = output.type;
      if (!sameType(type, found))
        fail(`${node.operator.name} gives ${showTensorType(type)}, not ${showTensorType(found)}`, node.place);
      define(output, `the result of ${node.operator.name}`);
    });
  }
  for (const { name, value } of graph.outputs) if (!defined.has(value)) fail(`output ${name} is not defined`);
  for (const { name, value, next } of graph.states) {
    if (!defined.has(next)) fail(`the next value of state ${name} is not defined`);
    if (!sameType(next.type, value.type)) {
      fail(`state ${name} is ${showTensorType(value.type)}, its next value ${showTensorType(next.type)}`);
    }
  }
}
