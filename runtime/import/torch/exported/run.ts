// Runs the graph of an exported program on values, whose tensors are those of a trace in progress: node by node, with its regions.
import { IsochronError } from "../../../../kernels/index.ts";
import { scan } from "../../../capture/control-flow.ts";
import { stack, type Tensor } from "../../../capture/tensor.ts";
import { itemsOfTorch, torchMisfit, unsupportedTorch } from "../call.ts";
import { computedOf } from "../eager-recorder.ts";
import { Evaluator } from "../evaluator.ts";
import { fault } from "../flow/fault.ts";
import { defaultTurns, raised, Statements } from "../flow/statements.ts";
import { mostStatements } from "../frame.ts";
import { fixedNumbers } from "../known.ts";
import { torchOperators } from "../operators/index.ts";
import { type Bounds, kindOfTorch, TorchNumber, TorchTensor, TorchTuple, type TorchValue } from "../values.ts";
import { argumentValue, graphIn, type Names, resultNames } from "./arguments.ts";
import type { ExportedProgram } from "./program.ts";
import { type ExportedGraph, type ExportedNode, exportedError } from "./schema.ts";
import { symbolOf } from "./sizes.ts";

/** Graphs within graphs, at most. */
const mostDeep = 50;

const noKeywords: ReadonlyMap<string, TorchValue> = new Map();

/** The operator that a target is: `torch.ops.aten.add.Tensor` is `add`, of overload `Tensor`. */
export function operatorOf(target: string): { readonly name: string; readonly overload: string } {
  const [, library, name = target, overload = ""] = /^torch\.ops\.(\w+)\.(\w+)(?:\.(\w+))?$/.exec(target) ?? [];
  if (library === "aten" || library === "higher_order")
    return { name, overload: overload === "default" ? "" : overload };
  if (library !== undefined) return { name: `${library}::${name}`, overload };
  return { name: target.replace(/^(_operator|math|torch)\./, ""), overload: "" };
}

/** Python's names of functions of numbers, as TorchScript calls them. */
const numberNames: { readonly [name: string]: string } = {
  truediv: "div",
  floordiv: "floordiv",
  mod: "remainder",
  not_: "__not__",
  and_: "__and__",
  or_: "__or__",
  sym_not: "__not__",
  sym_max: "max",
  sym_min: "min",
  sym_int: "Int",
  sym_float: "Float",
};

/** The line of the source that a node comes from, as its stack trace says. */
function sourceOf({ metadata }: ExportedNode): string | undefined {
  const trace = metadata.stack_trace;
  if (typeof trace !== "string") return undefined;
  const found = [...trace.slice(-10_000).matchAll(/File "([^"\n]{1,300})", line (\d+)/g)].at(-1);
  return found && `${found[1]}:${found[2]}`;
}

/** Where errors of a node are. */
export function placeOf(node: ExportedNode): string {
  const results = node.outputs.flatMap((each) => resultNames(each, "a result") ?? []).join(", ");
  const source = sourceOf(node);
  return `${results === "" ? "" : `${results} = `}${node.target}${source === undefined ? "" : ` (${source})`}`;
}

/** Between which numbers symbols lie. */
type Ranges = ExportedProgram["ranges"];

/** Functions of whole graphs and of what only exported programs have, by name. */
type Special = (node: ExportedNode, values: readonly TorchValue[]) => TorchValue;

/** Runs graphs within one trace. */
export class Runner {
  readonly #evaluator: Evaluator;
  readonly #ranges: Ranges;
  readonly #atMost: number | undefined;
  /** What stands in the graphs that run, and what loops carry. */
  readonly #names: Names[] = [];
  readonly #flow = new Statements(() => this.#names);
  #count = 0;

  /** `ranges` are those of the symbols, `atMost` bounds loops and sizes that have none. */
  constructor(ranges: Ranges, atMost?: number) {
    this.#ranges = ranges;
    this.#atMost = atMost;
    const program = {
      name: "",
      version: 0,
      classes: new Map(),
      functions: new Map(),
      constants: [],
      root: null as never,
    };
    this.#evaluator = new Evaluator(program, [], atMost);
  }

