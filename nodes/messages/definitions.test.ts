// Message definitions without ROS: their texts parse again to the same wire, and unknown names are answered with near ones.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parse } from "@foxglove/rosmsg";
import { MessageReader, MessageWriter } from "@foxglove/rosmsg2-serialization";
import { describe, expect, it } from "vitest";
import { Definitions, definitionsOf, fullTypeName, readMessageFiles, schemaText } from "./index.ts";

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

/** Reads files that are written for it into a folder of their own. */
function reading(files: Readonly<Record<string, string>>, options: { readonly package?: string } = {}): Definitions {
  const folder = mkdtempSync(join(tmpdir(), "isochron-msg-"));
  try {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
    return Definitions.common.with(readMessageFiles(folder, options));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe("message definitions from .msg files", () => {
  it("take their package from their folder, and types without a package from their own", () => {
    const definitions = reading({
      "src/highway_msgs/msg/Lane.msg":
        "# A lane.\nHeader header\nLine left  # one of two\nhighway_msgs/msg/Line right\n",
      "src/highway_msgs/msg/Line.msg": "float32 intercept\r\nfloat32 slope 0.5\r\n",
      "src/highway_msgs/package.xml": "<package/>",
      "other_msgs/msg/Path.msg": "highway_msgs/Lane[<=2] lanes\ngeometry_msgs/Point[] points\nstring<=4 NAME='a b'\n",
    });
    expect(definitions.ownTypes).toEqual(["other_msgs/msg/Path", "highway_msgs/msg/Lane", "highway_msgs/msg/Line"]);
    expect(definitions.closure("other_msgs/msg/Path").map(({ name }) => name)).toEqual([
      "other_msgs/Path",
      "highway_msgs/Lane",
      "std_msgs/Header",
      "highway_msgs/Line",
      "geometry_msgs/Point",
    ]);
    const value = { intercept: 1, slope: 2 };
    const bytes = new MessageWriter(definitions.closure("highway_msgs/msg/Line")).writeMessage(value);
    const reader = new MessageReader(parse(definitions.schemaText("highway_msgs/msg/Line"), { ros2: true }));
    expect(reader.readMessage(bytes)).toEqual(value);
    expect(Definitions.common.with(definitions.textsOf(["other_msgs/msg/Path"])).ownTypes.sort()).toEqual(
      [...definitions.ownTypes].sort(),
    );
    expect(definitions.textsOf(["highway_msgs/msg/Line", "sensor_msgs/msg/Image"]).map(({ type }) => type)).toEqual([
      "highway_msgs/msg/Line",
    ]);
  });

  it("that do not lie in PACKAGE/msg are given a package, or refused", () => {
    expect(reading({ "Line.msg": "float32 slope" }, { package: "my_msgs" }).ownTypes).toEqual(["my_msgs/msg/Line"]);
    expect(() => reading({ "Line.msg": "float32 slope" })).toThrow(
      expect.objectContaining({ code: "message/package" }),
    );
    expect(() => reading({ "line.msg": "float32 slope" }, { package: "my_msgs" })).toThrow(
      expect.objectContaining({ code: "message/name" }),
    );
    expect(() => reading({ "a/msg/notes.txt": "" })).toThrow(expect.objectContaining({ code: "message/files" }));
  });

  it("with an error name the file and the line", () => {
    const wrong: readonly (readonly [text: string, line: number])[] = [
      ["float32 slope\n\nfoo bar baz\n", 3],
      ["# Fine.\nfloat32 Slope\n", 2],
      ["uint8 A=1\nuint8 B=300\n", 2],
      ["float32 x\nfloat32 y\nfloat32 x\n", 3],
      ["float32\n", 1],
      ["float32 x\n===\nMSG: a/B\n", 2],
    ];
    for (const [text, line] of wrong) {
      expect(() => reading({ "a_msgs/msg/Line.msg": text }), text).toThrow(
        expect.objectContaining({
          code: "message/definition",
          place: expect.stringMatching(new RegExp(`/a_msgs/msg/Line\\.msg:${line}$`)),
        }),
      );
    }
  });

  it("that need others name them; ones that contain themselves or differ are refused", () => {
    expect(() => reading({ "a/msg/A.msg": "int32 x\nb_msgs/B b\n" })).toThrow(
      expect.objectContaining({
        code: "message/missing-type",
        message: "a/msg/A needs b_msgs/msg/B, which is not defined",
        place: expect.stringMatching(/a\/msg\/A\.msg:2$/),
        help: "give the folder of b_msgs's definitions too",
      }),
    );
    expect(() => reading({ "a/msg/A.msg": "B b", "a/msg/B.msg": "C[] c", "a/msg/C.msg": "A a" })).toThrow(
      expect.objectContaining({
        code: "message/recursive-type",
        details: ["a/msg/A → a/msg/B → a/msg/C → a/msg/A"],
      }),
    );
    const twice = { "one/a/msg/A.msg": "int32 x", "two/a/msg/A.msg": "int64 x" };
    expect(() => reading(twice)).toThrow(expect.objectContaining({ code: "message/duplicate-type" }));
    expect(reading({ ...twice, "two/a/msg/A.msg": "int32 x" }).of("a/A").definitions).toHaveLength(1);
  });
});
