// Elements that files keep several to a byte.
import { TensorProto_DataType as DataType } from "./format/onnx_pb.ts";

const packedBits: { readonly [type in DataType]?: number } = {
  [DataType.UINT4]: 4,
  [DataType.INT4]: 4,
  [DataType.FLOAT4E2M1]: 4,
  [DataType.UINT2]: 2,
  [DataType.INT2]: 2,
};

/** How many bits each element has where several are in a byte, from the lowest bits on; undefined of other types. */
export const packedBitsOf = (type: DataType): number | undefined => packedBits[type];
