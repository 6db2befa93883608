// Messages of a log as values, by the log's own definitions.
import { IsochronError } from "../../kernels/index.ts";
import { layoutOf, messageReader } from "../../nodes/index.ts";
import type { LogMessage } from "./log.ts";
import { commonType, hasDefinition, type TopicSchema, topicDefinitions } from "./schema.ts";

const undecodable = (topic: TopicSchema, { sequence }: LogMessage, cause: unknown): IsochronError =>
  new IsochronError("log/message", `message ${sequence} on ${topic.topic} is not a whole ${topic.type}`, {
    details: [cause instanceof Error ? cause.message : String(cause)],
    cause,
  });

/** The encapsulation, the byte of a type without fields, and what makes it whole words. */
const mostOfEmpty = 8;

/**
 * Makes the decoder of a topic's messages: CDR as the executive takes it, by a `ros2msg` or `ros2idl` schema or a common
 * definition where the log has none, or JSON. Throws `log/schema` for others; the decoder throws `log/message`.
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
  const read = messageReader(layoutOf(topic.type, topicDefinitions(topic)));
  const isGuess = !hasDefinition(topic) && commonType(topic.type) === undefined;
  return (message) => {
    if (isGuess && message.bytes.length > mostOfEmpty)
      throw undecodable(topic, message, "the log's definition of it is empty, the message is not");
    try {
      return read(message.bytes);
    } catch (cause) {
      throw undecodable(topic, message, cause);
    }
  };
}
