// What operators of linear algebra have in common: square or any matrices of float32 or float64, computed in float64 and rounded once.
import type { z } from "zod";
import type { Kernel } from "../../../kernels/index.ts";
import {
  countOf,
  type Dimension,
  sameDimension,
  sameShape,
  showTensorType,
  sizeOf,
  type TensorType,
} from "../../graph/tensor-type.ts";
import { lastAxes, unlessAlong } from "../bounded.ts";
import { type KernelParts, type Nd, type Operator, operandError, operator, privateWork } from "../operator.ts";

/** A matrix of float64 by its rows. */
export type Rows = readonly Float64Array[];

export const zeros = (rows: number, columns: number): Rows =>
  Array.from({ length: rows }, () => new Float64Array(columns));

export const identity = (size: number): Rows =>
  Array.from({ length: size }, (_, row) => Float64Array.from({ length: size }, (_, at) => (at === row ? 1 : 0)));

export const transposed = (matrix: Rows, columns: number): Rows =>
  Array.from({ length: columns }, (_, column) => Float64Array.from(matrix, (row) => row[column]!));

/** The matrices of a tensor, as copies. */
export function matricesOf({ shape, data }: Nd): Rows[] {
  const [rows, columns] = shape.slice(-2) as [number, number];
  return Array.from({ length: countOf(shape.slice(0, -2)) }, (_, at) =>
    Array.from({ length: rows }, (_, row) => {
      const from = (at * rows + row) * columns;
      return Float64Array.from(data.subarray(from, from + columns) as Float64Array);
    }),
  );
}

/** The rows and columns of matrices. Throws `operator/dtype`, `operator/shape`. */
export function matrixSizes(name: string, { dtype, shape }: TensorType): readonly [Dimension, Dimension] {
  if (dtype !== "f32" && dtype !== "f64")
    throw operandError("dtype", `${name} is not defined on ${dtype}`, "convert the operand with .cast() to f32 or f64");
  const [rows, columns] = shape.slice(-2);
  if (rows === undefined || columns === undefined)
    throw operandError("shape", `${name} of ${showTensorType({ dtype, shape })}`, "the operand is matrices, […,m,n]");
  return [rows, columns];
}

/** The rows of square matrices. Throws `operator/dtype`, `operator/shape`. */
export function squareSize(name: string, x: TensorType): Dimension {
  const [rows, columns] = matrixSizes(name, x);
  if (!sameDimension(rows, columns))
    throw operandError("shape", `${name} of ${showTensorType(x)}`, "the operand is square matrices, […,n,n]");
  return rows;
}

/** Refuses matrices without rows or columns, of which a result would have elements. Throws `operator/empty`. */
export function requireElements(name: string, x: TensorType): readonly [rows: number, columns: number] {
  const [rows, columns] = matrixSizes(name, x).map(sizeOf) as [number, number];
  if (rows === 0 || columns === 0)
    throw operandError("empty", `${name} of ${showTensorType(x)}, which has no elements`);
  return [rows, columns];
}

/** Refuses operands that are not of one dtype, with the same dimensions before the last two. Throws `operator/shape`. */
export function requireBatch(name: string, a: TensorType, b: TensorType): void {
  if (a.dtype === b.dtype && sameShape(a.shape.slice(0, -2), b.shape.slice(0, -2))) return;
  throw operandError(
    "shape",
    `${name} of ${showTensorType(a)} and ${showTensorType(b)}`,
    "both have one dtype, and the same dimensions before the last two",
  );
}

/** The type of matrices of other sizes than x. */
export const sized = (x: TensorType, rows: Dimension, columns: Dimension): TensorType => ({
  dtype: x.dtype,
  shape: [...x.shape.slice(0, -2), rows, columns],
});

/** An operator of matrices. */
interface Definition<A> {
  readonly name: string;
  readonly attributes: z.ZodType<A>;
  infer(operands: readonly TensorType[], attributes: A): TensorType;
  /** The result of one matrix of each operand. */
  evaluate(matrices: readonly Rows[], attributes: A): Rows;
  readonly inMemory: readonly number[];
  /** The numeric plan in words. */
  readonly plan: string;
  /** Elements of f64 of the kernel's own. */
  work(operands: readonly (readonly number[])[], attributes: A): { readonly [name: string]: number };
  build(parts: KernelParts, attributes: A): Kernel;
}

/** Makes an operator that does the same with each matrix, to the same bits wherever it runs. */
export const matrixOperator = <A>({
  name,
  evaluate,
  inMemory,
  plan,
  work,
  build,
  ...types
}: Definition<A>): Operator<A> =>
  operator<A>({
    ...types,
    name,
    errorUlp: 0,
    evaluate(operands, attributes, { data }) {
      // Of what has no elements nothing is computed.
      if (operands.some((each) => each.data.length === 0)) return;
      const all = operands.map(matricesOf);
      const count = all[0]!.length;
      for (let at = 0, to = 0; at < count; at++)
        for (const row of evaluate(
          all.map((matrices) => matrices[at]!),
          attributes,
        ))
          for (const value of row) data[to++] = value;
    },
    bounded: (operands) =>
      operands.some((each) => unlessAlong([each], lastAxes(each, 2)) === undefined)
        ? undefined
        : unlessAlong(operands, lastAxes(operands[0]!, 2)),
    lowering: {
      kind: "kernel",
      inMemory,
      plan: () => plan,
      work: (operands, attributes) =>
        privateWork(
          "f64",
          work(
            operands.map(({ shape }) => shape.slice(-2).map(sizeOf)),
            attributes,
          ),
        ),
      build,
    },
  });
