// Which values of a graph are known with their channels in blocks of 16, and how others come into blocks and out of them.
import { generators } from "../../kernels/index.ts";
import { isNodeOf, type Node, type Value } from "../graph/graph.ts";
import type { Editor } from "../graph/rewrite.ts";
import { countOf, sameShape, staticShape } from "../graph/tensor-type.ts";
import { operators } from "../operators/index.ts";
import { blocksOf } from "./pack-weights.ts";

const { channelBlock } = generators;

/** A value [n,c,…] in blocks: [n,⌈c/16⌉,…,16]; what lies beyond `channels` may be anything. */
export interface Blocked {
  readonly value: Value;
  readonly channels: number;
}

/** Some channels of a value in blocks. */
export interface Channels {
  readonly of: Blocked;
  readonly from: number;
  readonly count: number;
}

/** Whether an operator leaves the channels where they are, and each channel to itself. */
const leavesChannels = ({ operator: { axes }, inputs, attributes }: Node): boolean =>
  inputs.length > 0 &&
  axes?.kept(
    1,
    inputs.map(({ type }) => type),
    attributes,
  ) === 1;

/** What an operator that leaves the channels where they are makes of a value in blocks; undefined for all others. */
export function inBlocks(node: Node, known: Blocked, editor: Editor): Value | undefined {
  const { operator, attributes, inputs } = node;
  if (!operator.axes || !leavesChannels(node)) return undefined;
  const by = { axis: 1, to: 1, blocks: blockedShape(known).blocks, elements: channelBlock };
  return editor.apply(operator, [known.value, ...inputs.slice(1)], operator.axes.blocked(attributes, by));
}

/** Whether a scale and a zero point are one number each. */
export const isOneForAll = (parameters: readonly Value[]): boolean =>
  parameters.every(({ type }) => countOf(staticShape(type.shape)) === 1);

/** Dimensions of a value in blocks. */
export const blockedShape = ({ value }: Blocked): { n: number; blocks: number; rest: readonly number[] } => {
  const [n, blocks, ...rest] = staticShape(value.type.shape) as [number, number, ...number[]];
  return { n, blocks, rest: rest.slice(0, -1) };
};

/** Part of one dimension of a value. */
function cut(value: Value, axis: number, from: number, to: number, editor: Editor): Value {
  const shape = staticShape(value.type.shape);
  if (from === 0 && to === shape[axis]) return value;
  return editor.apply(operators.slice, [value], {
    starts: shape.map((_, d) => (d === axis ? from : 0)),
    ends: shape.map((size, d) => (d === axis ? to : size)),
    steps: shape.map(() => 1),
  });
}

/** A value with zeros at the end of one dimension, up to a size. */
function filled(value: Value, axis: number, size: number, editor: Editor): Value {
  const shape = staticShape(value.type.shape);
  if (shape[axis] === size) return value;
  const after = shape.map((each, d) => (d === axis ? size - each : 0));
  return editor.apply(operators.pad, [value], { before: shape.map(() => 0), after, value: 0 });
}

/** The same elements under another shape; of a constant, at once. */
export function reshaped(value: Value, shape: readonly number[], editor: Editor): Value {
  if (sameShape(value.type.shape, shape)) return value;
  const constant = editor.constantOf(value);
  return constant
    ? editor.constant({ dtype: value.type.dtype, shape }, constant.made ?? constant.data, constant.name)
    : editor.apply(operators.reshape, [value], { shape });
}

export class ChannelBlocks {
  readonly #known = new Map<Value, Blocked>();

  /** A value [n,c,…] in blocks, where it is known so. */
  of(value: Value): Blocked | undefined {
    return this.#known.get(value);
  }

  /** Registers a value in blocks and gives its [n,c,…] form, which stays only where something reads it. */
  publish(blocked: Blocked, editor: Editor): Value {
    const { channels } = blocked;
    const { n, blocks, rest } = blockedShape(blocked);
    const lanes = blocks === 1 ? channels : channelBlock;
    const whole = reshaped(this.turned(blocked, editor, lanes), [n, blocks * lanes, ...rest], editor);
    const value = cut(whole, 1, 0, channels, editor);
    this.#known.set(value, blocked);
    return value;
  }

  /** The first `lanes` channels of each block of a value as [n,c/16,lanes,…] with … in one dimension. */
  turned({ value }: Blocked, editor: Editor, lanes = channelBlock): Value {
    const [n, blocks, ...rest] = staticShape(value.type.shape) as [number, number, ...number[]];
    const plane = countOf(rest.slice(0, -1));
    const flat = cut(reshaped(value, [n, blocks, plane, channelBlock], editor), 3, 0, lanes, editor);
    return plane === 1
      ? reshaped(flat, [n, blocks, lanes, 1], editor)
      : editor.apply(operators.permute, [flat], { axes: [0, 1, 3, 2] });
  }

