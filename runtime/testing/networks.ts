// Networks of convolutions as people draw them, small: what layouts, placement and tolerances are tested on.

import { conv2d, convTranspose2d } from "../capture/convolutions.ts";
import { resize } from "../capture/images.ts";
import { concat, constant, type Tensor } from "../capture/tensor.ts";
import { trace } from "../capture/trace.ts";
import type { Graph, Signature } from "../graph/graph.ts";
import { tensorType } from "../graph/tensor-type.ts";

type Plane = Tensor<"f32">;

/** Numbers from a fixed sequence, in [−scale, scale). */
export function evenly(count: number, seed: number, scale = 1): Float32Array {
  let state = (seed * 2654435761 + 99) >>> 0;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 31 - 1) * scale;
  });
}

/** A convolution as its layer is drawn. */
export interface Layer {
  readonly outputs: number;
  readonly kernel?: number;
  readonly stride?: number;
  readonly dilation?: number;
  readonly padding?: number;
  readonly groups?: number;
  readonly seed?: number;
}

/** A convolution with weights of its own, which keep the range of its input, and a bias. */
export function layer(x: Plane, given: Layer): Plane {
  const { outputs, kernel = 3, stride = 1, dilation = 1, groups = 1, seed = 1 } = given;
  const inputs = x.shape[1]! / groups;
  const taps = inputs * kernel * kernel;
  const shape = [outputs, inputs, kernel, kernel];
  const weight = constant(evenly(outputs * taps, seed, Math.sqrt(3 / taps)), "f32", shape, "w");
  const bias = constant(evenly(outputs, seed + 1, 0.2), "f32", [outputs, 1, 1], "b");
  const padding = given.padding ?? (dilation * (kernel - 1)) / 2;
  return conv2d(x, weight, { stride, dilation, padding, groups }).add(bias);
}

const silu = (x: Plane): Plane => x.mul(x.sigmoid());

/** Gives every layer of one network weights of its own. */
class Layers {
  #seed = 100;

