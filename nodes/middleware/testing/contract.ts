// What every transport must do, as cases that need no runner of tests: some transports live in processes of their own.
import assert from "node:assert/strict";
import { Definitions } from "../../messages/index.ts";
import { defaultQuality, type QualityOfService } from "../quality-of-service.ts";
import type { Publication, ReceivedMessage, TopicEnd, Transport, TransportEvent } from "../transport.ts";
import { callCases } from "./contract-of-calls.ts";

/** What a transport can do besides what all can. */
export interface Abilities {
  /** Whether ends that do not fit are told of, and of what kinds. */
  readonly tells: readonly TransportEvent["kind"][];
  /** Whether one that subscribes late can be given what was sent before. */
  readonly keeps: boolean;
  /** Whether it has services and actions. */
  readonly calls: boolean;
}

/** Two nodes that reach each other, and how to get one more. */
export interface Nodes {
  readonly one: Transport;
  readonly other: Transport;
  open(): Promise<Transport>;
}

/** One thing that a transport must do. */
export interface ContractCase {
  readonly name: string;
  /** Whether a transport of these abilities must. */
  applies(abilities: Abilities): boolean;
  run(nodes: Nodes): Promise<void>;
}

/** The longest that a message may take before it counts as not coming: a limit for hangs. */
const longestMs = 30_000;

const text = (value: string): Uint8Array => {
  const bytes = Buffer.alloc(4 + 4 + value.length + 1);
  bytes.writeUInt32LE(0x0000_0100, 0);
  bytes.writeUInt32LE(value.length + 1, 4);
  bytes.write(value, 8, "latin1");
  return bytes;
};

const textOf = ({ bytes }: ReceivedMessage): string => Buffer.from(bytes).toString("latin1", 8, bytes.length - 1);

const end = (topic: string, quality: Partial<QualityOfService> = {}, type = "std_msgs/msg/String"): TopicEnd => ({
  topic,
  type,
  quality: { ...defaultQuality, ...quality },
  definitions: Definitions.common,
});

