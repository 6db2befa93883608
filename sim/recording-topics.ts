// The topics of a recording, and what of a run goes to which.
import { type ApplicationDescription, definitionsIn } from "./application.ts";
import { recordLayout, recordSchema } from "./record-message.ts";
import { eventTopic, outputTopic } from "./recording-layout.ts";
import { loggedKinds, loggedSchema, recordSchema as recordRows } from "./records/index.ts";

/** A topic of a recording. */
interface Topic {
  readonly topic: string;
  readonly schema: string;
  readonly schemaEncoding: "ros2msg";
  readonly schemaText: string;
  readonly messageEncoding: "cdr";
}

/** Which topics a recording has, and what of a run goes to which, by their places: `sim/recorder/src/layout.rs` reads it. */
export function recordingTopics(application: ApplicationDescription) {
  const { channels, tasks } = application.table;
  const topics: Topic[] = [];
  const ros = (topic: string, schema: string, schemaText: string): number =>
    topics.push({ topic, schema, schemaEncoding: "ros2msg", schemaText, messageEncoding: "cdr" }) - 1;
  const definitions = definitionsIn(application);
  const typed = ({ topic, type }: { readonly topic: string; readonly type: string }) =>
    ros(topic, type, definitions.schemaText(type));
  const received = new Map(application.inputs.map((input) => [input.channel, typed(input)]));
  const outputs = application.outputs.map(typed);
  const publications = application.publications.map(typed);
  const records = tasks.map(({ name, output }) => {
    const { fields } = channels[output]!;
    const schema = `isochron_msgs/msg/${name.replace(/(?:^|\W|_)+(\w)/g, (_, letter: string) => letter.toUpperCase())}Output`;
    return { topic: ros(outputTopic(name), schema, recordSchema(fields)), ...recordLayout(fields) };
  });
  const names = { tasks: tasks.map(({ name }) => name), channels: channels.map(({ name }) => name) };
  const events = loggedKinds.map((kind) => ({
    kind: recordRows[kind].kind,
    topic: ros(
      eventTopic(kind),
      `isochron_msgs/msg/${kind[0]!.toUpperCase()}${kind.slice(1)}`,
      loggedSchema(kind, names),
    ),
  }));
  return {
    topics,
    inputs: channels.map((_, channel) => received.get(channel) ?? null),
    outputs,
    publications,
    tasks: records,
    events,
  };
}
