// Random networks over [n,c,h,w]: convolutions of every kind, and what stands between them.

import type { Random } from "../../kernels/index.ts";
import {
  concat,
  conv2d,
  convTranspose2d,
  type Graph,
  resize,
  type Signature,
  state,
  type Tensor,
  tensorType,
  trace,
} from "../../runtime/index.ts";
import { weights } from "./values.ts";

type Plane = Tensor<"f32">;
/** A layer: what it makes of the last value and those before it; undefined where it does not fit. */
type Layer = (random: Random, x: Plane, seen: readonly Plane[]) => Plane | undefined;
type Shape4 = [number, number, number, number];

const mostElements = 12_000;
const channelCounts = [1, 3, 8, 12, 16, 17, 24, 32, 40] as const;
const shapeOf = (x: Plane): Shape4 => x.shape as Shape4;
const elements = (x: Plane): number => x.shape.reduce((a, b) => a * b, 1);

const activation: Layer = (random, x) => {
  switch (random.whole(0, 6)) {
    case 0:
      return x.tanh();
    case 1:
      return x.mul(x.sigmoid());
    case 2:
      return x.clamp(-0.5, 0.75);
    case 3:
      return x.abs().sqrt();
    default:
      return x.relu();
  }
};

const bias = (random: Random, x: Plane): Plane => x.add(weights(random, "f32", [shapeOf(x)[1], 1, 1]));

const finished = (random: Random, x: Plane): Plane => {
  const biased = random.chance(0.7) ? bias(random, x) : x;
  return random.chance(0.6) ? activation(random, biased, [])! : biased;
};

/** Kernel, stride, dilation and padding that leave a row or more of `size`. */
function reach(random: Random, size: number): { kernel: number; stride: number; dilation: number; padding: number } {
  const kernel = random.pick([1, 1, 2, 3, 3, 3, 5]);
  const dilation = kernel > 1 && random.chance(0.2) ? 2 : 1;
  const span = (kernel - 1) * dilation + 1;
  const least = Math.max(0, Math.ceil((span - size) / 2));
  const padding = random.chance(0.7) ? Math.max(least, Math.floor(span / 2)) : least;
  return { kernel, stride: random.pick([1, 1, 1, 2, 3]), dilation, padding };
}

const convolution: Layer = (random, x) => {
  const [, c, h, w] = shapeOf(x);
  const [rows, columns] = [reach(random, h), reach(random, w)];
  const halves = c % 2 === 0 && random.chance(0.15);
  const groups = halves ? 2 : 1;
  const outputs = random.pick(channelCounts) * groups;
  const weight = weights(random, "f32", [outputs, c / groups, rows.kernel, columns.kernel], 2 / Math.sqrt(c * 9));
  const y = conv2d(x, weight, {
    stride: [rows.stride, columns.stride],
    dilation: [rows.dilation, columns.dilation],
    padding: [rows.padding, columns.padding],
    groups,
  });
  return finished(random, y);
};

const depthwise: Layer = (random, x) => {
  const [, c, h, w] = shapeOf(x);
  const [rows, columns] = [reach(random, h), reach(random, w)];
  const weight = weights(random, "f32", [c, 1, rows.kernel, columns.kernel]);
  const y = conv2d(x, weight, {
    stride: [rows.stride, columns.stride],
    dilation: [rows.dilation, columns.dilation],
    padding: [rows.padding, columns.padding],
    groups: c,
  });
  return finished(random, y);
};

/** A 3×3 convolution that keeps the shape, and a sum with what went in. */
const residual: Layer = (random, x) => {
  const [, c] = shapeOf(x);
  const y = conv2d(x, weights(random, "f32", [c, c, 3, 3], 1 / Math.sqrt(c * 9)), { padding: 1 });
  const sum = finished(random, y).add(x);
  return random.chance(0.5) ? sum.relu() : sum;
};

const transposed: Layer = (random, x) => {
  const [, c] = shapeOf(x);
  const kernel = random.pick([1, 2, 3, 4]);
  const weight = weights(random, "f32", [c, random.pick([1, 4, 16]), kernel, kernel], 1 / Math.sqrt(c));
  const stride = random.pick([1, 2]);
  const padding = Math.min(random.whole(0, 1), Math.floor((kernel - 1) / 2));
  return finished(random, convTranspose2d(x, weight, { stride, padding, outputPadding: random.whole(0, stride - 1) }));
};

const pooling: Layer = (random, x) => {
  const [, , h, w] = shapeOf(x);
  const size = random.pick([2, 3]);
  if (h < size || w < size) return undefined;
  const options = { stride: random.pick([1, 2, size]), padding: random.whole(0, 1), ceil: random.chance(0.3) };
  if (random.chance(0.2)) {
    const { values, indices } = x.maxPool(size, { ...options, returnIndices: true });
    return values.add(indices.cast("f32"));
  }
  return random.chance(0.5)
    ? x.maxPool(size, options)
    : x.avgPool(size, { ...options, countPadding: random.chance(0.5) });
};

