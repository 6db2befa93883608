// ONNX's control flow on values: subgraphs are run as often as the values say.

import { newArray } from "../../../graph/tensor-type.ts";
import type { Attributes } from "../attributes.ts";
import type { GraphProto, ValueInfoProto } from "../format/onnx_pb.ts";
import { modelError, unsupported } from "../import-error.ts";
import { axisOf } from "../operators/axes.ts";
import { portOf } from "../ports.ts";
import {
  flag,
  isList,
  isWhole,
  kindOfValue,
  type ModelValue,
  numberOf,
  partAt,
  stacked,
  type Whole,
  wholeNumber,
} from "./value.ts";

/** A node as its operator sees it. */
export interface ValueCall {
  readonly attributes: Attributes;
  readonly version: number;
  readonly operands: readonly (ModelValue | undefined)[];
  /** What a subgraph gives on these values. */
  run(graph: GraphProto, inputs: readonly ModelValue[]): ModelValue[];
}

/** An operator on values; undefined where a graph is to compute it. */
export type ValueOperator = (call: ValueCall) => readonly (ModelValue | undefined)[];

/** Operand number `at`, which there must be. */
export function operandOf({ operands }: ValueCall, at: number): ModelValue {
  const found = operands[at];
  if (found === undefined) throw modelError(`operand ${at} is missing`);
  return found;
}

/** What is kept of turns that were never made. */
function noTurns(output: ValueInfoProto): Whole {
  const { dtype, shape = [], type } = portOf(output);
  const sizes = [0, ...shape.map((size) => (typeof size === "number" ? size : 0))];
  if (dtype) return { dtype, shape: sizes, data: newArray(dtype, 0) };
  if (type.startsWith("string")) return { shape: sizes, data: [] };
  throw unsupported(`the type of "${output.name}", of which no turn is made, is not known`);
}

const kept = (turns: readonly ModelValue[], output: ValueInfoProto, axis = 0): Whole =>
  turns.length > 0 ? stacked(turns, axis) : noTurns(output);

function choice(call: ValueCall): ModelValue[] {
  const isTrue = numberOf(operandOf(call, 0), "the condition") !== 0;
  return call.run(call.attributes.graph(isTrue ? "then_branch" : "else_branch"), []);
}

function loop(call: ValueCall): ModelValue[] {
  const body = call.attributes.graph("body");
  const [limit, start] = call.operands;
  const turns = limit === undefined ? Number.POSITIVE_INFINITY : numberOf(limit, "the number of turns");
  let goes = start === undefined || numberOf(start, "the condition") !== 0;
  let carried = call.operands.slice(2).map((_, at) => operandOf(call, 2 + at));
  const count = carried.length;
  const scanned: ModelValue[][] = body.output.slice(1 + count).map(() => []);
  for (let turn = 0; goes && turn < turns; turn++) {
    const [going, ...results] = call.run(body, [wholeNumber(turn), flag(true), ...carried]);
    goes = numberOf(going, "the condition") !== 0;
    carried = results.slice(0, count);
    scanned.forEach((each, at) => void each.push(results[count + at]!));
  }
  return [...carried, ...scanned.map((each, at) => kept(each, body.output[1 + count + at]!))];
}

/** A scan along one dimension of each of its sequences. */
function scanOf(call: ValueCall, operands: readonly ModelValue[], isNew: boolean): ModelValue[] {
  const { attributes } = call;
  const body = attributes.graph("body");
  const sequenceCount = attributes.count("num_scan_inputs", operands.length);
  let carried = operands.slice(0, operands.length - sequenceCount);
  const count = carried.length;
  const zeros = (length: number): number[] => new Array<number>(length).fill(0);
  const outputs = body.output.slice(count);
  const directions = attributes.ints(isNew ? "scan_input_directions" : "directions", zeros(sequenceCount));
  const axes = isNew ? attributes.ints("scan_input_axes", zeros(sequenceCount)) : zeros(sequenceCount);
  const backwards = isNew ? attributes.ints("scan_output_directions", zeros(outputs.length)) : zeros(outputs.length);
  const outputAxes = isNew ? attributes.ints("scan_output_axes", zeros(outputs.length)) : zeros(outputs.length);
  const sequences = operands.slice(count).map((each, at) => {
    if (!isWhole(each)) throw modelError(`a scan goes along ${kindOfValue(each)}`);
    return { whole: each, axis: axisOf(axes[at]!, each.shape.length) };
  });
  const [first] = sequences;
  const turns = first ? first.whole.shape[first.axis]! : 0;
  const found: ModelValue[][] = outputs.map(() => []);
  for (let turn = 0; turn < turns; turn++) {
    const parts = sequences.map(({ whole, axis }, at) =>
      partAt(whole, axis, directions[at] === 1 ? whole.shape[axis]! - 1 - turn : turn),
    );
    const results = call.run(body, [...carried, ...parts]);
    carried = results.slice(0, count);
    found.forEach((each, at) => void each.push(results[count + at]!));
  }
  return [
    ...carried,
    ...found.map((each, at) => {
      const [one] = each;
      const axis = isWhole(one) ? axisOf(outputAxes[at]!, one.shape.length + 1) : 0;
      return kept(backwards[at] === 1 ? each.toReversed() : each, outputs[at]!, axis);
    }),
  ];
}

function scan(call: ValueCall): ModelValue[] {
  if (call.version >= 9)
    return scanOf(
      call,
      call.operands.map((_, at) => operandOf(call, at)),
      true,
    );
  // Operator set 8: each batch by itself, of the whole length.
  if (call.operands[0] !== undefined) throw unsupported("a scan of sequences of different lengths");
  const operands = call.operands.slice(1).map((_, at) => {
    const each = operandOf(call, 1 + at);
    if (!isWhole(each)) throw modelError(`a scan goes along ${kindOfValue(each)}`);
    return each;
  });
  const batches = Array.from({ length: operands[0]?.shape[0] ?? 0 }, (_, batch) =>
    scanOf(
      call,
      operands.map((each) => partAt(each, 0, batch)),
      false,
    ),
  );
  const [one] = batches;
  if (!one) throw unsupported("a scan of no batches");
  return one.map((_, at) =>
    stacked(
      batches.map((each) => each[at]!),
      0,
    ),
  );
}

/** A subgraph on each element of a sequence; other sequences go along, tensors stay. */
function mapped(call: ValueCall): ModelValue[] {
  const body = call.attributes.graph("body");
  const elements = operandOf(call, 0);
  if (!isList(elements)) throw modelError(`operand 0 is ${kindOfValue(elements)} where a sequence belongs`);
  const others = call.operands.slice(1).map((_, at) => operandOf(call, 1 + at));
  const rows = elements.map((each, at) =>
    call.run(body, [each, ...others.map((other) => (isList(other) ? (other[at] ?? null) : other))]),
  );
  return body.output.map((_, at) => rows.map((row) => row[at]!));
}

export const controlFlow: { readonly [operator: string]: ValueOperator } = {
  If: choice,
  Loop: loop,
  Scan: scan,
  SequenceMap: mapped,
};
