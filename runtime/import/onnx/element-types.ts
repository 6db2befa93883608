// The element types of ONNX by their numbers, and the dtypes that they are here.
import { type Dtype, dtypes } from "../../../kernels/index.ts";
import { TensorProto_DataType as DataType } from "./format/onnx_pb.ts";

/** The dtype of each element type that tensors of graphs can have; strings and complex numbers have none. */
const byNumber: { readonly [type in DataType]?: string } = {
  [DataType.FLOAT]: "f32",
  [DataType.UINT8]: "u8",
  [DataType.INT8]: "i8",
  [DataType.UINT16]: "u16",
  [DataType.INT16]: "i16",
  [DataType.INT32]: "i32",
  [DataType.INT64]: "i64",
  [DataType.BOOL]: "bool",
  [DataType.FLOAT16]: "f16",
  [DataType.DOUBLE]: "f64",
  [DataType.UINT32]: "u32",
  [DataType.UINT64]: "u64",
  [DataType.BFLOAT16]: "bf16",
  [DataType.FLOAT8E4M3FN]: "f8e4m3fn",
  [DataType.FLOAT8E4M3FNUZ]: "f8e4m3fnuz",
  [DataType.FLOAT8E5M2]: "f8e5m2",
  [DataType.FLOAT8E5M2FNUZ]: "f8e5m2fnuz",
  [DataType.UINT4]: "u4",
  [DataType.INT4]: "i4",
  [DataType.FLOAT4E2M1]: "f4e2m1",
  [DataType.FLOAT8E8M0]: "f8e8m0",
  [DataType.UINT2]: "u2",
  [DataType.INT2]: "i2",
};

/** The dtype of an element type; undefined where graphs have none for it. */
export const dtypeOf = (number: number): Dtype | undefined =>
  dtypes.find((each) => each === byNumber[number as DataType]);

/** The name that ONNX gives an element type. */
export const elementTypeName = (number: number): string => DataType[number]?.toLowerCase() ?? `type ${number}`;

/** The number of a dtype's element type. */
export const elementTypeOf = (dtype: Dtype): DataType =>
  Number(Object.entries(byNumber).find(([, name]) => name === dtype)![0]);
