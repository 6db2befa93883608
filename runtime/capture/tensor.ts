// The functional tensor API that functions under trace are written in.
import { z } from "zod";
import { type Dtype, IsochronError, type Narrowing, shown } from "../../kernels/index.ts";
import { isBounded } from "../graph/dimension.ts";
import type { Value } from "../graph/graph.ts";
import { boundsNothing, type Comparison, comparable, elementsFrom, holds, rangeText } from "../graph/numbers.ts";
import { located } from "../graph/place.ts";
import {
  type ArrayOf,
  countOf,
  type Dimension,
  type Known,
  requireDtype,
  type Shape,
  showTensorType,
  sizeOf,
  staticShape,
  type TensorType,
  tensorType,
} from "../graph/tensor-type.ts";
import { axisIn } from "../operators/axis.ts";
import { boundedOperators, type Operator, operators } from "../operators/index.ts";
import { operandError } from "../operators/operand-error.ts";
import { ChannelMethods } from "./methods/channels.ts";
import type { WithIndices } from "./methods/symbolic.ts";
import {
  dimensions,
  dtypeOption,
  flag,
  listOf,
  operand,
  operatorOptions,
  placed,
  requireArgument,
  tensorOf,
  tensorOption,
  valueOfOperand,
} from "./options.ts";
import { currentRecorder } from "./recorder.ts";

/**
 * An operand: a tensor, or a number beside one, which means its value.
 *
 * Comparisons are by value, and so are bounds; elsewhere the dtype of the tensor must hold the number, or floats round it.
 */
export type Operand<D extends Dtype = Dtype> = Tensor<D> | number;

interface ReduceOptions {
  readonly keepDims?: boolean;
}

interface InDtype<R extends Dtype = Dtype> {
  /** What the elements are converted to first. */
  readonly dtype: R;
}

interface OrderOptions {
  readonly descending?: boolean;
}

interface TopOptions {
  readonly largest?: boolean;
}

const inDtypeSchemas = { keepDims: flag, dtype: dtypeOption };
/** The checks of reductions' options, by the operators' names. */
const checkReduction = {
  sum: operatorOptions<ReduceOptions & InDtype>("sum", () => inDtypeSchemas),
  mean: operatorOptions<ReduceOptions & InDtype>("mean", () => inDtypeSchemas),
  prod: operatorOptions<ReduceOptions & InDtype>("prod", () => inDtypeSchemas),
  max: operatorOptions<ReduceOptions>("max", () => ({ keepDims: flag })),
  min: operatorOptions<ReduceOptions>("min", () => ({ keepDims: flag })),
  any: operatorOptions<ReduceOptions>("any", () => ({ keepDims: flag })),
  all: operatorOptions<ReduceOptions>("all", () => ({ keepDims: flag })),
};
const checkCast = operatorOptions<Narrowing>("cast", () => ({
  saturate: flag,
  rounding: z.enum(["up", "down", "nearest"]).optional(),
}));
const checkSort = operatorOptions<OrderOptions>("sort", () => ({ descending: flag }));
const checkArgsort = operatorOptions<OrderOptions>("argsort", () => ({ descending: flag }));
const checkTopK = operatorOptions<TopOptions>("topK", () => ({ largest: flag }));

/** A symbolic tensor; each method adds an operator to the trace. Negative axes count from the end. */
export class Tensor<D extends Dtype = Dtype> extends ChannelMethods<D> {
  readonly value: Value;
  /** Only for TypeScript: the element type. */
  declare readonly dtypeOf: D;

  constructor(value: Value) {
    super();
    this.value = value;
  }

  get type(): TensorType<D> {
    return this.value.type as TensorType<D>;
  }
  get dtype(): D {
    return this.type.dtype;
  }
  /** The elements of a small tensor of integers, where they follow from constants and sizes alone. */
  get known(): Known | undefined {
    return this.value.known;
  }
  /** The shape as numbers; throws where a dimension is not known yet. */
  get shape(): number[] {
    return staticShape(this.type.shape);
  }

