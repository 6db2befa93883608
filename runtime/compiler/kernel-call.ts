// A kernel while it is written: its buffers, and the memory behind each of them.
import {
  bytesOf,
  type Choice,
  type Expression,
  generators,
  type Kernel,
  type LoopBuffer,
  type Split,
} from "../../kernels/index.ts";
import type { Value } from "../graph/graph.ts";
import { countOf } from "../graph/tensor-type.ts";
import type { Memory } from "./memory.ts";
import type { Place } from "./placement.ts";

/** A kernel and the memory behind each of its buffers, in order. */
export interface KernelCall {
  readonly kernel: Kernel;
  /** What it computes, for profiles: operator and value. */
  readonly label: string;
  readonly operands: readonly Operand[];
  /** The schedules that it was given. */
  readonly choices: readonly Choice[];
  /** The kernel in parts that may run at once, where it is worth splitting; they take its place where there are threads. */
  readonly split?: Split;
}

/** The memory behind a buffer of a kernel. */
export interface Operand {
  readonly memory: Memory;
  readonly access: LoopBuffer["access"];
  /** Bytes of it that the kernel reads or writes, each once. */
  readonly bytes: number;
  /** Bytes from one chunk's copy of a private buffer to the next. */
  readonly copyBytes?: number;
}

/** The kernels that a call may run: the whole one, and its parts. */
export const codeOf = ({ kernel, split }: KernelCall): readonly Kernel[] => [kernel, ...(split?.kernels ?? [])];

/** One kernel being written: its buffers appear as its sources ask for memory. */
export class KernelContext {
  readonly buffers: LoopBuffer[] = [];
  readonly operands: Operand[] = [];
  readonly #known = { read: new Map<Memory, LoopBuffer>(), write: new Map<Memory, LoopBuffer>() };
  /** For each buffer, its number, the places asked for and their bytes. */
  readonly #reached = new Map<LoopBuffer, { readonly number: number; readonly places: Set<string>; bytes: number }>();
  /** A value that the kernel has just computed, for what follows it in the same kernel. */
  root: { readonly value: Value; computed: Expression | undefined } | undefined;
  /** Values that earlier steps of the same kernel have computed. */
  readonly steps = new Map<Value, generators.Source>();
  /** Those of them that have been asked for. */
  readonly taken = new Set<generators.Source>();

  /** What is read and what is written of one memory are buffers of their own: they have no element in common. */
  buffer(memory: Memory, access: LoopBuffer["access"], options: { readonly private?: boolean } = {}): LoopBuffer {
    const buffers = this.#known[access === "read" ? "read" : "write"];
    const known = buffers.get(memory);
    if (known) return known;
    const buffer: LoopBuffer = {
      name: memory.name,
      scalar: memory.dtype,
      length: countOf(memory.shape),
      access,
      align: memory.align ?? 64,
      ...options,
    };
    buffers.set(memory, buffer);
    this.buffers.push(buffer);
    this.operands.push({ memory, access, bytes: memory.bytes });
    return buffer;
  }

  /** The buffer of a place; of its memory only the places asked for count as read or written. */
  at(place: Place, access: LoopBuffer["access"]): LoopBuffer {
    const { memory, shape, strides, offset } = place;
    const buffer = this.buffer(memory, access);
    const reached = this.#reached.get(buffer) ?? {
      number: this.buffers.lastIndexOf(buffer),
      places: new Set(),
      bytes: 0,
    };
    this.#reached.set(buffer, reached);
    const { number, places } = reached;
    const text = `${offset}:${shape}:${strides}`;
    if (!places.has(text)) {
      places.add(text);
      reached.bytes += countOf(shape) * bytesOf(memory.dtype);
      this.operands[number] = { ...this.operands[number]!, bytes: Math.min(memory.bytes, reached.bytes) };
    }
    return buffer;
  }
}

/** A place as the part of a buffer that it is. */
export const viewIn = ({ shape, strides, offset }: Place, buffer: LoopBuffer): generators.View =>
  generators.view(buffer, shape, strides, offset);

/** A place as a kernel reads it. */
export const viewOf = (place: Place, context: KernelContext): generators.View =>
  viewIn(place, context.at(place, "read"));

/** A place as a kernel writes it. */
export const destinationOf = ({ strides, offset }: Place, buffer: LoopBuffer): generators.Destination => ({
  buffer,
  offset,
  strides,
});
