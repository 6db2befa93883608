// Methods of tensors of channels: pooling of images, and normalisation by channel.
import { z } from "zod";
import type { Dtype } from "../../../kernels/index.ts";
import type { TensorType } from "../../graph/tensor-type.ts";
import { operators } from "../../operators/index.ts";
import { extentsOption, flag, operatorOptions, requireArgument, tensorOption } from "../options.ts";
import { type Extents, isExtents, perExtent } from "../pair.ts";
import type { Tensor } from "../tensor.ts";
import { BoundedMethods } from "./bounded.ts";
import type { WithIndices } from "./symbolic.ts";

/** Options of pooling, as in PyTorch; `padding` may differ at the end of each dimension. */
export interface PoolOptions {
  readonly stride?: Extents;
  readonly padding?: Extents;
  /** Padding below and to the right, where it differs. */
  readonly paddingAfter?: Extents;
  readonly dilation?: Extents;
  /** Whether a last window may reach beyond the padding. */
  readonly ceil?: boolean;
}

/** Options of the largest of windows. */
export interface MaxPoolOptions extends PoolOptions {
  /** Whether to give the place of each in its line, plane or volume too, counted through it row by row. */
  readonly returnIndices?: boolean;
}

/** What a norm's result is multiplied by, and what is added, by channel; nothing unless given. */
export interface NormOptions<D extends Dtype> {
  readonly scale?: Tensor<D>;
  readonly shift?: Tensor<D>;
  readonly epsilon?: number;
}

const poolSchemas = {
  stride: extentsOption(1),
  padding: extentsOption(0),
  paddingAfter: extentsOption(0),
  dilation: extentsOption(1),
  ceil: flag,
};
const checkMaxPool = operatorOptions<MaxPoolOptions>("maxPool", () => ({ ...poolSchemas, returnIndices: flag }));
const checkAvgPool = operatorOptions<PoolOptions & { readonly countPadding?: boolean }>("avgPool", () => ({
  ...poolSchemas,
  countPadding: flag,
}));

const normSchemas = { scale: tensorOption, shift: tensorOption, epsilon: z.number().optional() };
const checkBatchNorm = operatorOptions<NormOptions<Dtype>>("batchNorm", () => normSchemas);
const checkGroupNorm = operatorOptions<NormOptions<Dtype>>("groupNorm", () => normSchemas);
const checkInstanceNorm = operatorOptions<NormOptions<Dtype>>("instanceNorm", () => normSchemas);

const requireSize = (operator: string, size: Extents): void =>
  requireArgument(operator, "size", extentsOption(1), size);

/** The attributes of a window over the dimensions behind the channels. */
function poolWindow({ shape }: TensorType, size: Extents, given: Extents | PoolOptions): object {
  const options: PoolOptions = isExtents(given) ? { stride: given } : given;
  const { stride = size, padding = 0, paddingAfter = padding, dilation = 1, ceil = false } = options;
  const every = (value: Extents) => perExtent(value, shape.length - 2);
  return {
    size: every(size),
    stride: every(stride),
    dilation: every(dilation),
    before: every(padding),
    after: every(paddingAfter),
    ceil,
  };
}

/** The part of `Tensor` that holds these methods. */
export abstract class ChannelMethods<D extends Dtype> extends BoundedMethods<D> {
  /** A tensor of ones, or zeros, by channel of [n,c,…]. */
  protected abstract channels(value: number): Tensor<D>;

  #parameters({ scale, shift }: NormOptions<D>): Tensor<D>[] {
    if (!shift) return scale ? [scale] : [];
    return [scale ?? this.channels(1), shift];
  }

  /** The largest of each window of [n,c,l], [n,c,h,w] or [n,c,d,h,w]; the stride is the window's size unless given, alone or among options. */
  maxPool(size: Extents, options: MaxPoolOptions & { readonly returnIndices: true }): WithIndices<D>;
  maxPool(size: Extents, options?: Extents | (MaxPoolOptions & { readonly returnIndices?: false })): Tensor<D>;
  maxPool(size: Extents, options: Extents | MaxPoolOptions = {}): Tensor<D> | WithIndices<D> {
    requireSize("maxPool", size);
    const given: MaxPoolOptions = isExtents(options) ? { stride: options } : options;
    checkMaxPool(given);
    const window = poolWindow(this.type, size, given);
    return given.returnIndices
      ? this.withIndices(operators.maxPoolWithIndices, window)
      : this.apply("maxPool", [], window);
  }
  /** The mean of each window of [n,c,l], [n,c,h,w] or [n,c,d,h,w]; padding counts as zeros unless `countPadding` is false. */
  avgPool(size: Extents, options: Extents | (PoolOptions & { readonly countPadding?: boolean }) = {}): Tensor<D> {
    requireSize("avgPool", size);
    checkAvgPool(isExtents(options) ? { stride: options } : options);
    const countPadding = (isExtents(options) ? undefined : options.countPadding) ?? true;
    return this.apply("avgPool", [], { ...poolWindow(this.type, size, options), countPadding });
  }
  /** The largest of each of so many windows over the lines, planes or volumes of [n,c,…]. */
  adaptiveMaxPool(size: Extents): Tensor<D> {
    requireSize("adaptiveMaxPool", size);
    return this.apply("adaptiveMaxPool", [], { size: perExtent(size, this.type.shape.length - 2) });
  }
  /** The mean of each of so many windows over the lines, planes or volumes of [n,c,…]. */
  adaptiveAvgPool(size: Extents): Tensor<D> {
    requireSize("adaptiveAvgPool", size);
    return this.apply("adaptiveAvgPool", [], { size: perExtent(size, this.type.shape.length - 2) });
  }
  /** The dimensions behind the channels, one at least. */
  get #extents(): number[] {
    return Array.from({ length: Math.max(1, this.type.shape.length - 2) }, (_, d) => d + 2);
  }
  /** The largest of each channel of [n,c,…], as [n,c,1,…]. */
  globalMaxPool(): Tensor<D> {
    return this.apply("max", [], { axes: this.#extents, keepDims: true });
  }
  /** The mean of each channel of [n,c,…], as [n,c,1,…]. */
  globalAvgPool(): Tensor<D> {
    return this.apply("mean", [], { axes: this.#extents, keepDims: true });
  }

  /** (this − mean) / √(variance + epsilon) · scale + shift by channel of [n,c,…], with a mean and a variance that are known. */
  batchNorm(mean: Tensor<D>, variance: Tensor<D>, options: NormOptions<D> = {}): Tensor<D> {
    checkBatchNorm(options);
    const { epsilon = 1e-5 } = options;
    return this.apply("batchNorm", [mean, variance, ...this.#parameters(options)], { epsilon });
  }
  /** The same, with the mean and the variance of each group of channels of each image of [n,c,…]. */
  groupNorm(groups: number, options: NormOptions<D> = {}): Tensor<D> {
    checkGroupNorm(options);
    const { epsilon = 1e-5 } = options;
    return this.apply("groupNorm", this.#parameters(options), { groups, epsilon });
  }
  /** The same, each channel by itself. */
  instanceNorm(options: NormOptions<D> = {}): Tensor<D> {
    checkInstanceNorm(options);
    const { epsilon = 1e-5 } = options;
    return this.apply("instanceNorm", this.#parameters(options), { epsilon });
  }
}
