// The graph of a method in an artifact: decluttered, complete enough to be compiled again.
import { z } from "zod";
import { dtypes, IsochronError } from "../kernels/index.ts";
import { type Constant, Graph, type Node, type State, type Value } from "./graph.ts";
import { controlOperators, type Operator, operators } from "./operators/index.ts";
import { byteLength, countOf, newArray, staticShape, type TensorType, type TypedArray } from "./tensor-type.ts";
import type { Weights } from "./weights.ts";

const index = z.int().min(0);
/** A number that JSON may not hold is text: "NaN", "-0", "Infinity", and integers of 64 bits. */
const element = z.union([z.number(), z.string()]);
const typeRow = z.strictObject({ dtype: z.enum(dtypes), shape: z.array(index) });
const namedRow = typeRow.extend({ name: z.string() });
const constantRow = z.union([namedRow.extend({ all: element }), namedRow.extend({ offset: index })]);

const results = typeRow.extend({ hint: z.string().optional() });

/** A graph without states. Values are numbered: inputs, then constants, then states, then the results of nodes. */
const regionSchema = z.strictObject({
  name: z.string(),
  inputs: z.array(namedRow),
  constants: z.array(constantRow),
  /** A node's row is that of its first result. */
  nodes: z.array(
    results.extend({
      operator: z.string(),
      attributes: z.record(z.string(), z.unknown()),
      inputs: z.array(index),
      others: z.array(results).optional(),
      get regions(): z.ZodOptional<z.ZodArray<typeof regionSchema>> {
        return z.array(regionSchema).optional();
      },
    }),
  ),
  outputs: z.array(z.strictObject({ name: z.string(), value: index })),
});
type Region = z.infer<typeof regionSchema>;

