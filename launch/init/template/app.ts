// A cart on a rail goes where it is told: its position is measured, the controller pushes it.
import { application, field, message } from "isochron";
import { cartWorld } from "./cart.ts";
import { controller } from "./controller.ts";

export default application("cart", (app) => {
  const position = app.input("/cart/position", message("std_msgs/msg/Float32", { metres: field("data") }));
  const target = app.input("/cart/target", message("std_msgs/msg/Float32", { metres: field("data") }));
  const push = app.task("push", controller, {
    inputs: { position, target },
    period: "20ms",
    budget: "200us",
    deadline: "5ms",
    onOverrun: "hold",
  });
  app.output("/cart/force", "std_msgs/msg/Float32", push.outputs, { force: "data" });
  app.chain("position to force", [position, push], { budget: "30ms" });
  app.world(cartWorld);
});
