// Graphs over as many elements as values say, and what they mean: at the count, and at the maximum as kernels see it.
import { expect } from "vitest";
import { arrayFrom } from "../graph/tensor-type.ts";
import { type Graph, Interpreter, simplified, type Tensor, type TypedArray, tensorType, trace } from "../index.ts";

export type Numbers = { readonly [name: string]: readonly number[] };

/** Numbers as the arrays of a graph's inputs. */
export const arraysFor = (graph: Graph, inputs: Numbers): { readonly [name: string]: TypedArray } =>
  Object.fromEntries(graph.inputs.map(({ name, value }) => [name, arrayFrom(value.type.dtype, inputs[name]!)]));

/** What a graph gives by the interpreter. */
export const interpreted = (graph: Graph, inputs: Numbers): Numbers =>
  Object.fromEntries(
    Object.entries(new Interpreter(graph).run(arraysFor(graph, inputs))).map(([name, array]) => [
      name,
      Array.from(array as Iterable<number | bigint>, Number),
    ]),
  );

/** What a graph means, on which its kernels' form, at the maximum of all dimensions, has to agree. */
export function run(graph: Graph, inputs: Numbers): Numbers {
  const meant = interpreted(graph, inputs);
  expect(interpreted(simplified(graph), inputs)).toEqual(meant);
  return meant;
}

export type Tensors = { readonly [name: string]: Tensor };

/** A graph over a vector of six. */
export const over = (body: (x: Tensor<"f32">) => Tensors): Graph =>
  trace(({ x }) => body(x), { x: tensorType("f32", [6]) }, { name: "g" }) as unknown as Graph;
