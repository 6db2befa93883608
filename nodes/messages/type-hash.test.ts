// The built-in definitions beside ROS 2's own: type hashes (REP 2016, RIHS01) as nodes of Jazzy announce them.
import { createHash } from "node:crypto";
import type { MessageDefinition, MessageDefinitionField } from "@foxglove/message-definition";
import { describe, expect, it } from "vitest";
import { Definitions } from "./definitions.ts";
import { fullTypeName, shortTypeName } from "./names.ts";

const common = Definitions.common;
const primitives = [
  ...["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"],
  ...["long double", "char", "wchar", "bool", "byte", "string", "wstring"],
];
const times: Readonly<Record<string, string>> = {
  time: "builtin_interfaces/Time",
  duration: "builtin_interfaces/Duration",
};

/** What a field's type is in a description, and the type that it names. */
function fieldType({ type, isArray, arrayLength, arrayUpperBound, upperBound }: MessageDefinitionField) {
  const nested = primitives.includes(type) ? undefined : (times[type] ?? type);
  const list = isArray !== true ? 0 : arrayLength !== undefined ? 48 : arrayUpperBound === undefined ? 144 : 96;
  const described = {
    type_id: (nested === undefined ? primitives.indexOf(type) + 2 : 1) + list,
    capacity: arrayLength ?? arrayUpperBound ?? 0,
    string_capacity: upperBound ?? 0,
    nested_type_name: nested === undefined ? "" : fullTypeName(nested),
  };
  return { nested, described };
}

const partsOfTime = ["sec", "nanosec"].map((name, at) => ({ name, type: at === 0 ? "int32" : "uint32" }));

function fieldsOf(type: string): MessageDefinitionField[] {
  if (type === "builtin_interfaces/Time") return partsOfTime as MessageDefinitionField[];
  const definition: MessageDefinition = common.of(type);
  return definition.definitions.filter((field) => field.isConstant !== true);
}

function describeType(type: string) {
  const fields = fieldsOf(type).map((field) => ({ name: field.name, type: fieldType(field).described }));
  return { type_name: fullTypeName(type), fields };
}

function typesIn(type: string, found = new Set<string>()): Set<string> {
  for (const field of fieldsOf(type)) {
    const { nested } = fieldType(field);
    if (nested === undefined || found.has(shortTypeName(nested))) continue;
    found.add(shortTypeName(nested));
    typesIn(nested, found);
  }
  return found;
}

/** JSON as Python writes it. */
function python(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(python).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).map(([key, each]) => `${JSON.stringify(key)}: ${python(each)}`);
  return `{${entries.join(", ")}}`;
}

function typeHash(type: string): string {
  const referenced = [...typesIn(shortTypeName(type))].map(describeType);
  referenced.sort((a, b) => (a.type_name < b.type_name ? -1 : 1));
  const text = python({
    type_description: describeType(shortTypeName(type)),
    referenced_type_descriptions: referenced,
  });
  return createHash("sha256").update(text).digest("hex");
}

/** Published by builds of others: geometry2 of Jazzy, vision_msgs 4.1.1. Each covers the types that it is made of. */
const published = {
  "tf2_msgs/msg/TFMessage": "e369d0f05a23ae52508854b66f6aa0437f3449d652e8cbf22d5abe85d020f087",
  "vision_msgs/msg/Detection2DArray": "214274120007f4a683866481336b70310268cfa107aebe9d594a6acf75bda968",
  "vision_msgs/msg/Detection3D": "ddd703be132ab0b69d33121f1bb034132bfbb3b0ac5f9fb1516005ba1c8a265b",
  "vision_msgs/msg/Classification": "f74db28d0eaef3afb78f48bf2161cd709a1383a0309d3454383b25be11345143",
  "vision_msgs/msg/LabelInfo": "3d37df4015cdf660cc851c51897f2acd957e1ca6205ba0a99aebffb9406b0783",
  "vision_msgs/msg/VisionInfo": "95d3116a17484ad91c9a2686e1d54890bbfc3ff6c6a2de137738c4950d45d284",
};

describe("the built-in definitions", () => {
  it.each(Object.entries(published))("of %s have the hash that other nodes announce", (type, hash) => {
    expect(typeHash(type)).toBe(hash);
  });
});
