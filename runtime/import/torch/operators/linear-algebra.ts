// PyTorch's linear algebra of small matrices, written out step by step: elimination with pivots, Cholesky, norms, products.
import { concat, constant, full, iota, type Tensor, where } from "../../../capture/tensor.ts";
import { cast, isScalar, type TorchCall, torchMisfit, unsupportedTorch } from "../call.ts";
import { floatType } from "../promotion.ts";

import { operator, type TorchOperator, type TorchResult } from "./definition.ts";
import { broadcastShape } from "./positions.ts";

/** Rows of a matrix that is eliminated step by step, at most. */
const mostRows = 64;

function squareSize(x: Tensor, what: string): number {
  const [rows, columns] = x.shape.slice(-2);
  if (x.shape.length < 2 || rows !== columns)
    throw torchMisfit(`${what} of [${x.shape}], which are no square matrices`);
  if (rows! > mostRows)
    throw unsupportedTorch(`${what} of ${rows} rows`, `it is written out step by step for ${mostRows} rows at most`);
  return rows!;
}

/** Some rows and columns of matrices. */
function part(x: Tensor, rows: readonly [number, number], columns: readonly [number, number]): Tensor {
  return x.slice(...x.shape.slice(0, -2).map((size) => [0, size] as const), rows, columns);
}

const joinedRows = (rows: readonly Tensor[]): Tensor => (rows.length === 1 ? rows[0]! : concat(rows, -2));

/** What elimination leaves: the rows of a triangle with what stood beside it, and where rows changed places. */
interface Eliminated {
  readonly rows: readonly Tensor[];
  readonly pivots: readonly Tensor[];
}

/** Eliminates [A | B], the row of the largest number first, as LAPACK does. */
function eliminated(joined: Tensor, size: number): Eliminated {
  const width = joined.shape.at(-1)!;
  const rows: Tensor[] = [];
  const pivots: Tensor[] = [];
  let left = joined;
  for (let at = 0; at < size; at++) {
    const count = size - at;
    const first = part(left, [0, 1], [0, width]);
    if (count === 1) {
      rows.push(first);
      break;
    }
    const column = part(left, [0, count], [at, at + 1]);
    // [..., 1, 1]: the place of the row that is taken.
    const place = column
      .abs()
      .argmax(column.shape.length - 2)
      .unsqueeze(-2);
    const taken = left.gather(left.shape.length - 2, place.broadcastTo([...left.shape.slice(0, -2), 1, width]));
    const isTaken = iota("i64", [count, 1], 0).equal(place);
    const others = where(isTaken, first, left);
    const below = part(others, [1, count], [0, width]);
    const factor = part(below, [0, count - 1], [at, at + 1]).div(part(taken, [0, 1], [at, at + 1]));
    left = below.sub(factor.mul(taken));
    rows.push(taken);
    pivots.push(place.squeeze(-1).squeeze(-1));
  }
  return { rows, pivots };
}

/** A solution of U·X = B from below, where each row is that of [U | B]. */
function substituted(rows: readonly Tensor[], size: number): Tensor {
  const width = rows[0]!.shape.at(-1)!;
  let solved: Tensor | undefined;
  for (let at = size - 1; at >= 0; at--) {
    const row = rows[at]!;
    const right = part(row, [0, 1], [size, width]);
    const rest = solved ? right.sub(part(row, [0, 1], [at + 1, size]).matmul(solved)) : right;
    const x = rest.div(part(row, [0, 1], [at, at + 1]));
    solved = solved ? concat([x, solved], -2) : x;
  }
  return solved!;
}

/** Matrices of one batch shape. */
function together(a: Tensor, b: Tensor): readonly [Tensor, Tensor] {
  const batch = broadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  return [a, b].map((each) => each.broadcastTo([...batch, ...each.shape.slice(-2)])) as [Tensor, Tensor];
}

/** X of A·X = B. */
export function solved(a: Tensor, b: Tensor): Tensor {
  const size = squareSize(a, "solve");
  if (b.shape.at(-2) !== size) throw torchMisfit(`solve of [${a.shape}] and [${b.shape}]`);
  const [left, right] = together(a, b);
  return substituted(eliminated(concat([left, right], -1), size).rows, size);
}

