// The messages of an application's topics as JavaScript objects: encoded and decoded as on the wire.
import { didYouMean, IsochronError } from "../kernels/index.ts";
import {
  type Definitions,
  layoutOf,
  type MessageReader,
  type MessageWriter,
  messageReader,
  messageWriter,
} from "../nodes/index.ts";
import { type ApplicationDescription, definitionsIn } from "./application.ts";
import { Transforms } from "./frames.ts";
import { MessageFields } from "./message-fields.ts";
import type { RunEvent } from "./records/index.ts";

/** Readers and writers by topic, made when they are first needed. */
export class TopicCodecs {
  readonly #application: ApplicationDescription;
  readonly #definitions: Definitions;
  readonly #readers = new Map<string, MessageReader>();
  readonly #writers = new Map<string, { readonly fields: MessageFields; readonly writer: MessageWriter }>();

  constructor(application: ApplicationDescription) {
    this.#application = application;
    this.#definitions = definitionsIn(application);
  }

  /** The message of an input topic, or of one on which pipelines publish, as bytes. Throws `world/topic`, `message/field`. */
  encode(topic: string, message: object): Buffer {
    const { fields, writer } = this.#writers.get(topic) ?? this.#writerOf(topic);
    fields.check(topic, message);
    return Buffer.from(writer(message).buffer);
  }

  #writerOf(topic: string): { readonly fields: MessageFields; readonly writer: MessageWriter } {
    const own = this.#application.inputs.find((each) => each.topic === topic);
    const others = [...this.#application.publications, ...new Transforms(this.#application).topics];
    const { type } = own ?? others.find((each) => each.topic === topic) ?? this.input(topic);
    const writer = messageWriter(layoutOf(type, this.#definitions));
    const made = { fields: new MessageFields(this.#definitions.closure(type)), writer };
    this.#writers.set(topic, made);
    return made;
  }

  /** The message of an input or output topic. Throws `codec/header`, `codec/truncated`, `codec/length`. */
  decode(topic: string, bytes: Uint8Array): unknown {
    const read = this.#readers.get(topic) ?? messageReader(layoutOf(this.#typeOf(topic), this.#definitions));
    this.#readers.set(topic, read);
    return read(bytes);
  }

  /** An input topic of the application. Throws `world/topic`. */
  input(topic: string): ApplicationDescription["inputs"][number] {
    const { inputs } = this.#application;
    const found = inputs.find((each) => each.topic === topic);
    if (!found) throw unknownTopic("input", topic, inputs);
    return found;
  }

  /** The number of an output topic of the application. Throws `world/topic`. */
  output(topic: string): number {
    const { outputs } = this.#application;
    const found = outputs.findIndex((each) => each.topic === topic);
    if (found < 0) throw unknownTopic("output", topic, outputs);
    return found;
  }

  /** Refuses a topic that is neither an input nor an output. Throws `world/topic`. */
  require(topic: string): void {
    this.#typeOf(topic);
  }

  #typeOf(topic: string): string {
    const { inputs, outputs, publications } = this.#application;
    const all = [...inputs, ...outputs, ...publications];
    const found = all.find((each) => each.topic === topic);
    if (!found) throw unknownTopic("topic", topic, all);
    return found.type;
  }
}

const unknownTopic = (
  what: "input" | "output" | "topic",
  topic: string,
  known: readonly { readonly topic: string }[],
): IsochronError =>
  new IsochronError("world/topic", `the application has no ${what} "${topic}"`, {
    help:
      known.length === 0
        ? `declare it with app.${what === "output" ? "output" : "input"}()`
        : didYouMean(
            topic,
            known.map((each) => each.topic),
            `it has ${known.map((each) => each.topic).join(", ")}`,
          ),
  });

/** A message that an application published, as a JavaScript object. */
export interface PublishedMessage {
  readonly topic: string;
  /** When it was published, in nanoseconds since the run began. */
  readonly timeNs: number;
  readonly message: unknown;
}

/** A message that a pipeline published. */
export interface SentMessage {
  /** The place of its topic among the application's publications. */
  readonly publication: number;
  readonly timeNs: number;
  readonly bytes: Uint8Array;
}

/** Reads what an application published from the events of a run, and from what its pipelines sent, in the order of the times. */
export function publishedMessages(
  application: ApplicationDescription,
): (events: readonly RunEvent[], sent?: readonly SentMessage[]) => PublishedMessage[] {
  const codecs = new TopicCodecs(application);
  const read = (topic: string, timeNs: number, bytes: Uint8Array) => ({
    topic,
    timeNs,
    message: codecs.decode(topic, bytes),
  });
  return (events, sent = []) => {
    const ofTasks = events.flatMap((event) =>
      event.kind === "message" ? [read(application.outputs[event.output]!.topic, event.time, event.bytes)] : [],
    );
    if (sent.length === 0) return ofTasks;
    const ofPipelines = sent.map(({ publication, timeNs, bytes }) =>
      read(application.publications[publication]!.topic, timeNs, bytes),
    );
    return [...ofTasks, ...ofPipelines].sort((a, b) => a.timeNs - b.timeNs);
  };
}
