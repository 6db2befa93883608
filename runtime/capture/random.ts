// Random numbers in graphs: a seed says which sequence, a counter how far it has come, and every step goes on where the last one ended.
import { z } from "zod";
import type { Dtype, FloatDtype } from "../../kernels/index.ts";
import { located } from "../graph/place.ts";
import { countOf, type Shape, showTensorType, staticShape, tensorType } from "../graph/tensor-type.ts";
import { operators } from "../operators/index.ts";
import { operandError } from "../operators/operand-error.ts";
import { dimensions, dtypeOption, flag, listOf, operatorOptions, requireArgument, tensorOf } from "./options.ts";
import { apply, concat, constant, Tensor } from "./tensor.ts";
import { type StateTensor, state } from "./trace.ts";

/** Options of generator. */
export interface GeneratorOptions {
  /** Which sequence: a whole number from 0; 0 unless given. */
  readonly seed?: number;
  /** The name of the state that says how far the sequence has come; "random" unless given. */
  readonly name?: string;
  /** How far it has come, one u64, instead of a state: then it is the caller's to go on. */
  readonly counter?: Tensor<"u64">;
}

const checkGenerator = operatorOptions<GeneratorOptions>("generator", () => ({
  seed: z.int().min(0).optional(),
  name: z.string().min(1).optional(),
  counter: z
    .custom<Tensor>((given) => given instanceof Tensor && given.dtype === "u64")
    .describe("a tensor of u64")
    .optional(),
}));

/** A sequence of random numbers, which a graph's steps draw from; `generator` makes one. */
export class RandomGenerator {
  readonly seed: number;
  readonly #state: StateTensor<"u64"> | undefined;
  #counter: Tensor<"u64"> | undefined;

  constructor(seed: number, counter: StateTensor<"u64"> | Tensor<"u64">) {
    this.seed = seed;
    if (counter instanceof Tensor) this.#counter = counter;
    else this.#state = counter;
  }

