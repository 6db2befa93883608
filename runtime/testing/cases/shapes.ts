// What generated cases of operators are drawn from: shapes, dtypes, axes.
import fc from "fast-check";
import { type Dtype, dtypes } from "../../../kernels/index.ts";
import type { TensorType } from "../../graph/tensor-type.ts";

/** One operand or one application of an operator. */
export interface OperatorCase {
  readonly operands: readonly TensorType<Dtype>[];
  readonly attributes: unknown;
}

export const size = fc.constantFrom(1, 15, 16, 17, 33);
export const small = fc.constantFrom(1, 2, 3);
export const shape = fc.oneof(
  fc.constant([] as number[]),
  fc.tuple(size).map((each): number[] => each),
  fc.tuple(small, size).map((each): number[] => each),
  fc.tuple(small, small, size).map((each): number[] => each),
);
export const filledShape = shape.filter((each) => each.length > 0);
export const floats = fc.constantFrom<Dtype>("f32", "f32", "f32", "f64", "f64", "f16", "bf16");
export const integers = fc.constantFrom<Dtype>("i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64");
export const numbers = fc.oneof(floats, integers);

/** A shape that broadcasts to `whole`: some dimensions 1, some leading ones missing. */
export const broadcastable = (whole: readonly number[]): fc.Arbitrary<number[]> =>
  fc
    .tuple(fc.array(fc.boolean(), { minLength: whole.length, maxLength: whole.length }), fc.nat(whole.length))
    .map(([ones, missing]) => whole.map((each, d) => (ones[d] ? 1 : each)).slice(missing));

export const pointwise = (arity: number, dtype: fc.Arbitrary<Dtype>): fc.Arbitrary<OperatorCase> =>
  fc
    .tuple(dtype, shape, fc.boolean())
    .chain(([type, whole, broadcasts]) =>
      fc
        .tuple(
          ...Array.from({ length: arity }, (_, at) =>
            broadcasts && at > 0 ? broadcastable(whole) : fc.constant(whole),
          ),
        )
        .map((shapes) => ({ operands: shapes.map((each) => ({ dtype: type, shape: each })), attributes: {} })),
    );

export const unary = (dtype: fc.Arbitrary<Dtype>) => pointwise(1, dtype);
export const binary = (dtype: fc.Arbitrary<Dtype>) => pointwise(2, dtype);
export const bool = fc.constant<Dtype>("bool");

export const reduction = (dtype: fc.Arbitrary<Dtype>): fc.Arbitrary<OperatorCase> =>
  fc
    .tuple(dtype, shape, fc.boolean())
    .chain(([type, of, keepDims]) =>
      fc
        .subarray(of.map((_, d) => d))
        .map((axes) => ({ operands: [{ dtype: type, shape: of }], attributes: { axes, keepDims } })),
    );

export const alongAxis = (dtype: fc.Arbitrary<Dtype>): fc.Arbitrary<OperatorCase> =>
  fc
    .tuple(dtype, filledShape)
    .chain(([type, of]) =>
      fc.nat(of.length - 1).map((axis) => ({ operands: [{ dtype: type, shape: of }], attributes: { axis } })),
    );

/** Any dtype. */
export const anyDtype = fc.constantFrom(...dtypes);

/** Applies `attributes` to one operand of any dtype. */
export const rearranged = (attributes: (of: readonly number[]) => fc.Arbitrary<unknown>): fc.Arbitrary<OperatorCase> =>
  fc
    .tuple(anyDtype, filledShape)
    .chain(([dtype, of]) => attributes(of).map((each) => ({ operands: [{ dtype, shape: of }], attributes: each })));

export const perDimension = <T>(of: readonly number[], each: (length: number) => fc.Arbitrary<T>): fc.Arbitrary<T[]> =>
  fc.tuple(...of.map(each)).map((values) => [...values]);

export const positions = fc.constantFrom<Dtype>("u8", "i32", "i64");
export const bytes = fc.constantFrom<Dtype>("u8", "i8");
export const quantizable = fc.constantFrom<Dtype>("u8", "i8", "u16", "i16");
