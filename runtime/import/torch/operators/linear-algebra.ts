// PyTorch's linear algebra by the runtime's: what has no result is a fault of the step, with the line of the source.
import * as linalg from "../../../capture/linalg/index.ts";
import { concat, full, stack, type Tensor, where } from "../../../capture/tensor.ts";
import { type TorchCall, torchMisfit, unsupportedTorch } from "../call.ts";
import { operator, type TorchOperator, type TorchResult } from "./definition.ts";

type Matrix = Tensor<linalg.Wide>;

const matrix = (call: TorchCall, name: string): Matrix => call.tensor(name) as Matrix;

const pivotsOf = (call: TorchCall, name: string) => call.tensor(name) as Tensor<"i32">;

const sizesOf = (x: Tensor): readonly [number, number] => {
  if (x.shape.length < 2) throw torchMisfit(`[${x.shape}] are no matrices`);
  return x.shape.slice(-2) as unknown as readonly [number, number];
};

const turned = (x: Matrix): Matrix => x.transpose(-1, -2);

/** Faults of the step where a matrix has no result. */
const refused = (call: TorchCall, info: Tensor, message: string): void => call.refuse(info.notEqual(0), message);

const singular = (name: string): string => `${name}: the input matrix is singular`;

function requireFinite(call: TorchCall, name: string, x: Matrix): Matrix {
  call.refuse(x.isFinite().not(), `${name}: the input matrix contains non-finite values`);
  return x;
}

/** Options of a triangle, as a call says them. */
const upperOf = (call: TorchCall) => ({ upper: call.flag("upper") });

function cholesky(call: TorchCall): Tensor {
  const { factor, info } = linalg.choleskyEx(matrix(call, "self"), upperOf(call));
  refused(call, info, "linalg.cholesky: the input is not positive-definite");
  return factor;
}

/** Solves, with a right side that may be vectors, or stand on the left. */
function solve(call: TorchCall, isChecked: boolean): linalg.WithInfo<linalg.Wide> {
  const [a, b] = call.promoted(["A", "B"]) as [Matrix, Matrix];
  const found = linalg.solveEx(a, b, { left: call.flag("left") });
  if (isChecked) refused(call, found.info, singular("linalg.solve"));
  return found;
}

function inverse(call: TorchCall, name: string): Tensor {
  const { result, info } = linalg.invEx(matrix(call, name));
  refused(call, info, singular("linalg.inv"));
  return result;
}

/** Factors with pivots, which is the only way here. */
function factors(call: TorchCall, name: string): linalg.LuFactors<linalg.Wide> {
  if (call.has("pivot") && !call.flag("pivot")) throw unsupportedTorch("lu without pivots");
  return linalg.luFactor(matrix(call, name));
}

const checked = (call: TorchCall, { lu, pivots, info }: linalg.LuFactors<linalg.Wide>): readonly Tensor[] => {
  if (call.flag("check_errors")) refused(call, info, singular("torch.linalg.lu_factor"));
  return [lu, pivots, info];
};

/** The sign of determinants and the logarithm of their size; NaN where the sign is negative. */
const logDeterminant = (x: Matrix): Tensor => {
  const { sign, logAbsDet } = linalg.slogdet(x);
  return where(sign.less(0), Number.NaN, logAbsDet);
};

const signAndSize = (call: TorchCall, name: string): TorchResult => {
  const { sign, logAbsDet } = linalg.slogdet(matrix(call, name));
  return [sign, logAbsDet];
};

/** Multiplies by the orthogonal matrix of reflections. */
function reflectedProduct(call: TorchCall): Tensor {
  const [x, tau, other] = [matrix(call, "self"), matrix(call, "input2"), matrix(call, "input3")];
  const [rows, columns] = sizesOf(x);
  const lead = x.shape.slice(0, -2);
  // As many columns as rows make the whole of Q.
  const wide = rows > columns ? concat([x, full(x.dtype, [...lead, rows, rows - columns], 0) as Matrix], -1) : x;
  const whole = linalg.householderProduct(wide, tau);
  const q = call.flag("transpose") ? turned(whole) : whole;
  return call.flag("left") ? q.matmul(other) : other.matmul(q);
}

const emptyLike = (x: Tensor, dtype = x.dtype): Tensor => full(dtype, [0], 0);

