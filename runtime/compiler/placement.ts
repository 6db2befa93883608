// Where the tensors that kernels write lie: each in memory of its own, or as a part of what it is joined or padded into.
import { bytesOf, generators } from "../../kernels/index.ts";
import { type Graph, type Node, producersOf, type Value } from "../graph/graph.ts";
import { staticShape } from "../graph/tensor-type.ts";
import type { FusedKernel } from "./fusion.ts";
import { type Memory, tensorMemory } from "./memory.ts";

/** A tensor within a piece of memory; offset and strides count elements. */
export interface Place {
  readonly memory: Memory;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;
}

/** The place of a tensor that has a piece of memory for itself. */
export const wholeOf = (memory: Memory): Place => ({
  memory,
  shape: memory.shape,
  strides: generators.rowMajor(memory.shape),
  offset: 0,
});

/** Part of a place: from `starts`, every `steps`-th element, of the given shape. */
export function partOf(
  { memory, strides, offset }: Place,
  starts: readonly number[],
  shape: readonly number[],
  steps: readonly number[] = starts.map(() => 1),
): Place {
  return {
    memory,
    shape,
    strides: strides.map((stride, d) => stride * steps[d]!),
    offset: strides.reduce((sum, stride, d) => sum + stride * starts[d]!, offset),
  };
}

/** The same elements in the same order under another shape; undefined where no strides say so. */
export function reshapedPlace(place: Place, shape: readonly number[]): Place | undefined {
  if (shape.includes(0)) return { ...place, shape, strides: generators.rowMajor(shape) };
  // Neighbouring dimensions that lie like one.
  const runs: { size: number; stride: number }[] = [];
  place.shape.forEach((size, d) => {
    const stride = place.strides[d]!;
    const last = runs.at(-1);
    if (size === 1) return;
    if (last?.stride === size * stride) runs[runs.length - 1] = { size: last.size * size, stride };
    else runs.push({ size, stride });
  });
  const strides = new Array<number>(shape.length);
  let { size: left, stride } = runs.pop() ?? { size: 1, stride: 1 };
  for (let d = shape.length - 1; d >= 0; d--) {
    const size = shape[d]!;
    const next = left === 1 && size > 1 ? runs.pop() : undefined;
    if (next) ({ size: left, stride } = next);
    if (left % size !== 0) return undefined;
    strides[d] = stride;
    stride *= size;
    left /= size;
  }
  return { ...place, shape, strides };
}

/** Whether a place is a row-major tensor that begins where a piece of memory may begin. */
export const isWhole = ({ memory, shape, strides, offset }: Place): boolean =>
  memory.align === undefined &&
  (offset * bytesOf(memory.dtype)) % 64 === 0 &&
  generators.rowMajor(shape).every((stride, d) => shape[d] === 1 || stride === strides[d]);

/**
 * Rows of so many elements each, in row-major order, within a place: where they begin and from one to the next, as long as each row's
 * elements lie in front of the next row; undefined where they do not, or where they have gaps and may not.
 */
export function rowsInPlace(
  { shape, strides, offset }: Place,
  row: number,
  gapless: boolean,
): { readonly offset: number; readonly row: number } | undefined {
  const within = generators.rowMajor(shape);
  const moving = shape.flatMap((size, d) => (size === 1 ? [] : [d]));
  if (moving.every((d) => strides[d] === within[d])) return { offset, row };
  const [first, ...inner] = moving as [number, ...number[]];
  const reach = inner.reduce((sum, d) => sum + (shape[d]! - 1) * strides[d]!, 0);
  return !gapless && row === within[first] && reach < strides[first]! ? { offset, row: strides[first]! } : undefined;
}

/** Whether two places of one shape are the same elements. */
export const samePlace = (a: Place, b: Place): boolean =>
  a.memory === b.memory &&
  a.offset === b.offset &&
  a.shape.every((size, d) => size === 1 || a.strides[d] === b.strides[d]);

