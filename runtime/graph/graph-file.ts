// The graph of a method in an artifact: decluttered, laid out for no machine, complete enough to be compiled again.
import { z } from "zod";
import { dtypes, hashOf, IsochronError } from "../../kernels/index.ts";
import { controlOperators, type Operator, operators } from "../operators/index.ts";
import { formedShape, sourceCount } from "./forms.ts";
import { type Constant, Graph, type Node, type State, type Value } from "./graph.ts";
import { type Step, stepSchema, throughSteps } from "./restored.ts";
import {
  byteLength,
  bytesIn,
  countOf,
  newArray,
  staticShape,
  type TensorType,
  type TypedArray,
} from "./tensor-type.ts";
import type { Kept } from "./weights.ts";

/** The file of an artifact that holds what graphs have beside the weights. */
export const keptFile = "graphs/constants.bin";

/** The entries of an artifact. */
type Entries = { readonly [name: string]: Uint8Array };

const index = z.int().min(0);
/** A number that JSON may not hold is text: "NaN", "-0", "Infinity", and integers of 64 bits. */
const element = z.union([z.number(), z.string()]);
const typeRow = z.strictObject({ dtype: z.enum(dtypes), shape: z.array(index) });
const namedRow = typeRow.extend({ name: z.string() });
/** A constant of equal elements, one among the weights, as it is or in another form, or one of the file that the graph names. */
const constantRow = z.union([
  namedRow.extend({ all: element }),
  namedRow.extend({ offset: index, steps: z.array(stepSchema).min(1).optional() }),
  namedRow.extend({ kept: index }),
]);

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
  /** The file of what constants have beside the weights, where code reads them in forms that do not tell them. */
  constantsFile: z.strictObject({ file: z.string(), blake3: z.string() }).optional(),
  states: z.array(namedRow.extend({ offset: index, next: index })),
});

const needsText = (value: unknown): boolean =>
  typeof value === "bigint" || (typeof value === "number" && (!Number.isFinite(value) || Object.is(value, -0)));
const encode = (_: string, value: unknown): unknown =>
  needsText(value) ? (Object.is(value, -0) ? "-0" : String(value)) : value;
const numberText = /^(NaN|-?Infinity|-0)$/;
const decode = (_: string, value: unknown): unknown =>
  typeof value === "string" && numberText.test(value) ? Number(value) : value;

const rowOf = ({ dtype, shape }: TensorType) => ({ dtype, shape: staticShape(shape) });

/** A value with the type and the name of a row. */
const resultRow = ({ type, hint }: Value) => ({ ...rowOf(type), ...(hint === undefined ? {} : { hint }) });

/** The text of a graph's file, which says the hash of what is kept beside the weights; places in the user's source are left out, so that it is the same on every machine. */
export function writeGraph(graph: Graph, kept: Kept, keptHash: string): string {
  const { numberOf, name, inputs, constants, nodes, outputs } = partsOf(graph, kept);
  const states = graph.states.map((state) => ({
    ...rowOf(state.value.type),
    name: state.name,
    offset: kept.weights.initialOf(state),
    next: numberOf(state.next),
  }));
  const constantsFile = kept.size === 0 ? {} : { constantsFile: { file: keptFile, blake3: keptHash } };
  const head = { names: 2, name, text: graph.toString(), ...constantsFile };
  return JSON.stringify({ ...head, inputs, constants, states, nodes, outputs }, encode);
}

/** The rows of a graph, and the numbers of its values. */
function partsOf(graph: Graph, kept: Kept) {
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
      const head = { ...rowOf(each.value.type), name: each.name };
      return { ...head, ...(kept.placeOf(each) ?? { all: each.data[0] }) };
    }),
    nodes: graph.nodes.map(({ operator, attributes, inputs, outputs: [first, ...others], regions }): object => ({
      ...rowOf(first.type),
      operator: operator.name,
      attributes,
      inputs: inputs.map(numberOf),
      ...(first.hint === undefined ? {} : { hint: first.hint }),
      ...(others.length === 0 ? {} : { others: others.map(resultRow) }),
      ...(regions === undefined ? {} : { regions: regions.map((each) => regionOf(each, kept)) }),
    })),
    outputs: graph.outputs.map(({ name, value }) => ({ name, value: numberOf(value) })),
  };
}

function regionOf(graph: Graph, kept: Kept): object {
  const { numberOf: _, ...rows } = partsOf(graph, kept);
  return rows;
}

const broken = (why: string, cause?: unknown): IsochronError =>
  new IsochronError("artifact/graph", `a graph of the artifact is not a graph: ${why}`, {
    help: "build the artifact again with this version",
    ...(cause === undefined ? {} : { cause }),
  });

/** The bytes that a graph's constants are read from. */
interface Data {
  readonly weights: Uint8Array;
  readonly kept: Uint8Array;
}

/** The graph of a file's text, its data read from the weights and from the file that it names. Throws `artifact/graph`. */
export function parseGraph(text: string, { "weights.bin": weights, ...files }: Entries): Graph {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw broken(cause instanceof Error ? cause.message : String(cause), cause);
  }
  const parsed = graphSchema.safeParse(json);
  if (!parsed.success) throw broken(z.prettifyError(parsed.error));
  const { data } = parsed;
  const { constantsFile: named } = data;
  const kept = named ? files[named.file] : new Uint8Array();
  if (!weights || !kept) throw broken("its constants are missing");
  if (named && hashOf(kept) !== named.blake3) throw broken(`${named.file} is not what was written`);
  try {
    const graph = graphFrom(data, data.states, { weights, kept }, data.names === undefined);
    graph.verify();
    return graph;
  } catch (cause) {
    // A number that is none, an attribute that an operator does not take, a value that is not defined.
    if (cause instanceof IsochronError && cause.code === "artifact/graph") throw cause;
    throw broken(cause instanceof Error ? cause.message : String(cause), cause);
  }
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
  from: Data,
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
  const dataAt = (type: TensorType, offset: number, block: Uint8Array): TypedArray => {
    const bytes = byteLength(type);
    if (offset + bytes > block.length) throw broken(`its data ends before byte ${offset + bytes}`);
    const data = newArray(type.dtype, countOf(staticShape(type.shape)));
    bytesIn(data).set(block.subarray(offset, offset + bytes));
    return data;
  };
  const amongWeights = (
    row: TensorType & { readonly offset: number; readonly steps?: readonly Step[] | undefined },
  ) => {
    const { dtype, shape, offset, steps = [] } = row;
    let count = countOf(staticShape(shape));
    for (const { form } of steps.toReversed()) {
      if (sourceCount(form) !== count) throw broken(`a form is of ${sourceCount(form)} elements, not ${count}`);
      count = countOf(formedShape(form));
    }
    const first = { dtype, shape: [count] };
    return throughSteps(dataAt(first, offset, from.weights), dtype, steps, from.kept);
  };
  const namedInputs = inputs.map((row) => ({ name: row.name, value: define(row, row.name) }));
  const readConstants = constants.map((row): Constant => {
    const value = define(row);
    if ("offset" in row) return { name: row.name, value, data: amongWeights(row) };
    if ("kept" in row) return { name: row.name, value, data: dataAt(row, row.kept, from.kept) };
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
    const regions = row.regions?.map((each) => graphFrom(each, [], from, former));
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
        initial: dataAt(row, row.offset, from.weights),
        next: at(row.next),
      }),
    ),
    nodes: readNodes,
    outputs: outputs.map((row) => ({ name: row.name, value: at(row.value) })),
  });
}
