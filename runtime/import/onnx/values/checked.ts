// What users give for the inputs of a model that is interpreted: of the types that the file says, or refused.
import { type Dtype, dtypes, IsochronError } from "../../../../kernels/index.ts";
import { arrayName, countOf } from "../../../graph/tensor-type.ts";
import type { ModelPort } from "../ports.ts";
import { isList, isTensorValue, isTextValue, isWhole, kindOfValue, type ModelValue } from "./value.ts";

/** A value that nothing else shares memory with. */
export function copied(value: ModelValue): ModelValue {
  if (isList(value)) return value.map(copied);
  if (isTensorValue(value)) return { ...value, data: value.data.slice() };
  return isTextValue(value) ? { ...value, data: [...value.data] } : value;
}

/** Sequences in sequences beyond which a list is no value; one that holds itself is deeper than any. */
const deepest = 64;

/** Whether something is a value: a tensor has as many elements as its shape says, of its dtype. */
function isValue(value: unknown, depth = 0): value is ModelValue {
  if (value === null) return true;
  if (Array.isArray(value)) return depth < deepest && value.every((each) => isValue(each, depth + 1));
  if (typeof value !== "object") return false;
  const { dtype, shape, data } = value as { dtype?: unknown; shape?: unknown; data?: unknown };
  if (!Array.isArray(shape) || !shape.every((size) => Number.isSafeInteger(size) && size >= 0)) return false;
  if (dtype === undefined)
    return Array.isArray(data) && data.length === countOf(shape) && data.every((each) => typeof each === "string");
  return (
    dtypes.includes(dtype as Dtype) &&
    ArrayBuffer.isView(data) &&
    data.constructor.name === arrayName(dtype as Dtype) &&
    (data as Uint8Array).length === countOf(shape)
  );
}

/** The value of an input. Sizes that have names are in `sizes`. Throws `import/type`. */
export function checkedValue(
  { name, dtype, shape, type }: ModelPort,
  given: unknown,
  sizes: Map<string, number>,
  place: string,
): ModelValue {
  const isOptional = type.startsWith("optional");
  const value = given === undefined && isOptional ? null : given;
  const refused = (found: string): Error =>
    new IsochronError("import/type", `input "${name}" is ${type}, and got ${found}`, {
      place,
      help: "give { dtype, shape, data } for a tensor, { shape, data } for texts, a list for a sequence",
    });
  if (value === undefined) throw refused("nothing");
  if (!isValue(value)) throw refused("what is no value, or has not as many elements as its shape says");
  const isRight = isOptional
    ? true
    : type.startsWith("sequence")
      ? isList(value)
      : type.startsWith("string")
        ? isTextValue(value)
        : isTensorValue(value) && (dtype === undefined || value.dtype === dtype);
  if (!isRight) throw refused(kindOfValue(value));
  if (!isWhole(value) || !shape) return value;
  if (value.shape.length !== shape.length) throw refused(kindOfValue(value));
  for (const [d, size] of shape.entries()) {
    const found = value.shape[d]!;
    const wanted = typeof size === "string" ? (sizes.get(size) ?? found) : (size ?? found);
    if (found !== wanted) throw refused(kindOfValue(value));
    if (typeof size === "string") sizes.set(size, found);
  }
  return value;
}