  #apply<R extends Dtype>(
    name: keyof typeof operators,
    others: readonly Operand[],
    attributes: unknown = {},
  ): Tensor<R> {
    const recorder = currentRecorder();
    const besides = others.map((each) => {
      const given = operand(name, each);
      return typeof given === "number" ? beside(name, this.type, given) : given.value;
    });
    return new Tensor<R>(recorder.apply(operators[name], [this.value, ...besides], attributes));
  }

  protected override apply<R extends Dtype>(
    name: keyof typeof operators,
    others: readonly Operand[],
    attributes: unknown = {},
  ): Tensor<R> {
    return this.#apply(name, others, attributes);
  }

  protected override results(operator: Operator, others: readonly Tensor[], attributes: unknown): Tensor[] {
    const operands = [this.value, ...others.map((each) => valueOfOperand(operator.name, each))];
    return currentRecorder()
      .results(operator, operands, { attributes })
      .map((value) => new Tensor(value));
  }

  #compare(name: Comparison, other: Operand<D>): Tensor<"bool"> {
    if (typeof other !== "number") return this.#apply(name, [other]);
    const same = comparable(name, this.dtype, other);
    return this.#apply(same.name, [same.value]);
  }

  #bound(name: "maximum" | "minimum", other: Operand<D>): Tensor<D> {
    return typeof other === "number" && boundsNothing(name, this.dtype, other) ? this : this.#apply(name, [other]);
  }

  add(other: Operand<D>): Tensor<D> {
    return this.#apply("add", [other]);
  }
  sub(other: Operand<D>): Tensor<D> {
    return this.#apply("sub", [other]);
  }
  mul(other: Operand<D>): Tensor<D> {
    return this.#apply("mul", [other]);
  }
  div(other: Operand<D>): Tensor<D> {
    return this.#apply("div", [other]);
  }
  /** The larger of each pair; NaN wins. */
  maximum(other: Operand<D>): Tensor<D> {
    return this.#bound("maximum", other);
  }
  /** The smaller of each pair; NaN wins. */
  minimum(other: Operand<D>): Tensor<D> {
    return this.#bound("minimum", other);
  }
  clamp(low: Operand<D>, high: Operand<D>): Tensor<D> {
    return this.maximum(low).minimum(high);
  }
  relu(): Tensor<D> {
    return this.maximum(0);
  }
  neg(): Tensor<D> {
    return this.#apply("neg", []);
  }
  abs(): Tensor<D> {
    return this.#apply("abs", []);
  }
  sqrt(): Tensor<D> {
    return this.#apply("sqrt", []);
  }
  floor(): Tensor<D> {
    return this.#apply("floor", []);
  }
  ceil(): Tensor<D> {
    return this.#apply("ceil", []);
  }
  round(): Tensor<D> {
    return this.#apply("round", []);
  }
  exp(): Tensor<D> {
    return this.#apply("exp", []);
  }
  log(): Tensor<D> {
    return this.#apply("log", []);
  }
  tanh(): Tensor<D> {
    return this.#apply("tanh", []);
  }
  sigmoid(): Tensor<D> {
    return this.#apply("sigmoid", []);
  }
  /** Of radians. */
  sin(): Tensor<D> {
    return this.#apply("sin", []);
  }
  /** Of radians. */
  cos(): Tensor<D> {
    return this.#apply("cos", []);
  }
  atan(): Tensor<D> {
    return this.#apply("atan", []);
  }
  /** The angle of (x, this). */
  atan2(x: Operand<D>): Tensor<D> {
    return this.#apply("atan2", [x]);
  }
  /** This to the power of `exponent`, as C's pow. */
  pow(exponent: Operand<D>): Tensor<D> {
    return this.#apply("pow", [exponent]);
  }

  equal(other: Operand<D>): Tensor<"bool"> {
    return this.#compare("equal", other);
  }
  notEqual(other: Operand<D>): Tensor<"bool"> {
    return this.#compare("notEqual", other);
  }
  less(other: Operand<D>): Tensor<"bool"> {
    return this.#compare("less", other);
  }
  lessEqual(other: Operand<D>): Tensor<"bool"> {
    return this.#compare("lessEqual", other);
  }
  greater(other: Operand<D>): Tensor<"bool"> {
    return this.#compare("greater", other);
  }
  greaterEqual(other: Operand<D>): Tensor<"bool"> {
    return this.#compare("greaterEqual", other);
  }
  and(other: Tensor<"bool">): Tensor<"bool"> {
    return this.#apply("logicalAnd", [other]);
  }
  or(other: Tensor<"bool">): Tensor<"bool"> {
    return this.#apply("logicalOr", [other]);
  }
  not(): Tensor<"bool"> {
    return this.#apply("logicalNot", []);
  }

  /** In another dtype. Floats of 8 bits are the nearest or the largest unless options say otherwise: they are ONNX's, and apply to no other dtype. */
  cast<R extends Dtype>(dtype: R, options: Narrowing = {}): Tensor<R> {
    checkCast(options);
    located(() => requireDtype(dtype));
    return this.#apply("cast", [], { dtype, ...options });
  }
  /** The same bits as another dtype of the same width, as PyTorch's `view(dtype)`. */
  bitCast<R extends Dtype>(dtype: R): Tensor<R> {
    located(() => requireDtype(dtype));
    return this.#apply("bitCast", [], { dtype });
  }
  /** The dimensions in another order, from the last to the first unless it is given. */
  permute(axes: readonly number[] = this.type.shape.map((_, d) => this.type.shape.length - 1 - d)): Tensor<D> {
    return this.#apply("permute", [], { axes });
  }
  /** With two dimensions in each other's place. */
  transpose(a: number, b: number): Tensor<D> {
    return located(() => {
      const rank = this.type.shape.length;
      const [first, second] = [a, b].map((axis) => axisIn(`transpose of ${showTensorType(this.type)}`, axis, rank));
      const axes = this.type.shape.map((_, d) => (d === first ? second! : d === second ? first! : d));
      return this.permute(axes);
    });
  }
  /** All elements in one dimension. */
  flatten(): Tensor<D> {
    return this.reshape([-1]);
  }
  /** Without a dimension of size 1, or all of them. */
  squeeze(axis?: number): Tensor<D> {
    return located(() => {
      const { shape } = this.type;
      const only =
        axis === undefined ? undefined : axisIn(`squeeze of ${showTensorType(this.type)}`, axis, shape.length);
      return this.reshape(shape.filter((size, d) => size !== 1 || (only !== undefined && d !== only)));
    });
  }
  /** With a new dimension of size 1, which is dimension `axis` of the result. */
  unsqueeze(axis: number): Tensor<D> {
    return located(() => {
      const { shape } = this.type;
      const at = axisIn(`unsqueeze of ${showTensorType(this.type)}`, axis, shape.length + 1);
      return this.reshape(shape.toSpliced(at, 0, 1));
    });
  }
  broadcastTo(given: Shape | Tensor): Tensor<D> {
    return this.#apply("broadcastTo", [], { shape: listOf<Dimension>("broadcastTo", "shape", dimensions, given) });
  }
  #reduce(
    name: keyof typeof checkReduction,
    axes: readonly number[] | undefined,
    { keepDims = false }: ReduceOptions,
  ): Tensor<D> {
    return this.#apply(name, [], {
      axes: axes ?? this.type.shape.map((_, d) => d),
      keepDims,
    });
  }
  /** This in the dtype that a reduction is made in: the one named, i64 of bool, otherwise its own. */
  #widened(dtype: Dtype | undefined): Tensor {
    const wanted = dtype ?? (this.dtype === "bool" ? "i64" : this.dtype);
    return wanted === this.dtype ? this : this.cast(wanted);
  }
  /** Σ over dimensions, all unless named; in `dtype`, which is i64 of bool and otherwise the tensor's own unless named. */
  sum(this: Tensor<"bool">, axes?: readonly number[], options?: ReduceOptions): Tensor<"i64">;
  sum<R extends Dtype>(axes: readonly number[] | undefined, options: ReduceOptions & InDtype<R>): Tensor<R>;
  sum(axes?: readonly number[], options?: ReduceOptions): Tensor<D>;
  sum(axes?: readonly number[], options: ReduceOptions & Partial<InDtype> = {}): Tensor {
    checkReduction.sum(options);
    return this.#widened(options.dtype).#reduce("sum", axes, options);
  }
  /** The mean over dimensions, all unless named; in `dtype`, which integers need. */
  mean<R extends Dtype>(axes: readonly number[] | undefined, options: ReduceOptions & InDtype<R>): Tensor<R>;
  mean(axes?: readonly number[], options?: ReduceOptions): Tensor<D>;
  mean(axes?: readonly number[], options: ReduceOptions & Partial<InDtype> = {}): Tensor {
    checkReduction.mean(options);
    return (options.dtype ? this.#widened(options.dtype) : this).#reduce("mean", axes, options);
  }
  /** Π over dimensions, all unless named; in `dtype` as `sum`. */
  prod(this: Tensor<"bool">, axes?: readonly number[], options?: ReduceOptions): Tensor<"i64">;
  prod<R extends Dtype>(axes: readonly number[] | undefined, options: ReduceOptions & InDtype<R>): Tensor<R>;
  prod(axes?: readonly number[], options?: ReduceOptions): Tensor<D>;
  prod(axes?: readonly number[], options: ReduceOptions & Partial<InDtype> = {}): Tensor {
    checkReduction.prod(options);
    return this.#widened(options.dtype).#reduce("prod", axes, options);
  }
  max(axes?: readonly number[], options: ReduceOptions = {}): Tensor<D> {
    checkReduction.max(options);
    return this.#reduce("max", axes, options);
  }
  min(axes?: readonly number[], options: ReduceOptions = {}): Tensor<D> {
    checkReduction.min(options);
    return this.#reduce("min", axes, options);
  }
  any(axes?: readonly number[], options: ReduceOptions = {}): Tensor<D> {
    checkReduction.any(options);
    return this.#reduce("any", axes, options);
  }
  all(axes?: readonly number[], options: ReduceOptions = {}): Tensor<D> {
    checkReduction.all(options);
    return this.#reduce("all", axes, options);
  }
  /** The position of the first largest element along `axis`; NaN counts as the largest. */
  argmax(axis: number): Tensor<"i64"> {
    return this.#apply("argmax", [], { axis });
  }
  /** The position of the first smallest element along `axis`; NaN counts as the smallest. */
  argmin(axis: number): Tensor<"i64"> {
    return this.#apply("argmin", [], { axis });
  }
  /** e^x / Σ e^x along one dimension. */
  softmax(axis: number): Tensor<D> {
    return this.#apply("softmax", [], { axis });
  }
  /** ln of softmax along one dimension. */
  logSoftmax(axis: number): Tensor<D> {
    return this.#apply("logSoftmax", [], { axis });
  }
  /** (this − mean) / √(variance + epsilon) · scale + shift over the last dimensions, those of scale and shift. */
  layerNorm(scale: Tensor<D>, shift: Tensor<D>, epsilon = 1e-5): Tensor<D> {
    return this.#apply("layerNorm", [scale, shift], {
      dimensions: tensorOf("layerNorm", scale).type.shape.length,
      epsilon,
    });
  }
  /** this / √(mean square + epsilon) · scale over the last dimensions, those of scale. */
  rmsNorm(scale: Tensor<D>, epsilon = 1e-6): Tensor<D> {
    return this.#apply("rmsNorm", [scale], { dimensions: tensorOf("rmsNorm", scale).type.shape.length, epsilon });
  }
  /** The product of matrices […,m,k] and […,k,n], batch dimensions broadcast; of integers it wraps. */
  matmul(other: Tensor<D>): Tensor<D> {
    return this.#apply("matmul", [other]);
  }
  /** this · wᵀ + b, with w: [o,i] and b: [o]. */
  linear(weight: Tensor<D>, bias: Tensor<D>): Tensor<D> {
    return this.#apply("linear", [weight, bias]);
  }
  /** The elements in order along `axis`, and their positions; equal ones keep theirs, NaN comes last. */
  sort(axis = -1, options: OrderOptions = {}): WithIndices<D> {
    checkSort(options);
    const { descending = false } = options;
    return this.withIndices(operators.sort, { axis, descending });
  }
  /** The positions along `axis` of the elements in order. */
  argsort(axis = -1, options: OrderOptions = {}): Tensor<"i64"> {
    checkArgsort(options);
    const { descending = false } = options;
    return this.#apply("argsort", [], { axis, descending });
  }
  /**
   * The `count` largest elements along `axis`, or smallest, in order, and their positions; all of them where the dimension is bounded
   * and has fewer.
   */
  topK(count: number, axis = -1, options: TopOptions = {}): WithIndices<D> {
    checkTopK(options);
    const { largest = true } = options;
    const along = this.type.shape.at(axis);
    if (along !== undefined && isBounded(along)) return this.#topOfBounded(count, axis, along.max, largest);
    return this.withIndices(operators.topK, { axis, count, largest });
  }
  #topOfBounded(count: number, axis: number, most: number, descending: boolean): WithIndices<D> {
    placed(() => {
      if (Number.isInteger(count) && count >= 1 && count <= most) return;
      const what = `topK of ${showTensorType(this.type)} along ${axis} has no ${count} elements`;
      throw operandError("shape", what, `give a whole number from 1 to ${most}`);
    });
    const { values, indices } = this.sort(axis, { descending });
    const at = axis < 0 ? axis + this.type.shape.length : axis;
    const many = this.size(at).minimum(count);
    const dimension = currentRecorder().newDimension("topK", count);
    const first = <E extends Dtype>(all: Tensor<E>): Tensor<E> => {
      const whole = all.apply<E>("toMaximum", [], { axes: [at], value: 0 }).indexSelect(at, iota("i64", [count]));
      return whole.results(boundedOperators.truncate, [many], { axis: at, dimension, within: true })[0] as Tensor<E>;
    };
    return { values: first(values), indices: first(indices) };
  }
  protected override channels(value: number): Tensor<D> {
    return full(this.dtype, [this.type.shape[1] ?? 0], value);
  }
}

