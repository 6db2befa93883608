// The numeric plan of quantised graphs: products of dequantised bytes are summed as integers, and rounded back in one step.
import { generators } from "../../kernels/index.ts";
import { ConstantNumbers } from "../compiler/constant-value.ts";
import { type Form, formedShape } from "../graph/forms.ts";
import type { Graph, Node, Value } from "../graph/graph.ts";
import { type Editor, rewrite } from "../graph/rewrite.ts";
import { countOf, newArray, sameShape, staticShape, type TypedArray } from "../graph/tensor-type.ts";
import { isUniformData } from "../graph/weights.ts";
import { operators } from "../operators/index.ts";
import { quantizedRange } from "../operators/quantized.ts";
import { type Dequantized, Integers, isOrdinary, type Known, moving, type Rounding, scalarOf } from "./dequantized.ts";

const { dotBytes, dotColumns } = generators;

/** Signed bytes that stand for numbers: (data − zero) · scale, scale and zero point one for all or one for each output. */
interface Weights {
  readonly value: Value;
  readonly data: TypedArray;
  readonly scale: TypedArray;
  /** None where it is 0 for all. */
  readonly zero: TypedArray | undefined;
}

/** The same while it is moved around: scale and zero point are one for all, or one for each element. */
interface MovedWeights {
  readonly data: Known;
  readonly scale: Known;
  readonly zero: Known | undefined;
}

/** A float value that is (sum + offset) · scale, channel by channel; its channels lie along a shape like [o,1,1]. */
interface Sum {
  readonly sum: Value;
  readonly offset: Int32Array;
  readonly scale: Float32Array;
  readonly channels: readonly number[];
  /** Of a sum of bytes without weights: of how many. */
  readonly terms?: number;
}

/** What is added to numbers before they are rounded: one number, or one for each index along a dimension. */
interface Bias {
  readonly data: Float32Array;
  readonly axis: number | undefined;
}

/** quantize(relu?(… + bias?)). */
interface Ending {
  readonly rounding: Rounding;
  readonly bias: Bias | undefined;
  readonly isClamped: boolean;
}

const isByte = ({ type: { dtype } }: Value): boolean => dtype === "u8" || dtype === "i8";

class ProductsOfBytes {
  readonly #integers: Integers;
  readonly #editor: Editor;
  readonly #sums: Map<Value, Sum>;

  constructor(integers: Integers, sums: Map<Value, Sum>) {
    this.#integers = integers;
    this.#editor = integers.editor;
    this.#sums = sums;
  }

  rule(node: Node): Value | undefined {
    if (node.operator === operators.conv2d) return this.#convolution(node);
    if (node.operator === operators.matmul) return this.#product(node);
    if (node.operator === operators.sum) return this.#total(node);
    if (node.operator === operators.add) return this.#joinedSum(node);
    if (node.operator === operators.div) return this.#share(node);
    return node.operator === operators.quantize ? this.#quantized(node) : this.#integers.moved(node);
  }

