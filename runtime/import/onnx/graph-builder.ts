// Builds what the nodes of a model compute, in the trace in progress: names, versions, functions and subgraphs.
import { IsochronError } from "../../../kernels/index.ts";
import { isTensor } from "../../capture/methods/symbolic.ts";
import type { Tensor } from "../../capture/tensor.ts";
import type { Value } from "../../graph/graph.ts";
import { showTensorType } from "../../graph/tensor-type.ts";
import { Call, constantOf, type Definition, type Definitions, importedOf, type Surroundings } from "./call.ts";
import type {
  AttributeProto,
  FunctionProto,
  GraphProto,
  ModelProto,
  NodeProto,
  TensorProto,
} from "./format/onnx_pb.ts";
import { errorAbout, misfit, modelError, RunTimeOperand, unsupported } from "./import-error.ts";
import { type Imported, kindOf, Sequence } from "./imported.ts";
import { sourcesOf } from "./known-values.ts";
import { mostNodes, NodeBudget, requireTensor } from "./limits.ts";
import { definitions } from "./operators/index.ts";
import { domainOf, fullName, Nesting, Scope, versionsOf } from "./scope.ts";
import { type ExternalData, sparseTensorData, tensorData } from "./tensor-data.ts";

/** The names that a graph reads and does not define, those of its subgraphs included. */
export function freeNames(graph: GraphProto): Set<string> {
  const free = new Set<string>();
  const own = new Set<string>([
    ...graph.input.map(({ name }) => name),
    ...graph.initializer.map(({ name }) => name),
    ...graph.sparseInitializer.map(({ values }) => values?.name ?? ""),
  ]);
  for (const node of graph.node) {
    const inner = node.attribute.flatMap(({ g, graphs }) => [...(g ? [g] : []), ...graphs]);
    for (const name of [...node.input, ...inner.flatMap((each) => [...freeNames(each)])])
      if (name !== "" && !own.has(name)) free.add(name);
    for (const name of node.output) own.add(name);
  }
  for (const { name } of graph.output) if (!own.has(name)) free.add(name);
  return free;
}

/** How a node is named in errors. */
export const describeNode = (node: NodeProto, number: number): string =>
  `node ${node.name === "" ? number : `"${node.name}"`} (${fullName(node)})`;

/** What the building of a graph is given beside the model. */
export interface BuildOptions {
  /** The file that the model is of. */
  readonly place: string;
  readonly external: ExternalData;
  /** Operators of the user's own, by full name; they come before all others. */
  readonly operators?: Definitions;
  readonly bounds?: { readonly [output: string]: number };
  /** What the sequences of random operators that have no seed are chosen by. */
  readonly seed?: number;
}

/** The user's own operator of a node, where there is one. */
export const ownOperator = ({ operators = {} }: BuildOptions, node: NodeProto): Definition | undefined =>
  Object.hasOwn(operators, fullName(node)) ? operators[fullName(node)] : undefined;

/** What an operator makes of operands; where its definition finds what it cannot go on with, they do not belong to it. */
export function fitting<V, T>(operands: readonly V[], show: (operand: V) => string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw error instanceof IsochronError ? error : misfit(operands.map(show), error);
  }
}

const shown = (operand: Imported | undefined): string =>
  isTensor(operand) ? showTensorType(operand.type) : kindOf(operand);

/** The name that an operand has where a node is built by itself. */
export const operandName = (at: number): string => `operand${at}`;

/** Builds the graphs of one model. */
export class GraphBuilder {
  readonly #model: ModelProto;
  readonly #options: BuildOptions;
  readonly #functions: ReadonlyMap<string, FunctionProto>;
  readonly #nesting = new Nesting();
  readonly #budget = new NodeBudget(mostNodes);
  /** The model's inputs, by the values that they are. */
  readonly #inputs = new Map<Value, string>();

  constructor(model: ModelProto, options: BuildOptions) {
    this.#model = model;
    this.#options = options;
    this.#functions = new Map(model.functions.map((each) => [functionKey(each), each]));
  }

  /** Builds the main graph of these inputs; its outputs by name. */
  main(inputs: ReadonlyMap<string, Imported>): Map<string, Imported> {
    const { graph, opsetImport } = this.#model;
    for (const [name, value] of inputs) {
      try {
        if (isTensor(value)) requireTensor(value.type, "it is");
      } catch (error) {
        throw errorAbout(`input "${name}"`, error, this.#options.place);
      }
      this.#nameInput(name, value);
    }
    return this.#graph(graph!, new Scope(versionsOf(opsetImport)), inputs);
  }

  /** Builds what one node gives, of operands that have their positions' names. */
  node(
    node: NodeProto,
    operands: readonly (Imported | undefined)[],
    scope: Scope<Imported>,
  ): readonly (Imported | undefined)[] {
    for (const [at, value] of operands.entries()) if (value !== undefined) this.#nameInput(operandName(at), value);
    return this.#apply(node, operands, scope);
  }

  #nameInput(name: string, value: Imported): void {
    if (isTensor(value)) this.#inputs.set(value.value, name);
    if (value instanceof Sequence) for (const each of value.elements) this.#nameInput(name, each);
  }

