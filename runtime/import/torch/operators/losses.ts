// PyTorch's losses: how far predictions are from targets, for each element, summed, or as a mean.
import { concat, constant, full, iota, type Tensor, where } from "../../../capture/tensor.ts";
import { countOf } from "../../../graph/tensor-type.ts";
import { cast, type TorchCall, torchMisfit, unsupportedTorch } from "../call.ts";
import { fixedNumbers } from "../known.ts";
import { floatType } from "../promotion.ts";
import { operator, type TorchOperator, type TorchResult } from "./definition.ts";

type Bools = Tensor<"bool">;

const number = (x: Tensor, value: number): Tensor => constant(value, x.dtype);

/** A loss of each element, or their mean or sum, as ATen counts reductions. */
function reduced(call: TorchCall, loss: Tensor): Tensor {
  const reduction = call.int("reduction");
  if (reduction === 0) return loss;
  return reduction === 1 ? loss.mean() : loss.sum();
}

type Two = (x: Tensor, target: Tensor, call: TorchCall) => Tensor;

/** A loss of each element of a prediction and of a target that is broadcast to it. */
const elementLoss = (name: string, options: string, loss: Two): TorchOperator =>
  operator(`${name}(Tensor self, Tensor target, ${options}) -> Tensor`, (call) => {
    const [x, target] = call.promoted(["self", "target"], floatType) as [Tensor, Tensor];
    return reduced(call, loss(x, target, call));
  });

/** Squares near 0, and distances from there on: both meet, with their slopes, at `width`. */
const huber = (difference: Tensor, width: number): Tensor => {
  const size = difference.abs();
  return where(size.less(width), difference.mul(difference).mul(0.5), size.sub(0.5 * width).mul(width));
};

const softplus = (x: Tensor): Tensor => x.maximum(0).add(x.abs().neg().exp().log1p());

const weighted = (call: TorchCall, loss: Tensor): Tensor => {
  const weight = call.optional("weight");
  return weight ? loss.mul(weight) : loss;
};

/** −(t·ln x + (1 − t)·ln(1 − x)), each logarithm held at −100. */
const crossEntropyOfTwo = (x: Tensor, target: Tensor): Tensor => {
  const held = (y: Tensor): Tensor => y.log().maximum(-100);
  const one = number(x, 1);
  return target
    .sub(1)
    .mul(held(one.sub(x)))
    .sub(target.mul(held(x)));
};

const crossEntropyOfLogits = (x: Tensor, target: Tensor, positive: Tensor | undefined): Tensor => {
  const rest = number(x, 1).sub(target).mul(x);
  const log = softplus(x.neg());
  return rest.add(positive ? positive.sub(1).mul(target).add(1).mul(log) : log);
};

const poisson = (call: TorchCall): Tensor => {
  const [x, target] = call.promoted(["input", "target"], floatType) as [Tensor, Tensor];
  const loss = call.flag("log_input") ? x.exp().sub(target.mul(x)) : x.sub(target.mul(x.add(call.float("eps")).log()));
  if (!call.flag("full")) return reduced(call, loss);
  const stirling = target
    .mul(target.log())
    .sub(target)
    .add(
      target
        .mul(2 * Math.PI)
        .log()
        .mul(0.5),
    );
  return reduced(call, loss.add(where(target.greater(1), stirling, number(x, 0))));
};

/** Which of a target's numbers are another than this one: hinges ask for 1 and −1. */
const unless = (target: Tensor, value: number, loss: Tensor): Tensor =>
  where(target.equal(value), number(loss, 0), loss);

const cosineEmbedding = (call: TorchCall): Tensor => {
  const [a, b] = call.promoted(["input1", "input2"], floatType) as [Tensor, Tensor];
  const target = call.tensor("target");
  const axis = [a.type.shape.length - 1];
  const size = (x: Tensor): Tensor => x.mul(x).sum(axis).add(1e-12);
  const cosine = a
    .mul(b)
    .sum(axis)
    .div(size(a).mul(size(b)).sqrt());
  const zero = number(cosine, 0);
  const near = where(target.equal(1), number(cosine, 1).sub(cosine), zero);
  return reduced(call, near.add(where(target.equal(-1), cosine.sub(call.float("margin")).maximum(0), zero)));
};

/** The p-norm of a difference along the last dimension. */
function distance(a: Tensor, b: Tensor, p: number, epsilon: number): Tensor {
  const way = a.sub(b).add(epsilon);
  const axis = [way.type.shape.length - 1];
  if (p === 2) return way.mul(way).sum(axis).sqrt();
  if (p === 1) return way.abs().sum(axis);
  if (p === Number.POSITIVE_INFINITY) return way.abs().max(axis);
  return way
    .abs()
    .pow(p)
    .sum(axis)
    .pow(1 / p);
}