  /** A value as bytes with one scale and one zero point. */
  #bytes(value: Value): Dequantized | undefined {
    const found = this.#integers.of(value);
    return found && isByte(found.integers) ? found : undefined;
  }

  /** A value as constant signed bytes, scaled as a whole or along `axis`, and so their zero points. */
  #weights(value: Value, axis: number): Weights | undefined {
    const { node, moves } = this.#integers.origin(value);
    let found = node && this.#dequantizedWeights(node);
    for (const each of moves) {
      const [data, scale, zero] = [found?.data, found?.scale, found?.zero].map(
        (of) => of && this.#integers.movedKnown(of, each),
      );
      found = data && scale && { data: this.#named(data), scale, zero };
    }
    if (!found) return undefined;
    const along = (of: Known) => alongAxis(of, staticShape(value.type.shape), axis);
    const [scale, zero] = [along(found.scale), found.zero && along(found.zero)];
    return scale && (zero || !found.zero) ? { ...found.data, scale, zero } : undefined;
  }

  #dequantizedWeights({ operator, inputs, outputs: [output] }: Node): MovedWeights | undefined {
    if (operator !== operators.dequantize) return undefined;
    const [data, scale, zero] = inputs.map((each) => this.#integers.known(each));
    if (!data || !scale || !zero || !isByte(data.value)) return undefined;
    if (!sameShape(data.value.type.shape, output.type.shape)) return undefined;
    const [scales, zeros] = [scale, zero].map((each) => this.#integers.spreadKnown(each, output.type.shape));
    if (!scales || !zeros) return undefined;
    return { scale: scales, ...this.#signed(data, zeros) };
  }

  /** Bytes as signed ones: around zero where they are that, else with their zero points, unsigned ones and theirs 128 less. */
  #signed(given: Known, zero: Known): Pick<MovedWeights, "data" | "zero"> {
    const { dtype, shape } = given.value.type;
    const point = (at: number): number => Number(zero.data[zero.data.length === 1 ? 0 : at]);
    const bytes = (value: (at: number) => number): Known => {
      const data = newArray("i8", given.data.length).map((_, at) => value(at));
      return this.#named({ ...given, value: this.#editor.constant({ dtype: "i8", shape }, data), data });
    };
    if (dtype === "i8" && scalarOf(zero) === 0) return { data: this.#named(given), zero: undefined };
    const fits = given.data.every(
      (value: number | bigint, at: number) => Math.abs(Number(value) - point(at) + 0.5) < 128,
    );
    if (fits) return { data: bytes((at) => Number(given.data[at]) - point(at)), zero: undefined };
    const down = dtype === "u8" ? 128 : 0;
    const points = Int32Array.from(zero.data as Uint8Array, (each) => each - down);
    const type = { dtype: "i32", shape: zero.data.length === 1 ? [] : shape } as const;
    return {
      data: bytes((at) => Number(given.data[at]) - down),
      zero: { value: this.#editor.constant(type, points, "zero"), data: points },
    };
  }

  #named({ value, data }: Known): Known {
    return { value: this.#editor.constant(value.type, data, this.#editor.constantOf(value)?.name ?? "w"), data };
  }

  #convolution(node: Node): Value | undefined {
    const x = this.#bytes(node.inputs[0]!);
    const w = x && this.#weights(node.inputs[1]!, 0);
    if (!x || !w) return undefined;
    const [outputs, ...rest] = staticShape(w.value.type.shape) as [number, ...number[]];
    const { groups } = node.attributes as { readonly groups: number };
    // The sum of each window is one for all outputs, or each output has its own.
    if (w.zero && groups > 1 && groups !== outputs) return undefined;
    const convolved = (weight: Value) =>
      this.#editor.apply(operators.convInteger, [x.integers, weight], node.attributes);
    const windows = () => {
      const shape = [groups, ...rest];
      return convolved(this.#editor.constant({ dtype: "i8", shape }, newArray("i8", countOf(shape)).fill(1), "ones"));
    };
    const depth = countOf(rest);
    const parts = {
      depth,
      totals: totalsOf(w.data, outputs, (at) => Math.floor(at / depth)),
      channels: [outputs, 1, 1],
    };
    return this.#scaled(x, w, parts, () => convolved(w.value), windows);
  }

  #product(node: Node): Value | undefined {
    const [a, b] = node.inputs as [Value, Value];
    if (b.type.shape.length !== 2) return undefined;
    const x = this.#bytes(a);
    const w = x && this.#weights(b, 1);
    if (!x || !w) return undefined;
    const [depth, columns] = staticShape(w.value.type.shape) as [number, number];
    const rows = () => {
      const wide = this.#editor.apply(operators.cast, [x.integers], { dtype: "i32" });
      return this.#editor.apply(operators.sum, [wide], { axes: [a.type.shape.length - 1], keepDims: true });
    };
    const parts = { depth, totals: totalsOf(w.data, columns, (at) => at % columns), channels: [columns] };
    return this.#scaled(x, w, parts, () => this.#editor.apply(operators.matmulInteger, [x.integers, w.value]), rows);
  }

  /** A value that is bytes, or a sum of bytes that have one scale, as such a sum. */
  #sumOfBytes(value: Value): (Sum & { readonly terms: number }) | undefined {
    const found = this.#sums.get(value);
    if (found) return found.terms === undefined ? undefined : { ...found, terms: found.terms };
    const x = this.#bytes(value);
    if (!x) return undefined;
    return {
      sum: this.#editor.apply(operators.cast, [x.integers], { dtype: "i32" }),
      offset: Int32Array.of(-x.zero),
      scale: Float32Array.of(x.scale),
      channels: [],
      terms: 1,
    };
  }

  /** The sum of bytes along dimensions, in integers. */
  #total({ inputs, outputs: [output], operator, attributes }: Node): Value | undefined {
    const x = this.#sumOfBytes(inputs[0]!);
    const count = countOf(staticShape(inputs[0]!.type.shape)) / countOf(staticShape(output.type.shape));
    return x && this.#asSum(x, this.#editor.apply(operator, [x.sum], attributes), count);
  }

  /** The sum of bytes, or of sums of some, that have one scale. */
  #joinedSum({ inputs: [left, right] }: Node): Value | undefined {
    if (!sameShape(left!.type.shape, right!.type.shape)) return undefined;
    const [a, b] = [left!, right!].map((each) => this.#sumOfBytes(each));
    if (!a || !b || a.scale[0] !== b.scale[0]) return undefined;
    const sum = this.#editor.apply(operators.add, [a.sum, b.sum]);
    return this.#asSum({ ...a, offset: Int32Array.of(a.offset[0]! + b.offset[0]!), terms: a.terms + b.terms }, sum, 1);
  }

  #asSum(of: Sum & { readonly terms: number }, sum: Value, count: number): Value | undefined {
    const terms = of.terms * count;
    if (terms * 255 >= 2 ** 31) return undefined;
    return this.#numbers({ ...of, sum, terms, offset: Int32Array.of(of.offset[0]! * count) });
  }

  /** A sum divided by one number. */
  #share({ inputs: [x, by] }: Node): Value | undefined {
    const found = this.#sums.get(x!);
    const divisor = this.#integers.scalar(by!);
    if (!found || !divisor || by!.type.shape.length > 0) return undefined;
    return this.#numbers({ ...found, scale: found.scale.map((each) => each / divisor) });
  }

  /** The numbers that a sum stands for. */
  #numbers(sum: Sum): Value {
    const numbers = this.#editor.apply(operators.cast, [this.#offset(sum)], { dtype: "f32" });
    const scale = this.#channelwise(sum.scale, "f32", sum.channels, "scale");
    const value = this.#editor.apply(operators.mul, [numbers, scale]);
    this.#sums.set(value, sum);
    return value;
  }

  /** Σ (x − zero)·(w − its zero) · scale, exactly: Σ x·w less what the zero points make, converted and scaled once. */
  #scaled(
    { scale, zero }: Dequantized,
    w: Weights,
    {
      depth,
      totals,
      channels,
    }: { readonly depth: number; readonly totals: readonly number[]; readonly channels: readonly number[] },
    product: () => Value,
    sumsOfBytes: () => Value,
  ): Value | undefined {
    // No sum of differences from the zero points may leave 32 bits.
    if (depth * 255 * (w.zero ? 255 : 128) >= 2 ** 31) return undefined;
    const each = (of: TypedArray, o: number): number => Number(of[of.length === 1 ? 0 : o]);
    const zeros = totals.map((_, o) => (w.zero ? each(w.zero, o) : 0));
    const offset = Int32Array.from(totals, (total, o) => -zero * (total - depth * zeros[o]!));
    const factors = Float32Array.from(totals, (_, o) => scale * each(w.scale, o));
    if (!factors.every(isOrdinary)) return undefined;
    if (!w.zero) return this.#numbers({ sum: product(), offset, scale: factors, channels });
    const moved = this.#channelwise(Int32Array.from(zeros), "i32", channels, "zero");
    const excess = this.#editor.apply(operators.mul, [sumsOfBytes(), moved]);
    const sum = this.#editor.apply(operators.sub, [product(), excess]);
    return this.#numbers({ sum, offset, scale: factors, channels });
  }

  #channelwise(data: TypedArray, dtype: "f32" | "i32", channels: readonly number[], name: string): Value {
    return isUniformData(data)
      ? this.#editor.constant({ dtype, shape: [] }, data.slice(0, 1), name)
      : this.#editor.constant({ dtype, shape: channels }, data, name);
  }

  /** A sum with its offset added. */
  #offset({ sum, offset, channels }: Sum): Value {
    if (offset.every((each) => each === 0)) return sum;
    return this.#editor.apply(operators.add, [sum, this.#channelwise(offset, "i32", channels, "offset")]);
  }

  /** quantize(relu?(numbers + bias?)), rounded where the numbers come from: sums in one step, and integers that are so already not at all. */
  #quantized(node: Node): Value | undefined {
    const [x] = node.inputs as [Value];
    const rounding = this.#integers.roundingOf(node);
    if (!rounding) return undefined;
    if (this.#integers.of(x)) return this.#integers.same(x, rounding);
    const clamped = this.#withConstant(x, operators.maximum, (bound) => scalarOf(bound) === 0);
    const shifted = this.#withConstant(clamped?.rest ?? x, operators.add, () => true);
    const numbers = shifted?.rest ?? clamped?.rest ?? x;
    // A bound, a bias or a scale may have dimensions that the numbers lack.
    if (!sameShape(node.outputs[0].type.shape, numbers.type.shape)) return undefined;
    const bias = shifted && biasOf(shifted.constant, numbers.type.shape.length);
    if (shifted && !bias) return undefined;
    return this.#rounded(numbers, { rounding, bias, isClamped: clamped !== undefined });
  }

  /** The integers that numbers are in the end; what moves them moves those, if it does not leave most of them out. */
  #rounded(value: Value, ending: Ending): Value | undefined {
    const sum = this.#sums.get(value);
    if (sum) return this.#requantized(sum, ending);
    const node = this.#editor.producerOf(value);
    if (!node) return undefined;
    if (this.#integers.of(value)) return ending.bias ? undefined : this.#roundedAnew(value, ending);
    const { operator, inputs, attributes } = node;
    const isJoined = operator === operators.concat;
    if (!isJoined && !moving.has(operator)) return undefined;
    const given = isJoined ? inputs : inputs.slice(0, 1);
    const count = given.reduce((total, { type }) => total + countOf(staticShape(type.shape)), 0);
    if (2 * count > 3 * countOf(staticShape(value.type.shape))) return undefined;
    const own = ending.bias && biasBefore(node, ending.bias);
    if (ending.bias && !own) return undefined;
    const parts = given.map((each) => this.#rounded(each, { ...ending, bias: own }));
    if (parts.includes(undefined)) return undefined;
    return this.#editor.apply(operator, [...(parts as Value[]), ...inputs.slice(given.length)], attributes);
  }

  /** What is dequantised, rounded in another way. */
  #roundedAnew(value: Value, { rounding, isClamped }: Ending): Value {
    const bound = () => this.#editor.constant({ dtype: "f32", shape: [] }, newArray("f32", 1), "zero");
    const numbers = isClamped ? this.#editor.apply(operators.maximum, [value, bound()]) : value;
    return this.#integers.same(numbers, rounding) ?? this.#integers.quantize(numbers, rounding);
  }

  /** relu?((sum + offset) · scale + bias?) as one rounding of the sum. */
  #requantized(found: Sum, { rounding, bias: given, isClamped }: Ending): Value | undefined {
    const { dtype, scale: step, zero: zeroPoint } = rounding;
    if (dtype !== "u8" && dtype !== "i8") return undefined;
    const bias = given && channelBias(given, found);
    if (given && !bias) return undefined;
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
    const low = isClamped ? Math.max(least, zeroPoint) : least;
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
      const constant = this.#integers.known(other);
      if (constant && accepts(constant)) return { rest, constant };
    }
    return undefined;
  }
}

