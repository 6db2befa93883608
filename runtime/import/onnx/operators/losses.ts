// ONNX's losses of classification.
import { constant, type Tensor, where } from "../../../capture/tensor.ts";
import type { Call, Definitions } from "../call.ts";
import { modelError } from "../import-error.ts";
import { castTo } from "./elementwise.ts";
import { widened } from "./norms.ts";

/** Minus the log-probability of each target class, by its weight; the sum or the weighted mean of all unless each is wanted. */
function negativeLogLikelihood(call: Call, logProbability: Tensor, dtype: Tensor["dtype"]): Tensor {
  const target = call.tensor(1).cast("i64");
  const picked = logProbability.gather(1, target.unsqueeze(1)).squeeze(1).neg();
  const classWeight = call.optional(2);
  // A class outside of all, which only one that is ignored may be, reads the nearest weight.
  const weight = classWeight && widened(classWeight).indexSelect(0, target);
  const ignored = call.attribute("ignore_index") && target.equal(call.int("ignore_index"));
  const zero = constant(0, picked.dtype) as Tensor;
  const one = constant(1, picked.dtype) as Tensor;
  const counted = ignored ? where(ignored, zero, weight ?? one) : weight;
  const loss = counted ? picked.mul(counted) : picked;
  // What is ignored may be infinitely unlikely.
  const each = ignored ? where(ignored, zero, loss) : loss;
  const reduction = call.text("reduction", "mean");
  switch (reduction) {
    case "none":
      return castTo(each, dtype);
    case "sum":
      return castTo(each.sum(), dtype);
    case "mean":
      return castTo(counted ? each.sum().div(counted.sum()) : each.mean(), dtype);
    default:
      throw modelError(`attribute "reduction" is "${reduction}"`);
  }
}

function negativeLogLikelihoodLoss(call: Call): Tensor {
  const logProbability = call.tensor(0);
  return negativeLogLikelihood(call, widened(logProbability), logProbability.dtype);
}

function softmaxCrossEntropyLoss(call: Call): Tensor[] {
  const scores = call.tensor(0);
  const logProbability = widened(scores).logSoftmax(1);
  return [negativeLogLikelihood(call, logProbability, scores.dtype), castTo(logProbability, scores.dtype)];
}

export const losses: Definitions = {
  NegativeLogLikelihoodLoss: negativeLogLikelihoodLoss,
  SoftmaxCrossEntropyLoss: softmaxCrossEntropyLoss,
};
