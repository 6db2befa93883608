// A car that keeps its lane: the camera finds it, the controller steers, both compiled and on a schedule.
import { application, image } from "isochron";
import { laneKeeper } from "./control.ts";
import { laneFinder } from "./perception.ts";
import { roadWorld } from "./world.ts";

export default application("road", (app) => {
  const frame = app.input("/camera/image", image("mono8", [120, 160]));
  const lane = app.task("lane", laneFinder, {
    inputs: { image: frame },
    on: frame,
    minInterval: "30ms",
    budget: "4ms",
    deadline: "15ms",
  });
  const steer = app.task("steer", laneKeeper, {
    inputs: lane.outputs,
    period: "20ms",
    budget: "200us",
    deadline: "5ms",
    priority: 60,
    onOverrun: "hold",
  });
  app.output("/cmd/steering", "ackermann_msgs/msg/AckermannDriveStamped", steer.outputs);
  app.chain("camera to steering", [frame, lane, steer], { budget: "60ms" });
  app.world(() => roadWorld({ seed: Number(process.env.ROAD_SEED ?? 1), blind: process.env.ROAD_BLIND === "1" }));
});
