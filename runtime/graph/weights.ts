// Lays out the weights block: the initial values of states first, then the constants that kernels read from memory.
import { hashOf } from "../../kernels/index.ts";
import { valuesReadFromMemory } from "../compiler/fusion.ts";
import { type Constant, type Graph, type State, withRegions } from "./graph.ts";
import { bytesIn, type TypedArray } from "./tensor-type.ts";

/** The weights block of some graphs; the same for every target. */
export interface Weights {
  readonly bytes: Uint8Array;
  /** Offset of a state's initial value. */
  initialOf(state: State): number;
  /** Offset of a constant, or undefined where its one repeated element is written into the code. */
  offsetOf(constant: Constant): number | undefined;
  /** Offset of a constant's data, whatever shape it has there. */
  offsetOfData(data: TypedArray): number | undefined;
}

/** The data of graphs that an artifact keeps beside what their code reads. */
export interface Kept {
  readonly weights: Weights;
  /** What is not among the weights: those of before they were packed. */
  readonly bytes: Uint8Array;
  /** Where a constant's data is: among the weights, in these bytes, or nowhere where all its elements are the same. */
  placeOf(constant: Constant): { readonly offset: number } | { readonly kept: number } | undefined;
}

const align = 64;

/** Whether all elements are the same, bit for bit as far as arithmetic can tell. */
export function isUniform(data: TypedArray): boolean {
  for (let i = 1; i < data.length; i++) if (!Object.is(data[i], data[0])) return false;
  return data.length > 0;
}

/** A graph's constants, and the values that have to be in memory. */
const withMemory = (graph: Graph) => ({
  constants: graph.constants,
  readFromMemory: valuesReadFromMemory(graph),
});

/**
 * Lays out the data of graphs at 64-byte aligned offsets, in the order of the graphs.
 *
 * States of one name are one. A later graph takes equal bytes from an earlier one; the first is laid out as if it were alone.
 */
export function layoutWeights(...graphs: readonly Graph[]): Weights {
  const block = new Block();
  const place = (data: TypedArray): number => block.place(data);
  const states = new Map<string, number>();
  const offsets = new Map<Constant, number>();
  /** What earlier graphs have placed, by the hash of its bytes. */
  const shared = new Map<string, number>();
  for (const graph of graphs) {
    for (const { name, initial } of graph.states) if (!states.has(name)) states.set(name, place(initial));
    const own = new Map<string, number>();
    for (const { constants, readFromMemory } of withRegions(graph).map(withMemory)) {
      for (const constant of constants) {
        const { data, value } = constant;
        if (isUniform(data) && !readFromMemory.has(value)) continue;
        const hash = graphs.length > 1 ? hashOf(bytesIn(data)) : undefined;
        const offset = (hash === undefined ? undefined : shared.get(hash)) ?? place(data);
        offsets.set(constant, offset);
        if (hash !== undefined) own.set(hash, offset);
      }
    }
    for (const [hash, offset] of own) shared.set(hash, offset);
  }
  const byData = new Map([...offsets].map(([{ data }, offset]) => [data, offset]));
  return {
    bytes: block.bytes(),
    initialOf: ({ name }) => states.get(name)!,
    offsetOf: (constant) => offsets.get(constant),
    offsetOfData: (data) => byData.get(data),
  };
}

/** Lays out what portable graphs have beside the weights of their code; equal bytes of several methods stand once. */
export function layoutKept(weights: Weights, ...graphs: readonly Graph[]): Kept {
  const block = new Block();
  const kept = new Map<TypedArray, number>();
  const shared = new Map<string, number>();
  for (const { data } of graphs.flatMap(withRegions).flatMap(({ constants }) => constants)) {
    if (weights.offsetOfData(data) !== undefined || isUniform(data) || kept.has(data)) continue;
    const hash = graphs.length > 1 ? hashOf(bytesIn(data)) : undefined;
    const offset = (hash === undefined ? undefined : shared.get(hash)) ?? block.place(data);
    kept.set(data, offset);
    if (hash !== undefined) shared.set(hash, offset);
  }
  return {
    weights,
    bytes: block.bytes(),
    placeOf({ data }) {
      const offset = weights.offsetOfData(data);
      if (offset !== undefined) return { offset };
      const other = kept.get(data);
      return other === undefined ? undefined : { kept: other };
    },
  };
}

/** Data at aligned offsets, one after the other. */
class Block {
  readonly #parts: { readonly offset: number; readonly data: TypedArray }[] = [];
  #end = 0;

  place(data: TypedArray): number {
    const offset = this.#end;
    this.#parts.push({ offset, data });
    this.#end = Math.ceil((offset + data.byteLength) / align) * align;
    return offset;
  }

  bytes(): Uint8Array {
    const bytes = new Uint8Array(this.#end);
    for (const { offset, data } of this.#parts) bytes.set(bytesIn(data), offset);
    return bytes;
  }
}
