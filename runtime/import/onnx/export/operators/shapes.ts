// What moves, joins, cuts and repeats elements, as ONNX has it.
import { operators } from "../../../../operators/index.ts";
import { type Call, type Entry, rule } from "../call.ts";
import type { Written } from "../writer.ts";

/** The end of a range that goes backwards over the first element. */
const beforeTheFirst = -(2 ** 31);

interface Range {
  readonly axis: number;
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

/** Parts along some dimensions. */
function cut(call: Call, x: Written, ranges: readonly Range[]): Written {
  if (ranges.length === 0) return x;
  const of = (name: keyof Range): Written => call.list(ranges.map((each) => each[name]));
  const steps = ranges.every(({ step }) => step === 1) ? [] : [of("step")];
  return call.op("Slice", [x, of("start"), of("end"), of("axis"), ...steps]);
}

/** Elements along one dimension, from `start` up to before `end`. */
export const part = (call: Call, x: Written, axis: number, start: number, end: number): Written =>
  cut(call, x, [{ axis, start, end, step: 1 }]);

/** 0, 1, 2, … along a dimension. */
function counted(call: Call, shape: readonly number[], axis: number): Written {
  const { dtype } = call.result;
  const length = shape[axis] ?? 1;
  const [zero, end, one] = [0, length, 1].map((value) => call.number("i64", value));
  const line = call.cast(call.op("Range", [zero, end, one]), "i64", dtype);
  if (shape.length === 1) return line;
  const along = call.reshape(
    line,
    shape.map((_, d) => (d === axis ? length : 1)),
  );
  return call.op("Expand", [along, call.list(shape)]);
}

const copies = { reflect: "reflect", replicate: "edge", circular: "wrap" } as const;

export const shapes: readonly Entry[] = [
  rule(operators.reshape, (call, { shape }) => call.reshape(call.operands[0]!, call.sizes(shape))),
  rule(operators.permute, (call, { axes }) => call.op("Transpose", call.operands, { perm: axes })),
  rule(operators.broadcastTo, (call, { shape }) => call.op("Expand", [call.operands[0], call.list(call.sizes(shape))])),
  rule(operators.slice, (call, { starts, ends, steps }) => {
    const from = call.shape(0);
    const ranges = starts.flatMap((start, axis) => {
      const [end, step] = [Math.min(from[axis]!, ends[axis]!), steps[axis]!];
      return start === 0 && step === 1 && end === from[axis] ? [] : [{ axis, start, end, step }];
    });
    return cut(call, call.operands[0]!, ranges);
  }),
  rule(operators.split, (call, { axis, sizes }) =>
    call.ops("Split", [call.operands[0], call.list(sizes)], { axis }, sizes.length),
  ),
  rule(operators.pad, (call, { before, after, value }) =>
    call.op("Pad", [call.operands[0], call.list([...before, ...after]), call.number(call.type(0).dtype, value)]),
  ),
  rule(operators.padCopies, (call, { before, after, mode }) => {
    const most = call.shape(0).map((size) => (mode === "reflect" ? size - 1 : mode === "circular" ? size : Infinity));
    const fits = [before, after].every((widths) => widths.every((width, d) => width <= most[d]!));
    if (!fits || (mode === "circular" && call.opset < 19)) return undefined;
    return call.op("Pad", [call.operands[0], call.list([...before, ...after])], { mode: copies[mode] });
  }),
  rule(operators.concat, (call, { axis }) =>
    call.operands.length === 1 ? call.operands[0] : call.op("Concat", call.operands, { axis }),
  ),
  rule(operators.iota, (call, { shape, axis }) => counted(call, call.sizes(shape), axis)),
  rule(operators.flip, (call, { axes }) =>
    cut(
      call,
      call.operands[0]!,
      axes.map((axis) => ({ axis, start: -1, end: beforeTheFirst, step: -1 })),
    ),
  ),
  rule(operators.tile, (call, { repeats }) => call.op("Tile", [call.operands[0], call.list(repeats)])),
  ...([operators.tril, operators.triu] as const).map((operator) =>
    rule(operator, (call, { k }) => {
      const diagonal = call.has(1)
        ? call.reshape(call.cast(call.operands[1]!, call.type(1).dtype, "i64"), [])
        : call.number("i64", k);
      return call.op("Trilu", [call.operands[0], diagonal], { upper: operator === operators.triu ? 1 : 0 });
    }),
  ),
  rule(operators.size, (call, { axis }) => call.number("i64", call.sizes([call.type(0).shape[axis]!])[0]!)),
];
