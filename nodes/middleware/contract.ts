// What every transport must do, as one suite of tests: each transport's own test file calls it.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Definitions } from "../messages/index.ts";
import { defaultQuality, type QualityOfService } from "./quality-of-service.ts";
import type { ReceivedMessage, TopicEnd, Transport, TransportEvent } from "./transport.ts";

/** How the suite gets nodes of a transport, and what that transport cannot do. */
export interface TransportUnderTest {
  /** Opens a node that reaches the others. */
  open(): Promise<Transport>;
  /** Whether ends that do not fit are told of, and of what kinds. */
  readonly tells: readonly TransportEvent["kind"][];
  /** Whether one that subscribes late can be given what was sent before. */
  readonly keeps: boolean;
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
async function until(holds: () => boolean, what: string): Promise<void> {
  const started = Date.now();
  while (!holds()) {
    if (Date.now() - started > longestMs) throw new Error(`it did not come to be in ${longestMs} ms that ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Two nodes, and how many ends of the other node each end of theirs has met. */
async function matched(transport: Transport, topic: string, count: number, open: () => void): Promise<void> {
  let now = 0;
  const stop = transport.onEvent((event) => {
    if (event.kind === "matched" && event.topic === topic) now = event.count;
  });
  open();
  await until(() => now >= count, `${topic} has ${count} other ends`);
  stop();
}

let topics = 0;
const newTopic = (): string => `/contract/t${process.pid}_${topics++}`;

/** Holds a transport to the contract. */
export function describeTransport(name: string, under: TransportUnderTest): void {
  describe(`the ${name} transport`, () => {
    let one: Transport;
    let other: Transport;
    beforeAll(async () => {
      [one, other] = await Promise.all([under.open(), under.open()]);
    });
    afterAll(async () => {
      await Promise.all([one.close(), other.close()]);
    });

    it("carries messages to another node, in the order in which they were sent, byte for byte", async () => {
      const topic = newTopic();
      const seen: string[] = [];
      other.subscribe(end(topic, { depth: 200 }), (message) => seen.push(textOf(message)));
      let publication: ReturnType<Transport["advertise"]> | undefined;
      await matched(one, topic, 1, () => (publication = one.advertise(end(topic, { depth: 200 }))));
      const sent = Array.from({ length: 100 }, (_, at) => `message ${at} ${"x".repeat(at)}`);
      for (const each of sent) publication!.publish(text(each));
      await until(() => seen.length >= sent.length, "all messages have come");
      expect(seen).toEqual(sent);
    });

    it("carries messages to subscriptions of the same node, and to no other topic's", async () => {
      const topic = newTopic();
      const seen: string[] = [];
      one.subscribe(end(topic), (message) => seen.push(textOf(message)));
      one.subscribe(end(newTopic()), (message) => seen.push(`other ${textOf(message)}`));
      let publication: ReturnType<Transport["advertise"]> | undefined;
      await matched(one, topic, 1, () => (publication = one.advertise(end(topic))));
      publication!.publish(text("to myself"));
      await until(() => seen.length > 0, "the message has come");
      expect(seen).toEqual(["to myself"]);
    });

    it("leaves what was published as it was when the sender uses its bytes again", async () => {
      const topic = newTopic();
      const seen: string[] = [];
      other.subscribe(end(topic), (message) => seen.push(textOf(message)));
      let publication: ReturnType<Transport["advertise"]> | undefined;
      await matched(one, topic, 1, () => (publication = one.advertise(end(topic))));
      const bytes = text("first");
      publication!.publish(bytes);
      bytes.set(text("other"));
      await until(() => seen.length > 0, "the message has come");
      expect(seen).toEqual(["first"]);
    });

    it.skipIf(!under.keeps)("gives one that subscribes late the newest messages that were kept for it", async () => {
      const topic = newTopic();
      const kept = { durability: "transient-local", depth: 2 } as const;
      const publication = one.advertise(end(topic, kept));
      for (const each of ["a", "b", "c"]) publication.publish(text(each));
      const late: string[] = [];
      other.subscribe(end(topic, kept), (message) => late.push(textOf(message)));
      await until(() => late.length >= 2, "what was kept has come");
      expect(late).toEqual(["b", "c"]);
    });

    it("receives nothing more on a subscription that was closed", async () => {
      const topic = newTopic();
      const [first, second]: [string[], string[]] = [[], []];
      const subscription = other.subscribe(end(topic), (message) => first.push(textOf(message)));
      other.subscribe(end(topic), (message) => second.push(textOf(message)));
      let publication: ReturnType<Transport["advertise"]> | undefined;
      await matched(one, topic, 1, () => (publication = one.advertise(end(topic))));
      publication!.publish(text("before"));
      await until(() => first.length > 0 && second.length > 0, "the first message has come");
      subscription.close();
      subscription.close();
      publication!.publish(text("after"));
      await until(() => second.length > 1, "the second message has come");
      expect([first, second]).toEqual([["before"], ["before", "after"]]);
    });

    it("lists topics with their types and ends", async () => {
      const topic = newTopic();
      one.advertise(end(topic));
      other.subscribe(end(topic), () => undefined);
      const found = () => one.graph().find((each) => each.topic === topic);
      await until(() => found()?.publications === 1 && found()?.subscriptions === 1, "both ends are in the graph");
      expect(found()).toEqual({ topic, types: ["std_msgs/msg/String"], publications: 1, subscriptions: 1 });
    });

    it.skipIf(!under.tells.includes("incompatible-quality"))(
      "tells a subscription that wants more than is offered, and carries nothing to it",
      async () => {
        const topic = newTopic();
        const events: TransportEvent[] = [];
        const stop = other.onEvent((event) => events.push(event));
        const seen: string[] = [];
        const publication = one.advertise(end(topic, { reliability: "best-effort" }));
        other.subscribe(end(topic), (message) => seen.push(textOf(message)));
        const told = () => events.find((each) => each.topic === topic && each.kind === "incompatible-quality");
        await until(() => told() !== undefined, "the subscription is told");
        publication.publish(text("lost"));
        expect(told()).toMatchObject({ end: "subscription", policies: ["reliability"] });
        expect(seen).toEqual([]);
        stop();
      },
    );

    it("refuses what is asked of it after it was closed", async () => {
      const third = await under.open();
      const publication = third.advertise(end(newTopic()));
      await third.close();
      expect(() => publication.publish(text("late"))).toThrow(/closed/);
      expect(() => third.advertise(end(newTopic()))).toThrow(/closed/);
      expect(() => third.subscribe(end(newTopic()), () => undefined)).toThrow(/closed/);
      await third.close();
    });
  });
}
