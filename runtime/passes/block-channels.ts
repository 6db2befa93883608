// The numeric plan of convolutions: constant weights packed, channels in blocks of 16 from one to the next, algorithms chosen.
import { generators } from "../../kernels/index.ts";
import { type Form, formedShape } from "../graph/forms.ts";
import { type Constant, type Graph, isNodeOf, type Node, type Value } from "../graph/graph.ts";
import { type Editor, rewrite } from "../graph/rewrite.ts";
import { sameShape, staticShape } from "../graph/tensor-type.ts";
import type { Convolution } from "../operators/contraction.ts";
import { type Operator, operators } from "../operators/index.ts";
import { moved } from "./block-movements.ts";
import { blockedShape, ChannelBlocks, isOneForAll, reshaped } from "./channel-blocks.ts";
import {
  packDepthwiseWeight,
  packGroupedWeight,
  packIntegerWeight,
  packPlanes,
  packWeight,
  type WeightShape,
} from "./pack-weights.ts";

const { channelBlock, dotBytes, fitsBlock } = generators;

/** Fewest output channels that are worth a block where the input is not in blocks anyway. */
const leastChannels = 8;

/**
 * What a byte of weights costs beside multiply-adds: so many are done while one is read from memory, where the weights of a
 * network are: 85 a nanosecond on a Sapphire Rapids with AVX-512, and 13 bytes, which is assumed.
 */
const multiplyAddsPerByte = 6.5;

/**
 * The tile of Winograd's algorithm for a 3×3 convolution at stride 1, or undefined where direct convolution costs least: the
 * multiply-adds of a plane, and the bytes of weights, which are read once for it.
 *
 * Part of the numeric plan, so a function of the shape alone.
 */
export function winogradTile(channels: number, outputs: number, rows: number, columns: number): 2 | 4 | undefined {
  if (channels % channelBlock !== 0 || channels < 32 || outputs < 32) return undefined;
  const tiles = (size: number) => Math.ceil(rows / size) * Math.ceil(columns / size);
  // Of each pair of an input and an output channel, whose weights are 9, 16 or 36 float32.
  const cost = (weights: number, positions: number) => weights * (positions + 4 * multiplyAddsPerByte);
  const [direct, two, four] = [cost(9, rows * columns), cost(16, tiles(2)), cost(36, tiles(4))];
  if (direct <= two && direct <= four) return undefined;
  return four <= two ? 4 : 2;
}

const isConvolution = (operator: Operator): boolean =>
  operator === operators.conv2d || operator === operators.convInteger;

/** Values that some convolution depends on. */
function readByConvolutions(graph: Graph): ReadonlySet<Value> {
  const values = new Set<Value>();
  for (const {
    operator,
    inputs,
    outputs: [output],
  } of graph.nodes.toReversed())
    if (isConvolution(operator) || values.has(output)) for (const value of inputs) values.add(value);
  return values;
}

/** Groups of odd sizes that are worth a kernel each. */
const mostApart = 16;
/** Columns of a window that is written out whole, as in groups within a block. */
const widestWindow = 32;

/** A convolution in groups, without its weight. */
interface Grouped {
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly groups: number;
}

class Blocking {
  readonly #blocks = new ChannelBlocks();
  /** Values of the graph given that only its outputs take. */
  readonly #leaving: ReadonlySet<Value>;
  /** Values of the graph given that some convolution depends on. */
  readonly #inside: ReadonlySet<Value>;

  constructor(graph: Graph) {
    const read = new Set(graph.nodes.flatMap((node) => node.inputs));
    this.#leaving = new Set(graph.outputs.map(({ value }) => value).filter((value) => !read.has(value)));
    this.#inside = readByConvolutions(graph);
  }

