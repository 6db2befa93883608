// Times of messages: from their headers, in nanoseconds.
import { IsochronError } from "../../kernels/index.ts";

/** A message with a std_msgs/Header as the readers of ROS 2 messages give it. */
interface Stamped {
  readonly header: { readonly stamp: { readonly sec: number; readonly nanosec?: number; readonly nsec?: number } };
}

const isStamped = (value: unknown): value is Stamped => {
  const stamp = (value as Partial<Stamped> | null)?.header?.stamp;
  return typeof stamp?.sec === "number";
};

/** The time in a message's header, nanoseconds (exact below 2^53: about 104 days; beyond, within 256 ns). Throws `stream/stamp`. */
export function headerStamp(message: unknown): number {
  if (!isStamped(message)) {
    throw new IsochronError("stream/stamp", "a message without header.stamp cannot be matched by time", {
      help: "choose messages with a std_msgs/Header, or give { stamp: (message) => nanoseconds }",
    });
  }
  const { sec, nanosec, nsec } = message.header.stamp;
  return sec * 1e9 + (nanosec ?? nsec ?? 0);
}
