// The messages of model files have the fields of ONNX's own definition.
import type { DescEnum, DescField, DescMessage } from "@bufbuild/protobuf";
import { nestedTypes } from "@bufbuild/protobuf/reflect";
import { describe, expect, it } from "vitest";
import { file_onnx } from "../../../runtime/import/onnx/format/onnx_pb.ts";
// Names, numbers and types of all fields, read out of onnx_ml_pb2 and onnx_data_pb2 of the package onnx 1.22.0.
import official from "./fields-1.22.0.json" with { type: "json" };

const scalars = [
  "",
  "double",
  "float",
  "int64",
  "uint64",
  "int32",
  "fixed64",
  "fixed32",
  "bool",
  "string",
  "group",
  "message",
  "bytes",
];
const shortName = (name: string): string => name.replace(/^onnx\./, "");

function typeOf(field: DescField): string {
  if (field.fieldKind === "message") return shortName(field.message.typeName);
  if (field.fieldKind === "enum") return shortName(field.enum.typeName);
  if (field.fieldKind === "scalar") return scalars[field.scalar]!;
  const of = field.fieldKind === "list" ? field : undefined;
  if (of?.listKind === "message") return `repeated ${shortName(of.message.typeName)}`;
  if (of?.listKind === "enum") return `repeated ${shortName(of.enum.typeName)}`;
  return `repeated ${scalars[of!.scalar!]}`;
}

const all = [...nestedTypes(file_onnx)];
const messages = all.filter((each): each is DescMessage => each.kind === "message");
const enums = all.filter((each): each is DescEnum => each.kind === "enum");
type Fields = { readonly [name: string]: readonly [number, string] };
const theirs = official as unknown as { readonly [message: string]: Fields | { readonly [name: string]: number } };

describe("the messages of model files", () => {
  it("are ones that ONNX has", () => {
    const unknown = messages.map(({ typeName }) => shortName(typeName)).filter((name) => !Object.hasOwn(theirs, name));
    expect(unknown).toEqual([]);
  });

  it.each(messages.map((each) => [shortName(each.typeName), each] as const))("%s has its fields", (name, message) => {
    const own = Object.fromEntries(message.fields.map((field) => [field.name, [field.number, typeOf(field)]]));
    const wanted = Object.entries(theirs[name] as Fields);
    // Maps are values that no model computes with.
    const known = wanted.filter(([, [, type]]) => !type.endsWith("MapProto"));
    // An enumeration is a number in the file wherever it is declared.
    expect(own).toEqual(Object.fromEntries(known));
  });

  it.each(enums.map((each) => [shortName(each.typeName), each] as const))("%s has its values", (name, found) => {
    const own = Object.fromEntries(found.values.map((value) => [value.name, value.number]));
    expect(own).toEqual(theirs[`enum ${name}`]);
  });
});
