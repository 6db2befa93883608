// What is known of a tensor's elements while a graph is built.
import type { Tensor } from "../../capture/tensor.ts";
import { staticShape } from "../../graph/tensor-type.ts";

/** The elements of a tensor of integers or bools that follow from constants and sizes alone; undefined for others. */
export function fixedNumbers(tensor: Tensor): readonly (bigint | boolean)[] | undefined {
  const { known, type } = tensor.value;
  if (!known?.every((each) => typeof each === "number")) return undefined;
  staticShape(type.shape);
  return known.map((each) => (type.dtype === "bool" ? each !== 0 : BigInt(each as number)));
}
