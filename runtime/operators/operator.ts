// What an operator is: its attributes, types, meaning, stated error, and how it is lowered.
import { z } from "zod";
import type { Expression, generators, Kernel, LoopBuffer, Target } from "../../kernels/index.ts";
import { IsochronError, refusal } from "../../kernels/index.ts";
import { isDimension, mayBeBounded } from "../graph/dimension.ts";
import type { Graph, NodeParts, Results, Value } from "../graph/graph.ts";
import {
  type Dimension,
  type Fact,
  type Known,
  showDimension,
  showTensorType,
  type TensorType,
  type TypedArray,
} from "../graph/tensor-type.ts";
import type { Axes } from "./axes.ts";
import { axisAttributeNames, resolveAxes } from "./axis.ts";
import { atMaximum, type Bounded, extremeOf, hasBounds, neutralAlong } from "./bounded.ts";
import { operandError } from "./operand-error.ts";
import { throughComputed } from "./stored.ts";

export { operandError } from "./operand-error.ts";

type Source = generators.Source;
type Reducer = generators.ReducerName;

/** A tensor of the interpreter: static shape, row-major elements. */
export interface Nd {
  readonly shape: readonly number[];
  readonly dtype: TensorType["dtype"];
  readonly data: TypedArray;
}

/** What a decomposition builds with; recorders and rewriters are builders. */
export interface Builder {
  /** The result of an operator that has one. */
  apply(operator: Operator, operands: readonly Value[], attributes?: unknown): Value;
  /** All results of an operator. */
  results(operator: Operator, operands: readonly Value[], parts?: NodeParts): Results;
  constant(type: TensorType, data: TypedArray, name?: string): Value;
}

/** What an operator with a kernel of its own is lowered from. */
export interface KernelParts {
  readonly name: string;
  readonly buffers: readonly LoopBuffer[];
  /** Views of those in memory, sources of the others. */
  readonly operands: readonly Source[];
  /** Where the result lies: in row-major order, but for rows that lie apart where the lowering `fuses`. */
  readonly destination: generators.Destination;
  readonly shape: readonly number[];
  /** Memory of the kernel's own, where the operator asks for it. */
  readonly work: { readonly [name: string]: LoopBuffer };
  /** What follows element by element, where the lowering says that it `fuses`. */
  readonly epilogue: generators.Epilogue;
  readonly target: Target;
}

/** Memory that a kernel needs beside its result while it runs. */
export interface Work {
  readonly dtype: TensorType["dtype"];
  readonly elements: number;
  /** Whether it is filled before it is read wherever it is used, so that parts which run at once may have their own. */
  readonly private?: boolean;
}

/** Elements of a tensor: along each dimension from `starts`, every `steps`-th. */
export interface Part {
  readonly starts: readonly number[];
  readonly steps: readonly number[];
}

/** Elements of `value` before and after a tensor along each dimension. */
export interface Border {
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly value: number;
}

/** Areas of so many elements each, which parts of a kernel that run at once have for themselves. */
export const privateWork = (
  dtype: TensorType["dtype"],
  areas: { readonly [name: string]: number },
): { readonly [name: string]: Work } =>
  Object.fromEntries(Object.entries(areas).map(([name, elements]) => [name, { dtype, elements, private: true }]));

/** How an operator becomes kernels; `A` are its attributes. */
export type Lowering<A> =
  /** One element from the elements at the same index; operands are broadcast. */
  | {
      readonly kind: "pointwise";
      /** Whether its operand in memory is so much less that it costs less to compute again than to keep. */
      readonly isCheap?: true;
      expression(operands: readonly Expression[], attributes: A, type: TensorType): Expression;
    }
  /** A source over sources, computed where it is read. Operands in `inMemory` are materialised first. */
  | {
      readonly kind: "source";
      readonly inMemory: readonly number[];
      /** Whether it reads elements of its operands several times, so that smaller ones are computed once and kept. */
      readonly repeats?: true;
      /** For a part of its operand: which. */
      part?(attributes: A): Part;
      source(operands: readonly Source[], attributes: A, shape: readonly number[]): Source;
    }
  /** The same elements in the same order under another shape. */
  | { readonly kind: "reshape" }
  | { readonly kind: "reduce"; readonly reducer: Reducer; axes(attributes: A): readonly number[] }
  /** A kernel that only this operator has. Operands in `inMemory` are materialised first. */
  | {
      readonly kind: "kernel";
      readonly inMemory: readonly number[];
      /** Whether it reads what it has written of the result. */
      readonly readsBack?: true;
      /** Whether its numeric plan depends on which operands are constants, so that it is not folded before that is decided. */
      readonly planned?: true;
      /** Whether it goes on with what follows each of its elements. */
      readonly fuses?: true;
      work?(operands: readonly TensorType[], attributes: A, target: Target): { readonly [name: string]: Work };
      /** The numeric plan in words, where results are rounded on the way: which sums are made in which order. */
      plan?(operands: readonly TensorType[], attributes: A): string | undefined;
      build(parts: KernelParts, attributes: A): Kernel;
    }
  /** Operands one after the other along a dimension, each written or computed where it will lie. */
  | { readonly kind: "concat"; axis(attributes: A): number }
  /** The operand within a border of one value, written or computed where it will lie. */
  | { readonly kind: "pad"; border(attributes: A): Border }
  /** Other operators; the one place that says so. */
  | {
      readonly kind: "composite";
      decompose(operands: readonly Value[], attributes: A, builder: Builder): Value | Results;
    }
  /** Graphs that are run as values say: the structure of a step, not a kernel. */
  | { readonly kind: "control" }
  /** A meaning without code: graphs with it are interpreted, and not compiled. */
  | { readonly kind: "interpreted"; readonly why: string };

