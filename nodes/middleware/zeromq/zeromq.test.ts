// The ZeroMQ transport: the contract of all transports, drops, finding each other, encryption, addresses.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { curveKeyPair } from "zeromq";
import { Definitions, layoutOf, messageWriter } from "../../messages/index.ts";
import { defaultQuality, openTransport, type Publication, type TopicEnd, type Transport } from "../index.ts";
import { describeTransport } from "../testing/describe-transport.ts";
import { freePlace } from "../testing/free-place.ts";

let nodes = 0;
const open = (place: string, options = "") =>
  openTransport(`zeromq:${place}${options}`, { name: `node_${nodes++}`, namespace: "/" });

const place = await freePlace();
describeTransport("zeromq", {
  open: () => open(place),
  tells: ["incompatible-quality", "incompatible-type", "matched"],
  keeps: true,
  calls: true,
});

const folder = mkdtempSync(join(tmpdir(), "isochron-zeromq-"));
afterAll(() => rmSync(folder, { recursive: true }));

const write = messageWriter(layoutOf("std_msgs/msg/String", Definitions.common));
const end = (topic: string): TopicEnd => ({
  topic,
  type: "std_msgs/msg/String",
  quality: defaultQuality,
  definitions: Definitions.common,
});

const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
};

/** A publication that has a reader. */
async function heard(node: Transport, topic: string): Promise<Publication> {
  let readers = 0;
  node.onEvent((event) => {
    if (event.topic === topic && event.kind === "matched") readers = event.count;
  });
  const publication = node.advertise(end(topic));
  await until(() => readers > 0);
  return publication;
}

describe("nodes of ZeroMQ", () => {
  it("count what a reader that is slow did not get: what came and what was dropped are all that was sent", async () => {
    const where = await freePlace();
    const [sender, reader] = [await open(where, ",high-water-mark=5"), await open(where, ",high-water-mark=5")];
    let [came, lost, last] = [0, 0, ""];
    reader.onEvent((event) => {
      if (event.kind === "lost") lost += event.count;
    });
    reader.subscribe(end("/much"), ({ bytes }) => {
      came++;
      last = Buffer.from(bytes).toString("latin1", 8, bytes.length - 1);
    });
    const publication = await heard(sender, "/much");
    const bytes = write({ data: "x".repeat(100_000) });
    for (let at = 0; at < 200; at++) publication.publish(bytes);
    let more = 0;
    // The last one tells how many were sent before; it may be dropped itself.
    while (last !== "last") {
      publication.publish(write({ data: "last" }));
      more++;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(lost).toBeGreaterThan(0);
    expect(came + lost).toBe(200 + more);
    await Promise.all([sender.close(), reader.close()]);
  });

  it("find the others through any one that is left, and tell of one that goes", async () => {
    const where = await freePlace();
    const [first, second, third] = [await open(where), await open(where), await open(where)];
    const seen: string[] = [];
    second.subscribe(end("/a"), () => seen.push("second"));
    third.subscribe(end("/a"), () => seen.push("third"));
    await until(() => second.graph()[0]?.subscriptions === 2);
    await first.close();
    const counts: number[] = [];
    third.onEvent((event) => {
      if (event.kind === "matched" && event.end === "publication") counts.push(event.count);
    });
    const publication = third.advertise(end("/a"));
    await until(() => counts.at(-1) === 2);
    publication.publish(write({ data: "without the first" }));
    await until(() => seen.length === 2);
    await second.close();
    await until(() => counts.at(-1) === 1);
    expect(seen.sort()).toEqual(["second", "third"]);
    await third.close();
  });

  it("with keys hear one another, and nobody hears or finds them without", async () => {
    const keys = join(folder, "keys.json");
    writeFileSync(keys, JSON.stringify(curveKeyPair()));
    const where = await freePlace();
    const [one, other] = [await open(where, `,curve=${keys}`), await open(where, `,curve=${keys}`)];
    const stranger = await open(where);
    const seen: unknown[] = [];
    other.subscribe(end("/secret"), (message) => seen.push(message));
    stranger.subscribe(end("/secret"), () => seen.push("stranger"));
    const publication = await heard(one, "/secret");
    publication.publish(write({ data: "x" }));
    await until(() => seen.length > 0);
    expect(seen).toHaveLength(1);
    expect(seen).not.toContain("stranger");
    expect(stranger.graph()).toEqual([
      { topic: "/secret", types: ["std_msgs/msg/String"], publications: 0, subscriptions: 1 },
    ]);
    await Promise.all([one.close(), other.close(), stranger.close()]);
  });

  it("refuse addresses that say nothing of what they mean", async () => {
    const node = { name: "a", namespace: "/" };
    const ask = (text: string) => openTransport(`zeromq:${text}`, node);
    await expect(ask("localhost")).rejects.toThrow('zeromq: "localhost" is no place to meet');
    await expect(ask("tcp://127.0.0.1:1,high-water-mark=none")).rejects.toThrow("high-water-mark is a whole number");
    await expect(ask("tcp://127.0.0.1:1,curv=x")).rejects.toThrow('there is no option "curv=x"; did you mean curve?');
    await expect(ask(`tcp://127.0.0.1:1,curve=${join(folder, "none")}`)).rejects.toThrow("is no pair of keys");
    await expect(ask("tcp://example.invalid:1,listen=tcp://example.invalid:*")).rejects.toThrow("cannot listen at");
  });
});
