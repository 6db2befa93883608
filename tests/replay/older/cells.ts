// The logistic function and the hyperbolic tangent, alone and in recurrent cells.
import { constant, gruCell, lstmCell } from "isochron";
import { kernelsOf, weights } from "./scene.ts";

export default kernelsOf("cells", (x) => {
  const [input, h, c] = [x.slice([0, 2], [0, 24]), x.slice([2, 4], [0, 16]), x.slice([4, 6], [0, 16])];
  const of = (rows: number, columns: number, seed: number) =>
    constant(weights(rows * columns, seed, 1 / 4), "f32", [rows, columns]);
  const lstm = lstmCell(input, { h, c }, { input: of(64, 24, 1), hidden: of(64, 16, 2) });
  return {
    sigmoid: x.mul(12).sigmoid(),
    tanh: x.mul(6).tanh(),
    lstm: lstm.h,
    memory: lstm.c,
    gru: gruCell(input, h, { input: of(48, 24, 3), hidden: of(48, 16, 4) }),
  };
});
