// The types that annotations name, and their text.
import type { Place } from "./place.ts";

/** Types that are one word, as PyTorch prints them. `list` and `tuple` are those of any elements. */
export const plainTypeNames = [
  "Tensor",
  "int",
  "float",
  "complex",
  "bool",
  "str",
  "NoneType",
  "number",
  "Device",
  "Any",
  "Generator",
  "Stream",
  "Storage",
  "QScheme",
  "Capsule",
  "list",
  "tuple",
] as const;

export type PlainTypeName = (typeof plainTypeNames)[number];

/** Types that are made of one other. */
export const wrappers = {
  Optional: "optional",
  List: "list",
  Future: "future",
  Await: "await",
  RRef: "remote",
} as const;

export type TorchType =
  | { readonly kind: "plain"; readonly at: Place; readonly name: PlainTypeName }
  | { readonly kind: (typeof wrappers)[keyof typeof wrappers]; readonly at: Place; readonly element: TorchType }
  | { readonly kind: "tuple" | "union"; readonly at: Place; readonly elements: readonly TorchType[] }
  | { readonly kind: "dictionary"; readonly at: Place; readonly key: TorchType; readonly value: TorchType }
  /** A class, named tuple, enumeration or interface by its qualified name, which begins with `__torch__.`. */
  | { readonly kind: "class"; readonly at: Place; readonly name: string };

/** The type as PyTorch prints it in annotations, so that equal texts are equal types. */
export function typeText(type: TorchType): string {
  const listed = (types: readonly TorchType[]): string => types.map(typeText).join(", ");
  switch (type.kind) {
    case "plain":
    case "class":
      return type.name;
    case "optional":
    case "list":
    case "future":
    case "await":
    case "remote": {
      const name = Object.entries(wrappers).find(([, kind]) => kind === type.kind)?.[0];
      return `${name}[${typeText(type.element)}]`;
    }
    case "tuple":
      return `Tuple[${type.elements.length === 0 ? "()" : listed(type.elements)}]`;
    case "union":
      return `Union[${listed(type.elements)}]`;
    case "dictionary":
      return `Dict[${listed([type.key, type.value])}]`;
  }
}
