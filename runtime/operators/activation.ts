// Activations made of elementary operators: elu, gelu, silu, softplus.
import { z } from "zod";
import type { Value } from "../graph/graph.ts";
import { arrayFrom, type TensorType } from "../graph/tensor-type.ts";
import { atMaximum } from "./bounded.ts";
import { requireFloat } from "./composite.ts";
import { erf, expm1, log1p } from "./elementary.ts";
import { add, div, exp, greater, mul, sigmoid, tanh, where } from "./elementwise.ts";
import { erf as errorFunction } from "./error-function.ts";
import { type Builder, type Nd, type Operator, operator } from "./operator.ts";

/** Builds with numbers of one dtype beside values. */
function arithmetic(dtype: TensorType["dtype"], builder: Builder) {
  const value = (of: Value | number): Value =>
    typeof of === "number" ? builder.constant({ dtype, shape: [] }, arrayFrom(dtype, [of])) : of;
  const binary = (used: Operator) => (a: Value | number, b: Value | number) =>
    builder.apply(used, [value(a), value(b)]);
  const unary = (used: Operator) => (a: Value) => builder.apply(used, [a]);
  return { value, unary, add: binary(add), mul: binary(mul), div: binary(div), greater: binary(greater) };
}

interface Activation<A> {
  readonly attributes: z.ZodType<A>;
  readonly errorUlp: number;
  meaning(x: number, attributes: A): number;
  /** In whose ulp the error is stated; the result's unless given. */
  magnitude?(x: number, attributes: A): number;
  decompose(x: Value, attributes: A, builder: Builder): Value;
}

function activation<A>(
  name: string,
  { attributes, errorUlp, meaning, magnitude, decompose }: Activation<A>,
): Operator<A> {
  return operator<A>({
    name,
    attributes,
    errorUlp,
    infer([x]) {
      requireFloat(name, x!);
      return x!;
    },
    evaluate([x], given, { data }) {
      for (let i = 0; i < data.length; i++) data[i] = meaning(Number(x!.data[i]!), given);
    },
    ...(magnitude
      ? {
          magnitude: ([x]: readonly Nd[], given: A) =>
            Float64Array.from(x!.data as ArrayLike<number>, (each) => magnitude(each, given)),
        }
      : {}),
    bounded: () => atMaximum,
    lowering: { kind: "composite", decompose: ([x], given, builder) => decompose(x!, given, builder) },
  });
}

const none = z.strictObject({});

/** x·sigmoid(x). Floats. Error: 5 ulp. NaN of −∞, as the product of −∞ and 0. */
export const silu = activation("silu", {
  attributes: none,
  errorUlp: 5,
  meaning: (x) => x * (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x))),
  decompose: (x, _, builder) => builder.apply(mul, [x, builder.apply(sigmoid, [x])]),
});

/** x where it is above 0, and alpha·(e^x − 1) elsewhere. Floats. Error: 5 ulp. */
export const elu = activation("elu", {
  attributes: z.strictObject({ alpha: z.number() }),
  errorUlp: 5,
  meaning: (x, { alpha }) => (x > 0 ? x : alpha * Math.expm1(x)),
  decompose(x, { alpha }, builder) {
    const b = arithmetic(x.type.dtype, builder);
    return builder.apply(where, [b.greater(x, 0), x, b.mul(b.unary(expm1)(x), alpha)]);
  },
});

/** √(2/π) and the coefficient of the cube in gelu's approximation by tanh. */
const tanhScale = Math.sqrt(2 / Math.PI);
const tanhCube = 0.044715;

/**
 * x·Φ(x) with Φ the normal distribution: x/2·(1 + erf (x/√2)). Floats.
 *
 * Or, with `approximate: "tanh"`, x/2·(1 + tanh (√(2/π)·(x + 0.044715·x³))). Error: 4 ulp of |x|. NaN of −∞, as the product
 * of −∞ and 0.
 */
export const gelu = activation("gelu", {
  attributes: z.strictObject({ approximate: z.enum(["none", "tanh"]) }),
  errorUlp: 4,
  meaning(x, { approximate }) {
    const distribution =
      approximate === "none" ? errorFunction(x * Math.SQRT1_2) : Math.tanh(tanhScale * (x + tanhCube * x ** 3));
    return 0.5 * x * (1 + distribution);
  },
  magnitude: (x) => Math.abs(x),
  decompose(x, { approximate }, builder) {
    const b = arithmetic(x.type.dtype, builder);
    const distribution =
      approximate === "none"
        ? b.unary(erf)(b.mul(x, Math.SQRT1_2))
        : b.unary(tanh)(b.mul(b.add(x, b.mul(b.mul(b.mul(x, x), x), tanhCube)), tanhScale));
    return b.mul(b.mul(x, 0.5), b.add(distribution, 1));
  },
});

/**
 * ln (1 + e^(beta·x)) / beta; x itself where beta·x is above `threshold`. Floats. Error: 4 + 2·|beta·x| ulp.
 *
 * The exponent is rounded before it is raised.
 */
export const softplus = activation("softplus", {
  attributes: z.strictObject({ beta: z.number(), threshold: z.number() }),
  errorUlp: 1,
  meaning: (x, { beta, threshold }) => (x * beta > threshold ? x : Math.log1p(Math.exp(x * beta)) / beta),
  magnitude: (x, { beta, threshold }) =>
    x * beta > threshold ? 0 : (Math.log1p(Math.exp(x * beta)) / Math.abs(beta)) * (6 + 2 * Math.abs(x * beta)),
  decompose(x, { beta, threshold }, builder) {
    const b = arithmetic(x.type.dtype, builder);
    const scaled = beta === 1 ? x : b.mul(x, beta);
    const logarithm = b.unary(log1p)(b.unary(exp)(scaled));
    const curve = beta === 1 ? logarithm : b.div(logarithm, beta);
    return builder.apply(where, [b.greater(scaled, threshold), x, curve]);
  },
});