/** A number as an operand beside a tensor of a type. Throws `operator/number` where its dtype does not hold it. */
function beside(name: string, { dtype, shape }: TensorType, value: number): Value {
  if (holds(dtype, value)) return constant(value, dtype).value;
  return located(() => {
    throw operandError(
      "number",
      `${name} of ${showTensorType({ dtype, shape })} and ${value}: ${value} is no ${dtype}`,
      `${rangeText(dtype)}; convert the tensor with .cast() first, or give another number`,
    );
  });
}

/** Refuses what is no number and no list of them. Throws `tensor/value`. */
function requireNumbers(data: unknown): void {
  if (typeof data === "number" || ArrayBuffer.isView(data)) return;
  if (Array.isArray(data) && !data.some(Array.isArray)) return;
  throw new IsochronError(
    "tensor/value",
    `a constant cannot be ${Array.isArray(data) ? "a list of lists" : shown(data)}`,
    {
      help: 'give a number, or all numbers in one list, and the shape: constant([1, 2, 3, 4], "f32", [2, 2])',
    },
  );
}

/**
 * A tensor known now: a number, a flat list with a shape, or a typed array, which is copied.
 *
 * Throws `tensor/value` for a number that the dtype does not hold, `tensor/count` where the numbers do not fill the shape.
 */
