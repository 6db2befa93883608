// A task's output record as a message of its own: CDR with a generated definition, so that any viewer can plot it.
import { bytesOf, type Dtype } from "../kernels/index.ts";
import type { FieldRow } from "../scheduler/index.ts";

/** The wire's names of element types; it knows no halves and nothing smaller than a byte, whose bits are recorded. */
const wireNames: { readonly [d in Dtype]: string } = {
  bool: "bool",
  i8: "int8",
  u8: "uint8",
  i16: "int16",
  u16: "uint16",
  i32: "int32",
  u32: "uint32",
  i64: "int64",
  u64: "uint64",
  f32: "float32",
  f64: "float64",
  i4: "int8",
  u4: "uint8",
  i2: "int8",
  u2: "uint8",
  f8e4m3fn: "uint8",
  f8e4m3fnuz: "uint8",
  f8e5m2: "uint8",
  f8e5m2fnuz: "uint8",
  f8e8m0: "uint8",
  f4e2m1: "uint8",
  f16: "uint16",
  bf16: "uint16",
};

const headerBytes = 4;
const chainBytes = 32;
/** job: uint64, sequence: uint64 (0 where the job overran), chain: uint8[32]. */
const prefixBytes = 8 + 8 + chainBytes;

/** A task's output as it was computed. */
export interface OutputRecord {
  readonly job: number;
  /** 0 where the job overran and its output was discarded. */
  readonly sequence: number;
  readonly chain: string;
  readonly slot: Uint8Array;
}

/** The definition, as a `ros2msg` schema. */
export const recordSchema = (fields: readonly FieldRow[]): string =>
  [
    "uint64 job",
    "uint64 sequence",
    `uint8[${chainBytes}] chain`,
    ...fields.map(({ name, dtype, shape, bytes }) => {
      const array = shape.length === 0 ? "" : `[${bytes / bytesOf(dtype)}]`;
      return `${wireNames[dtype]}${array} ${fieldName(name)}`;
    }),
  ].join("\n");

/** A name as ROS 2 allows it for fields: lower case, digits and underscores, a letter first. */
const fieldName = (name: string): string => {
  const snake = name
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "_")
    .replace(/^_+|_+$/g, "");
  return /^[a-z]/.test(snake) ? snake : `field_${snake}`;
};

/** Where each field's bytes begin in the message. */
function placesOf(fields: readonly FieldRow[]): { readonly starts: readonly number[]; readonly length: number } {
  let end = prefixBytes;
  const starts = fields.map(({ dtype, bytes }) => {
    const start = Math.ceil(end / bytesOf(dtype)) * bytesOf(dtype);
    end = start + bytes;
    return headerBytes + start;
  });
  return { starts, length: headerBytes + end };
}

/** The part of a record's message that holds a byte: its name, and the byte within it. */
export function portAt(fields: readonly FieldRow[], byte: number): { readonly port: string; readonly byte: number } {
  const { starts } = placesOf(fields);
  const parts = [
    { port: "encapsulation", start: 0 },
    { port: "job", start: headerBytes },
    { port: "sequence", start: headerBytes + 8 },
    { port: "chain", start: headerBytes + 16 },
    ...fields.map(({ name }, at) => ({ port: name, start: starts[at]! })),
  ];
  const { port, start } = parts.findLast((part) => part.start <= byte) ?? parts[0]!;
  return { port, byte: byte - start };
}

/** Where each field of a slot goes in the message, for the recorder. */
export function recordLayout(fields: readonly FieldRow[]) {
  const { starts, length } = placesOf(fields);
  return { length, fields: fields.map(({ offset, bytes }, at) => ({ offset, bytes, start: starts[at]! })) };
}

/** Encodes a record. */
export function encodeRecord(fields: readonly FieldRow[], record: OutputRecord): Uint8Array {
  const { starts, length } = placesOf(fields);
  const out = Buffer.alloc(length);
  out.writeUInt8(1, 1);
  out.writeBigUInt64LE(BigInt(record.job), headerBytes);
  out.writeBigUInt64LE(BigInt(record.sequence), headerBytes + 8);
  out.write(record.chain, headerBytes + 16, "hex");
  fields.forEach(({ offset, bytes }, at) => {
    out.set(record.slot.subarray(offset, offset + bytes), starts[at]);
  });
  return out;
}

/** Decodes a record; undefined where the bytes do not fit the fields. */
export function decodeRecord(
  fields: readonly FieldRow[],
  slotBytes: number,
  message: Uint8Array,
): OutputRecord | undefined {
  const { starts, length } = placesOf(fields);
  if (message.length !== length) return undefined;
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  const slot = new Uint8Array(slotBytes);
  fields.forEach(({ offset, bytes: size }, at) => {
    slot.set(bytes.subarray(starts[at], starts[at]! + size), offset);
  });
  return {
    job: Number(bytes.readBigUInt64LE(headerBytes)),
    sequence: Number(bytes.readBigUInt64LE(headerBytes + 8)),
    chain: bytes.toString("hex", headerBytes + 16, headerBytes + 16 + chainBytes),
    slot,
  };
}
