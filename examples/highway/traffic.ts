// Who else is on the road: the dashcam's pictures in, vision_msgs/msg/Detection2DArray out, as long as there are vehicles.
import { application, compressedImage, fixed, stamp } from "isochron";
import { vehicleFinder } from "./vehicles.ts";

export default application("traffic", (app) => {
  const frame = app.input("/camera/image/compressed", compressedImage("rgb8", [540, 960]), { latency: "25ms" });
  const vehicles = app.task("vehicles", vehicleFinder, {
    inputs: { image: frame },
    on: frame,
    minInterval: "30ms",
    budget: "10ms",
    deadline: "20ms",
  });
  app.output("/vehicles", "vision_msgs/msg/Detection2DArray", vehicles.outputs, {
    x: "detections[*].bbox.center.position.x",
    y: "detections[*].bbox.center.position.y",
    width: "detections[*].bbox.size_x",
    height: "detections[*].bbox.size_y",
    score: "detections[*].results[0].hypothesis.score",
    "detections[*].results[0].hypothesis.class_id": fixed("vehicle"),
    "header.frame_id": fixed("camera"),
    "detections[*].header.frame_id": fixed("camera"),
    "detections[*].header.stamp": stamp(),
  });
  app.chain("camera to vehicles", [frame, vehicles], { budget: "50ms" });
});
