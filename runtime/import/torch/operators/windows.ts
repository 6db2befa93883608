// PyTorch's windows: numbers that a piece of a signal is multiplied by.
import { constant } from "../../../capture/tensor.ts";
import type { TorchCall } from "../call.ts";
import { operator, type TorchOperator } from "./definition.ts";

const options = "ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None";

/** The height of a window at the index, of as many as there are from one end to the other. */
type Height = (index: number, last: number, call: TorchCall) => number;

/** A window, one longer where it is to be periodic, whose last number then goes. */
const window = (schema: string, height: Height): TorchOperator =>
  operator(`${schema} -> Tensor`, (call) => {
    const size = call.int("window_length");
    const isPeriodic = !call.has("periodic") || call.flag("periodic");
    const last = isPeriodic ? size : size - 1;
    const numbers = Array.from({ length: size }, (_, index) => (size === 1 ? 1 : height(index, last, call)));
    return constant(numbers, call.dtype("dtype", "f32"), [size]);
  });

/** The overloads of a window, with names for what its height takes beside. */
const overloads = (name: string, forms: readonly string[], height: Height): readonly TorchOperator[] =>
  forms.map((form) => {
    const [overload, given = ""] = form.split(":") as [string, string?];
    const suffix = overload === "" ? "" : `.${overload}`;
    return window(`${name}_window${suffix}(int window_length, ${given}*, ${options})`, height);
  });

/** A sum of cosines of whole turns, each with its weight. */
const cosines =
  (weights: (call: TorchCall) => readonly number[]): Height =>
  (index, last, call) =>
    weights(call).reduce((sum, weight, k) => sum + weight * Math.cos((2 * Math.PI * k * index) / last), 0);

const plain = ["", "periodic:bool periodic, "];

const floatOr = (call: TorchCall, name: string, otherwise: number): number =>
  call.has(name) ? call.float(name) : otherwise;

/** Bessel's modified function of order 0. */
function bessel(x: number): number {
  let [sum, term] = [1, 1];
  for (let k = 1; term > sum * 1e-17; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

export const windows: readonly TorchOperator[] = [
  ...overloads(
    "hann",
    plain,
    cosines(() => [0.5, -0.5]),
  ),
  ...overloads(
    "hamming",
    [
      ...plain,
      "periodic_alpha:bool periodic, float alpha, ",
      "periodic_alpha_beta:bool periodic, float alpha, float beta, ",
    ],
    cosines((call) => [floatOr(call, "alpha", 0.54), -floatOr(call, "beta", 0.46)]),
  ),
  ...overloads(
    "blackman",
    plain,
    cosines(() => [0.42, -0.5, 0.08]),
  ),
  ...overloads("bartlett", plain, (index, last) => 1 - Math.abs((2 * index) / last - 1)),
  ...overloads("kaiser", [...plain, "beta:bool periodic, float beta, "], (index, last, call) => {
    const beta = floatOr(call, "beta", 12);
    return bessel(beta * Math.sqrt(1 - ((2 * index) / last - 1) ** 2)) / bessel(beta);
  }),
];
