// Message types as trees in the order of the wire: numbers, strings, times, lists and what holds them.
import type { MessageDefinitionField } from "@foxglove/message-definition";
import type { Dtype } from "../../kernels/index.ts";
import type { Definitions } from "./definitions.ts";
import { shortTypeName } from "./names.ts";

type Value = string | number | bigint | boolean;

/** A type's form on the wire, with the values that its fields have where nothing is said. */
export type Layout =
  | { readonly kind: "number"; readonly type: string; readonly dtype: Dtype; readonly initial: Value }
  | {
      readonly kind: "string";
      readonly type: string;
      readonly wide: boolean;
      readonly most: number | undefined;
      readonly initial: string;
    }
  | { readonly kind: "time"; readonly type: string }
  | {
      readonly kind: "list";
      readonly type: string;
      readonly element: Layout;
      /** Of a fixed array. */
      readonly length: number | undefined;
      /** The bound of a bounded sequence. */
      readonly most: number | undefined;
      readonly initial: readonly Value[] | undefined;
    }
  | { readonly kind: "struct"; readonly type: string; readonly fields: readonly LayoutField[] };

export interface LayoutField {
  readonly name: string;
  readonly layout: Layout;
}

/** The wire's primitive types by their names in message definitions. */
const primitives: { readonly [type: string]: Dtype } = {
  bool: "bool",
  byte: "u8",
  char: "u8",
  int8: "i8",
  uint8: "u8",
  int16: "i16",
  uint16: "u16",
  int32: "i32",
  uint32: "u32",
  int64: "i64",
  uint64: "u64",
  float32: "f32",
  float64: "f64",
};

const times = ["time", "duration", "builtin_interfaces/Time", "builtin_interfaces/Duration"];

/** What ROS 2 puts into messages without fields. */
const placeholder: LayoutField = {
  name: "structure_needs_at_least_one_member",
  layout: { kind: "number", type: "uint8", dtype: "u8", initial: 0 },
};

/** The layout of a message type. */
export function layoutOf(type: string, definitions: Definitions): Layout {
  if (times.includes(shortTypeName(type))) return { kind: "time", type: shortTypeName(type) };
  const fields = definitions
    .of(type)
    .definitions.filter((field) => field.isConstant !== true)
    .map((field) => ({ name: field.name, layout: fieldLayout(field, definitions) }));
  return { kind: "struct", type: shortTypeName(type), fields: fields.length === 0 ? [placeholder] : fields };
}

function fieldLayout(field: MessageDefinitionField, definitions: Definitions): Layout {
  const initial = field.defaultValue;
  if (field.isArray !== true) return single(field, Array.isArray(initial) ? undefined : initial, definitions);
  const element = single(field, undefined, definitions);
  const bound = field.arrayLength ?? (field.arrayUpperBound === undefined ? "" : `<=${field.arrayUpperBound}`);
  return {
    kind: "list",
    type: `${element.type}[${bound}]`,
    element,
    length: field.arrayLength,
    most: field.arrayUpperBound,
    initial: Array.isArray(initial) ? initial : undefined,
  };
}

function single(field: MessageDefinitionField, initial: Value | undefined, definitions: Definitions): Layout {
  const { type } = field;
  if (field.isComplex === true || times.includes(type)) return layoutOf(type, definitions);
  if (type === "string" || type === "wstring") {
    const text = initial === undefined ? "" : String(initial);
    return { kind: "string", type, wide: type === "wstring", most: field.upperBound, initial: text };
  }
  const dtype = primitives[type];
  return dtype === undefined
    ? layoutOf(type, definitions)
    : { kind: "number", type, dtype, initial: initial ?? (dtype === "bool" ? false : 0) };
}

/** Every field that a path can name, in the order of the wire. */
export function pathsOf(layout: Layout, prefix = ""): string[] {
  switch (layout.kind) {
    case "struct":
      return layout.fields.flatMap(({ name, layout: field }) =>
        pathsOf(field, prefix === "" ? name : `${prefix}.${name}`),
      );
    case "list":
      return pathsOf(layout.element, `${prefix}[*]`);
    case "time":
    case "number":
    case "string":
      return [prefix];
  }
}
