// What moves elements: sorting, gathering, scattering, resizing, joining, padding, sampling.
import { concat, constant, gridSample, iota, resize, stack } from "isochron";
import { kernelsOf } from "./scene.ts";

export default kernelsOf("moving", (x) => {
  const order = constant([15, 0, 7, 3, 3, 90, -4, 20], "i32");
  const { values, indices } = x.topK(5, 1);
  const plane = x.reshape([1, 4, 16, 16]);
  const grid = stack([iota("f32", [5, 6], 1).mul(9.7).add(0.3), iota("f32", [5, 6], 0).mul(3.1).sub(0.4)], 2);
  return {
    sorted: x.sort(1, { descending: true }).values,
    ranks: x.slice([0, 16], [0, 37]).argsort(0).cast("f32"),
    largest: concat([values, indices.cast("f32")], 1),
    gathered: x.indexSelect(1, order),
    taken: x.gather(1, x.argsort(1)),
    scattered: x.indexAdd(0, order, x.slice([0, 8])),
    resized: resize(plane, [9, 21]).add(resize(plane, [9, 21], { mode: "cubic", coordinates: "alignCorners" })),
    joined: concat([x.pad([1, 0], [0, 2], 0.5), x.permute().reshape([16, 64]).pad([0, 1], [0, 1])], 0),
    sampled: gridSample(x, grid),
    turned: x.permute(),
  };
});
