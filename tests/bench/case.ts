// What a row of a benchmark is made of: the same computation as a graph of ours and as a model of the peer.
import type { Graph } from "../../runtime/index.ts";

export type Numbers = Float32Array | Uint8Array | Int8Array;

/** One comparison. */
export interface BenchCase {
  readonly name: string;
  readonly graph: Graph;
  /** The bytes of the peer's model: the graph as it is exported, or what the peer has one operator for. */
  readonly model: () => Uint8Array;
  /** Arithmetic of one call: a multiply-add counts as two. */
  readonly flops: number;
  /** The least ratio that the project asks of this row on AVX-512, and the ratio aimed for, where it asks for one. */
  readonly atLeast?: number;
  readonly aim?: number;
  /** Inputs of the peer that take one of its outputs of the step before: our states. */
  readonly feedback?: { readonly [input: string]: string };
}

/** A computation with control flow, and the same without: what loops and choices cost, with no peer. */
export interface OwnCase extends Omit<BenchCase, "model" | "feedback"> {
  /** Of the same outputs, bit for bit; absent where only calls are timed. */
  readonly straight?: Graph;
  /** What that is; "without control flow" unless said. */
  readonly straightIs?: string;
}

/** A case and what is measured of it; made when it is asked for: weights of all of them at once would be large. */
export interface BenchEntry {
  readonly name: string;
  make(name: string): BenchCase | OwnCase;
  /** Measure several threads against one, too: the least that they must bring. */
  readonly threads?: number;
  /** Measure so many calls against native ones, too. */
  readonly nativeCalls?: number;
  /** Measure both sides with so many threads each, too. */
  readonly peerThreads?: number;
  /** Call both sides once in so many milliseconds, too. */
  readonly everyMs?: number;
  /** Call both sides with nothing in the caches, too, as a layer's weights are in a network. */
  readonly cold?: boolean;
  /** Say what both sides take of memory. */
  readonly memory?: boolean;
  /** Say how long it takes to compile. */
  readonly compileTime?: boolean;
}

/** Suites by name. */
export interface Suites {
  readonly [name: string]: readonly BenchEntry[];
}

/** Float32 values in [−scale, scale) from a fixed sequence. */
export function numbers(count: number, seed: number, scale = 1): Float32Array {
  const result = new Float32Array(count);
  let state = (seed * 2654435761 + 12345) >>> 0;
  for (let at = 0; at < count; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    result[at] = (state / 2 ** 31 - 1) * scale;
  }
  return result;
}

/** Inputs that calls take turns with, from a fixed sequence. */
export const inputSets = (graph: Graph, count: number): { readonly [name: string]: Float32Array }[] =>
  Array.from({ length: count }, (_, set) =>
    Object.fromEntries(
      graph.inputs.map(({ name, value }, at) => {
        const elements = (value.type.shape as readonly number[]).reduce((a, b) => a * b, 1);
        return [name, numbers(elements, 100 + set * 8 + at)];
      }),
    ),
  );

/** A graph whose signature's types do not matter any more. */
export const plainGraph = (graph: unknown): Graph => graph as Graph;
