// The interpreter of values: walks the nodes of a model with values in hand, which need no bounds and no shapes beforehand.
import { Attributes } from "../attributes.ts";
import type { FunctionProto, GraphProto, ModelProto, NodeProto, TensorProto } from "../format/onnx_pb.ts";
import { type BuildOptions, describeNode, fitting, functionKey, ownOperator } from "../graph-builder.ts";
import { errorAbout, modelError, unsupported } from "../import-error.ts";
import { mostNodesRun, NodeBudget } from "../limits.ts";
import { domainOf, fullName, Nesting, Scope, versionsOf } from "../scope.ts";
import { type DenseTensor, type StringTensor, sparseTensorData, tensorData } from "../tensor-data.ts";
import { controlFlow, type ValueOperator } from "./control-flow.ts";
import { NodeGraphs } from "./node-graphs.ts";
import { pictures } from "./pictures.ts";
import { sequences } from "./sequences.ts";
import { kindOfValue, type ModelValue } from "./value.ts";

const operators: ReadonlyMap<string, ValueOperator> = new Map(
  Object.entries({ ...controlFlow, ...pictures, ...sequences }),
);

/** A tensor of the file as a value. */
function storedValue(found: DenseTensor | StringTensor): ModelValue {
  const { shape, data } = found;
  return found.kind === "dense" ? { dtype: found.dtype, shape, data: found.data } : ({ shape, data } as ModelValue);
}

/** Computes what a model gives, node by node. */
export class ValueInterpreter {
  readonly #model: ModelProto;
  readonly #options: BuildOptions;
  readonly #functions: ReadonlyMap<string, FunctionProto>;
  readonly #nodes: NodeGraphs;
  /** Tensors of the file, which loops would read in every turn. */
  readonly #constants = new WeakMap<TensorProto, ModelValue>();
  readonly #nesting = new Nesting();
  readonly #budget = new NodeBudget(mostNodesRun);

  constructor(model: ModelProto, options: BuildOptions) {
    this.#model = model;
    this.#options = options;
    this.#functions = new Map(model.functions.map((each) => [functionKey(each), each]));
    this.#nodes = new NodeGraphs(model, options);
  }

  /** The outputs of the model, by name. */
  run(inputs: ReadonlyMap<string, ModelValue>): Map<string, ModelValue> {
    const graph = this.#model.graph!;
    const results = this.#graph(graph, new Scope<ModelValue>(versionsOf(this.#model.opsetImport)), inputs);
    return new Map(graph.output.map(({ name }, at) => [name, results[at]!]));
  }

  #stored(tensor: TensorProto): ModelValue {
    const known = this.#constants.get(tensor);
    if (known !== undefined) return known;
    const value = storedValue(tensorData(tensor, this.#options.external));
    this.#constants.set(tensor, value);
    return value;
  }

  #graph(graph: GraphProto, scope: Scope<ModelValue>, inputs: ReadonlyMap<string, ModelValue>): ModelValue[] {
    return this.#nesting.inside(`graph "${graph.name}"`, () => {
      for (const tensor of graph.initializer) scope.set(tensor.name, this.#stored(tensor));
      for (const sparse of graph.sparseInitializer)
        scope.set(sparse.values?.name ?? "", storedValue(sparseTensorData(sparse, this.#options.external)));
      for (const [name, value] of inputs) scope.set(name, value);
      this.#run(graph.node, scope);
      return graph.output.map(({ name }) => named(scope, name, "an output"));
    });
  }

  #run(nodes: readonly NodeProto[], scope: Scope<ModelValue>): void {
    for (const [number, node] of nodes.entries()) {
      try {
        const operands = node.input.map((name) => (name === "" ? undefined : named(scope, name, "it")));
        const results = this.#apply(node, operands, scope);
        for (const [at, name] of node.output.entries()) {
          if (name === "") continue;
          const value = results[at];
          if (value === undefined) throw unsupported(`result ${at}, "${name}", is not computed`);
          scope.set(name, value);
        }
      } catch (error) {
        throw errorAbout(describeNode(node, number), error, this.#options.place);
      }
    }
  }

  #apply(
    node: NodeProto,
    operands: readonly (ModelValue | undefined)[],
    scope: Scope<ModelValue>,
  ): readonly (ModelValue | undefined)[] {
    this.#budget.next();
    const own = ownOperator(this.#options, node);
    const called = this.#functions.get(
      functionKey({ domain: node.domain, name: node.opType, overload: node.overload }),
    );
    if (!own && called) return this.#call(called, operands, scope.attributesOf(node));
    const operator = own ? undefined : operators.get(fullName(node));
    if (!operator) return this.#nodes.run(node, operands, scope);
    const call = {
      attributes: new Attributes(scope.attributesOf(node)),
      version: scope.versions.get(domainOf(node.domain)) ?? 1,
      operands,
      run: (graph: GraphProto, inputs: readonly ModelValue[]) => {
        if (graph.input.length !== inputs.length)
          throw modelError(`its subgraph "${graph.name}" has ${graph.input.length} inputs, and gets ${inputs.length}`);
        const given = new Map(graph.input.map(({ name }, at) => [name, inputs[at]!]));
        return this.#graph(graph, new Scope(scope.versions, scope), given);
      },
    };
    return fitting(operands, kindOfValue, () => operator(call));
  }

  /** Runs a function of the model where it is called. */
  #call(
    called: FunctionProto,
    operands: readonly (ModelValue | undefined)[],
    attributes: ReturnType<Scope<ModelValue>["attributesOf"]>,
  ): (ModelValue | undefined)[] {
    return this.#nesting.inside(`function "${called.name}"`, () => {
      const scope = Scope.ofFunction<ModelValue>(called, attributes);
      called.input.forEach((name, at) => {
        const value = operands[at];
        if (value !== undefined) scope.set(name, value);
      });
      this.#run(called.node, scope);
      return called.output.map((name) => scope.get(name));
    });
  }
}

function named(scope: Scope<ModelValue>, name: string, reader: string): ModelValue {
  const value = scope.get(name);
  if (value === undefined) throw modelError(`${reader} reads "${name}", which nothing before it defines`);
  return value;
}