const identity = (x: Tensor, size: number): Tensor =>
  constant(
    Array.from({ length: size * size }, (_, at) => (at % (size + 1) === 0 ? 1 : 0)),
    x.dtype,
    [size, size],
  );

const inverted = (x: Tensor): Tensor => {
  const size = squareSize(x, "inv");
  return solved(x, identity(x, size).broadcastTo(x.shape));
};

const turned = (x: Tensor): Tensor => x.transpose(-1, -2);

/** Solves, with a right side that may be vectors, or stand on the left. */
function linearSolve(call: TorchCall): Tensor {
  const [a, b] = call.promoted(["A", "B"]) as [Tensor, Tensor];
  const isVector =
    b.shape.length === 1 || (a.shape.length - 1 === b.shape.length && b.shape.join() === a.shape.slice(0, -1).join());
  if (isVector) return solved(a, b.unsqueeze(b.shape.length)).squeeze(-1);
  return call.has("left") && !call.flag("left") ? turned(solved(turned(a), turned(b))) : solved(a, b);
}

/** Determinants, as the sign and the logarithm of the size, or as they are. */
function determinants(x: Tensor): { readonly sign: Tensor; readonly size: Tensor } {
  const n = squareSize(x, "det");
  const { rows, pivots } = eliminated(x, n);
  const diagonal = rows.map((row, at) =>
    part(row, [0, 1], [at, at + 1])
      .squeeze(-1)
      .squeeze(-1),
  );
  const swaps = pivots.map((place) => where(place.equal(0), constant(1, x.dtype), constant(-1, x.dtype)));
  const signs = diagonal.map((each) => each.sign());
  const sign = [...signs, ...swaps].reduce((a, b) => a.mul(b));
  const size = diagonal.map((each) => each.abs().log()).reduce((a, b) => a.add(b));
  return { sign, size };
}

/** The lower triangle L of L·Lᵀ; where a matrix is not positive definite its numbers are NaN. */
function cholesky(x: Tensor): Tensor {
  const size = squareSize(x, "cholesky");
  const batch = x.shape.slice(0, -2);
  let done: Tensor | undefined;
  for (let at = 0; at < size; at++) {
    let column = part(x, [at, size], [at, at + 1]);
    if (done) {
      const known = part(done, [at, size], [0, at]);
      column = column.sub(known.matmul(turned(part(known, [0, 1], [0, at]))));
    }
    const root = part(column, [0, 1], [0, 1]).sqrt();
    const below = at + 1 < size ? [part(column, [1, size - at], [0, 1]).div(root)] : [];
    const above = at > 0 ? [full(x.dtype, [...batch, at, 1], 0)] : [];
    const next = joinedRows([...above, root, ...below]);
    done = done ? concat([done, next], -1) : next;
  }
  return done!;
}

/** X of T·X = B of a triangle. */
function triangular(a: Tensor, b: Tensor, upper: boolean, unit: boolean): Tensor {
  const size = squareSize(a, "solve_triangular");
  const [left, right] = together(a, b);
  const order = Array.from({ length: size }, (_, at) => (upper ? size - 1 - at : at));
  const width = right.shape.at(-1)!;
  const found: Tensor[] = new Array(size);
  for (const [turn, at] of order.entries()) {
    let rest = part(right, [at, at + 1], [0, width]);
    if (turn > 0) {
      const [from, to] = upper ? [at + 1, size] : [0, at];
      rest = rest.sub(part(left, [at, at + 1], [from, to]).matmul(joinedRows(found.slice(from, to))));
    }
    found[at] = unit ? rest : rest.div(part(left, [at, at + 1], [at, at + 1]));
  }
  return joinedRows(found);
}

/** Of a factor L or U, X of A·X = B. */
function solvedByFactor(b: Tensor, factor: Tensor, upper: boolean): Tensor {
  const lower = upper ? turned(factor) : factor;
  return triangular(turned(lower), triangular(lower, b, false, false), true, false);
}