  /** What a graph gives for some values of its inputs. */
  run(graph: ExportedGraph, given: readonly TorchValue[]): readonly TorchValue[] {
    if (this.#names.length >= mostDeep) throw exportedError(`graphs lie more than ${mostDeep} deep in each other`);
    if (given.length !== graph.inputs.length)
      throw exportedError(`a graph takes ${graph.inputs.length} values, and is given ${given.length}`);
    const names: Names = new Map();
    for (const [at, input] of graph.inputs.entries()) {
      const name = resultNames(input, `input ${at}`);
      if (typeof name === "string") this.#define(names, name, given[at]!);
    }
    this.#names.push(names);
    try {
      for (const node of graph.nodes) this.#placed(node, names, graph);
      return graph.outputs.map((output, at) => argumentValue(output, names, `output ${at}`));
    } finally {
      this.#names.pop();
    }
  }

  #define(names: Names, name: string, value: TorchValue): void {
    if (names.has(name)) throw exportedError(`two values are called "${name}"`);
    names.set(name, value);
  }

  #placed(node: ExportedNode, names: Names, graph: ExportedGraph): void {
    const around = this.#evaluator.place;
    this.#evaluator.place = () => `at node ${placeOf(node)}`;
    try {
      if (++this.#count > mostStatements) throw unsupportedTorch(`more than ${mostStatements} nodes run`);
      this.#results(node, this.#ranged(node, this.#apply(node, names), graph), names);
    } catch (error) {
      if (!(error instanceof IsochronError) || error.details.some((each) => each.startsWith("at node "))) throw error;
      const { message, details, help, cause, place } = error;
      const code = error.code === "tensor/unknown-size" ? "import/unsupported" : error.code;
      throw new IsochronError(code, message, {
        details: [...details, `at node ${placeOf(node)}`],
        cause,
        ...(help === undefined ? {} : { help }),
        ...(place === undefined ? {} : { place }),
      });
    } finally {
      this.#evaluator.place = around;
    }
  }

  /** A number that values decide, with the range that the program holds its symbol to. */
  #ranged({ outputs: [output] }: ExportedNode, value: TorchValue, { sym_int_values }: ExportedGraph): TorchValue {
    if (!(value instanceof TorchNumber) || value.kind !== "int" || value.bounds || !output) return value;
    const name = resultNames(output, "a result");
    const size = typeof name === "string" && Object.hasOwn(sym_int_values, name) ? sym_int_values[name] : undefined;
    const symbol = size && symbolOf(size);
    const range = symbol !== undefined && Object.hasOwn(this.#ranges, symbol) ? this.#ranges[symbol] : undefined;
    if (!range) return value;
    const { min_val: least, max_val: most } = range;
    return within(value, { least: least ?? -mostSize, most: most ?? mostSize }, symbol!);
  }

