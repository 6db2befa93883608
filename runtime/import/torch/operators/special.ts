// PyTorch's special functions of real numbers. All are computed in double precision and rounded once.
import { constant, type Tensor, where } from "../../../capture/tensor.ts";
import { cast, type TorchCall, unsupportedTorch } from "../call.ts";
import { floatType } from "../promotion.ts";
import { operator, type TorchOperator } from "./definition.ts";

type Wide = Tensor<"f64">;

const number = (value: number): Wide => constant(value, "f64");

/** Computes in double precision, for operands of one dtype. */
function wide(x: Tensor, run: (x: Wide) => Wide): Tensor {
  const dtype = floatType(x.dtype);
  return cast(run(cast(x, "f64") as Wide), dtype);
}

const real = (names: readonly string[], run: (x: Wide) => Wide): readonly TorchOperator[] =>
  names.map((name) => operator(`${name}(Tensor self) -> Tensor`, (call) => wide(call.tensor("self"), run)));

/** c₀ + c₁·x + c₂·x² + … */
const polynomial = (x: Wide, coefficients: readonly number[]): Wide =>
  coefficients.reduceRight<Wide>((sum, each) => sum.mul(x).add(each), number(0));

/** Bernoulli's numbers B₂, B₄, … */
const bernoulli = [1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510];

/** So far is an argument moved on before a series of 1/x is good to the last bit. */
const shift = 10;

/** What `run` gives for arguments from ½ on, moved on where they are small, with what the way there adds. */
function movedOn(x: Wide, series: (x: Wide) => Wide, way: (x: Wide, steps: number) => Wide): Wide {
  const isSmall = x.less(shift);
  const far = where(isSmall, x.add(shift), x);
  return where(isSmall, series(far).sub(way(where(isSmall, x, number(1)), shift)), series(far));
}

const steps = (count: number): readonly number[] => Array.from({ length: count }, (_, at) => at);

/** ln Γ(x) for x from ½ on, by Stirling's series. */
const logGammaAbove = (x: Wide): Wide =>
  movedOn(
    x,
    (y) => {
      const inverse = number(1).div(y);
      const terms = bernoulli.map((each, at) => each / ((2 * at + 2) * (2 * at + 1)));
      const rest = polynomial(inverse.mul(inverse), terms).mul(inverse);
      return y
        .sub(0.5)
        .mul(y.log())
        .sub(y)
        .add(0.5 * Math.log(2 * Math.PI))
        .add(rest);
    },
    (y, count) =>
      steps(count)
        .reduce((product, at) => product.mul(y.add(at)), number(1))
        .log(),
  );

/** The part of x behind the point, from 0 to 1. */
const fraction = (x: Wide): Wide => x.sub(x.floor());

/** ln |Γ(x)|. */
export const logGamma = (x: Wide): Wide => {
  const mirrored = number(Math.PI)
    .div(fraction(x).mul(Math.PI).sin().abs())
    .log()
    .sub(logGammaAbove(number(1).sub(x.minimum(0.5))));
  const isPole = x.lessEqual(0).and(x.equal(x.floor()));
  const found = where(x.less(0.5), mirrored, logGammaAbove(x.maximum(0.5)));
  return where(isPole.or(x.isInf()), number(Number.POSITIVE_INFINITY), found);
};

/** ψ(x), the slope of ln Γ. */
const digammaAbove = (x: Wide): Wide =>
  movedOn(
    x,
    (y) => {
      const inverse = number(1).div(y);
      const square = inverse.mul(inverse);
      const terms = bernoulli.map((each, at) => each / (2 * at + 2));
      return y.log().sub(inverse.mul(0.5)).sub(polynomial(square, terms).mul(square));
    },
    (y, count) => steps(count).reduce((sum, at) => sum.add(number(1).div(y.add(at))), number(0)),
  );

const digamma = (x: Wide): Wide => {
  const turn = fraction(x).mul(Math.PI);
  const mirrored = digammaAbove(number(1).sub(x.minimum(0.5))).sub(number(Math.PI).div(turn.tan()));
  const isPole = x.less(0).and(x.equal(x.floor()));
  const found = where(x.less(0.5), mirrored, digammaAbove(x.maximum(0.5)));
  const atZero = number(-1).div(x);
  return where(x.equal(0), atZero, where(isPole, number(Number.NaN), found));
};