/** A generator of kernels over an input and a weight. */
type ConvolutionGenerator<A> = (
  name: string,
  buffers: readonly LoopBuffer[],
  x: generators.View,
  w: generators.View,
  shape: readonly number[],
  plan: A,
  destination: generators.Destination,
  epilogue: generators.Epilogue,
  target: Target,
) => Kernel;

/** The lowering of a convolution to a kernel of its own, over an input and a weight that lie in memory. */
export const convolutionLowering = <A>(
  generate: ConvolutionGenerator<A>,
  plan?: string,
): Extract<Lowering<A>, { kind: "kernel" }> => ({
  kind: "kernel",
  inMemory: [0, 1],
  fuses: true,
  ...(plan === undefined ? {} : { plan: () => plan }),
  build({ name, buffers, operands, shape, destination, epilogue, target }, attributes) {
    const [x, w] = operands as [generators.View, generators.View];
    return generate(name, buffers, x, w, shape, attributes, destination, epilogue, target);
  },
});

/** The types of a node's results. */
export type ResultTypes = readonly [TensorType, ...TensorType[]];

/** The definition of an operator. */
export interface OperatorDefinition<A> {
  readonly name: string;
  /** Dimensions and ranges among them are declared by `axis.ts`, which counts them from the start before anything reads them. */
  readonly attributes: z.ZodType<A>;
  /**
   * The result's type, or those of several; throws `operator/…` for operands that do not fit. What an operand's elements are is
   * `known` where that follows from constants and sizes.
   */
  infer(operands: readonly Fact[], attributes: A, regions: readonly Graph[]): TensorType | ResultTypes;
  /** The meaning: float64 inside, rounded when stored into `result`, and into the `others` where there are several. */
  evaluate(operands: readonly Nd[], attributes: A, result: Nd, ...others: readonly Nd[]): void;
  /** Largest difference of a compiled float element from the meaning, in ulp of `magnitude`; 0 is exact. */
  readonly errorUlp: number;
  /** Per element of the result, the number in whose ulp the error is stated; the result itself unless given. */
  magnitude?(operands: readonly Nd[], attributes: A, result: Nd): ArrayLike<number>;
  readonly lowering: Lowering<A>;
  /** Whether it takes elements as they are stored; the others compute in what stored elements are computed in, and round what they give once. */
  readonly moves?: true;
  /**
   * How it takes operands with bounded dimensions: undefined refuses them. Unless given, operators that go element by element
   * keep such dimensions, reductions count what is in front of the counts, and the others refuse.
   */
  bounded?(operands: readonly TensorType[], attributes: A): Bounded | undefined;
  /** Of an operator that moves elements, what becomes of the dimensions of its first operand. */
  readonly axes?: Axes<A>;
  /** Of an operator that makes a bounded dimension, the one that its attributes name: how many elements that has. */
  count?(operands: readonly Nd[], attributes: A): number;
  /** Its elements, where they are known though its operands are not; those of exact operators on known integers are. */
  known?(operands: readonly Fact[], attributes: A): Known | undefined;
}

