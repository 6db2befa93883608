// Sums across rows, running sums, and norms that take a mean away.
import { constant, conv2d } from "isochron";
import { kernelsOf, weights } from "./scene.ts";

export default kernelsOf("across", (x) => {
  const [scale, shift] = [constant(weights(64, 1), "f32"), constant(weights(64, 2), "f32")];
  const plane = conv2d(x.reshape([1, 4, 16, 16]), constant(weights(24 * 4 * 9, 3, 1 / 16), "f32", [24, 4, 3, 3]));
  return {
    mean: x.mean([0]),
    narrow: x.reshape([256, 4]).sum([0]),
    middle: x.reshape([4, 64, 4]).sum([1]),
    product: x.add(1.5).prod([0]),
    wide: x.cast("f64").mul(1.1).sum([0]).cast("f32"),
    channels: plane.globalAvgPool(),
    running: x.cumsum(1).add(x.cumsum(0, { exclusive: true, reverse: true })),
    softmax: x.softmax(0),
    layerNorm: x.layerNorm(scale, shift),
  };
});
