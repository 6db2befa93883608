// What a traced function makes of arrays, by the graph interpreter: the short way to a value in a test.
import type { Dtype } from "../../kernels/index.ts";
import type { Tensor } from "../capture/tensor.ts";
import { trace } from "../capture/trace.ts";
import { arrayFrom, type Dimension, staticShape, type TensorType, tensorType } from "../graph/tensor-type.ts";
import { Interpreter } from "../interpreters/interpreter.ts";

/** A tensor by its elements. */
export interface Given<D extends Dtype = Dtype> {
  readonly dtype: D;
  readonly shape: readonly number[];
  readonly values: readonly (number | bigint | boolean)[];
}

/** A vector, or with a shape a tensor. */
export const given = <D extends Dtype>(
  dtype: D,
  values: readonly (number | bigint | boolean)[],
  shape: readonly number[] = [values.length],
): Given<D> => ({ dtype, shape, values });

type Operands<G extends { readonly [name: string]: Given }> = {
  readonly [K in keyof G]: Tensor<G[K]["dtype"]>;
};

/** The dtype, shape and elements of the result. */
export function traced<const G extends { readonly [name: string]: Given }>(
  operands: G,
  body: (operands: Operands<G>) => Tensor,
): { readonly dtype: Dtype; readonly shape: readonly Dimension[]; readonly values: readonly (number | bigint)[] } {
  const types = Object.fromEntries(
    Object.entries(operands).map(([name, { dtype, shape }]) => [name, tensorType(dtype, shape)]),
  );
  const graph = trace(
    (inputs) => ({ result: body(inputs as unknown as Operands<G>) }),
    types as { [name: string]: TensorType },
    {
      name: "traced",
    },
  );
  const arrays = Object.fromEntries(
    Object.entries(operands).map(([name, { dtype, values }]) => [name, arrayFrom(dtype, values)]),
  );
  const { result } = new Interpreter(graph).run(arrays);
  const { dtype, shape } = graph.outputs[0]!.value.type;
  return { dtype, shape: staticShape(shape), values: [...(result as Iterable<number | bigint>)] };
}

/** The elements of the result. */
export const valuesOf = <const G extends { readonly [name: string]: Given }>(
  operands: G,
  body: (operands: Operands<G>) => Tensor,
): readonly (number | bigint)[] => traced(operands, body).values;
