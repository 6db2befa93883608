// The steps of optimisers that ONNX has for trying: from weights, gradients and what the step before left, the next ones.
import { constant, type Tensor, where } from "../../../capture/tensor.ts";
import type { Call, Definition, Definitions } from "../call.ts";
import { modelError, unsupported } from "../import-error.ts";

/** What a step of an optimiser knows beside the tensors: the learning rate, and how many steps there were. */
interface Step {
  readonly rate: Tensor;
  readonly count: Tensor;
}

/** The operands of one weight: itself, its gradient, and what is kept between steps. */
type Group = readonly Tensor[];

/** An optimiser of any number of weights; first all weights are given, then all gradients, and so on with what is kept. */
const optimiser =
  (kept: number, step: (call: Call, group: Group, step: Step) => readonly Tensor[]): Definition =>
  (call) => {
    const tensors = call.tensors(2);
    const kinds = 2 + kept;
    if (tensors.length % kinds !== 0)
      throw modelError(`it has ${tensors.length} tensors where each weight comes with ${kinds - 1} more`);
    const weights = tensors.length / kinds;
    const results = Array.from({ length: weights }, (_, at) => {
      const group = Array.from({ length: kinds }, (_, kind) => tensors[kind * weights + at]!);
      const known = { rate: call.tensor(0).reshape([]), count: call.tensor(1).reshape([]) };
      return step(call, group, { ...known, rate: known.rate.cast(group[0]!.dtype) });
    });
    return Array.from({ length: 1 + kept }, (_, kind) => results.map((each) => each[kind]!)).flat();
  };

/** The gradient with that of the squared norm of the weight. */
const regularized = (call: Call, x: Tensor, gradient: Tensor): Tensor =>
  x.mul(call.float("norm_coefficient", 0)).add(gradient);

function adagrad(call: Call, [x, gradient, squares]: Group, { rate, count }: Step): Tensor[] {
  const decayed = rate.div(count.cast(x!.dtype).mul(call.float("decay_factor", 0)).add(1));
  const g = regularized(call, x!, gradient!);
  const next = squares!.add(g.mul(g));
  const size = next.sqrt().add(call.float("epsilon", 1e-6));
  return [x!.sub(decayed.mul(g).div(size)), next];
}

/** 1 − base^count, without loss where the power is near 1. */
const lacking = (base: number, count: Tensor): Tensor => count.mul(Math.log(base)).expm1().neg();

function adam(call: Call, [x, gradient, mean, squares]: Group, { rate, count }: Step): Tensor[] {
  const [alpha, beta] = [call.float("alpha", 0.9), call.float("beta", 0.999)];
  const g = regularized(call, x!, gradient!);
  const nextMean = mean!.mul(alpha).add(g.mul(1 - alpha));
  const nextSquares = squares!.mul(beta).add(g.mul(g).mul(1 - beta));
  const size = nextSquares.sqrt().add(call.float("epsilon", 1e-6));
  const steps = count.cast(x!.dtype);
  const corrected = rate.mul(lacking(beta, steps).sqrt()).div(lacking(alpha, steps));
  const adjusted = where(count.greater(0), corrected, rate);
  const next = x!.sub(adjusted.mul(nextMean).div(size));
  return [next.mul(1 - call.float("norm_coefficient_post", 0)), nextMean, nextSquares];
}

function momentum(call: Call, [x, gradient, velocity]: Group, { rate, count }: Step): Tensor[] {
  const g = regularized(call, x!, gradient!);
  const alpha = call.float("alpha");
  const beta = where(count.greater(0), constant(call.float("beta"), g.dtype), constant(1, g.dtype));
  const next = velocity!.mul(alpha).add(g.mul(beta));
  const mode = call.text("mode");
  if (mode !== "standard" && mode !== "nesterov") throw modelError(`attribute "mode" is "${mode}"`);
  const direction = mode === "nesterov" ? next.mul(alpha).add(g) : next;
  return [x!.sub(rate.mul(direction)), next];
}

const gradient = (): never => {
  throw unsupported(
    "operators have no derivatives here: models are trained before they come",
    "export the model without its training, or with the gradients as nodes of their own",
  );
};

export const training: Definitions = {
  "ai.onnx.preview.training::Adagrad": optimiser(1, adagrad),
  "ai.onnx.preview.training::Adam": optimiser(2, adam),
  "ai.onnx.preview.training::Gradient": gradient,
  "ai.onnx.preview.training::Momentum": optimiser(1, momentum),
};
