// Lowers a simplified graph to kernels over memory: decides what is computed where it is read, and what is kept.

import {
  bytesOf,
  type Choice,
  type Expression,
  type Front,
  type Grain,
  generators,
  IsochronError,
  type Kernel,
  splitKernel,
  type Target,
} from "../../kernels/index.ts";
import { type Graph, type Node, producersOf, type Value } from "../graph/graph.ts";
import { numberIn, showTensorType, staticShape } from "../graph/tensor-type.ts";
import { isUniform, type Weights } from "../graph/weights.ts";
import type { Border } from "../operators/index.ts";
import { isStridedView, planFusion } from "./fusion.ts";
import { destinationOf, type KernelCall, KernelContext, type Operand, viewIn, viewOf } from "./kernel-call.ts";
import { type Limit, Limits } from "./limits.ts";
import { lowerControl } from "./lower-control.ts";
import { type Memory, tensorMemory } from "./memory.ts";
import { type Place, partOf, partsOf, planPlaces, reshapedPlace, samePlace, wholeOf } from "./placement.ts";
import { groupRows, type RowGroup } from "./row-groups.ts";
import type { Step } from "./step-tree.ts";

type Source = generators.Source;
type LaneIndex = generators.LaneIndex;

/** What all parts of a step are lowered with. */
interface Setting {
  readonly target: Target;
  readonly weights: Weights;
  readonly grain: Grain | undefined;
  /** Kernels so far. */
  kernels: number;
  /** The faults that the step may end with; their codes count from 1. */
  readonly faults: string[];
  /** The label of the kernel that is being made, for errors. */
  making: string;
}

/** Where what a graph reads lies, and where what it leaves shall lie; what need not be left has no memory. */
interface Bindings {
  readonly inputs: readonly Place[];
  readonly states: readonly Place[];
  readonly outputs: readonly (Memory | undefined)[];
  readonly next: readonly Memory[];
}

class Lowering {
  readonly #graph: Graph;
  readonly #limits: Limits;
  readonly #setting: Setting;
  readonly #bindings: Bindings;
  readonly #target: Target;
  readonly #producers: Map<Value, Node>;
  /** Where inputs, states and constants lie, and what kernels have stored so far. */
  readonly #places = new Map<Value, Place>();
  /** Where views of them lie, as far as it has been asked for. */
  readonly #derived = new Map<Value, Place>();
  readonly #uniform = new Map<Value, number | bigint>();
  /** What the nodes before the element being written have given for it. */
  #evaluated:
    | Map<Node, { readonly index: readonly LaneIndex[]; readonly lanes: number; readonly value: Expression }>
    | undefined;
  readonly #steps: Step[] = [];
  /** What was chosen since the last kernel, by the problems' names. */
  readonly #choices = new Map<string, Choice>();

