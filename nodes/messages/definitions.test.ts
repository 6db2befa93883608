// Message definitions without ROS: their texts parse again to the same wire, and unknown names are answered with near ones.
import { parse } from "@foxglove/rosmsg";
import { MessageReader, MessageWriter } from "@foxglove/rosmsg2-serialization";
import { describe, expect, it } from "vitest";
import { definitionsOf, fullTypeName, schemaText } from "./index.ts";

describe("message definitions", () => {
  it("are written as text that any reader of ros2msg schemas decodes messages with", () => {
    const drive = { steering_angle: 0.5, steering_angle_velocity: 0, speed: 9, acceleration: 0, jerk: 0 };
    const messages: readonly (readonly [string, object])[] = [
      ["ackermann_msgs/msg/AckermannDriveStamped", { header: { stamp: { sec: 1, nanosec: 2 }, frame_id: "a" }, drive }],
      ["geometry_msgs/msg/Twist", { linear: { x: 1, y: 2, z: 3 }, angular: { x: 4, y: 5, z: 6 } }],
    ];
    for (const [type, message] of messages) {
      const bytes = new MessageWriter(definitionsOf(type)).writeMessage(message);
      const reader = new MessageReader(parse(schemaText(type), { ros2: true }));
      expect(reader.readMessage(bytes)).toEqual(message);
    }
  });

  it("hold every type that the text of a message names, each once", () => {
    const text = schemaText("nav_msgs/msg/Odometry");
    const named = [...text.matchAll(/^MSG: (.+)$/gm)].map((match) => match[1]);
    expect(new Set(named).size).toBe(named.length);
    expect(named).toEqual(expect.arrayContaining(["std_msgs/Header", "geometry_msgs/Pose", "geometry_msgs/Twist"]));
  });

  it("are found under both ways of writing a type's name", () => {
    expect(definitionsOf("sensor_msgs/Image")).toEqual(definitionsOf("sensor_msgs/msg/Image"));
    expect(fullTypeName("sensor_msgs/Image")).toBe("sensor_msgs/msg/Image");
  });

  it("answer an unknown name with the names that are near", () => {
    expect(() => definitionsOf("sensors/msg/Image")).toThrow(
      expect.objectContaining({ code: "message/unknown-type", help: "known are sensor_msgs/msg/Image" }),
    );
  });
});
