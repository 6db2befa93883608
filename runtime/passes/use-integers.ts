// The numeric plan of quantised graphs: products of dequantised bytes are summed as integers, and rounded back in one step.
import { generators } from "../../kernels/index.ts";
import { ConstantNumbers } from "../compiler/constant-value.ts";
import { type Graph, isNodeOf, type Node, type Value } from "../graph/graph.ts";
import { type Editor, rewrite } from "../graph/rewrite.ts";
import { countOf, newArray, sameShape, staticShape, type TypedArray } from "../graph/tensor-type.ts";
import { isUniform } from "../graph/weights.ts";
import { operators } from "../operators/index.ts";
import { quantizedRange } from "../operators/quantized.ts";

const { dotBytes, dotColumns } = generators;

/** Numbers known now, and their shape. */
interface Known {
  readonly value: Value;
  readonly data: TypedArray;
}

/** Bytes that stand for numbers: (bytes − zero) · scale. */
interface Bytes {
  readonly bytes: Value;
  readonly scale: number;
  readonly zero: number;
}

/** Weights that stand for numbers: data · scale, the scale one per output or one for all. */
interface Weights {
  readonly value: Value;
  readonly data: TypedArray;
  readonly scale: TypedArray;
}

/** A float value that is (sum + offset) · scale, channel by channel; its channels lie along a shape like [o,1,1]. */
interface Sum {
  readonly sum: Value;
  readonly offset: Int32Array;
  readonly scale: Float32Array;
  readonly channels: readonly number[];
}

/** Operators that move elements and commute with dequantising by one scale. */
const moving: readonly unknown[] = [operators.reshape, operators.permute, operators.slice];

/** Whether a node moves elements, and what it adds are zeros. */
const movesZeros = (node: Node): boolean =>
  moving.includes(node.operator) || (isNodeOf(node, operators.pad) && node.attributes.value === 0);

const scalarOf = ({ data }: Known): number | undefined => (isUniform(data) ? Number(data[0]) : undefined);
/** Whether a factor keeps all its bits in f32: neither infinite nor NaN, nor below its normal numbers. */
const isOrdinary = (factor: number): boolean => Number.isFinite(factor) && Math.abs(factor) >= 2 ** -126;
const withoutOnes = (shape: readonly number[]): readonly number[] => {
  const first = shape.findIndex((size) => size !== 1);
  return first < 0 ? [] : shape.slice(first);
};

class Integers {
  readonly #editor: Editor;
  readonly #sums: Map<Value, Sum>;
  readonly #numbers: ConstantNumbers;

  constructor(editor: Editor, sums: Map<Value, Sum>, numbers: ConstantNumbers) {
    this.#editor = editor;
    this.#sums = sums;
    this.#numbers = numbers;
  }

  rule(node: Node): Value | undefined {
    if (node.operator === operators.conv2d) return this.#convolution(node);
    if (node.operator === operators.matmul) return this.#product(node);
    return node.operator === operators.quantize ? this.#quantized(node) : undefined;
  }

