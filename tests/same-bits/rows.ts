// Random networks over rows: products, norms, attention, recurrent cells with states.

import type { Random } from "../../kernels/index.ts";
import {
  constant,
  type Graph,
  gruCell,
  lstmCell,
  type Signature,
  scaledDotProductAttention,
  state,
  type Tensor,
  tensorType,
  trace,
} from "../../runtime/index.ts";
import { weights } from "./values.ts";

type Float = "f32" | "f64";
const widths = [1, 5, 8, 16, 17, 33, 64, 70] as const;

/** Products, norms and activations, one behind the other. */
export function rows(random: Random): Graph<Signature, Signature> {
  const dtype: Float = random.pick(["f32", "f32", "f64"]);
  const batch = random.pick([[], [], [2], [3, 1]]);
  // A long dimension is summed in segments.
  const width = random.chance(0.15) ? random.pick([700, 1500]) : random.pick(widths);
  return trace(
    ({ x }) => {
      let y: Tensor<Float> = x;
      for (let layer = random.whole(1, 4); layer > 0; layer--) {
        const before = y;
        y = rowLayer(random, y, dtype);
        if (String(before.shape) === String(y.shape) && random.chance(0.4)) y = y.add(before);
      }
      return random.chance(0.3) ? { y, top: y.argmax(-1), sum: y.sum([-1]) } : { y };
    },
    { x: tensorType(dtype, [...batch, random.pick([1, 2, 3, 6, 7, 16, 33]), width]) },
    { name: "rows" },
  );
}

function rowLayer(random: Random, x: Tensor<Float>, dtype: Float): Tensor<Float> {
  const [m, width] = [x.shape.at(-2)!, x.shape.at(-1)!];
  switch (random.whole(0, 8)) {
    case 0:
      return x.layerNorm(weights(random, dtype, [width]), weights(random, dtype, [width]), 1e-5);
    case 1:
      return x.rmsNorm(weights(random, dtype, [width]), 1e-6);
    case 2:
      return x.softmax(random.chance(0.8) ? -1 : -2);
    case 3:
      return x.logSoftmax(-1);
    case 4: {
      const turned = x.permute(lastTwoSwapped(x.shape.length));
      return width * m <= 1200 ? x.matmul(turned) : x;
    }
    default: {
      const outputs = random.pick(widths);
      const y = x.linear(
        weights(random, dtype, [outputs, width], 1 / Math.sqrt(width)),
        weights(random, dtype, [outputs]),
      );
      return random.pick([
        () => y,
        () => y.relu(),
        () => y.tanh(),
        () => y.mul(y.sigmoid()),
        () => y.exp().add(1).log(),
      ])();
    }
  }
}

const lastTwoSwapped = (rank: number): number[] => [
  ...Array.from({ length: rank - 2 }, (_, d) => d),
  rank - 1,
  rank - 2,
];

/** Attention of some heads, as one operator or written out, with masks of every kind. */
export function attention(random: Random): Graph<Signature, Signature> {
  const dtype: Float = random.pick(["f32", "f32", "f32", "f64"]);
  const heads = random.pick([[], [2], [1, 3]]);
  const [m, n] = [random.pick([1, 2, 5, 6, 13]), random.pick([1, 3, 4, 16, 17, 40])];
  const [d, e] = [random.pick([1, 4, 8, 16, 33]), random.pick([1, 4, 16, 20])];
  const mask = random.pick(["none", "none", "causal", "added", "bool"] as const);
  const written = mask === "none" && random.chance(0.5);
  return trace(
    ({ q, k, v, bias, sees }) => {
      if (written) {
        const scores = q.matmul(k.permute(lastTwoSwapped(k.shape.length)));
        // A scale of one element, which may have dimensions that the scores lack.
        const scale = constant([1 / Math.sqrt(d)], dtype, random.pick([[], [], [1], [1, 1, 1], [1, 1, 1, 1, 1]]));
        return { y: scores.mul(scale).softmax(-1).matmul(v) };
      }
      const given = mask === "added" ? { mask: bias } : mask === "bool" ? { mask: sees } : {};
      return { y: scaledDotProductAttention<Float>(q, k, v, { ...given, causal: mask === "causal" }) };
    },
    {
      q: tensorType(dtype, [...heads, m, d]),
      k: tensorType(dtype, [...heads, n, d]),
      v: tensorType(dtype, [...heads, n, e]),
      bias: tensorType(dtype, [m, n]),
      sees: tensorType("bool", [m, n]),
    },
    { name: "attention" },
  );
}

/** A cell whose states pass from step to step, and a product behind it. */
export function recurrent(random: Random): Graph<Signature, Signature> {
  const dtype: Float = random.pick(["f32", "f32", "f64"]);
  const [n, width, hidden] = [random.pick([1, 1, 3]), random.pick([1, 5, 16, 47]), random.pick([1, 7, 16, 33])];
  const gates = random.chance(0.5) ? 4 : 3;
  return trace(
    ({ x }) => {
      const h = state("h", tensorType(dtype, [n, hidden]));
      const biased = random.chance(0.7);
      const cell = {
        input: weights(random, dtype, [gates * hidden, width], 0.5),
        hidden: weights(random, dtype, [gates * hidden, hidden], 0.5),
        ...(biased
          ? {
              inputBias: weights(random, dtype, [gates * hidden]),
              hiddenBias: weights(random, dtype, [gates * hidden]),
            }
          : {}),
      };
      let y: Tensor<Float>;
      if (gates === 4) {
        const c = state("c", tensorType(dtype, [n, hidden]), 0.25);
        const next = lstmCell<Float>(x, { h: h.get(), c: c.get() }, cell);
        c.set(next.c);
        y = next.h;
      } else y = gruCell<Float>(x, h.get(), cell);
      h.set(y);
      return { y: y.linear(weights(random, dtype, [5, hidden]), weights(random, dtype, [5])) };
    },
    { x: tensorType(dtype, [n, width]) },
    { name: "recurrent" },
  );
}

/** One or two products too large for the caches nearest to the core, in segments or panels. */
export function longRows(random: Random): Graph<Signature, Signature> {
  const depth = random.pick([200, 513, 1024, 1500]);
  return trace(
    ({ x }) => {
      const outputs = random.pick([17, 64, 130, 300]);
      const y = x.linear(weights(random, "f32", [outputs, depth], 0.05), weights(random, "f32", [outputs]));
      return { y: y.relu(), square: random.chance(0.5) ? y.matmul(y.permute()) : y.tanh() };
    },
    { x: tensorType("f32", [random.pick([1, 3, 24, 65]), depth]) },
    { name: "longRows" },
  );
}
