// What the messages of a recording stand for: events of the run, and records of its log of decisions.
import { IsochronError } from "../kernels/index.ts";
import type { ApplicationDescription } from "./application.ts";
import { type Damage, recordDamage } from "./damage.ts";
import { decodeRecord } from "./record-message.ts";
import type { RecordedMessage } from "./recording-contents.ts";
import { eventsTopic, eventTopic, isEventTopic, outputTopic } from "./recording-layout.ts";
import { type EventOf, type LoggedEvent, loggedEvents, loggedKinds, loggedReader } from "./records/index.ts";
import type { SentMessage } from "./topic-codecs.ts";

/** A message of a recording. */
export type Recorded =
  /** A message received. */
  | { readonly kind: "received"; readonly event: EventOf<"admit"> }
  /** An output, or a message of one; `damage` is what of it was changed after the run. */
  | {
      readonly kind: "given";
      readonly event: EventOf<"message"> | EventOf<"output"> | EventOf<"discarded">;
      readonly damage: readonly Damage[];
    }
  /** A message that a pipeline published. */
  | { readonly kind: "sent"; readonly message: SentMessage }
  /** A record of the log; `index` is its place there. */
  | { readonly kind: "logged"; readonly event: LoggedEvent; readonly index: number };

/**
 * What reads an application's messages; undefined for topics that it does not have. Throws `recording/damaged`, a `ZodError` or
 * a `SyntaxError` where a message is none that the recorder writes.
 */
export function recordedMessages(
  path: string,
  application: ApplicationDescription,
): (message: RecordedMessage) => Recorded | undefined {
  const { channels, tasks } = application.table;
  const channelIds = new Map(channels.map((each, id) => [each.name, id]));
  const taskIds = new Map(tasks.map((each, id) => [each.name, id]));
  const inputs = new Map(application.inputs.map((each) => [each.topic, each.channel]));
  const outputs = new Map(
    application.outputs.map((each, id) => [
      each.topic,
      { id, task: tasks.findIndex((task) => task.output === each.channel) },
    ]),
  );
  const publications = new Map(application.publications.map((each, id) => [each.topic, id]));
  const records = new Map(tasks.map((each, id) => [outputTopic(each.name), id]));
  const idOf = (map: ReadonlyMap<string, number>, name: string): number => {
    const id = map.get(name);
    if (id === undefined)
      throw new IsochronError("recording/damaged", `${path} names "${name}", which the application does not have`);
    return id;
  };
  const decoder = new TextDecoder();
  const parseEvent = loggedEvents({
    task: (name) => idOf(taskIds, name),
    channel: (name) => idOf(channelIds, name),
  });

  const names = { tasks: tasks.map(({ name }) => name), channels: channels.map(({ name }) => name) };
  const readers = new Map(loggedKinds.map((kind) => [eventTopic(kind), loggedReader(kind, names)]));

  return ({ topic, sequence: number, timeNs: time, data }) => {
    const read = readers.get(topic);
    if (read) return { kind: "logged", event: read(data), index: number };
    const input = inputs.get(topic);
    if (input !== undefined)
      return { kind: "received", event: { kind: "admit", channel: input, sequence: number, time, bytes: data } };
    const output = outputs.get(topic);
    if (output) {
      const { id, task } = output;
      return {
        kind: "given",
        event: { kind: "message", output: id, task, job: number, time, bytes: data },
        damage: [],
      };
    }
    const publication = publications.get(topic);
    if (publication !== undefined) return { kind: "sent", message: { publication, timeNs: time, bytes: data } };
    const task = records.get(topic);
    if (task !== undefined) {
      const { output: channel, name } = tasks[task]!;
      const { fields, slotBytes } = channels[channel]!;
      const found = decodeRecord(fields, slotBytes, data);
      if (!found)
        throw new IsochronError("recording/damaged", `${path}: an output of "${name}" has ${data.length} bytes`);
      // The message's own number says which job it is of, so that a changed one within shows.
      const damage = recordDamage(task, fields, { ...found, job: number }, data);
      const { sequence, chain, slot: bytes } = found;
      return {
        kind: "given",
        event:
          sequence === 0
            ? { kind: "discarded", task, job: number, bytes, chain }
            : { kind: "output", task, job: number, channel, sequence, time, bytes, chain },
        damage,
      };
    }
    if (topic === eventsTopic)
      return { kind: "logged", event: parseEvent(JSON.parse(decoder.decode(data))), index: number };
    if (isEventTopic(topic))
      throw new IsochronError(
        "recording/unknown-record",
        `there is no record of kind "${topic.slice(eventTopic("").length)}"`,
        {
          help: "use the version of Isochron that recorded the run",
        },
      );
    return undefined;
  };
}
