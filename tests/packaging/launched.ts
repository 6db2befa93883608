// What a launch file asks for, as launch_ros would start it: Jazzy's wheels have no launch_ros, so its two classes are stood in for.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { Hour } from "./hour.ts";

const asking = `
import json, runpy, sys, types
class Asked:
    def __init__(self, *given, **named):
        self.given, self.named = given, named
for name, kind in (("launch", "LaunchDescription"), ("launch_ros", None), ("launch_ros.actions", "Node")):
    sys.modules[name] = types.ModuleType(name)
    if kind: setattr(sys.modules[name], kind, Asked)
description = runpy.run_path(sys.argv[1])["generate_launch_description"]()
print(json.dumps([node.named for node in description.given[0]]))
`;

const nodes = z.tuple([
  z.object({
    package: z.string(),
    executable: z.string(),
    name: z.string(),
    namespace: z.string(),
    remappings: z.array(z.tuple([z.string(), z.string()])),
    parameters: z.tuple([z.record(z.string(), z.boolean())]),
    arguments: z.array(z.string()),
    ros_arguments: z.array(z.string()),
    output: z.literal("screen"),
  }),
]);

/** The one node of a launch file: its package and executable, and the arguments that launch_ros gives it. */
export function launched(hour: Hour, file: string) {
  writeFileSync(join(hour.folder, "asking.py"), asking);
  const [node] = nodes.parse(JSON.parse(hour.run(`python3 asking.py ${file}`)));
  const parameters = Object.entries(node.parameters[0]).map(([name, value]) => `    ${name}: ${value}\n`);
  const named = `/${node.namespace}/${node.name}`;
  writeFileSync(join(hour.folder, "launch_params"), `${named}:\n  ros__parameters:\n${parameters.join("")}`);
  const rosArguments = [
    ...["-r", `__node:=${node.name}`, "-r", `__ns:=/${node.namespace}`, "--params-file", "launch_params"],
    ...node.remappings.flatMap(([from, to]) => ["-r", `${from}:=${to}`]),
  ];
  return {
    ...node,
    named,
    command: [...node.arguments, "--ros-args", ...node.ros_arguments, "--", "--ros-args", ...rosArguments],
  };
}
