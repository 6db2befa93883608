// The definitions in a log's schema: a type's own text, then those of all that it is made of, in .msg or IDL.
import { createRequire } from "node:module";
import type { MessageDefinition, MessageDefinitionField } from "@foxglove/message-definition";
import { Definitions } from "./definitions.ts";
import { kindOf, messagesOf, wholeOf } from "./interfaces.ts";
import { fullTypeName, sameTypeName, shortTypeName } from "./names.ts";
import { parseMessage } from "./parse.ts";

/** The languages of schemas that are read. */
export const schemaEncodings = ["ros2msg", "ros2idl"] as const;
/** The languages in which logs define their messages. */
export type SchemaEncoding = (typeof schemaEncodings)[number];

/** The parser of IDL, a grammar that takes long to load: few logs need it. */
const idlParser = () =>
  createRequire(import.meta.url)("@foxglove/ros2idl-parser") as typeof import("@foxglove/ros2idl-parser");

interface Section {
  readonly type: string;
  readonly language: SchemaEncoding;
  readonly text: string;
}

const heads: { readonly [head: string]: SchemaEncoding } = {
  MSG: "ros2msg",
  SRV: "ros2msg",
  ACTION: "ros2msg",
  IDL: "ros2idl",
};

/** The sections between lines of `=`; each but the first begins with the name of its type. */
function sectionsOf(type: string, encoding: SchemaEncoding, text: string): Section[] {
  const sections: { type: string; language: SchemaEncoding; lines: string[] }[] = [
    { type, language: encoding, lines: [] },
  ];
  let isHead = false;
  for (const line of text.split(/\r\n|\n|\r/)) {
    if (/^\s*={3,}\s*$/.test(line)) {
      isHead = true;
      continue;
    }
    const [, kind = "", name] = /^\s*(MSG|SRV|ACTION|IDL)\s*:\s*(\S+)\s*$/.exec(line) ?? [];
    if (isHead && line.trim() !== "") {
      if (name === undefined) throw new Error(`"${line.trim()}" stands where MSG: or IDL: and a type's name should`);
      sections.push({ type: name, language: heads[kind]!, lines: [] });
      isHead = false;
    } else sections.at(-1)!.lines.push(line);
  }
  const [own, ...others] = sections.map(({ type: name, language, lines }) => ({
    type: name,
    language,
    text: lines.join("\n"),
  }));
  // Some writers put a head before the type's own text too.
  const named = others.find((each) => sameTypeName(each.type, type));
  return own!.text.trim() === "" && named ? [named, ...others.filter((each) => each !== named)] : [own!, ...others];
}

/**
 * A type's definitions as a log's schema has them; what the schema leaves out is taken from the common ones.
 *
 * Names are resolved in their own package; only a `Header` that its own package lacks is that of std_msgs, if the schema
 * brings it, as writers have it that come from ROS 1. Throws an error that says what cannot be read.
 */
export function schemaDefinitions(type: string, encoding: SchemaEncoding, text: string): Definitions {
  const [own, ...others] = sectionsOf(type, encoding, text);
  const sections = [{ ...own!, type: fullTypeName(type) }, ...others];
  const known = new Map<string, MessageDefinition>();
  for (const each of [...messagesIn(sections), ...structuresIn(sections)]) {
    if (!known.has(each.name ?? "")) known.set(each.name ?? "", each);
  }
  const root = nameIn(known, shortTypeName(type));
  if (root === undefined) throw new Error(`${type} itself is not among its definitions`);
  const resolve = (field: MessageDefinitionField): MessageDefinitionField =>
    field.isComplex === true ? { ...field, type: nameIn(known, field.type) ?? field.type } : field;
  const resolved = [...known].flatMap(([name, { definitions }]) => {
    const fields = definitions.map(resolve);
    // The type goes by the name that the log has for it, too.
    const names = name === root && root !== shortTypeName(type) ? [name, shortTypeName(type)] : [name];
    return names.map((each) => ({ name: each, definitions: fields }));
  });
  return Definitions.common.withParsed(resolved, type);
}

/** The name that a type goes by among the definitions of a schema. */
function nameIn(known: ReadonlyMap<string, MessageDefinition>, name: string): string | undefined {
  if (known.has(name)) return name;
  if (Definitions.common.has(name)) return undefined;
  // Some writers leave `msg`, `srv` or `action` out of every name.
  const near = [...known.keys()].filter((each) => sameTypeName(each, name));
  if (near.length > 0) return near.length === 1 ? near[0] : undefined;
  return name.endsWith("/Header") && known.has("std_msgs/Header") ? "std_msgs/Header" : undefined;
}

function messagesIn(sections: readonly Section[]): MessageDefinition[] {
  return sections.flatMap(({ type, language, text }) => {
    if (language !== "ros2msg") return [];
    // Of a service's events, and of what an action sends, recorders write the whole .srv or .action file.
    const kind = kindOf(text);
    const file = { kind, type: kind === "msg" ? fullTypeName(type) : wholeOf(fullTypeName(type)), text };
    return messagesOf(file).map((each) => ({
      name: shortTypeName(each.type),
      definitions: parseMessage(each, "fields").map(({ field }) => field),
    }));
  });
}

/** The structures of all sections in IDL, which may name each other's types and constants. */
function structuresIn(sections: readonly Section[]): MessageDefinition[] {
  const idl = sections.filter(({ language }) => language === "ros2idl");
  if (idl.length === 0) return [];
  const separator = "=".repeat(80);
  const text = idl.map((each) => `${separator}\nIDL: ${fullTypeName(each.type)}\n${each.text}`).join("\n");
  return idlParser().parseRos2idl(text).map(fromIdl);
}

const times: { readonly [type: string]: string } = {
  "builtin_interfaces/Time": "time",
  "builtin_interfaces/Duration": "duration",
};

/** A definition in IDL with the names that .msg files have for the same. */
const fromIdl = ({ name = "", definitions }: MessageDefinition): MessageDefinition => ({
  name: shortTypeName(name),
  definitions: definitions
    // What ROS 2 puts into structures that would have no members.
    .filter((field) => field.name !== "structure_needs_at_least_one_member")
    .map((field) => {
      if (field.isComplex !== true) return field;
      const type = shortTypeName(field.type);
      const time = times[type];
      return time === undefined ? { ...field, type } : { ...field, type: time, isComplex: false };
    }),
});
