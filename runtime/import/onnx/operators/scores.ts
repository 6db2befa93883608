// What the classifiers and regressors of `ai.onnx.ml` have in common: what becomes of scores, labels, and stored numbers.
import { constant, stack, type Tensor, where } from "../../../capture/tensor.ts";
import { numberIn } from "../../../graph/tensor-type.ts";
import type { Call } from "../call.ts";
import { modelError, unsupported } from "../import-error.ts";
import { type Imported, Strings } from "../imported.ts";
import { elementsOf } from "../known-values.ts";
import { castTo } from "./elementwise.ts";

/** The elements of a tensor that the file keeps in an attribute, as numbers; undefined where it is not there. */
export function storedNumbers(call: Call, attribute: string): number[] | undefined {
  const found = call.stored(attribute);
  if (!found) return undefined;
  if (found.kind === "strings") throw unsupported(`attribute "${attribute}" holds texts`);
  return Array.from(found.data as Iterable<number | bigint>, (each) => Number(numberIn(found.dtype, each)));
}

/** Rows of features in floats: float64 stays, everything else is float32. */
export const featuresOf = (x: Tensor): Tensor => {
  const wide = x.dtype === "f64" ? x : castTo(x, "f32");
  return wide.shape.length === 1 ? wide.unsqueeze(0) : wide;
};

/** √2 times the inverse error function of 2x − 1, in the approximation that ONNX's runtimes have. */
function probit(x: Tensor): Tensor {
  const centred = x.mul(2).sub(1);
  const log = centred.neg().add(1).mul(centred.add(1)).log();
  const v = log.mul(0.5).add(2 / (Math.PI * 0.147));
  const size = v.mul(v).sub(log.div(0.147)).sqrt().sub(v).sqrt();
  return size.mul(centred.sign()).mul(Math.SQRT2);
}

/** Softmax in which what is 0 adds nothing but itself. */
function softmaxZero(x: Tensor): Tensor {
  const most = x.max([-1], { keepDims: true });
  const powers = where(x.abs().greater(1e-7), x.sub(most).exp(), x.mul(most.neg().exp()));
  const sum = powers.sum([-1], { keepDims: true });
  return where(sum.equal(0), constant(0.5, x.dtype) as Tensor, powers.div(sum));
}

/** What becomes of scores, by its name. */
export function postTransform(name: string): (scores: Tensor) => Tensor {
  switch (name) {
    case "NONE":
      return (x) => x;
    case "SOFTMAX":
      return (x) => x.softmax(-1);
    case "LOGISTIC":
      return (x) => x.sigmoid();
    case "SOFTMAX_ZERO":
      return softmaxZero;
    case "PROBIT":
      return probit;
    default:
      throw modelError(`attribute "post_transform" is "${name}"`);
  }
}

/** The labels of classes by their numbers [n], of texts where the classes are known; undefined where they are texts that nothing reads. */
export function labelsOf(call: Call, attribute: string, classes: Tensor): Tensor | Strings | undefined {
  const labels = call.ints(attribute, []);
  if (labels.length > 0) return constant(labels, "i64").indexSelect(0, classes);
  if (!call.wants(0)) return undefined;
  const known = elementsOf(classes);
  if (!known) throw call.surroundings.unknown("what it classifies", classes, "texts");
  const texts = call.texts("classlabels_strings");
  return new Strings(
    known.shape,
    Array.from(known.data as BigInt64Array, (each) => texts[Number(each)]!),
  );
}

/** The scores of two classes of the one number that there is. */
export const bothClasses = (score: Tensor, other: (score: Tensor) => Tensor): Tensor =>
  stack([other(score), score], -1);

/** The label of the best class of each row, and all scores as float32. */
export const classified = (call: Call, attribute: string, scores: Tensor): (Imported | undefined)[] => [
  labelsOf(call, attribute, scores.argmax(1)),
  castTo(scores, "f32"),
];