/** Orthonormal columns and a triangle, by reflections. */
function orthogonal(x: Tensor): readonly [Tensor, Tensor] {
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  if (Math.max(rows, columns) > mostRows) throw unsupportedTorch(`qr of [${rows},${columns}]`);
  const batch = x.shape.slice(0, -2);
  const eye = identity(x, rows).broadcastTo([...batch, rows, rows]);
  let [q, r] = [eye, x];
  for (let at = 0; at < Math.min(rows - 1, columns); at++) {
    const column = part(r, [at, rows], [at, at + 1]);
    const head = part(column, [0, 1], [0, 1]);
    const length = column.mul(column).sum([-2], { keepDims: true }).sqrt();
    const sign = where(head.less(0), constant(-1, x.dtype), constant(1, x.dtype));
    const first = head.add(sign.mul(length));
    const vector = concat([first, part(column, [1, rows - at], [0, 1])], -2);
    const padded = at > 0 ? concat([full(x.dtype, [...batch, at, 1], 0), vector], -2) : vector;
    const square = vector.mul(vector).sum([-2], { keepDims: true });
    const scale = where(square.equal(0), constant(0, x.dtype), constant(2, x.dtype).div(square));
    const reflect = (y: Tensor): Tensor => y.sub(padded.mul(scale).matmul(turned(padded).matmul(y)));
    r = reflect(r);
    q = turned(reflect(turned(q)));
  }
  return [q, r];
}

/** (Σ|x|^p)^(1/p) over dimensions. */
function vectorNorm(x: Tensor, order: number, axes: readonly number[], keepDims: boolean): Tensor {
  const sizes = x.abs();
  const options = { keepDims };
  if (order === Number.POSITIVE_INFINITY) return sizes.max(axes, options);
  if (order === Number.NEGATIVE_INFINITY) return sizes.min(axes, options);
  if (order === 0) return cast(x.notEqual(0), x.dtype).sum(axes, options);
  if (order === 1) return sizes.sum(axes, options);
  if (order === 2) return x.mul(x).sum(axes, options).sqrt();
  return sizes
    .pow(order)
    .sum(axes, options)
    .pow(1 / order);
}

const axesOf = (call: TorchCall, x: Tensor): readonly number[] => {
  const rank = x.shape.length;
  const axes = call.has("dim") ? call.ints("dim").map((axis) => (axis < 0 ? axis + rank : axis)) : [];
  return axes.length === 0 ? x.shape.map((_, at) => at) : axes;
};

const floats = (call: TorchCall, name: string): Tensor => {
  const x = call.tensor(name);
  return cast(x, call.dtype("dtype", floatType(x.dtype)));
};

/** Norms of matrices: the root of all squares, or the largest sum of columns or rows. */
function matrixNorm(x: Tensor, order: number | "fro", axes: readonly number[], keepDims: boolean): Tensor {
  const [rows, columns] = axes as [number, number];
  if (order === "fro") return vectorNorm(x, 2, axes, keepDims);
  const [inner, outer] = Math.abs(order) === 1 ? [rows, columns] : [columns, rows];
  if (Math.abs(order) !== 1 && Math.abs(order) !== Number.POSITIVE_INFINITY)
    throw unsupportedTorch(`a norm of matrices of order ${order}`, "norms by singular values are not there");
  const sums = x.abs().sum([inner], { keepDims: true });
  const found = order > 0 ? sums.max([outer], { keepDims: true }) : sums.min([outer], { keepDims: true });
  if (keepDims) return found;
  return found.reshape(x.shape.filter((_, at) => !axes.includes(at)));
}

const lastTwo = (x: Tensor): readonly number[] => [x.shape.length - 2, x.shape.length - 1];

