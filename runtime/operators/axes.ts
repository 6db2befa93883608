// What an operator does with the dimensions of its first operand: which stay as they are, and how it goes on where one is in blocks.
import type { TensorType } from "../graph/tensor-type.ts";

/** A dimension of the first operand in blocks: so many in its place, and the elements of a block behind all other dimensions. */
export interface BlockedAxis {
  readonly axis: number;
  /** Where the result has the dimension. */
  readonly to: number;
  readonly blocks: number;
  readonly elements: number;
}

/** How an operator that moves elements treats dimensions; `A` are its attributes. */
export interface Axes<A> {
  /**
   * Which dimension of the result is the operand's `axis`, unchanged: every element stays at its index there, whatever happens along
   * the others. Undefined where there is none such.
   */
  kept(axis: number, operands: readonly TensorType[], attributes: A): number | undefined;
  /** The attributes that do the same to an operand one of whose dimensions, a kept one, is in blocks. */
  blocked(attributes: A, by: BlockedAxis): A;
}
