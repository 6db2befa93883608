// Every operator of PyTorch that there is here, by name, with its overloads in the order in which they are tried.

import { activations } from "./activations.ts";
import { arrangements } from "./arrangements.ts";
import { complexMatrices } from "./complex-matrices.ts";
import type { TorchOperator } from "./definition.ts";
import { elementwise } from "./elementwise.ts";
import { functions } from "./functions.ts";
import { images } from "./images.ts";
import { incompleteGamma } from "./incomplete-gamma.ts";
import { layers } from "./layers.ts";
import { linearAlgebra } from "./linear-algebra.ts";
import { losses } from "./losses.ts";
import { networks } from "./networks.ts";
import { norms } from "./norms.ts";
import { numberParts } from "./number-parts.ts";
import { plainTransforms } from "./plain-transforms.ts";
import { positions } from "./positions.ts";
import { primitives } from "./primitives.ts";
import { quantized } from "./quantized.ts";
import { overQuantized, quantizedTensors } from "./quantized-tensors.ts";
import { recurrentLayers } from "./recurrent.ts";
import { reductions } from "./reductions.ts";
import { special } from "./special.ts";
import { spectra } from "./spectra.ts";
import { statistics } from "./statistics.ts";
import { tensors } from "./tensors.ts";
import { transformers } from "./transformers.ts";
import { variants } from "./variants.ts";
import { views } from "./views.ts";
import { windows } from "./windows.ts";

export type { TorchOperator, TorchResult } from "./definition.ts";
export { type Primitive, primitives, slicePlaces } from "./primitives.ts";

const families: readonly (readonly TorchOperator[])[] = [
  activations,
  arrangements,
  elementwise,
  functions,
  images,
  incompleteGamma,
  layers,
  complexMatrices,
  linearAlgebra,
  networks,
  norms,
  numberParts,
  plainTransforms,
  positions,
  quantized,
  quantizedTensors,
  reductions,
  spectra,
  losses,
  recurrentLayers,
  special,
  statistics,
  variants,
  windows,
  tensors,
  transformers,
  views,
];

/** Other names of operators, with all their overloads. */
const renamed: { readonly [name: string]: string } = {
  absolute: "abs",
  arccos: "acos",
  arccosh: "acosh",
  arcsin: "asin",
  arcsinh: "asinh",
  arctan: "atan",
  arctan2: "atan2",
  arctanh: "atanh",
  clip: "clamp",
  concat: "cat",
  concatenate: "cat",
  divide: "div",
  fix: "trunc",
  ger: "outer",
  greater: "gt",
  greater_equal: "ge",
  less: "lt",
  less_equal: "le",
  linalg_matmul: "matmul",
  multiply: "mul",
  negative: "neg",
  not_equal: "ne",
  _reshape_alias: "as_strided",
  conj_physical: "_conj",
  chain_matmul: "linalg_multi_dot",
  narrow_copy: "narrow",
  resolve_neg: "alias",
  unsafe_split_with_sizes: "split_with_sizes",
  special_erf: "erf",
  special_erfc: "erfc",
  special_exp2: "exp2",
  special_expit: "sigmoid",
  special_expm1: "expm1",
  special_log1p: "log1p",
  special_logit: "logit",
  special_logsumexp: "logsumexp",
  special_round: "round",
  special_sinc: "sinc",
  special_softmax: "softmax",
  special_log_softmax: "log_softmax",
  subtract: "sub",
  true_divide: "div",
  expand_copy: "expand",
  permute_copy: "permute",
  select_copy: "select",
  slice_copy: "slice",
  squeeze_copy: "squeeze",
  t_copy: "t",
  transpose_copy: "transpose",
  unbind_copy: "unbind",
  unsqueeze_copy: "unsqueeze",
  view_copy: "view",
  alias_copy: "alias",
  lift_fresh: "alias",
  native_channel_shuffle: "channel_shuffle",
  view_as_real_copy: "view_as_real",
  detach_copy: "detach",
  split_copy: "split",
  split_with_sizes_copy: "split_with_sizes",
  unfold_copy: "unfold",
  diagonal_copy: "diagonal",
  as_strided_copy: "as_strided",
};

/** Operators by name. */
export const torchOperators: ReadonlyMap<string, readonly TorchOperator[]> = (() => {
  const found = new Map<string, TorchOperator[]>();
  for (const each of families.flat()) {
    const overloads = found.get(each.schema.name) ?? [];
    found.set(each.schema.name, [...overloads, each]);
  }
  for (const each of overQuantized(found)) found.get(each.schema.name)!.push(each);
  for (const [other, name] of Object.entries(renamed)) found.set(other, found.get(name)!);
  return found;
})();

/** The name here of an operator that a source calls: `linear`, `add_`, `dtype` of `prim.dtype`, `quantized::linear`. */
export function operatorNamed(called: string): string {
  const last = called.split(".").at(-1)!;
  return called.startsWith("quantized.") ? `quantized::${last}` : last;
}

/** Whether anything here has an operator that the source calls: `linear`, `add_`, `prim.dtype`. */
export function isKnownOperator(called: string): boolean {
  const name = operatorNamed(called);
  const known = (each: string): boolean => torchOperators.has(each) || Object.hasOwn(primitives, each);
  return known(name) || name === "RaiseException" || (name.endsWith("_") && known(name.slice(0, -1)));
}