function leastSquares(call: TorchCall): TorchResult {
  const [a, given] = [matrix(call, "self"), matrix(call, "b")];
  const [rows, columns] = sizesOf(a);
  const isVectors = given.shape.length === a.shape.length - 1 && given.shape.join() === a.shape.slice(0, -1).join();
  const driver = call.has("driver") ? call.text("driver") : "gelsy";
  if (!["gels", "gelsy", "gelsd", "gelss"].includes(driver)) throw torchMisfit(`lstsq by the driver "${driver}"`);
  const options = call.has("rcond") ? { rcond: call.float("rcond") } : {};
  const found = linalg.lstsq(a, isVectors ? given.unsqueeze(-1) : given, options);
  const hasValues = driver === "gelsd" || driver === "gelss";
  return [
    isVectors ? found.solution.squeeze(-1) : found.solution,
    rows > columns && driver !== "gelsy" ? found.residuals : emptyLike(a),
    driver === "gels" ? emptyLike(a, "i64") : found.rank,
    hasValues ? found.singularValues : emptyLike(a),
  ];
}

/** Tolerances of a call, by the names of its two forms. */
const tolerances = (call: TorchCall): linalg.ToleranceOptions => ({
  ...(call.has("atol") && { atol: call.float("atol") }),
  ...(call.has("rtol") && { rtol: call.float("rtol") }),
  ...(call.has("rcond") && { rtol: call.float("rcond") }),
  ...(call.has("tol") && { atol: call.float("tol"), rtol: 0 }),
  hermitian: call.has("hermitian") && call.flag("hermitian"),
});

const pseudoinverse = (call: TorchCall): Tensor =>
  linalg.pinv(requireFinite(call, "linalg.pinv", matrix(call, "self")), tolerances(call));

const rank = (call: TorchCall, name: string): Tensor => linalg.matrixRank(matrix(call, name), tolerances(call));

function condition(call: TorchCall): Tensor {
  const p = call.value("p");
  const orders: readonly unknown[] = ["fro", "nuc", 1, -1, 2, -2, Infinity, -Infinity];
  const order = p === null ? 2 : typeof p === "string" ? p : Number(p);
  if (!orders.includes(order)) throw unsupportedTorch(`cond of order ${String(order)}`);
  return linalg.cond(matrix(call, "self"), order as linalg.MatrixOrder);
}

function eigen(call: TorchCall, name: string, hasVectors = true): readonly Tensor[] {
  const x = requireFinite(call, "linalg.eigh", matrix(call, name));
  const options = { uplo: call.text("UPLO") === "U" ? ("U" as const) : ("L" as const) };
  if (!hasVectors) return [linalg.eigvalsh(x, options)];
  const { eigenvalues, eigenvectors } = linalg.eigh(x, options);
  return [eigenvalues, eigenvectors];
}

const singularValues = (call: TorchCall, name: string): Tensor =>
  linalg.svdvals(requireFinite(call, "linalg.svd", matrix(call, name)));

function decomposed(call: TorchCall, name: string, fullMatrices: boolean): readonly [Matrix, Matrix, Matrix] {
  const { u, s, vh } = linalg.svd(requireFinite(call, "linalg.svd", matrix(call, name)), { fullMatrices });
  return [u, s, vh];
}

/** The inverse of a tensor whose first dimensions are rows, and whose others are columns. */
function tensorInverse(call: TorchCall): Tensor {
  const x = matrix(call, "self");
  const ind = call.int("ind");
  const [rows, columns] = [x.shape.slice(0, ind), x.shape.slice(ind)];
  const size = rows.reduce((a, b) => a * b, 1);
  const { result, info } = linalg.invEx(x.reshape([size, size]));
  refused(call, info, singular("linalg.tensorinv"));
  return result.reshape([...columns, ...rows]);
}

/** X of a tensor equation, in which the last dimensions of A are those of X. */
function tensorSolved(call: TorchCall): Tensor {
  const [given, b] = call.promoted(["self", "other"]) as [Matrix, Matrix];
  const rank = given.shape.length;
  const moved = call.has("dims") ? call.ints("dims").map((axis) => (axis < 0 ? axis + rank : axis)) : [];
  const a = given.permute([...given.shape.map((_, axis) => axis).filter((axis) => !moved.includes(axis)), ...moved]);
  const size = b.shape.reduce((all, each) => all * each, 1);
  const { result, info } = linalg.solveEx(a.reshape([size, size]) as Matrix, b.reshape([size]) as Matrix);
  refused(call, info, singular("linalg.tensorsolve"));
  return result.reshape(a.shape.slice(b.shape.length));
}

