// Codec plans: their texts, their refusals, and golden messages that the Rust interpreter is held to.
import { fileURLToPath } from "node:url";
import { MessageWriter } from "@foxglove/rosmsg2-serialization";
import { describe, expect, it } from "vitest";
import { type EncodeRule, makeEncodePlan } from "./codec-plan.ts";
import { decodePlan, definitionsOf, encodePlan, image, leavesOf, numbers, outputPlan, printPlan } from "./index.ts";

const ackermann = "ackermann_msgs/msg/AckermannDriveStamped";
const header = { stamp: { sec: 3, nanosec: 250_000_001 }, frame_id: "camera" };
const vector = (x: number, y: number, z: number) => ({ x, y, z });

/** A message as ROS 2 nodes send it, written by an implementation that is not ours. */
const wire = (type: string, message: object): string =>
  Buffer.from(new MessageWriter(definitionsOf(type)).writeMessage(message)).toString("hex");

/** A slot of `length` bytes with little-endian f32 values at offsets. */
function slotOf(length: number, values: Readonly<Record<number, number>>): string {
  const slot = Buffer.alloc(length);
  for (const [offset, value] of Object.entries(values)) slot.writeFloatLE(value, Number(offset));
  return slot.toString("hex");
}

const place = (name: string, offset: number) => ({ name, dtype: "f32" as const, shape: [], offset });

const zeros = (length: number) => Array.from({ length }, () => 0);

const decodeCases = [
  {
    name: "an image",
    plan: image("mono8", [2, 3]).plan,
    message: wire("sensor_msgs/msg/Image", {
      header,
      height: 2,
      width: 3,
      encoding: "mono8",
      is_bigendian: 0,
      step: 3,
      data: Uint8Array.of(1, 2, 3, 250, 251, 252),
    }),
    slot: "010203fafbfc",
  },
  {
    name: "an inertial measurement, covariances passed over",
    plan: numbers("sensor_msgs/msg/Imu", {
      yawRate: { field: "angular_velocity.z", dtype: "f32" },
      forward: { field: "linear_acceleration.x", dtype: "f32" },
    }).plan,
    message: wire("sensor_msgs/msg/Imu", {
      header,
      orientation: { x: 0, y: 0, z: 0.5, w: 0.75 },
      orientation_covariance: zeros(9),
      angular_velocity: vector(0.25, -0.5, 1.75),
      angular_velocity_covariance: zeros(9),
      linear_acceleration: vector(-9.5, 0, 1),
      linear_acceleration_covariance: zeros(9),
    }),
    slot: slotOf(68, { 0: 1.75, 64: -9.5 }),
  },
];

const encodeCases = [
  {
    name: "a steering command",
    plan: outputPlan(ackermann, 68, [place("steeringAngle", 0), place("speed", 64)], undefined, {
      "header.frame_id": "base_link",
    }),
    stampNs: 3_250_000_001,
    slot: slotOf(68, { 0: -0.125, 64: 10.5 }),
    message: wire(ackermann, {
      header: { ...header, frame_id: "base_link" },
      drive: { steering_angle: -0.125, steering_angle_velocity: 0, speed: 10.5, acceleration: 0, jerk: 0 },
    }),
  },
  {
    name: "a velocity command in f64",
    plan: outputPlan("geometry_msgs/msg/Twist", 68, [place("forward", 0), place("turn", 64)], {
      forward: "linear.x",
      turn: "angular.z",
    }),
    stampNs: 0,
    slot: slotOf(68, { 0: 1.5, 64: -0.25 }),
    message: wire("geometry_msgs/msg/Twist", { linear: vector(1.5, 0, 0), angular: vector(0, 0, -0.25) }),
  },
  {
    name: "an odometry with its fixed covariances",
    plan: outputPlan("nav_msgs/msg/Odometry", 4, [place("speed", 0)], { speed: "twist.twist.linear.x" }),
    stampNs: 3_250_000_001,
    slot: slotOf(4, { 0: 2.5 }),
    message: wire("nav_msgs/msg/Odometry", {
      header: { ...header, frame_id: "" },
      child_frame_id: "",
      pose: {
        pose: { position: vector(0, 0, 0), orientation: { x: 0, y: 0, z: 0, w: 0 } },
        covariance: zeros(36),
      },
      twist: { twist: { linear: vector(2.5, 0, 0), angular: vector(0, 0, 0) }, covariance: zeros(36) },
    }),
  },
];

