// What an operator is: its attributes, types, meaning, stated error, and how it is lowered.
import type { z } from "zod";
import { type Expression, type generators, IsochronError } from "../../kernels/index.ts";
import type { TensorType, TypedArray } from "../tensor-type.ts";

type Source = generators.Source;
type Reducer = generators.ReducerName;

/** A tensor of the interpreter: static shape, row-major elements. */
export interface Nd {
  readonly shape: readonly number[];
  readonly dtype: TensorType["dtype"];
  readonly data: TypedArray;
}

/** How an operator becomes kernels; `A` are its attributes. */
export type Lowering<A> =
  /** One element from the elements at the same index; operands are broadcast. */
  | {
      readonly kind: "pointwise";
      expression(operands: readonly Expression[], attributes: A, type: TensorType): Expression;
    }
  /** A source over sources, computed where it is read. Operands in `inMemory` are materialised first. */
  | {
      readonly kind: "source";
      readonly inMemory: readonly number[];
      source(operands: readonly Source[], attributes: A, shape: readonly number[]): Source;
    }
  /** The same elements in the same order under another shape. */
  | { readonly kind: "reshape" }
  | { readonly kind: "reduce"; readonly reducer: Reducer; axes(attributes: A): readonly number[] }
  | { readonly kind: "matmul" }
  | { readonly kind: "conv2d" }
  | { readonly kind: "concat" }
  | { readonly kind: "pad" };

/** The definition of an operator. */
export interface OperatorDefinition<A> {
  readonly name: string;
  readonly attributes: z.ZodType<A>;
  /** The result's type; throws `operator/…` for operands that do not fit. */
  infer(operands: readonly TensorType[], attributes: A): TensorType;
  /** The meaning: float64 inside, rounded when stored into `result`. */
  evaluate(operands: readonly Nd[], attributes: A, result: Nd): void;
  /** Largest difference of a compiled float element from the meaning, in ulp of the result; 0 is exact. Contractions and sums scale it by their length. */
  readonly errorUlp: number;
  readonly lowering: Lowering<A>;
}

/** An operator whose attributes' type is forgotten, as graphs hold it. */
export interface Operator {
  readonly name: string;
  readonly errorUlp: number;
  readonly lowering: Lowering<unknown>;
  parse(attributes: unknown): unknown;
  infer(operands: readonly TensorType[], attributes: unknown): TensorType;
  evaluate(operands: readonly Nd[], attributes: unknown, result: Nd): void;
}

/** Makes an operator of a definition. */
export function operator<A>(definition: OperatorDefinition<A>): Operator {
  return {
    name: definition.name,
    errorUlp: definition.errorUlp,
    lowering: definition.lowering as Lowering<unknown>,
    parse: (attributes) => definition.attributes.parse(attributes),
    infer: (operands, attributes) => definition.infer(operands, attributes as A),
    evaluate: (operands, attributes, result) => definition.evaluate(operands, attributes as A, result),
  };
}

/** An error about operands; the place in the user's source is added by the tracer. */
export const operandError = (code: string, message: string, help?: string): IsochronError =>
  new IsochronError(`operator/${code}`, message, help === undefined ? {} : { help });