/** Σ 1/(q + k)^s over k from 0 on, by Euler and Maclaurin; for q above 0. */
const zeta = (s: Wide, q: Wide): Wide => {
  const sum = steps(shift).reduce((all, at) => all.add(q.add(at).pow(s.neg())), number(0));
  const end = q.add(shift);
  const last = end.pow(s.neg());
  let [factor, power, total] = [s, last.div(end), sum.add(last.mul(end).div(s.sub(1))).add(last.mul(0.5))];
  let factorial = 2;
  for (const [at, each] of bernoulli.entries()) {
    total = total.add(factor.mul(power).mul(each / factorial));
    const next = 2 * at + 1;
    factor = factor.mul(s.add(next)).mul(s.add(next + 1));
    power = power.div(end.mul(end));
    factorial *= (2 * at + 3) * (2 * at + 4);
  }
  return where(
    s.equal(1),
    number(Number.POSITIVE_INFINITY),
    where(s.less(1).or(q.lessEqual(0)), number(Number.NaN), total),
  );
};

/** Derivatives of ψ; those above the first are NaN for x below 0, where PyTorch has numbers. */
function polygamma(call: TorchCall): Tensor {
  const n = call.int("n");
  if (n < 0) throw unsupportedTorch("polygamma of a negative order");
  const sign = n % 2 === 0 ? -1 : 1;
  const factorial = steps(n).reduce((product, at) => product * (at + 1), 1);
  return wide(call.tensor("self"), (x) => {
    if (n === 0) return digamma(x);
    const above = (y: Wide): Wide => zeta(number(n + 1), y).mul(sign * factorial);
    if (n > 1) return above(x);
    const sine = fraction(x).mul(Math.PI).sin().div(Math.PI);
    const mirrored = number(1)
      .div(sine.mul(sine))
      .sub(above(number(1).sub(x.minimum(0.5))));
    return where(x.less(0.5), mirrored, above(x.maximum(0.5)));
  });
}

/** ln of Γ of p dimensions. */
function multiLogGamma(call: TorchCall): Tensor {
  const p = call.int("p");
  return wide(call.tensor("self"), (x) =>
    steps(p).reduce((sum, at) => sum.add(logGamma(x.sub(at / 2))), number((p * (p - 1) * Math.log(Math.PI)) / 4)),
  );
}

/** e^x² · (1 − erf x) for x from 2 on, by a continued fraction. */
const scaledTail = (x: Wide): Wide => {
  const depth = 40;
  const below = steps(depth).reduce((sum, at) => x.add(number((depth - at) / 2).div(sum)), x);
  return number(1 / Math.sqrt(Math.PI)).div(below);
};

/** 1 − erf(x) for x from 0 on, also where it is small. */
const complement = (x: Wide): Wide => {
  const far = x.maximum(2);
  const tail = far.mul(far).neg().exp().mul(scaledTail(far));
  return where(x.greater(2), tail, number(1).sub(x.minimum(2).erf()));
};

/** erf's inverse: Winitzki's estimate, and Halley's steps to the root from there. */
const inverseError = (y: Wide): Wide => {
  const size = y.abs().minimum(1);
  const tail = number(1).sub(size);
  const log = tail.mul(size.add(1)).log();
  const middle = log.mul(0.5).add(2 / (Math.PI * 0.147));
  let x = middle.mul(middle).sub(log.div(0.147)).sqrt().sub(middle).maximum(0).sqrt();
  for (let turn = 0; turn < 3; turn++) {
    const slope = x
      .mul(x)
      .neg()
      .exp()
      .mul(2 / Math.sqrt(Math.PI));
    // Near ±1 the distance to them keeps what erf itself would lose.
    const step = tail.sub(complement(x)).div(slope);
    x = x.sub(step.div(step.mul(x).add(1)));
  }
  const signed = where(y.less(0), x.neg(), x);
  const atEnd = where(y.abs().equal(1), y.mul(Number.POSITIVE_INFINITY), number(Number.NaN));
  return where(y.equal(0), y, where(y.abs().less(1), signed, atEnd));
};

const complementOf = (x: Wide): Wide =>
  where(x.less(0), number(1).add(x.neg().maximum(0).erf()), complement(x.maximum(0)));

