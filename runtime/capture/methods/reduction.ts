// Methods of tensors that reduce dimensions, or run along one, beyond sums, products and extremes.
import { z } from "zod";
import type { Dtype } from "../../../kernels/index.ts";
import type { TensorType } from "../../graph/tensor-type.ts";
import { operators } from "../../operators/index.ts";
import { flag, operatorOptions } from "../options.ts";
import type { Tensor } from "../tensor.ts";
import { ElementwiseMethods } from "./elementwise.ts";
import type { WithIndices } from "./symbolic.ts";

/** Options of variance and std. */
export interface VarianceOptions {
  readonly keepDims?: boolean;
  /** What is taken off the number of elements: 1 unless given, as in PyTorch; 0 divides by all. */
  readonly correction?: number;
}

/** Options of what runs along a dimension. */
export interface RunningOptions {
  /** Leaves the element itself out. */
  readonly exclusive?: boolean;
  /** Counts from the end. */
  readonly reverse?: boolean;
}

const varianceSchemas = { keepDims: flag, correction: z.number().optional() };
const runningSchemas = { exclusive: flag, reverse: flag };
const checkVariance = operatorOptions<VarianceOptions>("variance", () => varianceSchemas);
const checkStd = operatorOptions<VarianceOptions>("std", () => varianceSchemas);
const checkLogSumExp = operatorOptions<{ readonly keepDims?: boolean }>("logSumExp", () => ({ keepDims: flag }));
const checkCumsum = operatorOptions<RunningOptions>("cumsum", () => runningSchemas);
const checkCumprod = operatorOptions<RunningOptions>("cumprod", () => runningSchemas);

/** The part of `Tensor` that holds these methods. */
export abstract class ReductionMethods<D extends Dtype> extends ElementwiseMethods<D> {
  abstract get type(): TensorType<D>;

  #every(axes: readonly number[] | undefined): readonly number[] {
    return axes ?? this.type.shape.map((_, d) => d);
  }
  /** Σ (this − mean)² / (n − correction) over dimensions, all unless named. */
  variance(axes?: readonly number[], options: VarianceOptions = {}): Tensor<D> {
    checkVariance(options);
    const { keepDims = false, correction = 1 } = options;
    return this.apply("variance", [], { axes: this.#every(axes), keepDims, correction });
  }
  /** The root of the variance. */
  std(axes?: readonly number[], options: VarianceOptions = {}): Tensor<D> {
    checkStd(options);
    const { keepDims = false, correction = 1 } = options;
    return this.apply("std", [], { axes: this.#every(axes), keepDims, correction });
  }
  /** ln Σ e^this over dimensions, all unless named, without overflow on the way. */
  logSumExp(axes?: readonly number[], options: { readonly keepDims?: boolean } = {}): Tensor<D> {
    checkLogSumExp(options);
    const { keepDims = false } = options;
    return this.apply("logSumExp", [], { axes: this.#every(axes), keepDims });
  }
  /** Running sums along `axis`. */
  cumsum(axis: number, options: RunningOptions = {}): Tensor<D> {
    checkCumsum(options);
    const { exclusive = false, reverse = false } = options;
    return this.apply("cumsum", [], { axis, exclusive, reverse });
  }
  /** Running products along `axis`. */
  cumprod(axis: number, options: RunningOptions = {}): Tensor<D> {
    checkCumprod(options);
    const { exclusive = false, reverse = false } = options;
    return this.apply("cumprod", [], { axis, exclusive, reverse });
  }
  /** The largest element so far along `axis`, and the position of the last such; NaN is the largest. */
  cummax(axis: number): WithIndices<D> {
    return this.withIndices(operators.cummaxWithIndices, { axis });
  }
  /** The smallest element so far along `axis`, and the position of the last such; NaN is the smallest. */
  cummin(axis: number): WithIndices<D> {
    return this.withIndices(operators.cumminWithIndices, { axis });
  }
  /** The determinant of each matrix of […,n,n]. */
  det(): Tensor<D> {
    return this.apply("det", []);
  }
}
