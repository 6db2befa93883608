// What operators give on constants, bit for bit what their kernels would give in a step.
import { isFloatDtype, target } from "../../kernels/index.ts";
import { type Constant, Graph, type Node, type Value } from "../graph/graph.ts";
import { arrayOver, countOf, newArray, staticShape, type TypedArray, withOneNaN } from "../graph/tensor-type.ts";
import { KernelInterpreter } from "../interpreters/kernel-interpreter.ts";
import type { Nd } from "../operators/index.ts";
import { codeOfGraph } from "./target-code.ts";

/** Operations of a kernel, a vector's counting once, that are worth interpreting when a graph is compiled. */
const mostInterpreted = 1 << 20;

/**
 * The elements that a node of a primitive operator has, from those of its operands.
 *
 * What is exact is computed by the operator's meaning; what rounds on the way, by its kernel, interpreted. Undefined where that
 * is left to the step: where it would take long, and where the plan of a graph decides how it is rounded.
 */
export function constantValue(
  { operator, attributes, inputs, outputs: [output] }: Node,
  operands: readonly Nd[],
): TypedArray | undefined {
  const { lowering, errorUlp } = operator;
  const { dtype } = output.type;
  if (lowering.kind === "interpreted" || lowering.kind === "composite") return undefined;
  if (errorUlp === 0 || !isFloatDtype(dtype)) {
    const shape = staticShape(output.type.shape);
    const data = newArray(dtype, countOf(shape));
    operator.evaluate(operands, attributes, { dtype, shape, data });
    return withOneNaN(dtype, data);
  }
  if (lowering.kind === "kernel" && lowering.planned) return undefined;
  const values = new Map([...new Set(inputs)].map((value) => [value, { type: value.type }]));
  const node: Node = {
    operator,
    attributes,
    inputs: inputs.map((value) => values.get(value)!),
    outputs: [{ type: output.type }],
  };
  const graph = new Graph({
    name: operator.name,
    inputs: [...values.values()].map((value, at) => ({ name: `x${at}`, value })),
    constants: [],
    states: [],
    nodes: [node],
    outputs: [{ name: "y", value: node.outputs[0] }],
  });
  const kernels = new KernelInterpreter(codeOfGraph(graph, target("x86-64-v3")));
  if (kernels.operations > mostInterpreted) return undefined;
  const [bytes] = kernels.step([...values.keys()].map((value) => operands[inputs.indexOf(value)]!.data)).outputs;
  return withOneNaN(dtype, arrayOver(dtype, bytes!.buffer as ArrayBuffer, bytes!.byteOffset, bytes!.byteLength));
}

/** What a pass can look up in the graph that it makes. */
interface Lookup {
  constantOf(value: Value): Constant | undefined;
  producerOf(value: Value): Node | undefined;
}

/** The elements of values that depend on constants only, of whatever dtype and size; each is computed once. */
export class ConstantNumbers {
  /** What has been asked for; undefined where it depends on more than constants. */
  readonly #found = new Map<Value, TypedArray | undefined>();

  of(value: Value, graph: Lookup): TypedArray | undefined {
    const found = this.#found;
    // Operands first, each once; a stack of our own, since graphs may be deep.
    const open = [value];
    for (let next = open.at(-1); next; next = open.at(-1)) {
      const { inputs = [] } = graph.producerOf(next) ?? {};
      const missing = inputs.find((each) => !found.has(each));
      const failed = inputs.some((each) => found.has(each) && !found.get(each));
      if (missing && !failed && !found.has(next)) open.push(missing);
      else {
        if (!found.has(next)) found.set(next, failed ? undefined : this.#evaluated(next, graph));
        open.pop();
      }
    }
    return found.get(value);
  }

  /** A value's elements, those of its operands being known. */
  #evaluated(value: Value, graph: Lookup): TypedArray | undefined {
    const constant = graph.constantOf(value);
    if (constant) return constant.data;
    const node = graph.producerOf(value);
    if (!node || node.regions || node.outputs.length > 1) return undefined;
    const operands = node.inputs.map((each): Nd => {
      return { dtype: each.type.dtype, shape: staticShape(each.type.shape), data: this.#found.get(each)! };
    });
    return constantValue(node, operands);
  }
}
