// Networks over images: ResNets, MobileNetV2, a detector of YOLO's kind, a U-Net; batch norms folded, as an export has them.

import { concat, type Graph, resize } from "../../../runtime/index.ts";
import { type Layers, network, type Plane } from "./layers.ts";

const image = (size: number): readonly number[] => [1, 3, size, size];

/** The mean of each channel, and a linear layer. */
const classes = (x: Plane, layers: Layers): Plane => layers.linear(x.mean([2, 3]), 1000);

/** Two 3×3 convolutions beside a shortcut. */
function basicBlock(x: Plane, width: number, stride: number, layers: Layers): Plane {
  const first = layers.convolution(x, width, { stride }).relu();
  const second = layers.convolution(first, width, { gain: 0.5 });
  const same = stride === 1 && x.shape[1] === width;
  return second.add(same ? x : layers.convolution(x, width, { kernel: 1, stride, gain: 1 })).relu();
}

/** A 3×3 convolution between two of 1×1, beside a shortcut; the 3×3 has the stride. */
function bottleneck(x: Plane, width: number, stride: number, layers: Layers): Plane {
  const narrow = layers.convolution(x, width, { kernel: 1 }).relu();
  const middle = layers.convolution(narrow, width, { stride }).relu();
  const wide = layers.convolution(middle, 4 * width, { kernel: 1, gain: 0.5 });
  const same = stride === 1 && x.shape[1] === 4 * width;
  return wide.add(same ? x : layers.convolution(x, 4 * width, { kernel: 1, stride, gain: 1 })).relu();
}

const residual =
  (name: string, block: typeof basicBlock, usual: readonly number[]) =>
  (size = 224, width = 64, depths = usual): Graph =>
    network(name, image(size), (x, layers) => {
      let y = layers.convolution(x, width, { kernel: 7, stride: 2 }).relu();
      y = y.maxPool(3, { stride: 2, padding: 1 });
      depths.forEach((depth, stage) => {
        for (let at = 0; at < depth; at++) y = block(y, width * 2 ** stage, stage > 0 && at === 0 ? 2 : 1, layers);
      });
      return classes(y, layers);
    });

/** ResNet-18 (He et al. 2015), 11.7 M parameters. */
export const resNet18 = residual("resnet18", basicBlock, [2, 2, 2, 2]);
/** ResNet-50, 25.6 M parameters. */
export const resNet50 = residual("resnet50", bottleneck, [3, 4, 6, 3]);

/** MobileNetV2 (Sandler et al. 2018), 3.5 M parameters. */
export function mobileNetV2(size = 224): Graph {
  const relu6 = (x: Plane): Plane => x.clamp(0, 6);
  return network("mobilenetv2", image(size), (x, layers) => {
    const block = (x: Plane, expansion: number, outputs: number, stride: number): Plane => {
      const channels = x.shape[1]!;
      const inner = channels * expansion;
      const wide = expansion === 1 ? x : relu6(layers.convolution(x, inner, { kernel: 1 }));
      const deep = relu6(layers.convolution(wide, inner, { stride, groups: inner }));
      const narrow = layers.convolution(deep, outputs, { kernel: 1, gain: 1 });
      return stride === 1 && channels === outputs ? narrow.add(x) : narrow;
    };
    let y = relu6(layers.convolution(x, 32, { stride: 2 }));
    for (const [expansion, outputs, count, stride] of [
      [1, 16, 1, 1],
      [6, 24, 2, 2],
      [6, 32, 3, 2],
      [6, 64, 4, 2],
      [6, 96, 3, 1],
      [6, 160, 3, 2],
      [6, 320, 1, 1],
    ] as const)
      for (let at = 0; at < count; at++) y = block(y, expansion, outputs, at === 0 ? stride : 1);
    return classes(relu6(layers.convolution(y, 1280, { kernel: 1 })), layers);
  });
}

/** A detector of YOLOv8n's kind: C2f blocks, SPPF, a PAN neck, three decoupled heads; 3.2 M parameters. */
export function yolo(size = 320): Graph {
  return network("yolo", image(size), (x, layers) => {
    // A gain that keeps small numbers as they are lets larger ones grow until SiLU gives what float32 holds only denormalised.
    const conv = (x: Plane, outputs: number, kernel = 3, stride = 1): Plane =>
      layers.convolution(x, outputs, { kernel, stride }).silu();
    /** Splits its channels, sends the last part through some pairs of convolutions, and joins all. */
    const c2f = (x: Plane, outputs: number, count: number, shortcut: boolean): Plane => {
      const half = outputs / 2;
      const both = conv(x, outputs, 1);
      const parts = [both.slice([], [0, half]), both.slice([], [half, outputs])];
      for (let at = 0; at < count; at++) {
        const last = parts.at(-1)!;
        const deep = conv(conv(last, half), half);
        parts.push(shortcut ? last.add(deep) : deep);
      }
      return conv(concat(parts, 1), outputs, 1);
    };
    const pyramid = (x: Plane): Plane => {
      const parts = [conv(x, x.shape[1]! / 2, 1)];
      for (let at = 0; at < 3; at++) parts.push(parts.at(-1)!.maxPool(5, { stride: 1, padding: 2 }));
      return conv(concat(parts, 1), x.shape[1]!, 1);
    };
    const doubled = (x: Plane): Plane => resize(x, [2 * x.shape[2]!, 2 * x.shape[3]!], { mode: "nearest" });
    const head = (x: Plane): Plane => {
      const boxes = layers.convolution(conv(conv(x, 64), 64), 64, { kernel: 1, gain: 1 });
      const scores = layers.convolution(conv(conv(x, 80), 80), 80, { kernel: 1, gain: 1 }).sigmoid();
      return concat([boxes, scores], 1).reshape([1, 144, x.shape[2]! * x.shape[3]!]);
    };
    const first = c2f(conv(conv(x, 16, 3, 2), 32, 3, 2), 32, 1, true);
    const fine = c2f(conv(first, 64, 3, 2), 64, 2, true);
    const middle = c2f(conv(fine, 128, 3, 2), 128, 2, true);
    const coarse = pyramid(c2f(conv(middle, 256, 3, 2), 256, 1, true));
    const upward = c2f(concat([doubled(coarse), middle], 1), 128, 1, false);
    const small = c2f(concat([doubled(upward), fine], 1), 64, 1, false);
    const medium = c2f(concat([conv(small, 64, 3, 2), upward], 1), 128, 1, false);
    const large = c2f(concat([conv(medium, 128, 3, 2), coarse], 1), 256, 1, false);
    return concat([small, medium, large].map(head), 2);
  });
}

/** A U-Net (Ronneberger et al. 2015) of four levels over a base of `width` channels, transposed convolutions on the way up. */
export function uNet(size = 256, width = 32): Graph {
  return network("unet", image(size), (x, layers) => {
    const twice = (x: Plane, outputs: number): Plane =>
      layers.convolution(layers.convolution(x, outputs).relu(), outputs).relu();
    const levels = [1, 2, 4, 8].map((factor) => factor * width);
    const down: Plane[] = [];
    let y = x;
    for (const channels of levels) {
      y = twice(y, channels);
      down.push(y);
      y = y.maxPool(2);
    }
    y = twice(y, 16 * width);
    for (const channels of levels.toReversed())
      y = twice(concat([down.pop()!, layers.raised(y, channels)], 1), channels);
    return layers.convolution(y, 2, { kernel: 1, gain: 1 });
  });
}
