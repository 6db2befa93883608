// Operators that move elements and leave channels alone, over channels in blocks of 16.
import { generators } from "../../kernels/index.ts";
import { isNodeOf, type Node, type Value } from "../graph/graph.ts";
import type { Editor } from "../graph/rewrite.ts";
import { staticShape } from "../graph/tensor-type.ts";
import { operators } from "../operators/index.ts";
import { type Blocked, blockedShape, type ChannelBlocks, inBlocks } from "./channel-blocks.ts";

const { channelBlock } = generators;

/** What a slice takes along each dimension. */
interface Ranges {
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  readonly steps: readonly number[];
}

/**
 * What stands for such an operator where its operand is known in blocks; undefined where that is not to be.
 *
 * Channels leave their blocks for others only `inside` a network: at its edge they are about to leave all blocks.
 */
export function moved(node: Node, blocks: ChannelBlocks, inside: boolean, editor: Editor): Value | undefined {
  const {
    inputs,
    outputs: [output],
  } = node;
  if (isNodeOf(node, operators.concat)) return joined(node, blocks, inside, editor);
  const known = blocks.of(inputs[0]!);
  if (!known || output.type.shape.length < 3) return undefined;
  const value = inBlocks(node, known, editor);
  if (value) return blocks.publish({ ...known, value }, editor);
  if (isNodeOf(node, operators.slice)) return someChannels(node, known, blocks, inside, editor);
  return isNodeOf(node, operators.permute) ? channelsLast(node, known, editor) : undefined;
}

/** Some of the channels, those that end within a block moved lane by lane. */
function someChannels(
  { attributes: { starts, ends, steps } }: Node<Ranges>,
  known: Blocked,
  blocks: ChannelBlocks,
  inside: boolean,
  editor: Editor,
): Value | undefined {
  if (steps[1] !== 1) return undefined;
  const [from, to] = [starts[1]!, Math.min(ends[1]!, known.channels)];
  if (from % channelBlock !== 0 && !inside) return undefined;
  const some = blocks.joined([{ of: known, from, count: to - from }], editor);
  const { blocks: left } = blockedShape(some);
  const along = (of: readonly number[], here: number, last: number) => [of[0]!, here, ...of.slice(2), last];
  const ranges = { starts: along(starts, 0, 0), ends: along(ends, left, channelBlock), steps: along(steps, 1, 1) };
  return blocks.publish({ ...some, value: editor.apply(operators.slice, [some.value], ranges) }, editor);
}

/** A transposition that puts the channels last. */
function channelsLast(
  { attributes: { axes } }: Node<{ readonly axes: readonly number[] }>,
  { value, channels }: Blocked,
  editor: Editor,
): Value | undefined {
  if (axes[0] !== 0 || axes.at(-1) !== 1) return undefined;
  const last = editor.apply(operators.permute, [value], { axes: [...axes, axes.length] });
  const shape = staticShape(last.type.shape);
  const outer = shape.slice(0, -2);
  const whole = editor.apply(operators.reshape, [last], { shape: [...outer, shape.at(-2)! * shape.at(-1)!] });
  if (channels === whole.type.shape.at(-1)) return whole;
  return editor.apply(operators.slice, [whole], {
    starts: [...outer.map(() => 0), 0],
    ends: [...outer, channels],
    steps: [...outer.map(() => 1), 1],
  });
}

/** A concatenation of which some operand is known in blocks: along channels block by block, or within the plane. */
function joined(
  { inputs, attributes: { axis }, outputs: [output] }: Node<{ readonly axis: number }>,
  blocks: ChannelBlocks,
  inside: boolean,
  editor: Editor,
): Value | undefined {
  if (output.type.shape.length < 3 || !inputs.some((value) => blocks.of(value))) return undefined;
  const channels = inputs.map((value) => staticShape(value.type.shape)[1]!);
  const shifted = axis === 1 && channels.slice(0, -1).some((each) => each % channelBlock !== 0);
  if (shifted && !inside) return undefined;
  const parts = inputs.map((value) => blocks.bring(value, editor));
  if (axis === 1) {
    const each = parts.map((of) => ({ of, from: 0, count: of.channels }));
    return blocks.publish(blocks.joined(each, editor), editor);
  }
  const values = parts.map(({ value }) => value);
  const value = editor.apply(operators.concat, values, { axis });
  return blocks.publish({ value, channels: channels[0]! }, editor);
}
