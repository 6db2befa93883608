// What may be published as a message of a type.
import { describe, expect, it } from "vitest";
import { definitionsOf } from "../nodes/index.ts";
import { MessageFields } from "./message-fields.ts";

const checked = (type: string, message: unknown) => () => new MessageFields(definitionsOf(type)).check("/x", message);

describe("a message that is published", () => {
  it("may leave fields out, have numbers in typed arrays, and times in either spelling", () => {
    const header = { stamp: { sec: 1, nanosec: 2 }, frame_id: "map" };
    expect(checked("sensor_msgs/msg/Image", { header, data: new Uint8Array(6), height: 1 })).not.toThrow();
    expect(checked("sensor_msgs/msg/Imu", { header: { stamp: { sec: 1, nsec: 2 } } })).not.toThrow();
    expect(checked("sensor_msgs/msg/JointState", { name: ["a"], position: [1], velocity: undefined })).not.toThrow();
    expect(checked("std_msgs/msg/Int64", { data: 1n })).not.toThrow();
    expect(checked("std_msgs/msg/Empty", {})).not.toThrow();
  });

  it("may not have a field that its type has not, however deep", () => {
    expect(checked("sensor_msgs/msg/Imu", { angular_velocity: { x: 1, w: 2 } })).toThrow(
      'what is published on "/x" has a field angular_velocity.w, which geometry_msgs/Vector3 has not',
    );
  });

  it("may not have a value of another kind", () => {
    expect(checked("std_msgs/msg/Bool", { data: 1 })).toThrow("has in data what is not a bool: 1");
    expect(checked("std_msgs/msg/String", { data: null })).toThrow("has in data what is not a string: null");
    expect(checked("sensor_msgs/msg/JointState", { position: [1, "2"] })).toThrow(
      'has in position[1] what is not a float64: "2"',
    );
    expect(checked("sensor_msgs/msg/JointState", { position: 1 })).toThrow("is not an array of float64: 1");
    expect(checked("std_msgs/msg/Header", { stamp: 1e9 })).toThrow("has in stamp what is not a time: 1000000000");
    expect(checked("std_msgs/msg/Float32", null)).toThrow('on "/x" is not a std_msgs/Float32: null');
  });
});