/** The powers of numbers, from the 0th on, along a dimension behind theirs. */
function vandermonde(call: TorchCall): Tensor {
  const x = call.tensor("x");
  const count = call.has("N") ? call.int("N") : x.shape.at(-1)!;
  const columns = [full(x.dtype, x.shape, 1)];
  while (columns.length < count) columns.push(columns.at(-1)!.mul(x));
  return stack(columns, x.shape.length);
}

const one = (name: string, argument: string, run: (call: TorchCall, name: string) => TorchResult): TorchOperator =>
  operator(`${name}(Tensor ${argument}) -> Tensor`, (call) => run(call, argument));

const products = (call: TorchCall, name: string): Tensor =>
  call.tensors(name).reduce((a, b) => {
    const product = (a.shape.length === 1 ? a.unsqueeze(0) : a).matmul(b.shape.length === 1 ? b.unsqueeze(1) : b);
    const rows = a.shape.length === 1 ? product.squeeze(-2) : product;
    return b.shape.length === 1 ? rows.squeeze(-1) : rows;
  });

const powers = (call: TorchCall): Tensor => {
  const [x, n] = [matrix(call, "self"), call.int("n")];
  if (n >= 0) return linalg.matrixPower(x, n);
  const { result, info } = linalg.invEx(x);
  refused(call, info, singular("linalg.matrix_power"));
  return linalg.matrixPower(result, -n);
};

