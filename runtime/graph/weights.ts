// Lays out the weights block: the initial values of states first, then the constants that kernels read from memory.
import { hashOf } from "../../kernels/index.ts";
import { valuesReadFromMemory } from "../compiler/fusion.ts";
import type { Form } from "./forms.ts";
import { type Constant, type Graph, type State, withRegions } from "./graph.ts";
import { correctionsOf, isExact, type Step, throughSteps } from "./restored.ts";
import { byteLength, bytesIn, type TypedArray } from "./tensor-type.ts";

/** Bytes that are made when they are written: no two pieces of them are held at once. */
export interface Block {
  readonly size: number;
  /** The bytes, one piece after the other. */
  pieces(): Iterable<Uint8Array>;
}

/** All bytes of a block. */
export function bytesOfBlock(block: Block): Uint8Array {
  const bytes = new Uint8Array(block.size);
  let at = 0;
  for (const piece of block.pieces()) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** Elements among the weights, and the forms that they took on the way there, the last one first. */
interface Source {
  readonly offset: number;
  readonly forms: readonly Form[];
  /** What has the elements as the last of the forms was made of. */
  readonly last: Constant;
}

/** Where a constant's data is: among the weights, as it is or in another form, or among what is kept beside them. */
export type DataPlace = { readonly offset: number; readonly steps?: readonly Step[] } | { readonly kept: number };

/** The weights block of some graphs; the same for every target. */
export interface Weights extends Block {
  /** Offset of a state's initial value. */
  initialOf(state: State): number;
  /** Offset of a constant, or undefined where its one repeated element is written into the code. */
  offsetOf(constant: Constant): number | undefined;
  /** Where the elements of a constant of any of the graphs' earlier stages are, whatever shape they have here. */
  sourceOf(constant: Constant): Source | undefined;
}

/** What portable graphs have beside what their code reads: data that cannot be told from it, and what tells the rest. */
export interface Kept extends Block {
  readonly weights: Weights;
  /** Where a constant's data is; nowhere where all its elements are the same. */
  placeOf(constant: Constant): DataPlace | undefined;
}

const align = 64;

/** Whether all elements are the same, bit for bit as far as arithmetic can tell. */
export function isUniformData(data: TypedArray): boolean {
  for (let i = 1; i < data.length; i++) if (!Object.is(data[i], data[0])) return false;
  return data.length > 0;
}

/** Whether all elements of a constant are the same. */
export const isUniform = (constant: Constant): boolean =>
  (!constant.made || isUniform(constant.made.of)) && isUniformData(constant.data);

/** What constants of the same elements have in common. */
const elementsOf = (constant: Constant): object => constant.made ?? constant.data;

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
  const block = new Layout();
  const states = new Map<string, number>();
  const offsets = new Map<Constant, number>();
  /** What earlier graphs have placed, by the hash of its bytes. */
  const shared = new Map<string, number>();
  for (const graph of graphs) {
    for (const { name, initial } of graph.states)
      if (!states.has(name)) states.set(name, block.place({ data: initial }, initial.byteLength));
    const own = new Map<string, number>();
    for (const { constants, readFromMemory } of withRegions(graph).map(withMemory)) {
      for (const constant of constants) {
        const { value } = constant;
        if (!readFromMemory.has(value) && isUniform(constant)) continue;
        const hash = graphs.length > 1 ? hashOf(bytesIn(constant.data)) : undefined;
        const offset =
          (hash === undefined ? undefined : shared.get(hash)) ?? block.place(constant, byteLength(value.type));
        offsets.set(constant, offset);
        if (hash !== undefined) own.set(hash, offset);
      }
    }
    for (const [hash, offset] of own) shared.set(hash, offset);
  }
  const sources = new Map<object, Source>();
  for (const [constant, offset] of offsets) {
    const forms: Form[] = [];
    for (let each: Constant | undefined = constant; each; each = each.made?.of) {
      const known = sources.get(elementsOf(each));
      if (!known || known.forms.length > forms.length)
        sources.set(elementsOf(each), { offset, forms: [...forms], last: constant });
      if (each.made) forms.push(each.made.form);
    }
  }
  return {
    ...block.made(),
    initialOf: ({ name }) => states.get(name)!,
    offsetOf: (constant) => offsets.get(constant),
    sourceOf: (constant) => sources.get(elementsOf(constant)),
  };
}

/** Lays out what portable graphs have beside the weights of their code; equal bytes of several methods stand once. */
export function layoutKept(weights: Weights, ...graphs: readonly Graph[]): Kept {
  const block = new Layout();
  const places = new Map<object, DataPlace>();
  const shared = new Map<string, DataPlace>();
  for (const constant of graphs.flatMap(withRegions).flatMap(({ constants }) => constants)) {
    const elements = elementsOf(constant);
    if (places.has(elements) || isUniform(constant)) continue;
    const hash = graphs.length > 1 ? hashOf(bytesIn(constant.data)) : undefined;
    const known = hash === undefined ? undefined : shared.get(hash);
    const place = known ??
      amongWeights(constant, weights.sourceOf(constant), block) ?? {
        kept: block.place(constant, byteLength(constant.value.type)),
      };
    places.set(elements, place);
    if (hash !== undefined) shared.set(hash, place);
  }
  return { weights, ...block.made(), placeOf: (constant) => places.get(elementsOf(constant)) };
}

/** Where a constant's elements can be told from among the weights; what sums hide of them is placed beside. */
function amongWeights(constant: Constant, source: Source | undefined, beside: Layout): DataPlace | undefined {
  if (!source) return undefined;
  const { offset, forms, last } = source;
  if (forms.length === 0) return { offset };
  if (forms.every(isExact)) return { offset, steps: forms.map((form) => ({ form })) };
  // One rounding at most is made up for, the last: that of a weight in the form that it has in the graph.
  if (!forms.slice(0, -1).every(isExact)) return undefined;
  const steps: Step[] = forms.map((form) => ({ form }));
  const nearest = throughSteps(last.data, constant.value.type.dtype, steps, noBytes);
  const corrections = correctionsOf(nearest, constant.data);
  if (!corrections) return undefined;
  const { bytes, patches } = corrections;
  const at = beside.place({ data: bytes }, bytes.length);
  return { offset, steps: steps.with(-1, { form: forms.at(-1)!, corrections: { at, patches } }) };
}

const noBytes = new Uint8Array();

/** Data at aligned offsets, one after the other. */
class Layout {
  readonly #parts: Pick<Constant, "data">[] = [];
  #end = 0;

  place(of: Pick<Constant, "data">, bytes: number): number {
    const offset = this.#end;
    this.#parts.push(of);
    this.#end = Math.ceil((offset + bytes) / align) * align;
    return offset;
  }

  made(): Block {
    const parts = this.#parts;
    return {
      size: this.#end,
      *pieces() {
        for (const part of parts) {
          const bytes = bytesIn(part.data);
          yield bytes;
          const padding = (align - (bytes.length % align)) % align;
          if (padding > 0) yield new Uint8Array(padding);
        }
      },
    };
  }
}
