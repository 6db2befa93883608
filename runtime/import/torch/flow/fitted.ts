// Tensors of several sizes, as values decide, as one with a dimension that is known when the model runs.
import { currentRecorder } from "../../../capture/recorder.ts";
import { constant, type Tensor } from "../../../capture/tensor.ts";
import { bounded, type Dimension, isBounded, mostOf, sameDimension } from "../../../graph/dimension.ts";
import type { TensorType } from "../../../graph/tensor-type.ts";
import { numberTensor } from "../numbers.ts";
import { cutTo, sizeAlong } from "../sizes.ts";
import { TorchNumber } from "../values.ts";

/** The type of what is one or the other, where they differ in sizes alone; undefined where they do in more. */
export function eitherType(one: TensorType, other: TensorType): TensorType | undefined {
  const isKnown = (size: Dimension): boolean => typeof size === "number" || isBounded(size);
  if (one.dtype !== other.dtype || one.shape.length !== other.shape.length) return undefined;
  if (![...one.shape, ...other.shape].every(isKnown)) return undefined;
  const shape = one.shape.map((size, axis) => {
    const second = other.shape[axis]!;
    return sameDimension(size, second) ? size : bounded("either", Math.max(mostOf(size), mostOf(second)));
  });
  return { dtype: one.dtype, shape };
}

/** A tensor with the dimensions that a type has, of which it has as many elements as it had. */
export function fitted(tensor: Tensor, { shape }: TensorType): Tensor {
  const own = tensor.type.shape;
  const axes = shape.flatMap((size, axis) => (sameDimension(size, own[axis]!) ? [] : [axis]));
  if (axes.length === 0) return tensor;
  const sizes = axes.map((axis) => sizeAlong(tensor, axis));
  const more = shape.map((size, axis) => (axes.includes(axis) ? mostOf(size) - mostOf(own[axis]!) : 0));
  const whole = axes.some((axis) => isBounded(own[axis]!)) ? tensor.toMaximum() : tensor;
  const wide = more.some((each) => each > 0)
    ? whole.pad(
        more.map(() => 0),
        more,
      )
    : whole;
  // What else had a size of its own has it again.
  const cut = own.flatMap((size, axis) => (isBounded(size) || axes.includes(axis) ? [axis] : []));
  return cut.reduce<Tensor>((all, axis) => {
    const at = axes.indexOf(axis);
    return cutAlong(all, axis, at < 0 ? sizeAlong(tensor, axis) : sizes[at]!, mostOf(shape[axis]!));
  }, wide);
}

function cutAlong(tensor: Tensor, axis: number, size: bigint | TorchNumber, most: number): Tensor {
  if (tensor.type.shape[axis] !== most) return tensor;
  const count = numberTensor(size)!;
  const own = size instanceof TorchNumber && size.dimension?.max === most ? size.dimension : undefined;
  const dimension = own ?? currentRecorder().dimensionUnder(count.value, "either", most);
  return cutTo(tensor, axis, new TorchNumber("int", count, { least: 0, most }, dimension));
}

/** Zeros, where it does not matter what stands there. */
export function anything({ dtype, shape }: TensorType): Tensor {
  const whole: Tensor = constant([0], dtype, []).broadcastTo(shape.map(mostOf));
  return shape.reduce<Tensor>((all, size, axis) => (isBounded(size) ? cutAlong(all, axis, 0n, size.max) : all), whole);
}
