// What a trace in progress collects, and where in the user's source each operator was called.
import { IsochronError } from "../kernels/index.ts";
import { type Constant, type Graph, type Node, type Results, type State, type Value, valuesOf } from "./graph.ts";
import type { Operator } from "./operators/index.ts";
import { located } from "./place.ts";
import type { TensorType, TypedArray } from "./tensor-type.ts";

/** What a trace collects. */
export class Recorder {
  readonly constants: Constant[] = [];
  readonly states: State[] = [];
  readonly nodes: Node[] = [];

  apply(operator: Operator, operands: readonly Value[], attributes: unknown = {}, hint?: string): Value {
    return this.results(operator, operands, attributes, undefined, hint)[0];
  }

  results(
    operator: Operator,
    operands: readonly Value[],
    attributes: unknown = {},
    regions?: readonly Graph[],
    hint?: string,
  ): Results {
    return located((place) => {
      const types = operands.map((value) => value.type);
      const parsed = operator.parse(attributes, types);
      const outputs = valuesOf(operator.infer(types, parsed, regions), hint);
      this.nodes.push({
        operator,
        attributes: parsed,
        inputs: operands,
        outputs,
        place,
        ...(regions ? { regions } : {}),
      });
      return outputs;
    });
  }

  constant(type: TensorType, data: TypedArray, name = "c"): Value {
    const value: Value = { type };
    this.constants.push({ name, value, data });
    return value;
  }
}

let current: Recorder | undefined;

/** The trace in progress. Throws `trace/outside` when there is none. */
export function currentRecorder(): Recorder {
  if (current) return current;
  throw new IsochronError("trace/outside", "tensors are symbolic, and exist only while a function is traced", {
    help: "call this inside the function given to trace()",
  });
}

/** Runs `body` with `recorder` as the trace in progress. */
export function recording<T>(recorder: Recorder, body: () => T): T {
  const outer = current;
  current = recorder;
  try {
    return body();
  } finally {
    current = outer;
  }
}
