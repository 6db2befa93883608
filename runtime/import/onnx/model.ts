// A model of an ONNX file: what it takes and gives, what it is made of, and the graphs that it becomes.
import { fromBinary } from "@bufbuild/protobuf";
import { type Dtype, IsochronError } from "../../../kernels/index.ts";
import { isTensor } from "../../capture/methods/symbolic.ts";
import type { Tensor } from "../../capture/tensor.ts";
import { trace } from "../../capture/trace.ts";
import type { Graph } from "../../graph/graph.ts";
import { type TensorType, type TypedArray, tensorType } from "../../graph/tensor-type.ts";
import { constantOf, type Definitions } from "./call.ts";
import { dtypeOf, elementTypeName } from "./element-types.ts";
import { type ModelProto, ModelProtoSchema, type TypeProto, type ValueInfoProto } from "./format/onnx_pb.ts";
import { fullName, GraphBuilder } from "./graph-builder.ts";
import { modelError, unsupported } from "./import-error.ts";
import { type Imported, kindOf, Optional, Sequence } from "./imported.ts";
import type { ExternalData } from "./tensor-data.ts";

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

/** A value that an input is bound to, so that it is none any more. */
export interface BoundInput {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

/**
 * What an input is: a tensor of a type, a constant, the elements of a sequence, or null for an optional that is empty.
 *
 * A sequence becomes an input for each element: "NAME.0", "NAME.1", …; so do sequences that are outputs.
 */
export type InputType = TensorType | BoundInput | readonly InputType[] | null;

/** What a graph is made with. */
export interface GraphOptions {
  /** Types of inputs whose file leaves sizes open, and values of those that are to be constants. */
  readonly inputs?: { readonly [name: string]: InputType };
  /** The sizes of named dimensions. */
  readonly symbols?: { readonly [name: string]: number };
  /** The most elements that dimensions have whose size only the values decide, by the name of the result. */
  readonly bounds?: { readonly [output: string]: number };
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

function portOf({ name, type }: ValueInfoProto): ModelPort {
  const text = typeText(type);
  if (type?.value.case !== "tensorType") return { name, type: text };
  const { elemType, shape } = type.value.value;
  const dtype = dtypeOf(elemType);
  return { name, type: text, ...(dtype ? { dtype } : {}), ...(shape ? { shape: dimensionsOf(shape) } : {}) };
}

const isBound = (type: TensorType | BoundInput): type is BoundInput => "data" in type;
const isOne = (type: InputType): type is TensorType | BoundInput => type !== null && "dtype" in type;

/** The tensors that an input is, by name, but for those that are constants. */
function openTypes(name: string, type: InputType): (readonly [string, TensorType])[] {
  if (type === null) return [];
  if (!isOne(type)) return type.flatMap((each, at) => openTypes(`${name}.${at}`, each));
  return isBound(type) ? [] : [[name, type]];
}

/** What an input stands for, of the tensors that it is. */
function importedInput(name: string, type: InputType, tensors: { readonly [name: string]: Tensor }): Imported {
  if (type === null) return new Optional();
  if (!isOne(type)) return new Sequence(type.map((each, at) => importedInput(`${name}.${at}`, each, tensors)));
  return isBound(type) ? constantOf(type, name) : tensors[name]!;
}

/** The tensors that an output is. Throws `import/unsupported` for texts. */
function namedTensors(name: string, value: Imported): (readonly [string, Tensor])[] {
  if (isTensor(value)) return [[name, value]];
  if (value instanceof Sequence) return value.elements.flatMap((each, at) => namedTensors(`${name}.${at}`, each));
  if (value instanceof Optional) return value.value === undefined ? [] : namedTensors(name, value.value);
  throw unsupported(`output "${name}" is ${kindOf(value)}`);
}

/** A model that was read from an ONNX file. */
export class OnnxModel {
  readonly format = "onnx";
  readonly name: string;
  /** Without those that the file gives values for. */
  readonly inputs: readonly ModelPort[];
  readonly outputs: readonly ModelPort[];
  readonly #proto: ModelProto;
  readonly #place: string;
  readonly #external: ExternalData;
  readonly #operators: Definitions;

  /** `place` is the file that the bytes are of, for errors. */
  constructor(bytes: Uint8Array, place: string, external: ExternalData, operators: Definitions = {}) {
    try {
      this.#proto = fromBinary(ModelProtoSchema, bytes, { readUnknownFields: false });
    } catch (cause) {
      throw modelError("it is no ONNX model", "name a .onnx file", { cause });
    }
    const { graph } = this.#proto;
    if (!graph) throw modelError("it is an ONNX model without a graph");
    this.#place = place;
    this.#external = external;
    this.#operators = operators;
    this.name = graph.name || "model";
    const given = new Set(graph.initializer.map(({ name }) => name));
    this.inputs = graph.input.filter(({ name }) => !given.has(name)).map(portOf);
    this.outputs = graph.output.map(portOf);
  }

  /** The messages of the file. */
  get proto(): ModelProto {
    return this.#proto;
  }

  /** How often each operator stands in the model, by full name. */
  get operators(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const node of this.#proto.graph!.node) counts.set(fullName(node), (counts.get(fullName(node)) ?? 0) + 1);
    return counts;
  }

  /** The type of an input with all sizes known. Throws `import/size`. */
  #inputType({ name, dtype, shape, type }: ModelPort, { inputs = {}, symbols = {} }: GraphOptions): InputType {
    const given = Object.hasOwn(inputs, name) ? inputs[name] : undefined;
    if (given !== undefined) return given;
    if (type.startsWith("optional")) return null;
    if (!dtype)
      throw unsupported(`input "${name}" is ${type}`, `give its elements: model.graph({ inputs: { ${name}: [] } })`);
    const example = `tensorType("${dtype}", [1, 3])`;
    if (!shape)
      throw new IsochronError("import/size", `the model does not say how many dimensions input "${name}" has`, {
        help: `give its type: model.graph({ inputs: { ${name}: ${example} } })`,
      });
    const sizes = shape.map((size, d) => {
      const known = typeof size === "string" && Object.hasOwn(symbols, size) ? symbols[size] : size;
      if (typeof known === "number") return known;
      throw new IsochronError(
        "import/size",
        `dimension ${d} of input "${name}" is ${known === undefined ? "not known" : `"${known}"`}`,
        {
          help:
            known === undefined
              ? `give the input's type: model.graph({ inputs: { ${name}: ${example} } })`
              : `give its size: model.graph({ symbols: { ${known}: 1 } })`,
        },
      );
    });
    return tensorType(dtype, sizes);
  }

  /** The model as a graph whose sizes are all known. Throws `import/…`. */
  graph(options: GraphOptions = {}): Graph {
    const types = this.inputs.map((port) => [port, this.#inputType(port, options)] as const);
    const open = types.flatMap(([{ name }, type]) => openTypes(name, type));
    const builder = new GraphBuilder(this.#proto, {
      place: this.#place,
      external: this.#external,
      operators: this.#operators,
      ...(options.bounds ? { bounds: options.bounds } : {}),
    });
    return trace(
      (tensors: { readonly [name: string]: Tensor }) => {
        const inputs = new Map<string, Imported>(
          types.map(([port, type]) => {
            const value = importedInput(port.name, type, tensors);
            return [
              port.name,
              port.type.startsWith("optional") && !(value instanceof Optional) ? new Optional(value) : value,
            ];
          }),
        );
        return Object.fromEntries([...builder.main(inputs)].flatMap(([name, value]) => namedTensors(name, value)));
      },
      Object.fromEntries(open),
      { name: this.name },
    );
  }
}
