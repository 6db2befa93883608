// `--ros-args` as ROS 2 nodes take them: names, remappings, parameters, log level and enclave.
import { IsochronError } from "../kernels/index.ts";
import { type LogLevel, type LogLevelRule, logLevels } from "./run-log.ts";

/** What a rule of `-r` gives another name: topics and services unless it says which, or the node. */
type Renamed = "any" | "topic" | "service" | "name" | "namespace";

/** A rule that gives something another name; of all nodes unless it names one. */
export interface Remapping {
  readonly node?: string;
  readonly renames: Renamed;
  readonly from: string;
  readonly to: string;
}

/** Parameters in the order in which they were said: later ones win. */
export type ParameterSource =
  | { readonly kind: "value"; readonly node?: string; readonly name: string; readonly text: string }
  | { readonly kind: "file"; readonly path: string };

/** What `--ros-args` says. */
export interface RosArguments {
  readonly remappings: readonly Remapping[];
  readonly parameters: readonly ParameterSource[];
  readonly logLevels: readonly LogLevelRule[];
  /** Whether nothing is to be said on the console. */
  readonly isSilent: boolean;
  /** What of it is about ROS 2's own logging, as it was said. */
  readonly logging: readonly string[];
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
  "it takes -r FROM:=TO, -p NAME:=VALUE, --params-file FILE, --log-level [LOGGER:=]LEVEL, --log-config-file FILE, --log-file-name PREFIX, --enable- and --disable-stdout-logs, -rosout-logs and -external-lib-logs, and --enclave ENCLAVE";

const refuse = (message: string, help = takes): never => {
  throw new IsochronError("command/ros-args", `${flag}: ${message}`, { help });
};

const path = String.raw`(?!__)[A-Za-z_]\w*(?:/(?!__)[A-Za-z_]\w*)*`;
const isNodeName = /^[A-Za-z_]\w*$/;
const isNamespace = new RegExp(`^/(?:${path})?$`);
const isTopic = new RegExp(`^(?:~/|/)?${path}$`);
const isEnclave = /^\/(?:\w+(?:\/\w+)*)?$/;
const switches = /^--(enable|disable)-(stdout|rosout|external-lib)-logs$/;

/** Reads what stands behind `--ros-args`. Throws `command/ros-args` for what no ROS 2 node is given. */
export function parseRosArguments(given: readonly string[]): RosArguments {
  const remappings: Remapping[] = [];
  const parameters: ParameterSource[] = [];
  const rules: LogLevelRule[] = [];
  const logging: string[] = [];
  let isSilent = false;
  let enclave: string | undefined;
  for (let at = 0; at < given.length; at++) {
    const option = given[at]!;
    const taken = (form: string): string => given[++at] ?? refuse(`${option} has no ${form}`);
    switch (option) {
      case "-r":
      case "--remap":
        remappings.push(remapping(option, taken("FROM:=TO")));
        break;
      case "-p":
      case "--param":
        parameters.push(parameterValue(option, taken("NAME:=VALUE")));
        break;
      case "--params-file":
        parameters.push({ kind: "file", path: taken("FILE") });
        break;
      case "--log-level": {
        const text = taken("LEVEL");
        rules.push(logLevelRule(text));
        logging.push(option, text);
        break;
      }
      case "--log-config-file":
      case "--log-file-name":
        logging.push(option, taken(option === "--log-file-name" ? "PREFIX" : "FILE"));
        break;
      case "-e":
      case "--enclave":
        enclave = taken("ENCLAVE");
        if (!isEnclave.test(enclave)) refuse(`${option} cannot be "${enclave}"`, "a name from / on, as /arm/driver");
        break;
      default: {
        const [, way, what] = switches.exec(option) ?? refuse(`there is no ${option}`);
        if (what === "stdout") isSilent = way === "disable";
        logging.push(option);
      }
    }
  }
  return { remappings, parameters, logLevels: rules, isSilent, logging, ...(enclave === undefined ? {} : { enclave }) };
}

const topicForms = "names are /arm/state, state in the node's namespace, or ~/state below the node";

/** `[NODE:][rostopic://|rosservice://]FROM:=TO`. */
function remapping(option: string, text: string): Remapping {
  const { node, left, right } = assigned(option, text);
  const [, scheme, from = ""] = /^(?:ros(topic|service):\/\/)?(.*)$/s.exec(left)!;
  const rule = (renames: Renamed, fits: boolean, forms: string): Remapping =>
    fits
      ? { ...(node === undefined ? {} : { node }), renames, from, to: right }
      : refuse(`${option} cannot be "${text}"`, forms);
  if (left === "__node" || left === "__name")
    return rule("name", isNodeName.test(right), "a node's name has letters, digits and _, and no digit first");
  if (left === "__ns") return rule("namespace", isNamespace.test(right), "a namespace begins with /, as /arm");
  const renames = scheme === "topic" || scheme === "service" ? scheme : "any";
  return rule(renames, isTopic.test(from) && isTopic.test(right), topicForms);
}

/** `[NODE:]NAME:=VALUE`. */
function parameterValue(option: string, given: string): ParameterSource {
  const { node, left, right } = assigned(option, given);
  return { kind: "value", ...(node === undefined ? {} : { node }), name: left, text: right };
}

/** `[LOGGER:=]LEVEL`. */
function logLevelRule(text: string): LogLevelRule {
  const [, logger, given = ""] = /^(?:([^:=]+):=)?(.*)$/s.exec(text)!;
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
  const [, node, left = ""] = /^(?:([A-Za-z_]\w*):(?!\/\/))?(.*)$/s.exec(text.slice(0, Math.max(at, 0)))!;
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

/** The node that rules of `-r` make of one: the first that is about its name, and the first about its namespace. */
export function nodeNamed(own: string, remappings: readonly Remapping[]): NodeName {
  const found = (what: Renamed, name: string): string | undefined =>
    remappings.find(({ renames, node }) => renames === what && (node === undefined || node === name))?.to;
  const name = found("name", own) ?? own;
  return { name, namespace: found("namespace", name) ?? "/" };
}

/** What gives topics and services their names on a transport: expanded, and by the first remapping that is about them. */
export function namesOn(
  node: NodeName,
  remappings: readonly Remapping[],
): (given: string, what?: "topic" | "service") => string {
  const rules = remappings
    .filter(
      ({ node: of, renames }) =>
        (of === undefined || of === node.name) && renames !== "name" && renames !== "namespace",
    )
    .map(({ renames, from, to }) => ({ renames, from: expanded(from, node), to: expanded(to, node) }));
  return (given, what = "topic") => {
    const full = expanded(given, node);
    return rules.find(({ renames, from }) => from === full && (renames === "any" || renames === what))?.to ?? full;
  };
}
