// ONNX's random numbers: each node a sequence of its own, whose seed is the node's, and which every step goes on with.
import type { FloatDtype } from "../../../../kernels/index.ts";
import { bernoulli, generator, multinomial, type RandomGenerator, rand, randn } from "../../../capture/random.ts";
import { constant, type Tensor, where } from "../../../capture/tensor.ts";
import type { Call, Definition, Definitions } from "../call.ts";
import type { Imported } from "../imported.ts";
import { elementsOf } from "../known-values.ts";

/** The sequence of a node. A seed is a float of any value, whose bits choose; nodes without one have different sequences, as the user's seed says. */
function sequenceOf(call: Call): RandomGenerator {
  const name = `random ${call.outputs.find((each) => each !== "") ?? call.name}`;
  const { seed: chosen } = call.surroundings;
  if (!call.attribute("seed"))
    return generator({ name, seed: hashOf(chosen === undefined ? name : `${name} ${chosen}`) });
  const isInteger = call.operator === "Dropout";
  const seed = isInteger ? call.int("seed") : call.float("seed");
  return generator({ name, seed: new Uint32Array(Float32Array.of(seed).buffer)[0]! });
}

/** A whole number of 32 bits of a text (FNV-1a). */
const hashOf = (text: string): number =>
  new TextEncoder().encode(text).reduce((hash, byte) => Math.imul(hash ^ byte, 0x01000193) >>> 0, 0x811c9dc5);

type Draw = (call: Call, shape: readonly number[], dtype: FloatDtype) => Tensor;

const normal: Draw = (call, shape, dtype) =>
  randn(shape, { generator: sequenceOf(call), dtype })
    .mul(call.float("scale", 1))
    .add(call.float("mean", 0)) as Tensor;

const uniform: Draw = (call, shape, dtype) => {
  const [low, high] = [call.float("low", 0), call.float("high", 1)];
  return rand(shape, { generator: sequenceOf(call), dtype })
    .mul(high - low)
    .add(low) as Tensor;
};

const ofShape =
  (draw: Draw): Definition =>
  (call) =>
    draw(call, call.ints("shape"), call.dtype("dtype", "f32") as FloatDtype);

const like =
  (draw: Draw): Definition =>
  (call) => {
    const { shape, dtype } = call.tensor(0);
    return draw(call, shape, call.dtype("dtype", dtype) as FloatDtype);
  };

/** Classes drawn by the logarithms of their weights. */
function multinomialOf(call: Call): Tensor {
  const logits = call.tensor(0) as Tensor<FloatDtype>;
  const weights = logits.sub(logits.max([-1], { keepDims: true })).exp();
  const drawn = multinomial(weights, call.int("sample_size", 1), { generator: sequenceOf(call), replacement: true });
  return drawn.cast(call.dtype("dtype", "i32"));
}

/** x and a mask of what was kept; in training what is left out is drawn, and the rest is larger. */
function dropout(call: Call): (Imported | undefined)[] {
  const x = call.tensor(0);
  const training = call.version >= 12 ? call.optional(2) : undefined;
  const known = training && elementsOf(training);
  if (!training || (known && Number(known.data[0]) === 0)) {
    const whole = constant(1, call.version < 10 ? x.dtype : "bool").broadcastTo(x.shape);
    return [x, call.wants(1) ? whole : undefined];
  }
  const ratio = call.has(1) ? call.tensor(1).cast("f32").reshape([]) : constant(0.5, "f32");
  const drawn = rand(x.shape, { generator: sequenceOf(call) }).greaterEqual(ratio as Tensor<"f32">);
  const kept = known ? drawn : drawn.or(training.reshape([]).cast("bool").not());
  // Of what is kept when nothing else is, the scale is 1 over nothing, and never read.
  const scale = constant(1, "f32").div(constant(1, "f32").sub(ratio as Tensor<"f32">));
  const scaled = x.mul(scale.cast(x.dtype));
  const larger = known ? scaled : where(training.reshape([]).cast("bool"), scaled, x);
  return [where(kept, larger, constant(0, x.dtype)), kept];
}

export const random: Definitions = {
  Bernoulli: (call) => {
    const p = call.tensor(0) as Tensor<FloatDtype>;
    return bernoulli(p, { generator: sequenceOf(call), dtype: call.dtype("dtype", p.dtype) });
  },
  Dropout: dropout,
  Multinomial: multinomialOf,
  RandomNormal: ofShape(normal),
  RandomNormalLike: like(normal),
  RandomUniform: ofShape(uniform),
  RandomUniformLike: like(uniform),
};
