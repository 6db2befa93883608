// A model of an ONNX file: what it takes and gives, what it is made of, and the graphs that it becomes.
import { fromBinary } from "@bufbuild/protobuf";
import { z } from "zod";
import {
  checkArgument,
  type Dtype,
  errorAt,
  IsochronError,
  nearest,
  optionsOf,
  withMeant,
} from "../../../kernels/index.ts";
import { type CallableGraph, callable } from "../../capture/called-graph.ts";
import { isTensor } from "../../capture/methods/symbolic.ts";
import type { Tensor } from "../../capture/tensor.ts";
import { type StateTensor, state, trace } from "../../capture/trace.ts";
import { Graph, mapRegions } from "../../graph/graph.ts";
import { type TensorType, type TypedArray, tensorType } from "../../graph/tensor-type.ts";
import { constantOf, type Definitions } from "./call.ts";
import { type GraphProto, type ModelProto, ModelProtoSchema, type NodeProto } from "./format/onnx_pb.ts";
import { type BuildOptions, describeNode, GraphBuilder } from "./graph-builder.ts";
import { modelError, unsupported } from "./import-error.ts";
import { type Imported, kindOf, Optional, Sequence } from "./imported.ts";
import { modelText } from "./model-text.ts";
import { definitions } from "./operators/index.ts";
import { type ModelPort, portOf } from "./ports.ts";
import { domainOf, fullName } from "./scope.ts";
import { type ExternalData, storedBytes } from "./tensor-data.ts";
import { checkedValue, copied } from "./values/checked.ts";
import { ValueInterpreter } from "./values/interpreter.ts";
import type { ModelValue } from "./values/value.ts";

/** A value that an input is bound to, so that it is none any more. */
export interface BoundInput {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

/**
 * What an input is: a tensor of a type, a constant, the elements of a sequence, or null for an optional that is empty.
 *
 * A sequence becomes an input for each element: "NAME.0", "NAME.1", …; so do sequences that are outputs.
 */
export type InputType = TensorType | BoundInput | readonly InputType[] | null;

/** What a graph is made with. */
export interface GraphOptions {
  /** Types of inputs whose file leaves sizes open, and values of those that are to be constants. */
  readonly inputs?: { readonly [name: string]: InputType };
  /** The sizes of named dimensions. */
  readonly symbols?: { readonly [name: string]: number };
  /** The most elements that dimensions have whose size only the values decide, by the name of the result. */
  readonly bounds?: { readonly [output: string]: number };
  /**
   * Inputs that are what outputs of the step before were, as recurrent networks are exported: each pair becomes one state, which
   * begins with zeros or with what is given.
   */
  readonly states?: { readonly [input: string]: string | StateOption };
  /** Which sequences random operators draw from that have no seed of their own: a whole number; always the same ones unless given. */
  readonly seed?: number;
}

/** What a model is interpreted with. */
export type InterpretOptions = Pick<GraphOptions, "seed">;

/** The output that a state takes over, and what it begins with. */
export interface StateOption {
  readonly output: string;
  readonly initial?: ArrayLike<number>;
}

/** What a node of a model cannot become. */
export interface Unsupported {
  /** The node in words: its name, or its number, and its operator. */
  readonly node: string;
  readonly operator: string;
  readonly reason: string;
}

const seed = z.int().optional();
const names = <V extends z.ZodType>(value: V) => z.record(z.string(), value);
const checkGraph = optionsOf<GraphOptions>("import", "OnnxModel.graph", () => ({
  inputs: names(z.custom((given) => given === null || typeof given === "object"))
    .describe("types by the names of inputs")
    .optional(),
  symbols: names(z.int().min(0)).describe("sizes by the names of dimensions").optional(),
  bounds: names(z.int().min(1)).describe("whole numbers from 1 by the names of results").optional(),
  states: names(z.union([z.string(), z.object({ output: z.string(), initial: z.any().optional() })]))
    .describe("names of outputs by those of inputs")
    .optional(),
  seed,
}));
const checkInterpret = optionsOf<InterpretOptions>("import", "interpret", () => ({ seed }));

const isBound = (type: TensorType | BoundInput): type is BoundInput => "data" in type;
const isOne = (type: InputType): type is TensorType | BoundInput => type !== null && "dtype" in type;

/** The tensors that an input is, by name, but for those that are constants. */
function openTypes(name: string, type: InputType): (readonly [string, TensorType])[] {
  if (type === null) return [];
  if (!isOne(type)) return type.flatMap((each, at) => openTypes(`${name}.${at}`, each));
  return isBound(type) ? [] : [[name, type]];
}

/** What an input stands for, of the tensors that it is. */
function importedInput(name: string, type: InputType, tensors: { readonly [name: string]: Tensor }): Imported {
  if (type === null) return new Optional();
  if (!isOne(type)) return new Sequence(type.map((each, at) => importedInput(`${name}.${at}`, each, tensors)));
  return isBound(type) ? constantOf(type, name) : tensors[name]!;
}

/** The tensors that an output is. Throws `import/unsupported` for texts. */
function namedTensors(name: string, value: Imported): (readonly [string, Tensor])[] {
  if (isTensor(value)) return [[name, value]];
  if (value instanceof Sequence) return value.elements.flatMap((each, at) => namedTensors(`${name}.${at}`, each));
  if (value instanceof Optional) return value.value === undefined ? [] : namedTensors(name, value.value);
  throw unsupported(`output "${name}" is ${kindOf(value)}`);
}

/** All nodes of a graph, those of its subgraphs behind the node that they belong to. */
function* nodesOf(nodes: readonly NodeProto[]): Generator<readonly [NodeProto, number]> {
  for (const [number, node] of nodes.entries()) {
    yield [node, number];
    const inner: GraphProto[] = node.attribute.flatMap(({ g, graphs }) => [...(g ? [g] : []), ...graphs]);
    for (const each of inner) yield* nodesOf(each.node);
  }
}

/** The graph with nodes that do not know where they were made: that was here, and the stacks that say so hold the model. */
const withoutPlaces = (graph: Graph): Graph => {
  const inner = mapRegions(graph, withoutPlaces);
  return new Graph({ ...inner, nodes: inner.nodes.map(({ place: _, ...node }) => node) });
};

/** Why a node whose operator nothing defines cannot be compiled. */
const noOperator = "there is no such operator here";

/** Messages in messages: a subgraph is three deep in the graph around it. */
const mostNestedMessages = 256;

/** A model that was read from an ONNX file. */
export class OnnxModel {
  readonly format = "onnx";
  readonly name: string;
  /** Without those that the file gives values for. */
  readonly inputs: readonly ModelPort[];
  readonly outputs: readonly ModelPort[];
  readonly #proto: ModelProto;
  readonly #place: string;
  readonly #external: ExternalData;
  readonly #operators: Definitions;
  readonly #onGraph: ((options: GraphOptions, graph: Graph) => void) | undefined;

