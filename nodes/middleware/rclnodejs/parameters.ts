// Parameters of a ROS 2 node: shown with types and ranges, and set only to what is taken.
import type { NodeParameter } from "../transport.ts";
import type { Rclnodejs, RosNode, RosParameter } from "./api.ts";

/** rcl_interfaces/msg/ParameterType. */
const types = { bool: 1, integer: 2, double: 3 } as const;

/** Declares parameters on a node; `set` is asked for each value, and gives the reason where it refuses one. */
export function showParameters(
  rcl: Rclnodejs,
  node: RosNode,
  shown: readonly NodeParameter[],
  set: (name: string, value: number | boolean) => string | undefined,
): void {
  for (const parameter of shown) {
    const { name, type, value, description = "" } = parameter;
    const own = type === "integer" ? BigInt(value as number) : value;
    const descriptor = new rcl.ParameterDescriptor(name, types[type], description, false, rangeOf(rcl, parameter));
    // Its own refusal says neither what was wrong nor what would be right.
    Object.assign(descriptor, { validateParameter: () => undefined });
    node.declareParameter(new rcl.Parameter(name, types[type], own), descriptor);
  }
  node.addOnSetParametersCallback((given) => {
    for (const each of given) {
      const parameter = shown.find(({ name }) => name === each.name);
      const reason = parameter ? refusal(parameter, each, set) : undefined;
      if (reason !== undefined) return { successful: false, reason };
    }
    return { successful: true, reason: "" };
  });
}

function refusal(
  { name, type, min, max }: NodeParameter,
  given: RosParameter,
  set: (name: string, value: number | boolean) => string | undefined,
): string | undefined {
  if (given.type !== types[type]) return `${name} is of type ${type}`;
  const value = type === "bool" ? (given.value as boolean) : Number(given.value);
  if (typeof value === "number" && !(value >= (min ?? -Infinity) && value <= (max ?? Infinity)))
    return `${name} may be ${[...(min === undefined ? [] : [`${min} or more`]), ...(max === undefined ? [] : [`${max} or less`])].join(" and ")}, ${value} is not`;
  return set(name, value);
}

function rangeOf(rcl: Rclnodejs, { type, min, max }: NodeParameter): object | null {
  if (min === undefined && max === undefined) return null;
  if (type === "double") return new rcl.FloatingPointRange(min ?? -Number.MAX_VALUE, max ?? Number.MAX_VALUE, 0);
  const whole = (value: number | undefined, otherwise: bigint): bigint =>
    value === undefined ? otherwise : BigInt(value);
  return type === "bool"
    ? null
    : new rcl.IntegerRange(
        whole(min, BigInt(Number.MIN_SAFE_INTEGER)),
        whole(max, BigInt(Number.MAX_SAFE_INTEGER)),
        1n,
      );
}
