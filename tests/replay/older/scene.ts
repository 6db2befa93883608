// What the applications of this folder have in common: a picture every 40 ms, and one task that computes from it.
import { type Application, application, image, type Tensor, tensorType, trace } from "isochron";
import type { World } from "isochron/sim";

export const [height, width] = [16, 64];

/** A picture every 40 ms whose pixels are whole numbers of the time. */
const scene = (): World => ({
  name: "scene",
  periodNs: 40_000_000,
  step: (timeNs, io) => {
    const tick = timeNs / 40_000_000;
    io.publish("/camera", {
      header: { stamp: { sec: 0, nanosec: timeNs }, frame_id: "camera" },
      height,
      width,
      encoding: "mono8",
      is_bigendian: 0,
      step: width,
      data: Uint8Array.from({ length: height * width }, (_, at) => (at * (2 * tick + 3) * 37 + (at >> 4) * tick) & 255),
    });
  },
  summary: () => ({}),
});

/** Numbers in [−scale, scale] from a fixed sequence, of few bits, so that every step between here and a constant is exact. */
export function weights(count: number, seed: number, scale = 1): Float32Array {
  let state = seed * 7919 + 17;
  return Float32Array.from({ length: count }, () => {
    state = (state * 1103 + 12345) % 65521;
    return ((state % 255) / 127 - 1) * scale;
  });
}

/** An application whose one task makes tensors of a picture's numbers, f32[16,64] in [−1, 1), and of its bytes. */
export const kernelsOf = (
  name: string,
  compute: (numbers: Tensor<"f32">, bytes: Tensor<"u8">) => { readonly [name: string]: Tensor<"f32"> },
): Application =>
  application(name, (app) => {
    const picture = app.input("/camera", image("mono8", [height, width]));
    const graph = trace(
      ({ picture: bytes }) => {
        const numbers: Tensor<"f32"> = bytes.cast("f32").div(128).sub(1);
        return compute(numbers, bytes);
      },
      { picture: tensorType("u8", [height, width]) },
      { name },
    );
    const limits = { budget: "5ms", deadline: "20ms" } as const;
    app.task(name, graph, { inputs: { picture }, on: picture, minInterval: "30ms", ...limits });
    app.world(scene);
  });
