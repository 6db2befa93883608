// A model of a TorchScript file: its methods, and the graphs that they become for given types.
import { z } from "zod";
import { errorAt, IsochronError, isFloatDtype, nearest, optionsOf, withMeant } from "../../../kernels/index.ts";
import type { CallableGraph } from "../../capture/called-graph.ts";
import type { Tensor } from "../../capture/tensor.ts";
import { trace } from "../../capture/trace.ts";
import type { Graph } from "../../graph/graph.ts";
import { type TensorType, tensorType } from "../../graph/tensor-type.ts";
import type { Unsupported } from "../onnx/model.ts";
import type { ModelPort } from "../onnx/ports.ts";
import type { ModelValue } from "../onnx/values/value.ts";
import type { StoredTensor } from "../stored-tensors.ts";
import { olderLayout, type TorchArchive } from "./archive.ts";
import { torchMisfit, unsupportedTorch } from "./call.ts";
import { calledOperators } from "./called-operators.ts";
import { Evaluator } from "./evaluator.ts";
import { argumentsOf, type GraphArguments, graphArguments } from "./graph-arguments.ts";
import { TorchInterpreter } from "./interpreter.ts";
import { Loader, type States } from "./load-values.ts";
import { overStates, type Result, resultsIn, tensorsOf } from "./made-graphs.ts";
import { isKnownOperator } from "./operators/index.ts";
import { PickledObject, type PickledValue, readProgram, type TorchProgram, tensorIn } from "./program.ts";
import { printSource } from "./source/print.ts";
import type { FunctionDefinition } from "./source/syntax.ts";
import { type TorchType, typeText } from "./source/types.ts";
import { type StridedTensor, TensorBudget } from "./tensors.ts";
import { TorchObject } from "./values.ts";

/** A parameter of a method. */
export interface TorchParameter {
  readonly name: string;
  /** As annotations write it: `Tensor`, `Optional[Tensor]`, `List[int]`. */
  readonly type: string;
}

/** A method of a model: what it takes and gives, as its source says. */
export interface TorchMethod {
  readonly name: string;
  readonly parameters: readonly TorchParameter[];
  readonly returns: string;
}

/** A result of a method: an output of its graph by its name, or a text that was fixed when the graph was made. */
export interface TorchResult {
  readonly name: string;
  readonly text?: string;
  /** The list whose length values decide of which the output holds one part of all elements, one behind the other. */
  readonly list?: string;
}

/** What graphs of a TorchScript model are made with. */
export interface TorchGraphOptions {
  /** Which method; `forward` unless given. */
  readonly method?: string;
  /** Types of parameters that are tensors, values of others, and of lists and tuples those of their elements. */
  readonly inputs?: GraphArguments;
  /** Turns of a loop whose end values decide, 1,000 unless given, and sizes that they decide, at most; more are a fault of the step. */
  readonly atMost?: number;
}

const checkGraph = optionsOf<TorchGraphOptions>("import", "TorchModel.graph", () => ({
  method: z.string().min(1).optional(),
  atMost: z.int().min(1).optional(),
  inputs: graphArguments.optional(),
}));

const plainType = (type: TorchType | undefined): string => (type ? typeText(type) : "Tensor");

/** Refuses archives of PyTorch that hold neither TorchScript nor an exported program, with what they hold. Throws `import/unsupported`. */
export function requireProgram(archive: TorchArchive): TorchArchive {
  const names = [...archive.entries.keys()];
  const has = (start: string): boolean => names.some((name) => name.startsWith(start));
  if (has("code/") && has("data.pkl")) return archive;
  if (has("data/aotinductor/"))
    throw unsupportedTorch(
      "it is a package of AOTInductor, machine code of PyTorch's own",
      "save the model by torch.jit.save or as ONNX",
    );
  if (has("serialized_exported_program")) throw olderLayout();
  if (has("archive_format"))
    throw unsupportedTorch(
      "it is a package of PyTorch without a program (models/*.json)",
      "save the model by torch.export.save",
    );
  if (has("data.pkl"))
    throw unsupportedTorch(
      "it holds tensors, and no model that uses them",
      "read them by loadTensors, or save the model by torch.jit.save",
    );
  throw unsupportedTorch("it is a ZIP archive that PyTorch did not write", "name a file of torch.jit.save");
}

/** A model that torch.jit.save wrote. */
export class TorchModel {
  readonly format = "torchscript";
  readonly #program: TorchProgram;
  readonly #path: string;
  readonly #elements = new Map<StridedTensor, StoredTensor>();
  readonly #bytes: number;
  readonly #results = new WeakMap<object, readonly TorchResult[]>();
  readonly #extra: { readonly [name: string]: string };
  readonly #onGraph: ((options: TorchGraphOptions, graph: Graph) => void) | undefined;

