// Definitions as logs carry them, in every spelling that tools write; what is no definition is an error that says so.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { IsochronError } from "../../kernels/index.ts";
import { Definitions } from "./definitions.ts";
import { layoutOf, messageReader, sameTypeName, schemaDefinitions } from "./index.ts";
import { pathsOf } from "./layout.ts";

const rule = "=".repeat(80);
const paths = (type: string, text: string, encoding: "ros2msg" | "ros2idl" = "ros2msg"): string[] =>
  pathsOf(layoutOf(type, schemaDefinitions(type, encoding, text)));

const point = "float32 x\nfloat32 y";

describe("the definitions in a schema", () => {
  it("are those of a type's own package, where another has one of the same name", () => {
    const text = `Point own\ngeometry_msgs/Point other\n${rule}\nMSG: arm_msgs/Point\n${point}\n${rule}\nMSG: geometry_msgs/Point\nfloat64 x\nfloat64 y\nfloat64 z`;
    const definitions = schemaDefinitions("arm_msgs/msg/Motion", "ros2msg", text);
    expect(definitions.of("arm_msgs/msg/Motion").definitions.map(({ type }) => type)).toEqual([
      "arm_msgs/Point",
      "geometry_msgs/Point",
    ]);
    expect(pathsOf(layoutOf("arm_msgs/msg/Motion", definitions))).toEqual([
      "own.x",
      "own.y",
      "other.x",
      "other.y",
      "other.z",
    ]);
  });

  it("have a Header of their own package; that of std_msgs only where the package has none and the schema brings it", () => {
    const sections = `${rule}\nMSG: std_msgs/Header\nbuiltin_interfaces/Time stamp\nstring frame_id`;
    const own = `${rule}\nMSG: radar_msgs/Header\nuint16 version`;
    expect(paths("radar_msgs/msg/Scan", `Header header\n${sections}\n${own}`)).toEqual(["header.version"]);
    expect(paths("radar_msgs/msg/Scan", `Header header\n${sections}`)).toEqual(["header.stamp", "header.frame_id"]);
    expect(() => schemaDefinitions("radar_msgs/msg/Scan", "ros2msg", "Header header")).toThrow(
      'there is no message type "radar_msgs/msg/Header"',
    );
    expect(() => schemaDefinitions("radar_msgs/msg/Scan", "ros2msg", `Other other\n${sections}`)).toThrow(
      'there is no message type "radar_msgs/msg/Other"',
    );
  });

  it.each([
    ["MSG: pkg/Name", `Part part\n${rule}\nMSG: lab_msgs/Part\n${point}`],
    ["MSG: pkg/msg/Name", `lab_msgs/msg/Part part\n${rule}\nMSG: lab_msgs/msg/Part\n${point}`],
    ["no blank behind MSG:", `Part part\n${rule}\nMSG:lab_msgs/Part\n${point}`],
    ["lines that end in CR LF", `Part part\r\n${rule}\r\nMSG: lab_msgs/Part\r\n${point.replace("\n", "\r\n")}\r\n`],
    ["a short separator, blanks around it", `Part part\n  ===  \n\n  MSG:  lab_msgs/Part  \n${point}`],
    [
      "a separator and a head before the type's own text",
      `${rule}\nMSG: lab_msgs/Whole\nPart part\n${rule}\nMSG: lab_msgs/Part\n${point}`,
    ],
    ["a section twice", `Part part\n${rule}\nMSG: lab_msgs/Part\n${point}\n${rule}\nMSG: lab_msgs/Part\n${point}`],
  ])("are found with %s", (_, text) => {
    expect(paths("lab_msgs/msg/Whole", text)).toEqual(["part.x", "part.y"]);
  });

  it("are found by every spelling of a type's name", () => {
    const names = [
      "std_msgs/msg/String",
      "std_msgs/String",
      "std_msgs::msg::String",
      "std_msgs::msg::dds_::String_",
      "std_msgs.msg.String",
    ];
    for (const name of names) {
      expect(sameTypeName(name, "std_msgs/msg/String"), name).toBe(true);
      expect(paths(name, "string data"), name).toEqual(["data"]);
      expect(Definitions.common.has(name), name).toBe(true);
    }
    expect(sameTypeName("String", "std_msgs/msg/String")).toBe(true);
    expect(sameTypeName("lab_msgs/Walk_Goal", "lab_msgs/action/Walk_Goal")).toBe(true);
    for (const other of ["std_msgs/msg/Bool", "lab_msgs/msg/String", "std_msgs/srv/String"])
      expect(sameTypeName(other, "std_msgs/msg/String"), other).toBe(false);
  });

  it("may leave constants and defaults in any form, which say nothing of where fields lie", () => {
    const text =
      "uint8 ODD=zero\nuint8 LEVEL=0b101\nfloat32 value nothing\nstring Name='a#b' # why\nuint8[<=0x10] Data";
    expect(paths("lab_msgs/msg/Level", text)).toEqual(["value", "Data[*]"]);
  });

  it("take common types that the schema leaves out from the common ones", () => {
    expect(paths("rcl_interfaces/msg/ParameterEvent", "Parameter[] new_parameters")[0]).toBe("new_parameters[*].name");
    expect(paths("lab_msgs/msg/Seen", "geometry_msgs/Vector3 at")).toEqual(["at.x", "at.y", "at.z"]);
  });
});

