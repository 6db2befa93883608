// Fourier transforms as ATen has them within torch.fft, which is what exported programs are left with.
import type { TorchCall } from "../call.ts";
import { given, operator, type TorchOperator, type TorchResult } from "./definition.ts";
import { type Kind, operandOf, transformed } from "./spectra.ts";

/** torch.fft's name of the norm that ATen counts: none, by the root of the size, by the size. */
function normOf(call: TorchCall, isForward: boolean): string {
  const normalization = call.int("normalization");
  if (normalization === 1) return "ortho";
  return (normalization === 0) === isForward ? "backward" : "forward";
}

/** One transform after the other, each of its own kind along its dimension. */
function along(
  call: TorchCall,
  isForward: boolean,
  kinds: readonly (readonly [axis: number, kind: Kind, size?: number])[],
): TorchResult {
  let value = call.value("self");
  for (const [axis, kind, size] of kinds)
    value = operandOf(transformed(value, kind, axis, size, normOf(call, isForward)));
  return given(value);
}

export const plainTransforms: readonly TorchOperator[] = [
  // The last dimension is of real numbers, half of whose transform says all.
  operator("_fft_r2c(Tensor self, int[] dim, int normalization, bool onesided) -> Tensor", (call) => {
    const axes = call.ints("dim");
    const last = axes.at(-1)!;
    const first = [last, call.flag("onesided") ? "rfft" : "fft"] as const;
    return along(call, true, [first, ...axes.slice(0, -1).map((axis) => [axis, "fft"] as const)]);
  }),
  operator("_fft_c2c(Complex self, int[] dim, int normalization, bool forward) -> Tensor", (call) => {
    const isForward = call.flag("forward");
    return along(
      call,
      isForward,
      call.ints("dim").map((axis) => [axis, isForward ? "fft" : "ifft"] as const),
    );
  }),
  operator("_fft_c2r(Complex self, int[] dim, int normalization, int last_dim_size) -> Tensor", (call) => {
    const axes = call.ints("dim");
    const last = [axes.at(-1)!, "irfft", call.int("last_dim_size")] as const;
    return along(call, false, [...axes.slice(0, -1).map((axis) => [axis, "ifft"] as const), last]);
  }),
];
