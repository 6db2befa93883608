// Regions of control flow that are recorded in place, reading what is around them, and then made to read their operands alone.
import { currentRecorder, type Recorder, RegionRecorder, recording } from "../../../capture/recorder.ts";
import { constant, Tensor } from "../../../capture/tensor.ts";
import { type Copies, copiedNode } from "../../../graph/copies.ts";
import { type Dimension, isBounded, replaced } from "../../../graph/dimension.ts";
import type { Constant, Node, Value } from "../../../graph/graph.ts";
import { countOf, staticShape } from "../../../graph/tensor-type.ts";

/** Constants of so many elements are made again inside; larger ones are operands. */
const mostAgain = 16;

/** A region that was recorded. */
export class Recorded<T> {
  readonly recorder: RegionRecorder;
  readonly result: T;

  /** Records what `body` does. */
  constructor(body: () => T) {
    this.recorder = new RegionRecorder(currentRecorder());
    this.result = recording(this.recorder, body);
  }

  /** Records more of it. */
  more<R>(body: () => R): R {
    return recording(this.recorder, body);
  }

  /** Whether it does anything that is more than its results: leaves states, or may be a fault. */
  get acts(): boolean {
    const { used, nodes } = this.recorder;
    const writes = [...used.values()].some(({ input, next }) => input !== next);
    return writes || nodes.some(({ operator, regions }) => operator.name === "limit" || (regions?.length ?? 0) > 0);
  }
}

/** What recorded regions and their results read of outside, once each; `inputs` are their own. */
export function capturedBy(
  regions: readonly { readonly recorded: Recorded<unknown>; readonly results: readonly Tensor[] }[],
  inputs: readonly Value[],
): readonly Value[] {
  const captured = new Set<Value>();
  for (const { recorded, results } of regions) {
    const { constants, nodes, used } = recorded.recorder;
    const own = new Set<Value>([...inputs, ...constants.map(({ value }) => value)]);
    for (const { input } of used.values()) own.add(input);
    const read = (value: Value): void => {
      if (!own.has(value)) captured.add(value);
    };
    for (const node of nodes) {
      node.inputs.forEach(read);
      for (const each of node.outputs) own.add(each);
    }
    for (const { value } of results) read(value);
    for (const { next } of used.values()) read(next);
  }
  return [...captured];
}

/** What a captured value is inside without being an operand: a small constant of the trace, or what is known of it. */
function madeAgain(value: Value, constants: ReadonlyMap<Value, Constant>): (() => Value) | undefined {
  const { dtype, shape } = value.type;
  const own = constants.get(value);
  if (own && countOf(staticShape(shape)) <= mostAgain)
    return () => currentRecorder().constant(value.type, own.data, own.name);
  const { known } = value;
  const numbers = known?.every((each): each is number => typeof each === "number");
  return numbers ? () => constant(known as readonly number[], dtype, staticShape(shape)).value : undefined;
}

/** Captured values apart: operands, and what is made again inside. */
export function operandsOf(captured: readonly Value[]): {
  readonly operands: readonly Value[];
  again(values: Copies): void;
} {
  const whole: Recorder = currentRecorder().whole;
  const constants = new Map(whole.constants.map((each) => [each.value, each]));
  const made = captured.flatMap((value) => {
    const make = madeAgain(value, constants);
    return make ? [[value, make] as const] : [];
  });
  const inside = new Set(made.map(([value]) => value));
  return {
    operands: captured.filter((value) => !inside.has(value)),
    again(values) {
      for (const [value, make] of made) values.set(value, make());
    },
  };
}

/** What becomes of dimensions: those of operands are what they are called inside, and what a region makes is called anew. */
function newDimensions(values: Copies) {
  const known = new Map<string, Dimension>();
  for (const [outside, { type }] of values)
    for (const [axis, size] of outside.type.shape.entries())
      if (isBounded(size)) known.set(size.name, type.shape[axis]!);
  return {
    resize: (size: Dimension): Dimension => replaced(size, (part) => known.get(part.name) ?? part),
    node: (node: Node): Node => {
      const { dimension } = node.attributes as { readonly dimension?: Dimension | string };
      if (dimension === undefined || typeof dimension === "string" || !isBounded(dimension)) return node;
      const own = known.get(dimension.name) ?? currentRecorder().newDimension(node.operator.name, dimension.max);
      known.set(dimension.name, own);
      return { ...node, attributes: { ...(node.attributes as object), dimension: own } };
    },
  };
}

/** Records a region again where a function of control flow is traced: on what `values` has for its inputs and for what it captures. */
export function replay({ recorder }: Recorded<unknown>, results: readonly Tensor[], values: Copies): Tensor[] {
  const here = currentRecorder();
  here.constants.push(...recorder.constants);
  for (const [state, { input }] of recorder.used) values.set(input, here.readState(state));
  const { resize, node: withOwn } = newDimensions(values);
  for (const node of recorder.nodes) here.nodes.push(copiedNode(withOwn(node), values, resize, (size) => size));
  const now = (value: Value): Value => values.get(value) ?? value;
  for (const [state, { input, next }] of recorder.used) if (input !== next) here.writeState(state, now(next));
  return results.map(({ value }) => new Tensor(now(value)));
}
