// What the sourced ROS 2 knows of a message type: whether it has type support, and whether it means the same bytes.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { MessageDefinition } from "@foxglove/message-definition";
import { IsochronError } from "../../../kernels/index.ts";
import { type InterfaceText, messagesOf, wholeOf } from "../../messages/interfaces.ts";
import { fullTypeName, shortTypeName } from "../../messages/names.ts";
import { type MessageText, parseMessage } from "../../messages/parse.ts";
import type { TopicEnd } from "../transport.ts";

const prefixes = (): string[] => (process.env.AMENT_PREFIX_PATH ?? "").split(":").filter((each) => each !== "");

/** The prefix of the package that has a type; the first counts, as for ROS. */
function prefixOf(type: string): string | undefined {
  const [packageName, ...rest] = wholeOf(type).split("/");
  const name = rest.join("/");
  return prefixes().find((prefix) => {
    const index = join(prefix, "share/ament_index/resource_index/rosidl_interfaces", packageName!);
    return (
      existsSync(index) &&
      readFileSync(index, "utf8")
        .split("\n")
        .some((line) => line.replace(/\.\w+$/, "") === name)
    );
  });
}

/**
 * Refuses a topic, a service or an action whose type the sourced ROS 2 has no type support for (`transport/type`), or another definition of
 * (`transport/definition`): its messages would be read as what they are not.
 */
export function requireTypeSupport({ topic, type, definitions }: Omit<TopicEnd, "quality">): void {
  const full = fullTypeName(type);
  const [packageName, kind] = full.split("/") as [string, InterfaceText["kind"]];
  const prefix = prefixOf(full);
  if (prefix === undefined) {
    throw new IsochronError(
      "transport/type",
      `the sourced ROS 2 has no type support for ${full}, the type of ${topic}`,
      {
        details: [`looked for in ${prefixes().join(", ")}`],
        help: `install its package (ros-${process.env.ROS_DISTRO}-${packageName.replaceAll("_", "-")}), or build it: isochron messages FOLDER --package WORKSPACE/src/${packageName}, colcon build, source install/setup.bash`,
      },
    );
  }
  const seen = new Set<string>();
  const differences = installed(full, kind, prefix).map((each) =>
    firstDifference(each, (name) => definitions.of(name), seen),
  );
  const difference = differences.find((each) => each !== undefined);
  if (difference === undefined) return;
  throw new IsochronError(
    "transport/definition",
    `${full}, the type of ${topic}, is another here than in the sourced ROS 2`,
    {
      details: [difference],
      help: `give the application the robot's definitions: app.messages("${join(prefix, "share", packageName, kind)}", { package: "${packageName}" })`,
    },
  );
}

/** The messages of an installed definition: one, or the parts of a service or an action. */
function installed(type: string, kind: InterfaceText["kind"], prefix: string): MessageText[] {
  const file = join(prefix, "share", `${type}.${kind}`);
  // A package may have been made of .idl files alone.
  if (!existsSync(file)) return [];
  // What is put around the parts is made of them.
  return messagesOf({ kind, type, text: readFileSync(file, "utf8"), file }).filter((each) => each.file !== undefined);
}

/** The first field whose bytes differ, of a message and all that it is made of. */
function firstDifference(
  message: MessageText,
  known: (type: string) => MessageDefinition,
  seen: Set<string>,
): string | undefined {
  const { type, file } = message;
  const name = shortTypeName(type);
  if (seen.has(name)) return undefined;
  seen.add(name);
  const theirs = parseMessage(message, "fields")
    .map(({ field }) => field)
    .filter(({ isConstant }) => isConstant !== true);
  const ours = known(type).definitions.filter(({ isConstant }) => isConstant !== true);
  for (let at = 0; at < Math.max(ours.length, theirs.length); at++) {
    const [one, other] = [ours[at], theirs[at]];
    if (one && other && wireForm(one) === wireForm(other)) continue;
    const said = (field: typeof one): string => (field ? `${wireForm(field)} ${field.name}` : "nothing");
    return `field ${at + 1} of ${type} is ${said(one)} here, and ${said(other)} in ${file}`;
  }
  for (const field of ours) {
    if (field.isComplex !== true) continue;
    const part = fullTypeName(field.type);
    const prefix = prefixOf(part);
    for (const each of prefix === undefined ? [] : installed(part, "msg", prefix)) {
      const found = firstDifference(each, known, seen);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

type Field = MessageDefinition["definitions"][number];

/** How a field's bytes lie. */
const wireForm = ({ type, isArray, arrayLength }: Field): string =>
  `${type}${isArray === true ? `[${arrayLength ?? ""}]` : ""}`;