export function constant<D extends Dtype>(
  data: number | readonly number[] | ArrayOf<D>,
  dtype: D,
  shape?: readonly number[],
  name?: string,
): Tensor<D> {
  const recorder = currentRecorder();
  return located(() => {
    requireNumbers(data);
    const values: ArrayLike<number | bigint> = typeof data === "number" ? [data] : data;
    const type = tensorType(dtype, shape ?? (typeof data === "number" ? [] : [values.length]));
    const count = countOf(staticShape(type.shape));
    if (count !== values.length) {
      throw new IsochronError("tensor/count", `a constant of ${showTensorType(type)} got ${values.length} numbers`, {
        help: `give it ${count}, or another shape`,
      });
    }
    return new Tensor<D>(recorder.constant(type, elementsFrom(name ?? "a constant", dtype, values), name));
  });
}

/** A tensor of `shape` with every element the same. */
export const full = <D extends Dtype>(dtype: D, shape: Shape | Tensor, value: number): Tensor<D> =>
  constant(value, dtype).broadcastTo(shape);

export const zeros = <D extends Dtype>(dtype: D, shape: Shape | Tensor): Tensor<D> => full(dtype, shape, 0);
export const ones = <D extends Dtype>(dtype: D, shape: Shape | Tensor): Tensor<D> => full(dtype, shape, 1);

