// Message definitions as logs carry them: parsed, compared with an application's, and searched for the header's stamp.
import type { MessageDefinition, MessageDefinitionField } from "@foxglove/message-definition";
import { parse } from "@foxglove/rosmsg";
import { IsochronError } from "../../kernels/index.ts";
import { fullTypeName } from "../../nodes/index.ts";

/** A topic's message type and how it is written down. */
export interface TopicSchema {
  readonly topic: string;
  /** `package/msg/Name`, or whatever the schema is called. */
  readonly type: string;
  /** How messages are encoded: `cdr`, `json`, … */
  readonly encoding: string;
  /** The language of the schema: `ros2msg`, `jsonschema`, …; empty where there is none. */
  readonly schemaEncoding: string;
  readonly schemaText: string;
}

const short = (type: string): string => type.replace("/msg/", "/");

/** Names that one parser or another has for the same wire type. */
const same: { readonly [type: string]: string } = {
  "builtin_interfaces/Time": "time",
  "builtin_interfaces/Duration": "duration",
  byte: "uint8",
  char: "uint8",
};

const wireType = ({ type }: MessageDefinitionField): string => same[short(type)] ?? short(type);

/** A field's type as a .msg file has it. */
function shown(field: MessageDefinitionField): string {
  const bound = field.upperBound === undefined ? "" : `<=${field.upperBound}`;
  if (field.isArray !== true) return wireType(field) + bound;
  const upper = field.arrayUpperBound === undefined ? "" : `<=${field.arrayUpperBound}`;
  return `${wireType(field)}${bound}[${field.arrayLength ?? upper}]`;
}

/** A topic's definitions, its own first. Throws `log/schema`. */
export function parseSchema({ topic, type, encoding, schemaEncoding, schemaText }: TopicSchema): MessageDefinition[] {
  if (encoding !== "cdr" || schemaEncoding !== "ros2msg") {
    throw new IsochronError(
      "log/schema",
      `${topic} carries ${type} as "${encoding}" described in "${schemaEncoding || "nothing"}", which is not read here`,
      { help: "messages in CDR with a ros2msg schema are, as ros2 bag record writes them" },
    );
  }
  try {
    const [own, ...others] = parse(schemaText, { ros2: true });
    return [{ name: short(type), definitions: own?.definitions ?? [] }, ...others];
  } catch (cause) {
    throw new IsochronError("log/schema", `the definition of ${type} on ${topic} cannot be parsed`, {
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
  readonly log: string;
  readonly application: string;
}

/** Looks a type up among definitions, whose own names may lack the package. */
const lookUp = (definitions: readonly MessageDefinition[], type: string): MessageDefinition | undefined =>
  definitions.find(({ name = "" }) => short(name) === short(type));

/**
 * The first field in which two definitions of a message differ on the wire, or undefined. Names, types, lengths and order
 * count; constants, defaults and comments do not. The first definition is the message's own.
 */
export function schemaDifference(
  log: readonly MessageDefinition[],
  application: readonly MessageDefinition[],
): SchemaDifference | undefined {
  const compare = (
    left: MessageDefinition | undefined,
    right: MessageDefinition | undefined,
    path: string,
  ): SchemaDifference | undefined => {
    const fieldsOf = (definition: MessageDefinition | undefined) =>
      (definition?.definitions ?? []).filter((field) => field.isConstant !== true);
    const [ours, theirs] = [fieldsOf(left), fieldsOf(right)];
    for (let at = 0; at < Math.max(ours.length, theirs.length); at++) {
      const [a, b] = [ours[at], theirs[at]];
      const field = path + (a ?? b)!.name;
      const show = (one: MessageDefinitionField | undefined) => (one ? `${shown(one)} ${one.name}` : "no field");
      if (!a || !b || a.name !== b.name || shown(a) !== shown(b)) return { field, log: show(a), application: show(b) };
      // Times are one type to one parser and a message of two fields to another.
      if (a.isComplex !== true || wireType(a) === "time" || wireType(a) === "duration") continue;
      const within = compare(lookUp(log, a.type), lookUp(application, b.type), `${field}.`);
      if (within) return within;
    }
    return undefined;
  };
  return compare(log[0], application[0], "");
}

/** Throws `log/type` or `log/definition` unless a topic carries this type as these definitions have it. */
export function expectType(topic: TopicSchema, type: string, definitions: readonly MessageDefinition[]): void {
  if (fullTypeName(topic.type) !== fullTypeName(type)) {
    throw new IsochronError("log/type", `${topic.topic} carries ${topic.type}, ${fullTypeName(type)} was declared`, {
      help: "declare the type that is in the log, or take another topic: isochron topic list LOG",
    });
  }
  const difference = schemaDifference(parseSchema(topic), definitions);
  if (difference) {
    throw new IsochronError(
      "log/definition",
      `${fullTypeName(type)} on ${topic.topic} is defined differently in the log, first at ${difference.field}`,
      {
        details: [`log          ${difference.log}`, `application  ${difference.application}`],
        help: "give the application the definition that the log was recorded with",
      },
    );
  }
}

/** Reads the header's stamp, in nanoseconds; undefined where the message is too short or in no plain CDR. */
export type StampReader = (bytes: Uint8Array) => bigint | undefined;

/** A reader for a topic whose messages begin with a std_msgs/Header. Throws `log/no-header`. */
export function stampReader(topic: TopicSchema): StampReader {
  const definitions = parseSchema(topic);
  const [header] = (definitions[0]?.definitions ?? []).filter((field) => field.isConstant !== true);
  const [stamp] = header ? (lookUp(definitions, header.type)?.definitions ?? []) : [];
  const isHeader = header && short(header.type) === "std_msgs/Header" && header.isArray !== true;
  if (!isHeader || !stamp || wireType(stamp) !== "time") {
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
