// The numeric plan of convolutions: constant weights packed, channels in blocks of 16 from one to the next, algorithms chosen.
import { generators } from "../../kernels/index.ts";
import type { Constant, Graph, Node, Value } from "../graph.ts";
import { convolutionAttributes } from "../operators/contraction.ts";
import { operators } from "../operators/index.ts";
import { winogradWeight } from "../operators/winograd.ts";
import { type Editor, rewrite } from "../rewrite.ts";
import { countOf, newArray, sameShape, staticShape, type TypedArray } from "../tensor-type.ts";

const { channelBlock, dotBytes } = generators;
const blocksOf = (channels: number): number => Math.ceil(channels / channelBlock);

/** Fewest output channels that are worth a block. */
const leastChannels = 8;

type Shape4 = readonly [number, number, number, number];

/** A value [n,c,h,w] in blocks: [n,⌈c/16⌉,h,w,16]; what lies beyond `channels` may be anything. */
interface Blocked {
  readonly value: Value;
  readonly channels: number;
}

/**
 * The tile of Winograd's algorithm for a 3×3 convolution at stride 1, or undefined where direct convolution is to be used.
 *
 * Part of the numeric plan, so a function of the shape alone.
 */
function winogradTile(channels: number, outputs: number, rows: number, columns: number): 2 | 4 | undefined {
  if (channels % channelBlock !== 0 || channels < 32 || outputs < 32) return undefined;
  if (rows * columns >= 400) return 4;
  return rows * columns >= 49 ? 2 : undefined;
}

/** Rearranges constants: element i of the result is element `from(index)` of the data, or 0. */
function packed(
  data: TypedArray,
  dtype: Value["type"]["dtype"],
  shape: readonly number[],
  from: (index: readonly number[]) => number | undefined,
): TypedArray {
  const result = newArray(dtype, countOf(shape));
  const index = new Array<number>(shape.length).fill(0);
  for (let at = 0; at < result.length; at++) {
    const source = from(index);
    if (source !== undefined) result[at] = data[source]!;
    for (let d = shape.length - 1; d >= 0; d--) {
      index[d]!++;
      if (index[d]! < shape[d]!) break;
      index[d] = 0;
    }
  }
  return result;
}

/** A convolution's weight [o,i,kh,kw] as [o/16,i/16,kh,kw,16,16]. */
function packWeight({ data }: Constant, [o, i, kh, kw]: Shape4): { shape: number[]; data: TypedArray } {
  const shape = [blocksOf(o), blocksOf(i), kh, kw, channelBlock, channelBlock];
  const from = ([ob, ib, ky, kx, inner, outer]: readonly number[]) => {
    const [to, source] = [ob! * channelBlock + outer!, ib! * channelBlock + inner!];
    return to < o && source < i ? ((to * i + source) * kh + ky!) * kw + kx! : undefined;
  };
  return { shape, data: packed(data, "f32", shape, from) };
}

/** An integer convolution's weight [o,i,kh,kw] as [o/16,i/16,kh,kw,4,16,4]: input channels in fours behind the outputs. */
function packIntegerWeight({ data }: Constant, [o, i, kh, kw]: Shape4): { shape: number[]; data: TypedArray } {
  const fours = channelBlock / dotBytes;
  const shape = [blocksOf(o), blocksOf(i), kh, kw, fours, channelBlock, dotBytes];
  const from = ([ob, ib, ky, kx, four, outer, byte]: readonly number[]) => {
    const [to, source] = [ob! * channelBlock + outer!, ib! * channelBlock + four! * dotBytes + byte!];
    return to < o && source < i ? ((to * i + source) * kh + ky!) * kw + kx! : undefined;
  };
  return { shape, data: packed(data, "i8", shape, from) };
}

/** Whether a scale and a zero point are one number each. */
const isOneForAll = (parameters: readonly Value[]): boolean =>
  parameters.every(({ type }) => countOf(staticShape(type.shape)) === 1);

class Blocking {
  /** What each value [n,c,h,w] of the new graph is in blocks. */
  readonly #known = new Map<Value, Blocked>();
  /** Values of the graph given that only its outputs take. */
  readonly #leaving: ReadonlySet<Value>;

  constructor(graph: Graph) {
    const read = new Set(graph.nodes.flatMap((node) => node.inputs));
    this.#leaving = new Set(graph.outputs.map(({ value }) => value).filter((value) => !read.has(value)));
  }