  /** A value [n,c,…] in blocks, reordered unless it is known so; what moves elements around is moved behind the reordering. */
  bring(value: Value, editor: Editor): Blocked {
    const behind: Node[] = [];
    let first = value;
    for (let node = editor.producerOf(first); node && !this.#known.has(first); node = editor.producerOf(first)) {
      if (!isMovedBehind(node)) break;
      behind.push(node);
      first = node.inputs[0]!;
    }
    let blocked = this.#known.get(first) ?? this.#brought(first, editor);
    this.#known.set(first, blocked);
    for (const node of behind.reverse()) {
      const moved =
        inBlocks(node, blocked, editor) ?? editor.apply(node.operator, [blocked.value, ...node.inputs.slice(1)]);
      blocked = { ...blocked, value: moved };
      this.#known.set(node.outputs[0], blocked);
    }
    return blocked;
  }

  #brought(value: Value, editor: Editor): Blocked {
    const [n, c, ...rest] = staticShape(value.type.shape) as [number, number, ...number[]];
    const producer = editor.producerOf(value);
    const whole = blocksOf(c) * channelBlock;
    const plane = rest.map((_, d) => d);
    if (isNodeOf(producer, operators.permute) && channelsWereLast(producer.attributes)) {
      const last = producer.inputs[0]!;
      const split = reshaped(
        filled(last, rest.length + 1, whole, editor),
        [n, ...rest, blocksOf(c), channelBlock],
        editor,
      );
      const axes = [0, rest.length + 1, ...plane.map((d) => d + 1), rest.length + 2];
      return { value: editor.apply(operators.permute, [split], { axes }), channels: c };
    }
    const split = reshaped(filled(value, 1, whole, editor), [n, blocksOf(c), channelBlock, ...rest], editor);
    if (countOf(rest) === 1)
      return { value: reshaped(split, [n, blocksOf(c), ...rest, channelBlock], editor), channels: c };
    const axes = [0, 1, ...plane.map((d) => d + 3), 2];
    return { value: editor.apply(operators.permute, [split], { axes }), channels: c };
  }

  /** Channels of some values, one after the other, in blocks again. */
  joined(parts: readonly Channels[], editor: Editor): Blocked {
    const runs: Run[] = [];
    for (const block of blocksFrom(parts)) {
      const last = runs.at(-1);
      if (last && continues(last, block)) runs[runs.length - 1] = { ...last, length: last.length + 1 };
      else runs.push({ pieces: block, length: 1 });
    }
    const values = runs.map(({ pieces, length }) => {
      const lanes = pieces.map(({ of, block, from, to }) => {
        const some = cut(of.value, 1, block, block + length, editor);
        return cut(some, some.type.shape.length - 1, from, to, editor);
      });
      const whole = concatenated(lanes, lanes[0]!.type.shape.length - 1, editor);
      return filled(whole, whole.type.shape.length - 1, channelBlock, editor);
    });
    const channels = parts.reduce((sum, { count }) => sum + count, 0);
    return { value: concatenated(values, 1, editor), channels };
  }
}

/** Whether a node pads the plane only, or rounds to bytes, which is better done while it is reordered. */
const isMovedBehind = (node: Node): boolean =>
  isNodeOf(node, operators.pad)
    ? node.outputs[0].type.shape.length >= 3 && leavesChannels(node)
    : node.operator === operators.quantize &&
      sameShape(node.inputs[0]!.type.shape, node.outputs[0].type.shape) &&
      isOneForAll(node.inputs.slice(1));

const concatenated = (values: readonly Value[], axis: number, editor: Editor): Value =>
  values.length === 1 ? values[0]! : editor.apply(operators.concat, values, { axis });

/** Whether a transposition moves the last dimension to the place of channels, and leaves the others in order. */
function channelsWereLast({ axes }: { readonly axes: readonly number[] }): boolean {
  const last = axes.length - 1;
  return last >= 2 && axes.every((axis, d) => axis === (d === 0 ? 0 : d === 1 ? last : d - 1));
}

/** Lanes of one block of a value. */
interface Piece {
  readonly of: Blocked;
  readonly block: number;
  readonly from: number;
  readonly to: number;
}

/** So many blocks made of the same lanes of neighbouring blocks. */
interface Run {
  readonly pieces: readonly Piece[];
  readonly length: number;
}

const continues = ({ pieces, length }: Run, next: readonly Piece[]): boolean =>
  pieces.length === next.length &&
  pieces.every(
    ({ of, block, from, to }, at) =>
      of === next[at]!.of && block + length === next[at]!.block && from === next[at]!.from && to === next[at]!.to,
  );

/** What each block of the joined channels is made of. */
function blocksFrom(parts: readonly Channels[]): Piece[][] {
  const blocks: Piece[][] = [];
  let filled = 0;
  for (const { of, from, count } of parts) {
    for (let at = from; at < from + count; ) {
      const lane = at % channelBlock;
      const free = channelBlock - (filled % channelBlock);
      const taken = Math.min(channelBlock - lane, free, from + count - at);
      if (filled % channelBlock === 0) blocks.push([]);
      blocks.at(-1)!.push({ of, block: Math.floor(at / channelBlock), from: lane, to: lane + taken });
      filled += taken;
      at += taken;
    }
  }
  // Lanes beyond the last channel may be anything: those that follow in the same block, if they are where they would go.
  const last = blocks.at(-1)!;
  const end = last.pop()!;
  const to = filled % channelBlock || channelBlock;
  last.push(to === end.to ? { ...end, to: channelBlock } : end);
  return blocks;
}
