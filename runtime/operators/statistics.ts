// Statistics over dimensions: variance, standard deviation, and the logarithm of a sum of powers.
import { z } from "zod";
import type { Value } from "../graph/graph.ts";
import { arrayFrom, countOf, staticShape } from "../graph/tensor-type.ts";
import { axesAttribute } from "./axis.ts";
import { boundedAlong, neutralAlong } from "./bounded.ts";
import { centred } from "./centred.ts";
import { countAlong, countedAlong, requireFloat } from "./composite.ts";
import { isInf } from "./elementary.ts";
import { add, div, exp, log, maximum, mul, sqrt, sub, where } from "./elementwise.ts";
import { type Builder, type Nd, type Operator, operator } from "./operator.ts";
import { forEachElement, max, reducedType, reductionAttributes, sum } from "./reduction.ts";
import { reshape } from "./structure.ts";

const varianceAttributes = z.strictObject({
  axes: axesAttribute(),
  keepDims: z.boolean(),
  /** What is taken off the number of elements: 1 of samples of something larger, 0 of the whole. */
  correction: z.number().min(0),
});
type VarianceAttributes = z.infer<typeof varianceAttributes>;

/** The elements of each result, in float64. */
function groups(x: Nd, axes: readonly number[], count: number): number[][] {
  const all = Array.from({ length: count }, (): number[] => []);
  forEachElement(x, axes, (to, from) => {
    all[to]!.push(Number(x.data[from]!));
  });
  return all;
}

/** The squared distances from the mean, summed and divided. */
function varianceOf(elements: readonly number[], correction: number): number {
  const middle = elements.reduce((a, b) => a + b, 0) / elements.length;
  return elements.reduce((a, b) => a + (b - middle) ** 2, 0) / Math.max(0, elements.length - correction);
}

const precision = (dtype: string): number => (dtype === "f32" ? 2 ** -23 : 2 ** -52);

/** In one ulp of which the error of a variance is stated. */
function varianceMagnitude(elements: readonly number[], correction: number, ulp: number): number {
  const n = elements.length;
  const middle = elements.reduce((a, b) => a + b, 0) / n;
  const size = elements.reduce((a, b) => a + Math.abs(b), 0) / n;
  const shift = (n + 2) * size;
  const total = elements.reduce((sum, each) => {
    const distance = Math.abs(each - middle);
    return sum + distance * (distance * (n + 6) + 2 * shift) + shift * shift * ulp;
  }, 0);
  return total / Math.max(0, n - correction);
}

function varianceValue(x: Value, { axes, keepDims, correction }: VarianceAttributes, builder: Builder): Value {
  const { dtype } = x.type;
  const distances = centred(x, axes, builder);
  const total = builder.apply(sum, [builder.apply(mul, [distances, distances])], { axes, keepDims });
  return builder.apply(div, [total, boundedAlong(x.type, axes) ? counted() : known()]);

  function known(): Value {
    return number(Math.max(0, countOf(staticShape(axes.map((axis) => x.type.shape[axis]!))) - correction));
  }
  function counted(): Value {
    const left = builder.apply(sub, [countAlong(x, axes, dtype, builder), number(correction)]);
    return builder.apply(maximum, [left, number(0)]);
  }
  function number(value: number): Value {
    return builder.constant({ dtype, shape: [] }, arrayFrom(dtype, [value]));
  }
}

/**
 * Σ (x − mean)² / (n − correction); NaN where nothing is left to divide by. Floats.
 *
 * With d = |x − mean| and s = (n + 2)·mean|x|, the error is one ulp of Σ (d·(d·(n + 6) + 2·s) + s²·ulp) / (n − correction).
 */
export const variance: Operator<z.infer<typeof varianceAttributes>> = operator({
  name: "variance",
  attributes: varianceAttributes,
  errorUlp: 1,
  infer([x], attributes) {
    requireFloat("variance", x!);
    return reducedType(x!, attributes);
  },
  evaluate([x], { axes, correction }, { data }) {
    groups(x!, axes, data.length).forEach((each, i) => {
      data[i] = varianceOf(each, correction);
    });
  },
  magnitude([x], { axes, correction }, { data }) {
    const ulp = precision(x!.dtype);
    return groups(x!, axes, data.length).map((each) => varianceMagnitude(each, correction, ulp));
  },
  bounded: (operands, given) => countedAlong(operands, given.axes, ([x], builder) => varianceValue(x!, given, builder)),
  lowering: { kind: "composite", decompose: ([x], attributes, builder) => varianceValue(x!, attributes, builder) },
});

