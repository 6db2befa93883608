// Codec plans: their texts, their refusals, and golden messages that the Rust interpreter is held to.
import { fileURLToPath } from "node:url";
import { MessageWriter } from "@foxglove/rosmsg2-serialization";
import { describe, expect, expectTypeOf, it } from "vitest";
import type { TensorType } from "../../runtime/index.ts";
import { Definitions } from "./definitions.ts";
import {
  compressedImage,
  count,
  decodePlan,
  definitionsOf,
  encodePlan,
  field,
  fields,
  fixed,
  image,
  message,
  numbers,
  type OutputMapping,
  outputPlan,
  printPlan,
  stamp,
} from "./index.ts";
import { layoutOf, pathsOf } from "./layout.ts";

const ackermann = "ackermann_msgs/msg/AckermannDriveStamped";
const header = { stamp: { sec: 3, nanosec: 250_000_001 }, frame_id: "camera" };
const vector = (x: number, y: number, z: number) => ({ x, y, z });

/** A message as ROS 2 nodes send it, written by an implementation that is not ours. */
const wire = (type: string, message: object, definitions = Definitions.common): string =>
  Buffer.from(new MessageWriter(definitionsOf(type, definitions)).writeMessage(message)).toString("hex");

const highway = Definitions.common.with([
  { type: "highway_msgs/msg/Line", text: "float32 intercept\nfloat32 slope" },
  {
    type: "highway_msgs/msg/LaneEstimate",
    text: [
      "std_msgs/Header header",
      "uint32 frame",
      "bool found",
      "float32 confidence",
      "Line left",
      "Line right",
      "float32 offset",
      "float32 heading",
    ].join("\n"),
  },
]);

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
    plan: image("mono8", [2, 3]).resolve().plan,
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
    }).resolve().plan,
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
  {
    name: "a depth image, big-endian, its rows padded",
    plan: image("16UC1", [2, 2]).resolve().plan,
    message: wire("sensor_msgs/msg/Image", {
      header,
      height: 2,
      width: 2,
      encoding: "16UC1",
      is_bigendian: 1,
      step: 6,
      data: Uint8Array.of(0x01, 0x02, 0x03, 0x04, 9, 9, 0x05, 0x06, 0x07, 0x08, 9, 9),
    }),
    slot: "0201040306050807",
  },
  {
    name: "joint states after names of any length, their time and their number",
    plan: message("sensor_msgs/msg/JointState", {
      joints: fields(["position[*]", "velocity[1]", "velocity[0]"], { count: 2 }),
      time: stamp(),
      names: count("name"),
    }).resolve().plan,
    message: wire("sensor_msgs/msg/JointState", {
      header,
      name: ["left", "r"],
      position: [0.5, -0.5],
      velocity: [1, 2],
      effort: [],
    }),
    slot: `${slotOf(64, { 0: 0.5, 4: -0.5, 8: 2, 12: 1 })}${(3_250_000_001).toString(16).match(/../g)!.reverse().join("")}${"00".repeat(60)}02000000`,
  },
  {
    name: "heights of poses, of which there may be fewer, and one pose",
    plan: message("geometry_msgs/msg/PoseArray", {
      heights: field("poses[*].position.z", { most: 3 }),
      second: fields(["poses[1].position.x", "poses[1].orientation.w"]),
    }).resolve().plan,
    message: wire("geometry_msgs/msg/PoseArray", {
      header,
      poses: [
        { position: vector(1, 2, 3), orientation: { x: 0, y: 0, z: 0, w: 1 } },
        { position: vector(4, 5, 6), orientation: { x: 0, y: 0, z: 0, w: -1 } },
      ],
    }),
    slot: slotOf(72, { 0: 3, 4: 6, 64: 4, 68: -1 }),
  },
];

