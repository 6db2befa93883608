// The types that annotations name, and their text.
import { type Place, sourceError } from "./place.ts";
import type { TokenReader } from "./reader.ts";

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

const isPlain = (name: string): name is PlainTypeName => plainTypeNames.some((plain) => plain === name);
const isWrapper = (name: string): name is keyof typeof wrappers => Object.hasOwn(wrappers, name);
const isConstructor = (name: string): boolean => isWrapper(name) || ["Tuple", "Union", "Dict"].includes(name);

/** Reads a type. Throws `import/torch-source`. */
export const readType = (reader: TokenReader): TorchType =>
  reader.nested((): TorchType => {
    const { at } = reader;
    if (reader.accept("None")) return { kind: "plain", at, name: "NoneType" };
    const { kind, text } = reader.current;
    if (kind !== "name" || !(isPlain(text) || isConstructor(text) || text === "__torch__"))
      reader.fail("a type, such as Tensor, int, List[Tensor] or __torch__.Name");
    reader.take();
    if (isPlain(text)) return { kind: "plain", at, name: text };
    return isConstructor(text) ? constructed(reader, text, at) : named(reader, text, at);
  });

function named(reader: TokenReader, first: string, at: Place): TorchType {
  const names = [first];
  while (reader.accept(".")) names.push(reader.name("the name of a class"));
  return { kind: "class", at, name: names.join(".") };
}

function constructed(reader: TokenReader, name: string, at: Place): TorchType {
  reader.expect("[");
  if (name === "Tuple" && reader.accept("(")) {
    reader.expect(")");
    reader.expect("]");
    return { kind: "tuple", at, elements: [] };
  }
  const elements = reader.listed("]", () => readType(reader));
  const [first, second] = elements;
  if (first !== undefined && second === undefined && isWrapper(name))
    return { kind: wrappers[name], at, element: first };
  if (first !== undefined && second !== undefined && elements.length === 2 && name === "Dict")
    return { kind: "dictionary", at, key: first, value: second };
  if (first !== undefined && name === "Tuple") return { kind: "tuple", at, elements };
  if (first !== undefined && name === "Union") return { kind: "union", at, elements };
  const wanted = isWrapper(name) ? "one type" : name === "Dict" ? "two types" : "types";
  throw sourceError(`expected ${wanted} in ${name}[…], found ${elements.length}`, reader.file, at);
}
