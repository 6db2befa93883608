// Codec plans: flat lists of steps, made from message definitions, that carry CDR into tensors and tensors into CDR.
import { z } from "zod";
import { bytesOf, type Dtype, dtypes, IsochronError } from "../kernels/index.ts";
import { definitionOf, fullTypeName } from "./definitions.ts";

const primitive = z.enum(dtypes);
const size = z.int().min(0);

const decodeStep = z.discriminatedUnion("op", [
  z.strictObject({ op: z.literal("skip"), type: primitive, path: z.string() }),
  z.strictObject({ op: z.literal("skipString"), path: z.string() }),
  z.strictObject({ op: z.literal("expect"), value: size, path: z.string() }),
  z.strictObject({ op: z.literal("expectString"), value: z.string(), path: z.string() }),
  z.strictObject({ op: z.literal("bytes"), count: size, offset: size, path: z.string() }),
  z.strictObject({ op: z.literal("scalar"), from: primitive, to: primitive, offset: size, path: z.string() }),
]);
const encodeStep = z.discriminatedUnion("op", [
  z.strictObject({ op: z.literal("stamp") }),
  z.strictObject({ op: z.literal("constant"), type: primitive, value: z.number() }),
  z.strictObject({ op: z.literal("string"), value: z.string() }),
  z.strictObject({ op: z.literal("scalar"), from: primitive, to: primitive, offset: size }),
  z.strictObject({ op: z.literal("bytes"), count: size, offset: size }),
]);

export const decodePlan = z.strictObject({ message: z.string(), slotBytes: size, steps: z.array(decodeStep) });
export const encodePlan = z.strictObject({ message: z.string(), slotBytes: size, steps: z.array(encodeStep) });

export type DecodePlan = z.infer<typeof decodePlan>;
export type EncodePlan = z.infer<typeof encodePlan>;
type DecodeStep = z.infer<typeof decodeStep>;
type EncodeStep = z.infer<typeof encodeStep>;

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

/** One leaf of a message: a primitive, a string or an array, with its path from the top. */
interface Leaf {
  readonly path: string;
  readonly type: string;
  readonly isArray: boolean;
  readonly arrayLength: number | undefined;
}

/** The leaves of a message type in the order of the wire. */
export function leavesOf(type: string, prefix = ""): Leaf[] {
  return definitionOf(type).definitions.flatMap((field): Leaf[] => {
    if (field.isConstant === true) return [];
    const path = prefix + field.name;
    const isArray = field.isArray === true;
    if (field.isComplex === true && !isArray) return leavesOf(field.type, `${path}.`);
    if ((field.type === "time" || field.type === "duration") && !isArray) {
      const part = (name: string, type: string): Leaf => ({
        path: `${path}.${name}`,
        type,
        isArray: false,
        arrayLength: undefined,
      });
      return [part("sec", "int32"), part("nanosec", "uint32")];
    }
    return [{ path, type: field.type, isArray, arrayLength: field.arrayLength }];
  });
}

/** What to do with a leaf, by its path; leaves not named are passed over or zero. */
export type DecodeRule =
  | { readonly kind: "expect"; readonly value: number | string }
  | { readonly kind: "bytes"; readonly count: number; readonly offset: number }
  | { readonly kind: "scalar"; readonly dtype: Dtype; readonly offset: number };

const unknownPath = (type: string, paths: readonly string[], wanted: string): IsochronError =>
  new IsochronError("message/unknown-field", `${fullTypeName(type)} has no field "${wanted}"`, {
    help: `its fields are ${paths.join(", ")}`,
  });

const checkPaths = (type: string, leaves: readonly Leaf[], rules: Readonly<Record<string, unknown>>): void => {
  const paths = leaves.map((leaf) => leaf.path);
  for (const path of Object.keys(rules)) if (!paths.includes(path)) throw unknownPath(type, paths, path);
};

const unsupported = (type: string, leaf: Leaf): IsochronError => {
  const array = leaf.isArray ? `[${leaf.arrayLength ?? ""}]` : "";
  return new IsochronError(
    "message/unsupported-field",
    `${fullTypeName(type)}.${leaf.path} is ${leaf.type}${array}, which a codec plan does not carry`,
    { help: "choose a message whose fields, up to the last that you need, are numbers, strings or byte arrays" },
  );
};

