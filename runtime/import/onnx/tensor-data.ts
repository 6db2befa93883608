// Tensors of model files: their elements, wherever the file keeps them.
import { bytesOf, type Dtype } from "../../../kernels/index.ts";
import { countOf, newArray, type TypedArray } from "../../graph/tensor-type.ts";
import { dtypeOf, elementTypeName } from "./element-types.ts";
import {
  TensorProto_DataType as DataType,
  type SparseTensorProto,
  type TensorProto,
  TensorProto_DataLocation,
} from "./format/onnx_pb.ts";
import { modelError, unsupported } from "./import-error.ts";
import { requireTensor } from "./limits.ts";
import { packedBitsOf } from "./packed-elements.ts";

/** A tensor of numbers whose elements are known. */
export interface DenseTensor {
  readonly kind: "dense";
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

/** A tensor of texts. */
export interface StringTensor {
  readonly kind: "strings";
  readonly shape: readonly number[];
  readonly data: readonly string[];
}

/** Reads the bytes that a file beside the model keeps of a tensor. */
export type ExternalData = (tensor: TensorProto) => Uint8Array;

const isSigned = (type: DataType): boolean => type === DataType.INT4 || type === DataType.INT2;

/** The sizes of a tensor. Throws `import/model` for what is none. */
function shapeOf(name: string, dims: readonly bigint[]): number[] {
  const shape = dims.map(Number);
  const count = countOf(shape);
  if (shape.some((size) => !Number.isSafeInteger(size) || size < 0) || !Number.isSafeInteger(count))
    throw modelError(`tensor "${name}" has the shape [${dims.join(",")}]`);
  return shape;
}

const described = (name: string, type: number, shape: readonly number[]): string =>
  `tensor "${name}" of ${elementTypeName(type)}[${shape.join(",")}]`;

/** One byte for each element of those that are several to a byte. */
function unpacked(bytes: Uint8Array, bits: number, signed: boolean, count: number): Uint8Array | Int8Array {
  const mask = (1 << bits) - 1;
  const each = 8 / bits;
  const codes = Uint8Array.from({ length: count }, (_, at) => {
    return (bytes[Math.floor(at / each)]! >> ((at % each) * bits)) & mask;
  });
  if (!signed) return codes;
  const half = 1 << (bits - 1);
  return Int8Array.from(codes, (code) => (code >= half ? code - (1 << bits) : code));
}

/** An array over bytes, which are copied only where they do not lie as the array needs them. */
function arrayOfBytes(dtype: Dtype, bytes: Uint8Array, count: number): TypedArray {
  const empty = newArray(dtype, 0);
  const Kind = empty.constructor as new (buffer: ArrayBufferLike, offset: number, length: number) => TypedArray;
  const aligned = bytes.byteOffset % empty.BYTES_PER_ELEMENT === 0 ? bytes : new Uint8Array(bytes);
  return new Kind(aligned.buffer, aligned.byteOffset, count);
}

/** Bytes that the elements of a tensor take in a graph, as its type says; of what no graph has, none. */
export function storedBytes({ dataType, dims }: TensorProto): number {
  const dtype = dtypeOf(dataType);
  return dtype ? countOf(dims.map(Number)) * bytesOf(dtype) : 0;
}

/** The elements in the field of numbers that the type is kept in. */
function fieldOf(tensor: TensorProto): readonly (number | bigint)[] {
  switch (tensor.dataType as DataType) {
    case DataType.FLOAT:
      return tensor.floatData;
    case DataType.DOUBLE:
      return tensor.doubleData;
    case DataType.INT64:
      return tensor.int64Data;
    case DataType.UINT32:
    case DataType.UINT64:
      return tensor.uint64Data;
    default:
      return tensor.int32Data;
  }
}

/**
 * The elements of a tensor of a file; bytes are not copied where they need not be.
 *
 * Throws `import/model` where there are not as many as its shape says, `import/unsupported` for types that graphs do not have.
 */
export function tensorData(tensor: TensorProto, external: ExternalData): DenseTensor | StringTensor {
  const { name, dataType } = tensor;
  const type: DataType = dataType;
  const shape = shapeOf(name, tensor.dims);
  const count = countOf(shape);
  const what = described(name, type, shape);
  const requireCount = (found: number, wanted: number, unit: string): void => {
    if (found !== wanted) throw modelError(`${what} has ${found} ${unit} where ${wanted} are its elements`);
  };
  if (type === DataType.STRING) {
    requireCount(tensor.stringData.length, count, "texts");
    return { kind: "strings", shape, data: tensor.stringData.map((each) => new TextDecoder().decode(each)) };
  }
  const dtype = dtypeOf(type);
  if (!dtype) throw unsupported(`${what}: no tensor of a graph has elements of this type`);
  const bits = packedBitsOf(type);
  const isExternal = tensor.dataLocation === TensorProto_DataLocation.EXTERNAL;
  if (isExternal || tensor.rawData.length > 0 || count === 0) {
    const bytes = isExternal ? external(tensor) : tensor.rawData;
    const wanted = bits ? Math.ceil((count * bits) / 8) : count * newArray(dtype, 0).BYTES_PER_ELEMENT;
    requireCount(bytes.length, wanted, "bytes");
    if (bits) return { kind: "dense", dtype, shape, data: unpacked(bytes, bits, isSigned(type), count) };
    return { kind: "dense", dtype, shape, data: arrayOfBytes(dtype, bytes, count) };
  }
  const field = fieldOf(tensor);
  if (bits) {
    requireCount(field.length, Math.ceil((count * bits) / 8), "numbers");
    const bytes = Uint8Array.from(field, (each) => Number(each) & 255);
    return { kind: "dense", dtype, shape, data: unpacked(bytes, bits, isSigned(type), count) };
  }
  requireCount(field.length, count, "numbers");
  const data = newArray<Dtype>(dtype, count);
  const isWide = data instanceof BigInt64Array || data instanceof BigUint64Array;
  // Halves and float8 are kept as their bits in a field of whole numbers, which is what their arrays hold.
  for (const [at, each] of field.entries()) data[at] = isWide ? BigInt(each) : Number(each);
  return { kind: "dense", dtype, shape, data };
}

/** The elements of a tensor that lists those which are not zero. */
export function sparseTensorData({ values, indices, dims }: SparseTensorProto, external: ExternalData): DenseTensor {
  const found = values && tensorData(values, external);
  const places = indices && tensorData(indices, external);
  const name = values?.name ?? "";
  if (found?.kind !== "dense" || places?.kind !== "dense" || places.dtype !== "i64")
    throw modelError(`sparse tensor "${name}" has no values, or no positions`);
  const shape = shapeOf(name, dims);
  const count = found.data.length;
  const rowLength = places.shape.length === 2 ? places.shape[1]! : 1;
  if (places.data.length !== count * rowLength || (places.shape.length === 2 && rowLength !== shape.length))
    throw modelError(`sparse tensor "${name}" has ${count} values and positions [${places.shape.join(",")}]`);
  requireTensor({ dtype: found.dtype, shape });
  const data: TypedArray = newArray<Dtype>(found.dtype, countOf(shape));
  for (let at = 0; at < count; at++) {
    const row = Array.from({ length: rowLength }, (_, d) => Number(places.data[at * rowLength + d]));
    const place = places.shape.length === 2 ? row.reduce((sum, each, d) => sum * shape[d]! + each, 0) : row[0]!;
    if (!(place >= 0 && place < data.length))
      throw modelError(`sparse tensor "${name}": position ${row.join(",")} is outside of [${shape.join(",")}]`);
    data[place] = found.data[at]!;
  }
  return { kind: "dense", dtype: found.dtype, shape, data };
}