const triplet = (call: TorchCall): Tensor => {
  const [anchor, positive, negative] = call.promoted(["anchor", "positive", "negative"], floatType) as [
    Tensor,
    Tensor,
    Tensor,
  ];
  const between = (a: Tensor, b: Tensor): Tensor => distance(a, b, call.float("p"), call.float("eps"));
  const far = between(anchor, negative);
  const away = call.flag("swap") ? far.minimum(between(positive, negative)) : far;
  return reduced(call, between(anchor, positive).sub(away).add(call.float("margin")).maximum(0));
};

/** Rows of numbers for classes, and the class of each row; what has no batch is one row. */
function rowsOf(call: TorchCall): { readonly x: Tensor; readonly target: Tensor; readonly isSingle: boolean } {
  const [x, target] = [call.tensor("self"), call.tensor("target")];
  const isSingle = x.type.shape.length < 2;
  if (!isSingle) return { x, target, isSingle };
  return { x: x.reshape([1, countOf(x.shape)]), target: target.reshape([1, countOf(target.shape)]), isSingle };
}

const singled = (isSingle: boolean, call: TorchCall, loss: Tensor): Tensor =>
  reduced(call, isSingle ? loss.reshape([]) : loss);

/** Σ max(0, margin − x[y] + x[i])^p over the classes i that are not y, over their number. */
const multiMargin = (call: TorchCall): Tensor => {
  const { x, target: given, isSingle } = rowsOf(call);
  const target = cast(given.reshape([x.shape[0]!, 1]), "i64") as Tensor<"i64">;
  const weight = call.optional("weight");
  const hinge = x.sub(x.gather(1, target)).add(call.float("margin")).maximum(0);
  const powered = call.float("p") === 1 ? hinge : hinge.mul(hinge);
  const scaled = weight ? powered.mul(weight.indexSelect(0, target.flatten()).unsqueeze(1)) : powered;
  const classes = iota("i64", x.shape as number[], 1);
  const others = where(classes.equal(target), number(x, 0), scaled);
  return singled(isSingle, call, others.sum([1]).div(x.shape[1]!));
};

/** Σ max(0, 1 − x[y] + x[i]) over targets y before the first −1, and classes i that are none of them. */
const multilabelMargin = (call: TorchCall): Tensor => {
  const { x, target, isSingle } = rowsOf(call);
  const [rows, count] = x.shape as [number, number];
  const ends = cast(target.less(0), "i64").cumsum(1);
  const counts = ends.equal(0);
  const classes: Tensor = iota("i64", [rows, count, count], 1);
  const named = classes.equal(target.unsqueeze(1)).and(counts.unsqueeze(1));
  const isTarget = (named as Bools).any([2]);
  const safe = where(counts, target, constant(0, target.dtype));
  const own = x.gather(1, safe).unsqueeze(1);
  const hinge = x.unsqueeze(2).sub(own).add(1).maximum(0);
  const counted = counts.unsqueeze(1).and(isTarget.not().unsqueeze(2));
  return singled(isSingle, call, where(counted, hinge, number(x, 0)).sum([1, 2]).div(count));
};

/** What each row's class has, negative and weighted, with the weights: of [n, c, …] or of [c]. */
function logLikelihood(x: Tensor, target: Tensor, weight: Tensor | undefined, ignored: number) {
  const axis = x.type.shape.length === 1 ? 0 : 1;
  const isIgnored = target.equal(ignored);
  const safe = where(isIgnored, constant(0, target.dtype), target);
  const own = x.gather(axis, safe.unsqueeze(axis)).squeeze(axis);
  const each = weight
    ? weight.indexSelect(0, safe.flatten()).reshape(safe.shape)
    : (full(x.dtype, safe.shape, 1) as Tensor);
  const weights = where(isIgnored, number(x, 0), each);
  return { loss: own.neg().mul(weights), weights };
}

function negativeLogLikelihood(call: TorchCall): readonly [Tensor, Tensor] {
  const [x, target] = [call.tensor("self"), call.tensor("target")];
  const { loss, weights } = logLikelihood(x, target, call.optional("weight"), call.int("ignore_index"));
  const total = weights.sum();
  const reduction = call.int("reduction");
  if (reduction === 0) return [loss, number(x, 0)];
  return [reduction === 1 ? loss.sum().div(total) : loss.sum(), total];
}