export const linearAlgebra: readonly TorchOperator[] = [
  operator("linalg_solve(Tensor A, Tensor B, *, bool left=True) -> Tensor", (call) => solve(call, true).result),
  operator(
    "linalg_solve_ex(Tensor A, Tensor B, *, bool left=True, bool check_errors=False) -> (Tensor, Tensor)",
    (call): TorchResult => {
      const { result, info } = solve(call, call.flag("check_errors"));
      return [result, info];
    },
  ),
  operator(
    "_linalg_solve_ex(Tensor A, Tensor B, *, bool left=True, bool check_errors=False) -> (Tensor, Tensor, Tensor, Tensor)",
    (call): TorchResult => {
      const { result, info } = solve(call, call.flag("check_errors"));
      const { lu, pivots } = linalg.luFactor(matrix(call, "A"));
      return [result, lu, pivots, info];
    },
  ),
  operator(
    "linalg_solve_triangular(Tensor self, Tensor B, *, bool upper, bool left=True, bool unitriangular=False) -> Tensor",
    (call) =>
      linalg.solveTriangular(matrix(call, "self"), matrix(call, "B"), {
        ...upperOf(call),
        left: call.flag("left"),
        unitriangular: call.flag("unitriangular"),
      }),
  ),
  operator(
    "triangular_solve(Tensor self, Tensor A, bool upper=True, bool transpose=False, bool unitriangular=False) -> (Tensor, Tensor)",
    (call): TorchResult => {
      const a = matrix(call, "A");
      const isTurned = call.flag("transpose");
      const options = { upper: call.flag("upper") !== isTurned, unitriangular: call.flag("unitriangular") };
      return [linalg.solveTriangular(isTurned ? turned(a) : a, matrix(call, "self"), options), a];
    },
  ),
  one("linalg_inv", "A", inverse),
  one("inverse", "self", inverse),
  operator("linalg_inv_ex(Tensor A, *, bool check_errors=False) -> (Tensor, Tensor)", (call): TorchResult => {
    const { result, info } = linalg.invEx(matrix(call, "A"));
    if (call.flag("check_errors")) refused(call, info, singular("linalg.inv"));
    return [result, info];
  }),
  operator("linalg_tensorsolve(Tensor self, Tensor other, int[]? dims=None) -> Tensor", tensorSolved),
  operator("linalg_vander(Tensor x, *, int? N=None) -> Tensor", vandermonde),
  operator("linalg_tensorinv(Tensor self, int ind=2) -> Tensor", tensorInverse),
  one("linalg_det", "A", (call, name) => call.tensor(name).det()),
  one("det", "self", (call, name) => call.tensor(name).det()),
  operator("_linalg_det(Tensor A) -> (Tensor, Tensor, Tensor)", (call): TorchResult => {
    const x = matrix(call, "A");
    // PyTorch has the factors of the transpose, whose columns lie in a row.
    const { lu, pivots } = linalg.luFactor(turned(x));
    return [x.det(), lu, pivots];
  }),
  one("logdet", "self", (call, name) => logDeterminant(matrix(call, name))),
  operator("slogdet(Tensor self) -> (Tensor, Tensor)", (call) => signAndSize(call, "self")),
  operator("linalg_slogdet(Tensor A) -> (Tensor, Tensor)", (call) => signAndSize(call, "A")),
  operator("_linalg_slogdet(Tensor A) -> (Tensor, Tensor, Tensor, Tensor)", (call): TorchResult => {
    const { lu, pivots } = linalg.luFactor(turned(matrix(call, "A")));
    return [...(signAndSize(call, "A") as readonly Tensor[]), lu, pivots];
  }),
  operator("linalg_cholesky(Tensor self, *, bool upper=False) -> Tensor", cholesky),
  operator("cholesky(Tensor self, bool upper=False) -> Tensor", cholesky),
  operator(
    "linalg_cholesky_ex(Tensor self, *, bool upper=False, bool check_errors=False) -> (Tensor, Tensor)",
    (call): TorchResult => {
      const { factor, info } = linalg.choleskyEx(matrix(call, "self"), upperOf(call));
      if (call.flag("check_errors")) refused(call, info, "linalg.cholesky: the input is not positive-definite");
      return [factor, info];
    },
  ),
  operator("cholesky_solve(Tensor self, Tensor input2, bool upper=False) -> Tensor", (call) =>
    linalg.choleskySolve(matrix(call, "self"), matrix(call, "input2"), upperOf(call)),
  ),
  operator("cholesky_inverse(Tensor self, bool upper=False) -> Tensor", (call) =>
    linalg.choleskyInverse(matrix(call, "self"), upperOf(call)),
  ),
  operator("linalg_lu_factor(Tensor A, *, bool pivot=True) -> (Tensor, Tensor)", (call): TorchResult => {
    const { lu, pivots, info } = factors(call, "A");
    refused(call, info, singular("torch.linalg.lu_factor"));
    return [lu, pivots];
  }),
  operator(
    "linalg_lu_factor_ex(Tensor A, *, bool pivot=True, bool check_errors=False) -> (Tensor, Tensor, Tensor)",
    (call) => checked(call, factors(call, "A")),
  ),
  operator("_lu_with_info(Tensor self, bool pivot=True, bool check_errors=True) -> (Tensor, Tensor, Tensor)", (call) =>
    checked(call, factors(call, "self")),
  ),
  operator("linalg_lu(Tensor A, *, bool pivot=True) -> (Tensor, Tensor, Tensor)", (call): TorchResult => {
    if (!call.flag("pivot")) throw unsupportedTorch("lu without pivots");
    const { p, l, u } = linalg.lu(matrix(call, "A"));
    return [p, l, u];
  }),
  operator(
    "lu_unpack(Tensor LU_data, Tensor LU_pivots, bool unpack_data=True, bool unpack_pivots=True) -> (Tensor, Tensor, Tensor)",
    (call): TorchResult => {
      const lu = matrix(call, "LU_data");
      const { p, l, u } = linalg.luUnpack(lu, pivotsOf(call, "LU_pivots"));
      const [data, pivots] = [call.flag("unpack_data"), call.flag("unpack_pivots")];
      return [pivots ? p : emptyLike(lu), data ? l : emptyLike(lu), data ? u : emptyLike(lu)];
    },
  ),
  operator(
    "linalg_lu_solve(Tensor LU, Tensor pivots, Tensor B, *, bool left=True, bool adjoint=False) -> Tensor",
    (call) =>
      linalg.luSolve(matrix(call, "LU"), pivotsOf(call, "pivots"), matrix(call, "B"), {
        left: call.flag("left"),
        adjoint: call.flag("adjoint"),
      }),
  ),
  operator("lu_solve(Tensor self, Tensor LU_data, Tensor LU_pivots) -> Tensor", (call) =>
    linalg.luSolve(matrix(call, "LU_data"), pivotsOf(call, "LU_pivots"), matrix(call, "self")),
  ),
  operator("linalg_qr(Tensor A, str mode='reduced') -> (Tensor, Tensor)", (call): TorchResult => {
    const mode = call.text("mode");
    const x = matrix(call, "A");
    const { q, r } = linalg.qr(x, { mode: mode === "complete" ? "complete" : "reduced" });
    return [mode === "r" ? emptyLike(x) : q, r];
  }),
  operator("geqrf(Tensor self) -> (Tensor, Tensor)", (call): TorchResult => {
    const { a, tau } = linalg.geqrf(matrix(call, "self"));
    return [a, tau];
  }),
  operator("linalg_householder_product(Tensor input, Tensor tau) -> Tensor", (call) =>
    linalg.householderProduct(matrix(call, "input"), matrix(call, "tau")),
  ),
  operator("orgqr(Tensor self, Tensor input2) -> Tensor", (call) =>
    linalg.householderProduct(matrix(call, "self"), matrix(call, "input2")),
  ),
  operator(
    "ormqr(Tensor self, Tensor input2, Tensor input3, bool left=True, bool transpose=False) -> Tensor",
    reflectedProduct,
  ),
  operator("linalg_eigh(Tensor self, str UPLO='L') -> (Tensor, Tensor)", (call) => eigen(call, "self")),
  operator("linalg_eigvalsh(Tensor self, str UPLO='L') -> Tensor", (call) => eigen(call, "self", false)[0]!),
  operator("_linalg_eigh(Tensor A, str UPLO='L', bool compute_v=True) -> (Tensor, Tensor)", (call): TorchResult => {
    const found = eigen(call, "A", call.flag("compute_v"));
    return found.length === 2 ? found : [found[0]!, emptyLike(found[0]!)];
  }),
  operator("linalg_svd(Tensor A, bool full_matrices=True, *, str? driver=None) -> (Tensor, Tensor, Tensor)", (call) =>
    decomposed(call, "A", call.flag("full_matrices")),
  ),
  operator(
    "_linalg_svd(Tensor A, bool full_matrices=False, bool compute_uv=True, *, str? driver=None) -> (Tensor, Tensor, Tensor)",
    (call): TorchResult => {
      if (call.flag("compute_uv")) return decomposed(call, "A", call.flag("full_matrices"));
      const values = singularValues(call, "A");
      return [emptyLike(values), values, emptyLike(values)];
    },
  ),
  operator("linalg_svdvals(Tensor A, *, str? driver=None) -> Tensor", (call) => singularValues(call, "A")),
  operator(
    "svd(Tensor self, bool some=True, bool compute_uv=True) -> (Tensor, Tensor, Tensor)",
    (call): TorchResult => {
      const [u, s, vh] = decomposed(call, "self", !call.flag("some"));
      if (call.flag("compute_uv")) return [u, s, turned(vh)];
      const [rows, columns] = sizesOf(call.tensor("self"));
      const zeros = (size: number): Tensor => full(s.dtype, [...s.shape.slice(0, -1), size, size], 0);
      return [zeros(rows), s, zeros(columns)];
    },
  ),
  operator(
    "linalg_pinv.atol_rtol_float(Tensor self, *, float? atol=None, float? rtol=None, bool hermitian=False) -> Tensor",
    pseudoinverse,
  ),
  operator("linalg_pinv(Tensor self, float rcond, bool hermitian=False) -> Tensor", pseudoinverse),
  operator("pinverse(Tensor self, float rcond=1e-15) -> Tensor", pseudoinverse),
  operator(
    "linalg_matrix_rank.atol_rtol_float(Tensor input, *, float? atol=None, float? rtol=None, bool hermitian=False) -> Tensor",
    (call) => rank(call, "input"),
  ),
  operator("linalg_matrix_rank(Tensor self, float tol, bool hermitian=False) -> Tensor", (call) => rank(call, "self")),
  operator("linalg_cond(Tensor self, Scalar? p=None) -> Tensor", condition),
  operator("linalg_cond.p_str(Tensor self, str p) -> Tensor", condition),
  operator(
    "linalg_lstsq(Tensor self, Tensor b, float? rcond=None, *, str? driver=None) -> (Tensor, Tensor, Tensor, Tensor)",
    leastSquares,
  ),
  operator("linalg_matrix_power(Tensor self, int n) -> Tensor", powers),
  operator("matrix_power(Tensor self, int n) -> Tensor", powers),
  one("linalg_matrix_exp", "self", (call, name) => linalg.matrixExp(matrix(call, name))),
  one("matrix_exp", "self", (call, name) => linalg.matrixExp(matrix(call, name))),
  operator("linalg_multi_dot(Tensor[] tensors) -> Tensor", (call) => products(call, "tensors")),
  operator("chain_matmul(Tensor[] matrices) -> Tensor", (call) => products(call, "matrices")),
];
