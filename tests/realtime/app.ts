// Three compiled tasks, two at 1 kHz and one on arrival, and an output that may come back as an input: what the tests of real-time discipline watch.
import { application, numbers, state, tensorType, trace } from "../../launch/index.ts";
import type { World } from "../../sim/index.ts";

const oscillator = trace(
  () => {
    const phase = state("phase", tensorType("f32", [64]), 0);
    const next = phase.get().add(0.05);
    phase.set(next);
    return { wave: next.tanh() };
  },
  {},
  { name: "oscillator" },
);

const filter = trace(
  ({ wave, gain, echo }) => {
    const mean = state("mean", tensorType("f32", [64]), 0);
    const next = mean.get().mul(0.9).add(wave.mul(gain));
    mean.set(next);
    return { level: next.sum().add(echo.mul(0.001).tanh()) };
  },
  { wave: tensorType("f32", [64]), gain: tensorType("f32", []), echo: tensorType("f32", []) },
  { name: "filter" },
);

const smoother = trace(
  ({ knob }) => ({ gain: knob.mul(0.1).sigmoid() }),
  { knob: tensorType("f32", []) },
  {
    name: "smoother",
  },
);

/** Turns a knob every 3 ms. */
const hand = (): World => ({
  name: "hand",
  periodNs: 3_000_000,
  step: (timeNs, io) => io.publish("/knob", { data: Math.sin(timeNs / 1e8) }),
  summary: () => ({}),
});

export default application("discipline", (app) => {
  const knob = app.input("/knob", numbers("std_msgs/msg/Float32", { data: { field: "data", dtype: "f32" } }));
  const limits = { budget: "100us", deadline: "500us" } as const;
  const source = app.task("source", oscillator, { inputs: {}, period: "1ms", priority: 70, ...limits });
  const tuner = app.task("tuner", smoother, {
    inputs: { knob },
    on: knob,
    minInterval: "2ms",
    priority: 65,
    ...limits,
  });
  const echo = app.input("/echo", numbers("std_msgs/msg/Float32", { data: { field: "data", dtype: "f32" } }));
  const sink = app.task("sink", filter, {
    inputs: { ...source.outputs, ...tuner.outputs, echo },
    period: "1ms",
    phase: "200us",
    priority: 60,
    onOverrun: "skip",
    ...limits,
  });
  app.output("/level", "std_msgs/msg/Float32", sink.outputs, { level: "data" });
  app.world(hand);
});
