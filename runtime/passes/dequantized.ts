// Integers that stand for numbers, and what may be done to them in the numbers' place, bit for bit.
import { ConstantNumbers } from "../compiler/constant-value.ts";
import { type Graph, isNodeOf, type Node, type Value } from "../graph/graph.ts";
import { type Editor, rewrite } from "../graph/rewrite.ts";
import { newArray, sameShape, type TypedArray } from "../graph/tensor-type.ts";
import { isUniformData } from "../graph/weights.ts";
import { operators } from "../operators/index.ts";
import { quantizedRange } from "../operators/quantized.ts";

/** Numbers known now, and their value in the graph. */
export interface Known {
  readonly value: Value;
  readonly data: TypedArray;
}

/** Integers that stand for numbers: (integers − zero) · scale, with one scale and one zero point for all. */
export interface Dequantized {
  readonly integers: Value;
  readonly scale: number;
  readonly zero: number;
}

/** How numbers are rounded to integers. */
export interface Rounding {
  readonly dtype: keyof typeof quantizedRange;
  readonly scale: number;
  readonly zero: number;
}

/** Operators whose result has elements of their first operand, and no others. */
export const moving: ReadonlySet<Node["operator"]> = new Set<unknown>([
  operators.reshape,
  operators.permute,
  operators.slice,
  operators.broadcastTo,
  operators.flip,
  operators.indexSelect,
]) as ReadonlySet<Node["operator"]>;
/** Operators that choose the largest or the smallest of their first operand's elements. */
const choosing: ReadonlySet<unknown> = new Set([operators.max, operators.min, operators.maxPool]);
/** Operators whose result has elements of all their operands. */
const choosingOfAll: ReadonlySet<unknown> = new Set([operators.maximum, operators.minimum]);

/** The one number that all elements are, if they are one. */
export const scalarOf = ({ data }: Known): number | undefined => (isUniformData(data) ? Number(data[0]) : undefined);
/** Whether a factor keeps all its bits in f32: neither infinite nor NaN, nor below its normal numbers. */
export const isOrdinary = (factor: number): boolean => Number.isFinite(factor) && Math.abs(factor) >= 2 ** -126;
/** Whether differences of 17 bits keep all theirs when they are multiplied by a scale. */
const isStep = (scale: number): boolean => scale >= 2 ** -126 && scale <= 2 ** 110;

const alike = (a: Dequantized, b: Dequantized): boolean =>
  a.integers.type.dtype === b.integers.type.dtype && a.scale === b.scale && a.zero === b.zero;

/** Looks at what is dequantised in a graph that is being rewritten, and moves integers in its place. */
export class Integers {
  readonly editor: Editor;
  readonly #numbers: ConstantNumbers;

  constructor(editor: Editor, numbers: ConstantNumbers) {
    this.editor = editor;
    this.#numbers = numbers;
  }

  /** The numbers of a value that depends on constants only. */
  known(value: Value): Known | undefined {
    const data = this.#numbers.of(value, this.editor);
    return data && { value, data };
  }

  /** The one number that a value is known to be everywhere. */
  scalar(value: Value): number | undefined {
    const known = this.known(value);
    return known && scalarOf(known);
  }

  /** The node that the elements of a value come from, and those that move them from there, in order. */
  origin(value: Value): { readonly node: Node | undefined; readonly moves: readonly Node[] } {
    const moves: Node[] = [];
    let node = this.editor.producerOf(value);
    while (node && moving.has(node.operator)) {
      moves.unshift(node);
      node = this.editor.producerOf(node.inputs[0]!);
    }
    return { node, moves };
  }

  /** What is known of every element, moved as a node moves them; what is one for all stays. */
  movedKnown(of: Known, { operator, inputs, attributes }: Node): Known | undefined {
    if (of.data.length === 1) return of;
    return this.known(this.editor.apply(operator, [of.value, ...inputs.slice(1)], attributes));
  }

  /** What is known and broadcasts to a shape, in that shape; what is one for all stays. */
  spreadKnown(of: Known, shape: Value["type"]["shape"]): Known | undefined {
    if (of.data.length === 1 || sameShape(of.value.type.shape, shape)) return of;
    return this.known(this.editor.apply(operators.broadcastTo, [of.value], { shape }));
  }

  /** The integers that a value is made of. */
  of(value: Value): Dequantized | undefined {
    const node = this.editor.producerOf(value);
    return node && this.dequantizedBy(node);
  }

  /** The integers that a node makes numbers of. */
  dequantizedBy({ operator, inputs, outputs: [output] }: Node): Dequantized | undefined {
    if (operator !== operators.dequantize) return undefined;
    const [integers, scaleOf, zeroOf] = inputs as [Value, Value, Value];
    const [scale, zero] = [this.scalar(scaleOf), this.scalar(zeroOf)];
    const fits = integers.type.dtype in quantizedRange && sameShape(integers.type.shape, output.type.shape);
    return fits && scale !== undefined && zero !== undefined && isStep(scale) ? { integers, scale, zero } : undefined;
  }

