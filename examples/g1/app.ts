// The walking policy of a Unitree G1, in the TorchScript file that its maker ships, as a task at 50 Hz over a recorded walk.
import { fileURLToPath } from "node:url";
import { application, field, message, tensorType } from "isochron";
import { importModel } from "isochron/import";
import { observed, walk } from "./walk.ts";

const model = await importModel(fileURLToPath(new URL("policy.pt", import.meta.url)));
/** Its memory, the LSTM's hidden and cell state, is the graph's: what the file writes into its buffers are states here. */
const policy = model.graph({ inputs: { x: tensorType("f32", [1, observed]) } });

export default application("g1", (app) => {
  const observation = app.input(
    "/observation",
    message("std_msgs/msg/Float32MultiArray", { x: field("data[*]", { count: observed, shape: [1, observed] }) }),
  );
  const act = app.task("policy", policy, {
    inputs: { x: observation },
    on: observation,
    minInterval: "15ms",
    budget: "500us",
    deadline: "5ms",
    onOverrun: "hold",
  });
  app.output("/action", "std_msgs/msg/Float32MultiArray", { y: act.outputs.y! }, { y: "data" });
  app.chain("observation to action", [observation, act], { budget: "10ms" });
  app.world(walk);
});
