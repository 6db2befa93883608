// Runs single nodes on values: as graphs that are made for the types of their operands, and kept.
import { isTensor } from "../../../capture/methods/symbolic.ts";
import { constant, type Tensor } from "../../../capture/tensor.ts";
import { trace } from "../../../capture/trace.ts";
import type { Graph, Value } from "../../../graph/graph.ts";
import { staticShape, type TensorType, type TypedArray, tensorType, withOneNaN } from "../../../graph/tensor-type.ts";
import { evaluate } from "../../../interpreters/interpreter.ts";
import type { Nd } from "../../../operators/index.ts";
import { constantOf } from "../call.ts";
import type { ModelProto, NodeProto } from "../format/onnx_pb.ts";
import { type BuildOptions, GraphBuilder, operandName } from "../graph-builder.ts";
import { RunTimeOperand } from "../import-error.ts";
import { type Imported, Optional, Sequence, Strings } from "../imported.ts";
import { requireResults } from "../limits.ts";
import { Scope } from "../scope.ts";
import { isTensorValue, isTextValue, kindOfValue, type ModelValue, type TensorValue } from "./value.ts";

type Operands = readonly (ModelValue | undefined)[];
type Results = (ModelValue | undefined)[];

/** The tensors of numbers that a value is, by name. */
function tensorsOf(name: string, value: ModelValue | undefined): (readonly [string, TensorValue])[] {
  if (value === undefined || value === null || isTextValue(value)) return [];
  if (isTensorValue(value)) return [[name, value]];
  return (value as readonly ModelValue[]).flatMap((each, at) => tensorsOf(`${name}.${at}`, each));
}

/** The types of all tensors of a value, its structure, and all of its texts. */
const keyOf = (value: ModelValue | undefined): unknown => {
  if (value === undefined) return "";
  if (value === null) return null;
  if (isTextValue(value)) return [value.shape, value.data];
  return isTensorValue(value) ? kindOfValue(value) : { list: (value as readonly ModelValue[]).map(keyOf) };
};

/** What an operand is while the graph is built: an input of it, or where it is known a constant. */
function importedOperand(
  name: string,
  value: ModelValue,
  inputs: { readonly [name: string]: Tensor },
  isKnown: boolean,
): Imported {
  if (value === null) return new Optional();
  if (isTextValue(value)) return new Strings(value.shape, value.data);
  if (isTensorValue(value)) return isKnown ? constantOf(value) : inputs[name]!;
  const elements = value as readonly ModelValue[];
  return new Sequence(elements.map((each, at) => importedOperand(`${name}.${at}`, each, inputs, isKnown)));
}

/** How a result is made of the tensors that a graph gives, which are added to `outputs`. */
function assembled(
  name: string,
  result: Imported | undefined,
  outputs: Map<string, Tensor>,
): (of: (name: string) => TensorValue) => ModelValue | undefined {
  if (result === undefined) return () => undefined;
  if (result instanceof Strings) return () => ({ shape: result.shape, data: result.data });
  if (result instanceof Optional)
    return result.value === undefined ? () => null : assembled(name, result.value, outputs);
  if (result instanceof Sequence) {
    const parts = result.elements.map((each, at) => assembled(`${name}.${at}`, each, outputs));
    return (of) => parts.map((each) => each(of) ?? null);
  }
  if (isTensor(result)) outputs.set(name, result);
  return (of) => of(name);
}

/** A graph of one node, for operands of some types. */
class NodeGraph {
  readonly #graph: Graph;
  readonly #assemble: ((of: (name: string) => TensorValue) => ModelValue | undefined)[] = [];
  #states: TypedArray[];