  rule(node: Node, editor: Editor): Value | undefined {
    const {
      operator,
      inputs,
      outputs: [output],
    } = node;
    if (isNodeOf(node, operators.conv2d)) return this.#convolution(node, editor);
    if (isNodeOf(node, operators.convInteger)) return this.#integerConvolution(node, editor);
    if (operator === operators.dequantize && this.#leaving.has(output)) return this.#leavingBytes(node, editor);
    if (!inputs.some((value) => this.#blocks.of(value))) return undefined;
    const { lowering } = operator;
    switch (lowering.kind) {
      case "pointwise":
        return this.#pointwise(node, editor);
      case "reduce":
        return this.#reduction(node, lowering.axes(node.attributes), editor);
      default:
        return moved(node, this.#blocks, this.#inside.has(output), editor);
    }
  }

  /** Bytes that leave as numbers are reordered as bytes, a quarter of the memory, and converted on the way. */
  #leavingBytes(node: Node, editor: Editor): Value | undefined {
    const [bytes, ...parameters] = node.inputs as [Value, Value, Value];
    const known = this.#blocks.of(bytes);
    if (!known) return undefined;
    if (!isOneForAll(parameters) || known.channels % channelBlock !== 0) return this.#pointwise(node, editor);
    const turned = this.#blocks.turned(known, editor);
    const numbers = editor.apply(operators.dequantize, [turned, ...parameters]);
    return editor.apply(operators.reshape, [numbers], { shape: staticShape(node.outputs[0].type.shape) });
  }

  #convolution(node: Node<Convolution>, editor: Editor): Value | undefined {
    const [x, w] = node.inputs as [Value, Value];
    const weight = editor.constantOf(w);
    const { stride, dilation, groups, convolution } = node.attributes;
    const shape = staticShape(w.type.shape) as unknown as WeightShape;
    const [outputs, inner, kh, kw] = shape;
    const channels = inner * groups;
    const known = this.#blocks.of(x) !== undefined;
    if (!weight || x.type.dtype !== "f32" || (outputs < leastChannels && !known)) return undefined;
    if (groups > 1) return this.#grouped(x, weight, { stride, dilation, groups }, editor);
    const [, , oh, ow] = staticShape(node.outputs[0].type.shape) as [number, number, number, number];
    const plain = kh === 3 && kw === 3 && [...stride, ...dilation].every((each) => each === 1);
    const tile = plain && convolution !== "direct" ? winogradTile(channels, outputs, oh, ow) : undefined;
    if (tile) return this.#winograd(x, weight, outputs, channels, [oh, ow], tile, editor);
    const kernel = constantOf(weight, packWeight(shape), editor);
    const plan = { stride, dilation, channels };
    if (channels >= channelBlock || known)
      return this.#applied(operators.blockedConv2d, x, kernel, outputs, { ...plan, layout: "blocked" }, editor);
    const value = editor.apply(operators.blockedConv2d, [x, kernel], { ...plan, layout: "planar" });
    return this.#blocks.publish({ value, channels: outputs }, editor);
  }

  #integerConvolution(node: Node<Convolution>, editor: Editor): Value | undefined {
    const [x, w] = node.inputs as [Value, Value];
    const weight = editor.constantOf(w);
    const { stride, dilation, groups } = node.attributes;
    const shape = staticShape(w.type.shape) as unknown as WeightShape;
    const [outputs, channels] = shape;
    if (!weight || (outputs < leastChannels && !this.#blocks.of(x))) return undefined;
    if (groups > 1) return this.#grouped(x, weight, { stride, dilation, groups }, editor);
    const kernel = constantOf(weight, packIntegerWeight(shape), editor);
    return this.#applied(operators.blockedConvInteger, x, kernel, outputs, { stride, dilation, channels }, editor);
  }

  /** A convolution in groups: of whole blocks, or within a block, or one after the other. */
  #grouped(x: Value, weight: Constant, plan: Grouped, editor: Editor): Value | undefined {
    const { groups, ...window } = plan;
    const float = weight.value.type.dtype === "f32";
    const shape = staticShape(weight.value.type.shape) as unknown as WeightShape;
    const [outputs, inputs] = shape;
    const perGroup = outputs / groups;
    if (float && inputs === 1 && perGroup === 1) {
      const kernel = constantOf(weight, packDepthwiseWeight(shape), editor);
      return this.#applied(operators.depthwiseConv2d, x, kernel, outputs, window, editor);
    }
    if (inputs % channelBlock === 0 && perGroup % channelBlock === 0) {
      const kernel = constantOf(weight, (float ? packWeight : packIntegerWeight)(shape), editor);
      const attributes = { ...window, channels: inputs * groups, groups };
      return float
        ? this.#applied(operators.blockedConv2d, x, kernel, outputs, { ...attributes, layout: "blocked" }, editor)
        : this.#applied(operators.blockedConvInteger, x, kernel, outputs, attributes, editor);
    }
    if (fitsBlock(inputs, perGroup) && shape[3] <= widestWindow) {
      const width = !float && inputs % dotBytes === 0 ? dotBytes : 1;
      const kernel = constantOf(weight, packGroupedWeight(float ? "f32" : "i8", shape, width), editor);
      const operator = float ? operators.groupedConv2d : operators.groupedConvInteger;
      return this.#applied(operator, x, kernel, outputs, { ...window, inputs, outputs: perGroup }, editor);
    }
    return groups > mostApart ? undefined : this.#groupByGroup(x, weight, plan, editor);
  }

  /** Groups of which no block is made: a convolution each, and their results joined. */
  #groupByGroup(x: Value, weight: Constant, { groups, ...window }: Grouped, editor: Editor): Value {
    const float = weight.value.type.dtype === "f32";
    const [outputs, inputs, kh, kw] = staticShape(weight.value.type.shape) as unknown as WeightShape;
    const perGroup = outputs / groups;
    const known = this.#blocks.bring(x, editor);
    const results = Array.from({ length: groups }, (_, group) => {
      const some = this.#blocks.joined([{ of: known, from: group * inputs, count: inputs }], editor);
      const size = perGroup * inputs * kh * kw;
      const data = weight.data.subarray(group * size, (group + 1) * size);
      const packed = (float ? packWeight : packIntegerWeight)([perGroup, inputs, kh, kw]);
      const { name, value: whole } = weight;
      const operands = [some.value, constantOf({ name, value: whole, data }, packed, editor)];
      const value = float
        ? editor.apply(operators.blockedConv2d, operands, { ...window, channels: inputs, layout: "blocked" })
        : editor.apply(operators.blockedConvInteger, operands, { ...window, channels: inputs });
      return { of: { value, channels: perGroup }, from: 0, count: perGroup };
    });
    return this.#blocks.publish(this.#blocks.joined(results, editor), editor);
  }

  /** A convolution of a value in blocks. */
  #applied(operator: Operator, x: Value, kernel: Value, channels: number, attributes: unknown, editor: Editor): Value {
    const source = this.#blocks.bring(x, editor).value;
    return this.#blocks.publish({ value: editor.apply(operator, [source, kernel], attributes), channels }, editor);
  }

