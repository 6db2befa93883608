// `--ros-args`, and parameters for a node.
import { writeFileSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { Workplace } from "../tests/command-line/command.ts";
import { givenParameters } from "./parameter-values.ts";
import { fullNodeName, namesOn, nodeNamed, parseRosArguments, splitRosArguments } from "./ros-arguments.ts";

const place = new Workplace();
const words = (text: string) => text.split(" ");

describe("--ros-args", () => {
  it("end with -- or the command line, and may be given again", () => {
    expect(splitRosArguments(words("run app.ts --ros-args -r a:=b -- --json --ros-args -p x:=1"))).toEqual({
      own: ["run", "app.ts", "--json"],
      ros: words("-r a:=b -p x:=1"),
    });
  });

  it("are read as launch_ros passes them", () => {
    const given =
      "-r __node:=driver -r __ns:=/arm -r /in:=/camera/image -r other:out:=out2 -p gain:=0.5 --params-file /tmp/x.yaml --log-level rcl:=WARN --enclave /safe";
    expect(parseRosArguments(words(given))).toEqual({
      remappings: [
        { renames: "name", from: "__node", to: "driver" },
        { renames: "namespace", from: "__ns", to: "/arm" },
        { renames: "any", from: "/in", to: "/camera/image" },
        { node: "other", renames: "any", from: "out", to: "out2" },
      ],
      parameters: [
        { kind: "value", name: "gain", text: "0.5" },
        { kind: "file", path: "/tmp/x.yaml" },
      ],
      logLevels: [{ logger: "rcl", level: "warn" }],
      isSilent: false,
      logging: ["--log-level", "rcl:=WARN"],
      enclave: "/safe",
    });
  });

  it("say how ROS 2 itself logs, and whether the console is to be silent", () => {
    const said = (text: string) => {
      const { isSilent, logging } = parseRosArguments(words(text));
      return { isSilent, logging };
    };
    const all = "--disable-rosout-logs --enable-external-lib-logs --log-file-name run --log-config-file log.yaml";
    expect(said(all)).toEqual({ isSilent: false, logging: words(all) });
    expect(said("--disable-stdout-logs")).toEqual({ isSilent: true, logging: ["--disable-stdout-logs"] });
    expect(said("--disable-stdout-logs --enable-stdout-logs").isSilent).toBe(false);
  });

  it.each([
    ["--remapping a:=b", "--ros-args: there is no --remapping"],
    ["-r a=b", '--ros-args: -r cannot be "a=b"'],
    ["-r :=b", '--ros-args: -r cannot be ":=b"'],
    ["-p", "--ros-args: -p has no NAME:=VALUE"],
    ["--log-level loud", '--ros-args: there is no log level "loud"'],
    ["--log-level a:=b:=warn", '--ros-args: there is no log level "b:=warn"'],
    ["--log-file-name", "--ros-args: --log-file-name has no PREFIX"],
    ["--disable-logs", "--ros-args: there is no --disable-logs"],
    ["--enclave safe", '--ros-args: --enclave cannot be "safe"'],
    ["driver", "--ros-args: there is no driver"],
  ])("refuse %s", (given, message) => {
    expect(() => parseRosArguments(words(given))).toThrow(message);
  });
});

describe("a topic's name on the transport", () => {
  const rules = (text: string) => parseRosArguments(words(text)).remappings;

  it("is expanded, then that of the first remapping that is about it", () => {
    const remappings = rules(
      "-r __node:=driver -r __ns:=/arm -r /in:=/camera -r ~/state:=state -r out:=/first -r /arm/out:=/second -r other:/kept:=/lost",
    );
    const node = nodeNamed("app", remappings);
    const nameOf = namesOn(node, remappings);
    expect(fullNodeName(node)).toBe("/arm/driver");
    expect(fullNodeName({ ...node, namespace: "/" })).toBe("/driver");
    expect(["/in", "~/state", "out", "speed", "/kept", "/arm/driver/state"].map((each) => nameOf(each))).toEqual([
      ...["/camera", "/arm/state", "/first", "/arm/speed", "/kept", "/arm/state"],
    ]);
  });

  it("may be another than that of a service of the same name", () => {
    const nameOf = namesOn(
      { name: "driver", namespace: "/" },
      rules("-r rostopic:///a:=/topic -r rosservice://a:=/service -r b:=/both"),
    );
    expect([nameOf("/a"), nameOf("/a", "service"), nameOf("/b"), nameOf("/b", "service")]).toEqual([
      ...["/topic", "/service", "/both", "/both"],
    ]);
  });
});

describe("parameters for a node", () => {
  afterAll(() => place.remove());
  const path = place.path("parameters.yaml");
  const has = (name: string) => ["gain", "controller.limit", "on"].includes(name);
  const from = (text: string, more: string[] = []) => {
    writeFileSync(path, text);
    return givenParameters(
      [{ kind: "file", path }, ...parseRosArguments(more.flatMap((each) => ["-p", each])).parameters],
      "/arm/driver",
      has,
    );
  };

  it("are those of the sections that are about it; what is said later wins", () => {
    const text = `
/**:
  ros__parameters: { gain: 1, unknown: 5, use_sim_time: true, qos_overrides: { /in: { depth: 3 } } }
/arm/*:
  ros__parameters: { controller: { limit: 2.5 } }
arm:
  driver:
    ros__parameters: { on: true }
driver:
  ros__parameters: { gain: 99 }
/arm/other/**:
  ros__parameters: { gain: 98 }
`;
    expect(from(text)).toEqual({ values: { gain: 1, "controller.limit": 2.5, on: true }, simTime: true });
    expect(from(text, ["gain:=3", "driver:on:=false", "other:gain:=4"]).values).toEqual({
      gain: 3,
      "controller.limit": 2.5,
      on: false,
    });
  });

  it("are what ROS 2 takes a text for, with the truth values of YAML 1.1 and the integers of C", () => {
    const taken = (text: string) => from("", [`gain:=${text}`]).values.gain;
    expect(["yes", "Off", "n", "0x1F", "-0x10", "010", "08", "+5", ".5", "1.", "-1e3"].map(taken)).toEqual([
      ...[true, false, false, 31, -16, 8, 8, 5, 0.5, 1, -1000],
    ]);
    for (const text of ["'5'", '"true"', "1:30", "1_000", "0b11", "1e400", "2001-01-01", "null", "~"])
      expect(() => taken(text), text).toThrow('the parameter "gain" cannot be');
    expect(from("/**: { ros__parameters: { on: Yes, gain: 0x10 } }").values).toEqual({ on: true, gain: 16 });
    expect(() => from("/**: { ros__parameters: { gain: !!str 3 } }")).toThrow('the parameter "gain" cannot be "3"');
  });

  it("are none in a file that is empty, as launch_ros may write it", () => {
    for (const text of ["", "{}", "# nothing\n"]) expect(from(text).values).toEqual({});
  });

  it("are given on, for the run to refuse, where the section names the node or they are said alone", () => {
    expect(from("/arm/driver: { ros__parameters: { gian: 1 } }", ["offset:=2"]).values).toEqual({ gian: 1, offset: 2 });
  });

  it.each([
    ["gain: 3", 'is no file of parameters: "/gain" has no ros__parameters'],
    ["- 1", "is no file of parameters: it names no node"],
    ["/**: { ros__parameters: }", 'ros__parameters of "/**" names no parameter'],
    ["/**: { ros__parameters: { gain: [1, 2] } }", 'the parameter "gain" cannot be [1,2]'],
    ["/**: {", "is no file of parameters"],
  ])("are refused where the file says %s", (text, message) => {
    expect(() => from(text)).toThrow(message);
  });

  it("are refused where there is no file", () => {
    expect(() => givenParameters([{ kind: "file", path: place.path("none.yaml") }], "/x", has)).toThrow("none.yaml");
  });
});
