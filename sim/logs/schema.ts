// Message definitions as logs carry them: read, compared with an application's, and searched for the header's stamp.
import { IsochronError } from "../../kernels/index.ts";
import {
  Definitions,
  fullTypeName,
  type Layout,
  layoutOf,
  type SchemaEncoding,
  sameTypeName,
  schemaDefinitions,
  schemaEncodings,
  shortTypeName,
} from "../../nodes/index.ts";

/** A topic's message type and how it is written down. */
export interface TopicSchema {
  readonly topic: string;
  /** `package/msg/Name`, or whatever the schema is called. */
  readonly type: string;
  /** How messages are encoded: `cdr`, `json`, … */
  readonly encoding: string;
  /** The language of the schema: `ros2msg`, `ros2idl`, `jsonschema`, …; empty where there is none. */
  readonly schemaEncoding: string;
  readonly schemaText: string;
}

/** Whether a log says what a topic's messages are made of. A definition without fields is as empty as one that is missing. */
export const hasDefinition = ({ schemaText }: TopicSchema): boolean => schemaText.trim() !== "";

const isSchemaEncoding = (text: string): text is SchemaEncoding =>
  (schemaEncodings as readonly string[]).includes(text);

/**
 * The definitions of a topic's type: the log's own; where the log has none, the common ones of ROS 2. Throws `log/schema`.
 *
 * Without either, a type of which the log says that its definition is in `ros2msg` or `ros2idl` has no fields.
 */
export function topicDefinitions(topic: TopicSchema): Definitions {
  const { topic: name, type, encoding, schemaEncoding, schemaText } = topic;
  if (encoding !== "cdr") {
    throw new IsochronError("log/schema", `${name} carries ${type} as "${encoding}", which is not read here`, {
      help: "messages in CDR are, as ros2 bag record writes them",
    });
  }
  if (!hasDefinition(topic)) {
    const common = commonType(type);
    if (common !== undefined)
      return Definitions.common.withParsed([{ ...Definitions.common.of(common), name: shortTypeName(type) }], type);
    if (type !== "" && isSchemaEncoding(schemaEncoding)) return parsed(topic, schemaEncoding, "");
    throw new IsochronError(
      "log/schema",
      type === "" ? `${name} carries messages without a type` : `the log has no definition of ${type} on ${name}`,
      { help: "the recorder did not know it: an application that declares the topic does, and can be run on this log" },
    );
  }
  if (!isSchemaEncoding(schemaEncoding)) {
    throw new IsochronError(
      "log/schema",
      `${name} carries ${type} described in "${schemaEncoding || "nothing"}", which is not read here`,
      { help: "definitions in ros2msg and ros2idl are, as ros2 bag record writes them" },
    );
  }
  return parsed(topic, schemaEncoding, schemaText);
}

/** The common type that a name means, which may lack its package; undefined where there is none, or there are several. */
export function commonType(type: string): string | undefined {
  if (Definitions.common.has(type)) return type;
  const near = type.includes("/") ? [] : Definitions.common.allTypes.filter((each) => sameTypeName(each, type));
  return near.length === 1 ? near[0] : undefined;
}

function parsed({ topic, type }: TopicSchema, encoding: SchemaEncoding, text: string): Definitions {
  try {
    return schemaDefinitions(type, encoding, text);
  } catch (cause) {
    throw new IsochronError("log/schema", `the definition of ${type} on ${topic} cannot be read`, {
      details: [cause instanceof Error ? cause.message : String(cause)],
      cause,
    });
  }
}

/** Where two definitions first differ. */
export interface SchemaDifference {
  /** As in `header.stamp`; the type's own name where it is the type. */
  readonly field: string;
  /** What each has there. */
  readonly left: string;
  readonly right: string;
}

/** A field's type as a .msg file has it. */
function shown(layout: Layout): string {
  switch (layout.kind) {
    case "string":
      return layout.type + (layout.most === undefined ? "" : `<=${layout.most}`);
    case "time":
      return layout.type.replace("builtin_interfaces/", "").toLowerCase();
    case "list": {
      const bound = layout.most === undefined ? "" : `<=${layout.most}`;
      return `${shown(layout.element)}[${layout.length ?? bound}]`;
    }
    case "number":
    case "struct":
      return layout.type;
  }
}