  /** The numbers of a value that depends on constants only. */
  #known(value: Value): Known | undefined {
    const data = this.#numbers.of(value, this.#editor);
    return data && { value, data };
  }

  /** A value as bytes with one scale and one zero point, what moves it moved behind them. */
  #bytes(value: Value): Bytes | undefined {
    const behind: Node[] = [];
    let node = this.#editor.producerOf(value);
    while (node && movesZeros(node)) {
      behind.push(node);
      node = this.#editor.producerOf(node.inputs[0]!);
    }
    let found = node && this.#dequantized(node);
    for (const moved of behind.reverse()) {
      if (!found) return undefined;
      const attributes = isNodeOf(moved, operators.pad) ? { ...moved.attributes, value: found.zero } : moved.attributes;
      found = { ...found, bytes: this.#editor.apply(moved.operator, [found.bytes], attributes) };
    }
    return found;
  }

  /** The bytes that a node makes numbers of. */
  #dequantized({ operator, inputs, outputs: [output] }: Node): Bytes | undefined {
    if (operator !== operators.dequantize) return undefined;
    const [x, scaleOf, zeroOf] = inputs as [Value, Value, Value];
    const [scale, zero] = [this.#known(scaleOf), this.#known(zeroOf)];
    const [factor, shift] = [scale && scalarOf(scale), zero && scalarOf(zero)];
    const byte = x.type.dtype === "u8" || x.type.dtype === "i8";
    if (factor === undefined || shift === undefined || !byte || !sameShape(x.type.shape, output.type.shape))
      return undefined;
    return this.#unsigned({ bytes: x, scale: factor, zero: shift });
  }

  /** Signed bytes that this graph makes are made unsigned instead, 128 higher: the product of x86-64 wants them so. */
  #unsigned(given: Bytes): Bytes {
    const { bytes, zero } = given;
    const node = this.#editor.producerOf(bytes);
    if (bytes.type.dtype !== "i8" || !node) return given;
    const up = (value: number) => value + 128;
    if (isNodeOf(node, operators.requantize)) {
      const { zeroPoint, low, high } = node.attributes;
      const attributes = { dtype: "u8", zeroPoint: up(zeroPoint), low: up(low), high: up(high) };
      return { ...given, bytes: this.#editor.apply(operators.requantize, node.inputs, attributes), zero: up(zero) };
    }
    const [x, scale, point] = node.inputs as [Value, Value, Value];
    const known = node.operator === operators.quantize ? this.#known(point) : undefined;
    if (!known) return given;
    const shifted = newArray("u8", known.data.length);
    for (let i = 0; i < shifted.length; i++) shifted[i] = up(Number(known.data[i]));
    const constant = this.#editor.constant({ dtype: "u8", shape: point.type.shape }, shifted, "zero");
    return {
      ...given,
      bytes: this.#editor.apply(operators.quantize, [x, scale, constant]),
      zero: up(zero),
    };
  }

  /** A value as constant signed bytes around zero, or bytes that are so without their zero points, scaled as a whole or along `axis`. */
  #weights(value: Value, axis: number): Weights | undefined {
    const behind: Node[] = [];
    let node = this.#editor.producerOf(value);
    let along = axis;
    while (isNodeOf(node, operators.permute)) {
      behind.push(node);
      along = node.attributes.axes[along]!;
      node = this.#editor.producerOf(node.inputs[0]!);
    }
    let found = node && this.#dequantizedWeights(node, along);
    for (const { operator, attributes } of behind.reverse()) {
      const moved = found && this.#known(this.#editor.apply(operator, [found.value], attributes));
      if (!found || !moved) return undefined;
      found = { ...found, ...this.#named(moved) };
    }
    return found;
  }

  #dequantizedWeights({ operator, inputs, outputs: [output] }: Node, axis: number): Weights | undefined {
    if (operator !== operators.dequantize) return undefined;
    const [data, scale, zero] = inputs.map((each) => this.#known(each));
    const { dtype } = data?.value.type ?? {};
    if (!data || !scale || !zero || (dtype !== "i8" && dtype !== "u8")) return undefined;
    if (!sameShape(data.value.type.shape, output.type.shape)) return undefined;
    const shape = staticShape(data.value.type.shape);
    const along = shape.slice(axis).map((size, d) => (d === 0 ? size : 1));
    const fits = ({ value, data: { length } }: Known): boolean =>
      length === 1 || withoutOnes(staticShape(value.type.shape)).join() === withoutOnes(along).join();
    const around = fits(scale) && fits(zero) ? this.#aroundZero(data, zero, axis) : undefined;
    return around && { ...this.#named(around), scale: scale.data };
  }

  /** Bytes less their zero points, one for all or one along the dimension `axis`, as signed bytes; undefined where one is none. */
  #aroundZero(given: Known, zero: Known, axis: number): Known | undefined {
    const { type } = given.value;
    if (type.dtype === "i8" && scalarOf(zero) === 0) return given;
    const shape = staticShape(type.shape);
    const inner = countOf(shape.slice(axis + 1));
    const data = newArray("i8", given.data.length);
    for (let at = 0; at < data.length; at++) {
      const channel = zero.data.length === 1 ? 0 : Math.floor(at / inner) % shape[axis]!;
      const value = Number(given.data[at]) - Number(zero.data[channel]);
      if (value < -128 || value > 127) return undefined;
      data[at] = value;
    }
    return { value: this.#editor.constant({ dtype: "i8", shape }, data, "w"), data };
  }

  #named({ value, data }: Known): Known {
    return { value: this.#editor.constant(value.type, data, this.#editor.constantOf(value)?.name ?? "w"), data };
  }

  #convolution(node: Node): Value | undefined {
    const x = this.#bytes(node.inputs[0]!);
    const w = x && this.#weights(node.inputs[1]!, 0);
    if (!x || !w) return undefined;
    const [outputs, ...rest] = staticShape(w.value.type.shape) as [number, ...number[]];
    const depth = countOf(rest);
    const total = (o: number) => {
      let sum = 0;
      for (let i = 0; i < depth; i++) sum += Number(w.data[o * depth + i]);
      return sum;
    };
    const totals = Array.from({ length: outputs }, (_, o) => total(o));
    return this.#scaled(
      () => this.#editor.apply(operators.convInteger, [x.bytes, w.value], node.attributes),
      x,
      w,
      depth,
      totals,
      [outputs, 1, 1],
    );
  }

  #product(node: Node): Value | undefined {
    const [a, b] = node.inputs as [Value, Value];
    if (b.type.shape.length !== 2) return undefined;
    const x = this.#bytes(a);
    const w = x && this.#weights(b, 1);
    if (!x || !w) return undefined;
    const [depth, columns] = staticShape(w.value.type.shape) as [number, number];
    const totals = new Array<number>(columns).fill(0);
    for (let i = 0; i < depth * columns; i++) totals[i % columns]! += Number(w.data[i]);
    return this.#scaled(() => this.#editor.apply(operators.matmulInteger, [x.bytes, w.value]), x, w, depth, totals, [
      columns,
    ]);
  }

  /** Σ (x − zero)·w · scale as Σ x·w − zero·Σ w, exactly, converted and scaled once. */
  #scaled(
    product: () => Value,
    { scale, zero }: Bytes,
    w: Weights,
    depth: number,
    totals: readonly number[],
    channels: readonly number[],
  ): Value | undefined {
    // No sum of differences from the zero point may leave 32 bits.
    if (depth * 255 * 128 >= 2 ** 31) return undefined;
    const offset = Int32Array.from(totals, (total) => -zero * total);
    const factors = Float32Array.from(totals, (_, o) => scale * Number(w.scale[w.scale.length === 1 ? 0 : o]));
    if (!factors.every(isOrdinary)) return undefined;
    const made: Sum = { sum: product(), offset, scale: factors, channels };
    const numbers = this.#editor.apply(operators.cast, [this.#offset(made)], { dtype: "f32" });
    const value = this.#editor.apply(operators.mul, [numbers, this.#channelwise(factors, "f32", channels, "scale")]);
    this.#sums.set(value, made);
    return value;
  }

  #channelwise(data: TypedArray, dtype: "f32" | "i32", channels: readonly number[], name: string): Value {
    return isUniform(data)
      ? this.#editor.constant({ dtype, shape: [] }, data.slice(0, 1), name)
      : this.#editor.constant({ dtype, shape: channels }, data, name);
  }

  /** A sum with its offset added. */
  #offset({ sum, offset, channels }: Sum): Value {
    if (offset.every((each) => each === 0)) return sum;
    return this.#editor.apply(operators.add, [sum, this.#channelwise(offset, "i32", channels, "offset")]);
  }

  /** quantize(relu?((sum + offset) · scale + bias?)) as one rounding of the sum. */
  #quantized(node: Node): Value | undefined {
    const [x, scaleOf, zeroOf] = node.inputs as [Value, Value, Value];
    const [scale, zero] = [this.#known(scaleOf), this.#known(zeroOf)];
    const [step, zeroPoint] = [scale && scalarOf(scale), zero && scalarOf(zero)];
    const { dtype } = zeroOf.type;
    if (step === undefined || zeroPoint === undefined || !(step > 0) || (dtype !== "u8" && dtype !== "i8"))
      return undefined;
    const clamped = this.#withConstant(x, operators.maximum, (bound) => scalarOf(bound) === 0);
    const shifted = this.#withConstant(clamped?.rest ?? x, operators.add, () => true);
    const numbers = shifted?.rest ?? clamped?.rest ?? x;
    const found = this.#sums.get(numbers);
    // A bound, a bias or a scale may have dimensions that the sum lacks.
    if (!found || !sameShape(node.outputs[0].type.shape, numbers.type.shape)) return undefined;
    const bias = shifted && this.#biasOf(shifted.constant, found);
    if (shifted && !bias) return undefined;
    const whole = bias && wholeBias(bias, found);
    const factors = found.scale.map((each) => each / step);
    const shift = bias && !whole ? bias.map((each) => each / step) : undefined;
    if (!factors.every(isOrdinary) || shift?.every(Number.isFinite) === false) return undefined;
    const operands = [
      this.#offset(whole ? { ...found, offset: whole } : found),
      this.#channelwise(factors, "f32", found.channels, "scale"),
      ...(shift ? [this.#channelwise(shift, "f32", found.channels, "bias")] : []),
    ];
    const [least, most] = quantizedRange[dtype];
    const low = clamped ? Math.max(least, zeroPoint) : least;
    return this.#editor.apply(operators.requantize, operands, { dtype, zeroPoint, low, high: most });
  }

  /** The operands of a node of that operator, one of them known and accepted. */
  #withConstant(
    value: Value,
    operator: unknown,
    accepts: (constant: Known) => boolean,
  ): { readonly rest: Value; readonly constant: Known } | undefined {
    const node = this.#editor.producerOf(value);
    if (!node || node.operator !== operator) return undefined;
    const [a, b] = node.inputs as [Value, Value];
    for (const [rest, other] of [
      [a, b],
      [b, a],
    ] as const) {
      const constant = this.#known(other);
      if (constant && accepts(constant)) return { rest, constant };
    }
    return undefined;
  }

  /** A bias as one number per channel. */
  #biasOf({ value, data }: Known, { channels, scale }: Sum): Float32Array | undefined {
    if (data.length === 1) return scale.map(() => Number(data[0]));
    const fits = withoutOnes(staticShape(value.type.shape)).join() === withoutOnes(channels).join();
    return fits ? Float32Array.from(data as Float32Array) : undefined;
  }
}

