// ONNX's sequences and optionals on values, so that those which grow from turn to turn are not graphs of every length.
import { modelError } from "../import-error.ts";
import { operandOf, type ValueCall, type ValueOperator } from "./control-flow.ts";
import { flag, isList, kindOfValue, type ModelValue, numberOf, wholeNumber } from "./value.ts";

function elementsOf(call: ValueCall): readonly ModelValue[] {
  const value = operandOf(call, 0);
  if (isList(value)) return value;
  throw modelError(`operand 0 is ${kindOfValue(value)} where a sequence belongs`);
}

/** A position of at most `most`, which counts from the end where it is negative. */
function positionIn(call: ValueCall, at: number, length: number, most: number): number {
  const given = numberOf(operandOf(call, at), "a position");
  const position = given < 0 ? given + length : given;
  if (position >= 0 && position <= most) return position;
  throw modelError(`position ${given} is outside of a sequence of ${length}`);
}

const elementAt: ValueOperator = (call) => {
  const elements = elementsOf(call);
  return [elements[positionIn(call, 1, elements.length, elements.length - 1)]!];
};

const inserted: ValueOperator = (call) => {
  const elements = elementsOf(call);
  const isPlaced = call.operands[2] !== undefined;
  const at = isPlaced ? positionIn(call, 2, elements.length, elements.length) : elements.length;
  return [elements.toSpliced(at, 0, operandOf(call, 1))];
};

const erased: ValueOperator = (call) => {
  const elements = elementsOf(call);
  const isPlaced = call.operands[1] !== undefined;
  const at = isPlaced ? positionIn(call, 1, elements.length, elements.length - 1) : elements.length - 1;
  return [elements.toSpliced(at, 1)];
};

const optionalElement: ValueOperator = (call) => {
  const value = operandOf(call, 0);
  if (value === null) throw modelError("the element of an optional that is empty is read");
  return [value];
};

export const sequences: { readonly [operator: string]: ValueOperator } = {
  Identity: (call) => [operandOf(call, 0)],
  Optional: ({ operands }) => [operands[0] ?? null],
  OptionalGetElement: optionalElement,
  OptionalHasElement: ({ operands }) => [flag((operands[0] ?? null) !== null)],
  SequenceAt: elementAt,
  SequenceConstruct: (call) => [call.operands.map((_, at) => operandOf(call, at))],
  SequenceEmpty: () => [[]],
  SequenceErase: erased,
  SequenceInsert: inserted,
  SequenceLength: (call) => [wholeNumber(elementsOf(call).length)],
};