const resizing: Layer = (random, x) => {
  const mode = random.pick(["nearest", "linear", "cubic"] as const);
  const coordinates = random.pick(["halfPixel", "alignCorners", "asymmetric"] as const);
  return resize(x, [random.whole(1, 14), random.whole(1, 18)], { mode, coordinates });
};

const joining: Layer = (random, x, seen) => {
  const [n, , h, w] = shapeOf(x);
  const fitting = seen.filter((each) => String([n, h, w]) === String(shapeOf(each).filter((_, d) => d !== 1)));
  return concat([x, random.pick(fitting)], 1);
};

const adding: Layer = (random, x, seen) => {
  const fitting = seen.filter((each) => each !== x && String(each.shape) === String(x.shape));
  return fitting.length === 0 ? undefined : x.add(random.pick(fitting));
};

const cutting: Layer = (random, x) => {
  const [n, c, h, w] = shapeOf(x);
  const half = c > 16 ? 16 : Math.ceil(c / 2);
  const channels: [number, number] = random.chance(0.5) ? [0, half] : [c - half, c];
  return x.slice(
    [0, n],
    channels,
    [0, h, random.chance(0.2) && h > 1 ? 2 : 1],
    [random.whole(0, Math.min(1, w - 1)), w],
  );
};

const padding: Layer = (random, x) =>
  x.pad(
    [0, random.chance(0.2) ? 1 : 0, random.whole(0, 2), random.whole(0, 2)],
    [0, random.chance(0.2) ? 2 : 0, random.whole(0, 2), random.whole(0, 2)],
    random.pick([0, 0, -0, 1.5]),
  );

/** Channels weighed by what they hold on average. */
const excitation: Layer = (random, x) => {
  const [, c] = shapeOf(x);
  const mean = random.chance(0.5) ? x.globalAvgPool() : x.globalMaxPool();
  return x.mul(conv2d(mean, weights(random, "f32", [c, c, 1, 1], 1 / c)).sigmoid());
};

const layers: readonly (readonly [share: number, layer: Layer])[] = [
  [5, convolution],
  [3, depthwise],
  [3, residual],
  [1, transposed],
  [2, pooling],
  [1, resizing],
  [2, joining],
  [2, adding],
  [1, cutting],
  [1, padding],
  [1, excitation],
  [1, activation],
];
const layerChoices = layers.flatMap(([share, layer]) => new Array<Layer>(share).fill(layer));

/** Two to six layers; the last value leaves, and now and then another one does too. */
export function planes(random: Random): Graph<Signature, Signature> {
  const shape = [random.pick([1, 1, 2]), random.pick(channelCounts), random.whole(3, 12), random.whole(3, 18)];
  const remembers = random.chance(0.3);
  return trace(
    ({ x }) => {
      const seen: Plane[] = [x];
      for (let layer = random.whole(2, 6); layer > 0; layer--) {
        const last = seen.at(-1)!;
        const next = random.pick(layerChoices)(random, last, seen);
        if (next && elements(next) <= mostElements) seen.push(next);
      }
      let y = seen.at(-1)!;
      if (remembers) {
        const memory = state("memory", tensorType("f32", y.shape));
        y = y.add(memory.get().mul(0.5));
        memory.set(y);
      }
      const other = random.pick(seen.slice(1).concat(y));
      return random.chance(0.3) ? { y, other, mean: y.mean([2, 3]) } : { y };
    },
    { x: tensorType("f32", shape) },
    { name: "planes" },
  );
}

/** A chain of 3×3 convolutions of sizes for which Winograd's algorithm is chosen. */
export function winogradChain(random: Random): Graph<Signature, Signature> {
  const side = random.chance(0.6) ? random.whole(7, 10) : random.whole(20, 30);
  const wide = side + random.whole(0, 3);
  const channels = random.pick([32, 48]);
  return trace(
    ({ x }) => {
      let y: Plane = x;
      for (let layer = random.whole(1, 2); layer > 0; layer--) {
        const [, c, h, w] = shapeOf(y);
        const outputs = random.pick([channels, 32, 33]);
        const valid = h > 9 && w > 9 && random.chance(0.3);
        const sum = conv2d(y, weights(random, "f32", [outputs, c, 3, 3], 0.1), { padding: valid ? 0 : 1 });
        const next = finished(random, sum);
        y = String(next.shape) === String(y.shape) && random.chance(0.5) ? next.add(y) : next;
      }
      return { y };
    },
    { x: tensorType("f32", [1, channels, side, wide]) },
    { name: "winograd" },
  );
}
