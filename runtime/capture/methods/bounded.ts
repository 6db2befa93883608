// Methods of tensors whose results have as many elements as the values say, and what leads there and back.
import { z } from "zod";
import type { Dtype } from "../../../kernels/index.ts";
import { type BoundedDimension, mostOf, type Shape } from "../../graph/dimension.ts";
import type { Value } from "../../graph/graph.ts";
import { countOf, sameShape, showTensorType, type TensorType } from "../../graph/tensor-type.ts";
import { axisIn } from "../../operators/axis.ts";
import { boundedOperators, operators } from "../../operators/index.ts";
import { operandError } from "../../operators/operand-error.ts";
import { needingSizes } from "../../operators/operator.ts";
import { operatorOptions, placed, requireArgument, tensorOf } from "../options.ts";
import { currentRecorder } from "../recorder.ts";
import type { Tensor } from "../tensor.ts";
import { IndexingMethods } from "./indexing.ts";

/** Options of what gives as many elements as the values say. */
export interface BoundOptions {
  /** More elements are a fault of the step; as many as may come unless given. */
  readonly atMost?: number;
}

/** What was chosen, and how many that are. */
export interface Chosen<D extends Dtype> {
  readonly values: Tensor<D>;
  readonly count: Tensor<"i64">;
}

const schemas = { atMost: z.int().min(1).optional() };
const checkNonzero = operatorOptions<BoundOptions>("nonzero", () => schemas);
const checkCompress = operatorOptions<BoundOptions>("compress", () => schemas);
const checkMaskedSelect = operatorOptions<BoundOptions>("maskedSelect", () => schemas);
const checkUnique = operatorOptions<BoundOptions>("unique", () => schemas);

/** The most elements that an operator may make, of as many as a shape has. Throws `operator/size` at the user's line. */
export const mostChosen = (
  operator: string,
  operands: readonly TensorType[],
  from: Shape,
  { atMost = Infinity }: BoundOptions,
): number => placed(() => needingSizes(operator, operands, () => Math.min(countOf(from.map(mostOf)), atMost)));

/** The part of `Tensor` that holds these methods. */
export abstract class BoundedMethods<D extends Dtype> extends IndexingMethods<D> {
  abstract get value(): Value;

  #newDimension(operator: string, from: Shape, options: BoundOptions): BoundedDimension {
    return currentRecorder().newDimension(operator, mostChosen(operator, [this.type], from, options));
  }

  /** How many elements there are along a dimension, also where that is known only at run time; without one the sizes of all. */
  size(axis?: number): Tensor<"i64"> {
    if (axis !== undefined) return this.apply("size", [], { axis });
    const each = this.type.shape.map((_, d) => this.apply<"i64">("size", [], { axis: d }).reshape([1]));
    const [first, ...others] = each as unknown as [BoundedMethods<"i64"> | undefined, ...Tensor[]];
    if (first) return first.results(operators.concat, others, { axis: 0 })[0] as Tensor<"i64">;
    return placed(() => {
      throw operandError("axes", `size of ${showTensorType(this.type)}: a scalar has no dimensions`);
    });
  }
  /** With every dimension that is known at run time as large as it may be, and `value` behind what there is. */
  toMaximum(value = 0): Tensor<D> {
    return this.apply("toMaximum", [], { axes: this.type.shape.map((_, d) => d), value });
  }
  /**
   * The first elements along `axis`, as many as `count`, one i64, says when the step runs.
   *
   * More than there are, or less than none, is a fault of the step.
   */
  truncate(count: Tensor<"i64">, axis = 0): Tensor<D> {
    tensorOf("truncate", count);
    const { shape } = this.type;
    const at = placed(() => axisIn(`truncate of ${showTensorType(this.type)}`, axis, shape.length));
    const dimension = this.#newDimension("truncate", [shape[at]!], {});
    const attributes = { axis, dimension, within: false };
    return this.results(boundedOperators.truncate, [count], attributes)[0] as Tensor<D>;
  }
  /** The indices of the elements that are not zero, [count, rank] in row-major order, as PyTorch's `nonzero`; and the count. */
  nonzero(options: BoundOptions = {}): { readonly indices: Tensor<"i64">; readonly count: Tensor<"i64"> } {
    checkNonzero(options);
    const dimension = this.#newDimension("nonzero", this.type.shape, options);
    const [indices, count] = this.results(boundedOperators.nonzero, [], { dimension });
    return { indices: indices as Tensor<"i64">, count: count as Tensor<"i64"> };
  }
  /** The slices along `axis` for which a mask, one bool each, is true, as ONNX's `Compress`; and how many. */
  compress(mask: Tensor<"bool">, axis = 0, options: BoundOptions = {}): Chosen<D> {
    checkCompress(options);
    const given = tensorOf("compress", mask);
    requireArgument("compress", "axis", z.int(), axis);
    return this.#compressed(given, axis, options, given);
  }
  /** The elements for which a mask of the same shape is true, in row-major order, as PyTorch's `masked_select`; and how many. */
  maskedSelect(mask: Tensor<"bool">, options: BoundOptions = {}): Chosen<D> {
    checkMaskedSelect(options);
    const given = tensorOf("maskedSelect", mask);
    const { type } = given;
    placed(() => {
      if (sameShape(this.type.shape, type.shape)) return;
      throw operandError(
        "shape",
        `maskedSelect of ${showTensorType(this.type)} by ${showTensorType(type)}`,
        "the mask has the shape of the tensor; broadcast it with .broadcastTo(shape)",
      );
    });
    const all: BoundedMethods<D> = this.reshape([-1]);
    return all.#compressed(given.reshape([-1]), 0, options, given);
  }
  /** The slices under a mask, which `named`, the mask as the user knows it, gives their dimension. */
  #compressed(mask: Tensor<"bool">, axis: number, options: BoundOptions, named: Tensor<"bool">): Chosen<D> {
    const most = mostChosen("compress", [this.type, mask.type], mask.type.shape, options);
    const dimension = currentRecorder().dimensionUnder(named.value, "compress", most);
    const [values, count] = this.results(boundedOperators.compress, [mask], { axis, dimension });
    return { values: values as Tensor<D>, count: count as Tensor<"i64"> };
  }
  /**
   * The different elements in ascending order, the position of each element's own among them, how often each occurs, and how
   * many they are, as PyTorch's `unique`: every NaN differs from all others.
   */
  unique(options: BoundOptions = {}): Chosen<D> & {
    readonly inverse: Tensor<"i64">;
    readonly occurrences: Tensor<"i64">;
  } {
    checkUnique(options);
    const dimension = this.#newDimension("unique", this.type.shape, options);
    const [values, inverse, occurrences, count] = this.results(boundedOperators.unique, [], { dimension });
    return {
      values: values as Tensor<D>,
      inverse: inverse as Tensor<"i64">,
      occurrences: occurrences as Tensor<"i64">,
      count: count as Tensor<"i64">,
    };
  }
}
