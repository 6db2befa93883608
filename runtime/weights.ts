// Lays out the weights block: the initial values of states first, then the constants that kernels read from memory.
import { valuesReadFromMemory } from "./fusion.ts";
import { type Constant, type Graph, type State, withRegions } from "./graph.ts";
import { hashOf } from "./hash.ts";
import type { TypedArray } from "./tensor-type.ts";

/** The weights block of some graphs; the same for every target. */
export interface Weights {
  readonly bytes: Uint8Array;
  /** Offset of a state's initial value. */
  initialOf(state: State): number;
  /** Offset of a constant, or undefined where its one repeated element is written into the code. */
  offsetOf(constant: Constant): number | undefined;
}

const align = 64;

/** Whether all elements are the same, bit for bit as far as arithmetic can tell. */
export function isUniform(data: TypedArray): boolean {
  for (let i = 1; i < data.length; i++) if (!Object.is(data[i], data[0])) return false;
  return data.length > 0;
}

const bytesOf = (data: TypedArray): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

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
  const parts: { readonly offset: number; readonly data: TypedArray }[] = [];
  let end = 0;
  const place = (data: TypedArray): number => {
    const offset = end;
    parts.push({ offset, data });
    end = Math.ceil((end + data.byteLength) / align) * align;
    return offset;
  };
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
        const hash = graphs.length > 1 ? hashOf(bytesOf(data)) : undefined;
        const offset = (hash === undefined ? undefined : shared.get(hash)) ?? place(data);
        offsets.set(constant, offset);
        if (hash !== undefined) own.set(hash, offset);
      }
    }
    for (const [hash, offset] of own) shared.set(hash, offset);
  }
  const bytes = new Uint8Array(end);
  for (const { offset, data } of parts) bytes.set(bytesOf(data), offset);
  return {
    bytes,
    initialOf: ({ name }) => states.get(name)!,
    offsetOf: (constant) => offsets.get(constant),
  };
}