function anyNorm(call: TorchCall): Tensor {
  const x = floats(call, "self");
  const order = call.value("ord");
  const axes = call.has("dim") ? axesOf(call, x) : undefined;
  const keep = call.flag("keepdim");
  if (order === null) return vectorNorm(x, 2, axes ?? x.shape.map((_, at) => at), keep);
  if (typeof order === "string") {
    if (order !== "fro") throw unsupportedTorch(`a norm of order "${order}"`);
    return matrixNorm(x, "fro", axes ?? lastTwo(x), keep);
  }
  const isMatrix = axes ? axes.length === 2 : x.shape.length === 2;
  return isMatrix
    ? matrixNorm(x, Number(order), axes ?? lastTwo(x), keep)
    : vectorNorm(x, Number(order), axes ?? [0], keep);
}

/** norm: of all elements or over dimensions, always as of a vector. */
const plainNorm = (call: TorchCall): Tensor => {
  const x = floats(call, "self");
  const order = call.value("p");
  return vectorNorm(x, isScalar(order) ? Number(order) : 2, axesOf(call, x), call.flag("keepdim"));
};

function power(x: Tensor, exponent: number): Tensor {
  if (exponent < 0) return power(inverted(x), -exponent);
  if (exponent === 0) return identity(x, x.shape.at(-1)!).broadcastTo(x.shape);
  const half = exponent > 1 ? power(x, Math.floor(exponent / 2)) : undefined;
  const square = half?.matmul(half);
  if (!square) return x;
  return exponent % 2 === 1 ? square.matmul(x) : square;
}

const one = (name: string, argument: string, run: (x: Tensor) => Tensor): TorchOperator =>
  operator(`${name}(Tensor ${argument}) -> Tensor`, (call) => run(call.tensor(argument)));

const determinant = (x: Tensor): Tensor => x.det();
const logDeterminant = (x: Tensor): Tensor => {
  const { sign, size } = determinants(x);
  return where(sign.less(0), constant(Number.NaN, x.dtype), size);
};
const signAndSize = (call: TorchCall, name: string): TorchResult => {
  const { sign, size } = determinants(call.tensor(name));
  return [sign, size];
};