/** The innermost element of lists, and what kind of lists they are. */
const within = (layout: Layout): Layout => (layout.kind === "list" ? within(layout.element) : layout);

/** Whether two fields lie alike on the wire, but for what is within them. */
function alike(one: Layout, other: Layout): boolean {
  if (one.kind === "list" && other.kind === "list")
    return one.length === other.length && one.most === other.most && alike(one.element, other.element);
  if (one.kind === "string" && other.kind === "string") return one.wide === other.wide && one.most === other.most;
  if (one.kind === "number" && other.kind === "number") return one.dtype === other.dtype;
  return one.kind === other.kind;
}

/**
 * The first field in which two definitions of a message differ on the wire, or undefined. Names of fields, types, lengths and
 * order count; names of types, constants, defaults and comments do not.
 */
export function schemaDifference(
  leftType: string,
  left: Definitions,
  rightType: string,
  right: Definitions,
): SchemaDifference | undefined {
  const compare = (one: Layout, other: Layout, path: string): SchemaDifference | undefined => {
    if (one.kind !== "struct" || other.kind !== "struct") return undefined;
    for (let at = 0; at < Math.max(one.fields.length, other.fields.length); at++) {
      const [a, b] = [one.fields[at], other.fields[at]];
      const field = path + (a ?? b)!.name;
      const show = (each: typeof a) => (each ? `${shown(each.layout)} ${each.name}` : "no field");
      if (!a || !b || a.name !== b.name || !alike(a.layout, b.layout)) return { field, left: show(a), right: show(b) };
      const inside = compare(within(a.layout), within(b.layout), `${field}.`);
      if (inside) return inside;
    }
    return undefined;
  };
  return compare(layoutOf(leftType, left), layoutOf(rightType, right), "");
}

/**
 * Throws `log/type` or `log/definition` unless a topic carries this type as the application's definitions have it. Where the log
 * has no definition, the application's is taken for it.
 */
export function expectType(topic: TopicSchema, type: string, definitions: Definitions): void {
  if (!sameTypeName(topic.type, type)) {
    const carried = topic.type === "" ? "messages without a type" : topic.type;
    throw new IsochronError("log/type", `${topic.topic} carries ${carried}, ${fullTypeName(type)} was declared`, {
      help: "declare the type that is in the log, or take another topic: isochron topic list LOG",
    });
  }
  if (topic.encoding === "cdr" && !hasDefinition(topic)) return;
  const difference = schemaDifference(topic.type, topicDefinitions(topic), type, definitions);
  if (difference) {
    throw new IsochronError(
      "log/definition",
      `${fullTypeName(type)} on ${topic.topic} is defined differently in the log, first at ${difference.field}`,
      {
        details: [`log          ${difference.left}`, `application  ${difference.right}`],
        help: "give the application the definition that the log was recorded with",
      },
    );
  }
}

/** Reads the header's stamp, in nanoseconds; undefined where the message is too short or in no plain CDR. */
export type StampReader = (bytes: Uint8Array) => bigint | undefined;

/** A reader for a topic whose messages begin with a std_msgs/Header. Throws `log/no-header`. */
export function stampReader(topic: TopicSchema): StampReader {
  const layout = layoutOf(topic.type, topicDefinitions(topic));
  const header = layout.kind === "struct" ? layout.fields[0]?.layout : undefined;
  const stamp = header?.kind === "struct" ? header.fields[0]?.layout : undefined;
  if (header?.type !== "std_msgs/Header" || stamp?.kind !== "time") {
    throw new IsochronError(
      "log/no-header",
      `${topic.topic} carries ${topic.type}, which does not begin with a header`,
      {
        help: "take this log by its log times",
      },
    );
  }
  return (bytes) => {
    // A plain encapsulation (CDR, its second byte says the byte order), then the stamp: int32 seconds, uint32 nanoseconds.
    if (bytes.length < 12 || bytes[0] !== 0 || bytes[1]! > 1) return undefined;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const little = bytes[1] === 1;
    return BigInt(view.getInt32(4, little)) * 1_000_000_000n + BigInt(view.getUint32(8, little));
  };
}
