// The functions of linear algebra with options: how each is called, options that are right, and wrong values of each option by hand.
import { linalg, type Tensor, tensorType, trace } from "../../launch/index.ts";
import type { Given, OptionCase } from "./option-case.ts";

const flag = ["yes", 1, null];
const choice = ["other", 5, null];
const fraction = ["1", -1, Number.NaN, null];
const tolerances = {
  right: { atol: 0, rtol: 0.1, hermitian: true },
  wrong: { atol: fraction, rtol: fraction, hermitian: flag },
};
const triangle = { right: { upper: true }, wrong: { upper: flag } };
const side = { right: { left: false }, wrong: { left: flag } };
const symmetric = { right: { uplo: "U" }, wrong: { uplo: choice } };
const linalgCase = (
  call: (plane: Tensor<"f32">, options: Given) => unknown,
  { right, wrong }: Pick<OptionCase, "right" | "wrong">,
): OptionCase => ({
  area: "operator",
  call: (options) =>
    trace(
      ({ plane }) => {
        call(plane, options);
        return { plane };
      },
      { plane: tensorType("f32", [8, 8]) },
      { name: "test" },
    ),
  right,
  wrong,
});

/** By the names of functions. */
export const linalgCases: { readonly [name: string]: OptionCase } = {
  "linalg.cholesky": linalgCase((plane, options) => linalg.cholesky(plane, options), triangle),
  "linalg.choleskyEx": linalgCase((plane, options) => linalg.choleskyEx(plane, options), triangle),
  "linalg.choleskySolve": linalgCase((plane, options) => linalg.choleskySolve(plane, plane, options), triangle),
  "linalg.choleskyInverse": linalgCase((plane, options) => linalg.choleskyInverse(plane, options), triangle),
  "linalg.solve": linalgCase((plane, options) => linalg.solve(plane, plane, options), side),
  "linalg.solveEx": linalgCase((plane, options) => linalg.solveEx(plane, plane, options), side),
  "linalg.solveTriangular": linalgCase((plane, options) => linalg.solveTriangular(plane, plane, options as never), {
    right: { upper: true, left: false, unitriangular: true },
    wrong: { upper: flag, left: flag, unitriangular: flag },
  }),
  "linalg.luSolve": linalgCase(
    (plane, options) => linalg.luSolve(plane, plane.slice([0, 1]).squeeze(0).cast("i32"), plane, options),
    {
      right: { left: false, adjoint: true },
      wrong: { left: flag, adjoint: flag },
    },
  ),
  "linalg.qr": linalgCase((plane, options) => linalg.qr(plane, options), {
    right: { mode: "complete" },
    wrong: { mode: choice },
  }),
  "linalg.eigh": linalgCase((plane, options) => linalg.eigh(plane, options), symmetric),
  "linalg.eigvalsh": linalgCase((plane, options) => linalg.eigvalsh(plane, options), symmetric),
  "linalg.svd": linalgCase((plane, options) => linalg.svd(plane, options), {
    right: { fullMatrices: false },
    wrong: { fullMatrices: flag },
  }),
  "linalg.pinv": linalgCase((plane, options) => linalg.pinv(plane, options), tolerances),
  "linalg.matrixRank": linalgCase((plane, options) => linalg.matrixRank(plane, options), tolerances),
  "linalg.lstsq": linalgCase((plane, options) => linalg.lstsq(plane, plane, options), {
    right: { rcond: 0.1 },
    wrong: { rcond: fraction },
  }),
  "linalg.vectorNorm": linalgCase((plane, options) => linalg.vectorNorm(plane, options), {
    right: { ord: 1, axes: [0], keepDims: true },
    wrong: { ord: ["1", Number.NaN, null], axes: [0, [0.5], null], keepDims: flag },
  }),
  "linalg.matrixNorm": linalgCase((plane, options) => linalg.matrixNorm(plane, options), {
    right: { ord: "nuc", axes: [0, 1], keepDims: true },
    wrong: { ord: ["other", 3, null], axes: [0, [0], null], keepDims: flag },
  }),
};
