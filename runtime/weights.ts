// Lays out the weights block: the initial values of states first, then the constants that kernels read from memory.
import { valuesReadFromMemory } from "./fusion.ts";
import type { Constant, Graph } from "./graph.ts";
import type { TypedArray } from "./tensor-type.ts";

/** The weights block of a graph; the same for every target. */
export interface Weights {
  readonly bytes: Uint8Array;
  /** Offset of each state's initial value. */
  readonly states: readonly number[];
  /** Offset of a constant, or undefined where its one repeated element is written into the code. */
  offsetOf(constant: Constant): number | undefined;
}

const align = 64;

/** Whether all elements are the same, bit for bit as far as arithmetic can tell. */
export function isUniform(data: TypedArray): boolean {
  for (let i = 1; i < data.length; i++) if (!Object.is(data[i], data[0])) return false;
  return data.length > 0;
}

/** Lays out a graph's data at 64-byte aligned offsets, in the order of the graph. */
export function layoutWeights(graph: Graph): Weights {
  const parts: { readonly offset: number; readonly data: TypedArray }[] = [];
  let end = 0;
  const place = (data: TypedArray): number => {
    const offset = end;
    parts.push({ offset, data });
    end = Math.ceil((end + data.byteLength) / align) * align;
    return offset;
  };
  const states = graph.states.map(({ initial }) => place(initial));
  const readFromMemory = valuesReadFromMemory(graph);
  const offsets = new Map<Constant, number>();
  for (const constant of graph.constants) {
    if (!isUniform(constant.data) || readFromMemory.has(constant.value)) offsets.set(constant, place(constant.data));
  }
  const bytes = new Uint8Array(end);
  for (const { offset, data } of parts) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
  }
  return { bytes, states, offsetOf: (constant) => offsets.get(constant) };
}