  /** How a node rounds, where it does so in one way for all elements. */
  roundingOf({ operator, inputs }: Node): Rounding | undefined {
    if (operator !== operators.quantize) return undefined;
    const [, scaleOf, zeroOf] = inputs as [Value, Value, Value];
    const [scale, zero] = [this.scalar(scaleOf), this.scalar(zeroOf)];
    const dtype = zeroOf.type.dtype as Rounding["dtype"];
    return scale !== undefined && zero !== undefined && scale > 0 ? { dtype, scale, zero } : undefined;
  }

  quantize(x: Value, { dtype, scale, zero }: Rounding): Value {
    return this.editor.apply(operators.quantize, [x, this.#scalar("f32", scale), this.#scalar(dtype, zero)]);
  }

  dequantize({ integers, scale, zero }: Dequantized): Value {
    const { dtype } = integers.type;
    return this.editor.apply(operators.dequantize, [integers, this.#scalar("f32", scale), this.#scalar(dtype, zero)]);
  }

  #scalar(dtype: Value["type"]["dtype"], number: number): Value {
    const data = newArray(dtype, 1);
    data[0] = number;
    return this.editor.constant({ dtype, shape: [] }, data);
  }

  /** What only moves or compares numbers that are dequantised in one way does so to the integers. */
  moved(node: Node): Value | undefined {
    const { operator, inputs, attributes } = node;
    if (choosingOfAll.has(operator) || operator === operators.concat) return this.#joined(node);
    const bordered = isNodeOf(node, operators.pad) && node.attributes.value === 0 ? node : undefined;
    if (!moving.has(operator) && !choosing.has(operator) && !bordered) return undefined;
    const found = this.of(inputs[0]!);
    if (!found) return undefined;
    const given = bordered ? { ...bordered.attributes, value: found.zero } : attributes;
    return this.dequantize({
      ...found,
      integers: this.editor.apply(operator, [found.integers, ...inputs.slice(1)], given),
    });
  }

  /** Of several operands; the larger or the smaller of a number and 0 is that of its integer and the zero point. */
  #joined({ operator, inputs, attributes }: Node): Value | undefined {
    const all = inputs.map((value) => this.of(value));
    const first = all.find((each) => each !== undefined);
    if (!first) return undefined;
    const operands = all.map((each, at) => {
      if (each) return alike(each, first) ? each.integers : undefined;
      const isZero = choosingOfAll.has(operator) && this.scalar(inputs[at]!) === 0;
      return isZero && inputs[at]!.type.shape.length === 0
        ? this.#scalar(first.integers.type.dtype, first.zero)
        : undefined;
    });
    if (operands.includes(undefined)) return undefined;
    return this.dequantize({ ...first, integers: this.editor.apply(operator, operands as Value[], attributes) });
  }

  /** The integers that rounding makes of numbers that are just these integers. */
  same(x: Value, rounding: Rounding): Value | undefined {
    const found = this.of(x);
    if (!found || found.scale !== rounding.scale) return undefined;
    if (found.integers.type.dtype === rounding.dtype && found.zero === rounding.zero) return found.integers;
    // Signed bytes are kept as unsigned ones.
    if (found.integers.type.dtype !== "u8" || rounding.dtype !== "i8" || found.zero !== rounding.zero + 128)
      return undefined;
    const flipped = this.editor.apply(operators.bitwiseXor, [found.integers, this.#scalar("u8", 128)]);
    return this.editor.apply(operators.cast, [flipped], { dtype: "i8" });
  }
}

/**
 * The graph with quantised values kept as integers through all that only moves or compares them, and not rounded anew to what they
 * were. Signed bytes that it makes are made unsigned, 128 higher: the product of x86-64 wants them so. Exact.
 */
export function keepIntegers(graph: Graph): Graph {
  if (!graph.nodes.some(({ operator }) => operator === operators.dequantize)) return graph;
  const numbers = new ConstantNumbers();
  /** How signed bytes come about that this graph rounds to. */
  const signed = new Map<Value, { readonly x: Value; readonly rounding: Rounding }>();
  return rewrite(graph, (node, editor) => {
    const integers = new Integers(editor, numbers);
    if (node.operator === operators.dequantize) {
      const found = signed.get(node.inputs[0]!);
      const given = found && integers.dequantizedBy(node);
      if (!given) return undefined;
      const rounding = { ...found.rounding, dtype: "u8", zero: found.rounding.zero + 128 } as const;
      const unsigned = integers.same(found.x, rounding) ?? integers.quantize(found.x, rounding);
      return integers.dequantize({ ...given, integers: unsigned, zero: given.zero + 128 });
    }
    const rounding = integers.roundingOf(node);
    if (!rounding) return integers.moved(node);
    const [x] = node.inputs as [Value];
    const same = integers.same(x, rounding);
    if (rounding.dtype === "i8") signed.set(same ?? node.outputs[0], { x, rounding });
    return same;
  });
}