describe("the definitions of services and actions in a schema", () => {
  it("are made of the whole file, which is what recorders write for a service's events", () => {
    const definitions = schemaDefinitions(
      "example_interfaces/srv/AddTwoInts_Event",
      "ros2msg",
      "int64 a\nint64 b\n---\nint64 sum\n",
    );
    expect(pathsOf(layoutOf("example_interfaces/srv/AddTwoInts_Event", definitions))).toEqual([
      "info.event_type",
      "info.stamp",
      "info.client_gid[*]",
      "info.sequence_number",
      "request[*].a",
      "request[*].b",
      "response[*].sum",
    ]);
  });

  it("are those of an action's feedback, whole or in sections", () => {
    const bytes = Buffer.from("00010000000102030405060708090a0b0c0d0e0f0000003f", "hex");
    const expected = { goal_id: { uuid: Uint8Array.from({ length: 16 }, (_, at) => at) }, feedback: { distance: 0.5 } };
    const sections = `unique_identifier_msgs/UUID goal_id\ntravel_msgs/action/Walk_Feedback feedback\n${rule}\nMSG: unique_identifier_msgs/UUID\nuint8[16] uuid\n${rule}\nMSG: travel_msgs/action/Walk_Feedback\nfloat32 distance`;
    const bare = sections.replaceAll("/action/", "/");
    const file = "float32 speed\n---\nbool done\n---\nfloat32 distance";
    for (const [type, text] of [
      ["travel_msgs/action/Walk_FeedbackMessage", sections],
      ["travel_msgs/Walk_FeedbackMessage", bare],
      ["travel_msgs/action/Walk_FeedbackMessage", bare],
      ["travel_msgs/action/Walk_FeedbackMessage", file],
    ] as const) {
      const read = messageReader(layoutOf(type, schemaDefinitions(type, "ros2msg", text)));
      expect(read(bytes), text).toEqual(expected);
    }
  });
});

describe("the definitions in an IDL schema", () => {
  const pose = `${rule}
IDL: a_msgs/msg/Pose
// generated
#include "b_msgs/msg/Point.idl"
module a_msgs { module msg {
  typedef double double__4[4];
  module Pose_Constants { const uint8 RED = 1; };
  @verbatim (language="comment", text="A pose.")
  struct Pose {
    b_msgs::msg::Point position;
    sequence<b_msgs::msg::Point, 4> more;
    sequence<double> values;
    double__4 covariance;
    wstring wide;
    string<5> bounded;
    @default (value=TRUE) boolean flag;
    octet o; char c; uint8 u; long l; unsigned long long large;
    builtin_interfaces::msg::Time stamp;
    sequence<string<3>> names;
    b_msgs::msg::None none;
  };
}; };
${rule}
IDL: b_msgs/msg/Point
module b_msgs { module msg { struct Point { float x; float y; }; }; };
${rule}
IDL: b_msgs/msg/None
module b_msgs { module msg { struct None { uint8 structure_needs_at_least_one_member; }; }; };
${rule}
IDL: builtin_interfaces/msg/Time
module builtin_interfaces { module msg { struct Time { int32 sec; uint32 nanosec; }; }; };
`;
  const same = [
    "b_msgs/Point position\nb_msgs/Point[<=4] more\nfloat64[] values\nfloat64[4] covariance\nwstring wide\nstring<=5 bounded\nbool flag true",
    "byte o\nchar c\nuint8 u\nint32 l\nuint64 large\nbuiltin_interfaces/Time stamp\nstring<=3[] names\nb_msgs/None none",
    `${rule}\nMSG: b_msgs/Point\n${point}\n${rule}\nMSG: b_msgs/None\n`,
  ].join("\n");

  it("lie as the same in the language of .msg files", () => {
    const [idl, msg] = [
      schemaDefinitions("a_msgs/msg/Pose", "ros2idl", pose),
      schemaDefinitions("a_msgs/msg/Pose", "ros2msg", same),
    ];
    const shapeOf = (definitions: Definitions) =>
      JSON.stringify(layoutOf("a_msgs/msg/Pose", definitions), (key, value: unknown) =>
        // Names and defaults do not lie anywhere.
        key === "type" || key === "initial" ? undefined : value,
      );
    expect(shapeOf(idl)).toBe(shapeOf(msg));
  });
});

describe("a text that is no definition", () => {
  const pieces = [
    "float32 x",
    "Point p",
    "a_msgs/Point[<=3] p",
    'string<=4 s "a',
    rule,
    "MSG: a_msgs/Point",
    "IDL: a/msg/B",
    "---",
    "===",
    "uint8 A=0b",
    "module a {",
    "struct B { long x; };",
    "};",
    "\0",
    "# é",
    "uint8[",
    "A a",
    "x",
    "\r",
  ];
  const anyText = fc.oneof(
    fc.array(fc.constantFrom(...pieces), { maxLength: 12 }).map((lines) => lines.join("\n")),
    fc.string({ unit: "binary", maxLength: 200 }),
  );

  it("is an error, or lays a message out, whatever it is", () => {
    fc.assert(
      fc.property(anyText, fc.constantFrom("ros2msg" as const, "ros2idl" as const), (text, encoding) => {
        try {
          messageReader(layoutOf("a_msgs/msg/A", schemaDefinitions("a_msgs/msg/A", encoding, text)));
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
          expect((error as Error).message).not.toBe("");
        }
      }),
      { numRuns: 1000 },
    );
  });

  it("is an error with its line where it is an application's own", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        try {
          Definitions.common.with([{ type: "a_msgs/msg/A", text }]);
        } catch (error) {
          expect(error).toBeInstanceOf(IsochronError);
          expect((error as IsochronError).code).toMatch(/^message\//);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
