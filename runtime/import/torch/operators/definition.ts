// What an operator of PyTorch is here: its schema, and what it means in the tensor API.
import type { Tensor } from "../../../capture/tensor.ts";
import type { TorchCall } from "../call.ts";
import { readSchema, type Schema } from "../schema.ts";
import type { TorchValue } from "../values.ts";

/** What an operator gives: a tensor becomes one with memory of its own, several the elements of a tuple or a list. */
export type TorchResult = Tensor | readonly Tensor[] | { readonly value: TorchValue };

/** An operator. */
export interface TorchOperator {
  readonly schema: Schema;
  readonly run: (call: TorchCall) => TorchResult;
}

/** Defines an operator by its schema, as native_functions.yaml of PyTorch 2.11 has it. */
export const operator = (schema: string, run: (call: TorchCall) => TorchResult): TorchOperator => ({
  schema: readSchema(schema),
  run,
});

/** A value that is no new tensor: a view, a number, a list. */
export const given = (value: TorchValue): { readonly value: TorchValue } => ({ value });

/** The sizes of a tensor, all of which are taken for known. */
export const shapeOf = (x: Tensor): readonly number[] => x.type.shape as readonly number[];
