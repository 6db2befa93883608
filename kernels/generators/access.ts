// How kernels reach tensors: index maps, views of buffers, and sources that compute what they give.
import { add, broadcast, constant, index, load, mul, ramp, shuffle } from "../loop/build.ts";
import type { Buffer, Expression, Scalar } from "../loop/ir.ts";

/** One dimension's index in every lane: base + lane × step. */
export interface LaneIndex {
  readonly base: Expression;
  readonly step: number;
}

export const fixed = (base: Expression | number): LaneIndex => ({ base: index(base), step: 0 });

/** A tensor that a kernel can read: a view of memory, or a computation over other sources. */
export interface Source {
  readonly scalar: Scalar;
  readonly shape: readonly number[];
  /** The elements at an index, one per lane; `index` has one entry per dimension. */
  at(index: readonly LaneIndex[], lanes: number): Expression;
}

/** A strided view of a buffer; strides and offset count elements. */
export interface View extends Source {
  readonly buffer: Buffer;
  readonly offset: number;
  readonly strides: readonly number[];
}

export const rowMajor = (shape: readonly number[]): number[] =>
  shape.map((_, at) => shape.slice(at + 1).reduce((product, each) => product * each, 1));

export const elementsOf = (shape: readonly number[]): number => shape.reduce((product, each) => product * each, 1);

/** Where a view's element lies: the first lane's offset, and the distance between lanes. */
export function addressOf(
  view: { readonly offset: number; readonly strides: readonly number[] },
  at: readonly LaneIndex[],
): LaneIndex {
  let base: Expression = index(view.offset);
  let step = 0;
  view.strides.forEach((stride, dimension) => {
    const each = at[dimension]!;
    base = add(base, mul(each.base, stride));
    step += each.step * stride;
  });
  return { base, step };
}

/** Every second element, of two vectors that overlap by one and reach no further than the last of them. */
function everySecond(buffer: Buffer, base: Expression, lanes: number): Expression {
  const order = Array.from({ length: lanes }, (_, lane) => 2 * lane + (lane < lanes / 2 ? 0 : 1));
  return shuffle(load(buffer, base, lanes), order, load(buffer, add(base, lanes - 1), lanes));
}

/** A view of a whole buffer in row-major order, or with other strides. */
export function view(
  buffer: Buffer,
  shape: readonly number[],
  strides: readonly number[] = rowMajor(shape),
  offset = 0,
): View {
  return {
    scalar: buffer.scalar,
    shape,
    buffer,
    offset,
    strides,
    at(at, lanes) {
      const { base, step } = addressOf({ offset, strides }, at);
      if (lanes === 1) return load(buffer, base);
      if (step === 0) return broadcast(load(buffer, base), lanes);
      if (step === 2 && lanes % 2 === 0) return everySecond(buffer, base, lanes);
      return step === 1 ? load(buffer, base, lanes) : load(buffer, ramp(base, step, lanes));
    },
  };
}

/** A source with every element the same. */
export const filled = (scalar: Scalar, shape: readonly number[], value: number | bigint | boolean): Source => ({
  scalar,
  shape,
  at: (_, lanes) => constant(scalar, value, lanes),
});

/** The dimensions of `source` in another order: result dimension d is source dimension `axes[d]`. */
export const permuted = (source: Source, axes: readonly number[]): Source => ({
  scalar: source.scalar,
  shape: axes.map((axis) => source.shape[axis]!),
  at(at, lanes) {
    const inner: LaneIndex[] = [];
    axes.forEach((axis, dimension) => {
      inner[axis] = at[dimension]!;
    });
    return source.at(inner, lanes);
  },
});

/** The part of `source` from `starts`, every `steps`-th element, of the given shape. */
export const sliced = (
  source: Source,
  starts: readonly number[],
  steps: readonly number[],
  shape: readonly number[],
): Source => ({
  scalar: source.scalar,
  shape,
  at: (at, lanes) =>
    source.at(
      at.map(({ base, step }, d) => ({ base: add(mul(base, steps[d]!), starts[d]!), step: step * steps[d]! })),
      lanes,
    ),
});

/** `source` repeated along new leading dimensions and dimensions of size 1 (NumPy's rule). */
export const broadcasted = (source: Source, shape: readonly number[]): Source => {
  const leading = shape.length - source.shape.length;
  if (leading === 0 && source.shape.every((size, d) => size === shape[d])) return source;
  return {
    scalar: source.scalar,
    shape,
    at: (at, lanes) =>
      source.at(
        source.shape.map((size, d) => (size === 1 ? fixed(0) : at[leading + d]!)),
        lanes,
      ),
  };
};