const encodeCases = [
  {
    name: "a steering command",
    plan: outputPlan(ackermann, 68, [place("steeringAngle", 0), place("speed", 64)], {
      "header.frame_id": fixed("base_link"),
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
    name: "an odometry with its fixed covariances and its orientation's initial value",
    plan: outputPlan("nav_msgs/msg/Odometry", 4, [place("speed", 0)], { speed: "twist.twist.linear.x" }),
    stampNs: 3_250_000_001,
    slot: slotOf(4, { 0: 2.5 }),
    message: wire("nav_msgs/msg/Odometry", {
      header: { ...header, frame_id: "" },
      child_frame_id: "",
      pose: {
        pose: { position: vector(0, 0, 0), orientation: { x: 0, y: 0, z: 0, w: 1 } },
        covariance: zeros(36),
      },
      twist: { twist: { linear: vector(2.5, 0, 0), angular: vector(0, 0, 0) }, covariance: zeros(36) },
    }),
  },
  {
    name: "two lines of a message of the user's own, nested types within it",
    plan: outputPlan(
      "highway_msgs/msg/LaneEstimate",
      136,
      [
        { name: "left", dtype: "f32", shape: [2], offset: 0 },
        { name: "found", dtype: "bool", shape: [], offset: 64 },
        { name: "right", dtype: "f32", shape: [2], offset: 128 },
      ],
      {
        left: fields(["left.intercept", "left.slope"]),
        right: fields(["right.slope", "right.intercept"]),
        frame: fixed(7),
      },
      highway,
    ),
    stampNs: 3_250_000_001,
    slot: `${slotOf(64, { 0: 100, 4: -0.5 })}01${"00".repeat(63)}${slotOf(8, { 0: 0.5, 4: 800 })}`,
    message: wire(
      "highway_msgs/msg/LaneEstimate",
      {
        header: { ...header, frame_id: "" },
        frame: 7,
        found: true,
        confidence: 0,
        left: { intercept: 100, slope: -0.5 },
        right: { intercept: 800, slope: 0.5 },
        offset: 0,
        heading: 0,
      },
      highway,
    ),
  },
  {
    name: "a trajectory of two points",
    plan: outputPlan(
      "trajectory_msgs/msg/JointTrajectory",
      208,
      [
        { name: "positions", dtype: "f64", shape: [2, 3], offset: 0 },
        { name: "times", dtype: "i64", shape: [2], offset: 64 },
        { name: "efforts", dtype: "i32", shape: [2, 1], offset: 128 },
      ],
      {
        positions: "points[*].positions[*]",
        times: "points[*].time_from_start",
        efforts: "points[*].effort",
        joint_names: fixed(["a", "bc", "def"]),
      },
    ),
    stampNs: 3_250_000_001,
    slot: [1, 2, 3, 4, 5, 6]
      .map((value) => Buffer.from(new Float64Array([value]).buffer).toString("hex"))
      .concat("00".repeat(16), Buffer.from(new BigInt64Array([1_500_000_000n, -1n]).buffer).toString("hex"))
      .concat("00".repeat(48), "ff00000001000000", "00".repeat(72))
      .join(""),
    message: wire("trajectory_msgs/msg/JointTrajectory", {
      header: { ...header, frame_id: "" },
      joint_names: ["a", "bc", "def"],
      points: [
        {
          positions: [1, 2, 3],
          velocities: [],
          accelerations: [],
          effort: [255],
          time_from_start: { sec: 1, nanosec: 5e8 },
        },
        {
          positions: [4, 5, 6],
          velocities: [],
          accelerations: [],
          effort: [1],
          time_from_start: { sec: -1, nanosec: 999_999_999 },
        },
      ],
    }),
  },
];

describe("codec plans", () => {
  it("agree with the golden messages that the Rust interpreter is tested with", async () => {
    const text = `${JSON.stringify({ decode: decodeCases, encode: encodeCases }, null, 2)}\n`;
    await expect(text).toMatchFileSnapshot(fileURLToPath(new URL("../transport/tests/golden.json", import.meta.url)));
  });

  it("print themselves step by step", () => {
    expect(printPlan(image("mono8", [120, 160]).resolve().plan)).toBe(
      [
        "codec sensor_msgs/msg/Image, slot 19200 B",
        '  skip type="u32" count=2 path="header.stamp"',
        '  string path="header.frame_id"',
        '  number type="u32" expect=120 path="height"',
        '  number type="u32" expect=160 path="width"',
        '  string expect="mono8" path="encoding"',
        '  number type="u8" keep=0 path="is_bigendian"',
        '  number type="u32" keep=1 path="step"',
        '  rows height=120 row=160 word=1 step=1 bigEndian=0 offset=0 path="data"',
      ].join("\n"),
    );
    expect(printPlan(outputPlan(ackermann, 4, [place("steeringAngle", 0)]))).toBe(
      [
        `codec ${ackermann}, slot 4 B`,
        "  stamp",
        '  string value=""',
        '  number type="f32" from="f32" offset=0',
        ...Array.from({ length: 4 }, () => '  constant type="f32" value=0 count=1'),
      ].join("\n"),
    );
  });

  it("have tensors whose types follow from what is selected", () => {
    const { fields: types } = message("sensor_msgs/msg/JointState", {
      plain: field("position[0]"),
      wide: fields(["position", "velocity"], { dtype: "f64", count: 3 }),
      time: stamp(),
      names: count("name"),
      small: count("name", "u8"),
    }).resolve();
    expectTypeOf(types).toEqualTypeOf<{
      readonly plain: TensorType<"f32">;
      readonly wide: TensorType<"f64">;
      readonly time: TensorType<"i64">;
      readonly names: TensorType<"i32">;
      readonly small: TensorType<"u8">;
    }>();
    expect(types).toEqual({
      plain: { dtype: "f32", shape: [] },
      wide: { dtype: "f64", shape: [6] },
      time: { dtype: "i64", shape: [] },
      names: { dtype: "i32", shape: [] },
      small: { dtype: "u8", shape: [] },
    });
    const depth = image("32FC1", [2, 3], { time: stamp() }).resolve().fields;
    expectTypeOf(depth.data).toEqualTypeOf<TensorType<"f32">>();
    expectTypeOf(depth.time).toEqualTypeOf<TensorType<"i64">>();
    expect(image("bgra8", [2, 3]).resolve().fields).toEqual({ data: { dtype: "u8", shape: [2, 3, 4] } });
    expectTypeOf(image("16SC2", [2, 3]).resolve().fields.data).toEqualTypeOf<TensorType<"i16">>();
    expect(image("8UC1", [2, 3]).resolve().fields).toEqual({ data: { dtype: "u8", shape: [2, 3] } });
    expect(image("bayer_grbg16", [2, 4]).resolve().fields).toEqual({ data: { dtype: "u16", shape: [2, 4] } });
    expect(image("yuv422_yuy2", [2, 4]).resolve().fields).toEqual({ data: { dtype: "u8", shape: [2, 4, 2] } });
    expect(image("nv12", [2, 4]).resolve().fields).toEqual({ data: { dtype: "u8", shape: [3, 4] } });
    expect(image("64FC4", [1, 2]).resolve().fields).toEqual({ data: { dtype: "f64", shape: [1, 2, 4] } });
  });

  it("name the encodings that there are when an image is asked for in another", () => {
    for (const encoding of ["rgb", "8UC5", "toString", "", undefined]) {
      // @ts-expect-error: another name is a mistake in the types already.
      expect(() => image(encoding, [2, 2]), String(encoding)).toThrow(
        expect.objectContaining({ code: "message/encoding", help: expect.stringContaining("bayer_rggb8") }),
      );
      // @ts-expect-error: the same for compressed pictures.
      expect(() => compressedImage(encoding, [2, 2]), String(encoding)).toThrow(
        expect.objectContaining({ code: "message/encoding", help: expect.stringContaining("mono16, 16UC1") }),
      );
    }
    expect(() => image("nv21", [3, 2])).toThrow(expect.objectContaining({ code: "message/size" }));
  });

  it("keep their meaning through JSON, and refuse what they do not know", () => {
    const { plan } = image("mono8", [2, 3]).resolve();
    expect(decodePlan.parse(JSON.parse(JSON.stringify(plan)))).toEqual(plan);
    expect(decodePlan.safeParse({ ...plan, steps: [{ op: "jump" }] }).success).toBe(false);
    expect(encodePlan.safeParse({ ...outputPlan(ackermann, 0, []), extra: 1 }).success).toBe(false);
  });

  it("name the fields that a message has when one is asked for that it has not", () => {
    const wrong = () => numbers("geometry_msgs/msg/Vector3", { w: { field: "w", dtype: "f32" } }).resolve();
    expect(wrong).toThrow('geometry_msgs/msg/Vector3 has no field "w"');
    expect(wrong).toThrow(expect.objectContaining({ code: "message/unknown-field", help: "its fields are x, y, z" }));
    for (const path of ["", ".x", "x.", "x..y", "x[", "x[-1]", "[0]", "x[*]", "x.y", "x[1]"]) {
      expect(() => message("geometry_msgs/msg/Vector3", { value: field(path) }).resolve(), path).toThrow(
        expect.objectContaining({ code: "message/unknown-field" }),
      );
    }
    expect(() => message("sensor_msgs/msg/Imu", { c: field("orientation_covariance[9]") }).resolve()).toThrow(
      expect.objectContaining({ details: ["float64[9] has no element 9"] }),
    );
  });

  it("refuse a number from text, a tensor without a size, and several elements for one field", () => {
    const from = (type: string, selection: Parameters<typeof message>[1][string]) => () =>
      message(type, { value: selection }).resolve();
    expect(from("std_msgs/msg/Header", field("frame_id"))).toThrow("std_msgs/msg/Header.frame_id is string, which");
    expect(from("std_msgs/msg/Header", field("stamp"))).toThrow(
      expect.objectContaining({ help: 'use stamp("stamp")' }),
    );
    expect(from("sensor_msgs/msg/JointState", stamp("position"))).toThrow("position is float64[], which");
    expect(from("sensor_msgs/msg/Imu", count("orientation_covariance"))).toThrow(
      expect.objectContaining({ help: "count() takes a sequence" }),
    );
    expect(from("sensor_msgs/msg/JointState", field("position[*]"))).toThrow(
      expect.objectContaining({ code: "message/size" }),
    );
    expect(from("sensor_msgs/msg/Imu", field("orientation_covariance", { shape: [3, 4] }))).toThrow(
      "the shape [3,4] of orientation_covariance has 12 elements",
    );
    const to = (type: string, shape: readonly number[], mapping: OutputMapping) => () =>
      outputPlan(type, 64, [{ name: "value", dtype: "f32", shape, offset: 0 }], mapping);
    expect(to("std_msgs/msg/Header", [], { value: "frame_id" })).toThrow(
      expect.objectContaining({ code: "message/unsupported-field" }),
    );
    expect(to("geometry_msgs/msg/Vector3", [3], { value: "x" })).toThrow(
      'output "value" has 3 elements, x of geometry_msgs/msg/Vector3 takes 1',
    );
    expect(to("geometry_msgs/msg/Vector3", [], { value: "x", x: fixed(1) })).toThrow("x is filled twice");
    expect(to("geometry_msgs/msg/Vector3", [], { value: "x", y: fixed("one") })).toThrow('y is float64, not "one"');
    expect(to("std_msgs/msg/UInt8MultiArray", [2], { value: "data", "layout.data_offset": fixed(-1) })).toThrow(
      "layout.data_offset is uint32, not -1",
    );
    expect(to("geometry_msgs/msg/Vector3", [], { other: "y", value: "x" })).toThrow(
      expect.objectContaining({ code: "message/unknown-output" }),
    );
    expect(to("shape_msgs/msg/SolidPrimitive", [4], { value: "dimensions" })).toThrow(
      "takes at most 3 elements, not 4",
    );
  });

  it("print the steps of a list below it, and elements of their own before the others", () => {
    const { plan } = message("geometry_msgs/msg/PoseArray", {
      heights: field("poses[*].position.z", { count: 3 }),
      first: fields(["poses[0].position.x", "poses[0].position.y"]),
    }).resolve();
    expect(printPlan(plan)).toBe(
      [
        "codec geometry_msgs/msg/PoseArray, slot 72 B",
        '  skip type="u32" count=2 path="header.stamp"',
        '  string path="header.frame_id"',
        '  list extent={"least":3,"most":3} path="poses"',
        "    at 0",
        '      number type="f64" places=[{"to":"f32","offset":64}] path="poses[0].position.x"',
        '      number type="f64" places=[{"to":"f32","offset":68}] path="poses[0].position.y"',
        '      number type="f64" places=[{"to":"f32","offset":0,"strides":[4]}] path="poses[0].position.z"',
        ...["x", "y", "z", "w"].map((name) => `      skip type="f64" count=1 path="poses[0].orientation.${name}"`),
        ...["x", "y"].map((name) => `    skip type="f64" count=1 path="poses[*].position.${name}"`),
        '    number type="f64" places=[{"to":"f32","offset":0,"strides":[4]}] path="poses[*].position.z"',
        ...["x", "y", "z", "w"].map((name) => `    skip type="f64" count=1 path="poses[*].orientation.${name}"`),
      ].join("\n"),
    );
  });

  it("list a message's fields in the order of the wire, nested types opened", () => {
    expect(pathsOf(layoutOf("trajectory_msgs/msg/JointTrajectory", Definitions.common))).toEqual([
      "header.stamp",
      "header.frame_id",
      "joint_names[*]",
      ...["positions", "velocities", "accelerations", "effort"].map((name) => `points[*].${name}[*]`),
      "points[*].time_from_start",
    ]);
  });
});
