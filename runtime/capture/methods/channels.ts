// Methods of tensors of channels: pooling of images, and normalisation by channel.
import { z } from "zod";
import type { Dtype } from "../../../kernels/index.ts";
import { located } from "../../graph/place.ts";
import { countOf, sameShape, showTensorType, staticShape, type TensorType } from "../../graph/tensor-type.ts";
import { operators } from "../../operators/index.ts";
import { operandError } from "../../operators/operand-error.ts";
import { extentsOption, flag, operatorOptions, requireArgument, tensorOf, tensorOption } from "../options.ts";
import { type Extents, isExtents, perExtent, requireExtents } from "../pair.ts";
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

/** Options of maxUnpool, as in PyTorch; those of the pooling whose places are given. */
export interface MaxUnpoolOptions {
  readonly stride?: Extents;
  readonly padding?: Extents;
  /** The line, plane or volume that was pooled, where its size does not follow from the windows. */
  readonly outputSize?: readonly number[];
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
const checkLpPool = operatorOptions<PoolOptions>("lpPool", () => poolSchemas);
const checkMaxUnpool = operatorOptions<MaxUnpoolOptions>("maxUnpool", () => ({
  stride: extentsOption(1),
  padding: extentsOption(0),
  outputSize: z
    .array(z.int().min(1))
    .min(1)
    .max(3)
    .describe("whole numbers from 1, one for each dimension behind the channels")
    .optional(),
}));

const normSchemas = { scale: tensorOption, shift: tensorOption, epsilon: z.number().optional() };
const checkBatchNorm = operatorOptions<NormOptions<Dtype>>("batchNorm", () => normSchemas);
const checkGroupNorm = operatorOptions<NormOptions<Dtype>>("groupNorm", () => normSchemas);
const checkInstanceNorm = operatorOptions<NormOptions<Dtype>>("instanceNorm", () => normSchemas);

const normSchema = z.number().min(1).describe("a number from 1");

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
  /**
   * (Σ|this|^norm)^(1/norm) over each window of [n,c,l], [n,c,h,w] or [n,c,d,h,w]; the stride is the window's size unless given.
   */
  lpPool(norm: number, size: Extents, options: Extents | PoolOptions = {}): Tensor<D> {
    requireArgument("lpPool", "norm", normSchema, norm);
    requireSize("lpPool", size);
    checkLpPool(isExtents(options) ? { stride: options } : options);
    return this.apply("lpPool", [], { ...poolWindow(this.type, size, options), norm });
  }
  /**
   * Zeros, and the elements of this at the places of maxPool's `indices` in their line, plane or volume; those of −1 are
   * nowhere, and of several at one place the last stays.
   */
  maxUnpool(indices: Tensor, size: Extents, options: MaxUnpoolOptions = {}): Tensor<D> {
    requireSize("maxUnpool", size);
    checkMaxUnpool(options);
    tensorOf("maxUnpool", indices);
    return located(() => {
      const what = `maxUnpool of ${showTensorType(this.type)} at ${showTensorType(indices.type)}`;
      const { stride = size, padding = 0, outputSize } = options;
      const [n, c, ...plane] = staticShape(this.type.shape) as [number, number, ...number[]];
      if (plane.length < 1 || plane.length > 3 || !sameShape(this.type.shape, indices.type.shape))
        throw operandError("shape", what, "both are [n,c,l], [n,c,h,w] or [n,c,d,h,w], of one shape");
      requireExtents(what, plane.length, { size, stride, padding, outputSize });
      const every = (value: Extents) => perExtent(value, plane.length);
      const out =
        outputSize ??
        plane.map((length, d) => (length - 1) * every(stride)[d]! - 2 * every(padding)[d]! + every(size)[d]!);
      if (out.some((length) => length < 1))
        throw operandError("attributes", `${what}: the padding leaves nothing`, "pad as the pooling did");
      const lines = [n * c, countOf(plane)];
      const none = this.channels(0)
        .slice([0, 1])
        .broadcastTo([n * c, countOf(out)]);
      return none.scatter(1, indices.reshape(lines), this.reshape(lines)).reshape([n, c, ...out]);
    });
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
  /** (Σ|this|^norm)^(1/norm) of each channel of [n,c,…], as [n,c,1,…]. */
  globalLpPool(norm = 2): Tensor<D> {
    requireArgument("globalLpPool", "norm", normSchema, norm);
    return located(() => this.lpPool(norm, staticShape(this.type.shape).slice(2)));
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
