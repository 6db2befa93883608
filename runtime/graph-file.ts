// `graph.json` of an artifact: the decluttered graph, complete enough to be compiled again.
import { z } from "zod";
import { dtypes, IsochronError } from "../kernels/index.ts";
import { type Constant, Graph, type Node, type State, type Value } from "./graph.ts";
import { type Operator, operators } from "./operators/index.ts";
import { byteLength, countOf, newArray, staticShape, type TensorType, type TypedArray } from "./tensor-type.ts";
import type { Weights } from "./weights.ts";

const index = z.int().min(0);
/** A number that JSON may not hold is text: "NaN", "-0", "Infinity", and integers of 64 bits. */
const element = z.union([z.number(), z.string()]);
const typeRow = z.strictObject({ dtype: z.enum(dtypes), shape: z.array(index) });
const namedRow = typeRow.extend({ name: z.string() });
const constantRow = z.union([namedRow.extend({ all: element }), namedRow.extend({ offset: index })]);

/** Values are numbered: inputs, then constants, then states, then the results of nodes. */
const graphSchema = z.strictObject({
  name: z.string(),
  text: z.string(),
  inputs: z.array(namedRow),
  constants: z.array(constantRow),
  states: z.array(namedRow.extend({ offset: index, next: index })),
  nodes: z.array(
    typeRow.extend({
      operator: z.string(),
      attributes: z.record(z.string(), z.unknown()),
      inputs: z.array(index),
      hint: z.string().optional(),
    }),
  ),
  outputs: z.array(z.strictObject({ name: z.string(), value: index })),
});

const needsText = (value: unknown): boolean =>
  typeof value === "bigint" || (typeof value === "number" && (!Number.isFinite(value) || Object.is(value, -0)));
const encode = (_: string, value: unknown): unknown =>
  needsText(value) ? (Object.is(value, -0) ? "-0" : String(value)) : value;
const numberText = /^(NaN|-?Infinity|-0)$/;
const decode = (_: string, value: unknown): unknown =>
  typeof value === "string" && numberText.test(value) ? Number(value) : value;

const bytesOfArray = (data: TypedArray): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

const rowOf = ({ dtype, shape }: TensorType) => ({ dtype, shape: staticShape(shape) });

/** The text of `graph.json`; places in the user's source are left out, so that it is the same on every machine. */
export function writeGraph(graph: Graph, weights: Weights): string {
  const numbers = new Map<Value, number>();
  const define = (value: Value) => numbers.set(value, numbers.size);
  for (const { value } of [...graph.inputs, ...graph.constants, ...graph.states]) define(value);
  for (const { output } of graph.nodes) define(output);
  const numberOf = (value: Value): number => numbers.get(value)!;
  const file = {
    name: graph.name,
    text: graph.toString(),
    inputs: graph.inputs.map(({ name, value }) => ({ ...rowOf(value.type), name })),
    constants: graph.constants.map((each) => {
      const offset = weights.offsetOf(each);
      const head = { ...rowOf(each.value.type), name: each.name };
      return offset === undefined ? { ...head, all: each.data[0] } : { ...head, offset };
    }),
    states: graph.states.map(({ name, value, next }, at) => ({
      ...rowOf(value.type),
      name,
      offset: weights.states[at],
      next: numberOf(next),
    })),
    nodes: graph.nodes.map(({ operator, attributes, inputs, output }) => ({
      ...rowOf(output.type),
      operator: operator.name,
      attributes,
      inputs: inputs.map(numberOf),
      ...(output.hint === undefined ? {} : { hint: output.hint }),
    })),
    outputs: graph.outputs.map(({ name, value }) => ({ name, value: numberOf(value) })),
  };
  return JSON.stringify(file, encode);
}

const broken = (why: string, cause?: unknown): IsochronError =>
  new IsochronError("artifact/graph", `graph.json of the artifact is not a graph: ${why}`, {
    help: "build the artifact again with this version",
    ...(cause === undefined ? {} : { cause }),
  });

/** The graph of `graph.json`, its data read from the weights. Throws `artifact/graph`. */
export function parseGraph(text: string, weights: Uint8Array): Graph {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw broken(cause instanceof Error ? cause.message : String(cause), cause);
  }
  const parsed = graphSchema.safeParse(json);
  if (!parsed.success) throw broken(z.prettifyError(parsed.error));
  const { name, inputs, constants, states, nodes, outputs } = parsed.data;
  const values: Value[] = [];
  const at = (number: number): Value => {
    const value = values[number];
    if (!value) throw broken(`value ${number} is used before it is defined`);
    return value;
  };
  const define = (type: TensorType, hint?: string): Value => {
    const value: Value = { type, ...(hint === undefined ? {} : { hint }) };
    values.push(value);
    return value;
  };
  const dataAt = (type: TensorType, offset: number): TypedArray => {
    const bytes = byteLength(type);
    if (offset + bytes > weights.length) throw broken(`the weights end before byte ${offset + bytes}`);
    const data = newArray(type.dtype, countOf(staticShape(type.shape)));
    bytesOfArray(data).set(weights.subarray(offset, offset + bytes));
    return data;
  };
  const known = new Map<string, Operator>(Object.entries(operators));
  const operatorOf = (wanted: string): Operator => {
    const found = known.get(wanted);
    if (!found) throw broken(`it has an operator "${wanted}" that this version does not know`);
    return found;
  };
  const typeOf = ({ dtype, shape }: TensorType): TensorType => ({ dtype, shape });

  const namedInputs = inputs.map((row) => ({ name: row.name, value: define(typeOf(row), row.name) }));
  const readConstants = constants.map((row): Constant => {
    const type = typeOf(row);
    const value = define(type);
    if ("offset" in row) return { name: row.name, value, data: dataAt(type, row.offset) };
    const data = newArray(type.dtype, countOf(staticShape(type.shape)));
    if (data instanceof BigInt64Array || data instanceof BigUint64Array) data.fill(BigInt(row.all));
    else data.fill(Number(row.all));
    return { name: row.name, value, data };
  });
  const stateValues = states.map((row) => define(typeOf(row), row.name));
  const readNodes = nodes.map((row): Node => {
    const operator = operatorOf(row.operator);
    const operands = row.inputs.map(at);
    const attributes = operator.parse(
      JSON.parse(JSON.stringify(row.attributes), decode),
      operands.map(({ type }) => type),
    );
    return { operator, attributes, inputs: operands, output: define(typeOf(row), row.hint) };
  });
  const graph = new Graph({
    name,
    inputs: namedInputs,
    constants: readConstants,
    states: states.map(
      (row, s): State => ({
        name: row.name,
        value: stateValues[s]!,
        initial: dataAt(typeOf(row), row.offset),
        next: at(row.next),
      }),
    ),
    nodes: readNodes,
    outputs: outputs.map((row) => ({ name: row.name, value: at(row.value) })),
  });
  graph.verify();
  return graph;
}
