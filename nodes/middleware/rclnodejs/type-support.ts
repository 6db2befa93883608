// What the sourced ROS 2 knows of a message type: whether it has type support, and whether it means the same bytes.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { MessageDefinition } from "@foxglove/message-definition";
import { IsochronError } from "../../../kernels/index.ts";
import { wholeOf } from "../../messages/interfaces.ts";
import { fullTypeName, shortTypeName } from "../../messages/names.ts";
import { parseMessage } from "../../messages/parse.ts";
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
 * Refuses a topic whose type the sourced ROS 2 has no type support for (`transport/type`), or another definition of
 * (`transport/definition`): its messages would be read as what they are not.
 */
export function requireTypeSupport({ topic, type, definitions }: Omit<TopicEnd, "quality">): void {
  const full = fullTypeName(type);
  const [packageName, kind] = full.split("/");
  const prefix = prefixOf(full);
  if (prefix === undefined) {
    throw new IsochronError(
      "transport/type",
      `the sourced ROS 2 has no type support for ${full}, the type of ${topic}`,
      {
        details: [`looked for in ${prefixes().join(", ")}`],
        help: `install its package (ros-${process.env.ROS_DISTRO}-${packageName!.replaceAll("_", "-")}), or build it: isochron messages FOLDER --package WORKSPACE/src/${packageName}, colcon build, source install/setup.bash`,
      },
    );
  }
  if (kind !== "msg") return;
  const difference = firstDifference(full, (name) => definitions.of(name), prefix);
  if (difference === undefined) return;
  throw new IsochronError(
    "transport/definition",
    `${full}, the type of ${topic}, is another here than in the sourced ROS 2`,
    {
      details: [difference],
      help: `give the application the robot's definitions: app.messages("${join(prefix, "share", packageName!, "msg")}", { package: "${packageName}" })`,
    },
  );
}

/** The first field whose bytes differ, of a type and all that it is made of. */
function firstDifference(
  type: string,
  known: (type: string) => MessageDefinition,
  prefix: string | undefined,
  seen: Set<string> = new Set(),
): string | undefined {
  const name = shortTypeName(type);
  if (seen.has(name) || prefix === undefined) return undefined;
  seen.add(name);
  const file = join(prefix, "share", `${fullTypeName(type)}.msg`);
  // A package may have been made of .idl files alone.
  if (!existsSync(file)) return undefined;
  const theirs = parseMessage({ type: fullTypeName(type), text: readFileSync(file, "utf8"), file }, "fields")
    .map(({ field }) => field)
    .filter(({ isConstant }) => isConstant !== true);
  const ours = known(type).definitions.filter(({ isConstant }) => isConstant !== true);
  for (let at = 0; at < Math.max(ours.length, theirs.length); at++) {
    const [one, other] = [ours[at], theirs[at]];
    if (one && other && wireForm(one) === wireForm(other)) continue;
    const said = (field: typeof one): string => (field ? `${wireForm(field)} ${field.name}` : "nothing");
    return `field ${at + 1} of ${fullTypeName(type)} is ${said(one)} here, and ${said(other)} in ${file}`;
  }
  for (const field of ours) {
    if (field.isComplex !== true) continue;
    const found = firstDifference(field.type, known, prefixOf(fullTypeName(field.type)), seen);
    if (found !== undefined) return found;
  }
  return undefined;
}

type Field = MessageDefinition["definitions"][number];

/** How a field's bytes lie. */
const wireForm = ({ type, isArray, arrayLength }: Field): string =>
  `${type}${isArray === true ? `[${arrayLength ?? ""}]` : ""}`;