  #winograd(
    x: Value,
    weight: Constant,
    outputs: number,
    channels: number,
    [rows, columns]: readonly [number, number],
    tile: 2 | 4,
    editor: Editor,
  ): Value {
    const kernel = constantOf(weight, { kind: "winograd", outputs, inputs: channels, tile }, editor);
    const missing = [rows, columns].map((size) => Math.ceil(size / tile) * tile - size);
    const source = this.#widened(x, missing as [number, number], editor);
    const value = editor.apply(operators.winogradConv2d, [source, kernel], { tile, rows, columns });
    return this.#blocks.publish({ value, channels: outputs }, editor);
  }

  /** A value in blocks with zeros added below and to the right, in one padding with that before it. */
  #widened(x: Value, [below, right]: readonly [number, number], editor: Editor): Value {
    const { value } = this.#blocks.bring(x, editor);
    if (below === 0 && right === 0) return value;
    const producer = editor.producerOf(value);
    if (!isNodeOf(producer, operators.pad) || !Object.is(producer.attributes.value, 0))
      return editor.apply(operators.pad, [value], {
        before: [0, 0, 0, 0, 0],
        after: [0, 0, below, right, 0],
        value: 0,
      });
    const after = producer.attributes.after.map((width, d) => width + (d === 2 ? below : d === 3 ? right : 0));
    return editor.apply(operators.pad, [producer.inputs[0]!], { ...producer.attributes, after });
  }

  /** An element-wise operator over blocked values, and others brought into blocks. */
  #pointwise(node: Node, editor: Editor): Value | undefined {
    const shape = staticShape(node.outputs[0].type.shape);
    if (shape.length < 3) return undefined;
    const channels = shape[1]!;
    const whole = node.inputs.some((value) => this.#blocks.of(value) && sameShape(value.type.shape, shape));
    if (!whole) return undefined;
    // What was computed across channels at a graph's edge has left the blocks: what follows is better off without them too.
    const mixed = node.inputs.some(
      (value) =>
        channels > 1 &&
        value.type.shape.at(1 - shape.length) === 1 &&
        value.type.shape.length >= shape.length - 1 &&
        !editor.constantOf(value) &&
        !this.#blocks.of(value),
    );
    if (mixed && !this.#inside.has(node.outputs[0])) return undefined;
    const operands = node.inputs.map((value) => this.#operand(value, shape, editor));
    const value = editor.apply(node.operator, operands, node.attributes);
    return this.#blocks.publish({ value, channels }, editor);
  }

  /** An operand of an element-wise operator, to be broadcast over [n,c/16,…,16]. */
  #operand(value: Value, [, channels, ...plane]: readonly number[], editor: Editor): Value {
    const given = staticShape(value.type.shape);
    if (given.length === 0) return value;
    const ones = new Array<number>(plane.length + 2 - given.length).fill(1);
    const [n, c, ...rest] = [...ones, ...given] as [number, number, ...number[]];
    const known = this.#blocks.of(value);
    if (c === 1 && channels! > 1) {
      if (!known) return reshaped(value, [n, 1, ...rest, 1], editor);
      const zeros = [n, 1, ...rest, 1].map(() => 0);
      const steps = zeros.map(() => 1);
      return editor.apply(operators.slice, [known.value], { starts: zeros, ends: [n, 1, ...rest, 1], steps });
    }
    const constant = editor.constantOf(value);
    if (!constant) return this.#blocks.bring(reshaped(value, [n, c, ...rest], editor), editor).value;
    return constantOf(constant, packPlanes([n, c, ...rest]), editor);
  }

  /** A reduction over the plane keeps its channels in blocks. */
  #reduction(node: Node, axes: readonly number[], editor: Editor): Value | undefined {
    const known = this.#blocks.of(node.inputs[0]!);
    if (!known || axes.length === 0 || axes.some((axis) => axis < 2)) return undefined;
    const reduced = { ...known, value: editor.apply(node.operator, [known.value], node.attributes) };
    const { n, blocks, rest } = blockedShape(reduced);
    if (rest.length > 0) return this.#blocks.publish(reduced, editor);
    const { channels } = known;
    const flat = editor.apply(operators.reshape, [reduced.value], { shape: [n, blocks * channelBlock] });
    if (channels === blocks * channelBlock) return flat;
    return editor.apply(operators.slice, [flat], { starts: [0, 0], ends: [n, channels], steps: [1, 1] });
  }
}

/** A constant in another form, under the name of that which it is made of. */
const constantOf = (of: Constant, form: Form, editor: Editor): Value =>
  editor.constant({ dtype: of.value.type.dtype, shape: formedShape(form) }, { of, form }, of.name);

/** The graph with convolutions of constant weights, and what stands between them, over channels in blocks of 16. */
export function blockChannels(graph: Graph): Graph {
  const blocking = new Blocking(graph);
  return rewrite(graph, (node, editor) => blocking.rule(node, editor));
}
