// Reading and writing at positions, as ONNX has it: positions outside, which mean something here, are moved or led past.
import { countOf } from "../../../../graph/tensor-type.ts";
import { operators } from "../../../../operators/index.ts";
import { type Call, type Entry, rule } from "../call.ts";
import type { Written } from "../writer.ts";
import { part } from "./shapes.ts";

/** Positions in a dtype that ONNX takes them in. */
function wide(call: Call, at: number): Written {
  const { dtype } = call.type(at);
  return dtype === "i32" ? call.operands[at]! : call.cast(call.operands[at]!, dtype, "i64");
}

const wideDtype = (call: Call, at: number) => (call.type(at).dtype === "i32" ? ("i32" as const) : ("i64" as const));

/** Whether all positions are known to lie in dimensions of these sizes, in turns. */
function areInside(call: Call, at: number, sizes: readonly number[]): boolean {
  const numbers = call.numbers(at);
  return numbers?.every((each, i) => each >= 0 && each < sizes[i % sizes.length]!) ?? false;
}

/** Positions, moved to the nearest end where they may lie outside. */
function clamped(call: Call, at: number, size: number): Written {
  const positions = wide(call, at);
  if (areInside(call, at, [size])) return positions;
  const number = (value: number): Written => call.number(wideDtype(call, at), value);
  return call.op("Min", [call.op("Max", [positions, number(0)]), number(size - 1)]);
}

const reductionOf = { set: "none", add: "add", max: "max", min: "min" } as const;
type Mode = keyof typeof reductionOf;

/** Positions, those outside behind the end, and whether there may be such. */
function ledPast(call: Call, at: number, size: number) {
  const positions = wide(call, at);
  if (areInside(call, at, [size])) return { positions, past: false };
  const number = (value: number): Written => call.number(wideDtype(call, at), value);
  const inside = call.op("And", [
    call.op("GreaterOrEqual", [positions, number(0)]),
    call.op("Less", [positions, number(size)]),
  ]);
  return { positions: call.op("Where", [inside, positions, number(size)]), past: true };
}

/** x with updates written at positions along a dimension; what lies outside is written to one more slice, which is cut off. */
function writtenAt(
  call: Call,
  axis: number,
  mode: Mode,
  found: { readonly positions: Written; readonly past: boolean },
  updates: Written,
): Written {
  const x = call.operands[0]!;
  const shape = call.shape(0);
  const { dtype } = call.type(0);
  const one = shape.with(axis, 1);
  const more = found.past
    ? call.op("Concat", [x, call.op("Expand", [call.number(dtype, 0), call.list(one)])], { axis })
    : x;
  const reduction = reductionOf[mode];
  const result = call.op("ScatterElements", [more, found.positions, updates], {
    axis,
    ...(reduction === "none" ? {} : { reduction }),
  });
  return found.past ? part(call, result, axis, 0, shape[axis]!) : result;
}

/** Slices at positions: elements at positions that are the same for all elements of a slice. */
const putting = rule(operators.indexPut, (call, { axis, mode }) => {
  const shape = call.shape(0);
  const count = countOf(call.shape(1));
  const { positions, past } = ledPast(call, 1, shape[axis]!);
  const updates = shape.with(axis, count);
  const along = call.reshape(
    positions,
    shape.map((_, d) => (d === axis ? count : 1)),
  );
  const every = call.op("Expand", [along, call.list(updates)]);
  return writtenAt(call, axis, mode, { positions: every, past }, call.reshape(call.operands[2]!, updates));
});

export const indexing: readonly Entry[] = [
  rule(operators.indexSelect, (call, { axis }) =>
    call.op("Gather", [call.operands[0], clamped(call, 1, call.shape(0)[axis]!)], { axis }),
  ),
  rule(operators.gather, (call, { axis }) =>
    call.op("GatherElements", [call.operands[0], clamped(call, 1, call.shape(0)[axis]!)], { axis }),
  ),
  rule(operators.gatherND, (call, { batchDims }) =>
    areInside(call, 1, call.shape(0).slice(batchDims, batchDims + call.shape(1).at(-1)!))
      ? call.op("GatherND", [call.operands[0], call.cast(wide(call, 1), wideDtype(call, 1), "i64")], {
          batch_dims: batchDims,
        })
      : undefined,
  ),
  putting,
  rule(operators.scatter, (call, { axis, mode }) =>
    writtenAt(call, axis, mode, ledPast(call, 1, call.shape(0)[axis]!), call.operands[2]!),
  ),
  rule(operators.scatterND, (call, { mode }) =>
    areInside(call, 1, call.shape(0).slice(0, call.shape(1).at(-1)!))
      ? call.op(
          "ScatterND",
          [call.operands[0], call.cast(wide(call, 1), wideDtype(call, 1), "i64"), call.operands[2]],
          mode === "set" ? {} : { reduction: reductionOf[mode] },
        )
      : undefined,
  ),
];