const listOfTensors = z.array(z.unknown()).describe("a list of tensors: [a, b]");

/** Applies an operator of one's own; the result's dtype is the caller's claim, and its type is inferred. */
export const apply = <D extends Dtype>(
  operator: Operator,
  operands: readonly Tensor[],
  attributes: unknown = {},
): Tensor<D> => {
  requireArgument("apply", "operator", madeOperator, operator);
  requireArgument("apply", "operands", listOfTensors, operands);
  return new Tensor<D>(
    currentRecorder().apply(
      operator,
      operands.map((each) => valueOfOperand(operator.name, each)),
      attributes,
    ),
  );
};

const madeOperator = z
  .custom((given) => typeof (given as { parse?: unknown } | undefined)?.parse === "function")
  .describe("an operator, which operator() makes");

/** 0, 1, 2, … as a vector, or along `axis` of a shape. */
export const iota = <D extends Exclude<Dtype, "bool">>(dtype: D, given: Shape | Tensor, axis?: number): Tensor<D> => {
  located(() => requireDtype(dtype));
  const shape = listOf<Dimension>("iota", "shape", dimensions, given);
  return new Tensor<D>(currentRecorder().apply(operators.iota, [], { dtype, shape, axis: axis ?? shape.length - 1 }));
};

/** condition ? a : b, element by element; of two numbers f32. */
export function where<D extends Dtype>(condition: Tensor<"bool">, a: Tensor<D>, b: Operand<D>): Tensor<D>;
export function where<D extends Dtype>(condition: Tensor<"bool">, a: Operand<D>, b: Tensor<D>): Tensor<D>;
export function where(condition: Tensor<"bool">, a: number, b: number): Tensor<"f32">;
export function where(condition: Tensor<"bool">, a: Operand, b: Operand): Tensor {
  const recorder = currentRecorder();
  for (const each of [a, b]) operand("where", each);
  const type = typeof a !== "number" ? a.type : typeof b !== "number" ? b.type : ({ dtype: "f32", shape: [] } as const);
  const [yes, no] = [a, b].map((each) => (typeof each === "number" ? beside("where", type, each) : each.value));
  return new Tensor(recorder.apply(operators.where, [valueOfOperand("where", condition), yes!, no!]));
}