/** What a concatenation or a padding is made of: its operands, and the part of its place that each of them fills. */
export function partsOf({ operator, attributes, inputs }: Node, place: Place): { value: Value; part: Place }[] {
  const { lowering } = operator;
  if (lowering.kind === "pad") {
    const { before } = lowering.border(attributes);
    return inputs.map((value) => ({ value, part: partOf(place, before, staticShape(value.type.shape)) }));
  }
  if (lowering.kind !== "concat") return [];
  const axis = lowering.axis(attributes);
  let start = 0;
  return inputs.map((value) => {
    const shape = staticShape(value.type.shape);
    const starts = shape.map((_, d) => (d === axis ? start : 0));
    start += shape[axis]!;
    return { value, part: partOf(place, starts, shape) };
  });
}

class Placement {
  readonly places = new Map<Value, Place>();
  readonly #producers: ReadonlyMap<Value, Node>;
  readonly #reshaped = new Map<Value, Value[]>();
  readonly #writers: ReadonlyMap<Value, Node>;
  readonly #aliases: ReadonlyMap<Value, Memory>;

  constructor(graph: Graph, kernels: readonly FusedKernel[], aliases: ReadonlyMap<Value, Memory>) {
    this.#aliases = aliases;
    this.#producers = producersOf(graph);
    this.#writers = new Map(kernels.map(({ node, root }) => [node.outputs[0], root ?? node]));
    for (const {
      operator,
      inputs,
      outputs: [output],
    } of graph.nodes) {
      if (operator.lowering.kind !== "reshape") continue;
      const [x] = inputs as [Value];
      const known = this.#reshaped.get(x);
      if (known) known.push(output);
      else this.#reshaped.set(x, [output]);
    }
    // Backwards, so that a place is known before its parts are given away: to the last that asks for each value.
    for (const { node } of kernels.toReversed()) {
      for (const output of node.outputs) this.places.set(output, this.places.get(output) ?? this.#own(node, output));
      for (const { value, part } of partsOf(node, this.places.get(node.outputs[0])!)) this.#claim(value, part);
    }
  }

  /** A piece of memory for one result of a node. */
  #own({ operator }: Node, value: Value): Place {
    return wholeOf(
      this.#aliases.get(value) ?? tensorMemory({ kind: "scratch" }, value.hint ?? operator.name, value.type),
    );
  }

  #claim(value: Value, part: Place): void {
    const node = this.#producers.get(value);
    if (node?.operator.lowering.kind === "reshape") {
      const [x] = node.inputs as [Value];
      const inner = reshapedPlace(part, staticShape(x.type.shape));
      if (inner) this.#claim(x, inner);
      return;
    }
    const writer = this.#writers.get(value);
    if (!writer || !writesParts(writer, part) || this.#aliases.has(value) || this.places.has(value)) return;
    if (this.#canBeReshaped(value, part)) this.places.set(value, part);
  }

  /** Whether every reshaping of a value can be read from its place. */
  #canBeReshaped(value: Value, place: Place): boolean {
    return (this.#reshaped.get(value) ?? []).every((each) => {
      const inner = reshapedPlace(place, staticShape(each.type.shape));
      return inner !== undefined && this.#canBeReshaped(each, inner);
    });
  }
}

/** Whether a node's kernel writes its result well where rows are apart. */
function writesParts({ operator: { lowering } }: Node, { shape, strides }: Place): boolean {
  // Vectors of elements that are not neighbours are stored one by one.
  const neighbours = shape.length === 0 || shape.at(-1) === 1 || strides.at(-1) === 1;
  switch (lowering.kind) {
    case "reduce":
    case "control":
      return false;
    case "kernel":
      return lowering.fuses === true && neighbours;
    default:
      return neighbours;
  }
}

/**
 * Decides where every value lies.
 *
 * Operands of `concat` and `pad` are written directly into the result's memory. A value that becomes an output or a state is
 * written directly into that output's or state's memory, which `aliases` gives.
 */
export const planPlaces = (
  graph: Graph,
  kernels: readonly FusedKernel[],
  aliases: ReadonlyMap<Value, Memory>,
): ReadonlyMap<Value, Place> => new Placement(graph, kernels, aliases).places;
