// What a ROS 2 package of definitions consists of; the tests beside ROS 2 build such packages and send their messages.
import { describe, expect, it } from "vitest";
import { interfacePackage, knownInterfaces } from "./interface-package.ts";
import type { InterfaceText } from "./interfaces.ts";

const wheel: InterfaceText = {
  kind: "msg",
  type: "my_robot/msg/Wheel",
  text: "# Turns.\nstd_msgs/Header header\nSpin spin\nbuiltin_interfaces/Duration since\n",
};
const spin: InterfaceText = { kind: "msg", type: "my_robot/msg/Spin", text: "geometry_msgs/Vector3 axis\n" };
const reset: InterfaceText = { kind: "srv", type: "my_robot/srv/Reset", text: "bool hard\n---\nbool done\n" };
const drive: InterfaceText = {
  kind: "action",
  type: "my_robot/action/Drive",
  text: "nav_msgs/Path path\n---\n---\nfloat32 left\n",
};

const filesOf = (...given: Parameters<typeof interfacePackage>) =>
  Object.fromEntries(interfacePackage(...given).map(({ path, text }) => [path, text]));

describe("a ROS 2 package of definitions", () => {
  it("has the definitions as they are, and names the packages that they are made of", () => {
    const files = filesOf("my_robot", [wheel, spin, reset]);
    expect(Object.keys(files)).toEqual([
      "package.xml",
      "CMakeLists.txt",
      "msg/Wheel.msg",
      "msg/Spin.msg",
      "srv/Reset.srv",
    ]);
    expect([files["msg/Wheel.msg"], files["srv/Reset.srv"]]).toEqual([wheel.text, reset.text]);
    const needed = [...files["package.xml"]!.matchAll(/<depend>(.*)<\/depend>/g)].map(([, each]) => each);
    expect(needed).toEqual(["builtin_interfaces", "geometry_msgs", "std_msgs"]);
    expect(files["CMakeLists.txt"]).toContain(`rosidl_generate_interfaces(\${PROJECT_NAME}
  "msg/Wheel.msg"
  "msg/Spin.msg"
  "srv/Reset.srv"
  DEPENDENCIES builtin_interfaces geometry_msgs std_msgs
)`);
    for (const each of needed) expect(files["CMakeLists.txt"]).toContain(`find_package(${each} REQUIRED)`);
  });

  it("names what actions need besides", () => {
    expect(filesOf("my_robot", [drive])["CMakeLists.txt"]).toContain("DEPENDENCIES action_msgs nav_msgs\n");
  });

  it("leaves out definitions of other packages, and is refused where none is its own", () => {
    const other = { ...spin, type: "other/msg/Spin" };
    expect(Object.keys(filesOf("my_robot", [spin, other])).filter((each) => each.startsWith("msg/"))).toEqual([
      "msg/Spin.msg",
    ]);
    expect(() => interfacePackage("robot", [spin, other])).toThrow("no definition is of the package robot");
  });

  it("keeps what people have filled in in its package.xml", () => {
    const before = filesOf("my_robot", [spin])
      ["package.xml"]!.replace("<license>TODO</license>", "<license>MIT</license>")
      .replace('<maintainer email="name@example.com">Name</maintainer>', '<maintainer email="a@b.c">Ada</maintainer>');
    const after = filesOf("my_robot", [wheel, spin], before)["package.xml"]!;
    expect(after).toContain("<license>MIT</license>");
    expect(after).toContain('<maintainer email="a@b.c">Ada</maintainer>');
    expect(after).toContain("<depend>std_msgs</depend>");
  });

  it("is made of the definitions that are built in, where no files are named", () => {
    const files = filesOf("vision_msgs", knownInterfaces("vision_msgs"));
    expect(files["msg/Detection2D.msg"]).toBe(
      "std_msgs/Header header\nvision_msgs/ObjectHypothesisWithPose[] results\nvision_msgs/BoundingBox2D bbox\nstring id",
    );
    expect(Object.keys(filesOf("tf2_msgs", knownInterfaces("tf2_msgs")))).toContain("msg/TFMessage.msg");
  });
});
