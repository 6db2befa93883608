// A graph of a model as it is written: tensors that get their names in the end, nodes, and the constants that they read.
import { create } from "@bufbuild/protobuf";
import { type Dtype, hashOf } from "../../../../kernels/index.ts";
import {
  bytesIn,
  type Dimension,
  showDimension,
  type TensorType,
  type TypedArray,
} from "../../../graph/tensor-type.ts";
import { elementTypeOf } from "../element-types.ts";
import {
  type GraphProto,
  GraphProtoSchema,
  NodeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from "../format/onnx_pb.ts";
import { type AttributeContent, attributeOf, stored } from "../format/write.ts";

/** A tensor of the model; what it is called is made unique in the end. */
export interface Written {
  wanted: string | undefined;
  name?: string;
}

/** What an attribute of a node is written from: a subgraph is one that is not finished yet. */
export type WrittenAttribute = Exclude<AttributeContent, GraphProto> | GraphWriter;
export type WrittenAttributes = { readonly [name: string]: WrittenAttribute };

interface WrittenNode {
  readonly operator: string;
  readonly inputs: readonly (Written | undefined)[];
  readonly outputs: readonly Written[];
  readonly attributes: WrittenAttributes;
}

interface WrittenConstant {
  readonly tensor: Written;
  readonly type: { readonly dtype: Dtype; readonly shape: readonly number[] };
  readonly data: TypedArray;
}

interface Port {
  readonly tensor: Written;
  readonly type: TensorType;
}

/** The names that a model has given. */
export class Names {
  readonly #used = new Set<string>();
  readonly #wants = new Map<string, number>();

  /** Calls a tensor what it wants to be called, or that with a number. */
  give(tensor: Written): void {
    if (tensor.name !== undefined) return;
    const wanted = tensor.wanted ?? "value";
    let n = this.#wants.get(wanted) ?? (tensor.wanted === undefined ? 1 : 0);
    let name = n === 0 ? wanted : `${wanted}_${n}`;
    while (this.#used.has(name)) name = `${wanted}_${++n}`;
    this.#wants.set(wanted, n + 1);
    tensor.name = name;
    this.#used.add(name);
  }
}

const dimensionOf = (size: Dimension) =>
  typeof size === "number"
    ? { value: { case: "dimValue" as const, value: BigInt(size) } }
    : { value: { case: "dimParam" as const, value: showDimension(size) } };

const portProto = ({ tensor, type: { dtype, shape } }: Port): ValueInfoProto =>
  create(ValueInfoProtoSchema, {
    name: tensor.name!,
    type: {
      value: { case: "tensorType", value: { elemType: elementTypeOf(dtype), shape: { dim: shape.map(dimensionOf) } } },
    },
  });

/** A graph, or a subgraph, whose nodes stand in the order in which they are added. */
export class GraphWriter {
  readonly #name: string;
  readonly #nodes: WrittenNode[] = [];
  readonly #constants = new Map<string, WrittenConstant>();
  readonly #inputs: Port[] = [];
  readonly #outputs: Port[] = [];
  /** What this graph computes by itself, and is not yet called by an output. */
  readonly #free = new Set<Written>();

  constructor(name: string) {
    this.#name = name;
  }

  /** A node of so many results. */
  add(
    operator: string,
    inputs: readonly (Written | undefined)[],
    attributes: WrittenAttributes = {},
    count = 1,
  ): Written[] {
    const outputs = Array.from({ length: count }, (): Written => ({ wanted: undefined }));
    this.#nodes.push({ operator, inputs, outputs, attributes });
    for (const each of outputs) this.#free.add(each);
    return outputs;
  }

  /** A constant; one for equal ones. */
  constant(dtype: Dtype, shape: readonly number[], data: TypedArray, wanted?: string): Written {
    const key = `${dtype}[${shape.join(",")}] ${hashOf(bytesIn(data))}`;
    const found = this.#constants.get(key);
    if (found) return found.tensor;
    const tensor: Written = { wanted };
    this.#constants.set(key, { tensor, type: { dtype, shape }, data });
    return tensor;
  }

  input(wanted: string, type: TensorType): Written {
    const tensor: Written = { wanted };
    this.#inputs.push({ tensor, type });
    return tensor;
  }

  /** Calls what a node computes an output; what is none, or is one already, is passed on by a node. */
  output(wanted: string, type: TensorType, given: Written): void {
    const tensor = this.#free.has(given) ? given : this.add("Identity", [given])[0]!;
    this.#free.delete(tensor);
    tensor.wanted = wanted;
    this.#outputs.push({ tensor, type });
  }

  /** Whether a node of this graph computes it, so that it may be called something. */
  mayName(tensor: Written): boolean {
    return this.#free.has(tensor) && tensor.wanted === undefined;
  }

  /** Leaves out what nothing reads, and adds to `read` what is read of outside. */
  #live(read: Set<Written>): WrittenNode[] {
    for (const { tensor } of this.#outputs) read.add(tensor);
    const kept = this.#nodes.toReversed().filter(({ inputs, outputs, attributes }) => {
      if (!outputs.some((each) => read.has(each))) return false;
      for (const each of inputs) if (each) read.add(each);
      for (const each of Object.values(attributes)) if (each instanceof GraphWriter) each.#live(read);
      return true;
    });
    return kept.toReversed();
  }

  /** The message; inputs and outputs are the first to be called as they want to be. */
  proto(names = new Names()): GraphProto {
    const read = new Set<Written>();
    const nodes = this.#live(read);
    const constants = [...this.#constants.values()].filter(({ tensor }) => read.has(tensor));
    for (const { tensor } of [...this.#inputs, ...this.#outputs, ...constants]) names.give(tensor);
    const written = nodes.map(({ operator, inputs, outputs, attributes }) => {
      for (const each of outputs) names.give(each);
      return create(NodeProtoSchema, {
        opType: operator,
        input: inputs.map((each) => each?.name ?? ""),
        output: outputs.map((each) => each.name!),
        attribute: Object.entries(attributes).map(([name, value]) =>
          attributeOf(name, value instanceof GraphWriter ? value.proto(names) : value),
        ),
      });
    });
    return create(GraphProtoSchema, {
      name: this.#name,
      node: written,
      initializer: constants.map(({ tensor, type, data }) => stored(tensor.name!, type.dtype, type.shape, data)),
      input: this.#inputs.map(portProto),
      output: this.#outputs.map(portProto),
    });
  }
}