export const linearAlgebra: readonly TorchOperator[] = [
  operator("linalg_solve(Tensor A, Tensor B, *, bool left=True) -> Tensor", linearSolve),
  operator(
    "linalg_solve_triangular(Tensor self, Tensor B, *, bool upper, bool left=True, bool unitriangular=False) -> Tensor",
    (call) => {
      const [a, b] = [call.tensor("self"), call.tensor("B")];
      const [upper, unit] = [call.flag("upper"), call.flag("unitriangular")];
      return call.flag("left") ? triangular(a, b, upper, unit) : turned(triangular(turned(a), turned(b), !upper, unit));
    },
  ),
  operator(
    "triangular_solve(Tensor self, Tensor A, bool upper=True, bool transpose=False, bool unitriangular=False) -> (Tensor, Tensor)",
    (call): TorchResult => {
      const [b, a] = [call.tensor("self"), call.tensor("A")];
      const [upper, unit] = [call.flag("upper"), call.flag("unitriangular")];
      return [call.flag("transpose") ? triangular(turned(a), b, !upper, unit) : triangular(a, b, upper, unit), a];
    },
  ),
  one("linalg_inv", "A", inverted),
  one("inverse", "self", inverted),
  operator("linalg_inv_ex(Tensor A, *, bool check_errors=False) -> (Tensor, Tensor)", (call): TorchResult => {
    const x = call.tensor("A");
    return [inverted(x), full("i32", x.shape.slice(0, -2), 0)];
  }),
  one("linalg_det", "A", determinant),
  one("det", "self", determinant),
  one("logdet", "self", logDeterminant),
  operator("slogdet(Tensor self) -> (Tensor, Tensor)", (call) => signAndSize(call, "self")),
  operator("linalg_slogdet(Tensor A) -> (Tensor, Tensor)", (call) => signAndSize(call, "A")),
  operator("linalg_cholesky(Tensor self, *, bool upper=False) -> Tensor", (call) => {
    const lower = cholesky(call.tensor("self"));
    return call.flag("upper") ? turned(lower) : lower;
  }),
  operator("cholesky(Tensor self, bool upper=False) -> Tensor", (call) => {
    const lower = cholesky(call.tensor("self"));
    return call.flag("upper") ? turned(lower) : lower;
  }),
  operator(
    "linalg_cholesky_ex(Tensor self, *, bool upper=False, bool check_errors=False) -> (Tensor, Tensor)",
    (call): TorchResult => {
      const lower = cholesky(call.tensor("self"));
      return [call.flag("upper") ? turned(lower) : lower, full("i32", lower.shape.slice(0, -2), 0)];
    },
  ),
  operator("cholesky_solve(Tensor self, Tensor input2, bool upper=False) -> Tensor", (call) =>
    solvedByFactor(call.tensor("self"), call.tensor("input2"), call.flag("upper")),
  ),
  operator("cholesky_inverse(Tensor self, bool upper=False) -> Tensor", (call) => {
    const factor = call.tensor("self");
    const size = squareSize(factor, "cholesky_inverse");
    return solvedByFactor(identity(factor, size).broadcastTo(factor.shape), factor, call.flag("upper"));
  }),
  operator("linalg_qr(Tensor A, str mode='reduced') -> (Tensor, Tensor)", (call): TorchResult => {
    const x = call.tensor("A");
    const [q, r] = orthogonal(x);
    const [rows, columns] = x.shape.slice(-2) as [number, number];
    const count = call.text("mode") === "complete" ? rows : Math.min(rows, columns);
    return [part(q, [0, rows], [0, count]), part(r, [0, count], [0, columns])];
  }),
  operator("linalg_matrix_power(Tensor self, int n) -> Tensor", (call) => power(call.tensor("self"), call.int("n"))),
  operator("matrix_power(Tensor self, int n) -> Tensor", (call) => power(call.tensor("self"), call.int("n"))),
  operator("linalg_multi_dot(Tensor[] tensors) -> Tensor", (call) =>
    call.tensors("tensors").reduce((a, b) => {
      const product = (a.shape.length === 1 ? a.unsqueeze(0) : a).matmul(b.shape.length === 1 ? b.unsqueeze(1) : b);
      const rows = a.shape.length === 1 ? product.squeeze(-2) : product;
      return b.shape.length === 1 ? rows.squeeze(-1) : rows;
    }),
  ),
  operator(
    "linalg_vector_norm(Tensor self, Scalar ord=2, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
    (call) => {
      const x = floats(call, "self");
      return vectorNorm(x, call.float("ord"), axesOf(call, x), call.flag("keepdim"));
    },
  ),
  operator(
    "linalg_matrix_norm(Tensor self, Scalar ord, int[] dim=[-2,-1], bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
    (call) => {
      const x = floats(call, "self");
      return matrixNorm(x, call.float("ord"), axesOf(call, x), call.flag("keepdim"));
    },
  ),
  operator(
    "linalg_matrix_norm.str_ord(Tensor self, str ord='fro', int[] dim=[-2,-1], bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
    (call) => {
      if (call.text("ord") !== "fro") throw unsupportedTorch(`a norm of order "${call.text("ord")}"`);
      const x = floats(call, "self");
      return matrixNorm(x, "fro", axesOf(call, x), call.flag("keepdim"));
    },
  ),
  operator(
    "linalg_norm(Tensor self, Scalar? ord=None, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
    anyNorm,
  ),
  operator(
    "linalg_norm.ord_str(Tensor self, str ord, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
    anyNorm,
  ),
  operator("norm.Scalar(Tensor self, Scalar p=2) -> Tensor", plainNorm),
  operator("norm.ScalarOpt_dim(Tensor self, Scalar? p, int[1] dim, bool keepdim=False) -> Tensor", plainNorm),
  operator(
    "norm.ScalarOpt_dim_dtype(Tensor self, Scalar? p, int[1] dim, bool keepdim, *, ScalarType dtype) -> Tensor",
    plainNorm,
  ),
  operator("norm.ScalarOpt_dtype(Tensor self, Scalar? p, *, ScalarType dtype) -> Tensor", plainNorm),
  operator("frobenius_norm.dim(Tensor self, int[1] dim, bool keepdim=False) -> Tensor", (call) => {
    const x = call.tensor("self");
    return vectorNorm(x, 2, axesOf(call, x), call.flag("keepdim"));
  }),
  operator("linalg_cross(Tensor self, Tensor other, *, int dim=-1) -> Tensor", (call) =>
    cross(call, call.value("dim")),
  ),
  operator("cross(Tensor self, Tensor other, int? dim=None) -> Tensor", (call) => cross(call, call.value("dim"))),
  operator("dist(Tensor self, Tensor other, Scalar p=2) -> Tensor", (call) => {
    const [a, b] = call.promoted(["self", "other"], floatType) as [Tensor, Tensor];
    const x = a.sub(b);
    return vectorNorm(
      x,
      call.float("p"),
      x.shape.map((_, at) => at),
      false,
    );
  }),
  operator("cdist(Tensor x1, Tensor x2, float p=2, int? compute_mode=None) -> Tensor", distances),
  operator("_cdist_forward(Tensor x1, Tensor x2, float p, int? compute_mode) -> Tensor", distances),
  operator("pdist(Tensor self, float p=2) -> Tensor", pairDistances),
  operator("_pdist_forward(Tensor self, float p=2) -> Tensor", pairDistances),
  operator(
    "pairwise_distance(Tensor x1, Tensor x2, float p=2, float eps=1e-06, bool keepdim=False) -> Tensor",
    (call) => {
      const [a, b] = call.promoted(["x1", "x2"], floatType) as [Tensor, Tensor];
      const x = a.sub(b).add(call.float("eps"));
      return vectorNorm(x, call.float("p"), [x.shape.length - 1], call.flag("keepdim"));
    },
  ),
  operator("cosine_similarity(Tensor x1, Tensor x2, int dim=1, float eps=1e-08) -> Tensor", (call) => {
    const [a, b] = call.promoted(["x1", "x2"], floatType) as [Tensor, Tensor];
    const axis = [call.axis("dim", Math.max(a.shape.length, b.shape.length))];
    const length = (x: Tensor) => vectorNorm(x, 2, axis, true).maximum(call.float("eps"));
    return a
      .div(length(a))
      .mul(b.div(length(b)))
      .sum(axis);
  }),
];