  /** Gives the results of a node their names. */
  #results({ outputs }: ExportedNode, value: TorchValue, names: Names): void {
    const wanted = outputs.map((each, at) => resultNames(each, `result ${at}`));
    const items = itemsOfTorch(value);
    const isOne = wanted.length === 1 && (typeof wanted[0] === "string" ? !items : true);
    const values = isOne ? [value] : (items ?? []);
    if (wanted.length > values.length)
      throw exportedError(`it gives ${kindOfTorch(value)}, and ${wanted.length} results are expected`);
    for (const [at, name] of wanted.entries()) {
      if (typeof name === "string") this.#define(names, name, values[at]!);
      else if (name) {
        const list = itemsOfTorch(values[at]!) ?? [];
        if (list.length !== name.length)
          throw exportedError(`it gives ${list.length} tensors, and ${name.length} are expected`);
        for (const [index, each] of name.entries()) this.#define(names, each, list[index]!);
      }
    }
  }

  #apply(node: ExportedNode, names: Names): TorchValue {
    const { name, overload } = operatorOf(node.target);
    const special = Object.hasOwn(this.#special, name) ? this.#special[name] : undefined;
    const inputs = node.inputs.filter(({ arg }) => graphIn(arg) === undefined);
    const values = inputs.map(({ name, arg }, at) => argumentValue(arg, names, `argument ${name || at}`));
    if (special) return special(node, values);
    if (node.target.startsWith("torch.ops.higher_order."))
      throw unsupportedTorch(`${node.target} is not there`, "write it as cond, while_loop, scan or map, or without it");
    const { positional, keywords } = placed(name, overload, inputs, values);
    return this.#evaluator.apply(Object.hasOwn(numberNames, name) ? numberNames[name]! : name, positional, keywords);
  }

  /** A condition as a bool where it is known, and else as a tensor. */
  #condition(value: TorchValue | undefined): boolean | Tensor<"bool"> {
    if (typeof value === "boolean") return value;
    const tensor =
      value instanceof TorchTensor ? value.read() : value instanceof TorchNumber ? value.tensor : undefined;
    if (tensor?.type.dtype !== "bool" || tensor.type.shape.some((size) => size !== 1))
      throw torchMisfit(`the condition is ${kindOfTorch(value ?? null)} instead of a bool`);
    const known = fixedNumbers(tensor)?.[0];
    if (known !== undefined) return known === true;
    return (tensor.type.shape.length === 0 ? tensor : tensor.reshape([])) as Tensor<"bool">;
  }

  /** The graphs among the arguments of a node. */
  #graphs({ inputs, target }: ExportedNode, count: number): readonly ExportedGraph[] {
    const graphs = inputs.flatMap(({ arg }) => graphIn(arg) ?? []);
    if (graphs.length === count) return graphs;
    throw exportedError(`${target} has ${graphs.length} graphs instead of ${count}`);
  }

  /** Runs a graph along the first dimension of sequences: what it carries on last, and what it gives of each element. */
  #along(
    body: ExportedGraph,
    carried: readonly TorchValue[],
    sequences: readonly TorchValue[],
    others: readonly TorchValue[],
  ): { readonly left: readonly TorchValue[]; readonly kept: readonly TorchValue[] } {
    const tensorsIn = (values: readonly TorchValue[], what: string): readonly Tensor[] =>
      values.map((each) => {
        if (each instanceof TorchTensor) return each.read();
        throw torchMisfit(`${what} is ${kindOfTorch(each)}`);
      });
    const [initial, xs] = [tensorsIn(carried, "what scan carries"), tensorsIn(sequences, "a sequence of scan")];
    const step = (now: readonly Tensor[], elements: readonly Tensor[], around: readonly TorchValue[]) => {
      const given = [...now, ...elements].map((each) => TorchTensor.of(each));
      const results = tensorsIn(this.run(body, [...given, ...around]), "what a turn of scan gives");
      return [results.slice(0, initial.length), results.slice(initial.length)] as const;
    };
    const wrapped = (tensors: readonly Tensor[]): readonly TorchValue[] => tensors.map((each) => TorchTensor.of(each));
    const [first] = xs;
    if (first && !computedOf(first.value)) {
      // A turn sees nothing of outside but what it is given, and passes on.
      const outer = others.flatMap((each) => (each instanceof TorchTensor ? [each.read()] : []));
      const turn = (now: readonly Tensor[], elements: readonly Tensor[]) => {
        const passed = now.slice(initial.length);
        let next = 0;
        const around = others.map((each) => (each instanceof TorchTensor ? TorchTensor.of(passed[next++]!) : each));
        const [left, kept] = step(now.slice(0, initial.length), elements, around);
        return [[...left, ...passed], kept] as const;
      };
      type All = readonly Tensor[];
      const [left, kept] = scan<All, All, All>(turn, [...initial, ...outer], xs);
      return { left: wrapped(left.slice(0, initial.length)), kept: wrapped(kept) };
    }
    let left = initial;
    const kept: (readonly Tensor[])[] = [];
    for (let turn = 0; turn < Number(first?.type.shape[0] ?? 0); turn++) {
      const [next, made] = step(
        left,
        xs.map((each) => each.slice([turn, turn + 1]).squeeze(0)),
        others,
      );
      left = next;
      kept.push(made);
    }
    const all = (kept[0] ?? []).map((_, at) =>
      stack(
        kept.map((each) => each[at]!),
        0,
      ),
    );
    return { left: wrapped(left), kept: wrapped(all) };
  }

  readonly #special: { readonly [name: string]: Special } = {
    cond: (node, [test, operands = []]) => {
      const [then, otherwise] = this.#graphs(node, 2);
      const given = itemsOfTorch(operands) ?? [];
      const predicate = this.#condition(test);
      const run = (graph: ExportedGraph) => new TorchTuple(this.run(graph, given));
      if (typeof predicate === "boolean") return run(predicate ? then! : otherwise!);
      return this.#flow.choose(
        predicate,
        () => run(then!),
        () => run(otherwise!),
      );
    },
    while_loop: (node, [carried = [], others = []]) => {
      const [test, body] = this.#graphs(node, 2);
      const rest = itemsOfTorch(others) ?? [];
      const now: Names = new Map((itemsOfTorch(carried) ?? []).map((each, at) => [`${at}`, each]));
      const asked = () => this.#condition(this.run(test!, [...now.values(), ...rest])[0]);
      this.#names.push(now);
      try {
        if (asked() !== false)
          this.#flow.repeat({
            test: asked,
            body: () => {
              const next = this.run(body!, [...now.values(), ...rest]);
              if (next.length !== now.size)
                throw exportedError(`a turn of the loop gives ${next.length} values, and takes ${now.size}`);
              for (const [at, each] of next.entries()) now.set(`${at}`, each);
            },
            atMost: this.#atMost ?? defaultTurns,
          });
      } finally {
        this.#names.pop();
      }
      return new TorchTuple([...now.values()]);
    },
    scan: (node, [initial = [], sequences = [], others = []]) => {
      const [body] = this.#graphs(node, 1);
      const [carried, xs, rest] = [initial, sequences, others].map((each) => itemsOfTorch(each) ?? []);
      const { left, kept } = this.#along(body!, carried!, xs!, rest!);
      return new TorchTuple([...left, ...kept]);
    },
    // Each element alone, and all results one after the other.
    map_impl: (node, [sequences = [], others = []]) => {
      const [body] = this.#graphs(node, 1);
      const [xs, rest] = [sequences, others].map((each) => itemsOfTorch(each) ?? []);
      return new TorchTuple(this.#along(body!, [], xs!, rest!).kept);
    },
    sym_size: (_, [self, dim]) => {
      if (!(self instanceof TorchTensor)) throw torchMisfit(`the size of ${kindOfTorch(self ?? null)} is asked for`);
      return this.#evaluator.apply("size", [self, dim ?? null], noKeywords);
    },
    sym_numel: (_, [self]) => this.#evaluator.apply("numel", [self ?? null], noKeywords),
    _assert_scalar: (_, [test, message]) => {
      const condition = this.#condition(test);
      const fail = (): TorchValue => {
        throw raised(typeof message === "string" ? message : "an assertion does not hold");
      };
      if (condition === false) return fail();
      return condition === true ? null : this.#flow.choose(condition, () => null, fail);
    },
    // What is said here of sizes and tensors, the graph's own types say.
    sym_constrain_range: () => null,
    sym_constrain_range_for_size: () => null,
    _assert_tensor_metadata: () => null,
  };
}