  constructor(graph: Graph, setting: Setting, bindings: Bindings) {
    this.#graph = graph;
    this.#limits = new Limits(graph, (value) => this.#placeOf(value));
    this.#setting = setting;
    this.#bindings = bindings;
    this.#target = {
      ...setting.target,
      schedules: (problem) => {
        const chosen = setting.target.schedules(problem);
        this.#choices.set(problem.name, { problem, chosen });
        return chosen;
      },
    };
    this.#producers = producersOf(graph);
  }

  run(): readonly Step[] {
    const { inputs, states, constants, outputs } = this.#graph;
    const bindings = this.#bindings;
    for (const [at, { value }] of inputs.entries()) this.#places.set(value, bindings.inputs[at]!);
    for (const [at, { value }] of states.entries()) this.#places.set(value, bindings.states[at]!);
    for (const constant of constants) {
      const { name, value } = constant;
      if (isUniform(constant)) this.#uniform.set(value, numberIn(value.type.dtype, constant.data[0]!));
      const offset = this.#setting.weights.offsetOf(constant);
      if (offset !== undefined)
        this.#places.set(value, wholeOf(tensorMemory({ kind: "weights", offset }, name, value.type)));
    }
    const aliases = this.#aliasesOfResults();
    const kernels = planFusion(this.#graph, [...aliases.keys(), ...this.#limits.counts]);
    const places = planPlaces(this.#graph, kernels, aliases);
    for (const each of groupRows(this.#graph, kernels)) {
      if ("members" in each) this.#materialiseRows(each, places);
      else if (each.node.regions) this.#control(each.node, aliases);
      else this.#materialise(each.node, each.root, places.get(each.node.outputs[0])!);
    }
    for (const [at, { value }] of outputs.entries()) this.#copyUnless(bindings.outputs[at], value);
    for (const [at, { next }] of states.entries()) this.#copyUnless(bindings.next[at], next);
    return this.#steps;
  }

  /** The output or state that each value is computed straight into: the first that asks for it. */
  #aliasesOfResults(): Map<Value, Memory> {
    const aliases = new Map<Value, Memory>();
    const claim = (home: Memory | undefined, wanted: Value) => {
      if (!home) return;
      let value = wanted;
      let producer = this.#producers.get(value);
      while (producer?.operator.lowering.kind === "reshape") {
        value = producer.inputs[0]!;
        producer = this.#producers.get(value);
      }
      if (producer && !aliases.has(value)) aliases.set(value, { ...home, shape: staticShape(value.type.shape) });
    };
    const { outputs, states } = this.#graph;
    for (const [at, { value }] of outputs.entries()) claim(this.#bindings.outputs[at], value);
    for (const [at, { next }] of states.entries()) claim(this.#bindings.next[at], next);
    return aliases;
  }

  /** Where a value that is kept lies; a reshaped value and a part of another lie where their operand does. */
  #placeOf(value: Value): Place | undefined {
    const behind: Node[] = [];
    let place = this.#places.get(value) ?? this.#derived.get(value);
    for (let node = this.#producers.get(value); !place && node; node = this.#producers.get(node.inputs[0]!)) {
      if (node.operator.lowering.kind !== "reshape" && !isStridedView(node)) return undefined;
      behind.push(node);
      place = this.#places.get(node.inputs[0]!) ?? this.#derived.get(node.inputs[0]!);
    }
    for (const node of behind.reverse()) {
      place = place && derivedPlace(node, place);
      if (!place) return undefined;
      this.#derived.set(node.outputs[0], place);
    }
    return place;
  }

  /** A value as a source within one kernel; `made` holds what has been made for it so far. */
  #source(value: Value, context: KernelContext, made = new Map<Value, Source>()): Source {
    const known = made.get(value);
    if (known) return known;
    const source = this.#newSource(value, context, made);
    made.set(value, source);
    return source;
  }

  #newSource(value: Value, context: KernelContext, made: Map<Value, Source>): Source {
    const shape = staticShape(value.type.shape);
    const { root } = context;
    if (root?.value === value) {
      return {
        scalar: value.type.dtype,
        shape,
        at() {
          if (root.computed) return root.computed;
          throw new IsochronError("compile/internal", "an epilogue was read before its element was computed");
        },
      };
    }
    const step = context.steps.get(value);
    if (step) {
      context.taken.add(step);
      return step;
    }
    const uniform = this.#uniform.get(value);
    if (uniform !== undefined) return generators.filled(value.type.dtype, shape, uniform);
    const place = this.#placeOf(value);
    if (place) return viewOf(place, context);
    const node = this.#producers.get(value)!;
    const { lowering } = node.operator;
    switch (lowering.kind) {
      case "pointwise":
        return this.#pointwise(node, shape, context, made);
      case "source": {
        const operands = node.inputs.map((each, at) =>
          lowering.inMemory.includes(at) ? this.#view(each, context) : this.#source(each, context, made),
        );
        return lowering.source(operands, node.attributes, shape);
      }
      default:
        throw new IsochronError("compile/internal", `${node.operator.name} was to be kept in memory`);
    }
  }

  /** Where a value lies that has to be in memory. */
  #kept(value: Value): Place {
    const place = this.#placeOf(value);
    if (!place) throw new IsochronError("compile/internal", `${showTensorType(value.type)} was to be kept in memory`);
    return place;
  }

  /** A value that lies in memory, as a view. */
  #view(value: Value, context: KernelContext): generators.View {
    return viewOf(this.#kept(value), context);
  }

  #pointwise(node: Node, shape: readonly number[], context: KernelContext, made: Map<Value, Source>): Source {
    const { lowering } = node.operator;
    if (lowering.kind !== "pointwise")
      throw new IsochronError("compile/internal", `${node.operator.name} is not pointwise`);
    // One source per distinct operand: x·x reads and computes x once.
    const sources = new Map<Value, Source>();
    for (const value of node.inputs) {
      if (!sources.has(value)) sources.set(value, generators.broadcasted(this.#source(value, context, made), shape));
    }
    return {
      scalar: node.outputs[0].type.dtype,
      shape,
      at: (index, lanes) =>
        this.#once(node, index, lanes, () => {
          const elements = new Map([...sources].map(([value, source]) => [value, source.at(index, lanes)]));
          return lowering.expression(
            node.inputs.map((value) => elements.get(value)!),
            node.attributes,
            node.outputs[0].type,
          );
        }),
    };
  }

  /** What a node computes at an index, once while one element is written, however many of the nodes behind it read it. */
  #once(node: Node, index: readonly LaneIndex[], lanes: number, compute: () => Expression): Expression {
    const outermost = this.#evaluated === undefined;
    this.#evaluated ??= new Map();
    try {
      const known = this.#evaluated.get(node);
      if (known?.index === index && known.lanes === lanes) return known.value;
      const value = compute();
      this.#evaluated.set(node, { index, lanes, value });
      return value;
    } finally {
      if (outermost) this.#evaluated = undefined;
    }
  }

  #emit(label: string, context: KernelContext, build: (name: string) => Kernel, limit?: Limit): void {
    this.#setting.making = label;
    const name = `k${this.#setting.kernels++}_${label.replace(/\W+/g, "_")}`;
    const whole = { ...build(name), buffers: context.buffers };
    const kernel = limit ? this.#limits.limited(whole, limit, context) : whole;
    const split = splitKernel(kernel, this.#setting.grain);
    const operands = context.operands.map((operand, at): Operand => {
      const { memory } = operand;
      const copies = split?.copies[at] ?? 1;
      if (copies === 1) return operand;
      const bytes = Math.ceil(memory.bytes / 64) * 64;
      return { ...operand, copyBytes: bytes, memory: { ...memory, bytes: bytes * copies } };
    });
    const call: KernelCall = {
      kernel,
      label,
      operands,
      choices: [...this.#choices.values()],
      ...(split ? { split } : {}),
    };
    this.#steps.push({ kind: "call", call });
    this.#choices.clear();
  }

  /** Emits the kernel that computes a node into its place; with a root, that node's kernel and the chain behind as its epilogue. */
  #materialise(last: Node, root: Node | undefined, place: Place): void {
    const node = root ?? last;
    const { operator, attributes } = node;
    const {
      outputs: [output],
    } = last;
    const context = new KernelContext();
    const hint = output.hint === undefined ? "" : ` %${output.hint}`;
    const label = `${operator.name}${root ? `+${last.operator.name}` : ""}${hint}`;
    const back = operator.lowering.kind === "kernel" && operator.lowering.readsBack;
    const { shape } = place;
    const destination = destinationOf(place, context.at(place, back ? "readwrite" : "write"));
    const limit = this.#limits.of([{ value: output, place, buffer: destination.buffer }]);
    const { buffers } = context;
    const { lowering } = operator;
    const [first] = node.inputs;
    const epilogue = root ? this.#epilogue(output, root, context) : (value: Expression) => value;
    switch (lowering.kind) {
      case "pointwise":
      case "source": {
        const source = this.#source(output, context);
        this.#emit(
          label,
          context,
          (name) => generators.mapKernel(name, buffers, [{ source, destination }], this.#target),
          limit,
        );
        break;
      }
      case "reduce": {
        const source = this.#source(first!, context);
        const axes = [...lowering.axes(attributes)].sort((a, b) => a - b);
        const kept = source.shape.filter((_, d) => !axes.includes(d));
        const accumulated = generators.whole(destination.buffer, kept);
        const accumulation = generators.reducing(source, generators.reducers[lowering.reducer]);
        const end = this.#limits.neutralEnd(first!, accumulation.identity, context);
        const keepsDims = node.outputs[0].type.shape.length === source.shape.length;
        const spread = (at: readonly LaneIndex[]): readonly LaneIndex[] => {
          if (!keepsDims) return at;
          let next = 0;
          return source.shape.map((_, d) => (axes.includes(d) ? generators.fixed(0) : at[next++]!));
        };
        const finish = (value: Expression, at: readonly LaneIndex[]) => epilogue(value, spread(at));
        const copied: Source = {
          scalar: output.type.dtype,
          shape: source.shape,
          at: (at, lanes) => epilogue(source.at(at, lanes), at),
        };
        this.#emit(
          label,
          context,
          (name) =>
            axes.length === 0
              ? generators.mapKernel(name, buffers, [{ source: copied, destination }], this.#target)
              : generators.reduceKernel(
                  name,
                  buffers,
                  source.shape,
                  axes,
                  end ? { ...accumulation, end } : accumulation,
                  accumulated,
                  finish,
                  this.#target,
                ),
          limit,
        );
        break;
      }
      case "kernel": {
        const operands = node.inputs.map((value, at) =>
          lowering.inMemory.includes(at) ? this.#view(value, context) : this.#source(value, context),
        );
        const types = node.inputs.map((value) => value.type);
        const work = Object.fromEntries(
          Object.entries(lowering.work?.(types, attributes, this.#target) ?? {}).map(([name, wanted]) => {
            const area = workMemory(name, wanted.dtype, wanted.elements);
            return [name, context.buffer(area, "readwrite", { private: wanted.private ?? false })];
          }),
        );
        this.#emit(
          label,
          context,
          (name) =>
            lowering.build(
              { name, buffers, operands, destination, shape, work, epilogue, target: this.#target },
              attributes,
            ),
          limit,
        );
        break;
      }
      case "concat":
      case "pad": {
        const border = lowering.kind === "pad" ? haloOf(node, destination, lowering.border(attributes)) : [];
        const missing = partsOf(node, place).filter(({ value, part }) => {
          const there = this.#placeOf(value);
          return !there || !samePlace(there, part);
        });
        // Some operands a kernel: what compiles it takes longer than in proportion over very many loops.
        for (let from = 0; from < missing.length || (from === 0 && border.length > 0); from += mostJoined) {
          const some = missing.slice(from, from + mostJoined);
          const own = from === 0 ? context : new KernelContext();
          const whole = from === 0 ? destination : destinationOf(place, own.at(place, "write"));
          const parts = some.map(({ value, part }) => ({
            source: this.#source(value, own),
            destination: destinationOf(part, whole.buffer),
          }));
          const all = from === 0 ? [...border, ...parts] : parts;
          this.#emit(
            this.#joining(node, some) + hint,
            own,
            (name) => generators.mapKernel(name, own.buffers, all, this.#target),
            this.#limits.of([{ value: output, place, buffer: whole.buffer }]),
          );
        }
        break;
      }
      case "reshape":
      case "composite":
      case "control":
        throw new IsochronError("compile/internal", `${operator.name} has no kernel of its own`);
      case "interpreted": {
        const place = node.place?.text;
        throw new IsochronError("compile/operator", `${operator.name} cannot be compiled: ${lowering.why}`, {
          details: [`%${output.hint ?? operator.name} : ${showTensorType(output.type)}`],
          help: "give the operator a lowering or a decomposition, or run the graph with the Interpreter",
          ...(place === undefined ? {} : { place }),
        });
      }
    }
    this.#places.set(output, place);
  }

  /** What a kernel does that fills these parts of a concatenation or a padding: it copies, computes, or writes a border only. */
  #joining({ operator }: Node, parts: readonly { readonly value: Value }[]): string {
    if (parts.length === 0) return `${operator.name} border`;
    if (operator.lowering.kind === "pad" || parts.some(({ value }) => this.#placeOf(value))) return operator.name;
    return [...new Set(parts.map(({ value }) => this.#producers.get(value)?.operator.name ?? "fill"))].join("+");
  }

  /** Emits the kernel that computes others, some rows at a time. */
  #materialiseRows(group: RowGroup, places: ReadonlyMap<Value, Place>): void {
    const { shape, members, visible, shared } = group;
    const context = new KernelContext();
    const rows = new generators.RowKernel(shape, this.#limits.rowsEnd(group, context));
    const kept = new Map<Value, { readonly place: Place; readonly buffer: Front["buffer"] }>();
    // Lines that a later member reads from where they are kept; what shares their memory shares their buffer.
    const readBack = new Set(
      members
        .filter(({ node, root }) => (root ?? node).operator.lowering.kind !== "reduce" && shared.has(node.outputs[0]))
        .flatMap(
          ({
            node: {
              outputs: [output],
            },
          }) => (visible.has(output) ? [places.get(output)!.memory] : []),
        ),
    );
    for (const { node, root } of members) {
      const {
        operator,
        inputs,
        outputs: [reduced],
      } = root ?? node;
      const {
        outputs: [output],
      } = node;
      const place = visible.has(output) ? places.get(output)! : undefined;
      const { lowering } = operator;
      const buffer = place && context.at(place, readBack.has(place.memory) ? "readwrite" : "write");
      if (place) kept.set(output, { place, buffer: buffer! });
      if (lowering.kind !== "reduce") {
        const { dtype } = output.type;
        const area = () =>
          context.buffer(workMemory("work", dtype, generators.lineWork(shape)), "readwrite", { private: true });
        const home = place && buffer ? { whole: viewIn(place, buffer) } : { work: area() };
        context.steps.set(output, rows.line(this.#source(output, context), home));
        continue;
      }
      context.taken.clear();
      const accumulation = generators.reducing(
        this.#source(inputs[0]!, context),
        generators.reducers[lowering.reducer],
      );
      const epilogue = root ? this.#epilogue(output, root, context) : (value: Expression) => value;
      context.root = undefined;
      const keepsDims = reduced.type.shape.length === shape.length;
      const finish: generators.Epilogue = (value, at) => epilogue(value, keepsDims ? at : at.slice(0, -1));
      const stored = buffer && generators.whole(buffer, [...shape.slice(0, -1), 1]);
      context.steps.set(output, rows.reduce(accumulation, output.type.dtype, finish, stored, context.taken));
    }
    const names = members.map(({ node, root }) => (root ?? node).operator.name);
    const hint = members.at(-1)!.node.outputs[0].hint;
    this.#emit(
      `${names.join("+")}${hint === undefined ? "" : ` %${hint}`}`,
      context,
      (name) => rows.finish(name, context.buffers, this.#target),
      this.#limits.of([...kept].map(([value, where]) => ({ value, ...where }))),
    );
    for (const [value, { place }] of kept) this.#places.set(value, place);
  }

  /** What a chain of pointwise operators makes of each element that its root computes. */
  #epilogue(result: Value, root: Node, context: KernelContext): generators.Epilogue {
    const computed: NonNullable<KernelContext["root"]> = { value: root.outputs[0], computed: undefined };
    context.root = computed;
    const source = this.#source(result, context);
    return (value, at) => {
      computed.computed = value;
      return source.at(at, value.type.lanes);
    };
  }

  /** Copies a value to its final home, unless it was computed there or has no elements. */
  #copyUnless(home: Memory | undefined, value: Value): void {
    if (!home || value.type.shape.includes(0)) return;
    if (this.#placeOf(value)?.memory.home === home.home) return;
    this.#copy(value, { ...home, shape: staticShape(value.type.shape) });
  }

  /** Writes a value to a piece of memory. */
  #copy(value: Value, memory: Memory): void {
    const context = new KernelContext();
    const target = wholeOf(memory);
    const destination = destinationOf(target, context.at(target, "write"));
    const source = this.#source(value, context);
    this.#emit(`copy ${memory.name}`, context, (kernelName) =>
      generators.mapKernel(kernelName, context.buffers, [{ source, destination }], this.#target),
    );
  }

  /** Lowers a node of control flow: its regions, and what decides which of them run. */
  #control(node: Node, aliases: ReadonlyMap<Value, Memory>): void {
    const { step, places } = lowerControl(node, {
      placeOf: (value) => this.#kept(value),
      numberOf: (value) => this.#uniform.get(value),
      homeOf: (value) => aliases.get(value),
      copy: (value, memory) => {
        this.#copy(value, memory);
      },
      region: (graph, inputs, outputs) =>
        new Lowering(graph, this.#setting, { inputs, outputs, states: [], next: [] }).run(),
      fault: (text) => this.#setting.faults.push(text),
    });
    this.#steps.push(step);
    node.outputs.forEach((value, at) => void this.#places.set(value, places[at]!));
  }
}

/** Operands of a concatenation that one kernel copies or computes. */
const mostJoined = 16;

/** Where a reshaping or a part of what lies somewhere lies. */
function derivedPlace({ operator, attributes, outputs: [output] }: Node, place: Place): Place | undefined {
  const { lowering } = operator;
  const shape = staticShape(output.type.shape);
  if (lowering.kind === "reshape") return reshapedPlace(place, shape);
  const part = lowering.kind === "source" ? lowering.part?.(attributes) : undefined;
  return part && partOf(place, part.starts, shape, part.steps);
}

/** Memory of one kernel, for its own use while it runs. */
const workMemory = (name: string, dtype: Memory["dtype"], elements: number): Memory => ({
  home: { kind: "scratch" },
  name,
  dtype,
  shape: [elements],
  bytes: elements * bytesOf(dtype),
});

/** The parts of a padded tensor around its operand: before and after it along each dimension, none twice. */
function haloOf(node: Node, whole: generators.Destination, { before, after, value }: Border): generators.Assignment[] {
  const inner = staticShape(node.inputs[0]!.type.shape);
  const shape = staticShape(node.outputs[0].type.shape);
  const { dtype } = node.outputs[0].type;
  return shape.flatMap((size, d) =>
    [
      { start: 0, width: before[d]! },
      { start: size - after[d]!, width: after[d]! },
    ].flatMap(({ start, width }): generators.Assignment[] => {
      const region = shape.map((full, e) => (e < d ? inner[e]! : e === d ? width : full));
      if (region.includes(0)) return [];
      const offset = whole.strides.reduce(
        (sum, stride, e) => sum + stride * (e < d ? before[e]! : e === d ? start : 0),
        whole.offset,
      );
      return [{ source: generators.filled(dtype, region, value), destination: { ...whole, offset } }];
    }),
  );
}

/** A step, and the faults that it may end with, whose codes count from 1. */
export interface Lowered {
  readonly steps: readonly Step[];
  readonly faults: readonly string[];
}

/** The step of a graph of primitive operators for a target. */
export function lower(graph: Graph, target: Target, weights: Weights, grain?: Grain): Lowered {
  const { inputs, outputs, states } = graph;
  const setting: Setting = { target, weights, grain, kernels: 0, faults: [], making: "" };
  const lowering = new Lowering(graph, setting, {
    inputs: inputs.map(({ name, value }, index) => wholeOf(tensorMemory({ kind: "input", index }, name, value.type))),
    states: states.map(({ name, value }, index) => wholeOf(tensorMemory({ kind: "stateIn", index }, name, value.type))),
    outputs: outputs.map(({ name, value }, index) => tensorMemory({ kind: "output", index }, name, value.type)),
    next: states.map(({ name, value }, index) => tensorMemory({ kind: "stateOut", index }, name, value.type)),
  });
  try {
    return { steps: lowering.run(), faults: setting.faults };
  } catch (error) {
    if (error instanceof IsochronError && !error.code.startsWith("loop/")) throw error;
    throw new IsochronError(
      "compile/internal",
      `kernel "${setting.making}" of graph "${graph.name}" could not be made: ${error instanceof Error ? error.message : String(error)}`,
      {
        help: "this is an error of Isochron's own; please report it with the graph, which the Interpreter still runs",
        cause: error,
      },
    );
  }
}
