// The graph interpreter: what every graph means, operator by operator, in plain TypeScript.
import { z } from "zod";
import { checkArgument, generators, IsochronError } from "../../kernels/index.ts";
import { type BoundedDimension, type Dimension, isBounded, largestSize } from "../graph/dimension.ts";
import { boundFault, faultOf, Graph, match, type Node, type Signature, type Value } from "../graph/graph.ts";
import {
  type ArrayOf,
  arrayName,
  countOf,
  newArray,
  sameShape,
  showTensorType,
  sizeOf,
  staticShape,
  type TensorType,
  type TypedArray,
  withOneNaN,
} from "../graph/tensor-type.ts";
import { controlOperators, type Nd } from "../operators/index.ts";
import { copyBox } from "../operators/indexing.ts";

/** A typed array for each tensor of a signature, by its name. */
export type ArraysOf<S extends Signature> = { readonly [K in keyof S]: ArrayOf<S[K]["dtype"]> };

const nd = (type: TensorType, data: TypedArray): Nd => ({ dtype: type.dtype, shape: staticShape(type.shape), data });

/** How many elements each bounded dimension has, by its name. */
type Counts = Map<string, number>;

/** Computes the values of a graph's nodes from those of its inputs and states, which `values` holds, and adds them there. */
export function evaluate(graph: Pick<Graph, "constants" | "nodes">, values: Map<Value, Nd>): void {
  const counts: Counts = new Map();
  for (const { value, data } of graph.constants) values.set(value, nd(value.type, data));
  for (const node of graph.nodes) {
    const operands = node.inputs.map((value) => values.get(value)!);
    const results = node.regions ? runControl(node, operands) : evaluateNode(node, operands, counts);
    node.outputs.forEach((value, at) => void values.set(value, results[at]!));
  }
}

/** The size that a dimension has now. */
function sizeNow(size: Dimension, counts: Counts): number {
  if (!isBounded(size)) return sizeOf(size);
  return size.parts?.reduce<number>((sum, part) => sum + sizeNow(part, counts), 0) ?? counts.get(size.name)!;
}

function zeroed({ type: { dtype, shape } }: Value, counts: Counts = new Map()): Nd {
  const now = shape.map((size) => sizeNow(size, counts));
  return { dtype, shape: now, data: newArray(dtype, countOf(now)) };
}

function evaluateNode(node: Node, operands: readonly Nd[], counts: Counts): Nd[] {
  const { operator, attributes, outputs } = node;
  const made = operator.count?.(operands, attributes);
  if (made !== undefined) {
    const { dimension } = attributes as { readonly dimension: BoundedDimension };
    const { name, max } = dimension;
    if (made < 0 || made > max) throw new IsochronError("program/fault", boundFault(name, max));
    counts.set(name, made);
  }
  const [result, ...rest] = outputs.map((value) => zeroed(value, counts)) as [Nd, ...Nd[]];
  operator.evaluate(operands, attributes, result, ...rest);
  return [result, ...rest];
}

/** The elements at the largest shape of a type, zeros behind what there is. */
function atMaximum({ dtype, shape }: TensorType, { shape: now, data }: Nd): TypedArray {
  const whole = staticShape(shape.map(largestSize));
  if (sameShape(whole, now)) return data;
  const all = newArray(dtype, countOf(whole));
  copyBox(now, { data }, { data: all, strides: generators.rowMajor(whole) });
  return all;
}

/** What a region gives on these inputs. */
function runRegion(region: Graph, inputs: readonly Nd[]): Nd[] {
  const values = new Map(region.inputs.map(({ value }, at) => [value, inputs[at]!]));
  evaluate(region, values);
  return region.outputs.map(({ value }) => values.get(value)!);
}

