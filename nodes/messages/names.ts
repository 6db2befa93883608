// The ways in which names of message types are written.
import { z } from "zod";
import { checkArgument } from "../../kernels/index.ts";

const typeSchema = z.string().describe('the name of a message type, such as "sensor_msgs/msg/Imu"');

/** The parts of a name: package, `msg`, `srv` or `action` where it is said, and the type's own name. */
function parts(type: string): string[] {
  if (typeof type !== "string") checkArgument("message", "a message", "type", typeSchema, type);
  // DDS has `pkg::msg::dds_::Name_`, C++ and IDL `pkg::msg::Name`, Python `pkg.msg.Name`.
  const dds = /^(.+)::dds_::(\w+)_$/.exec(type);
  const name = dds ? `${dds[1]}::${dds[2]}` : type;
  if (/^\w+\.(msg|srv|action)\.\w+$/.test(name)) return name.split(".");
  return name.split(/::|\//);
}

/** `pkg/msg/Name`, `pkg/srv/Name_Request`, …, however the name was written; a name of two parts is a message's. */
export const fullTypeName = (type: string): string => {
  const [first, second, ...rest] = parts(type);
  return second === undefined || rest.length > 0 ? parts(type).join("/") : `${first}/msg/${second}`;
};

/** `pkg/Name`, as definitions refer to each other; `pkg/srv/Name_Request` for what is no message's. */
export const shortTypeName = (type: string): string => fullTypeName(type).replace("/msg/", "/");

/** A name without `msg`, `srv` or `action`, which some writers leave out of all. */
const bare = (type: string): string => fullTypeName(type).replace(/\/(msg|srv|action)\//, "/");

/**
 * Whether two names mean the same type. One that was written without its package may be any package's, one that was written
 * in two parts any kind's.
 */
export function sameTypeName(one: string, other: string): boolean {
  if (fullTypeName(one) === fullTypeName(other)) return true;
  const [left, right] = [parts(one), parts(other)];
  if (left.length === 1 || right.length === 1) return left.at(-1) === right.at(-1);
  return (left.length === 2 || right.length === 2) && bare(one) === bare(other);
}