const graphSchema = regionSchema.extend({
  /** Which names the operators have: those of today, or where there is no number, the former ones. */
  names: z.literal(2).optional(),
  text: z.string(),
  states: z.array(namedRow.extend({ offset: index, next: index })),
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

/** A value with the type and the name of a row. */
const resultRow = ({ type, hint }: Value) => ({ ...rowOf(type), ...(hint === undefined ? {} : { hint }) });

/** The text of a graph's file; places in the user's source are left out, so that it is the same on every machine. */
export function writeGraph(graph: Graph, weights: Weights): string {
  const { numberOf, name, inputs, constants, nodes, outputs } = partsOf(graph, weights);
  const states = graph.states.map((state) => ({
    ...rowOf(state.value.type),
    name: state.name,
    offset: weights.initialOf(state),
    next: numberOf(state.next),
  }));
  return JSON.stringify({ names: 2, name, text: graph.toString(), inputs, constants, states, nodes, outputs }, encode);
}

/** The rows of a graph, and the numbers of its values. */
function partsOf(graph: Graph, weights: Weights) {
  const numbers = new Map<Value, number>();
  const define = (value: Value) => numbers.set(value, numbers.size);
  for (const { value } of [...graph.inputs, ...graph.constants, ...graph.states]) define(value);
  for (const { outputs } of graph.nodes) outputs.forEach(define);
  const numberOf = (value: Value): number => numbers.get(value)!;
  return {
    numberOf,
    name: graph.name,
    inputs: graph.inputs.map(({ name, value }) => ({ ...rowOf(value.type), name })),
    constants: graph.constants.map((each) => {
      const offset = weights.offsetOf(each);
      const head = { ...rowOf(each.value.type), name: each.name };
      return offset === undefined ? { ...head, all: each.data[0] } : { ...head, offset };
    }),
    nodes: graph.nodes.map(({ operator, attributes, inputs, outputs: [first, ...others], regions }): object => ({
      ...rowOf(first.type),
      operator: operator.name,
      attributes,
      inputs: inputs.map(numberOf),
      ...(first.hint === undefined ? {} : { hint: first.hint }),
      ...(others.length === 0 ? {} : { others: others.map(resultRow) }),
      ...(regions === undefined ? {} : { regions: regions.map((each) => regionOf(each, weights)) }),
    })),
    outputs: graph.outputs.map(({ name, value }) => ({ name, value: numberOf(value) })),
  };
}

function regionOf(graph: Graph, weights: Weights): object {
  const { numberOf: _, ...rows } = partsOf(graph, weights);
  return rows;
}

const broken = (why: string, cause?: unknown): IsochronError =>
  new IsochronError("artifact/graph", `a graph of the artifact is not a graph: ${why}`, {
    help: "build the artifact again with this version",
    ...(cause === undefined ? {} : { cause }),
  });

/** The graph of a file's text, its data read from the weights. Throws `artifact/graph`. */
export function parseGraph(text: string, weights: Uint8Array): Graph {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw broken(cause instanceof Error ? cause.message : String(cause), cause);
  }
  const parsed = graphSchema.safeParse(json);
  if (!parsed.success) throw broken(z.prettifyError(parsed.error));
  const { data } = parsed;
  const graph = graphFrom(data, data.states, weights, data.names === undefined);
  graph.verify();
  return graph;
}

const typeOf = ({ dtype, shape }: TensorType): TensorType => ({ dtype, shape });

const known = new Map<string, Operator>(Object.entries({ ...operators, ...controlOperators }));

/** What operators were called in graphs that do not say which names they use. */
const formerNames = new Map([
  ["gather", "indexSelect"],
  ["takeAlong", "gather"],
  ["transpose", "permute"],
  ["scatter", "indexPut"],
  // It gave positions alone.
  ["topK", "argtopk"],
]);

/** An operator by its name. Throws `artifact/graph`. */
function operatorOf(wanted: string, former: boolean): Operator {
  const found = known.get((former ? formerNames.get(wanted) : undefined) ?? wanted);
  if (!found) throw broken(`it has an operator "${wanted}" that this version does not know`);
  return found;
}

function graphFrom(
  { name, inputs, constants, nodes, outputs }: Region,
  states: z.infer<typeof graphSchema>["states"],
  weights: Uint8Array,
  former: boolean,
): Graph {
  const values: Value[] = [];
  const at = (number: number): Value => {
    const value = values[number];
    if (!value) throw broken(`value ${number} is used before it is defined`);
    return value;
  };
  const define = (type: TensorType, hint?: string): Value => {
    const value: Value = { type: typeOf(type), ...(hint === undefined ? {} : { hint }) };
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
  const namedInputs = inputs.map((row) => ({ name: row.name, value: define(row, row.name) }));
  const readConstants = constants.map((row): Constant => {
    const value = define(row);
    if ("offset" in row) return { name: row.name, value, data: dataAt(row, row.offset) };
    const data = newArray(row.dtype, countOf(row.shape));
    if (data instanceof BigInt64Array || data instanceof BigUint64Array) data.fill(BigInt(row.all));
    else data.fill(Number(row.all));
    return { name: row.name, value, data };
  });
  const stateValues = states.map((row) => define(row, row.name));
  const readNodes = nodes.map((row): Node => {
    const operator = operatorOf(row.operator, former);
    const operands = row.inputs.map(at);
    const attributes = operator.parse(
      JSON.parse(JSON.stringify(row.attributes), decode),
      operands.map(({ type }) => type),
    );
    const regions = row.regions?.map((each) => graphFrom(each, [], weights, former));
    const first = define(row, row.hint);
    const others = (row.others ?? []).map((each) => define(each, each.hint));
    return { operator, attributes, inputs: operands, outputs: [first, ...others], ...(regions ? { regions } : {}) };
  });
  return new Graph({
    name,
    inputs: namedInputs,
    constants: readConstants,
    states: states.map(
      (row, s): State => ({
        name: row.name,
        value: stateValues[s]!,
        initial: dataAt(row, row.offset),
        next: at(row.next),
      }),
    ),
    nodes: readNodes,
    outputs: outputs.map((row) => ({ name: row.name, value: at(row.value) })),
  });
}
