// Message definitions without a ROS installation: the common interfaces, and those that robots on wheels need besides.
import type { MessageDefinition } from "@foxglove/message-definition";
import { ros2humble } from "@foxglove/rosmsg-msgs-common";
import { IsochronError } from "../kernels/index.ts";

/** ackermann_msgs 2.0.2 (BSD-3-Clause), as its .msg files define them. */
const ackermann = {
  "ackermann_msgs/AckermannDrive": [
    "float32 steering_angle",
    "float32 steering_angle_velocity",
    "float32 speed",
    "float32 acceleration",
    "float32 jerk",
  ],
  "ackermann_msgs/AckermannDriveStamped": ["std_msgs/Header header", "ackermann_msgs/AckermannDrive drive"],
} as const;

const short = (type: string): string => type.replace("/msg/", "/");

/** `pkg/msg/Name`, however the slashes were written. */
export const fullTypeName = (type: string): string => {
  const parts = type.split("/");
  return parts.length === 2 ? `${parts[0]}/msg/${parts[1]}` : type;
};

const known = new Map<string, MessageDefinition>(Object.entries(ros2humble as Record<string, MessageDefinition>));
for (const [name, lines] of Object.entries(ackermann)) {
  const definitions = lines.map((line) => {
    const [type = "", field = ""] = line.split(" ");
    return { name: field, type, isComplex: type.includes("/"), isArray: false };
  });
  known.set(name, { name, definitions });
}

/** The definition of one message type. Throws `message/unknown-type`. */
export function definitionOf(type: string): MessageDefinition {
  const found = known.get(short(type));
  if (found) return found;
  const [, name = type] = short(type).split("/");
  const near = [...known.keys()].filter(
    (each) => each.endsWith(`/${name}`) || each.startsWith(`${short(type).split("/")[0]}/`),
  );
  throw new IsochronError("message/unknown-type", `there is no message type "${type}"`, {
    help:
      near.length > 0 ? `known are ${near.slice(0, 6).map(fullTypeName).join(", ")}` : "write it as package/msg/Name",
  });
}

/** A type and all that it is made of, the type first. */
export function definitionsOf(type: string): MessageDefinition[] {
  const all = new Map<string, MessageDefinition>();
  const collect = (name: string) => {
    if (all.has(short(name))) return;
    const definition = definitionOf(name);
    all.set(short(name), definition);
    for (const field of definition.definitions) if (field.isComplex === true) collect(field.type);
  };
  collect(type);
  return [...all.values()];
}

/** Types that the parser has names of its own for. */
const wireName: { readonly [type: string]: string } = {
  time: "builtin_interfaces/Time",
  duration: "builtin_interfaces/Duration",
};

/** The definition as text, dependencies included, in the form of a `ros2msg` schema. */
export function schemaText(type: string): string {
  const show = ({ definitions }: MessageDefinition): string =>
    definitions
      .map((field) => {
        const array =
          field.isArray === true
            ? `[${field.arrayLength ?? (field.arrayUpperBound === undefined ? "" : `<=${field.arrayUpperBound}`)}]`
            : "";
        const constant = field.isConstant === true ? `=${String(field.valueText ?? field.value)}` : "";
        return `${wireName[field.type] ?? field.type}${array} ${field.name}${constant}`;
      })
      .join("\n");
  return definitionsOf(type)
    .map((definition, at) =>
      at === 0 ? show(definition) : `${"=".repeat(80)}\nMSG: ${definition.name}\n${show(definition)}`,
    )
    .join("\n");
}
