// Tensors that may be one or another of several memories, as values decide: they are read, and not written to.
import type { Tensor } from "../../../capture/tensor.ts";
import { unsupportedTorch } from "../call.ts";
import { TorchTensor } from "../values.ts";

/** A tensor of a value that may be another one's as well. */
export const joinedTensor = (value: Tensor): TorchTensor => {
  const write = () => {
    throw unsupportedTorch(
      "a tensor is written to that is another one in some cases, as values decide",
      "clone it before: x = x.clone()",
    );
  };
  return new TorchTensor({ read: () => value, write, peek: () => value, poke: () => undefined });
};
