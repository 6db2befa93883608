// The inputs and outputs of a model: their names and types as the file gives them.
import type { Dtype } from "../../../kernels/index.ts";
import { dtypeOf, elementTypeName } from "./element-types.ts";
import type { TypeProto, ValueInfoProto } from "./format/onnx_pb.ts";

/** A dimension of an input or output: a size, a name, or nothing that is known. */
export type ModelDimension = number | string | undefined;

/** An input or an output of a model. */
export interface ModelPort {
  readonly name: string;
  /** Of tensors: the element type, and the dimensions where the file says how many there are. */
  readonly dtype?: Dtype;
  readonly shape?: readonly ModelDimension[];
  /** The type as the file gives it, in words. */
  readonly type: string;
}

const dimensionsOf = (shape: {
  readonly dim: readonly {
    readonly value:
      | { readonly case: "dimValue"; readonly value: bigint }
      | { readonly case: "dimParam"; readonly value: string }
      | { readonly case: undefined; readonly value?: undefined };
  }[];
}): ModelDimension[] =>
  shape.dim.map(({ value }) => {
    if (value.case === "dimValue") return Number(value.value);
    return value.case === "dimParam" && value.value !== "" ? value.value : undefined;
  });

function typeText(type: TypeProto | undefined): string {
  const value = type?.value;
  switch (value?.case) {
    case "tensorType": {
      const dims = value.value.shape
        ? `[${dimensionsOf(value.value.shape)
            .map((each) => each ?? "?")
            .join(",")}]`
        : "";
      return `${dtypeOf(value.value.elemType) ?? elementTypeName(value.value.elemType)}${dims}`;
    }
    case "sequenceType":
      return `sequence of ${typeText(value.value.elemType)}`;
    case "optionalType":
      return `optional ${typeText(value.value.elemType)}`;
    case "mapType":
      return `map of ${elementTypeName(value.value.keyType)} to ${typeText(value.value.valueType)}`;
    case "sparseTensorType":
      return `sparse ${elementTypeName(value.value.elemType)}`;
    case "opaqueType":
      return "opaque";
    case undefined:
      return "unknown";
  }
}

/** The input or output that a file describes. */
export function portOf({ name, type }: ValueInfoProto): ModelPort {
  const text = typeText(type);
  if (type?.value.case !== "tensorType") return { name, type: text };
  const { elemType, shape } = type.value.value;
  const dtype = dtypeOf(elemType);
  return { name, type: text, ...(dtype ? { dtype } : {}), ...(shape ? { shape: dimensionsOf(shape) } : {}) };
}
