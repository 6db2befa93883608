// An application whose tasks wait for all that tasks can wait for.
import { application, numbers, state, tensorType, trace } from "../../launch/index.ts";

const float = numbers("std_msgs/msg/Float32", { data: { field: "data", dtype: "f32" } });
const mixer = (name: string, factor: number) =>
  trace(
    ({ x }) => {
      const memory = state("memory", tensorType("f32", []), 0);
      const next = memory.get().mul(0.75).add(x.mul(factor)).tanh();
      memory.set(next);
      return { y: next };
    },
    { x: tensorType("f32", []) },
    { name },
  );

/** Tasks on arrival, on the clock and on another's output, with states, jobs that are late, and messages that come too early. */
export const mixed = () =>
  application("mixed", (app) => {
    const value = app.input("/value", float);
    const limits = { budget: "200us", deadline: "3ms" } as const;
    const arriving = { inputs: { x: value }, on: value, ...limits };
    const drop = app.task("drop", mixer("drop", 0.7), { ...arriving, minInterval: "7ms" });
    const defer = app.task("defer", mixer("defer", 0.3), {
      ...arriving,
      minInterval: "6ms",
      early: "defer",
      onOverrun: "skip",
    });
    const after = app.task("after", mixer("after", 1.1), {
      inputs: { x: drop.outputs.y },
      on: drop,
      minInterval: "4ms",
      ...limits,
    });
    const clock = app.task("clock", mixer("clock", 1.3), { inputs: { x: defer.outputs.y }, period: "5ms", ...limits });
    app.output("/after", "std_msgs/msg/Float32", { data: after.outputs.y });
    app.output("/clock", "std_msgs/msg/Float32", { data: clock.outputs.y });
    app.world(() => ({
      name: "sender",
      periodNs: 5e6,
      step(time, io) {
        if (time % 35e6 !== 0) io.publish("/value", { data: Math.sin(time / 1e8) });
      },
      summary: () => ({}),
    }));
  });

/** What makes some of them late. */
export const stall = ["drop:7:6ms", "defer:5:9ms", "after:6:5ms", "clock:11:9ms"];
