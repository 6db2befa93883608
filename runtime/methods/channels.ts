// Methods of tensors of channels: pooling of images, and normalisation by channel.
import { z } from "zod";
import type { Dtype } from "../../kernels/index.ts";
import { flag, operatorOptions, planeOption, requireArgument, tensorOption } from "../options.ts";
import { both, isPair, type Pair } from "../pair.ts";
import type { Tensor } from "../tensor.ts";
import { ArrangementMethods } from "./arrangement.ts";

/** Options of pooling, as in PyTorch; `padding` may differ at the end of each dimension. */
export interface PoolOptions {
  readonly stride?: Pair;
  readonly padding?: Pair;
  /** Padding below and to the right, where it differs. */
  readonly paddingAfter?: Pair;
  readonly dilation?: Pair;
  /** Whether a last window may reach beyond the padding. */
  readonly ceil?: boolean;
}

/** What a norm's result is multiplied by, and what is added, by channel; nothing unless given. */
export interface NormOptions<D extends Dtype> {
  readonly scale?: Tensor<D>;
  readonly shift?: Tensor<D>;
  readonly epsilon?: number;
}

const poolSchemas = {
  stride: planeOption(1),
  padding: planeOption(0),
  paddingAfter: planeOption(0),
  dilation: planeOption(1),
  ceil: flag,
};
const checkMaxPool = operatorOptions<PoolOptions>("maxPool", () => poolSchemas);
const checkAvgPool = operatorOptions<PoolOptions & { readonly countPadding?: boolean }>("avgPool", () => ({
  ...poolSchemas,
  countPadding: flag,
}));

const normSchemas = { scale: tensorOption, shift: tensorOption, epsilon: z.number().optional() };
const checkBatchNorm = operatorOptions<NormOptions<Dtype>>("batchNorm", () => normSchemas);
const checkGroupNorm = operatorOptions<NormOptions<Dtype>>("groupNorm", () => normSchemas);
const checkInstanceNorm = operatorOptions<NormOptions<Dtype>>("instanceNorm", () => normSchemas);

const requireSize = (operator: string, size: Pair): void => requireArgument(operator, "size", planeOption(1), size);

function poolWindow(size: Pair, given: Pair | PoolOptions): object {
  const options: PoolOptions = isPair(given) ? { stride: given } : given;
  const { stride = size, padding = 0, paddingAfter = padding, dilation = 1, ceil = false } = options;
  return {
    size: both(size),
    stride: both(stride),
    dilation: both(dilation),
    before: both(padding),
    after: both(paddingAfter),
    ceil,
  };
}

/** The part of `Tensor` that holds these methods. */
export abstract class ChannelMethods<D extends Dtype> extends ArrangementMethods<D> {
  /** A tensor of ones, or zeros, by channel of [n,c,…]. */
  protected abstract channels(value: number): Tensor<D>;

  #parameters({ scale, shift }: NormOptions<D>): Tensor<D>[] {
    if (!shift) return scale ? [scale] : [];
    return [scale ?? this.channels(1), shift];
  }

  /** The largest of each window of [n,c,h,w]; the stride is the window's size unless given, alone or among options. */
  maxPool(size: Pair, options: Pair | PoolOptions = {}): Tensor<D> {
    requireSize("maxPool", size);
    checkMaxPool(isPair(options) ? { stride: options } : options);
    return this.apply("maxPool", [], poolWindow(size, options));
  }
  /** The mean of each window of [n,c,h,w]; padding counts as zeros unless `countPadding` is false. */
  avgPool(size: Pair, options: Pair | (PoolOptions & { readonly countPadding?: boolean }) = {}): Tensor<D> {
    requireSize("avgPool", size);
    checkAvgPool(isPair(options) ? { stride: options } : options);
    const countPadding = (isPair(options) ? undefined : options.countPadding) ?? true;
    return this.apply("avgPool", [], { ...poolWindow(size, options), countPadding });
  }
  /** The largest of each of so many windows over the planes of [n,c,h,w]. */
  adaptiveMaxPool(size: Pair): Tensor<D> {
    requireSize("adaptiveMaxPool", size);
    return this.apply("adaptiveMaxPool", [], { size: both(size) });
  }
  /** The mean of each of so many windows over the planes of [n,c,h,w]. */
  adaptiveAvgPool(size: Pair): Tensor<D> {
    requireSize("adaptiveAvgPool", size);
    return this.apply("adaptiveAvgPool", [], { size: both(size) });
  }
  /** The largest of each channel of [n,c,h,w], as [n,c,1,1]. */
  globalMaxPool(): Tensor<D> {
    return this.apply("max", [], { axes: [2, 3], keepDims: true });
  }
  /** The mean of each channel of [n,c,h,w], as [n,c,1,1]. */
  globalAvgPool(): Tensor<D> {
    return this.apply("mean", [], { axes: [2, 3], keepDims: true });
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
