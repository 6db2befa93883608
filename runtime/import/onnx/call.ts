// One node of a model as its operator's definition sees it: operands, attributes with their defaults, and the version it is of.
import { isTensor } from "../../capture/methods/symbolic.ts";
import { currentRecorder } from "../../capture/recorder.ts";
import { Tensor } from "../../capture/tensor.ts";
import { numberIn, tensorType } from "../../graph/tensor-type.ts";
import type { Nd } from "../../operators/index.ts";
import { Attributes } from "./attributes.ts";
import type { AttributeProto, GraphProto } from "./format/onnx_pb.ts";
import { modelError, unsupported } from "./import-error.ts";
import { type Imported, kindOf, Optional, Sequence, Strings } from "./imported.ts";
import { elementsOf } from "./known-values.ts";
import type { DenseTensor, StringTensor } from "./tensor-data.ts";

/** What a node needs of the graph that it stands in. */
export interface Surroundings {
  /** The elements of a tensor of the file. */
  read(tensor: NonNullable<AttributeProto["t"]>): DenseTensor | StringTensor;
  /** The error of an operand that decides shapes, or texts, and is not known. */
  unknown(operand: string, tensor: Tensor, decides?: string): Error;
  /** Runs a subgraph where it stands, on these values; what it gives. */
  inline(graph: GraphProto, inputs: readonly Imported[]): Imported[];
  /** The tensors of outside that subgraphs read and that are not known, by name. */
  captured(...graphs: readonly GraphProto[]): ReadonlyMap<string, Imported>;
  /** Runs a subgraph as a region of control flow, which reads what it captures from its operands. */
  region(graph: GraphProto, inputs: readonly Imported[], captured: ReadonlyMap<string, Imported>): Imported[];
  /** The greatest size of a dimension that only the values decide, where the user gave one. */
  bound(output: string | undefined): number | undefined;
  /** What the user chose random numbers by. */
  readonly seed: number | undefined;
}

/** An application of an operator. */
export class Call extends Attributes {
  readonly operator: string;
  readonly name: string;
  /** The version of the operator set that it is of. */
  readonly version: number;
  readonly inputs: readonly (Imported | undefined)[];
  /** The names of its results; "" where one is not wanted. */
  readonly outputs: readonly string[];
  readonly surroundings: Surroundings;

  constructor(parts: {
    readonly operator: string;
    readonly name: string;
    readonly version: number;
    readonly inputs: readonly (Imported | undefined)[];
    readonly outputs: readonly string[];
    readonly attributes: ReadonlyMap<string, AttributeProto>;
    readonly surroundings: Surroundings;
  }) {
    super(parts.attributes);
    this.operator = parts.operator;
    this.name = parts.name;
    this.version = parts.version;
    this.inputs = parts.inputs;
    this.outputs = parts.outputs;
    this.surroundings = parts.surroundings;
  }

  /** The same node with other operands, and as of another version of its operator. */
  withOperands(inputs: readonly (Imported | undefined)[], version = this.version): Call {
    const { operator, name, outputs, attributes, surroundings } = this;
    return new Call({ operator, name, outputs, attributes, surroundings, inputs, version });
  }

  /** Whether a result is read by anything. */
  wants(at: number): boolean {
    return Boolean(this.outputs[at]);
  }

  /** Operand number `at`, which there must be. Throws `import/model`. */
  value(at: number): Imported {
    const value = this.inputs[at];
    if (value === undefined) throw modelError(`operand ${at} is missing`);
    return value;
  }

  has(at: number): boolean {
    return this.inputs[at] !== undefined;
  }

  /** Operand number `at`, a tensor. Throws `import/model`, `import/unsupported`. */
  tensor(at: number): Tensor {
    const value = this.value(at);
    if (isTensor(value)) return value;
    if (value instanceof Optional && isTensor(value.value)) return value.value;
    throw unsupported(`operand ${at} is ${kindOf(value)}, which machine code does not compute with`);
  }

  optional(at: number): Tensor | undefined {
    return this.has(at) ? this.tensor(at) : undefined;
  }

  /** All operands from `first` on, tensors. */
  tensors(first = 0): Tensor[] {
    return this.inputs.slice(first).map((_, at) => this.tensor(first + at));
  }

  sequence(at: number): readonly Imported[] {
    const value = this.value(at);
    const found = value instanceof Optional ? value.value : value;
    if (found instanceof Sequence) return found.elements;
    throw modelError(`operand ${at} is ${kindOf(value)} where a sequence belongs`);
  }

  /** The elements of operand number `at`, which decides shapes. Throws `import/run-time` where they depend on inputs of the model. */
  elements(at: number, decides?: string): Nd {
    const tensor = this.tensor(at);
    const known = elementsOf(tensor);
    if (known) return known;
    throw this.surroundings.unknown(`operand ${at}`, tensor, decides);
  }

  /** The elements of an operand that decides shapes as numbers. */
  numbers(at: number, decides?: string): number[] {
    const { dtype, data } = this.elements(at, decides);
    return Array.from(data as Iterable<number | bigint>, (each) => Number(numberIn(dtype, each)));
  }

  /** One number that decides shapes. */
  number(at: number): number {
    const numbers = this.numbers(at);
    if (numbers.length !== 1) throw modelError(`operand ${at} has ${numbers.length} elements where one belongs`);
    return numbers[0]!;
  }

  /** Numbers that are an attribute in older operator sets, and an operand in newer ones; undefined where they are left out. */
  numbersOf(attribute: string, at: number): number[] | undefined {
    if (this.has(at)) return this.numbers(at);
    return this.attributes.has(attribute) ? this.ints(attribute) : undefined;
  }

  /** A tensor that the file keeps in an attribute. */
  stored(name: string): DenseTensor | StringTensor | undefined {
    const found = this.storedTensor(name);
    return found && this.surroundings.read(found);
  }
}

/** A constant of elements that are known; they are not copied. */
export const constantOf = ({ dtype, shape, data }: Omit<DenseTensor, "kind">, name?: string): Tensor =>
  new Tensor(currentRecorder().constant(tensorType(dtype, shape), data, name));

/** What a tensor of a file is in a graph. */
export const importedOf = (found: DenseTensor | StringTensor, name?: string): Imported =>
  found.kind === "dense" ? constantOf(found, name) : new Strings(found.shape, found.data);

/** What an operator of a model is made of here: its results, one or several. */
export type Definition = (call: Call) => Imported | readonly (Imported | undefined)[];

/** The definitions of operators by their names. */
export type Definitions = { readonly [operator: string]: Definition };
