// An application without products, convolutions and exponentials: `plain.mcap` was recorded from it (README.md).
import {
  application,
  concat,
  constant,
  gridSample,
  image,
  iota,
  numbers,
  stack,
  state,
  type Tensor,
  tensorType,
  trace,
  where,
} from "isochron";
import type { World } from "isochron/sim";

const [height, width] = [20, 36];

/** Reductions of every kind, samples, and views in all directions. */
const look = trace(
  ({ picture }) => {
    const grey: Tensor<"f32"> = picture.cast("f32").mul(1 / 255);
    const mean = grey.mean();
    const contrast = grey.sub(mean).abs();
    const rows = iota("f32", [8, 12], 0).mul(1.7).add(0.35);
    const columns = iota("f32", [8, 12], 1).mul(2.6).sub(0.2);
    const turned = gridSample(grey, stack([columns, rows], 2)).permute([1, 0]);
    const framed = concat([turned.pad([1, 0], [0, 2], 0.5), turned.slice([0, 12, 2], [0, 8]).pad([0, 2], [0, 0])], 0);
    const best = contrast.argmax(1);
    const profile = grey
      .max([0])
      .sub(grey.min([0]))
      .add(contrast.sum([0]).div(height));
    const order = constant([35, 0, 17, 3, 3, 90, -4, 20], "i32");
    const counted = picture.add(picture).cast("i32").sum([1]);
    return {
      framed,
      best: best.cast("f32"),
      picked: profile.indexSelect(0, order).add(grey.sum([0]).indexSelect(0, order).prod().sqrt()),
      counted: counted.cast("f32"),
    };
  },
  { picture: tensorType("u8", [height, width]) },
  { name: "look" },
);

/** Element-wise functions of float32 and float64 over states that pass from step to step. */
const steer = trace(
  ({ framed, best, picked, counted, gain }) => {
    const phase = state("phase", tensorType("f32", [8]), [0, 0.5, -1, 2, -3, 40, 1e-30, -0]);
    const total = state("total", tensorType("f64", [8]), 1);
    const turn = picked.atan2(phase.get().add(gain)).add(phase.get().sin().mul(phase.get().cos()));
    const next = where(turn.greater(1), turn.sub(1), turn).clamp(-3, 3).round().mul(0.125).add(turn.atan());
    phase.set(next);
    const wide = total.get().mul(0.75).add(next.cast("f64").abs().add(1e-3).log().mul(0.5));
    total.set(wide);
    const power = picked.abs().add(0.01).pow(phase.get().mul(0.3)).sum();
    const floors = best.div(7).floor().add(counted.div(4096).ceil()).max();
    return {
      angle: next.mean().add(power.mul(0.01)).add(framed.sum().div(400)),
      speed: wide.cast("f32").maximum(0).sqrt().sum().add(floors),
    };
  },
  {
    framed: tensorType("f32", [19, 10]),
    best: tensorType("f32", [height]),
    picked: tensorType("f32", [8]),
    counted: tensorType("f32", [height]),
    gain: tensorType("f32", []),
  },
  { name: "steer" },
);

/** A picture every 40 ms, whose pixels are whole numbers of the time, and a knob. */
const scene = (): World => ({
  name: "scene",
  periodNs: 20_000_000,
  step: (timeNs, io) => {
    const tick = timeNs / 20_000_000;
    io.publish("/knob", { data: ((tick * 7) % 16) / 8 - 1 });
    if (tick % 2 !== 0) return;
    io.publish("/camera", {
      header: { stamp: { sec: 0, nanosec: timeNs }, frame_id: "camera" },
      height,
      width,
      encoding: "mono8",
      is_bigendian: 0,
      step: width,
      data: Uint8Array.from({ length: height * width }, (_, at) => ((at * (tick + 3)) ^ (at >> 3)) & 255),
    });
  },
  summary: () => ({}),
});

export default application("plain", (app) => {
  const picture = app.input("/camera", image("mono8", [height, width]));
  const knob = app.input("/knob", numbers("std_msgs/msg/Float32", { gain: { field: "data", dtype: "f32" } }));
  const limits = { budget: "2ms", deadline: "8ms" } as const;
  const seen = app.task("look", look, { inputs: { picture }, on: picture, minInterval: "30ms", ...limits });
  const drive = app.task("steer", steer, { inputs: { ...seen.outputs, gain: knob }, period: "10ms", ...limits });
  app.output("/cmd", "std_msgs/msg/Float32", { data: drive.outputs.angle });
  app.world(scene);
});
