// What is known of a tensor's elements while a graph is built, or a model interpreted.

import { isFloatDtype } from "../../../kernels/index.ts";
import type { Tensor } from "../../capture/tensor.ts";
import { numberIn, staticShape } from "../../graph/tensor-type.ts";
import { computedOf } from "./eager-recorder.ts";

/** Elements of larger tensors are not asked for one by one. */
const mostKnown = 64;

/**
 * The elements of a tensor of integers or bools that follow from constants and sizes alone, and of any small tensor where a model is
 * interpreted; undefined for others.
 */
export function fixedNumbers(tensor: Tensor): readonly (bigint | number | boolean)[] | undefined {
  const { known, type } = tensor.value;
  const computed = computedOf(tensor.value);
  if (computed && computed.data.length <= mostKnown) {
    const isFloat = isFloatDtype(computed.dtype);
    return Array.from(computed.data as Iterable<number | bigint>, (each) => {
      const number = numberIn(computed.dtype, each);
      if (computed.dtype === "bool") return Number(number) !== 0;
      return isFloat ? Number(number) : BigInt(number);
    });
  }
  if (!known?.every((each) => typeof each === "number")) return undefined;
  staticShape(type.shape);
  return known.map((each) => (type.dtype === "bool" ? each !== 0 : BigInt(each as number)));
}