  rule(node: Node, editor: Editor): Value | undefined {
    const { operator, inputs, output } = node;
    if (operator === operators.conv2d) return this.#convolution(node, editor);
    if (operator === operators.convInteger) return this.#integerConvolution(node, editor);
    if (operator === operators.dequantize && this.#leaving.has(output)) return this.#leavingBytes(node, editor);
    if (output.type.shape.length !== 4 && operator.lowering.kind !== "reduce") return undefined;
    if (!inputs.some((value) => this.#known.has(value))) return undefined;
    switch (operator.lowering.kind) {
      case "pointwise":
        return this.#pointwise(node, editor);
      case "reduce":
        return this.#reduction(node, editor);
      default:
        return this.#rearrangement(node, editor);
    }
  }

  /** Registers a blocked value and gives its [n,c,h,w] form, which stays only where something reads it. */
  #publish(blocked: Blocked, editor: Editor): Value {
    const [n, blocks, h, w] = staticShape(blocked.value.type.shape) as [number, number, number, number];
    const whole = editor.apply(operators.reshape, [this.#turned(blocked, editor)], {
      shape: [n, blocks * channelBlock, h, w],
    });
    const { channels } = blocked;
    const value =
      channels === blocks * channelBlock
        ? whole
        : editor.apply(operators.slice, [whole], {
            starts: [0, 0, 0, 0],
            ends: [n, channels, h, w],
            steps: [1, 1, 1, 1],
          });
    this.#known.set(value, blocked);
    return value;
  }

  /** Bytes that leave as numbers are reordered as bytes, a quarter of the memory, and converted on the way. */
  #leavingBytes(node: Node, editor: Editor): Value | undefined {
    const [bytes, ...parameters] = node.inputs as [Value, Value, Value];
    const known = this.#known.get(bytes);
    if (!known || !isOneForAll(parameters) || known.channels % channelBlock !== 0) return this.#pointwise(node, editor);
    const turned = this.#turned(known, editor);
    const numbers = editor.apply(operators.dequantize, [turned, ...parameters]);
    return editor.apply(operators.reshape, [numbers], { shape: staticShape(node.output.type.shape) });
  }

  /** A blocked value as [n,c/16,16,h·w]. */
  #turned({ value }: Blocked, editor: Editor): Value {
    const [n, blocks, h, w] = staticShape(value.type.shape) as [number, number, number, number];
    const plane = editor.apply(operators.reshape, [value], { shape: [n, blocks, h * w, channelBlock] });
    return editor.apply(operators.transpose, [plane], { axes: [0, 1, 3, 2] });
  }

