// Reductions along the last dimension and what is made of them, extremes in all directions, windows.
import { constant } from "isochron";
import { kernelsOf, weights } from "./scene.ts";

export default kernelsOf("rows", (x, bytes) => {
  const plane = x.reshape([1, 4, 16, 16]);
  return {
    sum: x.sum([1]).add(x.slice([0, 16], [0, 37]).sum([1])),
    product: x.add(1.5).prod([1]),
    all: x.sum(),
    wide: x.cast("f64").mul(1.1).sum([1]).cast("f32"),
    extremes: x.max([0]).sub(x.min([0])),
    counted: bytes.cast("i32").sum([0]).cast("f32"),
    softmax: x.softmax(1),
    logSoftmax: x.slice([0, 16], [0, 19]).logSoftmax(1),
    rootMeanSquare: x.rmsNorm(constant(weights(64, 1), "f32")),
    best: x.argmax(0).cast("f32"),
    maxPool: plane.maxPool(3, { stride: 2, padding: 1 }),
    avgPool: plane.avgPool([2, 3], { stride: 2, padding: 1, countPadding: false }),
  };
});