/** Waits until something holds. */
export async function until(holds: () => boolean, what: string): Promise<void> {
  const started = Date.now();
  while (!holds()) {
    if (Date.now() - started > longestMs) throw new Error(`it did not come to be in ${longestMs} ms that ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Opens a publication, and waits until it has met so many other ends. */
async function matched(
  transport: Transport,
  topic: string,
  count: number,
  open: () => Publication,
): Promise<Publication> {
  let now = 0;
  const stop = transport.onEvent((event) => {
    if (event.kind === "matched" && event.topic === topic) now = event.count;
  });
  const publication = open();
  await until(() => now >= count, `${topic} has ${count} other ends`);
  stop();
  return publication;
}

let topics = 0;
const newTopic = (): string => `/contract/t${process.pid}_${topics++}`;

const always = (): boolean => true;

/** The contract. */
export const contract: readonly ContractCase[] = [
  {
    name: "carries messages to another node, in the order in which they were sent, byte for byte",
    applies: always,
    run: async ({ one, other }) => {
      const topic = newTopic();
      const seen: string[] = [];
      other.subscribe(end(topic, { depth: 200 }), (message) => seen.push(textOf(message)));
      const publication = await matched(one, topic, 1, () => one.advertise(end(topic, { depth: 200 })));
      const sent = Array.from({ length: 100 }, (_, at) => `message ${at} ${"x".repeat(at)}`);
      for (const each of sent) publication.publish(text(each));
      await until(() => seen.length >= sent.length, "all messages have come");
      assert.deepEqual(seen, sent);
    },
  },
  {
    name: "carries messages to subscriptions of the same node, and to no other topic's",
    applies: always,
    run: async ({ one }) => {
      const topic = newTopic();
      const seen: string[] = [];
      one.subscribe(end(topic), (message) => seen.push(textOf(message)));
      one.subscribe(end(newTopic()), (message) => seen.push(`other ${textOf(message)}`));
      const publication = await matched(one, topic, 1, () => one.advertise(end(topic)));
      publication.publish(text("to myself"));
      await until(() => seen.length > 0, "the message has come");
      assert.deepEqual(seen, ["to myself"]);
    },
  },
  {
    name: "leaves what was published as it was when the sender uses its bytes again",
    applies: always,
    run: async ({ one, other }) => {
      const topic = newTopic();
      const seen: string[] = [];
      other.subscribe(end(topic), (message) => seen.push(textOf(message)));
      const publication = await matched(one, topic, 1, () => one.advertise(end(topic)));
      const bytes = text("first");
      publication.publish(bytes);
      bytes.set(text("other"));
      await until(() => seen.length > 0, "the message has come");
      assert.deepEqual(seen, ["first"]);
    },
  },
  {
    name: "gives one that subscribes late the newest messages that were kept for it",
    applies: ({ keeps }) => keeps,
    run: async ({ one, other }) => {
      const topic = newTopic();
      const kept = { durability: "transient-local", depth: 2 } as const;
      const publication = one.advertise(end(topic, kept));
      for (const each of ["a", "b", "c"]) publication.publish(text(each));
      const late: string[] = [];
      other.subscribe(end(topic, kept), (message) => late.push(textOf(message)));
      await until(() => late.length >= 2, "what was kept has come");
      assert.deepEqual(late, ["b", "c"]);
    },
  },
  {
    name: "receives nothing more on a subscription that was closed",
    applies: always,
    run: async ({ one, other }) => {
      const topic = newTopic();
      const [first, second]: [string[], string[]] = [[], []];
      const subscription = other.subscribe(end(topic), (message) => first.push(textOf(message)));
      other.subscribe(end(topic), (message) => second.push(textOf(message)));
      const publication = await matched(one, topic, 2, () => one.advertise(end(topic)));
      publication.publish(text("before"));
      await until(() => first.length > 0 && second.length > 0, "the first message has come");
      subscription.close();
      subscription.close();
      publication.publish(text("after"));
      await until(() => second.length > 1, "the second message has come");
      assert.deepEqual([first, second], [["before"], ["before", "after"]]);
    },
  },
  {
    name: "lists topics with their types and ends",
    applies: always,
    run: async ({ one, other }) => {
      const topic = newTopic();
      one.advertise(end(topic));
      other.subscribe(end(topic), () => undefined);
      const found = () => one.graph().find((each) => each.topic === topic);
      await until(() => found()?.publications === 1 && found()?.subscriptions === 1, "both ends are in the graph");
      assert.deepEqual(found(), { topic, types: ["std_msgs/msg/String"], publications: 1, subscriptions: 1 });
    },
  },
  {
    name: "tells a subscription that wants more than is offered, and carries nothing to it",
    applies: ({ tells }) => tells.includes("incompatible-quality"),
    run: async ({ one, other }) => {
      const topic = newTopic();
      const events: TransportEvent[] = [];
      const stop = other.onEvent((event) => events.push(event));
      const seen: string[] = [];
      const publication = one.advertise(end(topic, { reliability: "best-effort" }));
      other.subscribe(end(topic), (message) => seen.push(textOf(message)));
      const told = () => events.find((each) => each.topic === topic && each.kind === "incompatible-quality");
      await until(() => told() !== undefined, "the subscription is told");
      publication.publish(text("lost"));
      assert.deepEqual(told(), { topic, kind: "incompatible-quality", end: "subscription", policies: ["reliability"] });
      assert.deepEqual(seen, []);
      stop();
    },
  },
  {
    name: "tells an end of a topic whose other end has another type, and carries nothing between them",
    applies: ({ tells }) => tells.includes("incompatible-type"),
    run: async ({ one, other }) => {
      const topic = newTopic();
      const events: TransportEvent[] = [];
      const stop = other.onEvent((event) => events.push(event));
      const seen: unknown[] = [];
      const [ours, theirs] = ["std_msgs/msg/Float32", "std_msgs/msg/String"];
      other.subscribe(end(topic, {}, ours), (message) => seen.push(message));
      const publication = one.advertise(end(topic));
      const told = () => events.find((each) => each.topic === topic && each.kind === "incompatible-type");
      await until(() => told() !== undefined, "the subscription is told");
      publication.publish(text("no number"));
      assert.deepEqual(told(), { topic, kind: "incompatible-type", ours, theirs });
      assert.deepEqual(seen, []);
      stop();
    },
  },
  {
    name: "refuses what is asked of it after it was closed",
    applies: always,
    run: async ({ open }) => {
      const third = await open();
      const publication = third.advertise(end(newTopic()));
      await third.close();
      assert.throws(() => publication.publish(text("late")), /closed/);
      assert.throws(() => third.advertise(end(newTopic())), /closed/);
      assert.throws(() => third.subscribe(end(newTopic()), () => undefined), /closed/);
      await third.close();
    },
  },
  ...callCases,
];
