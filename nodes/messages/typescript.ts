// Writes TypeScript for messages: an interface for each type, as readers and writers of CDR in JavaScript have it.
import type { MessageDefinitionField } from "@foxglove/message-definition";
import type { Definitions } from "./definitions.ts";
import { fullTypeName, shortTypeName } from "./names.ts";

/** What a single value is, and what a list of them is. */
const values: { readonly [type: string]: readonly [single: string, list: string] } = {
  bool: ["boolean", "boolean[]"],
  byte: ["number", "Uint8Array"],
  char: ["number", "Uint8Array"],
  int8: ["number", "Int8Array"],
  uint8: ["number", "Uint8Array"],
  int16: ["number", "Int16Array"],
  uint16: ["number", "Uint16Array"],
  int32: ["number", "Int32Array"],
  uint32: ["number", "Uint32Array"],
  int64: ["bigint", "BigInt64Array"],
  uint64: ["bigint", "BigUint64Array"],
  float32: ["number", "Float32Array"],
  float64: ["number", "Float64Array"],
  string: ["string", "string[]"],
  wstring: ["string", "string[]"],
};

const times: { readonly [type: string]: string } = {
  time: "builtin_interfaces/Time",
  duration: "builtin_interfaces/Duration",
};

/** The first line of the module, by which it is known. */
export const messageTypesTitle = "// Message types, written by `isochron messages`";

/**
 * A module with an interface for each of `types` and all that they are made of, a constant object for each that has
 * constants, and `Messages`, which maps full names to interfaces. The same definitions give the same text.
 */
export function messageTypes(types: readonly string[], definitions: Definitions): string {
  const all = new Set<string>();
  const collect = (type: string) => {
    const name = shortTypeName(times[type] ?? type);
    if (all.has(name)) return;
    all.add(name);
    for (const field of definitions.of(name).definitions) {
      if (field.isComplex === true || field.type in times) collect(field.type);
    }
  };
  for (const type of types) collect(type);
  const names = interfaceNames([...all].sort());
  const parts = [...names].map(([type, name]) => show(type, name, definitions.of(type).definitions, names));
  const map = [...names].map(([type, name]) => `  readonly "${fullTypeName(type)}": ${name};`);
  return [
    `${messageTypesTitle}: change the .msg, .srv or .action files, and write it again.`,
    ...parts,
    `/** The types by their full names. */\nexport interface Messages {\n${map.join("\n")}\n}\n`,
  ].join("\n\n");
}

/** The types' own names; where packages share one, the package's name before it. */
function interfaceNames(types: readonly string[]): Map<string, string> {
  const own = (type: string): string => type.slice(type.lastIndexOf("/") + 1);
  return new Map(
    types.map((type) => {
      const shared = own(type) === "Messages" || types.some((each) => each !== type && own(each) === own(type));
      const pascal = (type.split("/")[0] ?? "").replace(/(?:^|_)+([a-z0-9])/g, (_, letter: string) =>
        letter.toUpperCase(),
      );
      return [type, shared ? `${pascal}${own(type)}` : own(type)];
    }),
  );
}

function show(
  type: string,
  name: string,
  fields: readonly MessageDefinitionField[],
  names: ReadonlyMap<string, string>,
): string {
  const data = fields.filter((field) => field.isConstant !== true);
  const constants = fields.filter((field) => field.isConstant === true);
  const lines = data.map((field) => {
    const [single, list] = values[field.type] ?? [
      names.get(shortTypeName(times[field.type] ?? field.type))!,
      `${names.get(shortTypeName(times[field.type] ?? field.type))}[]`,
    ];
    const note = limits(field);
    return `${note === undefined ? "" : `  /** ${note} */\n`}  ${field.name}: ${field.isArray === true ? list : single};`;
  });
  const head = `/** ${fullTypeName(type)} */`;
  const form =
    lines.length === 0
      ? `${head}\nexport type ${name} = Readonly<Record<string, never>>;`
      : `${head}\nexport interface ${name} {\n${lines.join("\n")}\n}`;
  if (constants.length === 0) return form;
  const entries = constants.map((field) => `  ${field.name}: ${literal(field)},`);
  return `${form}\n\n/** Constants of ${fullTypeName(type)} */\nexport const ${name} = {\n${entries.join("\n")}\n} as const;`;
}

/** What TypeScript does not say of a field's size. */
function limits({
  isArray,
  arrayLength,
  arrayUpperBound,
  upperBound,
  type,
}: MessageDefinitionField): string | undefined {
  const notes = [
    ...(isArray === true && arrayLength !== undefined ? [`exactly ${arrayLength}`] : []),
    ...(isArray === true && arrayUpperBound !== undefined ? [`at most ${arrayUpperBound}`] : []),
    ...(upperBound === undefined ? [] : [`${type} of at most ${upperBound} bytes`]),
  ];
  return notes.length === 0 ? undefined : notes.join(", ");
}

function literal({ type, value, valueText }: MessageDefinitionField): string {
  if (typeof value === "string") return JSON.stringify(value);
  const is64 = type === "int64" || type === "uint64";
  return `${String(value ?? valueText)}${is64 ? "n" : ""}`;
}