describe("codec plans", () => {
  it("agree with the golden messages that the Rust interpreter is tested with", async () => {
    const text = `${JSON.stringify({ decode: decodeCases, encode: encodeCases }, null, 2)}\n`;
    await expect(text).toMatchFileSnapshot(fileURLToPath(new URL("transport/tests/golden.json", import.meta.url)));
  });

  it("print themselves step by step", () => {
    expect(printPlan(image("mono8", [120, 160]).plan)).toBe(
      [
        "codec sensor_msgs/msg/Image, slot 19200 B",
        '  skip type="i32" path="header.stamp.sec"',
        '  skip type="u32" path="header.stamp.nanosec"',
        '  skipString path="header.frame_id"',
        '  expect value=120 path="height"',
        '  expect value=160 path="width"',
        '  expectString value="mono8" path="encoding"',
        '  skip type="u8" path="is_bigendian"',
        '  expect value=160 path="step"',
        '  bytes count=19200 offset=0 path="data"',
      ].join("\n"),
    );
    expect(printPlan(outputPlan(ackermann, 4, [place("steeringAngle", 0)]))).toBe(
      [
        `codec ${ackermann}, slot 4 B`,
        "  stamp",
        '  string value=""',
        '  scalar from="f32" to="f32" offset=0',
        ...Array.from({ length: 4 }, () => '  constant type="f32" value=0'),
      ].join("\n"),
    );
  });

  it("keep their meaning through JSON, and refuse what they do not know", () => {
    const { plan } = image("mono8", [2, 3]);
    expect(decodePlan.parse(JSON.parse(JSON.stringify(plan)))).toEqual(plan);
    expect(decodePlan.safeParse({ ...plan, steps: [{ op: "jump" }] }).success).toBe(false);
    expect(encodePlan.safeParse({ ...outputPlan(ackermann, 0, []), extra: 1 }).success).toBe(false);
  });

  it("name the fields that a message has when one is asked for that it has not", () => {
    const wrong = () => numbers("geometry_msgs/msg/Vector3", { w: { field: "w", dtype: "f32" } });
    expect(wrong).toThrow('geometry_msgs/msg/Vector3 has no field "w"');
    expect(wrong).toThrow(expect.objectContaining({ code: "message/unknown-field", help: "its fields are x, y, z" }));
  });

  it("refuse a number from text, an array for a number, and bytes for a number, rather than pass them over", () => {
    const from = (type: string, field: string) => () => numbers(type, { value: { field, dtype: "f32" } });
    expect(from("std_msgs/msg/Header", "frame_id")).toThrow("std_msgs/msg/Header.frame_id is string, which");
    expect(from("sensor_msgs/msg/Imu", "orientation_covariance")).toThrow(
      "orientation_covariance is float64[9], which",
    );
    const to = (type: string, field: string, rule: EncodeRule) => () => makeEncodePlan(type, 8, { [field]: rule });
    expect(to("std_msgs/msg/Header", "frame_id", { kind: "scalar", dtype: "f32", offset: 0 })).toThrow(
      expect.objectContaining({ code: "message/unsupported-field" }),
    );
    expect(to("geometry_msgs/msg/Vector3", "x", { kind: "bytes", count: 1, offset: 0 })).toThrow(
      expect.objectContaining({ code: "message/unsupported-field" }),
    );
  });

  it("list a message's leaves in the order of the wire, nested types and times opened", () => {
    expect(leavesOf(ackermann).map((leaf) => `${leaf.path}: ${leaf.type}`)).toEqual([
      "header.stamp.sec: int32",
      "header.stamp.nanosec: uint32",
      "header.frame_id: string",
      "drive.steering_angle: float32",
      "drive.steering_angle_velocity: float32",
      "drive.speed: float32",
      "drive.acceleration: float32",
      "drive.jerk: float32",
    ]);
  });
});
