// Three algorithms whose loops are part of the graph, each a task: boxes are thinned out, a scan finds its pose, a cart is pushed.
import { application, field, message } from "isochron";
import { predictive } from "./predictive.ts";
import { rays, registration } from "./registration.ts";
import { boxCount, suppression } from "./suppression.ts";
import { algorithmsWorld } from "./world.ts";

export default application("algorithms", (app) => {
  const boxes = app.input(
    "/boxes",
    message("std_msgs/msg/Float32MultiArray", {
      boxes: field("data[*]", { count: boxCount * 5, shape: [boxCount, 5] }),
    }),
  );
  const kept = app.task("suppress", suppression, {
    inputs: { boxes },
    on: boxes,
    minInterval: "40ms",
    budget: "500us",
    deadline: "10ms",
  });
  app.output("/kept", "std_msgs/msg/Float32MultiArray", { kept: kept.outputs.kept }, { kept: "data" });

  const ranges = app.input(
    "/scan",
    message("sensor_msgs/msg/LaserScan", { ranges: field("ranges[*]", { count: rays }) }),
  );
  const start = app.input(
    "/start",
    message("std_msgs/msg/Float32MultiArray", { start: field("data[*]", { count: 3 }) }),
  );
  const found = app.task("register", registration, {
    inputs: { ranges, start },
    on: ranges,
    minInterval: "80ms",
    budget: "20ms",
    deadline: "70ms",
    priority: 40,
  });
  app.output("/pose", "std_msgs/msg/Float32MultiArray", { pose: found.outputs.pose }, { pose: "data" });

  const position = app.input("/cart/position", message("std_msgs/msg/Float32", { metres: field("data") }));
  const speed = app.input("/cart/speed", message("std_msgs/msg/Float32", { speed: field("data") }));
  const push = app.task("push", predictive, {
    inputs: { position, speed },
    period: "100ms",
    budget: "1ms",
    deadline: "10ms",
    priority: 60,
    onOverrun: "hold",
  });
  app.output("/cart/force", "std_msgs/msg/Float32", { push: push.outputs.push }, { push: "data" });
  app.world(algorithmsWorld);
});
