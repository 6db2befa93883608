// PyTorch's linear algebra of complex matrices: eigenvalues, and by the real matrices that do what they do, each number being [[a, −b], [b, a]].
import * as linalg from "../../../capture/linalg/index.ts";
import { concat, stack, type Tensor } from "../../../capture/tensor.ts";
import type { Complex } from "../../onnx/operators/fourier.ts";
import { type TorchCall, unsupportedTorch } from "../call.ts";
import { type TorchComplex, TorchTuple } from "../values.ts";
import { given, operator, type TorchOperator, type TorchResult } from "./definition.ts";
import { complexOf, imaginaryOf, partsOf } from "./spectra.ts";

type Matrix = Tensor<linalg.Wide>;

const wholes = (x: Tensor, count: number) => x.shape.slice(0, count).map(() => [] as const);

/** Some rows and columns of matrices. */
const part = <T extends Tensor>(x: T, ...places: (readonly number[])[]): T =>
  x.slice(...wholes(x, x.shape.length - 2), ...(places as [])) as T;

/** Matrices [2m,2n] that are what complex ones [m,n] are, number by number: what is lower or upper stays so in blocks. */
function real(x: Complex): Matrix {
  const { real: a } = x;
  const b = imaginaryOf(x);
  const [rows, columns] = a.shape.slice(-2) as [number, number];
  const rank = a.shape.length;
  const blocks = stack([stack([a, b.neg()], rank), stack([b, a], rank)], rank - 1);
  return blocks.reshape([...a.shape.slice(0, -2), 2 * rows, 2 * columns]) as Matrix;
}

/** The complex matrices of the first columns of each pair. */
function complex(x: Tensor): Complex {
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  return { real: part(x, [0, rows, 2], [0, columns, 2]), imaginary: part(x, [1, rows, 2], [0, columns, 2]) };
}

const resultOf = (x: Complex): TorchResult => given(complexOf(x));

const each = ({ real: a, imaginary: b }: Complex, run: (x: Tensor) => Tensor): Complex => ({
  real: run(a),
  imaginary: b && run(b),
});

/** A value, of which real and complex tensors count alike, as complex matrices. */
const partsIn = (call: TorchCall, name: string): Complex => partsOf(call.value(name));
const matrixIn = (call: TorchCall, name: string): Matrix => real(partsIn(call, name));

/** Products of vectors, matrices and batches of them. */
function product(x: Complex, y: Complex): Complex {
  const [left, right] = [x.real.shape.length, y.real.shape.length];
  const [a, b] = [
    left === 1 ? each(x, (of) => of.unsqueeze(0)) : x,
    right === 1 ? each(y, (of) => of.unsqueeze(1)) : y,
  ];
  // [a | b] · [c d; −d c]: sums of all products that are rounded as those of real matrices.
  const rows = concat([a.real, imaginaryOf(a)], -1);
  const [c, d] = [b.real, imaginaryOf(b)];
  const found = {
    real: rows.matmul(concat([c, d.neg()], -2)),
    imaginary: rows.matmul(concat([d, c], -2)),
  };
  const lines = right === 1 ? each(found, (of) => of.squeeze(-1)) : found;
  return left === 1 ? each(lines, (of) => of.squeeze(right === 1 ? -1 : -2)) : lines;
}

const pairs = [
  ["Complex", "Complex"],
  ["Complex", "Tensor"],
  ["Tensor", "Complex"],
] as const;

const products = (name: string, other: string): readonly TorchOperator[] =>
  pairs.map(([one, two]) =>
    operator(`${name}(${one} self, ${two} ${other}) -> Tensor`, (call) =>
      resultOf(product(partsIn(call, "self"), partsIn(call, other))),
    ),
  );

/** Faults of the step where a matrix has no result, of the pivots of the real matrix. */
const refused = (call: TorchCall, info: Tensor, message: string): void => call.refuse(info.notEqual(0), message);

/** The first pivot that is nothing, counted by complex numbers. */
const infoOf = (info: Tensor<"i32">): Tensor<"i32"> => info.add(1).floorDivide(2);