  #graph(graph: GraphProto, scope: Scope<Imported>, inputs: ReadonlyMap<string, Imported>): Map<string, Imported> {
    return this.#nesting.inside(`graph "${graph.name}"`, () => {
      for (const tensor of graph.initializer) scope.set(tensor.name, this.#imported(tensor));
      for (const sparse of graph.sparseInitializer)
        scope.set(sparse.values?.name ?? "", constantOf(sparseTensorData(sparse, this.#options.external)));
      for (const [name, value] of inputs) scope.set(name, value);
      this.#nodes(graph.node, scope);
      return new Map(graph.output.map(({ name }) => [name, this.#named(scope, name, "an output")]));
    });
  }

  #imported(tensor: TensorProto): Imported {
    return importedOf(tensorData(tensor, this.#options.external), tensor.name);
  }

  #named(scope: Scope<Imported>, name: string, reader: string): Imported {
    const value = scope.get(name);
    if (value === undefined) throw modelError(`${reader} reads "${name}", which nothing before it defines`);
    return value;
  }

  #nodes(nodes: readonly NodeProto[], scope: Scope<Imported>): void {
    for (const [number, node] of nodes.entries()) {
      const described = describeNode(node, number);
      try {
        const operands = node.input.map((name) => (name === "" ? undefined : this.#named(scope, name, "it")));
        const results = this.#apply(node, operands, scope);
        for (const [at, name] of node.output.entries()) {
          const value = results[at];
          if (name === "") continue;
          if (value === undefined) throw unsupported(`result ${at}, "${name}", is not computed`);
          if (isTensor(value)) requireTensor(value.type);
          if (isTensor(value) && value.value.hint === undefined) Object.assign(value.value, { hint: name });
          scope.set(name, value);
        }
      } catch (error) {
        throw errorAbout(described, error, this.#options.place);
      }
    }
  }

  #apply(
    node: NodeProto,
    inputs: readonly (Imported | undefined)[],
    scope: Scope<Imported>,
  ): readonly (Imported | undefined)[] {
    this.#budget.next();
    const attributes = scope.attributesOf(node);
    const own = ownOperator(this.#options, node);
    const called = this.#functions.get(
      functionKey({ domain: node.domain, name: node.opType, overload: node.overload }),
    );
    if (!own && called) return this.#call(called, inputs, attributes);
    const definition: Definition | undefined = own ?? definitions.get(fullName(node));
    if (!definition)
      throw unsupported(
        "there is no such operator here",
        `give what it computes: importModel(path, { operators: { "${fullName(node)}": (inputs) => … } })`,
      );
    const version = scope.versions.get(domainOf(node.domain));
    if (version === undefined && !own)
      throw modelError(`the model imports no operator set of "${node.domain || "ai.onnx"}"`);
    const call = new Call({
      operator: node.opType,
      name: node.name,
      version: version ?? 1,
      inputs,
      outputs: node.output,
      attributes,
      surroundings: this.#surroundings(scope),
    });
    const found = fitting(inputs, shown, () => definition(call));
    return Array.isArray(found) ? (found as readonly (Imported | undefined)[]) : [found as Imported];
  }

  /** Runs a function of the model where it is called. */
  #call(
    called: FunctionProto,
    inputs: readonly (Imported | undefined)[],
    given: ReadonlyMap<string, AttributeProto>,
  ): (Imported | undefined)[] {
    return this.#nesting.inside(`function "${called.name}"`, () => {
      const scope = Scope.ofFunction<Imported>(called, given);
      called.input.forEach((name, at) => {
        const value = inputs[at];
        if (value !== undefined) scope.set(name, value);
      });
      this.#nodes(called.node, scope);
      return called.output.map((name) => scope.get(name));
    });
  }

  #surroundings(scope: Scope<Imported>): Surroundings {
    const inner = (
      graph: GraphProto,
      around: Scope<Imported> | undefined,
      inputs: readonly Imported[],
      more?: ReadonlyMap<string, Imported>,
    ) => {
      if (graph.input.length !== inputs.length)
        throw modelError(`its subgraph "${graph.name}" has ${graph.input.length} inputs, and gets ${inputs.length}`);
      const own = new Map([...(more ?? []), ...graph.input.map(({ name }, at) => [name, inputs[at]!] as const)]);
      return [...this.#graph(graph, new Scope(scope.versions, around, scope.attributes), own).values()];
    };
    return {
      read: (tensor) => tensorData(tensor, this.#options.external),
      unknown: (operand, tensor, decides) => this.#unknown(operand, tensor, decides),
      inline: (graph, inputs) => inner(graph, scope, inputs),
      region: (graph, inputs, captured) => inner(graph, undefined, inputs, captured),
      captured: (...graphs) => {
        const names = new Set(graphs.flatMap((graph) => [...freeNames(graph)]));
        return new Map([...names].map((name) => [name, this.#named(scope, name, "its subgraph")]));
      },
      seed: this.#options.seed,
      bound: (output) => (output === undefined ? undefined : this.#boundOf(output)),
    };
  }

  #boundOf(output: string): number | undefined {
    const { bounds = {} } = this.#options;
    return Object.hasOwn(bounds, output) ? bounds[output] : undefined;
  }

  #unknown(operand: string, tensor: Tensor, decides?: string): Error {
    const names = [...sourcesOf(tensor)].flatMap((value) => this.#inputs.get(value) ?? []);
    return new RunTimeOperand(operand, [...new Set(names)], decides);
  }
}

/** What a function is found by: domain, name and, where there are several, which. */
export const functionKey = ({ domain, name, overload }: Pick<FunctionProto, "domain" | "name" | "overload">): string =>
  JSON.stringify([domainOf(domain), name, overload]);
