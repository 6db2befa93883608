// Messages of a log as values, by the log's own definitions.
import { MessageReader } from "@foxglove/rosmsg2-serialization";
import { IsochronError } from "../../kernels/index.ts";
import type { LogMessage } from "./log.ts";
import { parseSchema, type TopicSchema } from "./schema.ts";

const undecodable = (topic: TopicSchema, { sequence }: LogMessage, cause: unknown): IsochronError =>
  new IsochronError("log/message", `message ${sequence} on ${topic.topic} is not a whole ${topic.type}`, {
    details: [cause instanceof Error ? cause.message : String(cause)],
    cause,
  });

/**
 * Makes the decoder of a topic's messages: CDR with a `ros2msg` schema, or JSON. Throws `log/schema` for others; the
 * decoder throws `log/message`.
 */
export function messageDecoder(topic: TopicSchema): (message: LogMessage) => unknown {
  if (topic.encoding === "json") {
    return (message) => {
      try {
        return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(message.bytes));
      } catch (cause) {
        throw undecodable(topic, message, cause);
      }
    };
  }
  const reader = new MessageReader(parseSchema(topic));
  return (message) => {
    try {
      return reader.readMessage(message.bytes);
    } catch (cause) {
      throw undecodable(topic, message, cause);
    }
  };
}