/** The share of a normal distribution below x. */
const normalBelow = (x: Wide): Wide => complementOf(x.mul(-Math.SQRT1_2)).mul(0.5);

/** e^x² · (1 − erf x). */
const scaledComplement = (x: Wide): Wide => {
  const near = x.minimum(2);
  return where(x.greater(2), scaledTail(x.maximum(2)), near.mul(near).exp().mul(complementOf(near)));
};

const logNormalBelow = (x: Wide): Wide => {
  const low = x.minimum(-1);
  const far = scaledComplement(low.mul(-Math.SQRT1_2)).mul(0.5).log().sub(low.mul(low).mul(0.5));
  return where(x.less(-1), far, normalBelow(x.maximum(-1)).log());
};

/** Where Bessel's functions go on by a series of 1/x. */
const besselBound = 25;
const besselTerms = 60;

/** e^−|x| times Bessel's modified function of order 0 or 1. */
const scaledBessel = (x: Wide, order: 0 | 1): Wide => {
  const size = x.abs();
  const near = size.minimum(besselBound);
  const quarter = near.mul(near).div(4);
  let coefficient = 1;
  const terms = steps(besselTerms).map((k) => {
    if (k > 0) coefficient /= k * (k + order);
    return coefficient;
  });
  const series = polynomial(quarter, terms);
  const small = (order === 0 ? series : series.mul(near.div(2))).mul(near.neg().exp());
  const far = size.maximum(besselBound);
  let factor = 1;
  const mu = 4 * order;
  const asymptotic = steps(20).map((k) => {
    if (k > 0) factor *= -(mu - (2 * k - 1) ** 2) / (k * 8);
    return factor;
  });
  const large = polynomial(number(1).div(far), asymptotic).div(far.mul(2 * Math.PI).sqrt());
  const found = where(size.greater(besselBound), large, small);
  return order === 1 ? where(x.less(0), found.neg(), found) : found;
};

const bessel = (x: Wide, order: 0 | 1): Wide => scaledBessel(x, order).mul(x.abs().exp());

const entropy = (x: Wide): Wide =>
  where(
    x.greater(0),
    x.mul(x.log()).neg(),
    where(x.equal(0), number(0), where(x.isNaN(), x, number(Number.NEGATIVE_INFINITY))),
  );

export const special: readonly TorchOperator[] = [
  ...real(["lgamma", "special_gammaln"], logGamma),
  ...real(["digamma", "special_digamma", "special_psi"], digamma),
  ...real(["erfinv", "special_erfinv"], inverseError),
  ...real(["special_erfcx"], scaledComplement),
  ...real(["special_ndtr"], normalBelow),
  ...real(["special_log_ndtr"], logNormalBelow),
  ...real(["special_ndtri"], (x) => inverseError(x.mul(2).sub(1)).mul(Math.SQRT2)),
  ...real(["special_entr"], entropy),
  ...real(["i0", "special_i0"], (x) => bessel(x, 0)),
  ...real(["special_i0e"], (x) => scaledBessel(x, 0)),
  ...real(["special_i1"], (x) => bessel(x, 1)),
  ...real(["special_i1e"], (x) => scaledBessel(x, 1)),
  operator("polygamma(int n, Tensor self) -> Tensor", polygamma),
  operator("special_polygamma(int n, Tensor self) -> Tensor", polygamma),
  operator("mvlgamma(Tensor self, int p) -> Tensor", multiLogGamma),
  operator("special_multigammaln(Tensor self, int p) -> Tensor", multiLogGamma),
  ...[
    "(Tensor self, Tensor other)",
    ".self_scalar(Scalar self, Tensor other)",
    ".other_scalar(Tensor self, Scalar other)",
  ].flatMap((schema) => [
    operator(`special_zeta${schema} -> Tensor`, (call) => {
      const [s, q] = call.promoted(["self", "other"], floatType) as [Tensor, Tensor];
      return cast(zeta(cast(s, "f64") as Wide, cast(q, "f64") as Wide), s.dtype);
    }),
    operator(`special_xlog1py${schema} -> Tensor`, (call) => {
      const [x, y] = call.promoted(["self", "other"], floatType) as [Tensor, Tensor];
      return where(x.equal(0).and(y.isNaN().not()), constant(0, x.dtype), x.mul(y.log1p()));
    }),
  ]),
];
