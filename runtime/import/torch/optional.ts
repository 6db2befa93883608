// Values that may be None as a run decides: what can be asked of them before they are told apart.
import type { Tensor } from "../../capture/tensor.ts";
import { unsupportedTorch } from "./call.ts";
import { numberIn } from "./numbers.ts";
import { kindOfTorch, TorchOptional, TorchTensor, type TorchValue } from "./values.ts";

/** Functions that put a value somewhere, as it is. */
const keeping: ReadonlySet<string> = new Set(["append", "insert", "_set_item"]);

/** What a function gives for operands of which one may be None; undefined where it takes it as it is. Throws `import/unsupported`. */
export function ofOptional(name: string, operands: readonly TorchValue[]): TorchValue | undefined {
  const [first, second] = operands;
  const given = first instanceof TorchOptional ? first : second;
  if (given instanceof TorchOptional && operands.length === 2 && operands.includes(null)) {
    if (name === "__isnot__" || name === "ne") return given.isSet;
    if (name === "__is__" || name === "eq") return numberIn((given.isSet.tensor as Tensor<"bool">).not());
  }
  if (keeping.has(name) && !(first instanceof TorchOptional)) return undefined;
  if (first instanceof TorchOptional && name === "unchecked_unwrap_optional") return first.value;
  throw unsupportedTorch(
    `${name}(${operands.map(kindOfTorch).join(", ")}) is not there for what may be None`,
    "ask before whether it is None: if x is not None",
  );
}

/** The tensor that a value is or may be: null where it is none, undefined for other values. */
export function optionalTensor(value: TorchValue): TorchTensor | null | undefined {
  const own = value instanceof TorchOptional ? value.value : value;
  return own === null || own instanceof TorchTensor ? own : undefined;
}