/** The offset that a bias makes of a sum's, where each of its numbers is a whole multiple of the sum's scale. */
function wholeBias(bias: Float32Array, { offset, scale }: Sum): Int32Array | undefined {
  const steps = Array.from(bias, (each, o) => Math.round(each / scale[o]!));
  const exact = steps.every((count, o) => {
    const total = count + offset[o]!;
    return Math.fround(Math.fround(count) * scale[o]!) === bias[o]! && Math.abs(total) < 2 ** 30;
  });
  return exact ? Int32Array.from(steps, (count, o) => count + offset[o]!) : undefined;
}

/**
 * The graph with convolutions and matrix products of dequantised operands computed in integers; what bias, ReLU and
 * quantising make of such a sum is one rounding of it.
 *
 * The sums are exact, so results may be nearer to the numbers than float32 chains are, and differ from those by their error.
 */
export function useIntegers(graph: Graph): Graph {
  if (!graph.nodes.some(({ operator }) => operator === operators.dequantize)) return graph;
  const sums = new Map<Value, Sum>();
  const numbers = new ConstantNumbers();
  return rewrite(graph, (node, editor) => new Integers(editor, sums, numbers).rule(node));
}

/** The graph with integer products by constant matrices packed for dot products of four. */
export const packProducts = (graph: Graph): Graph =>
  rewrite(graph, ({ operator, inputs }, editor) => {
    const [a, b] = inputs as [Value, Value];
    const weight = operator === operators.matmulInteger ? editor.constantOf(b) : undefined;
    if (!weight || b.type.shape.length !== 2) return undefined;
    const [depth, columns] = staticShape(b.type.shape) as [number, number];
    const shape = [Math.ceil(columns / dotColumns), Math.ceil(depth / dotBytes), dotColumns, dotBytes] as const;
    const data = newArray("i8", countOf(shape));
    for (let row = 0; row < depth; row++) {
      for (let column = 0; column < columns; column++) {
        const four = (Math.floor(column / dotColumns) * shape[1] + Math.floor(row / dotBytes)) * dotColumns;
        data[(four + (column % dotColumns)) * dotBytes + (row % dotBytes)] = Number(
          weight.data[row * columns + column],
        );
      }
    }
    const packed = editor.constant({ dtype: "i8", shape }, data, weight.name);
    return editor.apply(operators.packedMatmulInteger, [a, packed], { columns });
  });
