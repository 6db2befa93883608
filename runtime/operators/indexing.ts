// Index arithmetic: row-major positions of broadcast and permuted tensors, copies of boxes of elements, positions in graphs.
import { generators } from "../../kernels/index.ts";
import type { Value } from "../graph/graph.ts";
import { arrayFrom, type TypedArray } from "../graph/tensor-type.ts";
import type { Builder } from "./operator.ts";

/** One i64 in a graph: a position, a size, a count. */
export const wholeNumber = (builder: Builder, value: number, name?: string): Value =>
  builder.constant({ dtype: "i64", shape: [] }, arrayFrom("i64", [value]), name);

/** The multi-index of a row-major position. */
export function unravel(position: number, shape: readonly number[]): number[] {
  const index = new Array<number>(shape.length);
  let rest = position;
  for (let d = shape.length - 1; d >= 0; d--) {
    index[d] = rest % shape[d]!;
    rest = Math.floor(rest / shape[d]!);
  }
  return index;
}

/** The row-major position of a multi-index. */
export const ravel = (index: readonly number[], shape: readonly number[]): number =>
  index.reduce((position, each, d) => position * shape[d]! + each, 0);

/** Maps a position in `result` to the position in an operand that is broadcast to it. */
export function indexer(operand: readonly number[], result: readonly number[]): (position: number) => number {
  if (operand.length === result.length && operand.every((size, d) => size === result[d])) return (position) => position;
  if (operand.every((size) => size === 1)) return () => 0;
  const leading = result.length - operand.length;
  return (position) => {
    const index = unravel(position, result);
    return ravel(
      operand.map((size, d) => (size === 1 ? 0 : index[leading + d]!)),
      operand,
    );
  };
}

/** The elements along `axis`, line by line: positions in row-major data. */
export function lines(shape: readonly number[], axis: number): number[][] {
  const length = shape[axis]!;
  const stride = shape.slice(axis + 1).reduce((product, size) => product * size, 1);
  const outer = shape.slice(0, axis).reduce((product, size) => product * size, 1);
  return Array.from({ length: outer * stride }, (_, at) => {
    const first = Math.floor(at / stride) * length * stride + (at % stride);
    return Array.from({ length }, (_, j) => first + j * stride);
  });
}

/** Elements of an array from an offset on, a stride apart along each dimension. */
export interface Strided {
  readonly data: TypedArray;
  readonly offset?: number;
  /** Row-major order of the box unless given. */
  readonly strides?: readonly number[];
}

/** Fewest neighbours that are worth copying as a piece. */
const leastPiece = 8;

/** Copies a box of elements between arrays of one dtype: constants of any size are laid out by it. */
export function copyBox(shape: readonly number[], from: Strided, to: Strided): void {
  if (shape.includes(0)) return;
  const [source, target] = [from.data as Float64Array, to.data as Float64Array];
  const [reads, writes] = [from.strides, to.strides].map((strides) => strides ?? generators.rowMajor(shape)) as [
    readonly number[],
    readonly number[],
  ];
  const size = (d: number) => shape[d] ?? 1;
  // Along the longest dimension, or one of neighbours in both: what is done once a line weighs little then.
  let along = 0;
  for (let d = 1; d < shape.length; d++) if (size(d) > size(along)) along = d;
  const pieces = shape.findLastIndex((each, d) => reads[d] === 1 && writes[d] === 1 && each >= leastPiece);
  if (pieces >= 0) along = pieces;
  const outer = shape.map((_, d) => d).filter((d) => d !== along && size(d) > 1);
  const [length, read, write] = [size(along), reads[along] ?? 0, writes[along] ?? 0];
  const index = outer.map(() => 0);
  let [a, b] = [from.offset ?? 0, to.offset ?? 0];
  for (;;) {
    if (pieces >= 0) target.set(source.subarray(a, a + length), b);
    else for (let i = 0; i < length; i++) target[b + i * write] = source[a + i * read]!;
    let place = outer.length - 1;
    for (; place >= 0; place--) {
      const d = outer[place]!;
      a += reads[d]!;
      b += writes[d]!;
      if (++index[place]! < shape[d]!) break;
      a -= reads[d]! * shape[d]!;
      b -= writes[d]! * shape[d]!;
      index[place] = 0;
    }
    if (place < 0) return;
  }
}
