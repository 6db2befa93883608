// A recorder that computes what it records: every result is a constant, so that all values are known and no size needs a bound.
import type { Dtype } from "../../../kernels/index.ts";
import { Recorder } from "../../capture/recorder.ts";
import { Tensor } from "../../capture/tensor.ts";
import { constantValueOf } from "../../graph/facts.ts";
import { type NodeParts, nodeOf, type Results, type Value } from "../../graph/graph.ts";
import { type TensorType, type TypedArray, tensorType } from "../../graph/tensor-type.ts";
import { evaluate } from "../../interpreters/interpreter.ts";
import type { Nd, Operator } from "../../operators/index.ts";
import type { StoredTensor } from "../stored-tensors.ts";

/** The elements of values that eager recorders have computed. */
const computed = new WeakMap<Value, Nd>();

/** The elements of a value that an eager recorder has computed; undefined for values of a graph. */
export const computedOf = (value: Value): Nd | undefined => computed.get(value);

/** Computes operators as they are called, by the graph interpreter. Nothing is kept of them but their results. */
export class EagerRecorder extends Recorder {
  override results(operator: Operator, operands: readonly Value[], parts?: NodeParts): Results {
    const node = nodeOf(operator, operands, parts);
    const values = new Map(operands.map((each) => [each, computed.get(each)!] as const));
    evaluate({ constants: [], nodes: [node] }, values);
    const [first, ...others] = node.outputs.map((output) => {
      const { dtype, shape, data } = values.get(output)!;
      return this.constant(tensorType(dtype, [...shape]), data);
    });
    return [first!, ...others];
  }

  override constant(type: TensorType, data: TypedArray): Value {
    const value = constantValueOf(type, data);
    computed.set(value, { dtype: type.dtype, shape: type.shape as readonly number[], data });
    return value;
  }

  /** A tensor of a copy of elements. */
  tensor({ dtype, shape, data }: StoredTensor): Tensor {
    return new Tensor<Dtype>(this.constant(tensorType(dtype, [...shape]), data.slice()));
  }
}

/** The elements of a tensor that was computed, which are the receiver's to keep. */
export function elementsComputed(tensor: Tensor): StoredTensor {
  const { dtype, shape, data } = computed.get(tensor.value)!;
  return { dtype, shape, data: data.slice() };
}
