// ONNX's sequences and optionals, which are resolved while the graph is built: their lengths do not depend on values.
import { isTensor } from "../../../capture/methods/symbolic.ts";
import { concat, constant, stack, type Tensor } from "../../../capture/tensor.ts";
import type { Call, Definitions } from "../call.ts";
import { modelError } from "../import-error.ts";
import { type Imported, kindOf, Optional, Sequence } from "../imported.ts";
import { partCount } from "../limits.ts";
import { axisOf } from "./axes.ts";

/** A position in a sequence, which counts from the end where it is negative. */
function positionIn(call: Call, at: number, length: number, most: number): number {
  const given = call.number(at);
  const position = given < 0 ? given + length : given;
  if (position >= 0 && position <= most) return position;
  throw modelError(`position ${given} is outside of a sequence of ${length}`);
}

function elementAt(call: Call): Imported {
  const elements = call.sequence(0);
  return elements[positionIn(call, 1, elements.length, elements.length - 1)]!;
}

function inserted(call: Call): Sequence {
  const elements = call.sequence(0);
  const at = call.has(2) ? positionIn(call, 2, elements.length, elements.length) : elements.length;
  return new Sequence(elements.toSpliced(at, 0, call.value(1)));
}

function erased(call: Call): Sequence {
  const elements = call.sequence(0);
  const at = call.has(1) ? positionIn(call, 1, elements.length, elements.length - 1) : elements.length - 1;
  return new Sequence(elements.toSpliced(at, 1));
}

const tensorsOf = (elements: readonly Imported[]): Tensor[] =>
  elements.map((each) => {
    if (isTensor(each)) return each;
    throw modelError(`a sequence holds ${kindOf(each)} where tensors belong`);
  });

function joined(call: Call): Tensor {
  const tensors = tensorsOf(call.sequence(0));
  const [first] = tensors;
  if (!first) throw modelError("an empty sequence is joined");
  if (call.flag("new_axis")) return stack(tensors, axisOf(call.int("axis"), first.shape.length + 1));
  return concat(tensors, axisOf(call.int("axis"), first.shape.length));
}

function splitToSequence(call: Call): Sequence {
  const x = call.tensor(0);
  const axis = axisOf(call.int("axis", 0), x.shape.length);
  const size = x.shape[axis]!;
  const given = call.has(1) ? call.numbers(1) : [1];
  const isOne = !call.has(1) || call.tensor(1).shape.length === 0;
  const parts = isOne
    ? Array.from({ length: partCount(Math.ceil(size / given[0]!), "pieces") }, (_, at) =>
        Math.min(given[0]!, size - at * given[0]!),
      )
    : given;
  let start = 0;
  const elements = parts.map((length) => {
    const range = x.shape.map((_, d): [number?, number?] => (d === axis ? [start, start + length] : []));
    start += length;
    const part = x.slice(...range);
    return !call.has(1) && !call.flag("keepdims", true) ? part.squeeze(axis) : part;
  });
  return new Sequence(elements);
}

/** A subgraph on each element of a sequence; other sequences go along, tensors stay. */
function mapped(call: Call): Sequence[] {
  const body = call.graph("body");
  const elements = call.sequence(0);
  const rows = elements.map((each, at) => {
    const others = call.inputs.slice(1).map((_, other) => {
      const value = call.value(1 + other);
      return value instanceof Sequence ? value.elements[at]! : value;
    });
    return call.surroundings.inline(body, [each, ...others]);
  });
  return body.output.map((_, at) => new Sequence(rows.map((row) => row[at]!)));
}

function optional(call: Call): Optional {
  return new Optional(call.inputs[0]);
}

function optionalElement(call: Call): Imported {
  const value = call.value(0);
  if (!(value instanceof Optional)) return value;
  if (value.value === undefined) throw modelError("the element of an optional that is empty is read");
  return value.value;
}

function hasElement(call: Call): Tensor {
  const value = call.inputs[0];
  const has = value instanceof Optional ? value.value !== undefined : value !== undefined;
  return constant(Number(has), "bool") as Tensor;
}

export const sequences: Definitions = {
  ConcatFromSequence: joined,
  Optional: optional,
  OptionalGetElement: optionalElement,
  OptionalHasElement: hasElement,
  SequenceAt: elementAt,
  SequenceConstruct: (call) => new Sequence(call.inputs.map((_, at) => call.value(at))),
  SequenceEmpty: () => new Sequence([]),
  SequenceErase: erased,
  SequenceInsert: inserted,
  SequenceLength: (call) => constant(call.sequence(0).length, "i64") as Tensor,
  SequenceMap: mapped,
  SplitToSequence: splitToSequence,
};
