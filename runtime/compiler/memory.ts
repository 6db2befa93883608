// The pieces of memory that kernels read and write, and the plan that lays the temporary ones into one scratch arena.
import { bytesOf, type Dtype } from "../../kernels/index.ts";
import { countOf, staticShape, type TensorType } from "../graph/tensor-type.ts";

/** Where a tensor lives while a step runs. */
export type Home =
  | { readonly kind: "input"; readonly index: number }
  | { readonly kind: "output"; readonly index: number }
  | { readonly kind: "stateIn"; readonly index: number }
  | { readonly kind: "stateOut"; readonly index: number }
  | { readonly kind: "weights"; readonly offset: number }
  | Scratch
  | Slot;

/** A piece of the scratch arena; its identity is the object. */
export interface Scratch {
  readonly kind: "scratch";
}

/** Where the pointer at `index` of a table in the scratch arena points to, which changes while a loop runs. */
export interface Slot {
  readonly kind: "slot";
  readonly table: Scratch;
  readonly index: number;
  /** All that it may point to. */
  readonly reaches: readonly Home[];
}

/** A row-major tensor in memory. */
export interface Memory {
  readonly home: Home;
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly bytes: number;
  /** What its address is a multiple of; 64 unless given. */
  readonly align?: number;
}

/** Memory for a tensor. */
export function tensorMemory(home: Home, name: string, { dtype, shape: given }: TensorType): Memory {
  const shape = staticShape(given);
  return { home, name, dtype, shape, bytes: countOf(shape) * bytesOf(dtype) };
}

/** A piece of the scratch arena and the kernels, first and last, between which its bytes must stay. */
export interface Lifetime {
  readonly home: Scratch;
  readonly name: string;
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
}

/** Offsets in the scratch arena. */
export interface MemoryPlan {
  readonly bytes: number;
  readonly placed: readonly (Lifetime & { readonly offset: number })[];
  /** One line per tensor, in the order of offsets. */
  toString(): string;
}

const align = 64;
const roundUp = (bytes: number): number => Math.ceil(bytes / align) * align;

/** Places each tensor at the lowest offset where nothing lives at the same time, largest first. */
export function planMemory(lifetimes: readonly Lifetime[]): MemoryPlan {
  const placed: (Lifetime & { offset: number })[] = [];
  /** What has been placed, by the kernels that it lives through. */
  const living: (Lifetime & { offset: number })[][] = [];
  const order = [...lifetimes].sort((a, b) => b.bytes - a.bytes || a.first - b.first);
  for (const each of order) {
    const others = new Set<Lifetime & { offset: number }>();
    for (let at = each.first; at <= each.last; at++) for (const other of living[at] ?? []) others.add(other);
    const rivals = [...others].sort((a, b) => a.offset - b.offset);
    let offset = 0;
    for (const rival of rivals) {
      if (offset + each.bytes <= rival.offset) break;
      offset = Math.max(offset, roundUp(rival.offset + rival.bytes));
    }
    const own = { ...each, offset };
    placed.push(own);
    for (let at = each.first; at <= each.last; at++) {
      const there = living[at];
      if (there) there.push(own);
      else living[at] = [own];
    }
  }
  placed.sort((a, b) => a.offset - b.offset || a.first - b.first);
  return {
    bytes: placed.reduce((end, each) => Math.max(end, roundUp(each.offset + each.bytes)), 0),
    placed,
    toString: () =>
      placed
        .map(
          ({ offset, bytes, name, first, last }) =>
            `${String(offset).padStart(9)} +${String(bytes).padEnd(8)} kernels ${first}–${last}  ${name}`,
        )
        .join("\n"),
  };
}
