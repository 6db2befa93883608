// Convolutions of every plan: Winograd's F(4×4) and F(2×2), blocked, planar, depthwise, grouped, and of weights that are no constants.
import { constant, conv2d, type Tensor } from "isochron";
import { kernelsOf, weights } from "./scene.ts";

type Options = Parameters<typeof conv2d>[2];

const layer = (
  x: Tensor<"f32">,
  outputs: number,
  kernel: number,
  seed: number,
  options: Options = {},
): Tensor<"f32"> => {
  const inputs = x.shape[1]! / (options.groups ?? 1);
  const taps = inputs * kernel * kernel;
  return conv2d(x, constant(weights(outputs * taps, seed, 1 / 64), "f32", [outputs, inputs, kernel, kernel]), {
    padding: (kernel - 1) / 2,
    ...options,
  });
};

/** Some pixels and channels of a plane, so that recordings stay small. */
const some = (x: Tensor<"f32">): Tensor<"f32"> => x.slice([0, 1], [0, 40, 5], [0, 40, 3], [0, 40, 3]);

export default kernelsOf("convolutions", (x) => {
  const plane = x.reshape([1, 1, 32, 32]);
  const wide = layer(plane, 32, 3, 1).relu();
  const large = layer(wide.slice([0, 1], [0, 32], [0, 20], [0, 20]), 32, 3, 2);
  const small = layer(large.slice([0, 1], [0, 32], [0, 8], [0, 9]), 32, 3, 3)
    .add(1)
    .relu();
  return {
    planar: some(wide),
    large: some(large),
    small: some(small),
    strided: some(layer(wide, 20, 3, 4, { stride: 2 })),
    dilated: some(layer(small, 16, 3, 5, { dilation: 2, padding: 2 })),
    depthwise: some(layer(small, 32, 3, 6, { groups: 32 })),
    grouped: some(layer(small, 32, 3, 7, { groups: 8 })),
    apart: some(layer(small, 36, 1, 8, { groups: 4 })),
    blocksApart: some(layer(small, 32, 3, 9, { groups: 2 })),
    unknown: conv2d(x.reshape([1, 4, 16, 16]), x.slice([0, 2], [0, 36]).reshape([2, 4, 3, 3]), { stride: 3 }),
  };
});