/** An operator; graphs hold those of any attributes, and `isNodeOf` tells which. */
export interface Operator<A = unknown> {
  readonly name: string;
  readonly errorUlp: number;
  readonly lowering: Lowering<A>;
  readonly moves?: true;
  readonly axes?: Axes<A>;
  bounded(operands: readonly TensorType[], attributes: A): Bounded | undefined;
  count?(operands: readonly Nd[], attributes: A): number;
  known?(operands: readonly Fact[], attributes: A): Known | undefined;
  /** The names of the attributes that name dimensions, or give something for each of them. */
  readonly axisAttributes: readonly string[];
  /** The attributes, checked, dimensions counted from the start. Throws `operator/attributes`, `operator/axes`, `operator/ranges`. */
  parse(attributes: unknown, operands: readonly TensorType[]): A;
  infer(operands: readonly Fact[], attributes: A, regions?: readonly Graph[]): ResultTypes;
  evaluate(operands: readonly Nd[], attributes: A, result: Nd, ...others: readonly Nd[]): void;
  magnitude?(operands: readonly Nd[], attributes: A, result: Nd): ArrayLike<number>;
}

const isOne = (types: TensorType | ResultTypes): types is TensorType => "dtype" in types;
const typeOf = (fact: Fact): TensorType => (fact.known ? { dtype: fact.dtype, shape: fact.shape } : fact);

/** What `body` gives; a size that it needs and that is not known yet is an error about the operator. Throws `operator/size`. */
export function needingSizes<T>(name: string, operands: readonly TensorType[], body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (!(error instanceof IsochronError) || error.code !== "tensor/unknown-size") throw error;
    throw operandError("size", `${name} of ${operands.map(showTensorType).join(", ")}: ${error.message}`, error.help);
  }
}

/** The way in which operators of a kind take bounded dimensions. */
function boundedBy<A>(lowering: Lowering<A>, operands: readonly TensorType[], attributes: A): Bounded | undefined {
  if (lowering.kind === "pointwise") return atMaximum;
  if (lowering.kind !== "reduce") return undefined;
  const [x] = operands as [TensorType];
  return neutralAlong(x, lowering.axes(attributes), neutralOf(lowering.reducer, x.dtype));
}

function neutralOf(reducer: Reducer, dtype: TensorType["dtype"]): number | bigint {
  if (reducer === "max") return extremeOf(dtype, "least");
  if (reducer === "min") return extremeOf(dtype, "greatest");
  return reducer === "prod" || reducer === "all" ? 1 : 0;
}

function boundedError(name: string, operands: readonly TensorType[], results: ResultTypes): IsochronError {
  const [said, types] = operands.some(hasBounds) ? ["takes", operands] : ["gives", results];
  const which = types.flatMap(({ shape }) => shape.filter(mayBeBounded)).map(showDimension);
  return operandError(
    "bounded",
    `${name} of ${operands.map(showTensorType).join(", ")} ${said} a dimension of which only the maximum is known: ${which[0]}`,
    "it needs the size: give it the maximum, x.toMaximum(0), and the count, x.size(axis)",
  );
}

/** Makes an operator of a definition. */
export function operator<A>(definition: OperatorDefinition<A>): Operator<A> {
  const { name, attributes: schema, infer, lowering, ...rest } = definition;
  const bounded = definition.bounded ?? ((operands, attributes) => boundedBy(lowering, operands, attributes));
  return {
    ...rest,
    lowering,
    bounded,
    ...(definition.moves ? {} : throughComputed(definition)),
    name,
    axisAttributes: axisAttributeNames(schema),
    infer: (operands, attributes, regions = []) =>
      needingSizes(name, operands, () => {
        const types = infer(operands, attributes, regions);
        // Of an operand's fact that is given back, only the type is the result's.
        const all = (isOne(types) ? [types] : types).map(typeOf) as unknown as ResultTypes;
        const refuses = operands.some(hasBounds) && !bounded(operands, attributes);
        if (refuses || (lowering.kind === "control" && all.some(hasBounds))) throw boundedError(name, operands, all);
        return all;
      }),
    parse(attributes, operands) {
      const parsed = schema.safeParse(attributes);
      if (parsed.success) return needingSizes(name, operands, () => resolveAxes(name, schema, parsed.data, operands));
      throw refusal("operator/attributes", name, schema, attributes, parsed.error);
    },
  };
}

/** A size, or a dimension whose size is not known yet. */
export const dimension = z.custom<Dimension>((given) => isDimension(given as Dimension)).describe("a size from 0");

/** Any number, infinities and NaN included. */
export const anyNumber = z.custom<number>((value) => typeof value === "number").describe("a number");

/** Whole numbers from 1 on: of a line, of rows and columns, or of a volume's three dimensions. */
export const sizes = z.array(z.int().min(1)).min(1).max(3).readonly();

/** Two whole numbers from 1 on: of rows and of columns. */
export const pair = z.tuple([z.int().min(1), z.int().min(1)]).readonly();
