// The windows of convolutions and pooling: sizes, steps and padding, as ONNX's attributes give them.

import { countOf } from "../../../graph/tensor-type.ts";
import type { Call } from "../call.ts";
import { modelError } from "../import-error.ts";
import { partCount, sizeLimit } from "../limits.ts";

/** A window over the dimensions behind the channels. */
export interface Window {
  readonly size: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly before: readonly number[];
  readonly after: readonly number[];
}

/** Padding with which there are ⌈size / stride⌉ windows; an odd one more stands at the end, or at the beginning. */
function samePadding(
  sizes: readonly number[],
  { size, stride, dilation }: Omit<Window, "before" | "after">,
  atBeginning: boolean,
): Pick<Window, "before" | "after"> {
  const total = sizes.map((each, d) => {
    const reach = (size[d]! - 1) * dilation[d]! + 1;
    return Math.max(0, (Math.ceil(each / stride[d]!) - 1) * stride[d]! + reach - each);
  });
  const smaller = total.map((each) => Math.floor(each / 2));
  const larger = total.map((each, d) => each - smaller[d]!);
  return atBeginning ? { before: larger, after: smaller } : { before: smaller, after: larger };
}

/** Elements of a window. */
const mostWindow = 2 ** 20;

/** The window of a node over dimensions of these sizes; of a convolution its size is the weight's unless given. */
export function windowOf(call: Call, sizes: readonly number[], weight?: readonly number[]): Window {
  const rank = sizes.length;
  const every = (value: number): number[] => new Array<number>(rank).fill(value);
  const size = call.ints("kernel_shape", weight ?? []);
  const stride = call.ints("strides", every(1));
  const dilation = call.ints("dilations", every(1));
  const pads = call.ints("pads", [...every(0), ...every(0)]);
  for (const [name, list, count] of [
    ["kernel_shape", size, rank],
    ["strides", stride, rank],
    ["dilations", dilation, rank],
    ["pads", pads, 2 * rank],
  ] as const)
    if (list.length !== count)
      throw modelError(`attribute "${name}" has ${list.length} numbers where ${count} belong to ${rank} dimensions`);
  for (const each of size) partCount(each, "elements of a window along a dimension");
  if (countOf(size) > mostWindow)
    throw sizeLimit(`a window of [${size.join(",")}] has more than ${mostWindow} elements`);
  const window = { size, stride, dilation };
  switch (call.text("auto_pad", "NOTSET")) {
    case "SAME_UPPER":
      return { ...window, ...samePadding(sizes, window, false) };
    case "SAME_LOWER":
      return { ...window, ...samePadding(sizes, window, true) };
    case "VALID":
      return { ...window, before: every(0), after: every(0) };
    case "NOTSET":
      return { ...window, before: pads.slice(0, rank), after: pads.slice(rank) };
    default:
      throw modelError(`attribute "auto_pad" is "${call.text("auto_pad")}"`);
  }
}
