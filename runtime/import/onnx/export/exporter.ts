// Writes the nodes of a graph as nodes of ONNX: each by its operator's rule, or as the operators that it is made of.
import { arithmeticOf, type Dtype, isStored } from "../../../../kernels/index.ts";
import { type Graph, type Node, nodeOf, type Results, type Value, valuesOf } from "../../../graph/graph.ts";
import { withPlace } from "../../../graph/place.ts";
import { allOf } from "../../../graph/rewrite.ts";
import type { TypedArray } from "../../../graph/tensor-type.ts";
import { type Builder, type Operator, operators } from "../../../operators/index.ts";
import { Call, type Surroundings } from "./call.ts";
import { exportError } from "./export-error.ts";
import { inSteps } from "./operators/elementwise.ts";
import { rules } from "./operators/index.ts";
import { GraphWriter, type Written } from "./writer.ts";

const isOne = (found: Written | readonly Written[]): found is Written => "wanted" in found;

/** Whether an operator computes with elements that are only stored, which it does in another type. */
const computesStored = ({ moves, lowering }: Operator, operands: readonly Value[]): boolean =>
  !moves && lowering.kind !== "control" && operands.some(({ type }) => isStored(type.dtype));

/** The operator sets that brought the types that not all of them have. */
const typesSince: { readonly [D in Dtype]?: number } = {
  f8e4m3fn: 19,
  f8e4m3fnuz: 19,
  f8e5m2: 19,
  f8e5m2fnuz: 19,
  i4: 21,
  u4: 21,
  f4e2m1: 23,
  f8e8m0: 24,
  i2: 25,
  u2: 25,
};

/** The operator sets from which on halves are computed with. */
const halvesSince: { readonly [D in Dtype]?: number } = { f16: 20, bf16: 22 };

/** Operators of ONNX that take elements of all types as they are. */
const takesAll = new Set<Operator>([operators.cast, operators.bitCast, operators.reshape, operators.permute]);

/** Whether ONNX has no such operator of elements that are only stored: it has few of floats of 8 bits and fewer, and of halves since some set. */
function needsWider(opset: number, { operator, inputs }: Node): boolean {
  if (operator.lowering.kind === "control" || (takesAll.has(operator as Operator) && opset >= 21)) return false;
  const isNarrow = ({ type: { dtype } }: Value): boolean =>
    isStored(dtype) && !(opset >= (halvesSince[dtype] ?? Infinity) && !inSteps.has(operator as Operator));
  return operator !== operators.cast && operator !== operators.bitCast && inputs.some(isNarrow);
}

/** Writes the nodes of one graph, or of one region, into a graph of a model. */
export class Exporter implements Surroundings {
  readonly opset: number;
  readonly writer: GraphWriter;
  readonly #written = new Map<Value, Written>();
  readonly #data = new Map<Value, { readonly data: TypedArray; readonly name: string }>();
  readonly #producers = new Map<Value, Node>();

  constructor(opset: number, writer: GraphWriter) {
    this.opset = opset;
    this.writer = writer;
  }

  /** Says which tensor a value is. Throws `export/unsupported` for a type that the operator set does not have. */
  give(value: Value, tensor: Written): void {
    const { dtype } = value.type;
    const since = typesSince[dtype] ?? 0;
    if (since > this.opset)
      throw exportError(`operator set ${this.opset} has no ${dtype}`, `export it as operator set ${since}`);
    this.#written.set(value, tensor);
  }

  /** Writes the nodes of a graph whose inputs are given. */
  nodes({ constants, nodes }: Graph): void {
    for (const { value, name, data } of constants) this.#data.set(value, { data, name });
    for (const node of nodes) this.#node(node);
  }

  written(value: Value): Written {
    const found = this.#written.get(value);
    if (found) return found;
    const constant = this.#data.get(value);
    if (!constant) throw exportError("a value that nothing defines");
    const { dtype, shape } = value.type;
    const tensor = this.writer.constant(dtype, shape as readonly number[], constant.data, constant.name);
    this.give(value, tensor);
    return tensor;
  }

  dataOf(value: Value): TypedArray | undefined {
    return this.#data.get(value)?.data;
  }

  producerOf(value: Value): Node | undefined {
    return this.#producers.get(value);
  }

  subgraph(name: string, build: (inner: Surroundings) => void): GraphWriter {
    const writer = new GraphWriter(name);
    build(new Exporter(this.opset, writer));
    return writer;
  }

  inline(region: Graph, inputs: readonly Written[]): Written[] {
    const inner = new Exporter(this.opset, this.writer);
    for (const [at, { value }] of region.inputs.entries()) inner.give(value, inputs[at]!);
    inner.nodes(region);
    return region.outputs.map(({ value }) => inner.written(value));
  }

  #node(node: Node): void {
    try {
      const found = this.#results(node);
      for (const [at, value] of node.outputs.entries()) {
        const tensor = found[at]!;
        if (value.hint !== undefined && this.writer.mayName(tensor)) tensor.wanted = value.hint;
        this.give(value, tensor);
        this.#producers.set(value, node);
      }
    } catch (error) {
      throw node.place ? withPlace(error, node.place) : error;
    }
  }

  #results(node: Node): readonly Written[] {
    const { operator, attributes, inputs } = node;
    if (needsWider(this.opset, node)) return this.#inWider(node).map((value) => this.written(value));
    const found = rules.get(operator)?.(new Call(node, this));
    if (found) return isOne(found) ? [found] : found;
    if (operator.lowering.kind !== "composite")
      throw exportError(`ONNX has nothing for ${operator.name}`, "leave it out of the graph that is exported");
    const built = computesStored(operator, inputs)
      ? this.#inWider(node)
      : allOf(operator.lowering.decompose(inputs, attributes, this.#builder()));
    return built.map((value) => this.written(value));
  }

  /** What elements that are only stored are computed in, and rounded once. */
  #inWider({ operator, attributes, inputs, outputs }: Node): Value[] {
    const builder = this.#builder();
    // What is only moved keeps its infinities.
    const keeps = operator.moves ? { saturate: false } : {};
    const cast = (value: Value, dtype: Dtype): Value =>
      value.type.dtype === dtype
        ? value
        : builder.apply(operators.cast, [value], { dtype, ...(dtype.startsWith("f8") ? keeps : {}) });
    const wide = inputs.map((value) => cast(value, arithmeticOf(value.type.dtype)));
    return builder.results(operator, wide, { attributes }).map((value, at) => cast(value, outputs[at]!.type.dtype));
  }

  /** Writes what a decomposition builds. */
  #builder(): Builder {
    const results: Builder["results"] = (operator, operands, parts) => {
      const node = nodeOf(operator, operands, parts);
      this.#node(node);
      return node.outputs as Results;
    };
    return {
      results,
      apply: (operator, operands, attributes = {}) => results(operator, operands, { attributes })[0],
      constant: (type, data, name = "c") => {
        const [value] = valuesOf([type]);
        this.#data.set(value, { data, name });
        return value;
      },
    };
  }
}
