// A camera's pictures in, vision_msgs/msg/Detection2DArray out: each message has as many detections as there are.
import { application, count, fixed, image, stamp, texts } from "isochron";
import { detector, height, kinds, width } from "./detector.ts";
import { squaresWorld } from "./world.ts";

export default application("detector", (app) => {
  const picture = app.input("/camera/image", image("mono8", [height, width]));
  const detect = app.task("detect", detector, {
    inputs: { picture },
    on: picture,
    minInterval: "90ms",
    budget: "20ms",
    deadline: "80ms",
  });
  app.output("/detections", "vision_msgs/msg/Detection2DArray", detect.outputs, {
    found: count("detections"),
    x: "detections[*].bbox.center.position.x",
    y: "detections[*].bbox.center.position.y",
    sizeX: "detections[*].bbox.size_x",
    sizeY: "detections[*].bbox.size_y",
    score: "detections[*].results[0].hypothesis.score",
    kind: texts("detections[*].results[0].hypothesis.class_id", kinds),
    "header.frame_id": fixed("camera"),
    "detections[*].header.frame_id": fixed("camera"),
    "detections[*].header.stamp": stamp(),
  });
  app.chain("picture to detections", [picture, detect], { budget: "85ms" });
  app.world(squaresWorld);
});