/** The product of vectors of three numbers that stands at right angles to both. */
function cross(call: TorchCall, dim: unknown): Tensor {
  const [given1, given2] = call.promoted(["self", "other"]) as [Tensor, Tensor];
  const shape = broadcastShape(given1.shape, given2.shape);
  const [a, b] = [given1.broadcastTo(shape), given2.broadcastTo(shape)];
  const axis = dim === null ? shape.indexOf(3) : call.axis("dim", shape.length);
  if (shape[axis] !== 3) throw torchMisfit(`cross of [${shape}], where no dimension has 3 elements`);
  const turn = (x: Tensor, by: number) => x.roll(by, axis);
  return turn(a, -1)
    .mul(turn(b, 1))
    .sub(turn(a, 1).mul(turn(b, -1)));
}

/** Of rows of two matrices, the norms of all differences. */
function distances(call: TorchCall): Tensor {
  const [a, b] = call.promoted(["x1", "x2"], floatType) as [Tensor, Tensor];
  const x = a.unsqueeze(-2).sub(b.unsqueeze(b.shape.length - 2));
  return vectorNorm(x, call.float("p"), [x.shape.length - 1], false);
}

/** Of all pairs of rows, the norms of their differences. */
function pairDistances(call: TorchCall): Tensor {
  const self = call.tensor("self");
  const count = self.shape[0]!;
  const pairs = Array.from({ length: count * count }, (_, at) => [Math.floor(at / count), at % count] as const);
  const upper = pairs.filter(([row, column]) => column > row);
  const rows = (of: 0 | 1) =>
    self.indexSelect(
      0,
      constant(
        upper.map((pair) => pair[of]),
        "i64",
        [upper.length],
      ),
    );
  return vectorNorm(rows(0).sub(rows(1)), call.float("p"), [1], false);
}
