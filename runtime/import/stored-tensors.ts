// Tensors as files hold them: dtype, shape and elements, by name.
import type { Dtype } from "../../kernels/index.ts";
import type { TypedArray } from "../graph/tensor-type.ts";

/** A tensor of a file: its elements in row-major order. */
export interface StoredTensor {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

/** What a file of tensors holds: tensors by name, and texts by key. */
export interface StoredTensors {
  readonly tensors: { readonly [name: string]: StoredTensor };
  readonly metadata: { readonly [key: string]: string };
}
