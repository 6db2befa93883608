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
      expect.objectContaining({ code: "message/unknown-type", help: "did you mean sensor_msgs/msg/Image?" }),
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
  it("know no Header but that of their own package", () => {
    const own = { "a/msg/A.msg": "Header header", "a/msg/Header.msg": "uint16 version" };
    expect(
      reading(own)
        .closure("a/msg/A")
        .map(({ name }) => name),
    ).toEqual(["a/A", "a/Header"]);
    expect(() => reading({ "a/msg/A.msg": "Header header" })).toThrow(
      expect.objectContaining({
        code: "message/missing-type",
        message: "a/msg/A needs a/msg/Header, which is not defined",
        help: "ROS 2 knows no Header but by its package: write std_msgs/Header",
      }),
    );
  });

  it("take their package from their folder, and types without a package from their own", () => {
    const definitions = reading({
      "src/highway_msgs/msg/Lane.msg":
        "# A lane.\nstd_msgs/Header header\nLine left  # one of two\nhighway_msgs/msg/Line right\n",
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

  it("have integers in every base, and values in quotes that hold any sign", () => {
    const text = [
      "uint8 MASK_BIN=0b00000101\nuint8 MASK_OCT=0o17\nuint8 MASK_HEX=0x1F\nint64 BIG_BIN=-0b101\nuint32 MILLION=1_000_000\nuint8 ZEROS=007",
      "float64 SMALL=0.00009\nfloat64 LARGE=-1_000.5e-3\nfloat32 WHOLE=3\nfloat64 NONE=nan",
      'string PATTERN="a#b"\nstring ASSIGNED="a = b"\nstring BARE=it is so  # not this\nstring QUOTED=\'say \\\'no\\\' # now\' # not this\nstring EMPTY=""',
      'uint8 flags 0b101\nuint8 level 0x10\nbool ready True\nstring note "x = y # z"\nint8[<=0b11] few [0b1, -0o7]\nstring[2] names ["a, b", \'c#\']',
    ].join("\n");
    const { definitions } = reading({ "lab_msgs/msg/Flags.msg": text }).of("lab_msgs/Flags");
    const constants = definitions.filter((field) => field.isConstant === true);
    expect(Object.fromEntries(constants.map(({ name, value }) => [name, value]))).toEqual({
      MASK_BIN: 5,
      MASK_OCT: 15,
      MASK_HEX: 31,
      BIG_BIN: -5n,
      MILLION: 1_000_000,
      ZEROS: 7,
      SMALL: 0.00009,
      LARGE: -1.0005,
      WHOLE: 3,
      NONE: Number.NaN,
      PATTERN: "a#b",
      ASSIGNED: "a = b",
      BARE: "it is so",
      QUOTED: "say 'no' # now",
      EMPTY: "",
    });
    const fields = definitions.filter((field) => field.isConstant !== true);
    expect(Object.fromEntries(fields.map(({ name, defaultValue }) => [name, defaultValue]))).toEqual({
      flags: 5,
      level: 16,
      ready: true,
      note: "x = y # z",
      few: [1, -7],
      names: ["a, b", "c#"],
    });
    expect(fields.find(({ name }) => name === "few")).toMatchObject({ arrayUpperBound: 3 });
  });

  it("of services and actions are the messages that they are made of", () => {
    const definitions = reading({
      "travel_msgs/action/Walk.action": "float32 speed\n---\nbool done\n---\nStep step\nfloat32 distance\n",
      "travel_msgs/msg/Step.msg": "uint8 foot",
      "travel_msgs/srv/Stop.srv": "---\nbool stopped\n",
    });
    expect(definitions.ownTypes).toEqual([
      ...["Goal", "Result", "Feedback"].map((part) => `travel_msgs/action/Walk_${part}`),
      ...["Request", "Response", "Event"].map((part) => `travel_msgs/action/Walk_SendGoal_${part}`),
      ...["Request", "Response", "Event"].map((part) => `travel_msgs/action/Walk_GetResult_${part}`),
      "travel_msgs/action/Walk_FeedbackMessage",
      "travel_msgs/msg/Step",
      ...["Request", "Response", "Event"].map((part) => `travel_msgs/srv/Stop_${part}`),
    ]);
    expect(definitions.closure("travel_msgs/action/Walk_FeedbackMessage").map(({ name }) => name)).toEqual([
      "travel_msgs/action/Walk_FeedbackMessage",
      "unique_identifier_msgs/UUID",
      "travel_msgs/action/Walk_Feedback",
      "travel_msgs/Step",
    ]);
    // What travels with a built application is enough to make them again.
    const texts = definitions.textsOf(["travel_msgs/action/Walk_FeedbackMessage"]);
    expect(Definitions.common.with(texts).closure("travel_msgs/action/Walk_FeedbackMessage")).toEqual(
      definitions.closure("travel_msgs/action/Walk_FeedbackMessage"),
    );
    expect(() => reading({ "travel_msgs/srv/Stop.srv": "bool stopped\n" })).toThrow(
      expect.objectContaining({ code: "message/definition", place: expect.stringMatching(/Stop\.srv$/) }),
    );
    expect(() => reading({ "a/action/A.action": "int8 a\n---\nint8 b\n---\nint8 C\n" })).toThrow(
      expect.objectContaining({ code: "message/definition", place: expect.stringMatching(/A\.action:5$/) }),
    );
  });

  it("with an error name the file and the line", () => {
    const wrong: readonly (readonly [text: string, line: number])[] = [
      ["float32 slope\n\nfoo bar baz\n", 3],
      ["# Fine.\nfloat32 Slope\n", 2],
      ["uint8 A=1\nuint8 B=300\n", 2],
      ["float32 x\nfloat32 y\nfloat32 x\n", 3],
      ["float32\n", 1],
      ["float32 x\n===\nMSG: a/B\n", 2],
      ["uint8 A=0b102\n", 1],
      ["uint8 A=1__0\n", 1],
      ["uint8 A=0o8\n", 1],
      ["uint8 A=\n", 1],
      ['string s "a\n', 1],
      ["int8[2] l [1]\n", 1],
      ["int8[<=1] l [1, 2]\n", 1],
      ["int8<=4 x\n", 1],
      ["bool b yes\n", 1],
      ["uint8[] A=1\n", 1],
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