/** Of classes by their numbers, or by their shares; smoothed, every class gets a part. */
function crossEntropy(call: TorchCall): Tensor {
  const [x, target] = [call.tensor("self"), call.tensor("target")];
  const axis = x.type.shape.length === 1 ? 0 : 1;
  const logs = x.logSoftmax(axis);
  const classes = x.shape[axis]!;
  const smoothing = call.float("label_smoothing");
  const weight = call.optional("weight");
  const along = weight?.reshape([classes, ...new Array<number>(x.type.shape.length - axis - 1).fill(1)]);
  const all = along ? logs.mul(along) : logs;
  if (target.shape.join() === x.shape.join()) {
    const shares = smoothing > 0 ? target.mul(1 - smoothing).add(smoothing / classes) : target;
    const loss = all.mul(shares).sum([axis]).neg();
    if (call.int("reduction") !== 1) return reduced(call, loss);
    return loss.sum().div(countOf(loss.shape));
  }
  const { loss, weights } = logLikelihood(logs, target, weight, call.int("ignore_index"));
  const isIgnored = target.equal(call.int("ignore_index"));
  const rest = where(isIgnored, number(x, 0), all.sum([axis]).neg()).mul(smoothing / classes);
  const own = smoothing > 0 ? loss.mul(1 - smoothing).add(rest) : loss;
  return call.int("reduction") === 1 ? own.sum().div(weights.sum()) : reduced(call, own);
}

const lengthsOf = (call: TorchCall, name: string): readonly number[] => {
  const value = call.value(name);
  if (Array.isArray(value)) return call.ints(name);
  const known = fixedNumbers(call.tensor(name));
  if (known) return known.map(Number);
  throw unsupportedTorch(`ctc_loss with ${name} that only a run knows`, "give the lengths as numbers");
};

/**
 * −ln of the probability of a text, whichever way its letters and blanks are drawn out over the steps.
 *
 * Letters stand among blanks; `sums` holds, for each place of those, ln of all ways that lead there.
 */
function connectionist(call: TorchCall): Tensor {
  const [logs, targets] = [call.tensor("log_probs"), call.tensor("targets")];
  const [steps, batch] = logs.shape as [number, number];
  const [inputLengths, targetLengths] = [lengthsOf(call, "input_lengths"), lengthsOf(call, "target_lengths")];
  const blank = call.int("blank");
  if (logs.type.shape.length !== 3) throw torchMisfit("ctc_loss takes log_probs of [steps, batch, classes]");
  const never = number(logs, Number.NEGATIVE_INFINITY);
  const logSum = (...all: readonly Tensor[]): Tensor => {
    const most = all.reduce((a, b) => a.maximum(b));
    const base = where(most.isInf(), number(logs, 0), most);
    return all
      .map((each) => each.sub(base).exp())
      .reduce((a, b) => a.add(b))
      .log()
      .add(base);
  };
  let start = 0;
  const losses = targetLengths.map((length, at) => {
    const line =
      targets.type.shape.length === 1
        ? targets.slice([start, start + length])
        : targets.slice([at, at + 1], [0, length]).squeeze(0);
    start += length;
    const places = 2 * length + 1;
    const letters = Array.from({ length: places }, (_, place) => (place % 2 === 1 ? (place - 1) / 2 : length));
    const labels = concat([cast(line, "i64"), constant([blank], "i64", [1])], 0).indexSelect(
      0,
      constant(letters, "i64", [places]),
    );
    const shifted = (x: Tensor, by: number, fill: Tensor): Tensor =>
      places <= by ? fill.broadcastTo([places]) : concat([fill.broadcastTo([by]), x.slice([0, places - by])], 0);
    const before = shifted(labels, 2, constant(blank, "i64"));
    // A letter follows the one before it without a blank where they differ.
    const skips = labels.notEqual(blank).and(labels.notEqual(before));
    const row = (step: number): Tensor =>
      logs
        .slice([step, step + 1], [at, at + 1])
        .flatten()
        .indexSelect(0, labels);
    const first = iota("i64", [places], 0).less(2);
    let sums = where(first, row(0), never);
    for (let step = 1; step < Math.min(inputLengths[at]!, steps); step++) {
      const jumped = where(skips, shifted(sums, 2, never), never);
      sums = logSum(sums, shifted(sums, 1, never), jumped).add(row(step));
    }
    const ends = sums.slice([Math.max(0, places - 2), places]);
    const loss = (
      length === 0 ? ends.squeeze(0) : logSum(...[0, 1].map((end) => ends.slice([end, end + 1]).squeeze(0)))
    ).neg();
    return call.flag("zero_infinity") ? where(loss.isInf(), number(logs, 0), loss) : loss;
  });
  if (losses.length !== batch) throw torchMisfit(`ctc_loss of ${batch} rows has ${losses.length} lengths`);
  const reduction = call.int("reduction");
  const each = reduction === 1 ? losses.map((loss, at) => loss.div(Math.max(1, targetLengths[at]!))) : losses;
  return reduced(
    call,
    concat(
      each.map((loss) => loss.reshape([1])),
      0,
    ),
  );
}