  /** A value [n,c,h,w] in blocks, reordered unless it is known so. Padding is moved behind the reordering. */
  #toBlocked(value: Value, editor: Editor): Blocked {
    const known = this.#known.get(value);
    if (known) return known;
    const [n, c, h, w] = staticShape(value.type.shape) as [number, number, number, number];
    const producer = editor.producerOf(value);
    let blocked: Blocked;
    if (producer?.operator === operators.pad && leavesChannels(producer)) {
      const inner = this.#toBlocked(producer.inputs[0]!, editor);
      blocked = {
        ...inner,
        value: editor.apply(operators.pad, [inner.value], inBlocks(producer.attributes as Padding)),
      };
    } else if (producer?.operator === operators.quantize && isOneForAll(producer.inputs.slice(1))) {
      // Rounded while it is reordered, not before.
      const [numbers, ...parameters] = producer.inputs as [Value, Value, Value];
      const inner = this.#toBlocked(numbers, editor);
      blocked = { ...inner, value: editor.apply(operators.quantize, [inner.value, ...parameters]) };
    } else {
      const missing = blocksOf(c) * channelBlock - c;
      const whole =
        missing === 0
          ? value
          : editor.apply(operators.pad, [value], { before: [0, 0, 0, 0], after: [0, missing, 0, 0], value: 0 });
      const split = editor.apply(operators.reshape, [whole], { shape: [n, blocksOf(c), channelBlock, h, w] });
      blocked = { value: editor.apply(operators.transpose, [split], { axes: [0, 1, 3, 4, 2] }), channels: c };
    }
    this.#known.set(value, blocked);
    return blocked;
  }

  #convolution(node: Node, editor: Editor): Value | undefined {
    const [x, w] = node.inputs as [Value, Value];
    const weight = editor.constantOf(w);
    const { stride, dilation, groups } = convolutionAttributes.parse(node.attributes);
    const shape = staticShape(w.type.shape) as [number, number, number, number];
    const [outputs, inner, kh, kw] = shape;
    const channels = inner * groups;
    if (!weight || x.type.dtype !== "f32" || outputs < leastChannels) return undefined;
    if (groups > 1) {
      if (inner !== 1 || outputs !== groups || !this.#known.has(x)) return undefined;
      const packedShape = [blocksOf(outputs), kh, kw, channelBlock];
      const data = packed(weight.data, "f32", packedShape, ([block, ky, kx, lane]) => {
        const channel = block! * channelBlock + lane!;
        return channel < outputs ? (channel * kh + ky!) * kw + kx! : undefined;
      });
      const kernel = editor.constant({ dtype: "f32", shape: packedShape }, data, weight.name);
      const source = this.#toBlocked(x, editor);
      const value = editor.apply(operators.depthwiseConv2d, [source.value, kernel], { stride, dilation });
      return this.#publish({ value, channels: outputs }, editor);
    }
    const [, , oh, ow] = staticShape(node.output.type.shape) as [number, number, number, number];
    const plain = kh === 3 && kw === 3 && [...stride, ...dilation].every((each) => each === 1);
    const tile = plain ? winogradTile(channels, outputs, oh, ow) : undefined;
    if (tile) return this.#winograd(x, weight, outputs, channels, [oh, ow], tile, editor);
    const { shape: packedShape, data } = packWeight(weight, shape);
    const kernel = editor.constant({ dtype: "f32", shape: packedShape }, data, weight.name);
    const planar = channels < channelBlock && !this.#known.has(x);
    const source = planar ? x : this.#toBlocked(x, editor).value;
    const value = editor.apply(operators.blockedConv2d, [source, kernel], {
      stride,
      dilation,
      channels,
      layout: planar ? "planar" : "blocked",
    });
    return this.#publish({ value, channels: outputs }, editor);
  }

  #integerConvolution(node: Node, editor: Editor): Value | undefined {
    const [x, w] = node.inputs as [Value, Value];
    const weight = editor.constantOf(w);
    const { stride, dilation, groups } = convolutionAttributes.parse(node.attributes);
    const shape = staticShape(w.type.shape) as [number, number, number, number];
    const [outputs, channels] = shape;
    if (!weight || groups > 1 || outputs < leastChannels) return undefined;
    const packed = packIntegerWeight(weight, shape);
    const kernel = editor.constant({ dtype: "i8", shape: packed.shape }, packed.data, weight.name);
    const source = this.#toBlocked(x, editor).value;
    const value = editor.apply(operators.blockedConvInteger, [source, kernel], { stride, dilation, channels });
    return this.#publish({ value, channels: outputs }, editor);
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
    const { shape, data } = winogradWeight(weight.data as Float32Array, outputs, channels, tile);
    const kernel = editor.constant({ dtype: "f32", shape }, data, weight.name);
    const missing = [rows, columns].map((size) => Math.ceil(size / tile) * tile - size);
    const source = this.#widened(x, missing as [number, number], editor);
    const value = editor.apply(operators.winogradConv2d, [source, kernel], { tile, rows, columns });
    return this.#publish({ value, channels: outputs }, editor);
  }

  /** A value in blocks with zeros added below and to the right, in one padding with that before it. */
  #widened(x: Value, [below, right]: readonly [number, number], editor: Editor): Value {
    const { value } = this.#toBlocked(x, editor);
    if (below === 0 && right === 0) return value;
    const producer = editor.producerOf(value);
    const given = producer?.operator === operators.pad ? (producer.attributes as Padding) : undefined;
    if (!producer || !given || !Object.is(given.value, 0))
      return editor.apply(operators.pad, [value], {
        before: [0, 0, 0, 0, 0],
        after: [0, 0, below, right, 0],
        value: 0,
      });
    const after = given.after.map((width, d) => width + (d === 2 ? below : d === 3 ? right : 0));
    return editor.apply(operators.pad, [producer.inputs[0]!], { ...given, after });
  }

  /** An element-wise operator over blocked values, and others brought into blocks. */
  #pointwise(node: Node, editor: Editor): Value | undefined {
    const channels = staticShape(node.output.type.shape)[1]!;
    const whole = node.inputs.some(
      (value) => this.#known.has(value) && sameShape(value.type.shape, node.output.type.shape),
    );
    if (!whole) return undefined;
    const operands = node.inputs.map((value) => this.#operand(value, channels, editor));
    return this.#publish({ value: editor.apply(node.operator, operands, node.attributes), channels }, editor);
  }

  /** An operand of an element-wise operator, to be broadcast over [n,c/16,h,w,16]. */
  #operand(value: Value, channels: number, editor: Editor): Value {
    const given = staticShape(value.type.shape);
    if (given.length === 0) return value;
    const [n, c, h, w] = [...new Array<number>(4 - given.length).fill(1), ...given] as unknown as Shape4;
    if (c === 1 && channels > 1) return reshaped(value, [n, 1, h, w, 1], editor);
    const constant = editor.constantOf(value);
    if (!constant) return this.#toBlocked(reshaped(value, [n, c, h, w], editor), editor).value;
    const shape = [n, blocksOf(c), h, w, channelBlock];
    const data = packed(constant.data, value.type.dtype, shape, ([b, block, y, x, lane]) => {
      const channel = block! * channelBlock + lane!;
      return channel < c ? ((b! * c + channel) * h + y!) * w + x! : undefined;
    });
    return editor.constant({ dtype: value.type.dtype, shape }, data, constant.name);
  }

  /** A reduction over rows and columns keeps its channels in blocks. */
  #reduction(node: Node, editor: Editor): Value | undefined {
    const { axes, keepDims } = node.attributes as { readonly axes: readonly number[]; readonly keepDims: boolean };
    const known = this.#known.get(node.inputs[0]!);
    if (!known || axes.length === 0 || axes.some((axis) => axis < 2)) return undefined;
    const value = editor.apply(node.operator, [known.value], { axes, keepDims });
    const { channels } = known;
    if (keepDims) return this.#publish({ value, channels }, editor);
    if (axes.length < 2) return undefined;
    const [n, blocks] = staticShape(value.type.shape) as [number, number];
    const flat = editor.apply(operators.reshape, [value], { shape: [n, blocks * channelBlock] });
    if (channels === blocks * channelBlock) return flat;
    return editor.apply(operators.slice, [flat], { starts: [0, 0], ends: [n, channels], steps: [1, 1] });
  }

  /** Padding, slices and concatenation that leave blocks whole. */
  #rearrangement(node: Node, editor: Editor): Value | undefined {
    const [x] = node.inputs as [Value];
    const known = this.#known.get(x);
    switch (node.operator) {
      case operators.pad: {
        if (!known || !leavesChannels(node)) return undefined;
        const value = editor.apply(operators.pad, [known.value], inBlocks(node.attributes as Padding));
        return this.#publish({ ...known, value }, editor);
      }
      case operators.slice: {
        const { starts, ends, steps } = node.attributes as {
          readonly [name in "starts" | "ends" | "steps"]: Shape4;
        };
        if (!known || steps[1] !== 1 || starts[1] % channelBlock !== 0) return undefined;
        const last = Math.min(ends[1], known.channels);
        const value = editor.apply(operators.slice, [known.value], {
          starts: [starts[0], starts[1] / channelBlock, starts[2], starts[3], 0],
          ends: [ends[0], blocksOf(last), ends[2], ends[3], channelBlock],
          steps: [steps[0], 1, steps[2], steps[3], 1],
        });
        return this.#publish({ value, channels: last - starts[1] }, editor);
      }
      case operators.concat: {
        const { axis } = node.attributes as { readonly axis: number };
        const channels = node.inputs.map((value) => staticShape(value.type.shape)[1]!);
        if (axis === 1 && channels.slice(0, -1).some((each) => each % channelBlock !== 0)) return undefined;
        const parts = node.inputs.map((value) => this.#toBlocked(value, editor).value);
        const value = editor.apply(operators.concat, parts, { axis });
        return this.#publish({ value, channels: staticShape(node.output.type.shape)[1]! }, editor);
      }
      default:
        return undefined;
    }
  }
}

interface Padding {
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly value: number;
}

const leavesChannels = (node: Node): boolean => {
  const { before, after } = node.attributes as Padding;
  return node.output.type.shape.length === 4 && before[1] === 0 && after[1] === 0;
};

const inBlocks = ({ before, after, value }: Padding): Padding => ({
  before: [...before, 0],
  after: [...after, 0],
  value,
});

function reshaped(value: Value, shape: readonly number[], editor: Editor): Value {
  const constant = editor.constantOf(value);
  if (constant) return editor.constant({ dtype: value.type.dtype, shape }, constant.data, constant.name);
  return staticShape(value.type.shape).length === shape.length
    ? value
    : editor.apply(operators.reshape, [value], { shape });
}

/** The graph with convolutions of constant weights, and what stands between them, over channels in blocks of 16. */
export function blockChannels(graph: Graph): Graph {
  const blocking = new Blocking(graph);
  return rewrite(graph, (node, editor) => blocking.rule(node, editor));
}
