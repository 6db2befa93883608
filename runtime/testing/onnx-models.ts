// Models that tests make of a few words: nodes as texts, inputs and outputs as types.
import { create, toBinary } from "@bufbuild/protobuf";
import { bytesOf, type Dtype, dtypes } from "../../kernels/index.ts";
import { elementTypeOf } from "../import/onnx/element-types.ts";
import {
  TensorProto_DataType as DataType,
  type FunctionProto,
  FunctionProtoSchema,
  type GraphProto,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
  TensorProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from "../import/onnx/format/onnx_pb.ts";
import { type AttributeContent, attributeOf } from "../import/onnx/format/write.ts";

export { stored } from "../import/onnx/format/write.ts";

/** A node of a text such as `y, z = Domain::Op(a, , b)`. */
export function node(
  text: string,
  attributes: { readonly [name: string]: AttributeContent } = {},
  name = "",
): NodeProto {
  const [, results, full, operands] = /^(.*?)\s*=\s*([\w.:]+)\((.*)\)$/.exec(text)!;
  const names = (list: string): string[] => (list.trim() === "" ? [] : list.split(",").map((each) => each.trim()));
  const [domain, opType] = full!.includes("::") ? full!.split("::") : ["", full];
  return create(NodeProtoSchema, {
    name,
    domain: domain!,
    opType: opType!,
    input: names(operands!),
    output: names(results!),
    attribute: Object.entries(attributes).map(([key, value]) => attributeOf(key, value)),
  });
}

/** An input or output of a text such as `x: f32[1,n]`, `x: string[n]`, or `x` alone, whose type the file does not say. */
export function port(text: string): ValueInfoProto {
  if (!text.includes(":")) return create(ValueInfoProtoSchema, { name: text });
  const [, name, dtypeName, sizes] = /^(.+?):\s*(\w+)(?:\[(.*)\])?$/.exec(text)!;
  const dtype = dtypes.find((each) => each === dtypeName);
  const elemType = dtype ? elementTypeOf(dtype) : DataType.STRING;
  const list = sizes === undefined || sizes === "" ? [] : sizes.split(",");
  const dim = list.map((size) =>
    /^\d+$/.test(size)
      ? { value: { case: "dimValue" as const, value: BigInt(size) } }
      : { value: { case: "dimParam" as const, value: size } },
  );
  return create(ValueInfoProtoSchema, {
    name: name!,
    type: { value: { case: "tensorType", value: { elemType, shape: { dim } } } },
  });
}

/** A tensor whose elements lie in a file beside the model. */
export const elsewhere = (
  name: string,
  dtype: Dtype,
  shape: readonly number[],
  location: string,
  offset: number,
): TensorProto => {
  const length = shape.reduce((product, size) => product * size, bytesOf(dtype));
  return create(TensorProtoSchema, {
    name,
    dims: shape.map(BigInt),
    dataType: elementTypeOf(dtype),
    dataLocation: TensorProto_DataLocation.EXTERNAL,
    externalData: Object.entries({ location, offset, length }).map(([key, value]) =>
      create(StringStringEntryProtoSchema, { key, value: String(value) }),
    ),
  });
};

/** What a graph is made of. */
interface GraphParts {
  readonly inputs?: readonly string[];
  readonly outputs: readonly string[];
  readonly nodes: readonly NodeProto[];
  readonly initializers?: readonly TensorProto[];
}

/** A graph, which may be an attribute of a node. */
export const graph = ({ inputs = [], outputs, nodes, initializers = [] }: GraphParts, name = "made"): GraphProto =>
  create(GraphProtoSchema, {
    name,
    node: [...nodes],
    input: inputs.map(port),
    output: outputs.map(port),
    initializer: [...initializers],
  });

/** A function of a model. */
export const fn = (
  name: string,
  input: readonly string[],
  output: readonly string[],
  nodes: readonly NodeProto[],
  parts: Partial<Pick<FunctionProto, "attribute" | "attributeProto" | "overload">> = {},
): FunctionProto =>
  create(FunctionProtoSchema, {
    name,
    domain: "own",
    input: [...input],
    output: [...output],
    node: [...nodes],
    opsetImport: [
      { domain: "", version: 22n },
      { domain: "own", version: 1n },
    ],
    ...parts,
  });

/** The bytes of a model file. */
export const modelBytes = (
  main: GraphProto,
  { version = 22, functions = [] }: { readonly version?: number; readonly functions?: readonly FunctionProto[] } = {},
): Uint8Array =>
  toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: 10n,
      producerName: "made",
      graph: main,
      opsetImport: [
        { domain: "", version: BigInt(version) },
        { domain: "own", version: 1n },
        { domain: "ai.onnx.ml", version: 3n },
        { domain: "com.microsoft", version: 1n },
      ],
      functions: [...functions],
    }),
  );
