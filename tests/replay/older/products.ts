// Matrix products of every plan: in tiles, in segments, of one column, by constant factors in blocks; attention.
import { concat, constant, scaledDotProductAttention } from "isochron";
import { kernelsOf, weights } from "./scene.ts";

export default kernelsOf("products", (x) => {
  const long = x.reshape([1, 1024]);
  const several = concat(
    [1, 2, 3, 4].map((each) => x.mul(each / 4).reshape([1024, 1])),
    1,
  );
  const heads = x.reshape([2, 32, 16]);
  return {
    tiled: x.matmul(x.slice([0, 9]).permute()),
    segments: long.matmul(several),
    column: x.matmul(x.slice([0, 1]).permute()),
    blocks: x
      .matmul(constant(weights(64 * 40, 1), "f32", [64, 40]))
      .add(constant(weights(40, 2), "f32"))
      .relu(),
    layer: long
      .slice([0, 1], [0, 48])
      .linear(constant(weights(48 * 20, 3), "f32", [20, 48]), constant(weights(20, 4), "f32")),
    attention: scaledDotProductAttention(heads, heads.mul(0.5), heads.slice([0, 2], [0, 32], [0, 5])),
    causal: scaledDotProductAttention(heads, heads, heads.slice([0, 2], [0, 32], [0, 5]), { causal: true }),
  };
});
