// Support vector machines of `ai.onnx.ml`.
import { constant, stack, type Tensor, where } from "../../../capture/tensor.ts";
import type { Call, Definitions } from "../call.ts";
import { modelError, unsupported } from "../import-error.ts";
import type { Imported } from "../imported.ts";
import { elementCount } from "../limits.ts";
import { castTo } from "./elementwise.ts";
import { bothClasses, featuresOf, labelsOf, postTransform } from "./scores.ts";

/** The kernel of rows x[n,d] and vectors [m,d], [n,m]. */
function kernelOf(call: Call, x: Tensor, vectors: Tensor): Tensor {
  const [gamma = 0, coefficient = 0, degree = 0] = call.floats("kernel_params", []);
  const kind = call.text("kernel_type", "LINEAR");
  const products = () => x.matmul(vectors.permute());
  switch (kind) {
    case "LINEAR":
      return products();
    case "POLY":
      return products().mul(gamma).add(coefficient).pow(degree);
    case "SIGMOID":
      return products().mul(gamma).add(coefficient).tanh();
    case "RBF": {
      const apart = x.unsqueeze(1).sub(vectors);
      return apart.mul(apart).sum([2]).mul(-gamma).exp();
    }
    default:
      throw modelError(`attribute "kernel_type" is "${kind}"`);
  }
}

function svmRegressor(call: Call): Tensor {
  const x = featuresOf(call.tensor(0));
  const coefficients = constant(call.floats("coefficients"), x.dtype, [
    1,
    call.floats("coefficients").length,
  ]) as Tensor;
  const supports = call.int("n_supports", 0);
  const rho = call.floats("rho")[0]!;
  const vectors = () => constant(call.floats("support_vectors"), x.dtype, [supports, x.shape[1]!]) as Tensor;
  const found = supports > 0 ? kernelOf(call, x, vectors()) : x;
  const score = found.matmul(coefficients.permute()).add(rho);
  if (!call.flag("one_class")) return castTo(postTransform(call.text("post_transform", "NONE"))(score), "f32");
  return where(score.greater(0), constant(1, "f32"), constant(-1, "f32")) as Tensor;
}

/** Of every two classes, whether the first or the second wins: their scores [n,pairs], and how often each won [n,classes]. */
function duels(
  call: Call,
  x: Tensor,
  perClass: readonly number[],
): { readonly scores: Tensor; readonly votes: Tensor } {
  const count = perClass.reduce((a, b) => a + b, 0);
  const classes = perClass.length;
  const vectors = constant(call.floats("support_vectors"), x.dtype, [count, x.shape[1]!]) as Tensor;
  const [coefficients, rho] = [call.floats("coefficients"), call.floats("rho")];
  const starts = perClass.map((_, at) => perClass.slice(0, at).reduce((a, b) => a + b, 0));
  const pairs = perClass.flatMap((_, i) => perClass.slice(i + 1).map((_, at) => [i, i + 1 + at] as const));
  elementCount(pairs.length * count, "a table of classes and vectors");
  // What the kernels of all vectors are multiplied by for each pair: those of the two classes count.
  const weights = pairs.map(([i, j]) =>
    Array.from({ length: count }, (_, at) => {
      const isOf = (which: number) => at >= starts[which]! && at < starts[which]! + perClass[which]!;
      return isOf(i) ? coefficients[(j - 1) * count + at]! : isOf(j) ? coefficients[i * count + at]! : 0;
    }),
  );
  const products = kernelOf(call, x, vectors).matmul(
    (constant(weights.flat(), x.dtype, [pairs.length, count]) as Tensor).permute(),
  );
  const scores = products.add(constant(rho.slice(0, pairs.length), x.dtype) as Tensor);
  const wins = scores.greater(0);
  const votes = Array.from({ length: classes }, (_, each) =>
    pairs
      .flatMap(([i, j], at) => {
        const won = wins.slice([], [at, at + 1]).squeeze(1);
        return i === each ? [won.cast("i64")] : j === each ? [won.not().cast("i64")] : [];
      })
      .reduce((a, b) => a.add(b)),
  );
  return { scores, votes: stack(votes, 1) };
}

function svmClassifier(call: Call): (Imported | undefined)[] {
  const x = featuresOf(call.tensor(0));
  const perClass = call.ints("vectors_per_class", []);
  const name = call.text("post_transform", "NONE");
  const finished = (scores: Tensor): Tensor => castTo(postTransform(name)(scores), "f32");
  if (perClass.length === 0) {
    const classes = Math.max(call.ints("classlabels_ints", []).length, call.texts("classlabels_strings", []).length, 1);
    const coefficients = constant(call.floats("coefficients"), x.dtype, [classes, x.shape[1]!]) as Tensor;
    const scores = x.matmul(coefficients.permute()).add(call.floats("rho")[0]!);
    return [labelsOf(call, "classlabels_ints", scores.argmax(1)), finished(scores)];
  }
  const { scores, votes } = duels(call, x, perClass);
  const label = labelsOf(call, "classlabels_ints", votes.argmax(1));
  const [a, b] = [call.floats("prob_a", []), call.floats("prob_b", [])];
  if (a.length === 0) {
    if (perClass.length > 2) return [label, finished(scores)];
    return [label, finished(bothClasses(scores.squeeze(1), (each) => each.neg()))];
  }
  if (perClass.length > 2)
    throw unsupported("probabilities of more than two classes, which are found by trial", "take the scores instead");
  const share = scores
    .squeeze(1)
    .mul(a[0]!)
    .add(b[0]!)
    .neg()
    .sigmoid()
    .clamp(1e-7, 1 - 1e-7);
  return [label, finished(stack([share, share.neg().add(1)], 1))];
}

export const supportVectors: Definitions = {
  "ai.onnx.ml::SVMClassifier": svmClassifier,
  "ai.onnx.ml::SVMRegressor": svmRegressor,
};
