// NaN and infinities in a task's outputs.
import type { FieldRow } from "../../scheduler/index.ts";

/** The first element of a field that is NaN or infinite; undefined where there is none, as in integers. */
export function firstNonFinite(
  slot: Uint8Array,
  { dtype, offset, bytes }: FieldRow,
): { readonly element: number; readonly value: number } | undefined {
  if (dtype !== "f32" && dtype !== "f64") return undefined;
  const at = slot.byteOffset + offset;
  const width = dtype === "f32" ? 4 : 8;
  // A slot may lie anywhere in its buffer; views want theirs aligned.
  const [buffer, start] = at % width === 0 ? [slot.buffer, at] : [slot.slice(offset, offset + bytes).buffer, 0];
  const values =
    dtype === "f32" ? new Float32Array(buffer, start, bytes / 4) : new Float64Array(buffer, start, bytes / 8);
  const element = values.findIndex((value) => !Number.isFinite(value));
  return element < 0 ? undefined : { element, value: values[element]! };
}
