// A model that torch.export.save wrote: one program, and the graphs that it becomes for given sizes.
import { z } from "zod";
import { errorAt, IsochronError, nearest, optionsOf, withMeant } from "../../../../kernels/index.ts";
import type { CallableGraph } from "../../../capture/called-graph.ts";
import { recording } from "../../../capture/recorder.ts";
import type { Tensor } from "../../../capture/tensor.ts";
import { trace } from "../../../capture/trace.ts";
import type { Graph } from "../../../graph/graph.ts";
import { type TensorType, tensorType } from "../../../graph/tensor-type.ts";
import type { Unsupported } from "../../onnx/model.ts";
import type { ModelPort } from "../../onnx/ports.ts";
import { isTensorValue, type ModelValue } from "../../onnx/values/value.ts";
import type { StoredTensor } from "../../stored-tensors.ts";
import type { TorchArchive } from "../archive.ts";
import { EagerRecorder, elementsComputed } from "../eager-recorder.ts";
import { type States, Stored } from "../load-values.ts";
import { namedIn, overStates, resultsIn, type Traced, tensorsOf } from "../made-graphs.ts";
import { isKnownOperator } from "../operators/index.ts";
import { elementsOf, type StridedTensor, TensorBudget } from "../tensors.ts";
import { TorchTensor, TorchTuple, type TorchValue } from "../values.ts";
import { argumentOf, argumentValue, graphIn } from "./arguments.ts";
import { type ExportedProgram, readExported, tensorNameOf } from "./program.ts";
import { isSpecial, operatorOf, placeOf, Runner } from "./run.ts";
import { type ExportedArgument, type ExportedGraph, exportedDtype, exportedError, type TensorMeta } from "./schema.ts";
import { sizeOf, sizeText, symbolOf, symbolsIn } from "./sizes.ts";
import { type Tree, valueOfTree } from "./tree.ts";

/** What graphs of an exported program are made with. */
export interface ExportedGraphOptions {
  /** Types of inputs, by name; needed where the program leaves sizes open. */
  readonly inputs?: { readonly [name: string]: TensorType };
  /** Sizes that the program leaves open, by its names for them: `{ s77: 4 }`. */
  readonly symbols?: { readonly [symbol: string]: number };
  /** Turns of a loop whose end values decide, and sizes that they decide and the program does not bound, at most. */
  readonly atMost?: number;
}

const checkGraph = optionsOf<ExportedGraphOptions>("import", "ExportedModel.graph", () => ({
  inputs: z
    .record(z.string(), z.looseObject({ dtype: z.string(), shape: z.array(z.int().min(0)) }))
    .describe("types of tensors by the names of inputs")
    .optional(),
  symbols: z.record(z.string(), z.int().min(0)).describe("sizes by the program's names for them").optional(),
  atMost: z.int().min(1).optional(),
}));

/** A tensor that the user gives. */
interface TensorInput {
  readonly name: string;
  readonly meta: TensorMeta;
}

/** The nodes of a graph, with those of the graphs in it. */
function* nodesIn(graph: ExportedGraph): Generator<ExportedGraph["nodes"][number]> {
  for (const node of graph.nodes) {
    yield node;
    for (const { arg } of node.inputs) {
      const inner = graphIn(arg);
      if (inner) yield* nodesIn(inner);
    }
  }
}

/** The tensor that an argument names; undefined for others. */
function tensorNamed(argument: ExportedArgument, what: string): string | undefined {
  const read = argumentOf(argument, what);
  return read.kind === "as_tensor" ? read.value.name : undefined;
}

/** A model that torch.export.save wrote. */
export class ExportedModel {
  readonly format = "exported-program";
  readonly #program: ExportedProgram;
  readonly #inputs: readonly TensorInput[];
  readonly #path: string;
  readonly #bytes: number;
  readonly #elements = new Map<StridedTensor, StoredTensor>();
  readonly #onGraph: ((options: ExportedGraphOptions, graph: Graph) => void) | undefined;

  /** `path` is the file that the archive is of, for errors, and `bytes` its size; `onGraph` is told of each graph that is made. */
  constructor(
    archive: TorchArchive,
    bytes: number,
    path: string,
    onGraph?: (options: ExportedGraphOptions, graph: Graph) => void,
  ) {
    this.#program = readExported(archive);
    this.#inputs = tensorInputs(this.#program);
    this.#path = path;
    this.#bytes = bytes;
    this.#onGraph = onGraph;
  }

