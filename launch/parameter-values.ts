// Values of parameters from the command line and from files as ROS 2 has them, for one node.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileError, IsochronError } from "../kernels/index.ts";
import type { ParameterValue } from "../sim/index.ts";
import type { ParameterSource } from "./ros-arguments.ts";

// Only who gives parameters needs it.
const yaml = () => createRequire(import.meta.url)("yaml") as typeof import("yaml");

const key = "ros__parameters";

/** Parameters of a node of ROS 2 that are no matter of an application's. */
const ofRos = /^(qos_overrides|start_type_description_service)\b/;

/** What a node is given. */
export interface GivenParameters {
  readonly values: Readonly<Record<string, ParameterValue>>;
  /** `use_sim_time`. */
  readonly simTime: boolean;
}

/**
 * The values for the node of this full name and, of sections with wildcards, those that it has; later sources win.
 *
 * Throws `file/read`, `parameter/file` and `parameter/value`.
 */
export function givenParameters(
  sources: readonly ParameterSource[],
  node: string,
  has: (name: string) => boolean,
): GivenParameters {
  const values: Record<string, ParameterValue> = {};
  let simTime = false;
  const take = (name: string, value: unknown, where: string) => {
    if (typeof value !== "number" && typeof value !== "boolean")
      throw new IsochronError("parameter/value", `the parameter "${name}" cannot be ${JSON.stringify(value)}`, {
        details: [where],
        help: "parameters are numbers, true or false",
      });
    if (name === "use_sim_time") simTime = value === true;
    else values[name] = value;
  };
  for (const source of sources) {
    if (source.kind === "value") {
      if (source.node === undefined || node.endsWith(`/${source.node}`))
        take(source.name, parsed(source.text), `-p ${source.name}:=${source.text}`);
      continue;
    }
    for (const { pattern, name, value } of valuesIn(source.path)) {
      if (!matches(pattern, node) || ofRos.test(name)) continue;
      // What stands there for every node need not be one of this.
      if (name === "use_sim_time" || has(name) || !pattern.includes("*"))
        take(name, value, `${source.path}, ${pattern}`);
    }
  }
  return { values, simTime };
}

const isTrue = /^(y|Y|yes|Yes|YES|on|On|ON|true|True|TRUE)$/;
const isFalse = /^(n|N|no|No|NO|off|Off|OFF|false|False|FALSE)$/;
const isInteger = /^[+-]?(0x[\da-f]+|0[0-7]*|[1-9]\d*)$/i;
const isFraction = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** What ROS 2 takes a text without quotes for: it has the truth values of YAML 1.1 and the integers of C. */
function meant(text: string): string | number | boolean {
  if (isTrue.test(text)) return true;
  if (isFalse.test(text)) return false;
  const number = isInteger.test(text)
    ? Number(text.replace(/^([+-]?)0+(?=[1-7])/, "$10o").replace(/^[+-]/, "")) * (text.startsWith("-") ? -1 : 1)
    : Number(text);
  return (isInteger.test(text) || isFraction.test(text)) && Number.isFinite(number) ? number : text;
}

/** A text of YAML as ROS 2 reads it. Throws where it is none. */
function parsedYaml(text: string): unknown {
  const { parseDocument, visit } = yaml();
  const document = parseDocument(text, { schema: "failsafe" });
  if (document.errors[0]) throw document.errors[0];
  visit(document, {
    Scalar: (key, scalar) => {
      if (key !== "key" && scalar.type === "PLAIN" && scalar.tag === undefined)
        scalar.value = meant(String(scalar.value));
    },
  });
  return document.toJS();
}

function parsed(text: string): unknown {
  try {
    return parsedYaml(text);
  } catch {
    return text;
  }
}

interface InFile {
  /** Of the nodes that it is for. */
  readonly pattern: string;
  readonly name: string;
  readonly value: unknown;
}

/** All values of a file, in their order. */
function valuesIn(path: string): InFile[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw fileError("read", path, cause);
  }
  const fail = (why: string, cause?: unknown): never => {
    throw new IsochronError("parameter/file", `${path} is no file of parameters: ${why}`, {
      help: `as ROS 2 has them: NODE: { ${key}: { NAME: VALUE } }, or /** for every node`,
      ...(cause === undefined ? {} : { cause }),
    });
  };
  let all: unknown;
  try {
    all = parsedYaml(text);
  } catch (cause) {
    return fail((cause instanceof Error ? cause.message : String(cause)).split("\n")[0]!, cause);
  }
  const found: InFile[] = [];
  const collect = (pattern: string, prefix: string, values: unknown): void => {
    for (const [name, value] of entriesOf(values)) {
      const full = `${prefix}${name}`;
      if (isTable(value)) collect(pattern, `${full}.`, value);
      else found.push({ pattern, name: full, value });
    }
  };
  const walk = (node: string, value: unknown): void => {
    if (!isTable(value)) fail(`"${node}" has no ${key}`);
    for (const [name, inner] of entriesOf(value))
      if (name === key) collect(node, "", isTable(inner) ? inner : fail(`${key} of "${node}" names no parameter`));
      else walk(`${node === "/" ? "" : node}${name.startsWith("/") ? "" : "/"}${name}`, inner);
  };
  // launch_ros writes a file though it has nothing to say.
  if (all === null || all === undefined || all === "") return found;
  if (!isTable(all)) fail("it names no node");
  for (const [node, value] of entriesOf(all)) walk(node.startsWith("/") ? node : `/${node}`, value);
  return found;
}

const isTable = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const entriesOf = (value: unknown): [string, unknown][] => (isTable(value) ? Object.entries(value) : []);

/** Whether a full name fits a pattern, in which `*` stands for one part and `**` for any number of them. */
function matches(pattern: string, node: string): boolean {
  const parts = pattern.split("/").filter((part) => part !== "");
  const source = parts.map((part) =>
    part === "**" ? "(?:/[^/]+)*" : `/${part === "*" ? "[^/]+" : part.replace(/[.\\+?^$[\](){}|*]/g, "\\$&")}`,
  );
  return new RegExp(`^${source.join("")}$`).test(node);
}