/** The results of control flow. Throws `program/fault` for a loop that would run more often than it may. */
function runControl(node: Node, operands: readonly Nd[]): readonly Nd[] {
  const { cond, forLoop, limit, scan, whileLoop } = controlOperators;
  const limited = match(node, limit);
  if (limited) {
    const { atMost, dimension, fault } = limited.attributes;
    const count = Number(operands[0]!.data[0]);
    if (count < 0 || count > atMost) throw new IsochronError("program/fault", boundFault(dimension, atMost, fault));
    return operands;
  }
  const [first, second] = node.regions as readonly [Graph, Graph];
  const isTrue = ({ data }: Nd): boolean => Number(data[0]) !== 0;
  if (match(node, cond)) return runRegion(isTrue(operands[0]!) ? first : second, operands.slice(1));
  const repeated = match(node, whileLoop);
  if (repeated) {
    let carried = operands;
    for (let count = 0; isTrue(runRegion(first, carried)[0]!); count++) {
      if (count === repeated.attributes.atMost) throw new IsochronError("program/fault", faultOf(node));
      carried = runRegion(second, carried);
    }
    return carried;
  }
  const counted = match(node, forLoop);
  if (counted) {
    const [count, ...initial] = operands as readonly [Nd, ...Nd[]];
    const times = Number(count.data[0]);
    if (times > counted.attributes.atMost) throw new IsochronError("program/fault", faultOf(node));
    let carried: readonly Nd[] = initial;
    for (let at = 0; at < times; at++)
      carried = runRegion(first, [{ dtype: "i64", shape: [], data: BigInt64Array.of(BigInt(at)) }, ...carried]);
    return carried;
  }
  const scanned = match(node, scan);
  if (!scanned) throw new IsochronError("graph/invalid", `${node.operator.name} has regions`);
  const count = scanned.attributes.carried;
  const sequences = operands.slice(count);
  let carried = operands.slice(0, count);
  const stacked = node.outputs.slice(count).map((value) => zeroed(value));
  for (let at = 0; at < sequences[0]!.shape[0]!; at++) {
    const results = runRegion(first, [...carried, ...sequences.map((each) => elementOf(each, at))]);
    carried = results.slice(0, count);
    stacked.forEach(
      (whole, k) => void (elementOf(whole, at).data as Uint8Array).set(results[count + k]!.data as Uint8Array),
    );
  }
  return [...carried, ...stacked];
}

/** One of the tensors that lie one after the other in a tensor. */
function elementOf({ dtype, shape: [, ...shape], data }: Nd, at: number): Nd {
  const count = countOf(shape);
  return { dtype, shape, data: data.subarray(at * count, (at + 1) * count) };
}

/** Interprets one graph, its states kept from step to step. */
export class Interpreter<I extends Signature, O extends Signature> {
  readonly graph: Graph<I, O>;
  #states: TypedArray[];

  constructor(graph: Graph<I, O>) {
    checkArgument(
      "interpreter",
      "new Interpreter",
      "graph",
      z.instanceof(Graph).describe("a graph, which trace() makes"),
      graph,
    );
    this.graph = graph;
    this.#states = graph.states.map((each) => each.initial.slice());
  }

  /** One step; what it gives shares no memory with what it was given. Throws `interpreter/input` for an array that does not fit its input. */
  run(inputs: ArraysOf<I>): ArraysOf<O> {
    const { graph } = this;
    if (typeof inputs !== "object" || inputs === null || Array.isArray(inputs)) {
      const names = graph.inputs.map(({ name }) => name);
      checkArgument("interpreter", "run", "inputs", z.never().describe(`arrays: { ${names.join(", ")} }`), inputs);
    }
    const values = new Map<Value, Nd>();
    for (const { name, value } of graph.inputs) {
      const given = inputs[name];
      const wanted = arrayName(value.type.dtype);
      if (given?.length !== countOf(staticShape(value.type.shape)) || given.constructor.name !== wanted) {
        throw new IsochronError(
          "interpreter/input",
          `input "${name}" is ${showTensorType(value.type)}, and got ${given ? `${given.constructor.name} of ${given.length}` : "no"} elements`,
          { help: `give it a ${wanted} of ${countOf(staticShape(value.type.shape))}` },
        );
      }
      values.set(value, nd(value.type, given));
    }
    graph.states.forEach(({ value }, at) => {
      values.set(value, nd(value.type, this.#states[at]!));
    });
    evaluate(graph, values);
    const left = (value: Value): TypedArray =>
      withOneNaN(value.type.dtype, atMaximum(value.type, values.get(value)!).slice());
    this.#states = graph.states.map(({ next }) => left(next));
    return Object.fromEntries(graph.outputs.map(({ name, value }) => [name, left(value)])) as unknown as ArraysOf<O>;
  }

  /** Back to the initial states. */
  reset(): void {
    this.#states = this.graph.states.map((each) => each.initial.slice());
  }
}