  /** What the model was called when it was saved. */
  get name(): string {
    return this.#program.name;
  }

  /** Who wrote the file, and the version of its schema. */
  get metadata() {
    const { torchVersion, version } = this.#program;
    const entries: { readonly [name: string]: string } = {};
    return { producer: torchVersion === "" ? "PyTorch" : `PyTorch ${torchVersion}`, schemaVersion: version, entries };
  }

  /** Bytes of its tensors; those that share memory count once. */
  get weightBytes(): number {
    const storages = new Map([...this.#program.tensors.values()].map(({ storage }) => [storage.key, storage.bytes]));
    return [...storages.values()].reduce((sum, each) => sum + each.length, 0);
  }

  /** What it takes: tensors, those of dictionaries and tuples one by one. */
  get inputs(): readonly ModelPort[] {
    return this.#inputs.map(({ name, meta }) => portOf(name, meta));
  }

  /** What it gives. */
  get outputs(): readonly ModelPort[] {
    const { graph, outputs, outputTree } = this.#program;
    const names = outputs.flatMap((spec) =>
      spec.kind === "user_output" ? [tensorNamed(spec.value.arg, "an output") ?? ""] : [],
    );
    return [...namedIn(treeOf(outputTree, names))].map(([name, own]) => {
      const tensor = String(own);
      const meta = Object.hasOwn(graph.tensor_values, tensor) ? graph.tensor_values[tensor] : undefined;
      return meta ? portOf(name, meta) : { name, type: "number" };
    });
  }

  /** How often its nodes call each operator. */
  get operators(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const { target } of nodesIn(this.#program.graph)) {
      const { name } = operatorOf(target);
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    return counts;
  }

  /** Nodes of operators that nothing here defines. */
  get unsupported(): Unsupported[] {
    return [...nodesIn(this.#program.graph)].flatMap((node) => {
      const { name } = operatorOf(node.target);
      if (isSpecial(name) || isKnownOperator(name)) return [];
      return [{ node: placeOf(node), operator: name, reason: "Isochron does not have this operator" }];
    });
  }

  /** The nodes of the program, one a line. */
  toString(): string {
    return [...nodesIn(this.#program.graph)].map(placeOf).join("\n");
  }

  /**
   * The program as a graph whose sizes are all known. Buffers that it writes to are states; inputs that it writes to are outputs too,
   * by their names.
   *
   * Throws `import/size` where a size is left open and not given, or out of its range, `import/name`, `import/type`, and
   * `import/unsupported` and `import/model` with the node.
   */
  graph(options: ExportedGraphOptions = {}): CallableGraph {
    return this.graphs({ graph: options }).graph!;
  }

  /** Graphs for several sizes over the same states, by names of your own, for `compile`. Throws what `graph` throws. */
  graphs(all: { readonly [name: string]: ExportedGraphOptions }): { readonly [name: string]: CallableGraph } {
    for (const options of Object.values(all)) checkGraph(options);
    try {
      const given = Object.entries(all).map(([name, options]) => [name, this.#sizes(options)] as const);
      const graphs = overStates(given, (sizes, states) => this.#trace(sizes, states));
      for (const [name, options] of Object.entries(all)) this.#onGraph?.(options, graphs[name]!);
      return graphs;
    } catch (error) {
      throw errorAt(error, this.#path);
    }
  }

  /**
   * What the model gives for some values, interpreted node by node with the values in hand, so that sizes may depend on them; its
   * buffers begin as the file has them. Throws what `graph` throws.
   */
  interpret(inputs: { readonly [name: string]: ModelValue }): { readonly [name: string]: ModelValue } {
    try {
      const values = Object.entries(inputs).map(([name, value]) => {
        if (isTensorValue(value)) return [name, value] as const;
        throw new IsochronError("import/type", `input "${name}" is no tensor`, { help: "{ dtype, shape, data }" });
      });
      const types = values.map(([name, { dtype, shape }]) => [name, tensorType(dtype, [...shape])] as const);
      const { symbols } = this.#sizes({ inputs: Object.fromEntries(types) });
      const recorder = new EagerRecorder();
      return recording(recorder, () => {
        const given = Object.fromEntries(values.map(([name, value]) => [name, recorder.tensor(value)]));
        const { named } = this.#evaluate(given, symbols, new Map());
        return Object.fromEntries([...named].map(([name, tensor]) => [name, elementsComputed(tensor)]));
      });
    } catch (error) {
      throw errorAt(error, this.#path);
    }
  }

  /** The types of all inputs, and the sizes of all symbols. */
  #sizes({ inputs = {}, symbols: given = {}, atMost }: ExportedGraphOptions) {
    const names = this.#inputs.map(({ name }) => name);
    const known = [...new Set(this.#inputs.flatMap(({ meta }) => meta.sizes.flatMap(symbolsIn)))];
    requireNames("input", Object.keys(inputs), names);
    requireNames("size", Object.keys(given), known);
    const symbols = new Map(Object.entries(given));
    for (const { name, meta } of this.#inputs) {
      const type = Object.hasOwn(inputs, name) ? inputs[name] : undefined;
      if (type) bindSymbols(name, meta, type, symbols);
    }
    this.#requireRanges(symbols);
    const types = this.#inputs.map(({ name, meta }) => {
      const dtype = exportedDtype(meta.dtype, `input "${name}"`);
      const shape = meta.sizes.map((size) => {
        const found = sizeOf(size, symbols);
        if (found !== undefined) return found;
        const open = symbolsIn(size).find((each) => !symbols.has(each));
        const example = meta.sizes.map((each) => sizeOf(each, symbols) ?? "…").join(", ");
        throw new IsochronError(
          "import/size",
          `input "${name}" is ${portOf(name, meta).type}, and ${open} is not given`,
          {
            help: `give it: model.graph({ inputs: { ${name}: tensorType("${dtype}", [${example}]) } })`,
          },
        );
      });
      const own = Object.hasOwn(inputs, name) ? inputs[name] : undefined;
      const differs = own && (own.dtype !== dtype || own.shape.join() !== shape.join());
      if (differs)
        throw new IsochronError(
          own.dtype === dtype ? "import/size" : "import/type",
          `input "${name}" is ${portOf(name, meta).type}, and got ${own.dtype}[${own.shape}]`,
          { help: "give it the type that the model was exported for" },
        );
      return [name, tensorType(dtype, shape)] as const;
    });
    return { types: Object.fromEntries(types), symbols, atMost };
  }

  #requireRanges(symbols: ReadonlyMap<string, number>): void {
    for (const [symbol, size] of symbols) {
      const { min_val: least, max_val: most } = this.#program.ranges[symbol] ?? {};
      if (size >= (least ?? 0) && size <= (most ?? Number.POSITIVE_INFINITY)) continue;
      throw new IsochronError(
        "import/size",
        `${symbol} is ${size}, and the model was exported for ${least ?? 0} to ${most ?? "any size"}`,
        { help: "give it a size in this range, or export the model for others" },
      );
    }
  }

  #trace(
    {
      types,
      symbols,
      atMost,
    }: {
      readonly types: { readonly [name: string]: TensorType };
      readonly symbols: ReadonlyMap<string, number>;
      readonly atMost: number | undefined;
    },
    states: States,
  ): Traced {
    let written: States = new Map();
    const graph = trace(
      (given: { readonly [name: string]: Tensor }) => {
        const found = this.#evaluate(given, symbols, states, atMost);
        written = found.written;
        return Object.fromEntries(found.named);
      },
      types,
      { name: "forward" },
    );
    return { graph: graph as unknown as CallableGraph, written };
  }

  /** Runs the program on tensors of the trace in progress: its results by name, and the tensors of the model that it writes to. */
  #evaluate(
    given: { readonly [name: string]: Tensor },
    symbols: ReadonlyMap<string, number>,
    states: States,
    atMost?: number,
  ): { readonly named: ReadonlyMap<string, Tensor>; readonly written: States } {
    const { graph: exported, inputs, outputs, tensors, outputTree } = this.#program;
    const memories = new Map<StridedTensor, Stored>();
    const budget = new TensorBudget(this.#bytes);
    const stored = (name: string): TorchTensor => {
      const tensor = tensors.get(name);
      if (!tensor) throw exportedError(`the archive does not have "${name}"`);
      const elements = this.#elements.get(tensor) ?? elementsOf(tensor, budget);
      this.#elements.set(tensor, elements);
      const memory = memories.get(tensor) ?? new Stored(name, elements, states.has(name));
      memories.set(tensor, memory);
      return new TorchTensor(memory);
    };
    const own = new Map(Object.entries(given).map(([name, tensor]) => [name, TorchTensor.of(tensor)]));
    const values = inputs.map((spec): TorchValue => {
      const name = tensorNameOf(spec);
      if (name !== undefined) return stored(name);
      if (spec.kind === "constant_input") return argumentValue(spec.value.value, new Map(), "an input");
      if (spec.kind !== "user_input") throw exportedError("an input is neither a tensor of the model nor given");
      const read = argumentOf(spec.value.arg, "an input");
      if (read.kind === "as_tensor") return own.get(read.value.name)!;
      if (read.kind !== "as_sym_int" || !("as_name" in read.value))
        return argumentValue(spec.value.arg, new Map(), "an input");
      const sym = String(read.value.as_name);
      const size = exported.sym_int_values[sym];
      const number = size && sizeOf(size, symbols);
      if (number === undefined)
        throw new IsochronError("import/size", `input "${sym}" is an int that is not given`, {
          help: `give its size: model.graph({ symbols: { ${size ? sizeText(size) : sym}: … } })`,
        });
      return BigInt(number);
    });
    const results = new Runner(this.#program.ranges, atMost).run(exported, values);
    const leaves: TorchValue[] = [];
    for (const [at, spec] of outputs.entries()) {
      const result = results[at]!;
      const write = (target: TorchTensor | undefined): void => {
        if (!target || !(result instanceof TorchTensor)) throw exportedError(`output ${at} is left nowhere`);
        target.write(result.read());
      };
      if (spec.kind === "user_output") leaves.push(result);
      else if (spec.kind === "buffer_mutation") write(stored(spec.value.buffer_name));
      else if (spec.kind === "parameter_mutation") write(stored(spec.value.parameter_name));
      else write(own.get(spec.value.user_input_name));
    }
    const written = new Map([...memories.values()].flatMap((each) => (each.written ? [[each.name, undefined]] : [])));
    const named = tensorsOf(resultsIn(treeOf(outputTree, leaves)));
    for (const [name, tensor] of own) {
      const now = tensor.read();
      if (now.value !== given[name]!.value) named.set(name, now);
    }
    if (named.size === 0) for (const each of memories.values()) if (each.written) named.set(each.name, each.read());
    return { named, written };
  }
}

/** The value that results are, one after the other; of a program that does not say of which tree they are, a tuple. */
function treeOf(tree: Tree | undefined, leaves: readonly TorchValue[]): TorchValue {
  if (tree) return valueOfTree(tree, leaves);
  return leaves.length === 1 ? leaves[0]! : new TorchTuple(leaves);
}

/** The tensors that the user gives, in their order. Throws `import/model`, `import/unsupported`. */
function tensorInputs({ inputs, graph }: ExportedProgram): TensorInput[] {
  return inputs.flatMap((spec) => {
    if (spec.kind !== "user_input") return [];
    const name = tensorNamed(spec.value.arg, "an input");
    if (name === undefined) return [];
    const meta = Object.hasOwn(graph.tensor_values, name) ? graph.tensor_values[name] : undefined;
    if (!meta) throw exportedError(`the type of input "${name}" is not there`);
    return [{ name, meta }];
  });
}

function portOf(name: string, { dtype, sizes }: TensorMeta): ModelPort {
  const element = exportedDtype(dtype, `"${name}"`);
  const shape = sizes.map((size) => ("as_int" in size ? size.as_int : (symbolOf(size) ?? sizeText(size))));
  return { name, dtype: element, shape, type: `${element}[${shape.join(",")}]` };
}

/** Takes the sizes of symbols from the type of an input. Throws `import/size`. */
function bindSymbols(name: string, { sizes }: TensorMeta, { shape }: TensorType, symbols: Map<string, number>): void {
  if (shape.length !== sizes.length)
    throw new IsochronError("import/size", `input "${name}" has ${sizes.length} dimensions, and got ${shape.length}`, {
      help: "give it the type that the model was exported for",
    });
  for (const [at, size] of sizes.entries()) {
    const symbol = symbolOf(size);
    const given = shape[at];
    if (symbol === undefined || typeof given !== "number") continue;
    const known = symbols.get(symbol);
    if (known !== undefined && known !== given)
      throw new IsochronError(
        "import/size",
        `${symbol} is ${known}, and dimension ${at} of input "${name}" is ${given}`,
        {
          help: `these are the same size: give both ${known} or both ${given}`,
        },
      );
    symbols.set(symbol, given);
  }
}

function requireNames(what: string, names: readonly string[], known: readonly string[]): void {
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new IsochronError("import/name", `the model has no ${what} "${unknown}"`, {
    help: withMeant(nearest(unknown, known), `it has ${known.map((each) => `"${each}"`).join(", ") || "none"}`),
  });
}