  convolution(x: Plane, given: Layer): Plane {
    this.#seed += 2;
    return layer(x, { seed: this.#seed, ...given });
  }

  up(x: Plane, outputs: number): Plane {
    this.#seed += 1;
    const [, channels] = x.shape as [number, number];
    const weight = evenly(channels * outputs * 4, this.#seed, Math.sqrt(3 / channels));
    return convTranspose2d(x, constant(weight, "f32", [channels, outputs, 2, 2], "w"), { stride: 2 });
  }

  linear(x: Plane, outputs: number): Plane {
    this.#seed += 1;
    const [, inputs] = x.shape as [number, number];
    const weight = evenly(outputs * inputs, this.#seed, Math.sqrt(3 / inputs));
    return x.linear(
      constant(weight, "f32", [outputs, inputs], "w"),
      constant(evenly(outputs, this.#seed, 0.2), "f32", [outputs], "b"),
    );
  }

  /** Each plane normalised, with a scale per channel. */
  normalized(x: Plane): Plane {
    this.#seed += 1;
    const centred = x.sub(x.mean([2, 3], { keepDims: true }));
    const variance = centred.mul(centred).mean([2, 3], { keepDims: true });
    const scale = constant(evenly(x.shape[1]!, this.#seed), "f32", [x.shape[1]!, 1, 1], "scale");
    return centred.div(variance.add(1e-5).sqrt()).mul(scale);
  }
}

const image = (channels: number, size: number, columns = size) => ({
  x: tensorType("f32", [1, channels, size, columns]),
});

/** Stem, max pooling, four stages of two residual blocks, global pooling, a linear layer; with groups, bottlenecks like ResNeXt's. */
export function resNet(size: number, width: number, groups = 1): Graph {
  const layers = new Layers();
  const block = (x: Plane, outputs: number, stride: number): Plane => {
    const [, channels] = x.shape as [number, number];
    const first =
      groups === 1
        ? layers.convolution(x, { outputs, stride })
        : layers.convolution(layers.convolution(x, { outputs, kernel: 1 }).relu(), { outputs, stride, groups });
    const second = layers.convolution(first.relu(), { outputs, kernel: groups === 1 ? 3 : 1 });
    const same = channels === outputs && stride === 1;
    return second.add(same ? x : layers.convolution(x, { outputs, kernel: 1, stride })).relu();
  };
  return trace(
    ({ x }) => {
      let y = layers.convolution(x, { outputs: width, kernel: 7, stride: 2 }).relu();
      y = y.maxPool(3, { stride: 2, padding: 1 });
      for (const [stage, stride] of [1, 2, 2, 2].entries())
        for (const each of [stride, 1]) y = block(y, width * 2 ** stage, each);
      return {
        y: layers.linear(
          y
            .globalAvgPool()
            .flatten()
            .reshape([1, width * 8]),
          10,
        ),
      };
    },
    image(3, size),
    { name: "resNet" },
  ) as unknown as Graph<Signature, Signature>;
}

/** Inverted residuals with depthwise convolutions and squeeze-and-excitation, SiLU and clamped activations. */
export function mobileNet(size: number): Graph {
  const layers = new Layers();
  const block = (x: Plane, outputs: number, stride: number, expansion: number): Plane => {
    const [, channels] = x.shape as [number, number];
    const wide = layers.convolution(x, { outputs: channels * expansion, kernel: 1 }).clamp(0, 6);
    const [, inner] = wide.shape as [number, number];
    const deep = silu(layers.convolution(wide, { outputs: inner, groups: inner, stride }));
    const squeezed = layers.convolution(deep.mean([2, 3], { keepDims: true }), { outputs: inner / 4, kernel: 1 });
    const excited = layers.convolution(squeezed.relu(), { outputs: inner, kernel: 1 }).sigmoid();
    const narrow = layers.convolution(deep.mul(excited), { outputs, kernel: 1 });
    return channels === outputs && stride === 1 ? narrow.add(x) : narrow;
  };
  return trace(
    ({ x }) => {
      let y = layers.convolution(x, { outputs: 16, stride: 2 }).clamp(0, 6);
      for (const [outputs, stride] of [
        [16, 1],
        [24, 2],
        [24, 1],
        [40, 2],
        [40, 1],
      ] as const)
        y = block(y, outputs, stride, 4);
      y = layers.convolution(y, { outputs: 64, kernel: 1 }).clamp(0, 6);
      return { y: layers.linear(y.mean([2, 3]), 10).softmax(1) };
    },
    image(3, size),
    { name: "mobileNet" },
  ) as unknown as Graph;
}

/** Two convolutions a level, max pooling down, transposed convolution or resizing up, joined with what was there on the way down. */
export function uNet(size: number, width: number, up: "transposed" | "nearest" | "linear"): Graph {
  const layers = new Layers();
  const twice = (x: Plane, outputs: number): Plane =>
    layers.convolution(layers.convolution(x, { outputs }).relu(), { outputs }).relu();
  const raised = (x: Plane, outputs: number): Plane => {
    if (up === "transposed") return layers.up(x, outputs);
    const [, , h, w] = x.shape as [number, number, number, number];
    return layers.convolution(resize(x, [2 * h, 2 * w], { mode: up }), { outputs, kernel: 1 });
  };
  return trace(
    ({ x }) => {
      const down: Plane[] = [];
      let y = twice(x, width);
      for (const level of [2, 4]) {
        down.push(y);
        y = twice(y.maxPool(2), width * level);
      }
      for (const level of [2, 1]) y = twice(concat([down.pop()!, raised(y, width * level)], 1), width * level);
      return { y: layers.convolution(y, { outputs: 2, kernel: 1 }) };
    },
    image(3, size),
    { name: "uNet" },
  ) as unknown as Graph;
}

/** Stages that split, compute and join their channels (C2f), pooling in a pyramid (SPPF), a neck that goes up and down, two heads. */
export function yolo(size: number, width: number): Graph {
  const layers = new Layers();
  const conv = (x: Plane, outputs: number, kernel = 3, stride = 1): Plane =>
    silu(layers.convolution(x, { outputs, kernel, stride }));
  const stage = (x: Plane, outputs: number, residual: boolean): Plane => {
    const wide = conv(x, outputs, 1);
    const [, , h, w] = wide.shape as [number, number, number, number];
    const half = outputs / 2;
    const [a, b] = [0, half].map((from) => wide.slice([0, 1], [from, from + half], [0, h], [0, w])) as [Plane, Plane];
    const c = conv(conv(b, half), half);
    const d = residual ? b.add(c) : c;
    return conv(concat([a, b, d], 1), outputs, 1);
  };
  const pyramid = (x: Plane): Plane => {
    const narrow = conv(x, x.shape[1]! / 2, 1);
    const parts = [narrow];
    for (let at = 0; at < 3; at++) parts.push(parts.at(-1)!.maxPool(5, { stride: 1, padding: 2 }));
    return conv(concat(parts, 1), x.shape[1]!, 1);
  };
  const doubled = (x: Plane): Plane => resize(x, [2 * x.shape[2]!, 2 * x.shape[3]!], { mode: "nearest" });
  const head = (x: Plane): Plane => {
    const boxes = layers.convolution(conv(x, width), { outputs: 8, kernel: 1 });
    const classes = layers.convolution(conv(x, width), { outputs: 3, kernel: 1 }).sigmoid();
    const [, , h, w] = x.shape as [number, number, number, number];
    return concat([boxes, classes], 1).reshape([1, 11, h * w]);
  };
  return trace(
    ({ x }) => {
      const low = stage(conv(conv(x, width, 3, 2), 2 * width, 3, 2), 2 * width, true);
      const high = pyramid(stage(conv(low, 4 * width, 3, 2), 4 * width, true));
      const up = stage(concat([doubled(high), low], 1), 2 * width, false);
      const down = stage(concat([conv(up, 2 * width, 3, 2), high], 1), 4 * width, false);
      return { y: concat([head(up), head(down)], 2) };
    },
    image(3, size),
    { name: "yolo" },
  ) as unknown as Graph;
}

/** Large dilations, planes normalised, the mean of each put beside them; joined at full size. */
export function segmenter(size: number): Graph {
  const layers = new Layers();
  return trace(
    ({ x }) => {
      const y = layers.convolution(x, { outputs: 32, stride: 2 }).relu();
      const [, , h, w] = y.shape as [number, number, number, number];
      const parts = [1, 2, 3].map((dilation) =>
        layers.normalized(layers.convolution(y, { outputs: 16, dilation })).relu(),
      );
      const context = layers.convolution(y.mean([2, 3], { keepDims: true }), { outputs: 16, kernel: 1 });
      const joined = concat([...parts, context.broadcastTo([1, 16, h, w])], 1);
      const half = layers.convolution(joined, { outputs: 32, kernel: 1 }).relu();
      const strided = half.slice([0, 1], [0, 32], [0, h, 2], [0, w, 2]);
      const deep = layers.convolution(strided, { outputs: 48 }).avgPool(3, { stride: 1, padding: 1 });
      const back = resize(deep, [h, w], { mode: "linear" });
      return { y: layers.convolution(concat([back, half], 1), { outputs: 16 }) };
    },
    image(3, size),
    { name: "segmenter" },
  ) as unknown as Graph;
}