  /** `place` is the file that the bytes are of, for errors; `onGraph` is told of each graph that is made. */
  constructor(
    bytes: Uint8Array,
    place: string,
    external: ExternalData,
    operators: Definitions = {},
    onGraph?: (options: GraphOptions, graph: Graph) => void,
  ) {
    try {
      this.#proto = fromBinary(ModelProtoSchema, bytes, {
        readUnknownFields: false,
        recursionLimit: mostNestedMessages,
      });
    } catch (cause) {
      throw modelError("it is no ONNX model", "name a .onnx file", { cause });
    }
    const { graph } = this.#proto;
    if (!graph) throw modelError("it is no ONNX model: it has no graph", "name a .onnx file");
    this.#place = place;
    this.#external = external;
    this.#operators = operators;
    this.#onGraph = onGraph;
    this.name = graph.name || "model";
    const given = new Set(graph.initializer.map(({ name }) => name));
    this.inputs = graph.input.filter(({ name }) => !given.has(name)).map(portOf);
    this.outputs = graph.output.map(portOf);
  }

  /** What the file says of itself: its producer, the versions of its operator sets by domain, and its own entries. */
  get metadata(): {
    readonly producer: string;
    readonly irVersion: number;
    readonly operatorSets: { readonly [domain: string]: number };
    readonly entries: { readonly [key: string]: string };
  } {
    const { producerName, producerVersion, irVersion, opsetImport, metadataProps } = this.#proto;
    return {
      producer: [producerName, producerVersion].filter((each) => each !== "").join(" "),
      irVersion: Number(irVersion),
      operatorSets: Object.fromEntries(
        opsetImport.map(({ domain, version }) => [domainOf(domain) || "ai.onnx", Number(version)]),
      ),
      entries: Object.fromEntries(metadataProps.map(({ key, value }) => [key, value])),
    };
  }

  /** Bytes of its weights, as their types say: nothing of them is read. */
  get weightBytes(): number {
    const { initializer } = this.#proto.graph!;
    return initializer.reduce((sum, each) => sum + storedBytes(each), 0);
  }

  get #nodes(): (readonly [NodeProto, number])[] {
    const { graph, functions } = this.#proto;
    return [...nodesOf(graph!.node), ...functions.flatMap(({ node }) => [...nodesOf(node)])];
  }

  /** How often each operator stands in the model, by full name, those of subgraphs and functions included. */
  get operators(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const [node] of this.#nodes) counts.set(fullName(node), (counts.get(fullName(node)) ?? 0) + 1);
    return counts;
  }

  /** The nodes whose operators nothing here defines: neither Isochron, nor the model's functions, nor the user. */
  get unsupported(): Unsupported[] {
    const isDefined = this.#defined();
    return this.#nodes.flatMap(([node, number]) =>
      isDefined(node) ? [] : [{ node: describeNode(node, number), operator: fullName(node), reason: noOperator }],
    );
  }

  /** Whether anything defines a node's operator. */
  #defined(): (node: NodeProto) => boolean {
    const own = new Set(this.#proto.functions.map(({ domain, name }) => fullName({ domain, opType: name })));
    return (node) => {
      const operator = fullName(node);
      return own.has(operator) || definitions.has(operator) || Object.hasOwn(this.#operators, operator);
    };
  }

  /** The nodes as the file has them, in the form of a graph's text; behind those of `unsupported` stands why. */
  toString(): string {
    const isDefined = this.#defined();
    return modelText(this.#proto, (node) => (isDefined(node) ? undefined : `cannot be compiled: ${noOperator}`));
  }

  /** The type of an input with all sizes known. Throws `import/size`, `import/unsupported`. */
  #inputType({ name, dtype, shape, type }: ModelPort, { inputs = {}, symbols = {} }: GraphOptions): InputType {
    const given = Object.hasOwn(inputs, name) ? inputs[name] : undefined;
    if (given !== undefined) return this.#fitting(name, dtype, given);
    if (type.startsWith("optional")) return null;
    if (!dtype)
      throw unsupported(`input "${name}" is ${type}`, `give its elements: model.graph({ inputs: { ${name}: [] } })`);
    const example = `tensorType("${dtype}", [1, 3])`;
    const sizeError = (message: string, help: string): IsochronError =>
      new IsochronError("import/size", message, { place: this.#place, help });
    if (!shape)
      throw sizeError(
        `the model does not say how many dimensions input "${name}" has`,
        `give its type: model.graph({ inputs: { ${name}: ${example} } })`,
      );
    const sizes = shape.map((size, d) => {
      const known = typeof size === "string" && Object.hasOwn(symbols, size) ? symbols[size] : size;
      if (typeof known === "number") return known;
      throw known === undefined
        ? sizeError(
            `dimension ${d} of input "${name}" is not known`,
            `give the input's type: model.graph({ inputs: { ${name}: ${example} } })`,
          )
        : sizeError(
            `dimension ${d} of input "${name}" is "${known}", whose size is not known`,
            `give it: model.graph({ symbols: { ${known}: 1 } })`,
          );
    });
    return tensorType(dtype, sizes);
  }

  /** What a user gives for an input, of the element type that the model says. Throws `import/type`. */
  #fitting(name: string, dtype: Dtype | undefined, given: InputType): InputType {
    if (!dtype || given === null || !isOne(given) || given.dtype === dtype) return given;
    throw new IsochronError("import/type", `input "${name}" is ${dtype}, and got ${given.dtype}`, {
      place: this.#place,
      help: "convert it before it goes in: trace(({ x }) => …) around the graph, with x.cast()",
    });
  }

  /** Refuses names that the model does not have. Throws `import/name`. */
  #requireNames({
    inputs = {},
    states = {},
  }: Pick<GraphOptions, "states"> & { readonly inputs?: { readonly [name: string]: unknown } }): void {
    const expectName = (what: "input" | "output", name: string): void => {
      const all = this[`${what}s`].map((each) => each.name);
      if (all.includes(name)) return;
      throw new IsochronError("import/name", `the model has no ${what} "${name}"`, {
        place: this.#place,
        help: withMeant(nearest(name, all), `it has ${all.map((each) => `"${each}"`).join(", ") || "none"}`),
      });
    };
    for (const name of [...Object.keys(inputs), ...Object.keys(states)]) expectName("input", name);
    for (const each of Object.values(states)) expectName("output", typeof each === "string" ? each : each.output);
  }

  /**
   * The model as a graph whose sizes are all known.
   *
   * Throws `import/size` where a size is not given, `import/name`, `import/type`, `import/run-time` for an operand that decides
   * shapes and depends on inputs, `import/unsupported` and `import/model`, which name the node.
   */
  graph(options: GraphOptions = {}): CallableGraph {
    checkGraph(options);
    this.#requireNames(options);
    const { states = {}, bounds, seed } = options;
    const types = this.inputs.map((port) => [port, this.#inputType(port, options)] as const);
    const isState = (name: string): boolean => Object.hasOwn(states, name);
    const open = types.flatMap(([{ name }, type]) => (isState(name) ? [] : openTypes(name, type)));
    const builder = new GraphBuilder(this.#proto, { ...this.#buildOptions(seed), ...(bounds ? { bounds } : {}) });
    const graph = this.#placed(() =>
      trace(
        (tensors: { readonly [name: string]: Tensor }) => {
          const kept = new Map<string, StateTensor<Dtype>>();
          const inputs = new Map<string, Imported>(
            types.map(([port, type]) => {
              const given = states[port.name];
              if (given !== undefined && isState(port.name)) {
                const own = state(port.name, this.#stateType(port.name, type), initialOf(given));
                kept.set(typeof given === "string" ? given : given.output, own);
                return [port.name, own.get()];
              }
              const value = importedInput(port.name, type, tensors);
              const isOptional = port.type.startsWith("optional") && !(value instanceof Optional);
              return [port.name, isOptional ? new Optional(value) : value];
            }),
          );
          const outputs = [...builder.main(inputs)].flatMap(([name, value]) => namedTensors(name, value));
          for (const [name, tensor] of outputs) kept.get(name)?.set(tensor);
          return Object.fromEntries(outputs.filter(([name]) => !kept.has(name)));
        },
        Object.fromEntries(open),
        { name: this.name },
      ),
    );
    const made = callable(withoutPlaces(graph));
    this.#onGraph?.(options, made);
    return made;
  }

  /**
   * What the model gives, by the names of its outputs, interpreted node by node with the values in hand: for what no graph can be
   * made of, such as texts, sequences that grow in loops, and shapes that only values decide.
   *
   * A value is a tensor `{ dtype, shape, data }`, texts `{ shape, data }`, a list of values for a sequence, or null for an optional
   * that is empty. Every call draws the same random numbers for one `seed`. Throws `import/name`, `import/type`, `import/unsupported` and `import/model`, which name the node.
   *
   * @example
   * ```ts
   * import type { Model } from "isochron/import";
   *
   * const lengths = (model: Model) => model.interpret({ words: { shape: [2], data: ["left", "right"] } });
   * ```
   */
  interpret(
    inputs: { readonly [name: string]: ModelValue },
    options: InterpretOptions = {},
  ): { readonly [name: string]: ModelValue } {
    const values = names(z.unknown()).describe("values by the names of inputs: { x: { dtype, shape, data } }");
    checkArgument("import", "interpret", "inputs", values, inputs);
    checkInterpret(options);
    this.#requireNames({ inputs });
    const sizes = new Map<string, number>();
    const given = this.inputs.map((port) => {
      const value = Object.hasOwn(inputs, port.name) ? inputs[port.name] : undefined;
      return [port.name, checkedValue(port, value, sizes, this.#place)] as const;
    });
    const interpreter = new ValueInterpreter(this.#proto, this.#buildOptions(options.seed));
    const results = this.#placed(() => interpreter.run(new Map(given)));
    return Object.fromEntries([...results].map(([name, value]) => [name, copied(value)]));
  }

  /** What `body` gives; errors are about the model's file. */
  #placed<T>(body: () => T): T {
    try {
      return body();
    } catch (error) {
      throw errorAt(error, this.#place);
    }
  }

  #buildOptions(seed?: number): BuildOptions {
    const own = { place: this.#place, external: this.#external, operators: this.#operators };
    return seed === undefined ? own : { ...own, seed };
  }

  #stateType(name: string, type: InputType): TensorType {
    if (type !== null && isOne(type) && !isBound(type)) return type;
    throw unsupported(`input "${name}" is to be a state, and is no tensor that a step is given`);
  }
}

const initialOf = (given: string | StateOption): readonly number[] | number =>
  typeof given === "string" || given.initial === undefined ? 0 : Array.from(given.initial);
