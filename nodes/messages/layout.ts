// Message types as trees in the order of the wire: numbers, strings, times, lists and what holds them.
import type { MessageDefinitionField } from "@foxglove/message-definition";
import { type Arithmetic, IsochronError } from "../../kernels/index.ts";
import { type Definitions, requireDefinitions } from "./definitions.ts";
import type { Literal } from "./literal.ts";
import { fullTypeName, shortTypeName } from "./names.ts";

/** A type's form on the wire, with the values that its fields have where nothing is said. */
export type Layout =
  | { readonly kind: "number"; readonly type: string; readonly dtype: Arithmetic; readonly initial: Literal }
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
      readonly initial: readonly Literal[] | undefined;
    }
  | { readonly kind: "struct"; readonly type: string; readonly fields: readonly LayoutField[] };

export interface LayoutField {
  readonly name: string;
  readonly layout: Layout;
}

/** The wire's primitive types by their names in message definitions. */
const primitives: { readonly [type: string]: Arithmetic } = {
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

/** What ROS 2 puts into messages without fields; no reader shows it. */
export const placeholder: LayoutField = {
  name: "structure_needs_at_least_one_member",
  layout: { kind: "number", type: "uint8", dtype: "u8", initial: 0 },
};

/** The layout of a message type. Throws `message/unknown-type`, `message/too-many-fields`. */
export function layoutOf(type: string, definitions: Definitions): Layout {
  requireDefinitions("layoutOf", definitions);
  return new Layouts(definitions).of(type);
}

/** More fields than any message has; types within types could make up more than there is room for. */
const mostFields = 65_536;

/** Makes layouts, each type's once: a type may be part of another many times over. */
class Layouts {
  readonly #definitions: Definitions;
  readonly #made = new Map<string, Layout>();
  readonly #fields = new Map<string, number>();

  constructor(definitions: Definitions) {
    this.#definitions = definitions;
  }

  of(type: string): Layout {
    const name = shortTypeName(type);
    const layout = this.#made.get(name) ?? this.#make(name);
    this.#made.set(name, layout);
    return layout;
  }

  #make(type: string): Layout {
    if (times.includes(type)) return { kind: "time", type };
    const fields = this.#definitions
      .of(type)
      .definitions.filter((field) => field.isConstant !== true)
      .map((field) => ({ name: field.name, layout: this.#field(field) }));
    const count = fields.reduce((sum, { layout }) => sum + this.#fieldsOf(layout), 0);
    if (count > mostFields) {
      throw new IsochronError("message/too-many-fields", `${fullTypeName(type)} has more than ${mostFields} fields`, {
        help: "those of the types that it is made of count too",
      });
    }
    this.#fields.set(type, count);
    return { kind: "struct", type, fields: fields.length === 0 ? [placeholder] : fields };
  }

  #fieldsOf(layout: Layout): number {
    if (layout.kind === "list") return this.#fieldsOf(layout.element);
    return layout.kind === "struct" ? (this.#fields.get(layout.type) ?? 1) : 1;
  }

  #field(field: MessageDefinitionField): Layout {
    const initial = field.defaultValue;
    if (field.isArray !== true) return this.#single(field, Array.isArray(initial) ? undefined : initial);
    const element = this.#single(field, undefined);
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

  #single(field: MessageDefinitionField, initial: Literal | undefined): Layout {
    const { type } = field;
    if (field.isComplex === true || times.includes(type)) return this.of(type);
    if (type === "string" || type === "wstring") {
      const text = initial === undefined ? "" : String(initial);
      return { kind: "string", type, wide: type === "wstring", most: field.upperBound, initial: text };
    }
    const dtype = primitives[type];
    return dtype === undefined
      ? this.of(type)
      : { kind: "number", type, dtype, initial: initial ?? (dtype === "bool" ? false : 0) };
  }
}

/** Every field that a path can name, in the order of the wire. */
export function pathsOf(layout: Layout, prefix = ""): string[] {
  switch (layout.kind) {
    case "struct":
      if (layout.fields[0] === placeholder) return [];
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
