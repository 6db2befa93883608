// `--ros-args` as ROS 2 nodes take them: names, remappings, parameters, log level and enclave.
import { IsochronError } from "../kernels/index.ts";
import { type LogLevel, type LogLevelRule, logLevels } from "./run-log.ts";

/** A rule that gives a topic another name; of all nodes unless it names one. */
export interface Remapping {
  readonly node?: string;
  readonly from: string;
  readonly to: string;
}

/** Parameters in the order in which they were said: later ones win. */
export type ParameterSource =
  | { readonly kind: "value"; readonly node?: string; readonly name: string; readonly text: string }
  | { readonly kind: "file"; readonly path: string };

/** What `--ros-args` says. */
export interface RosArguments {
  readonly name?: string;
  readonly namespace?: string;
  readonly remappings: readonly Remapping[];
  readonly parameters: readonly ParameterSource[];
  readonly logLevels: readonly LogLevelRule[];
  readonly enclave?: string;
}

const flag = "--ros-args";

/** Takes what stands between `--ros-args` and `--`, or the end, out of a command line. */
export function splitRosArguments(given: readonly string[]): { readonly own: string[]; readonly ros: string[] } {
  const [own, ros]: [string[], string[]] = [[], []];
  let inside = false;
  for (const each of given) {
    if (each === flag) inside = true;
    else if (inside && each === "--") inside = false;
    else (inside ? ros : own).push(each);
  }
  return { own, ros };
}

const takes =
  "it takes -r FROM:=TO, -p NAME:=VALUE, --params-file FILE, --log-level [LOGGER:=]LEVEL and --enclave ENCLAVE";

const refuse = (message: string, help = takes): never => {
  throw new IsochronError("command/ros-args", `${flag}: ${message}`, { help });
};

/** Reads what stands behind `--ros-args`. Throws `command/ros-args` for what no ROS 2 node is given. */
export function parseRosArguments(given: readonly string[]): RosArguments {
  const remappings: Remapping[] = [];
  const parameters: ParameterSource[] = [];
  const rules: LogLevelRule[] = [];
  const said: { name?: string; namespace?: string; enclave?: string } = {};
  for (let at = 0; at < given.length; at += 2) {
    const option = given[at]!;
    const value = given[at + 1];
    const taken = (form: string): string => value ?? refuse(`${option} has no ${form}`);
    switch (option) {
      case "-r":
      case "--remap": {
        const { node, left: from, right: to } = assigned(option, taken("FROM:=TO"));
        if (node === undefined && (from === "__node" || from === "__name")) said.name = to;
        else if (node === undefined && from === "__ns") said.namespace = to;
        else remappings.push({ ...(node === undefined ? {} : { node }), from, to });
        break;
      }
      case "-p":
      case "--param": {
        const { node, left: name, right: text } = assigned(option, taken("NAME:=VALUE"));
        parameters.push({ kind: "value", ...(node === undefined ? {} : { node }), name, text });
        break;
      }
      case "--params-file":
        parameters.push({ kind: "file", path: taken("FILE") });
        break;
      case "--log-level":
        rules.push(logLevelRule(taken("LEVEL")));
        break;
      case "-e":
      case "--enclave":
        said.enclave = taken("ENCLAVE");
        break;
      default:
        refuse(`there is no ${option}`);
    }
  }
  return { ...said, remappings, parameters, logLevels: rules };
}

/** `[LOGGER:=]LEVEL`. */
function logLevelRule(text: string): LogLevelRule {
  const [, logger, given = ""] = /^(?:(.+):=)?(.*)$/s.exec(text)!;
  const level = given.toLowerCase();
  const isLevel = (name: string): name is LogLevel => (logLevels as readonly string[]).includes(name);
  if (!isLevel(level)) return refuse(`there is no log level "${given}"`, `it is one of ${logLevels.join(", ")}`);
  return { ...(logger === undefined ? {} : { logger }), level };
}

/** The parts of `[NODE:]LEFT:=RIGHT`. */
function assigned(
  option: string,
  text: string,
): { readonly node?: string; readonly left: string; readonly right: string } {
  const at = text.indexOf(":=");
  const [, node, left = ""] = /^(?:([A-Za-z_]\w*):)?(.*)$/s.exec(text.slice(0, Math.max(at, 0)))!;
  const right = text.slice(at + 2);
  if (at < 0 || left === "" || right === "") return refuse(`${option} cannot be "${text}"`);
  return { ...(node === undefined ? {} : { node }), left, right };
}

/** A node's name and namespace. */
export interface NodeName {
  readonly name: string;
  readonly namespace: string;
}

/** The full name of a node: `/arm/driver`. */
export const fullNodeName = ({ name, namespace }: NodeName): string => `${namespace === "/" ? "" : namespace}/${name}`;

/** A name as ROS 2 expands it: `~/x` below the node, `x` in its namespace. */
function expanded(topic: string, node: NodeName): string {
  if (topic.startsWith("/")) return topic;
  if (topic === "~" || topic.startsWith("~/")) return `${fullNodeName(node)}${topic.slice(1)}`;
  return `${node.namespace === "/" ? "" : node.namespace}/${topic}`;
}

/** What gives topics their names on a transport: expanded, and by the first remapping that is about them. */
export function topicNames(node: NodeName, remappings: readonly Remapping[]): (topic: string) => string {
  const rules = remappings
    .filter((each) => each.node === undefined || each.node === node.name)
    .map(({ from, to }) => ({ from: expanded(from, node), to: expanded(to, node) }));
  return (topic) => {
    const full = expanded(topic, node);
    return rules.find(({ from }) => from === full)?.to ?? full;
  };
}
