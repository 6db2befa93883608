// What a trace in progress collects, and where in the user's source each operator was called.
import { IsochronError } from "../kernels/index.ts";
import type { Constant, Node, State, Value } from "./graph.ts";
import type { Operator } from "./operators/index.ts";
import type { TensorType, TypedArray } from "./tensor-type.ts";

/** What a trace collects. */
export class Recorder {
  readonly constants: Constant[] = [];
  readonly states: State[] = [];
  readonly nodes: Node[] = [];

  apply(operator: Operator, operands: readonly Value[], attributes: unknown = {}, hint?: string): Value {
    const place = callerPlace();
    try {
      const parsed = operator.parse(attributes);
      const type = operator.infer(
        operands.map((value) => value.type),
        parsed,
      );
      const output: Value = { type, ...(hint === undefined ? {} : { hint }) };
      this.nodes.push({
        operator,
        attributes: parsed,
        inputs: operands,
        output,
        ...(place === undefined ? {} : { place }),
      });
      return output;
    } catch (error) {
      if (!(error instanceof IsochronError) || error.place !== undefined || place === undefined) throw error;
      const { code, message, details, help, cause } = error;
      throw new IsochronError(code, message, { details, place, cause, ...(help === undefined ? {} : { help }) });
    }
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

const folder = new URL(".", import.meta.url);
const isOurs = (frame: string): boolean =>
  (frame.includes(folder.href) || frame.includes(folder.pathname)) && !frame.includes(".test.");

/** The first frame of the stack that is not of this folder's own code, as file:line:column. */
function callerPlace(): string | undefined {
  const frames = new Error().stack?.split("\n").slice(1) ?? [];
  const frame = frames.find((line) => !isOurs(line) && /:\d+:\d+/.test(line));
  return /\(?((?:file:\/\/)?\/?[^\s()]+:\d+:\d+)\)?$/.exec(frame ?? "")?.[1]?.replace("file://", "");
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
