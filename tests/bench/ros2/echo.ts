// What is measured: an application that answers joint states and pictures with themselves, each by a task of its own.
import { application, field, image, message, tensorType, trace } from "isochron";

/** Numbers of a joint state, and pixels of a picture along each side: a megabyte. */
const [joints, side] = [12, 1024];
const quality = "default";

const sameJoints = trace(
  ({ position }) => ({ position: position.add(0) }),
  { position: tensorType("f64", [joints]) },
  { name: "sameJoints" },
);
const samePicture = trace(
  ({ data }) => ({ data: data.add(0) }),
  { data: tensorType("u8", [side, side]) },
  { name: "samePicture" },
);

export default application("echo", (app) => {
  const joint = app.input(
    "/ours/joints",
    message("sensor_msgs/msg/JointState", { position: field("position[*]", { count: joints, dtype: "f64" }) }),
    { quality },
  );
  const picture = app.input("/ours/picture", image("mono8", [side, side]), { quality });
  const answer = app.task("joints", sameJoints, {
    inputs: { position: joint },
    on: joint,
    ...{ minInterval: "1ms", early: "defer", budget: "50us", deadline: "500us", priority: 60 },
  });
  const show = app.task("picture", samePicture, {
    inputs: { data: picture },
    on: picture,
    ...{ minInterval: "10ms", early: "defer", budget: "1ms", deadline: "5ms" },
  });
  app.output("/ours/joints/back", "sensor_msgs/msg/JointState", answer.outputs, { position: "position" });
  app.output("/ours/picture/back", "sensor_msgs/msg/Image", show.outputs, { data: "data" });
});
