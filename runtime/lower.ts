// Lowers a simplified graph to kernels over memory: decides what is computed where it is read, and what is kept.

import type { z } from "zod";
import { bytesOf, generators, IsochronError, type Kernel, type LoopBuffer, type Target } from "../kernels/index.ts";
import type { Graph, Node, Value } from "./graph.ts";
import type { Memory } from "./memory.ts";
import type { convolutionAttributes } from "./operators/contraction.ts";
import { countOf, showTensorType, staticShape } from "./tensor-type.ts";

type Source = generators.Source;

/** A kernel and the memory behind each of its buffers, in order. */
export interface KernelCall {
  readonly kernel: Kernel;
  /** What it computes, for profiles: operator and value. */
  readonly label: string;
  readonly operands: readonly { readonly memory: Memory; readonly access: LoopBuffer["access"] }[];
}

/** Kernels in the order in which a step calls them, and the constants they read. */
export interface Lowered {
  readonly calls: readonly KernelCall[];
  readonly weights: readonly { readonly offset: number; readonly bytes: Uint8Array }[];
  readonly weightsBytes: number;
}

const roundUp = (bytes: number): number => Math.ceil(bytes / 64) * 64;

/** Constants this small are written into the code. */
const isUniform = (data: ArrayLike<number | bigint>): boolean => {
  for (let i = 1; i < data.length; i++) if (!Object.is(data[i], data[0])) return false;
  return data.length > 0;
};

/** One kernel being written: its buffers appear as its sources ask for memory. */
class KernelContext {
  readonly buffers: LoopBuffer[] = [];
  readonly operands: { memory: Memory; access: LoopBuffer["access"] }[] = [];
  readonly #known = new Map<Memory, LoopBuffer>();

  buffer(memory: Memory, access: LoopBuffer["access"]): LoopBuffer {
    const known = this.#known.get(memory);
    if (known) return known;
    const buffer: LoopBuffer = {
      name: memory.name,
      scalar: memory.dtype,
      length: countOf(memory.shape),
      access,
      align: 64,
    };
    this.#known.set(memory, buffer);
    this.buffers.push(buffer);
    this.operands.push({ memory, access });
    return buffer;
  }
}

class Lowering {
  readonly #graph: Graph;
  readonly #target: Target;
  readonly #producers: Map<Value, Node>;
  readonly #uses = new Map<Value, number>();
  readonly #memory = new Map<Value, Memory>();
  readonly #uniform = new Map<Value, number | bigint>();
  readonly #mustKeep = new Set<Value>();
  readonly #calls: KernelCall[] = [];
  readonly #weights: { offset: number; bytes: Uint8Array }[] = [];
  #weightsBytes: number;

  constructor(graph: Graph, target: Target, weightsStart: number) {
    this.#graph = graph;
    this.#target = target;
    this.#weightsBytes = weightsStart;
    this.#producers = new Map(graph.nodes.map((node) => [node.output, node]));
  }

  run(): Lowered {
    const { inputs, states, constants, nodes, outputs } = this.#graph;
    inputs.forEach(({ name, value }, index) => {
      this.#memory.set(value, this.#remember({ kind: "input", index }, name, value));
    });
    states.forEach(({ name, value }, index) => {
      this.#memory.set(value, this.#remember({ kind: "stateIn", index }, name, value));
    });
    for (const { name, value, data } of constants) {
      if (isUniform(data)) this.#uniform.set(value, data[0]!);
      const memory = this.#remember({ kind: "weights", offset: this.#weightsBytes }, name, value);
      this.#memory.set(value, memory);
      if (isUniform(data) && !this.#isReadFromMemory(value)) continue;
      this.#weights.push({
        offset: this.#weightsBytes,
        bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
      });
      this.#weightsBytes = roundUp(this.#weightsBytes + data.byteLength);
    }
    this.#countUses();
    const destinations = this.#finalHomes();
    for (const node of nodes) if (this.#isKept(node, destinations)) this.#keep(node, destinations.get(node.output));
    for (const [index, { name, value }] of outputs.entries()) this.#copyUnless({ kind: "output", index }, name, value);
    for (const [index, { name, next }] of states.entries()) this.#copyUnless({ kind: "stateOut", index }, name, next);
    return { calls: this.#calls, weights: this.#weights, weightsBytes: this.#weightsBytes };
  }

  #remember(home: Memory["home"], name: string, value: Value): Memory {
    const shape = staticShape(value.type.shape);
    return { home, name, dtype: value.type.dtype, shape, bytes: countOf(shape) * bytesOf(value.type.dtype) };
  }

