// Sizes that a run decides: numbers as dimensions of tensors, which have a maximum, and dimensions as numbers.
import { currentRecorder } from "../../capture/recorder.ts";
import { Tensor } from "../../capture/tensor.ts";
import { type Dimension, isBounded, mostOf } from "../../graph/dimension.ts";
import { boundedOperators } from "../../operators/index.ts";
import { unsupportedTorch } from "./call.ts";
import { numberFunctions } from "./numbers.ts";
import { TorchNumber, type TorchValue } from "./values.ts";

/** A size of a tensor: a number, or one that a run decides. */
export type Size = number | TorchNumber;

/** The size of a tensor along an axis. */
export function sizeAlong(tensor: Tensor, axis: number): bigint | TorchNumber {
  const size = tensor.type.shape[axis]!;
  if (typeof size === "number") return BigInt(size);
  return new TorchNumber(
    "int",
    tensor.size(axis),
    { least: 0, most: mostOf(size) },
    isBounded(size) ? size : undefined,
  );
}

/** How many elements a tensor has. */
export const elementsIn = (tensor: Tensor): TorchValue =>
  tensor.type.shape
    .map((_, axis): TorchValue => sizeAlong(tensor, axis))
    .reduce((a, b) => (typeof a === "bigint" && typeof b === "bigint" ? a * b : numberFunctions.mul!(a, b)!), 1n);

/** The most that a size may be. Throws `import/unsupported` where nothing says it. */
export function mostOfSize(size: Size, atMost: number | undefined): number {
  if (typeof size === "number") return size;
  const most = size.dimension?.max ?? Math.min(size.bounds?.most ?? Infinity, atMost ?? Infinity);
  if (most !== Infinity) return Math.max(most, 0);
  throw unsupportedTorch(
    "a size is decided by values, and nothing says how large it may be",
    "say it: model.graph({ atMost: 100 })",
  );
}

/** The dimension that a number is the size of, where it is known to be one. */
export const dimensionOf = (size: Size): Dimension | undefined => (typeof size === "number" ? size : size.dimension);

/** The first elements along an axis, as many as a number says, which is its size as well wherever else it stands. */
export function cutTo(tensor: Tensor, axis: number, size: TorchNumber): Tensor {
  const recorder = currentRecorder();
  const { value } = size.tensor;
  const most = mostOf(tensor.type.shape[axis]!);
  const dimension = size.dimension?.max === most ? size.dimension : recorder.dimensionUnder(value, "size", most);
  const attributes = { axis, dimension, within: size.dimension !== undefined };
  return new Tensor(recorder.results(boundedOperators.truncate, [tensor.value, value], { attributes })[0]);
}

/** A tensor of some sizes, made by a function of the largest that they may be. */
export function withSizes(
  sizes: readonly Size[],
  atMost: number | undefined,
  make: (shape: readonly number[]) => Tensor,
): Tensor {
  const whole = make(sizes.map((size) => mostOfSize(size, atMost)));
  return sizes.reduce<Tensor>(
    (tensor, size, axis) => (typeof size === "number" ? tensor : cutTo(tensor, axis, size)),
    whole,
  );
}
