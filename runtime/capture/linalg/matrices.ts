// What functions of linear algebra have in common: parts of matrices, batches, and faults of the step.
import type { Dtype } from "../../../kernels/index.ts";
import { staticShape } from "../../graph/tensor-type.ts";
import { controlOperators, type Operator } from "../../operators/index.ts";
import { operandError } from "../../operators/operand-error.ts";
import { placed, valueOfOperand } from "../options.ts";
import { currentRecorder } from "../recorder.ts";
import { constant, Tensor, where } from "../tensor.ts";

/** What matrices are computed in. */
export type Wide = "f32" | "f64";

/** Applies an operator of linear algebra. */
export const applied = <D extends Dtype>(
  name: string,
  operator: Operator,
  operands: readonly Tensor<D>[],
  attributes: object = {},
): Tensor<D> =>
  new Tensor<D>(
    currentRecorder().apply(
      operator,
      operands.map((each) => valueOfOperand(name, each)),
      attributes,
    ),
  );

/** The sizes of a tensor. */
export const shapeOf = (x: Tensor): readonly number[] => placed(() => staticShape(x.type.shape));

/** Rows and columns of matrices. Throws `operator/shape`. */
export function sizesOf(name: string, x: Tensor): readonly [rows: number, columns: number] {
  const { shape } = valueOfOperand(name, x).type;
  if (shape.length < 2)
    placed(() => {
      throw operandError("shape", `${name} of [${shapeOf(x)}]`, "the operand is matrices, […,m,n]");
    });
  const [rows, columns] = shapeOf(x).slice(-2) as [number, number];
  return [rows, columns];
}

/** Rows of square matrices. Throws `operator/shape`. */
export function squareOf(name: string, x: Tensor): number {
  const [rows, columns] = sizesOf(name, x);
  if (rows !== columns)
    placed(() => {
      throw operandError("shape", `${name} of [${shapeOf(x)}]`, "the operand is square matrices, […,n,n]");
    });
  return rows;
}

/** Some rows and columns of matrices. */
export const part = <D extends Dtype>(
  x: Tensor<D>,
  rows: readonly [number, number],
  columns: readonly [number, number],
): Tensor<D> => x.slice(...x.type.shape.slice(0, -2).map(() => [] as const), rows, columns);

/** Matrices with rows and columns changed. */
export const turned = <D extends Dtype>(x: Tensor<D>): Tensor<D> => x.transpose(-1, -2);

/** The diagonals of matrices, […,n]. */
export function diagonalOf<D extends Dtype>(x: Tensor<D>): Tensor<D> {
  const shape = shapeOf(x);
  const [rows, columns] = shape.slice(-2) as [number, number];
  const count = Math.min(rows, columns);
  const flat = x.reshape([...shape.slice(0, -2), rows * columns]);
  return flat.slice(...shape.slice(0, -2).map(() => [] as const), [0, (count - 1) * (columns + 1) + 1, columns + 1]);
}

/** The identity, as large as a batch of matrices. */
export const identityLike = <D extends Dtype>(x: Tensor<D>, size: number): Tensor<D> =>
  (
    constant(
      Array.from({ length: size * size }, (_, at) => (at % (size + 1) === 0 ? 1 : 0)),
      x.type.dtype,
      [size, size],
    ) as Tensor<D>
  ).broadcastTo([...shapeOf(x).slice(0, -2), size, size]);

/** The shape that two are broadcast to. Throws `operator/shape`. */
function broadcast(name: string, a: readonly number[], b: readonly number[]): readonly number[] {
  const rank = Math.max(a.length, b.length);
  const at = (shape: readonly number[], d: number): number => shape[d - rank + shape.length] ?? 1;
  return Array.from({ length: rank }, (_, d) => {
    const [one, other] = [at(a, d), at(b, d)];
    if (one !== other && one !== 1 && other !== 1)
      placed(() => {
        throw operandError("shape", `${name} of batches [${a}] and [${b}], which do not fit each other`);
      });
    return one === 1 ? other : one;
  });
}

/** Matrices of one batch. */
export function together<D extends Dtype>(
  name: string,
  a: Tensor<D>,
  b: Tensor<D>,
): readonly [left: Tensor<D>, right: Tensor<D>] {
  const batch = broadcast(name, shapeOf(a).slice(0, -2), shapeOf(b).slice(0, -2));
  const [left, right] = [a, b].map((each) => each.broadcastTo([...batch, ...shapeOf(each).slice(-2)]));
  return [left!, right!];
}

/** Positions from 1 of the first truth along the last dimension, 0 where there is none. */
export function firstTrue(x: Tensor<"bool">): Tensor<"i32"> {
  const axis = x.type.shape.length - 1;
  const first = x.cast("i32").argmax(axis).cast("i32").add(1);
  return where(x.any([axis]), first, 0);
}

/** Makes a fault of the step where any element is true. */
export function refuseWhere(wrong: Tensor<"bool">, fault: string): void {
  const attributes = { atMost: 0, dimension: "", fault };
  currentRecorder().results(controlOperators.limit, [wrong.any().cast("i64").value], { attributes, regions: [] });
}

/** The distance of 1 from the next number. */
export const epsilonOf = (dtype: Dtype): number => (dtype === "f64" ? 2 ** -52 : 2 ** -23);
