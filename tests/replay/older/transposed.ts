// Transposed convolutions: strides of 2 and 3, padded, dilated, in groups.
import { constant, convTranspose2d, type Tensor } from "isochron";
import { kernelsOf, weights } from "./scene.ts";

type Options = Parameters<typeof convTranspose2d>[2];

const layer = (x: Tensor<"f32">, outputs: number, kernel: number, seed: number, options: Options): Tensor<"f32"> => {
  const inputs = x.shape[1]!;
  const count = inputs * outputs * kernel * kernel;
  return convTranspose2d(x, constant(weights(count, seed, 1 / 16), "f32", [inputs, outputs, kernel, kernel]), options);
};

export default kernelsOf("transposed", (x) => {
  const channels = x.reshape([1, 16, 8, 8]);
  return {
    twice: layer(channels, 4, 2, 1, { stride: 2 }),
    smooth: layer(channels, 3, 4, 2, { stride: 2, padding: 1 }),
    thrice: layer(channels, 2, 5, 3, { stride: 3, padding: 2, outputPadding: 1 }),
    dilated: layer(channels, 2, 3, 4, { stride: 2, dilation: 2 }),
    grouped: layer(channels, 1, 3, 5, { stride: 2, groups: 4 }),
  };
});