  /** `path` is the file that the archive is of, for errors, and `bytes` its size; `onGraph` is told of each graph that is made. */
  constructor(
    archive: TorchArchive,
    bytes: number,
    path: string,
    onGraph?: (options: TorchGraphOptions, graph: Graph) => void,
  ) {
    this.#onGraph = onGraph;
    this.#program = readProgram(archive, path);
    this.#path = path;
    this.#bytes = bytes;
    const extra = [...archive.entries].filter(([name]) => name.startsWith("extra/"));
    this.#extra = Object.fromEntries(
      extra.map(([name, data]) => [name.slice("extra/".length), Buffer.from(data).toString("utf8")]),
    );
  }

  /** The class that was saved. */
  get name(): string {
    return this.#program.root.type.name;
  }

  /** Who wrote the file, the version of its format, and the files that were saved with it (`_extra_files`). */
  get metadata() {
    return { producer: "PyTorch", formatVersion: this.#program.version, entries: this.#extra };
  }

  /** Bytes of its tensors; those that share memory count once. */
  get weightBytes(): number {
    const storages = new Map(
      [this.#program.root, ...this.#program.constants]
        .flatMap((each) => [...tensorsIn(each)])
        .map(({ storage }) => [storage.bytes, storage.bytes.length]),
    );
    return [...storages.values()].reduce((sum, each) => sum + each, 0);
  }

  get #definitions(): readonly FunctionDefinition[] {
    const defined = this.#program.classes.get(this.#program.root.type.full)?.definition;
    return defined?.kind === "class" ? defined.methods : [];
  }

  /** Methods that the saved object has, in the order of the file. */
  get methods(): readonly TorchMethod[] {
    return this.#definitions.map(({ name, parameters, returns }) => ({
      name,
      parameters: parameters.slice(1).map((each) => ({ name: each.name, type: plainType(each.type) })),
      returns: plainType(returns),
    }));
  }

  /** What `forward` takes; TorchScript does not say of what shape tensors are. */
  get inputs(): readonly ModelPort[] {
    return this.methods.find(({ name }) => name === "forward")?.parameters ?? [];
  }

  /** What `forward` gives. */
  get outputs(): readonly ModelPort[] {
    const found = this.methods.find(({ name }) => name === "forward");
    return found ? [{ name: "y", type: found.returns }] : [];
  }

  /** How often the source calls each operator. */
  get operators(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const { name } of calledOperators(this.#program)) counts.set(name, (counts.get(name) ?? 0) + 1);
    return counts;
  }

  /** Calls of operators that nothing here defines. Where they are never reached, a graph is made all the same. */
  get unsupported(): Unsupported[] {
    return calledOperators(this.#program)
      .filter(({ name }) => !isKnownOperator(name))
      .map(({ name, place }) => ({ node: place, operator: name, reason: "Isochron does not have this operator" }));
  }

  /** The source of all files. */
  toString(): string {
    const files = [...this.#program.classes.values(), ...this.#program.functions.values()];
    return files.map(({ definition, file }) => printSource({ file, definitions: [definition] })).join("\n");
  }

  /**
   * The graph of a method. Tensors of the model that it writes to are states; parameters and what is never written are constants.
   *
   * Throws `import/name`, `import/size` where a tensor's type is not given, and `import/unsupported` and `import/model` with the line
   * of the source.
   */
  graph(options: TorchGraphOptions = {}): CallableGraph {
    return this.graphs({ graph: options }).graph!;
  }

  /**
   * Graphs over the same states, by names of your own, for `compile`: what one writes to, others read.
   *
   * @example
   * ```ts
   * import type { TorchModel } from "isochron/import";
   * import { compile, tensorType } from "isochron";
   *
   * const programOf = (model: TorchModel) =>
   *   compile(model.graphs({ forward: { inputs: { x: tensorType("f32", [1, 47]) } }, reset: { method: "reset_memory" } }));
   * ```
   */
  graphs(methods: { readonly [name: string]: TorchGraphOptions }): { readonly [name: string]: CallableGraph } {
    for (const options of Object.values(methods)) checkGraph(options);
    try {
      const found = Object.entries(methods).map(([name, options]) => {
        const method = this.#method(options.method ?? "forward");
        this.#requireParameters(method, options.inputs);
        return { name, method, options };
      });
      const graphs = this.#graphs(found);
      for (const { name, options } of found) this.#onGraph?.(options, graphs[name]!);
      return graphs;
    } catch (error) {
      throw errorAt(error, this.#path);
    }
  }

  /** What the method gives of which a graph was made, in its order: outputs of the graph, and texts. None is not among them. */
  results(graph: CallableGraph): readonly TorchResult[] {
    return this.#results.get(graph) ?? [];
  }

  /** The graphs of methods over one set of states. */
  #graphs(
    found: readonly { readonly name: string; readonly method: TorchMethod; readonly options: TorchGraphOptions }[],
  ): { readonly [name: string]: CallableGraph } {
    const all = found.map(({ name, ...given }) => [name, given] as const);
    return overStates(all, ({ method, options }, states) => this.#trace(method, options, states));
  }

  /**
   * What `forward` gives for some values, interpreted; its states begin as the file has them.
   *
   * Throws `import/name`, `import/type`, and what `interpreter().run` throws.
   */
  interpret(inputs: { readonly [name: string]: ModelValue }): { readonly [name: string]: ModelValue } {
    this.#requireParameters(this.#method("forward"), inputs);
    return this.interpreter().named("forward", inputs);
  }

  /**
   * The model with values in hand, for what no graph can be made of: texts, lists and dictionaries that values decide, shapes that
   * change. Its methods run one after the other over the same objects, whose states begin as the file has them.
   */
  interpreter(): TorchInterpreter {
    return new TorchInterpreter(this.#program, this.#elements, this.#bytes, this.#path);
  }

  /**
   * The type that the one tensor of a method probably has, which TorchScript does not say: one row of as many numbers as the first
   * weight takes with which a graph can be made. Undefined where there is no such.
   */
  likelyInputs(method = "forward"): { readonly [name: string]: TensorType } | undefined {
    const definition = this.#definitions.find(({ name }) => name === method);
    const open = definition?.parameters.slice(1).filter((each) => each.default === undefined) ?? [];
    const [parameter, ...others] = open;
    if (!parameter || others.length > 0 || plainType(parameter.type) !== "Tensor") return undefined;
    const rows = new Map<string, TensorType>();
    for (const { dtype, shape } of tensorsIn(this.#program.root))
      if (shape.length === 2 && isFloatDtype(dtype))
        rows.set(`${dtype} ${shape[1]}`, tensorType(dtype, [1, shape[1]!]));
    for (const type of rows.values()) {
      const inputs = { [parameter.name]: type };
      try {
        this.#graphs([{ name: method, method: this.#method(method), options: { method, inputs } }]);
        return inputs;
      } catch (error) {
        if (!(error instanceof IsochronError)) throw error;
      }
    }
    return undefined;
  }

  #method(name: string): TorchMethod {
    const all = this.methods;
    const found = all.find((each) => each.name === name);
    if (found) return found;
    const names = all.map((each) => each.name);
    throw new IsochronError("import/name", `${this.name} has no method "${name}"`, {
      help: withMeant(nearest(name, names), `it has ${names.join(", ")}`),
    });
  }

  /** Refuses inputs that the method does not have. Throws `import/name`. */
  #requireParameters({ parameters }: TorchMethod, inputs: { readonly [name: string]: unknown } = {}): void {
    const known = parameters.map(({ name }) => name);
    const unknown = Object.keys(inputs).find((name) => !known.includes(name));
    if (unknown === undefined) return;
    throw new IsochronError("import/name", `the model has no input "${unknown}"`, {
      help: withMeant(nearest(unknown, known), `it has ${known.map((each) => `"${each}"`).join(", ") || "none"}`),
    });
  }

  #trace(method: TorchMethod, { inputs = {}, atMost }: TorchGraphOptions, states: States) {
    const definition = this.#definitions.find(({ name }) => name === method.name);
    const parameters = method.parameters.map((each) => {
      const isOptional = definition?.parameters.find(({ name }) => name === each.name)?.default !== undefined;
      return { ...each, isOptional };
    });
    const { types, make } = argumentsOf(method.name, parameters, inputs);
    let written: States = new Map();
    let results: readonly Result[] = [];
    const graph = trace(
      (tensors: { readonly [name: string]: Tensor }) => {
        const loader = new Loader(states, this.#elements, new TensorBudget(this.#bytes));
        const root = loader.load(this.#program.root, "");
        const evaluator = new Evaluator(
          this.#program,
          this.#program.constants.map((each, at) => loader.load(each, `constant${at}`)),
          atMost,
        );
        if (!(root instanceof TorchObject)) throw torchMisfit("the archive holds no object");
        const result = evaluator.call(evaluator.method(root, method.name)!, [root], make(tensors));
        loader.finish();
        written = loader.written;
        results = resultsIn(result);
        const outputs = tensorsOf(results);
        // A method that only leaves states shows what it left, since a graph gives something.
        if (outputs.size === 0) for (const each of loader.stored) if (each.written) outputs.set(each.name, each.read());
        return Object.fromEntries(outputs);
      },
      types,
      { name: method.name === "forward" ? this.name : `${this.name}.${method.name}` },
    );
    this.#results.set(
      graph,
      results.map((each) => {
        if ("text" in each) return each;
        const { tensor: _, ...named } = each;
        return named;
      }),
    );
    return { graph: graph as unknown as CallableGraph, written };
  }
}

/** The tensors of the saved object, in the order of the file. */
function* tensorsIn(value: PickledValue): Generator<StridedTensor> {
  const tensor = tensorIn(value);
  if (tensor) yield tensor;
  else if (value instanceof PickledObject && value.state instanceof Map)
    for (const each of value.state.values()) yield* tensorsIn(each);
}