/** Tensors one after the other along `axis`. */
export function concat<D extends Dtype>(tensors: readonly Tensor<D>[], axis: number): Tensor<D> {
  requireArgument("concat", "tensors", listOfTensors, tensors);
  return new Tensor<D>(
    currentRecorder().apply(
      operators.concat,
      tensors.map((each) => valueOfOperand("concat", each)),
      { axis },
    ),
  );
}

/** Tensors of one shape along a new dimension, which is dimension `axis` of the result. */
export function stack<D extends Dtype>(tensors: readonly Tensor<D>[], axis = 0): Tensor<D> {
  requireArgument("stack", "tensors", listOfTensors, tensors);
  return concat(
    tensors.map((each) => tensorOf("stack", each).unsqueeze(axis)),
    axis,
  );
}

/** Options of attention, as in PyTorch. */
export interface AttentionOptions<D extends Dtype> {
  /** Added to the scores, or bool: true where a query sees a key; broadcasts to […,m,n]. */
  readonly mask?: Tensor<D> | Tensor<"bool">;
  /** Whether query i sees keys 0 to i only. */
  readonly causal?: boolean;
  /** What scores are multiplied by; 1/√d unless given. */
  readonly scale?: number;
}

const checkAttention = operatorOptions<AttentionOptions<Dtype>>("scaledDotProductAttention", () => ({
  mask: tensorOption,
  causal: flag,
  scale: z.number().optional(),
}));

/** softmax(q·kᵀ·scale + mask)·v of every head: q[…,m,d], k[…,n,d], v[…,n,e] → […,m,e]. */
export function scaledDotProductAttention<D extends Dtype>(
  q: Tensor<D>,
  k: Tensor<D>,
  v: Tensor<D>,
  options: AttentionOptions<D> = {},
): Tensor<D> {
  checkAttention(options);
  for (const each of [q, k, v]) tensorOf("scaledDotProductAttention", each);
  const {
    mask,
    causal = false,
    scale = 1 /
      Math.sqrt(
        Math.max(
          1,
          located(() => sizeOf(q.type.shape.at(-1) ?? 1)),
        ),
      ),
  } = options;
  const isBool = (given: Tensor<D> | Tensor<"bool">): given is Tensor<"bool"> => given.dtype === "bool";
  const added =
    mask && (isBool(mask) ? where(mask, constant(0, q.dtype), constant(-Infinity, q.dtype)).value : mask.value);
  const operands = [q.value, k.value, v.value, ...(added ? [added] : [])];
  return new Tensor<D>(currentRecorder().apply(operators.attention, operands, { scale, causal }));
}