/** What is greater is no bound: PyTorch's greatest int. */
const mostSize = 2 ** 53;

/** A number that is held to a range: one outside is a fault of the step. */
function within({ tensor }: TorchNumber, { least, most }: Bounds, symbol: string): TorchNumber {
  const number = tensor as Tensor<"i64">;
  const [below, above] = [Math.max(least, -mostSize) > -mostSize, Math.min(most, mostSize) < mostSize];
  const outside = [...(below ? [number.less(least)] : []), ...(above ? [number.greater(most)] : [])];
  if (outside.length > 0)
    fault(
      outside.reduce((a, b) => a.or(b)),
      `${symbol} is not from ${below ? least : "any number"} to ${above ? most : "any number"}, for which the model was exported`,
    );
  return new TorchNumber("int", tensor, { least: below ? least : -Infinity, most: above ? most : Infinity });
}

type NodeInput = ExportedNode["inputs"][number];

/** Arguments by place as far as they go, and the others by name: in the order of the operator's schema where there is one. */
function placed(name: string, overload: string, inputs: readonly NodeInput[], values: readonly TorchValue[]) {
  const given = new Map(inputs.map((each, at) => [each.name, values[at]!]));
  const plain = torchOperators.has(name) ? name : name.replace(/_$/, "");
  const schema = torchOperators
    .get(plain)
    ?.map((each) => each.schema)
    .find(
      (each) =>
        each.overload === overload &&
        given.size === inputs.length &&
        [...given.keys()].every((key) => each.arguments.some((argument) => argument.name === key)),
    );
  if (!schema) {
    const isKeyword = ({ kind }: NodeInput): boolean => kind === 2;
    return {
      positional: values.filter((_, at) => !isKeyword(inputs[at]!)),
      keywords: new Map(inputs.flatMap((each, at) => (isKeyword(each) ? [[each.name, values[at]!] as const] : []))),
    };
  }
  const positional: TorchValue[] = [];
  for (const argument of schema.arguments) {
    if (argument.keywordOnly || !given.has(argument.name)) break;
    positional.push(given.get(argument.name)!);
    given.delete(argument.name);
  }
  return { positional, keywords: given as ReadonlyMap<string, TorchValue> };
}

/** Whether a name is one of what only exported programs have. */
export const isSpecial = (name: string): boolean => specialNames.has(name) || Object.hasOwn(numberNames, name);

const specialNames: ReadonlySet<string> = new Set([
  "cond",
  "while_loop",
  "scan",
  "map_impl",
  "sym_size",
  "sym_numel",
  "_assert_scalar",
  "sym_constrain_range",
  "sym_constrain_range_for_size",
  "_assert_tensor_metadata",
]);
