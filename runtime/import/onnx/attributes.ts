// The attributes of a node, with their defaults.
import type { Dtype } from "../../../kernels/index.ts";
import { dtypeOf, elementTypeName } from "./element-types.ts";
import {
  type AttributeProto,
  AttributeProto_AttributeType as AttributeType,
  type GraphProto,
  type TensorProto,
} from "./format/onnx_pb.ts";
import { modelError, unsupported } from "./import-error.ts";

/** What a node says of itself beside its operands. */
export class Attributes {
  readonly attributes: ReadonlyMap<string, AttributeProto>;

  constructor(attributes: ReadonlyMap<string, AttributeProto>) {
    this.attributes = attributes;
  }

  #attribute(name: string, ...types: readonly AttributeType[]): AttributeProto | undefined {
    const found = this.attributes.get(name);
    // Files of the first versions give no type.
    if (!found || types.includes(found.type) || found.type === AttributeType.UNDEFINED) return found;
    throw modelError(`attribute "${name}" is ${AttributeType[found.type]} where ${AttributeType[types[0]!]} belongs`);
  }

  attribute(name: string): AttributeProto | undefined {
    return this.attributes.get(name);
  }

  #required(name: string): never {
    throw modelError(`attribute "${name}" is missing`);
  }

  int(name: string, otherwise?: number): number {
    const found = this.#attribute(name, AttributeType.INT);
    return found ? Number(found.i) : (otherwise ?? this.#required(name));
  }

  /** A number of things of which there are at most `most`. Throws `import/model` for others. */
  count(name: string, most: number, otherwise?: number): number {
    const count = this.int(name, otherwise);
    if (count >= 0 && count <= most) return count;
    throw modelError(`attribute "${name}" is ${count} where a number up to ${most} belongs`);
  }

  flag(name: string, otherwise = false): boolean {
    return this.int(name, Number(otherwise)) !== 0;
  }

  ints(name: string, otherwise?: readonly number[]): number[] {
    const found = this.#attribute(name, AttributeType.INTS);
    return found ? found.ints.map(Number) : [...(otherwise ?? this.#required(name))];
  }

  float(name: string, otherwise?: number): number {
    const found = this.#attribute(name, AttributeType.FLOAT);
    return found ? found.f : (otherwise ?? this.#required(name));
  }

  floats(name: string, otherwise?: readonly number[]): number[] {
    const found = this.#attribute(name, AttributeType.FLOATS);
    return found ? found.floats : [...(otherwise ?? this.#required(name))];
  }

  text(name: string, otherwise?: string): string {
    const found = this.#attribute(name, AttributeType.STRING);
    return found ? new TextDecoder().decode(found.s) : (otherwise ?? this.#required(name));
  }

  /** What a text that is one of some stands for. Throws `import/model` for others. */
  choice<T>(name: string, choices: { readonly [text: string]: T }, otherwise?: string): T {
    const text = this.text(name, otherwise);
    if (Object.hasOwn(choices, text)) return choices[text]!;
    throw modelError(`attribute "${name}" is "${text}" where ${Object.keys(choices).join(", ")} may be`);
  }

  texts(name: string, otherwise?: readonly string[]): string[] {
    const found = this.#attribute(name, AttributeType.STRINGS);
    return found
      ? found.strings.map((each) => new TextDecoder().decode(each))
      : [...(otherwise ?? this.#required(name))];
  }

  graph(name: string): GraphProto {
    return this.#attribute(name, AttributeType.GRAPH)?.g ?? this.#required(name);
  }

  /** A tensor that the file keeps in an attribute, as it stands there. */
  storedTensor(name: string): TensorProto | undefined {
    return this.#attribute(name, AttributeType.TENSOR)?.t;
  }

  /** The dtype that an attribute names by the number of its element type. Throws `import/unsupported`. */
  dtype(name: string, otherwise?: Dtype): Dtype {
    if (otherwise && !this.attributes.has(name)) return otherwise;
    const number = this.int(name);
    const found = dtypeOf(number);
    if (found) return found;
    throw unsupported(`no tensor of a graph has elements of ${elementTypeName(number)}`);
  }
}
