// NaN and infinities in a task's outputs.
import { bytesOf, isFloatDtype, isStored, numberOfStored, typedArrays } from "../../kernels/index.ts";
import type { FieldRow } from "../../scheduler/index.ts";

/** The first element of a field that is NaN or infinite; undefined where there is none, as in integers. */
export function firstNonFinite(
  slot: Uint8Array,
  { dtype, offset, bytes }: FieldRow,
): { readonly element: number; readonly value: number } | undefined {
  if (!isFloatDtype(dtype)) return undefined;
  const at = slot.byteOffset + offset;
  const width = bytesOf(dtype);
  // A slot may lie anywhere in its buffer; views want theirs aligned.
  const [buffer, start] = at % width === 0 ? [slot.buffer, at] : [slot.slice(offset, offset + bytes).buffer, 0];
  const values = new typedArrays[dtype](buffer as ArrayBuffer, start, bytes / width);
  const number = isStored(dtype) ? (value: number) => numberOfStored(dtype, value) : (value: number) => value;
  const element = values.findIndex((value) => !Number.isFinite(number(value)));
  return element < 0 ? undefined : { element, value: number(values[element]!) };
}