function solved(call: TorchCall): { readonly found: Complex; readonly info: Tensor<"i32"> } {
  const a = partsIn(call, "A");
  const b = partsIn(call, "B");
  const [rank, other] = [a.real.shape.length, b.real.shape];
  const isVectors =
    other.length === 1 || (other.length === rank - 1 && other.join() === a.real.shape.slice(0, -1).join());
  const right = isVectors ? each(b, (of) => of.unsqueeze(-1)) : b;
  const { result, info } = linalg.solveEx(real(a), real(right), { left: isVectors || call.flag("left") });
  const found = complex(result);
  return { found: isVectors ? each(found, (of) => of.squeeze(-1)) : found, info: infoOf(info) };
}

const solutions = pairs.flatMap(([a, b]) => [
  operator(`linalg_solve(${a} A, ${b} B, *, bool left=True) -> Tensor`, (call) => {
    const { found, info } = solved(call);
    refused(call, info, "linalg.solve: the input matrix is singular");
    return resultOf(found);
  }),
]);

function inverse(call: TorchCall, name: string): Complex {
  const { result, info } = linalg.invEx(matrixIn(call, name));
  refused(call, info, "linalg.inv: the input matrix is singular");
  return complex(result);
}

const requireFinite = (call: TorchCall, name: string, x: Matrix): Matrix => {
  call.refuse(x.isFinite().not(), `${name}: the input matrix contains non-finite values`);
  return x;
};

/** Of values that come in pairs, the first ones. */
const firstOfPairs = (x: Tensor): Tensor => x.slice(...wholes(x, x.shape.length - 1), [0, x.shape.at(-1)!, 2]);

const singularValues = (call: TorchCall, name: string): Tensor =>
  firstOfPairs(linalg.svdvals(requireFinite(call, "linalg.svd", matrixIn(call, name))));

/** x with the rest of what is Hermitian, of which one triangle is read, and the real parts of the diagonal. */
function hermitian(x: Complex, isUpper: boolean): Complex {
  const half = (of: Tensor) => (isUpper ? of.triu(1) : of.tril(-1));
  const diagonal = x.real.sub(x.real.triu(1)).sub(x.real.tril(-1));
  const turned = each(each(x, half), (of) => of.transpose(-1, -2));
  const [above, below] = [half(imaginaryOf(x)), turned.imaginary];
  return {
    real: half(x.real).add(turned.real).add(diagonal),
    imaginary: below ? above.sub(below) : above,
  };
}

/** The triangle of a Hermitian matrix, which is that of the real matrix: both have real, positive diagonals. */
function cholesky(call: TorchCall): TorchResult {
  const isUpper = call.flag("upper");
  const { factor, info } = linalg.choleskyEx(real(hermitian(partsIn(call, "self"), isUpper)), { upper: isUpper });
  refused(call, info, "linalg.cholesky: the input is not positive-definite");
  return resultOf(complex(factor));
}

function powers(call: TorchCall): TorchResult {
  const n = call.int("n");
  if (n >= 0) return resultOf(complex(linalg.matrixPower(matrixIn(call, "self"), n)));
  const { result, info } = linalg.invEx(matrixIn(call, "self"));
  refused(call, info, "linalg.matrix_power: the input matrix is singular");
  return resultOf(complex(linalg.matrixPower(result, -n)));
}

const tolerances = (call: TorchCall): linalg.ToleranceOptions => ({
  ...(call.has("atol") && { atol: call.float("atol") }),
  ...(call.has("rtol") && { rtol: call.float("rtol") }),
  ...(call.has("rcond") && { rtol: call.float("rcond") }),
});

/** The tolerance of complex matrices, whose real ones are twice as large. */
function toleranceOf(call: TorchCall, x: Matrix): linalg.ToleranceOptions {
  const options = tolerances(call);
  if (options.rtol !== undefined || (options.atol ?? 0) > 0) return options;
  return { rtol: (Math.max(...x.shape.slice(-2)) / 2) * (x.dtype === "f64" ? 2 ** -52 : 2 ** -23) };
}

function pseudoinverse(call: TorchCall): TorchResult {
  const x = requireFinite(call, "linalg.pinv", matrixIn(call, "self"));
  return resultOf(complex(linalg.pinv(x, toleranceOf(call, x))));
}

function condition(call: TorchCall): Tensor {
  const p = call.value("p");
  const order = p === null ? 2 : Number(p);
  if (order !== 2 && order !== -2) throw unsupportedTorch(`cond of order ${String(p)} of complex matrices`);
  return linalg.cond(matrixIn(call, "self"), order);
}