  /** The next u32 of the sequence, which is behind them then. */
  bits(given: Shape | Tensor): Tensor<"u32"> {
    const shape = listOf<number>("bits", "shape", dimensions, given as readonly number[] | Tensor);
    return located(() => {
      const count = countOf(staticShape(shape));
      const counter = this.#state ? this.#state.get() : this.#counter!;
      const next = counter.add(Math.ceil(count / 4));
      if (this.#state) this.#state.set(next);
      else this.#counter = next;
      return apply<"u32">(operators.philox, [counter], { seed: this.seed, shape: staticShape(shape) });
    });
  }
  /** How far the sequence has come: what a next generator goes on from. */
  get counter(): Tensor<"u64"> {
    return this.#state ? this.#state.get() : this.#counter!;
  }
}

/**
 * A sequence of random numbers: Philox 4×32 with ten rounds. Its counter is a state, so that every step draws anew, and what a
 * recording replays draws the same; inside control flow it is used as any state is.
 *
 * @example
 * ```ts
 * import { generator, randn, tensorType, trace } from "isochron";
 *
 * const noisy = trace(
 *   ({ x }) => ({ y: x.add(randn([3], { generator: generator({ seed: 7 }) })) }),
 *   { x: tensorType("f32", [3]) },
 *   { name: "noisy" },
 * );
 * ```
 */
export function generator(options: GeneratorOptions = {}): RandomGenerator {
  checkGenerator(options);
  const { seed = 0, name = "random", counter } = options;
  return new RandomGenerator(seed, counter ?? state(name, tensorType("u64", [])));
}

/** What random numbers are drawn from. */
export interface DrawOptions {
  readonly generator: RandomGenerator;
}

/** The same, and of which dtype they are. */
export interface RandomOptions<D extends Dtype> extends DrawOptions {
  /** f32 unless given. */
  readonly dtype?: D;
}

const fromOption = z.instanceof(RandomGenerator).describe("what generator() makes");
const checkRand = operatorOptions<RandomOptions<FloatDtype>>("rand", () => ({
  generator: fromOption,
  dtype: dtypeOption,
}));
const checkRandn = operatorOptions<RandomOptions<FloatDtype>>("randn", () => ({
  generator: fromOption,
  dtype: dtypeOption,
}));
const checkBernoulli = operatorOptions<RandomOptions<Dtype>>("bernoulli", () => ({
  generator: fromOption,
  dtype: dtypeOption,
}));
const checkMultinomial = operatorOptions<DrawOptions & { readonly replacement?: boolean }>("multinomial", () => ({
  generator: fromOption,
  replacement: flag,
}));

/** Bits of the fraction of what uniform numbers are made in. */
const fractionBits = { f32: 24, f64: 53 } as const;
type Wide = keyof typeof fractionBits;

const wideOf = (dtype: Dtype): Wide => (dtype === "f64" ? "f64" : "f32");

/** Numbers k / 2ⁿ in [0, 1), n the bits of the dtype's fraction and `most` at most. */
function uniform<W extends Wide>(random: RandomGenerator, shape: readonly number[], dtype: W, most = 64): Tensor<W> {
  const bits = Math.min(fractionBits[dtype], most);
  if (bits <= 32)
    return random
      .bits(shape)
      .bitwiseRightShift(32 - bits)
      .cast(dtype)
      .mul(2 ** -bits);
  const words = random.bits([2, ...shape]);
  const part = (at: number, kept: number) =>
    words
      .slice([at, at + 1])
      .reshape(shape)
      .bitwiseRightShift(32 - kept)
      .cast(dtype);
  const low = bits - 27;
  return part(0, 27)
    .mul(2 ** low)
    .add(part(1, low))
    .mul(2 ** -bits);
}

/** Bits of the fraction of a stored float, the one that is not written down included. */
const storedBits: { readonly [D in Dtype]?: number } = { f16: 11, bf16: 8 };

const shapeOf = (name: string, given: Shape | Tensor): readonly number[] => {
  const shape = listOf<number>(name, "shape", dimensions, given as readonly number[] | Tensor);
  return located(() => staticShape(shape));
};

/** The dtype that is asked for. Throws `operator/dtype` where it is no float that is computed with, or a half. */
function floatAsked<D extends FloatDtype>(name: string, dtype: Dtype): D {
  if (["f16", "bf16", "f32", "f64"].includes(dtype)) return dtype as D;
  return located(() => {
    throw operandError(
      "dtype",
      `${name} of ${dtype}`,
      "it gives f16, bf16, f32 or f64; convert what it gives with .cast()",
    );
  });
}

/** Numbers drawn evenly from [0, 1). */
export function rand<D extends FloatDtype = "f32">(shape: Shape | Tensor, options: RandomOptions<D>): Tensor<D> {
  checkRand(options);
  const dtype = floatAsked<D>("rand", options.dtype ?? "f32");
  return uniform(options.generator, shapeOf("rand", shape), wideOf(dtype), storedBits[dtype]).cast(dtype);
}

/** Numbers drawn from the normal distribution around 0, of variance 1: pairs of radius and angle, by Box and Muller. */
export function randn<D extends FloatDtype = "f32">(given: Shape | Tensor, options: RandomOptions<D>): Tensor<D> {
  checkRandn(options);
  const dtype = floatAsked<D>("randn", options.dtype ?? "f32");
  const shape = shapeOf("randn", given);
  const wide = wideOf(dtype);
  const count = countOf(shape);
  const pairs = Math.ceil(count / 2);
  const drawn = uniform(options.generator, [2, pairs], wide);
  const row = (at: number) => drawn.slice([at, at + 1]).reshape([pairs]);
  // From (0, 1], whose logarithm is finite.
  const radius = row(0).neg().add(1).log().mul(-2).sqrt();
  const angle = row(1).mul(2 * Math.PI);
  const both = concat([radius.mul(angle.cos()), radius.mul(angle.sin())], 0);
  return both.slice([0, count]).reshape(shape).cast(dtype);
}

/** 1 with the probability that each element of `p` is, and else 0; of p's dtype unless another is named. */
export function bernoulli<D extends FloatDtype, R extends Dtype = D>(
  p: Tensor<D>,
  options: DrawOptions & { readonly dtype?: R },
): Tensor<R> {
  checkBernoulli(options);
  tensorOf("bernoulli", p);
  const wide = wideOf(p.dtype);
  const drawn = uniform(options.generator, shapeOf("bernoulli", p.type.shape), wide);
  return drawn.less(p.cast(wide)).cast(options.dtype ?? (p.dtype as Dtype as R));
}

/**
 * `count` positions along the last dimension of `weights`, each drawn as often as its weight says, [n] or [m,n] → [count] or
 * [m,count]; none twice unless with `replacement`. Weights are not below 0, and of each line one is above it.
 */
export function multinomial<D extends FloatDtype>(
  weights: Tensor<D>,
  count: number,
  options: DrawOptions & { readonly replacement?: boolean },
): Tensor<"i64"> {
  checkMultinomial(options);
  tensorOf("multinomial", weights);
  requireArgument("multinomial", "count", z.int().min(1), count);
  const { generator: random, replacement = false } = options;
  return located(() => {
    const shape = weights.shape;
    const classes = shape.at(-1) ?? 0;
    if (shape.length < 1 || shape.length > 2 || classes < (replacement ? 1 : count))
      throw operandError(
        "shape",
        `multinomial of ${showTensorType(weights.type)}: ${count} of ${classes}`,
        "weights are [n] or [m,n], and without replacement there are as many as are drawn",
      );
    const wide = weights.cast("f64");
    if (!replacement) {
      // Of exponential times at these rates the shortest come first.
      const times = uniform(random, shape, "f64").neg().add(1).log().neg().div(wide);
      return times.topK(count, -1, { largest: false }).indices;
    }
    const reached = wide.cumsum(-1);
    const total = reached.slice(...shape.slice(1).map(() => [] as const), [classes - 1, classes]);
    const drawn = uniform(random, [...shape.slice(0, -1), count], "f64").mul(total);
    const passed = reached.unsqueeze(-2).lessEqual(drawn.unsqueeze(-1)).sum([-1]);
    return passed.minimum(constant(classes - 1, "i64"));
  });
}