/** A plan that reads the named leaves; the steps end with the last leaf that is needed. */
export function makeDecodePlan(
  type: string,
  slotBytes: number,
  rules: Readonly<Record<string, DecodeRule>>,
): DecodePlan {
  const leaves = leavesOf(type);
  checkPaths(type, leaves, rules);
  const last = leaves.findLastIndex((leaf) => rules[leaf.path] !== undefined);
  const steps = leaves.slice(0, last + 1).flatMap((leaf): DecodeStep[] => {
    const { path } = leaf;
    const rule = rules[path];
    const dtype = primitives[leaf.type];
    if (rule?.kind === "bytes" && leaf.isArray && dtype === "u8")
      return [{ op: "bytes", count: rule.count, offset: rule.offset, path }];
    if (leaf.isArray) {
      if (leaf.arrayLength === undefined || !dtype || rule) throw unsupported(type, leaf);
      return Array.from({ length: leaf.arrayLength }, () => ({ op: "skip", type: dtype, path }));
    }
    if (leaf.type === "string") {
      if (rule?.kind === "expect") return [{ op: "expectString", value: String(rule.value), path }];
      if (rule) throw unsupported(type, leaf);
      return [{ op: "skipString", path }];
    }
    if (!dtype) throw unsupported(type, leaf);
    if (rule?.kind === "expect" && dtype === "u32") return [{ op: "expect", value: Number(rule.value), path }];
    if (rule?.kind === "scalar") return [{ op: "scalar", from: dtype, to: rule.dtype, offset: rule.offset, path }];
    if (rule) throw unsupported(type, leaf);
    return [{ op: "skip", type: dtype, path }];
  });
  return { message: fullTypeName(type), slotBytes, steps };
}

/** Where a leaf of an encoded message comes from. */
export type EncodeRule =
  | { readonly kind: "constant"; readonly value: number | string }
  | { readonly kind: "scalar"; readonly dtype: Dtype; readonly offset: number }
  | { readonly kind: "bytes"; readonly count: number; readonly offset: number };

/** A plan that writes every leaf: the named ones by their rules, header stamps by logical time, all else zero or empty. */
export function makeEncodePlan(
  type: string,
  slotBytes: number,
  rules: Readonly<Record<string, EncodeRule>>,
): EncodePlan {
  const leaves = leavesOf(type);
  checkPaths(type, leaves, rules);
  const steps = leaves.flatMap((leaf): EncodeStep[] => {
    const rule = rules[leaf.path];
    const dtype = primitives[leaf.type];
    if (leaf.path === "header.stamp.sec") return [{ op: "stamp" }];
    if (leaf.path === "header.stamp.nanosec") return [];
    if (leaf.isArray) {
      if (rule?.kind === "bytes" && dtype === "u8") return [{ op: "bytes", count: rule.count, offset: rule.offset }];
      if (rule) throw unsupported(type, leaf);
      if (leaf.arrayLength === undefined) return [{ op: "constant", type: "u32", value: 0 }];
      if (!dtype) throw unsupported(type, leaf);
      return Array.from({ length: leaf.arrayLength }, () => ({ op: "constant", type: dtype, value: 0 }));
    }
    if (leaf.type === "string" && (!rule || rule.kind === "constant"))
      return [{ op: "string", value: String(rule?.value ?? "") }];
    if (!dtype || rule?.kind === "bytes") throw unsupported(type, leaf);
    if (rule?.kind === "scalar") return [{ op: "scalar", from: rule.dtype, to: dtype, offset: rule.offset }];
    return [{ op: "constant", type: dtype, value: rule?.kind === "constant" ? Number(rule.value) : 0 }];
  });
  return { message: fullTypeName(type), slotBytes, steps };
}

/** A plan in readable, stable text. */
export function printPlan(plan: DecodePlan | EncodePlan): string {
  const steps = plan.steps.map(
    ({ op, ...rest }) =>
      `  ${op}${Object.entries(rest)
        .map(([key, value]) => ` ${key}=${JSON.stringify(value)}`)
        .join("")}`,
  );
  return [`codec ${plan.message}, slot ${plan.slotBytes} B`, ...steps].join("\n");
}

/** Bytes that a rule's element takes in the slot. */
export const slotBytesOf = (dtype: Dtype, shape: readonly number[]): number =>
  shape.reduce((a, b) => a * b, bytesOf(dtype));