/** The sums of weights by output. */
function totalsOf(data: TypedArray, outputs: number, outputOf: (at: number) => number): number[] {
  const totals = new Array<number>(outputs).fill(0);
  for (let at = 0; at < data.length; at++) totals[outputOf(at)]! += Number(data[at]);
  return totals;
}

/** What a constant adds to numbers of that rank; undefined where it varies along several dimensions. */
function biasOf({ value, data }: Known, rank: number): Bias | undefined {
  const shape = staticShape(value.type.shape);
  const along = [...shape.keys()].filter((d) => shape[d] !== 1);
  if (along.length > 1) return undefined;
  const [d] = along;
  return { data: Float32Array.from(data as Float32Array), axis: d === undefined ? undefined : rank - shape.length + d };
}

/** The bias of a moved operand that is the bias of the result; undefined where what it goes along is moved too. */
function biasBefore({ operator, inputs, attributes }: Node, bias: Bias): Bias | undefined {
  if (bias.axis === undefined) return bias;
  const [x] = inputs as [Value];
  if (isConcatenation(operator)) return (attributes as { axis: number }).axis === bias.axis ? undefined : bias;
  const types = inputs.map(({ type }) => type);
  const axis = x.type.shape.findIndex((_, d) => operator.axes?.kept(d, types, attributes) === bias.axis);
  return axis < 0 || x.type.shape[axis] !== bias.data.length ? undefined : { ...bias, axis };
}