/** √variance. Floats. Error: what that of the variance makes of the root, and one ulp. */
export const std: Operator<z.infer<typeof varianceAttributes>> = operator({
  name: "std",
  attributes: varianceAttributes,
  errorUlp: 1,
  infer([x], attributes) {
    requireFloat("std", x!);
    return reducedType(x!, attributes);
  },
  evaluate([x], { axes, correction }, { data }) {
    groups(x!, axes, data.length).forEach((each, i) => {
      data[i] = Math.sqrt(varianceOf(each, correction));
    });
  },
  magnitude([x], { axes, correction }, { data }) {
    const ulp = precision(x!.dtype);
    return groups(x!, axes, data.length).map((each, i) => {
      const error = varianceMagnitude(each, correction, ulp);
      const root = Number(data[i]!);
      return root + (root === 0 ? Math.sqrt(error / ulp) : Math.min(error / root, Math.sqrt(error / ulp)));
    });
  },
  bounded: (operands, given) =>
    countedAlong(operands, given.axes, ([x], builder) => builder.apply(sqrt, [varianceValue(x!, given, builder)])),
  lowering: {
    kind: "composite",
    decompose: ([x], attributes, builder) => builder.apply(sqrt, [varianceValue(x!, attributes, builder)]),
  },
});

/** The largest of each group where it is finite, else 0: what is taken off before powers are summed. */
const finiteTop = (elements: readonly number[]): number => {
  const top = elements.reduce((a, b) => Math.max(a, b), -Infinity);
  return Math.abs(top) === Infinity ? 0 : top;
};

/**
 * ln Σ e^x, without overflow on the way; −∞ of no elements. Floats.
 *
 * Error: 4 ulp of |max| + |ln Σ e^(x − max)| + n + 1, n the number of elements.
 */
export const logSumExp: Operator<z.infer<typeof reductionAttributes>> = operator({
  name: "logSumExp",
  attributes: reductionAttributes,
  errorUlp: 4,
  infer([x], attributes) {
    requireFloat("logSumExp", x!);
    return reducedType(x!, attributes);
  },
  evaluate([x], { axes }, { data }) {
    groups(x!, axes, data.length).forEach((each, i) => {
      const top = finiteTop(each);
      data[i] = Math.log(each.reduce((total, value) => total + Math.exp(value - top), 0)) + top;
    });
  },
  magnitude([x], { axes }, { data }) {
    return groups(x!, axes, data.length).map((each, i) => {
      const top = finiteTop(each);
      return Math.abs(top) + Math.abs(Number(data[i]!) - top) + each.length + 1;
    });
  },
  bounded: ([x], { axes }) => neutralAlong(x!, axes, -Infinity),
  lowering: {
    kind: "composite",
    decompose([x], { axes, keepDims }, builder) {
      const { dtype, shape } = x!.type;
      // No elements have no largest one; the logarithm of their sum is −∞.
      if (axes.some((axis) => shape[axis] === 0)) {
        return builder.apply(log, [builder.apply(sum, [x!], { axes, keepDims })]);
      }
      const top = builder.apply(max, [x!], { axes, keepDims: true });
      const zero = builder.constant({ dtype, shape: [] }, arrayFrom(dtype, [0]));
      const taken = builder.apply(where, [builder.apply(isInf, [top]), zero, top]);
      const powers = builder.apply(exp, [builder.apply(sub, [x!, taken])]);
      const total = builder.apply(log, [builder.apply(sum, [powers], { axes, keepDims: true })]);
      const result = builder.apply(add, [total, taken]);
      if (keepDims) return result;
      return builder.apply(reshape, [result], { shape: staticShape(shape.filter((_, d) => !axes.includes(d))) });
    },
  },
});
