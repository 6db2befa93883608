// Networks drawn at random: convolutions of every kind, and what may stand between them.
import fc from "fast-check";
import { convTranspose2d } from "../capture/convolutions.ts";
import { resize } from "../capture/images.ts";
import { concat, constant, type Tensor } from "../capture/tensor.ts";
import { trace } from "../capture/trace.ts";
import type { Graph } from "../graph/graph.ts";
import { tensorType } from "../graph/tensor-type.ts";
import { evenly, layer } from "./networks.ts";

type Plane = Tensor<"f32">;
/** Makes a value of those before it; what it takes is drawn. */
type Step = (pool: readonly Plane[], seed: number) => Plane;

const channelCounts = [8, 16, 24, 32];
const largest = 32 * 9 * 9;

function applied(what: string, i: number, j: number, outputs: number, pool: readonly Plane[], seed: number): Plane {
  const a = pool[i % pool.length]!;
  const [, channels, h, w] = a.shape as [number, number, number, number];
  const alike = pool.filter((each) => each.shape.join() === a.shape.join());
  const besides = pool.filter((each) => each.shape[2] === h && each.shape[3] === w);
  const b = besides[j % besides.length]!;
  switch (what) {
    case "conv":
      return layer(a, { outputs, stride: 1 + (j % 2), seed });
    case "few":
      return layer(a, { outputs: 1 + (j % 5), kernel: 1, seed });
    case "pointwise":
      return layer(a, { outputs, kernel: 1, seed });
    case "depthwise":
      return layer(a, { outputs: channels, groups: channels, seed });
    case "grouped": {
      const groups = [2, 4, 8][j % 3]!;
      return channels % groups === 0 ? layer(a, { outputs, groups, seed }) : a;
    }
    case "transposed": {
      if (h * w * channels > largest / 4) return a;
      const kernel = 2 + (j % 3);
      const weight = constant(evenly(channels * outputs * kernel ** 2, seed, 0.3), "f32", [
        channels,
        outputs,
        kernel,
        kernel,
      ]);
      return convTranspose2d(a, weight, { stride: 2, padding: j % 2 });
    }
    case "resize":
      return h * w * channels > largest / 4
        ? a
        : resize(a, [2 * h, w + 1], { mode: j % 2 === 0 ? "nearest" : "linear" });
    case "silu":
      return a.mul(a.sigmoid());
    case "add":
      return a.add(alike[j % alike.length]!);
    case "concat":
      return concat([a, b, ...(j % 5 === 0 ? [a] : [])], j % 3 === 0 && channels === b.shape[1] ? 3 : 1);
    case "pool":
      return h > 2 && w > 2 ? a.maxPool(2, 1) : a.neg();
    case "pad":
      return a.pad([0, 0, 1, 0], [0, j % 2, 0, 1], j % 3).slice([0, 1], [0, channels], [0, h], [0, w]);
    case "slice": {
      const from = [0, 8, 16][j % 3]!;
      return a.slice([0, 1], [Math.min(channels - 1, from), channels], [0, h, 1 + (j % 2)], [w > 1 ? 1 : 0, w]);
    }
    case "normalize":
      return a.div(
        a
          .reshape([1, channels, h * w])
          .abs()
          .mean([2], { keepDims: true })
          .reshape([1, channels, 1, 1])
          .add(0.1),
      );
    case "attend":
      return a.mul(a.mean([1], { keepDims: true }).sigmoid());
    default:
      return a.mul(a.mean([2, 3], { keepDims: true }).broadcastTo([1, channels, h, w]));
  }
}

const kinds = [
  ...["conv", "conv", "conv", "few", "pointwise", "depthwise", "grouped", "transposed", "resize", "silu", "add"],
  ...["concat", "concat", "pool", "pad", "slice", "normalize", "attend", "mean"],
];

const step: fc.Arbitrary<Step> = fc
  .tuple(fc.constantFrom(...kinds), fc.nat(), fc.nat(), fc.constantFrom(...channelCounts))
  .map(
    ([what, i, j, outputs]): Step =>
      (pool, seed) =>
        applied(what, i, j, outputs, pool, seed),
  );

/** The input of random networks. */
export const randomInput = (): Float32Array => evenly(3 * 8 * 7, 5);

/** A graph over planes with two outputs, y and z; the input is x. */
export const randomNetwork: fc.Arbitrary<Graph> = fc.array(step, { minLength: 2, maxLength: 9 }).map(
  (steps) =>
    trace(
      ({ x }) => {
        const pool: Plane[] = [x];
        steps.forEach((each, at) => {
          pool.push(each(pool, at * 7 + 1));
        });
        return { y: pool.at(-1)!, z: pool[Math.floor(pool.length / 2)]!.mean([2, 3]) };
      },
      { x: tensorType("f32", [1, 3, 8, 7]) },
      { name: "g" },
    ) as unknown as Graph,
);
