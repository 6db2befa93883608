// One node of a graph as it is exported: what writes it in ONNX's operators sees its operands, its types and the constants among them.
import { type Dtype, isStored } from "../../../../kernels/index.ts";
import type { Graph, Node, Value } from "../../../graph/graph.ts";
import { arrayFrom, type Shape, type TensorType, type TypedArray } from "../../../graph/tensor-type.ts";
import type { Operator } from "../../../operators/index.ts";
import { elementTypeOf } from "../element-types.ts";
import { exportError } from "./export-error.ts";
import type { GraphWriter, Written, WrittenAttributes } from "./writer.ts";

/** What a call needs of the graph that it stands in. */
export interface Surroundings {
  readonly opset: number;
  readonly writer: GraphWriter;
  written(value: Value): Written;
  /** The elements of a value that is a constant. */
  dataOf(value: Value): TypedArray | undefined;
  producerOf(value: Value): Node | undefined;
  /** A region as a subgraph: of inputs of its own, and of those that are read where they stand. */
  subgraph(name: string, build: (inner: Surroundings) => void): GraphWriter;
  /** Writes what a region computes where it stands, of these tensors. */
  inline(region: Graph, inputs: readonly Written[]): Written[];
}

/** A node that is exported. */
export class Call {
  readonly node: Node;
  readonly surroundings: Surroundings;

  constructor(node: Node, surroundings: Surroundings) {
    this.node = node;
    this.surroundings = surroundings;
  }

  get opset(): number {
    return this.surroundings.opset;
  }

  get operands(): Written[] {
    return this.node.inputs.map((value) => this.surroundings.written(value));
  }

  has(at: number): boolean {
    return at < this.node.inputs.length;
  }

  type(at: number): TensorType {
    return this.node.inputs[at]!.type;
  }

  /** The sizes of an operand. */
  shape(at: number): number[] {
    return this.sizes(this.type(at).shape);
  }

  get result(): TensorType {
    return this.node.outputs[0].type;
  }

  /** Sizes that are all known. Throws `export/unsupported`. */
  sizes(shape: Shape): number[] {
    if (shape.every((size) => typeof size === "number")) return [...(shape as number[])];
    throw exportError(
      `${this.node.operator.name} needs sizes that are not known`,
      "give symbols their sizes first, with bindSymbols, and bounded dimensions their maximum, with x.toMaximum(0)",
    );
  }

  /** A node of ONNX with one result. */
  op(operator: string, inputs: readonly (Written | undefined)[], attributes?: WrittenAttributes): Written {
    return this.ops(operator, inputs, attributes, 1)[0]!;
  }

  ops(
    operator: string,
    inputs: readonly (Written | undefined)[],
    attributes: WrittenAttributes = {},
    count = 1,
  ): Written[] {
    return this.surroundings.writer.add(operator, inputs, attributes, count);
  }

  constant(dtype: Dtype, shape: readonly number[], values: Iterable<number | bigint>): Written {
    return this.surroundings.writer.constant(dtype, shape, arrayFrom(dtype, [...values]));
  }

  /** A list of whole numbers, such as operands that decide shapes are. */
  list(values: readonly number[]): Written {
    return this.constant("i64", [values.length], values);
  }

  number(dtype: Dtype, value: number): Written {
    return this.constant(dtype, [], [value]);
  }

  /** Whether an attribute, which is a float32, is the number that it is here: others are written as what the operator is made of. */
  holds(number: number): boolean {
    return this.type(0).dtype !== "f64" || Math.fround(number) === number;
  }

  cast(tensor: Written, from: Dtype, to: Dtype): Written {
    return from === to ? tensor : this.op("Cast", [tensor], { to: elementTypeOf(to) });
  }

  /** What an operator of few types gives: of integers of 8 and 16 bits, which it does not take, in 32 bits, of which the lower ones stay. */
  throughWords(dtype: Dtype, write: (x: (at: number) => Written) => Written): Written {
    const isSmall = /^[iu](8|16)$/.test(dtype);
    const wide = isSmall ? "i32" : dtype;
    return this.cast(
      write((at) => this.cast(this.operands[at]!, dtype, wide)),
      wide,
      dtype,
    );
  }

  reshape(tensor: Written, shape: readonly number[]): Written {
    return this.op("Reshape", [tensor, this.list(shape)], shape.includes(0) ? { allowzero: 1 } : {});
  }

  /** The numbers of an operand that is a constant, or whose elements are known. */
  numbers(at: number): number[] | undefined {
    const value = this.node.inputs[at]!;
    const data = this.surroundings.dataOf(value) ?? value.known;
    if (!data || isStored(value.type.dtype)) return undefined;
    const found = Array.from(data as Iterable<unknown>);
    return found.every((each) => typeof each === "number" || typeof each === "bigint") ? found.map(Number) : undefined;
  }

  /** What cannot be expressed. Throws `export/unsupported`. */
  refuse(why: string, help?: string): never {
    throw exportError(`${this.node.operator.name}: ${why}`, help);
  }
}

/** Writes a node; undefined has it written as the operators that it is made of. */
export type Rule = (call: Call) => Written | readonly Written[] | undefined;

/** How the nodes of an operator are written. */
export type Entry = readonly [operator: Operator, rule: Rule];

/** How an operator is written, by its attributes. */
export const rule = <A>(
  operator: Operator<A>,
  write: (call: Call, attributes: A) => Written | readonly Written[] | undefined,
): Entry => [operator as Operator, (call) => write(call, call.node.attributes as A)];

/** An operator that is one of ONNX's with the same operands and no attributes. */
export const same = <A>(operator: Operator<A>, name: string): Entry =>
  rule(operator, (call) => call.op(name, call.operands));