  constructor(
    build: (operands: (Imported | undefined)[]) => readonly (Imported | undefined)[],
    operands: Operands,
    known: ReadonlySet<string>,
  ) {
    const open = operands.flatMap((each, at) => (isKnown(at, known) ? [] : tensorsOf(operandName(at), each)));
    const types = Object.fromEntries(open.map(([name, { dtype, shape }]) => [name, tensorType(dtype, shape)]));
    this.#graph = trace(
      (inputs: { readonly [name: string]: Tensor }) => {
        const results = build(
          operands.map((each, at) =>
            each === undefined ? undefined : importedOperand(operandName(at), each, inputs, isKnown(at, known)),
          ),
        );
        const outputs = new Map<string, Tensor>();
        results.forEach((each, at) => void this.#assemble.push(assembled(`result${at}`, each, outputs)));
        // A graph gives something, also where texts are all that the node does.
        return outputs.size > 0 ? Object.fromEntries(outputs) : { nothing: constant(0, "i64") as Tensor };
      },
      types as { readonly [name: string]: TensorType },
      { name: "node" },
    );
    this.#states = this.#graph.states.map(({ initial }) => initial.slice());
  }

  run(operands: Operands): Results {
    const given = new Map(operands.flatMap((each, at) => tensorsOf(operandName(at), each)));
    const graph = this.#graph;
    const values = new Map<Value, Nd>(graph.inputs.map(({ name, value }) => [value, given.get(name)!]));
    graph.states.forEach(({ value: { type }, value }, at) => {
      values.set(value, { dtype: type.dtype, shape: staticShape(type.shape), data: this.#states[at]! });
    });
    requireResults(graph.nodes);
    evaluate(graph, values);
    this.#states = graph.states.map(({ next }) => values.get(next)!.data);
    const left = (name: string): TensorValue => {
      const { dtype, shape, data } = values.get(graph.outputs.find((each) => each.name === name)!.value)!;
      return { dtype, shape, data: withOneNaN(dtype, data.slice()) };
    };
    return this.#assemble.map((each) => each(left));
  }
}

const isKnown = (at: number, known: ReadonlySet<string>): boolean => known.has(operandName(at));

/** What is remembered of a node: the operands that decide something, and its graphs by the types of the others. */
interface Remembered {
  readonly known: Set<string>;
  readonly graphs: Map<string, NodeGraph>;
}

/** Graphs of a node beyond which those of before are forgotten. */
const mostGraphs = 64;

/** Runs nodes one at a time. */
export class NodeGraphs {
  readonly #model: ModelProto;
  readonly #options: BuildOptions;
  /** By the attributes of the function that a node stands in too, as it may take its own from them. */
  readonly #remembered = new WeakMap<NodeProto, WeakMap<object, Remembered>>();

  constructor(model: ModelProto, options: BuildOptions) {
    this.#model = model;
    this.#options = options;
  }

  #of(node: NodeProto, attributes: object): Remembered {
    const ofNode = this.#remembered.get(node) ?? new WeakMap<object, Remembered>();
    this.#remembered.set(node, ofNode);
    const found = ofNode.get(attributes) ?? { known: new Set<string>(), graphs: new Map<string, NodeGraph>() };
    ofNode.set(attributes, found);
    return found;
  }

  /** What a node gives. Throws what building its graph throws. */
  run(node: NodeProto, operands: Operands, { versions, attributes }: Scope<ModelValue>): Results {
    const { known, graphs } = this.#of(node, attributes ?? node);
    for (;;) {
      const key = JSON.stringify(
        operands.map((each, at) => [keyOf(each), isKnown(at, known) ? contents(operandName(at), each) : 0]),
      );
      let graph = graphs.get(key);
      if (!graph) {
        try {
          const build = (given: (Imported | undefined)[]) =>
            new GraphBuilder(this.#model, this.#options).node(node, given, new Scope(versions, undefined, attributes));
          graph = new NodeGraph(build, operands, known);
        } catch (error) {
          if (!(error instanceof RunTimeOperand)) throw error;
          // An element of a sequence is asked for by its own name.
          const asked = error.inputs.map((name) => name.replace(/\..*$/, "")).filter((name) => !known.has(name));
          if (asked.length === 0) throw error;
          for (const name of asked) known.add(name);
          continue;
        }
        if (graphs.size >= mostGraphs) graphs.clear();
        graphs.set(key, graph);
      }
      return graph.run(operands);
    }
  }
}

/** The elements of a value, as part of a key. */
const contents = (name: string, value: ModelValue | undefined): string[] =>
  tensorsOf(name, value).map(([, { data }]) => data.join());
