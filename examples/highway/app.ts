// A car that keeps its lane on a real drive: pictures are decoded on the way, the lane is found in each and steered by.
import { application, compressedImage, fields } from "isochron";
import { laneKeeper } from "./control.ts";
import type { Estimate } from "./estimate.ts";
import { laneFinder } from "./perception.ts";

export default application("highway", (app) => {
  app.messages("highway_msgs");
  const frame = app.input("/camera/image/compressed", compressedImage("rgb8", [540, 960]), { latency: "25ms" });
  const lane = app.task("lane", laneFinder, {
    inputs: { image: frame },
    on: frame,
    minInterval: "30ms",
    budget: "5ms",
    deadline: "20ms",
  });
  const { offset, heading, found, confidence } = lane.outputs;
  const steer = app.task("steer", laneKeeper, {
    inputs: { offset, heading, found, confidence },
    period: "20ms",
    budget: "200us",
    deadline: "5ms",
    priority: 60,
    onOverrun: "hold",
  });
  app.output("/perception/lane", "highway_msgs/msg/LaneEstimate", lane.outputs, {
    left: fields(["left.intercept", "left.slope"]),
    right: fields(["right.intercept", "right.slope"]),
  });
  app.output("/cmd/steering", "ackermann_msgs/msg/AckermannDriveStamped", steer.outputs);
  app.chain("camera to steering", [frame, lane, steer], { budget: "100ms" });

  let [frames, lanesFound, published] = [0, 0, 0];
  app.on("/camera/image/compressed").subscribe(() => frames++);
  app.on<Estimate>("/perception/lane").subscribe(({ found }) => {
    if (found) lanesFound++;
  });
  app.on("/cmd/steering").subscribe(() => published++);
  app.summary(() => ({ frames, lanesFound, published }));
});
