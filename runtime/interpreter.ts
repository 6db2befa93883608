// The graph interpreter: what every graph means, operator by operator, in plain TypeScript.
import { z } from "zod";
import { checkArgument, IsochronError } from "../kernels/index.ts";
import { Graph, type Signature, type Value } from "./graph.ts";
import type { Nd } from "./operators/index.ts";
import {
  type ArrayOf,
  arrayName,
  countOf,
  newArray,
  showTensorType,
  staticShape,
  type TensorType,
  type TypedArray,
} from "./tensor-type.ts";

/** A typed array for each tensor of a signature, by its name. */
export type ArraysOf<S extends Signature> = { readonly [K in keyof S]: ArrayOf<S[K]["dtype"]> };

const nd = (type: TensorType, data: TypedArray): Nd => ({ dtype: type.dtype, shape: staticShape(type.shape), data });

/** Interprets one graph, its states kept from step to step. */
export class Interpreter<I extends Signature, O extends Signature> {
  readonly graph: Graph<I, O>;
  #states: TypedArray[];

  constructor(graph: Graph<I, O>) {
    checkArgument(
      "interpreter",
      "new Interpreter",
      "graph",
      z.instanceof(Graph).describe("a graph, which trace() makes"),
      graph,
    );
    this.graph = graph;
    this.#states = graph.states.map((each) => each.initial.slice());
  }

  /** One step; what it gives shares no memory with what it was given. Throws `interpreter/input` for an array that does not fit its input. */
  run(inputs: ArraysOf<I>): ArraysOf<O> {
    const { graph } = this;
    if (typeof inputs !== "object" || inputs === null || Array.isArray(inputs)) {
      const names = graph.inputs.map(({ name }) => name);
      checkArgument("interpreter", "run", "inputs", z.never().describe(`arrays: { ${names.join(", ")} }`), inputs);
    }
    const values = new Map<Value, Nd>();
    for (const { name, value } of graph.inputs) {
      const given = inputs[name];
      const wanted = arrayName(value.type.dtype);
      if (given?.length !== countOf(staticShape(value.type.shape)) || given.constructor.name !== wanted) {
        throw new IsochronError(
          "interpreter/input",
          `input "${name}" is ${showTensorType(value.type)}, and got ${given ? `${given.constructor.name} of ${given.length}` : "no"} elements`,
          { help: `give it a ${wanted} of ${countOf(staticShape(value.type.shape))}` },
        );
      }
      values.set(value, nd(value.type, given));
    }
    for (const { value, data } of graph.constants) values.set(value, nd(value.type, data));
    graph.states.forEach(({ value }, at) => {
      values.set(value, nd(value.type, this.#states[at]!));
    });
    for (const node of graph.nodes) {
      const { type } = node.output;
      const result = nd(type, newArray(type.dtype, countOf(staticShape(type.shape))));
      node.operator.evaluate(
        node.inputs.map((value) => values.get(value)!),
        node.attributes,
        result,
      );
      values.set(node.output, result);
    }
    this.#states = graph.states.map(({ next }) => values.get(next)!.data.slice());
    return Object.fromEntries(
      graph.outputs.map(({ name, value }) => [name, values.get(value)!.data.slice()]),
    ) as unknown as ArraysOf<O>;
  }

  /** Back to the initial states. */
  reset(): void {
    this.#states = this.graph.states.map((each) => each.initial.slice());
  }
}