/** Q and R by the first columns of each pair: Q's diagonal blocks are numbers, since R's diagonal is real. */
function reflected(call: TorchCall): TorchResult {
  const mode = call.text("mode");
  if (mode === "r") throw unsupportedTorch("qr of complex matrices without q");
  const { q, r } = linalg.qr(matrixIn(call, "A"), { mode: mode === "complete" ? "complete" : "reduced" });
  const [rows, columns] = r.shape.slice(-2) as [number, number];
  // Row 2k of R holds, of each number, a and −b.
  const top = { real: part(r, [0, rows, 2], [0, columns, 2]), imaginary: part(r, [0, rows, 2], [1, columns, 2]).neg() };
  return given(new TorchTuple([complexOf(complex(q)), complexOf(top)]));
}

/** Eigenvalues, and vectors where they are asked for, of real and complex matrices. */
function eigen(call: TorchCall): { readonly values: TorchComplex; readonly vectors: TorchComplex } {
  const { real: a, imaginary: b } = partsIn(call, "self");
  for (const part of b ? [a, b] : [a])
    call.refuse(part.isFinite().not(), "linalg.eig: the input matrix contains non-finite values");
  const x = a as Matrix;
  const found = linalg.eig(b ? { real: x, imaginary: b as Matrix } : x);
  return { values: complexOf(found.eigenvalues), vectors: complexOf(found.eigenvectors) };
}

export const complexMatrices: readonly TorchOperator[] = [
  ...products("matmul", "other"),
  ...products("mm", "mat2"),
  ...products("bmm", "mat2"),
  ...products("mv", "vec"),
  ...solutions,
  operator("linalg_inv(Complex A) -> Tensor", (call) => resultOf(inverse(call, "A"))),
  operator("inverse(Complex self) -> Tensor", (call) => resultOf(inverse(call, "self"))),
  operator("linalg_cholesky(Complex self, *, bool upper=False) -> Tensor", cholesky),
  operator("cholesky(Complex self, bool upper=False) -> Tensor", cholesky),
  operator("linalg_qr(Complex A, str mode='reduced') -> (Tensor, Tensor)", reflected),
  operator("linalg_svdvals(Complex A, *, str? driver=None) -> Tensor", (call) => singularValues(call, "A")),
  operator("linalg_eigvalsh(Complex self, str UPLO='L') -> Tensor", (call) => {
    const x = real(hermitian(partsIn(call, "self"), call.text("UPLO") === "U"));
    return firstOfPairs(linalg.eigvalsh(requireFinite(call, "linalg.eigh", x)));
  }),
  operator(
    "linalg_pinv.atol_rtol_float(Complex self, *, float? atol=None, float? rtol=None, bool hermitian=False) -> Tensor",
    pseudoinverse,
  ),
  operator("linalg_pinv(Complex self, float rcond, bool hermitian=False) -> Tensor", pseudoinverse),
  operator("pinverse(Complex self, float rcond=1e-15) -> Tensor", pseudoinverse),
  operator(
    "linalg_matrix_rank.atol_rtol_float(Complex input, *, float? atol=None, float? rtol=None, bool hermitian=False) -> Tensor",
    (call) => {
      const x = matrixIn(call, "input");
      return linalg.matrixRank(x, toleranceOf(call, x)).floorDivide(2);
    },
  ),
  operator("linalg_cond(Complex self, Scalar? p=None) -> Tensor", condition),
  operator("linalg_matrix_power(Complex self, int n) -> Tensor", powers),
  operator("matrix_power(Complex self, int n) -> Tensor", powers),
  operator("linalg_matrix_exp(Complex self) -> Tensor", (call) =>
    resultOf(complex(linalg.matrixExp(matrixIn(call, "self")))),
  ),
  operator("matrix_exp(Complex self) -> Tensor", (call) => resultOf(complex(linalg.matrixExp(matrixIn(call, "self"))))),
  ...["Tensor", "Complex"].flatMap((type) => [
    operator(`linalg_eig(${type} self) -> (Tensor, Tensor)`, (call) => {
      const { values, vectors } = eigen(call);
      return given(new TorchTuple([values, vectors]));
    }),
    ...["linalg_eigvals", "_linalg_eigvals"].map((name) =>
      operator(`${name}(${type} self) -> Tensor`, (call) => given(eigen(call).values)),
    ),
  ]),
  operator("adjoint(Complex self) -> Tensor", (call) => {
    const turned = each(partsIn(call, "self"), (of) => of.transpose(-1, -2));
    return resultOf({ real: turned.real, imaginary: imaginaryOf(turned).neg() });
  }),
];
