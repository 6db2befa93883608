// What networks are put together from: layers whose weights come from one fixed sequence and keep the range of what they read.

import {
  constant,
  conv2d,
  convTranspose2d,
  type Graph,
  type Tensor,
  tensorType,
  trace,
} from "../../../runtime/index.ts";
import { numbers, plainGraph } from "../case.ts";

export type Plane = Tensor<"f32">;

/** A convolution as its layer is drawn, batch norm folded into weight and bias. */
export interface Drawn {
  readonly kernel?: number;
  readonly stride?: number;
  readonly padding?: number;
  readonly groups?: number;
  /** Of the weights; √2 keeps the variance through a ReLU behind, unless given. */
  readonly gain?: number;
}

/** Layers with weights of their own; those of one instance are a network's, always the same. */
export class Layers {
  #seed = 1;

  /** Numbers in [−scale, scale). */
  weight(shape: readonly number[], scale: number, name = "weight"): Plane {
    const count = shape.reduce((a, b) => a * b, 1);
    return constant(numbers(count, this.#seed++, scale), "f32", shape, name);
  }

  /** A weight that multiplies the variance of `inputs` numbers added by gain². */
  scaled(shape: readonly number[], inputs: number, gain: number): Plane {
    return this.weight(shape, gain * Math.sqrt(3 / inputs));
  }

  convolution(x: Plane, outputs: number, drawn: Drawn = {}): Plane {
    const { kernel = 3, stride = 1, padding = (kernel - 1) / 2, groups = 1, gain = Math.SQRT2 } = drawn;
    const inputs = x.shape[1]! / groups;
    const weight = this.scaled([outputs, inputs, kernel, kernel], inputs * kernel * kernel, gain);
    return conv2d(x, weight, { stride, padding, groups }).add(this.weight([outputs, 1, 1], 0.1, "bias"));
  }

  /** Twice the size, by a transposed convolution of 2×2. */
  raised(x: Plane, outputs: number): Plane {
    const channels = x.shape[1]!;
    const up = convTranspose2d(x, this.scaled([channels, outputs, 2, 2], channels, 1), { stride: 2 });
    return up.add(this.weight([outputs, 1, 1], 0.1, "bias"));
  }

  linear(x: Plane, outputs: number, gain = 1): Plane {
    const inputs = x.shape.at(-1)!;
    return x.linear(this.scaled([outputs, inputs], inputs, gain), this.weight([outputs], 0.1, "bias"));
  }

  norm(x: Plane): Plane {
    const width = x.shape.at(-1)!;
    return x.layerNorm(this.weight([width], 0.1, "scale").add(1), this.weight([width], 0.1, "shift"));
  }
}

/** The graph of a network of one input. */
export const network = (name: string, shape: readonly number[], body: (x: Plane, layers: Layers) => Plane): Graph =>
  plainGraph(trace(({ x }) => ({ y: body(x, new Layers()) }), { x: tensorType("f32", [...shape]) }, { name }));