const isConcatenation = (operator: Node["operator"]): boolean => operator === operators.concat;

/** A bias as one number per channel of a sum. */
function channelBias({ data, axis }: Bias, { sum, channels, scale }: Sum): Float32Array | undefined {
  if (axis === undefined) return scale.map(() => data[0]!);
  return axis === sum.type.shape.length - channels.length && data.length === scale.length ? data : undefined;
}

/** Numbers that are the same wherever the index along `axis` is, one for each such index; undefined where they are not. */
function alongAxis({ data }: Known, shape: readonly number[], axis: number): TypedArray | undefined {
  if (data.length === 1) return data;
  const inner = countOf(shape.slice(axis + 1));
  const line = newArray("f32", shape[axis]!);
  for (let i = 0; i < line.length; i++) line[i] = Number(data[i * inner]);
  for (let at = 0; at < data.length; at++)
    if (!Object.is(data[at], line[Math.floor(at / inner) % line.length])) return undefined;
  return line;
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
  return rewrite(graph, (node, editor) => new ProductsOfBytes(new Integers(editor, numbers), sums).rule(node));
}

/** The graph with integer products by constant matrices packed for dot products of four. */
export const packProducts = (graph: Graph): Graph =>
  rewrite(graph, ({ operator, inputs }, editor) => {
    const [a, b] = inputs as [Value, Value];
    const weight = operator === operators.matmulInteger ? editor.constantOf(b) : undefined;
    if (!weight || b.type.shape.length !== 2) return undefined;
    const [depth, columns] = staticShape(b.type.shape) as [number, number];
    const fours = [Math.ceil(depth / dotBytes), dotBytes];
    const groups = [Math.ceil(columns / dotColumns), dotColumns];
    const form: Form = { kind: "arrangement", shape: [depth, columns], parts: [fours, groups], order: [2, 0, 3, 1] };
    const packed = editor.constant({ dtype: "i8", shape: formedShape(form) }, { of: weight, form }, weight.name);
    return editor.apply(operators.packedMatmulInteger, [a, packed], { columns });
  });
