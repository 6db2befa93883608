// `--ros-args` beside rclpy: a node of ours has the names and the parameters that a node of rclpy's has.
import assert from "node:assert/strict";
import { IsochronError } from "../../kernels/index.ts";
import { givenParameters } from "../../launch/parameter-values.ts";
import { fullNodeName, namesOn, nodeNamed, parseRosArguments } from "../../launch/ros-arguments.ts";
import { Workplace } from "../command-line/command.ts";
import type { Named } from "./peer.ts";
import type { PeerCase } from "./peer-cases.ts";

const own = "app";
const names = ["/in", "out", "~/state", "/arm/out", "/srv"];

/** Arguments, words apart by blanks; some that a node takes, and some that it refuses. */
const taken = [
  "",
  "-r __node:=x -r __node:=y -r __ns:=/a -r __ns:=/b",
  "-r __name:=x --remap /in:=/x --param gain:=2",
  "-r app:__ns:=/a -r other:__node:=z",
  "-r app:__node:=z -r z:out:=/q -r app:/in:=/p",
  "-r z:__ns:=/q -r __node:=z",
  "-r __node:=z -r app:__ns:=/q",
  "-r __ns:=/",
  "-r /in:=~/mine -r ~/state:=here -r __ns:=/n",
  "-r __ns:=/arm -r out:=/first -r /arm/out:=/second",
  "-r out:=/a -r __ns:=/z",
  "-r rostopic:///in:=/only -r rosservice:///srv:=/other",
  "-r rosservice://~/state:=/x -r app:rostopic://out:=/y",
  "-r rostopic:/in:=/only",
  "-p gain:=0.5 -p gain:=0.7 -p app:gain:=0.9 -p other:gain:=3",
  "-p a.b:=true -p c:=yes -p d:=0x10 -p e:=010 -p f:=-3 -p g:=1e3 -p h:=.5 -p i:=N -p j:=08 -p k:=+5",
  "--log-level warn --log-level app:=DEBUG --log-level rcl:=fatal",
  "--disable-rosout-logs --enable-stdout-logs --disable-external-lib-logs --log-file-name run",
  "-e /safe",
  "--enclave /safe/arm",
  "-r __node:=policy -r __ns:=/legs --params-file FILE -p use_sim_time:=true -r /in:=/camera --log-level info",
  "-r __ns:=/legs -p gain:=1 --params-file FILE",
  "--params-file FILE --params-file EMPTY",
];
const refused = [
  "-r __ns:=a",
  "-r __ns:=/a/1",
  "-r __node:=a/b",
  "-r __node:=1a",
  "-r /in:=/x/",
  "-r /in:=//x",
  "-r /in:=/a/1",
  "-r /in:=/__x",
  "-r /in:={node}/mine",
  "-r /*:=/mine",
  "-r /in:=\\1",
  "-r /in:=/a:=/b",
  "-r 1a:=/x",
  "-r /in",
  "-r",
  "-p gain=3",
  "-p gain:=",
  "-p :=3",
  "-p gain::=3",
  "-p",
  "--log-level loud",
  "--log-level :=warn",
  "--log-level a:=b:=warn",
  "--enclave safe",
  "--params-file NONE",
  "--params-file BROKEN",
  "--bogus x",
  "bogus",
];

const files = {
  FILE: `
/**:
  ros__parameters: { gain: 1, limits: { high: 2.5 }, on: Yes }
/legs/*:
  ros__parameters: { limits: { high: 3.5 } }
legs:
  policy:
    ros__parameters: { limits.low: 0.5 }
policy:
  ros__parameters: { elsewhere: 1 }
`,
  EMPTY: "",
  BROKEN: "/**: {",
};

/** What a node of ours makes of arguments; null where it refuses them. */
function ours(args: readonly string[]): Named | null {
  try {
    const { remappings, parameters } = parseRosArguments(args);
    const node = nodeNamed(own, remappings);
    const nameOf = namesOn(node, remappings);
    const { values, simTime } = givenParameters(parameters, fullNodeName(node), () => true);
    return {
      node: fullNodeName(node),
      topics: names.map((each) => nameOf(each)),
      services: names.map((each) => nameOf(each, "service")),
      parameters: { ...values, use_sim_time: simTime },
    };
  } catch (error) {
    if (error instanceof IsochronError) return null;
    throw error;
  }
}

export const argumentCases: readonly PeerCase[] = [
  {
    name: "what --ros-args say makes of a node of ours what it makes of one of rclpy's, and what it refuses is refused",
    run: async ({ peer }) => {
      const place = new Workplace();
      try {
        place.write(files);
        for (const text of [...taken, ...refused]) {
          const args = text.split(" ").filter((word) => word !== "");
          const given = args.map((word) => (/^(FILE|EMPTY|NONE|BROKEN)$/.test(word) ? place.path(word) : word));
          const made = await peer.named(given, own, names);
          const { start_type_description_service: _, ...parameters } = made?.parameters ?? {};
          assert.deepEqual(ours(given), made && { ...made, parameters }, `--ros-args ${text}`);
          assert.equal(made === null, refused.includes(text), `--ros-args ${text}`);
        }
      } finally {
        place.remove();
      }
    },
  },
];
