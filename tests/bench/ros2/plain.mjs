// What it is measured beside: a node of rclnodejs alone that sends back what comes.
import { createRequire } from "node:module";

const rclnodejs = createRequire(import.meta.url)("rclnodejs");
await rclnodejs.init();
const node = new rclnodejs.Node("plain_echo");
for (const [topic, type] of [
  ["/plain/joints", "sensor_msgs/msg/JointState"],
  ["/plain/picture", "sensor_msgs/msg/Image"],
]) {
  const back = node.createPublisher(type, `${topic}/back`);
  node.createSubscription(type, topic, (message) => back.publish(message));
}
node.spin();
process.on("SIGTERM", () => {
  rclnodejs.shutdown();
  process.exit();
});
