// Messages of ONNX files, made of plain values: attributes, tensors, types.
import { create } from "@bufbuild/protobuf";
import type { Dtype } from "../../../../kernels/index.ts";
import { bytesIn, type TypedArray } from "../../../graph/tensor-type.ts";
import { elementTypeOf } from "../element-types.ts";
import { packedBitsOf } from "../packed-elements.ts";
import {
  type AttributeProto,
  AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  type GraphProto,
  type TensorProto,
  TensorProtoSchema,
} from "./onnx_pb.ts";

/** What an attribute says; a bare number is a whole one. */
export type AttributeContent =
  | number
  | string
  | readonly number[]
  | readonly string[]
  | GraphProto
  | TensorProto
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly ref: string };

const isMessage = <N extends string>(value: object, name: N): value is { readonly $typeName: N } =>
  "$typeName" in value && value.$typeName === name;

const isTexts = (value: AttributeContent): value is readonly string[] =>
  Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === "string");
const isNumbers = (value: AttributeContent): value is readonly number[] => Array.isArray(value) && !isTexts(value);

/** An attribute of a node. */
export function attributeOf(name: string, value: AttributeContent): AttributeProto {
  const made = (parts: object): AttributeProto => create(AttributeProtoSchema, { name, ...parts });
  if (typeof value === "number") return made({ type: AttributeType.INT, i: BigInt(value) });
  if (typeof value === "string") return made({ type: AttributeType.STRING, s: new TextEncoder().encode(value) });
  if (isTexts(value))
    return made({ type: AttributeType.STRINGS, strings: value.map((each) => new TextEncoder().encode(each)) });
  if (isNumbers(value)) return made({ type: AttributeType.INTS, ints: value.map(BigInt) });
  if ("float" in value) return made({ type: AttributeType.FLOAT, f: value.float });
  if ("floats" in value) return made({ type: AttributeType.FLOATS, floats: [...value.floats] });
  if ("ref" in value) return made({ type: AttributeType.INT, refAttrName: value.ref });
  if (isMessage(value, "onnx.GraphProto")) return made({ type: AttributeType.GRAPH, g: value });
  return made({ type: AttributeType.TENSOR, t: value });
}

/** Elements of a few bits as several to a byte, from the lowest bits on. */
function packed(data: TypedArray, bits: number): Uint8Array {
  const each = 8 / bits;
  const bytes = new Uint8Array(Math.ceil(data.length / each));
  for (let at = 0; at < data.length; at++) {
    const code = Number(data[at]) & ((1 << bits) - 1);
    bytes[Math.floor(at / each)]! |= code << ((at % each) * bits);
  }
  return bytes;
}

/** A tensor that a file keeps as bytes. */
export const stored = (name: string, dtype: Dtype, shape: readonly number[], data: TypedArray): TensorProto => {
  const dataType = elementTypeOf(dtype);
  const bits = packedBitsOf(dataType);
  const rawData = bits === undefined ? new Uint8Array(bytesIn(data)) : packed(data, bits);
  return create(TensorProtoSchema, { name, dims: shape.map(BigInt), dataType, rawData });
};