const reduction = "int reduction=1";
const likelihood = `Tensor self, Tensor target, Tensor? weight=None, ${reduction}, int ignore_index=-100`;

export const losses: readonly TorchOperator[] = [
  elementLoss("l1_loss", reduction, (x, target) => x.sub(target).abs()),
  elementLoss("mse_loss", reduction, (x, target) => {
    const way = x.sub(target);
    return way.mul(way);
  }),
  elementLoss("smooth_l1_loss", `${reduction}, float beta=1.0`, (x, target, call) => {
    const beta = call.float("beta");
    return beta === 0 ? x.sub(target).abs() : huber(x.sub(target), beta).div(beta);
  }),
  elementLoss("huber_loss", `${reduction}, float delta=1.0`, (x, target, call) =>
    huber(x.sub(target), call.float("delta")),
  ),
  elementLoss("soft_margin_loss", reduction, (x, target) => softplus(x.mul(target).neg())),
  elementLoss("hinge_embedding_loss", `float margin=1.0, ${reduction}`, (x, target, call) =>
    unless(target, 1, number(x, call.float("margin")).sub(x).maximum(0)).add(unless(target, -1, x)),
  ),
  elementLoss("kl_div", `${reduction}, *, bool log_target=False`, (x, target, call) => {
    if (call.flag("log_target")) return target.exp().mul(target.sub(x));
    const entropy = where(target.equal(0), number(x, 0), target.mul(target.log()));
    return entropy.sub(target.mul(x));
  }),
  elementLoss("binary_cross_entropy", `Tensor? weight=None, ${reduction}`, (x, target, call) =>
    weighted(call, crossEntropyOfTwo(x, target)),
  ),
  elementLoss(
    "binary_cross_entropy_with_logits",
    `Tensor? weight=None, Tensor? pos_weight=None, ${reduction}`,
    (x, target, call) => weighted(call, crossEntropyOfLogits(x, target, call.optional("pos_weight"))),
  ),
  operator(
    "poisson_nll_loss(Tensor input, Tensor target, bool log_input, bool full, float eps, int reduction) -> Tensor",
    poisson,
  ),
  operator(
    `cosine_embedding_loss(Tensor input1, Tensor input2, Tensor target, float margin=0.0, ${reduction}) -> Tensor`,
    cosineEmbedding,
  ),
  operator(
    `margin_ranking_loss(Tensor input1, Tensor input2, Tensor target, float margin=0.0, ${reduction}) -> Tensor`,
    (call) => {
      const [a, b, target] = call.promoted(["input1", "input2", "target"], floatType) as [Tensor, Tensor, Tensor];
      return reduced(call, target.mul(b.sub(a)).add(call.float("margin")).maximum(0));
    },
  ),
  operator(
    `triplet_margin_loss(Tensor anchor, Tensor positive, Tensor negative, float margin=1.0, float p=2, float eps=1e-06, bool swap=False, ${reduction}) -> Tensor`,
    triplet,
  ),
  operator(
    `multi_margin_loss(Tensor self, Tensor target, Scalar p=1, Scalar margin=1, Tensor? weight=None, ${reduction}) -> Tensor`,
    multiMargin,
  ),
  operator(`multilabel_margin_loss(Tensor self, Tensor target, ${reduction}) -> Tensor`, multilabelMargin),
  ...["nll_loss", "nll_loss_nd", "nll_loss2d"].map((name) =>
    operator(`${name}(${likelihood}) -> Tensor`, (call) => negativeLogLikelihood(call)[0]),
  ),
  ...["nll_loss_forward", "nll_loss2d_forward"].map((name) =>
    operator(
      `${name}(Tensor self, Tensor target, Tensor? weight, int reduction, int ignore_index) -> (Tensor, Tensor)`,
      (call): TorchResult => negativeLogLikelihood(call),
    ),
  ),
  operator(`cross_entropy_loss(${likelihood}, float label_smoothing=0.0) -> Tensor`, crossEntropy),
  ...["IntList", "Tensor"].map((overload) => {
    const lengths = overload === "Tensor" ? "Tensor" : "int[]";
    return operator(
      `ctc_loss.${overload}(Tensor log_probs, Tensor targets, ${lengths} input_lengths, ${lengths} target_lengths, int blank=0, ${reduction}, bool zero_infinity=False) -> Tensor`,
      connectionist,
    );
  }),
];