  /** Whether some node reads a value through an address rather than element by element. */
  #isReadFromMemory(value: Value): boolean {
    return this.#graph.nodes.some((node) => this.#memoryOperands(node).some((at) => node.inputs[at] === value));
  }

  #memoryOperands(node: Node): readonly number[] {
    const { lowering } = node.operator;
    switch (lowering.kind) {
      case "matmul":
      case "conv2d":
        return [0, 1];
      case "reshape":
        return [0];
      case "source":
        return lowering.inMemory;
      case "pointwise":
      case "reduce":
      case "concat":
      case "pad":
      case "composite":
      case "interpreted":
        return [];
    }
  }

  #countUses(): void {
    const use = (value: Value) => this.#uses.set(value, (this.#uses.get(value) ?? 0) + 1);
    for (const node of this.#graph.nodes) {
      for (const value of new Set(node.inputs)) use(value);
      for (const at of this.#memoryOperands(node)) this.#mustKeep.add(node.inputs[at]!);
      // An element of a smaller operand is read many times: it is computed once and kept.
      if (node.operator.lowering.kind === "pointwise" || node.operator.name === "broadcastTo") {
        const size = countOf(staticShape(node.output.type.shape));
        for (const value of node.inputs) {
          if (countOf(staticShape(value.type.shape)) < size && !this.#isView(value)) this.#mustKeep.add(value);
        }
      }
    }
  }

  /** A source that only moves an index costs nothing to repeat. */
  #isView(value: Value): boolean {
    const node = this.#producers.get(value);
    if (!node) return true;
    const { lowering } = node.operator;
    return (
      lowering.kind === "source" && lowering.inMemory.length === 0 && node.inputs.every((each) => this.#isView(each))
    );
  }

  /** The output or state that each value is computed straight into: the first that asks for it. */
  #finalHomes(): Map<Value, Memory> {
    const homes = new Map<Value, Memory>();
    const claim = (home: Memory["home"], name: string, value: Value) => {
      const producer = this.#producers.get(value);
      if (!producer || producer.operator.lowering.kind === "reshape" || homes.has(value)) return;
      homes.set(value, this.#remember(home, name, value));
    };
    for (const [index, { name, value }] of this.#graph.outputs.entries()) claim({ kind: "output", index }, name, value);
    for (const [index, { name, next }] of this.#graph.states.entries()) claim({ kind: "stateOut", index }, name, next);
    return homes;
  }

  #isKept(node: Node, destinations: ReadonlyMap<Value, Memory>): boolean {
    const { kind } = node.operator.lowering;
    if (kind === "reshape") return false;
    if (kind !== "pointwise" && kind !== "source") return true;
    if (destinations.has(node.output) || this.#mustKeep.has(node.output)) return true;
    return (this.#uses.get(node.output) ?? 0) > 1 && !this.#isView(node.output);
  }

  /** The memory of a value that is kept; a reshaped value shares that of its operand. */
  #memoryOf(value: Value): Memory | undefined {
    const known = this.#memory.get(value);
    if (known) return known;
    const node = this.#producers.get(value);
    return node?.operator.lowering.kind === "reshape" ? this.#memoryOf(node.inputs[0]!) : undefined;
  }

  /** A value as a source within one kernel. */
  #source(value: Value, context: KernelContext): Source {
    const shape = staticShape(value.type.shape);
    const uniform = this.#uniform.get(value);
    if (uniform !== undefined) return generators.filled(value.type.dtype, shape, uniform);
    const memory = this.#memoryOf(value);
    if (memory) return generators.view(context.buffer(memory, "read"), shape);
    const node = this.#producers.get(value)!;
    const { lowering } = node.operator;
    switch (lowering.kind) {
      case "pointwise":
        return this.#pointwise(node, shape, context);
      case "source": {
        const operands = node.inputs.map((each, at) =>
          lowering.inMemory.includes(at) ? this.#view(each, context) : this.#source(each, context),
        );
        return lowering.source(operands, node.attributes, shape);
      }
      default:
        throw new IsochronError("compile/internal", `${node.operator.name} was to be kept in memory`);
    }
  }

  /** A value that lies in memory, as a view. */
  #view(value: Value, context: KernelContext): generators.View {
    const memory = this.#memoryOf(value);
    if (!memory) throw new IsochronError("compile/internal", `${showTensorType(value.type)} was to be kept in memory`);
    return generators.view(context.buffer(memory, "read"), staticShape(value.type.shape));
  }

  #pointwise(node: Node, shape: readonly number[], context: KernelContext): Source {
    const { lowering } = node.operator;
    if (lowering.kind !== "pointwise")
      throw new IsochronError("compile/internal", `${node.operator.name} is not pointwise`);
    const operands = node.inputs.map((value) => generators.broadcasted(this.#source(value, context), shape));
    return {
      scalar: node.output.type.dtype,
      shape,
      at: (index, lanes) =>
        lowering.expression(
          operands.map((each) => each.at(index, lanes)),
          node.attributes,
          node.output.type,
        ),
    };
  }

  #emit(label: string, context: KernelContext, build: (name: string) => Kernel): void {
    const name = `k${this.#calls.length}_${label.replace(/\W+/g, "_")}`;
    const kernel = build(name);
    this.#calls.push({ kernel: { ...kernel, buffers: context.buffers }, label, operands: context.operands });
  }

  /** Emits the kernel that computes a node into memory. */
  #keep(node: Node, final: Memory | undefined): void {
    const { output, operator, attributes } = node;
    const memory = final ?? this.#remember({ kind: "scratch" }, output.hint ?? operator.name, output);
    this.#memory.set(output, memory);
    const context = new KernelContext();
    const label = output.hint === undefined ? operator.name : `${operator.name} %${output.hint}`;
    const destination = generators.whole(context.buffer(memory, "write"), memory.shape);
    const { buffers } = context;
    const { lowering } = operator;
    const [first, second] = node.inputs;
    switch (lowering.kind) {
      case "pointwise":
      case "source": {
        this.#memory.delete(output);
        const source = this.#source(output, context);
        this.#memory.set(output, memory);
        this.#emit(label, context, (name) =>
          generators.mapKernel(name, buffers, [{ source, destination }], this.#target),
        );
        return;
      }
      case "reduce": {
        const source = this.#source(first!, context);
        const axes = [...lowering.axes(attributes)].sort((a, b) => a - b);
        const kept = source.shape.filter((_, d) => !axes.includes(d));
        const place = generators.whole(destination.buffer, kept);
        const accumulation = generators.reducing(source, generators.reducers[lowering.reducer]);
        this.#emit(label, context, (name) =>
          axes.length === 0
            ? generators.mapKernel(name, buffers, [{ source, destination }], this.#target)
            : generators.reduceKernel(
                name,
                buffers,
                source.shape,
                axes,
                accumulation,
                place,
                (value) => value,
                this.#target,
              ),
        );
        return;
      }
      case "matmul": {
        const batch = memory.shape.slice(0, -2);
        const operand = (value: Value) => {
          const source = this.#view(value, context);
          return generators.broadcasted(source, [...batch, ...source.shape.slice(-2)]);
        };
        const [a, b] = [operand(first!), operand(second!)];
        this.#emit(label, context, (name) =>
          generators.matmulKernel(name, buffers, a, b, destination, (value) => value, this.#target),
        );
        return;
      }
      case "conv2d": {
        const [x, w] = [this.#view(first!, context), this.#view(second!, context)];
        const plan = attributes as z.infer<typeof convolutionAttributes>;
        this.#emit(label, context, (name) =>
          generators.convolutionKernel(
            name,
            buffers,
            x,
            w,
            memory.shape,
            plan,
            destination,
            (value) => value,
            this.#target,
          ),
        );
        return;
      }
      case "concat": {
        const { axis } = attributes as { readonly axis: number };
        let start = 0;
        const assignments = node.inputs.map((value) => {
          const source = this.#source(value, context);
          const part = { ...destination, offset: start * destination.strides[axis]! };
          start += source.shape[axis]!;
          return { source, destination: part };
        });
        this.#emit(label, context, (name) => generators.mapKernel(name, buffers, assignments, this.#target));
        return;
      }
      case "pad": {
        const { before, value } = attributes as { readonly before: readonly number[]; readonly value: number };
        const source = this.#source(first!, context);
        const offset = before.reduce((sum, width, d) => sum + width * destination.strides[d]!, 0);
        const background = generators.filled(memory.dtype, memory.shape, value);
        const assignments = [
          { source: background, destination },
          { source, destination: { ...destination, offset } },
        ];
        this.#emit(label, context, (name) => generators.mapKernel(name, buffers, assignments, this.#target));
        return;
      }
      case "reshape":
      case "composite":
        throw new IsochronError("compile/internal", `${operator.name} has no kernel of its own`);
      case "interpreted":
        throw new IsochronError("compile/operator", `${operator.name} cannot be compiled: ${lowering.why}`, {
          details: [`%${output.hint ?? operator.name} : ${showTensorType(output.type)}`],
          help: "give the operator a lowering or a decomposition, or run the graph with the Interpreter",
          ...(node.place === undefined ? {} : { place: node.place }),
        });
    }
  }

  /** Copies a value to its final home, unless it was computed there. */
  #copyUnless(home: Memory["home"], name: string, value: Value): void {
    const memory = this.#memoryOf(value);
    if (
      memory &&
      memory.home.kind === home.kind &&
      "index" in memory.home &&
      "index" in home &&
      memory.home.index === home.index
    )
      return;
    const context = new KernelContext();
    const target = this.#remember(home, name, value);
    const destination = generators.whole(context.buffer(target, "write"), target.shape);
    const source = this.#source(value, context);
    this.#emit(`copy ${name}`, context, (kernelName) =>
      generators.mapKernel(kernelName, context.buffers, [{ source, destination }], this.#target),
    );
  }
}

/** Lowers a graph for a target; constants are placed in the weights from `weightsStart`. */
export const lower = (graph: Graph, target: Target, weightsStart: number): Lowered =>
  new Lowering(graph, target, weightsStart).run();
