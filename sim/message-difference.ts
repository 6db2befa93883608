// Two messages of one type that should be the same: the first number in them that differs.
import type { MessageDefinition } from "@foxglove/message-definition";
import type { Arithmetic } from "../kernels/index.ts";
import { type ApplicationDescription, definitionsIn } from "./application.ts";
import { type NumberDifference, numberDifference } from "./number-difference.ts";
import { TopicCodecs } from "./topic-codecs.ts";

const dtypes: Readonly<Record<string, Arithmetic>> = {
  bool: "bool",
  int8: "i8",
  uint8: "u8",
  byte: "u8",
  char: "u8",
  int16: "i16",
  uint16: "u16",
  int32: "i32",
  uint32: "u32",
  int64: "i64",
  uint64: "u64",
  float32: "f32",
  float64: "f64",
};

/** The first number that differs; undefined where texts, lengths or bytes that no field holds differ, or one is no message. */
export function messageDifference(
  application: ApplicationDescription,
  topic: string,
  recorded: Uint8Array,
  recomputed: Uint8Array,
): NumberDifference | undefined {
  const type = [...application.inputs, ...application.outputs].find((each) => each.topic === topic)?.type;
  if (type === undefined) return undefined;
  const codecs = new TopicCodecs(application);
  let values: readonly unknown[];
  try {
    values = [codecs.decode(topic, recorded), codecs.decode(topic, recomputed)];
  } catch {
    return undefined;
  }
  const definitions = definitionsIn(application).closure(type);
  return inMessage(definitions, definitions[0]!, values[0], values[1], "");
}

function inMessage(
  definitions: readonly MessageDefinition[],
  { definitions: fields }: MessageDefinition,
  a: unknown,
  b: unknown,
  path: string,
): NumberDifference | undefined {
  if (!isRecord(a) || !isRecord(b)) return undefined;
  for (const { name, type, isComplex, isArray, isConstant } of fields) {
    if (isConstant === true) continue;
    const one = (x: unknown, y: unknown, at: string): NumberDifference | undefined => {
      const definition = isComplex === true ? definitions.find((each) => each.name === type) : undefined;
      if (definition) return inMessage(definitions, definition, x, y, at);
      if (type === "time" || type === "duration") return inTime(x, y, at);
      const dtype = dtypes[type];
      const [p, q] = [numberOf(x), numberOf(y)];
      if (dtype === undefined || p === undefined || q === undefined || Object.is(p, q)) return undefined;
      return numberDifference(at, dtype, p, q);
    };
    const at = path === "" ? name : `${path}.${name}`;
    const found = isArray === true ? inList(a[name], b[name], at, one) : one(a[name], b[name], at);
    if (found) return found;
  }
  return undefined;
}

const inTime = (a: unknown, b: unknown, path: string): NumberDifference | undefined => {
  if (!isRecord(a) || !isRecord(b)) return undefined;
  for (const [part, dtype] of [
    ["sec", "i32"],
    ["nanosec", "u32"],
    ["nsec", "u32"],
  ] as const) {
    const [p, q] = [numberOf(a[part]), numberOf(b[part])];
    if (p !== undefined && q !== undefined && p !== q) return numberDifference(`${path}.${part}`, dtype, p, q);
  }
  return undefined;
};

function inList(
  a: unknown,
  b: unknown,
  path: string,
  one: (x: unknown, y: unknown, at: string) => NumberDifference | undefined,
): NumberDifference | undefined {
  if (!isList(a) || !isList(b) || a.length !== b.length) return undefined;
  for (let at = 0; at < a.length; at++) {
    const found = one(a[at], b[at], `${path}[${at}]`);
    if (found) return found;
  }
  return undefined;
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;
const isList = (value: unknown): value is ArrayLike<unknown> => Array.isArray(value) || ArrayBuffer.isView(value);
const numberOf = (value: unknown): number | bigint | undefined =>
  typeof value === "number" || typeof value === "bigint"
    ? value
    : typeof value === "boolean"
      ? Number(value)
      : undefined;
