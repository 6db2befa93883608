// A task that sends back what comes, and one that sends every 2 ms: what the native edge is measured with.
import { application, numbers, tensorType, trace } from "../../../launch/index.ts";

const scalar = tensorType("f64", []);
const back = trace(({ x }) => ({ y: x.mul(1) }), { x: scalar }, { name: "back" });
const beat = trace(({ x }) => ({ y: x.add(1) }), { x: scalar }, { name: "beat" });
const float64 = "std_msgs/msg/Float64";

export default application("edge", (app) => {
  const input = app.input("/in", numbers(float64, { x: { field: "data", dtype: "f64" } }));
  const limits = { budget: "50us", onOverrun: "skip" } as const;
  const answer = app.task("back", back, {
    ...{ inputs: input.ports, on: input, minInterval: "1ms", deadline: "1ms", priority: 60 },
    ...limits,
  });
  const steady = app.task("beat", beat, {
    ...{ inputs: input.ports, period: "2ms", deadline: "1ms", priority: 60 },
    ...limits,
  });
  app.output("/out", float64, answer.outputs, { y: "data" }, { send: "completion" });
  app.output("/beat", float64, steady.outputs, { y: "data" });
});
