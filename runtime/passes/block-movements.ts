// Operators that move elements and leave channels alone, over channels in blocks of 16.
import { generators } from "../../kernels/index.ts";
import { isNodeOf, type Node, type Value } from "../graph/graph.ts";
import type { Editor } from "../graph/rewrite.ts";
import { staticShape } from "../graph/tensor-type.ts";
import { operators } from "../operators/index.ts";
import { blockedShape, type ChannelBlocks, leavesChannels, paddingInBlocks } from "./channel-blocks.ts";

const { channelBlock } = generators;

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
  const [x] = inputs as [Value];
  const shape = staticShape(output.type.shape);
  if (isNodeOf(node, operators.concat)) return joined(node, blocks, inside, editor);
  const known = blocks.of(x);
  if (!known || shape.length < 3) return undefined;
  const { channels, value } = known;
  const { n, blocks: count } = blockedShape(known);
  const publish = (result: Value) => blocks.publish({ value: result, channels }, editor);
  if (isNodeOf(node, operators.pad))
    return leavesChannels(node)
      ? publish(editor.apply(operators.pad, [value], paddingInBlocks(node.attributes)))
      : undefined;
  if (isNodeOf(node, operators.slice)) {
    const { starts, ends, steps } = node.attributes;
    if (steps[1] !== 1) return undefined;
    const [from, to] = [starts[1]!, Math.min(ends[1]!, channels)];
    if (from % channelBlock !== 0 && !inside) return undefined;
    const some = blocks.joined([{ of: known, from, count: to - from }], editor);
    const { blocks: left } = blockedShape(some);
    const along = (of: readonly number[], here: number, last: number) => [of[0]!, here, ...of.slice(2), last];
    const ranges = { starts: along(starts, 0, 0), ends: along(ends, left, channelBlock), steps: along(steps, 1, 1) };
    return blocks.publish({ ...some, value: editor.apply(operators.slice, [some.value], ranges) }, editor);
  }
  if (isNodeOf(node, operators.indexSelect)) {
    const { axis } = node.attributes;
    if (axis < 2 || inputs[1]!.type.shape.length !== 1) return undefined;
    return publish(editor.apply(operators.indexSelect, [value, inputs[1]!], { axis }));
  }
  if (isNodeOf(node, operators.reshape)) {
    if (shape[0] !== n || shape[1] !== channels) return undefined;
    return publish(editor.apply(operators.reshape, [value], { shape: [n, count, ...shape.slice(2), channelBlock] }));
  }
  if (isNodeOf(node, operators.broadcastTo)) {
    if (shape.length !== x.type.shape.length || shape[1] !== channels) return undefined;
    const wanted = [shape[0], count, ...shape.slice(2), channelBlock];
    return publish(editor.apply(operators.broadcastTo, [value], { shape: wanted }));
  }
  return isNodeOf(node, operators.permute) ? turned(node.attributes, known, blocks, editor) : undefined;
}

/** A transposition of what lies behind the channels, or one that puts them last. */
function turned(
  { axes }: { readonly axes: readonly number[] },
  known: NonNullable<ReturnType<ChannelBlocks["of"]>>,
  blocks: ChannelBlocks,
  editor: Editor,
): Value | undefined {
  const { value, channels } = known;
  const rank = axes.length;
  if (axes[0] !== 0) return undefined;
  if (axes[1] === 1)
    return blocks.publish(
      { value: editor.apply(operators.permute, [value], { axes: [...axes, rank] }), channels },
      editor,
    );
  if (axes.at(-1) !== 1) return undefined;
  const last = editor.apply(operators.permute, [value], { axes: [...axes, rank] });
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
