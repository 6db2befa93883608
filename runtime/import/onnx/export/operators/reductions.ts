// Reductions, running results, order, and the places of extremes, as ONNX has them.
import { arithmeticOf, type Dtype, isFloatDtype, isStored } from "../../../../../kernels/index.ts";
import { limitsOf } from "../../../../graph/numbers.ts";
import { countOf } from "../../../../graph/tensor-type.ts";
import { type Operator, operators } from "../../../../operators/index.ts";
import { type Call, type Entry, rule } from "../call.ts";
import type { Written } from "../writer.ts";

interface Along {
  readonly axes: readonly number[];
  readonly keepDims: boolean;
}

function reduced(call: Call, name: string, x: Written, { axes, keepDims }: Along): Written {
  if (axes.length === 0) return x;
  return call.op(name, [x, call.list(axes)], { keepdims: keepDims ? 1 : 0 });
}

const reduction = (operator: Operator<Along>, name: string): Entry =>
  rule(operator, (call, along) => call.throughWords(call.type(0).dtype, (x) => reduced(call, name, x(0), along)));

/** Whether any is true, or all are, as the extremes of numbers. */
const ofBools = (operator: Operator<Along>, name: string): Entry =>
  rule(operator, (call, along) => {
    const wide = call.cast(call.operands[0]!, "bool", "i32");
    return call.cast(reduced(call, name, wide, along), "i32", "bool");
  });

const place = (operator: Operator<{ readonly axis: number }>, name: string): Entry =>
  rule(operator, (call, { axis }) => call.op(name, call.operands, { axis, keepdims: 0 }));

/** The first elements in order, and their places. */
function ordered(call: Call, axis: number, count: number, largest: boolean): Written[] {
  if (call.type(0).dtype === "bf16" && call.opset < 24) {
    const wide = call.cast(call.operands[0]!, "bf16", "f32");
    const [values, places] = call.ops("TopK", [wide, call.list([count])], { axis, largest: largest ? 1 : 0 }, 2);
    return [call.cast(values!, "f32", "bf16"), places!];
  }
  return call.ops("TopK", [call.operands[0], call.list([count])], { axis, largest: largest ? 1 : 0 }, 2);
}

interface Running {
  readonly axis: number;
  readonly exclusive: boolean;
  readonly reverse: boolean;
}

/** What runs along a dimension, as a scan of its slices. */
const running = (
  operator: Operator<Running>,
  name: string,
  start: (dtype: Dtype) => number | bigint,
  rounds: boolean,
): Entry =>
  rule(operator, (call, { axis, exclusive, reverse }) => {
    const { dtype } = call.type(0);
    const first = isStored(dtype) ? arithmeticOf(dtype) : dtype;
    const wide = rounds && first === "f32" ? "f64" : first;
    const shape = call.shape(0);
    const slice = { dtype: wide, shape: shape.filter((_, d) => d !== axis) };
    const x = call.cast(call.cast(call.operands[0]!, dtype, first), first, wide);
    const initial = call.constant(
      wide,
      slice.shape,
      Array.from({ length: countOf(slice.shape) }, () => start(wide)),
    );
    const body = call.surroundings.subgraph(name, ({ writer }) => {
      const [before, element] = ["before", "element"].map((each) => writer.input(each, slice)) as [Written, Written];
      const [next] = writer.add(name, [before, element]);
      writer.output("next", slice, next!);
      writer.output("kept", slice, exclusive ? before : next!);
    });
    const [, kept] = call.ops(
      "Scan",
      [initial, x],
      {
        body,
        num_scan_inputs: 1,
        scan_input_axes: [axis],
        scan_output_axes: [axis],
        scan_input_directions: [reverse ? 1 : 0],
        scan_output_directions: [reverse ? 1 : 0],
      },
      2,
    );
    return call.cast(call.cast(kept!, wide, first), first, dtype);
  });

const least = (dtype: Dtype): number | bigint => (isFloatDtype(dtype) ? -Infinity : limitsOf(dtype)[0]);
const greatest = (dtype: Dtype): number | bigint => (isFloatDtype(dtype) ? Infinity : limitsOf(dtype)[1]);

export const reductions: readonly Entry[] = [
  reduction(operators.sum, "ReduceSum"),
  reduction(operators.prod, "ReduceProd"),
  reduction(operators.max, "ReduceMax"),
  reduction(operators.min, "ReduceMin"),
  ofBools(operators.any, "ReduceMax"),
  ofBools(operators.all, "ReduceMin"),
  reduction(operators.mean, "ReduceMean"),
  rule(operators.logSumExp, (call, along) =>
    along.axes.length === 0 ? undefined : reduced(call, "ReduceLogSumExp", call.operands[0]!, along),
  ),
  place(operators.argmax, "ArgMax"),
  place(operators.argmin, "ArgMin"),
  rule(operators.softmax, (call, { axis }) => call.op("Softmax", call.operands, { axis })),
  rule(operators.logSoftmax, (call, { axis }) => call.op("LogSoftmax", call.operands, { axis })),
  rule(operators.sort, (call, { axis, descending }) => ordered(call, axis, call.shape(0)[axis]!, descending)),
  rule(operators.argsort, (call, { axis, descending }) => ordered(call, axis, call.shape(0)[axis]!, descending)[1]!),
  rule(operators.topK, (call, { axis, count, largest }) => ordered(call, axis, count, largest)),
  rule(operators.argtopk, (call, { axis, count, largest }) => ordered(call, axis, count, largest)[1]!),
  rule(operators.cumsum, (call, { axis, exclusive, reverse }) =>
    call.throughWords(call.type(0).dtype, (x) =>
      call.op("CumSum", [x(0), call.number("i64", axis)], {
        exclusive: exclusive ? 1 : 0,
        reverse: reverse ? 1 : 0,
      }),
    ),
  ),
  running(operators.cumprod, "Mul", () => 1, true),
  running(operators.cummax, "Max", least, false),
  running(operators.cummin, "Min", greatest, false),
  rule(operators.det, (call) => call.op("Det", call.operands)),
];
