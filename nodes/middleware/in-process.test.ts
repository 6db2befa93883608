// The in-process transport: the contract of all transports, and what is its own (order, failing receivers, types).
import { describe, expect, it } from "vitest";
import { Definitions } from "../messages/index.ts";
import { defaultQuality, InProcessNetwork, incompatiblePolicies, type TopicEnd, type TransportEvent } from "./index.ts";
import { describeTransport } from "./testing/describe-transport.ts";

const shared = new InProcessNetwork();
describeTransport("in-process", {
  open: async () => shared.join(),
  tells: ["incompatible-quality", "incompatible-type", "matched"],
  keeps: true,
  calls: true,
});

const end = (topic: string, type = "std_msgs/msg/UInt8"): TopicEnd => ({
  topic,
  type,
  quality: defaultQuality,
  definitions: Definitions.common,
});
const bytes = (value: number): Uint8Array => Uint8Array.of(value);

describe("nodes of one process", () => {
  it("show every subscription one order, also of messages published while another is delivered", () => {
    const node = new InProcessNetwork().join();
    const seen: string[] = [];
    const publication = node.advertise(end("/a"));
    node.subscribe(end("/a"), ({ bytes: [value] }) => {
      if (value === 1) publication.publish(bytes(2));
      seen.push(`first ${value}`);
    });
    node.subscribe(end("/a"), ({ bytes: [value] }) => seen.push(`second ${value}`));
    publication.publish(bytes(1));
    expect(seen).toEqual(["first 1", "second 1", "first 2", "second 2"]);
  });

  it("deliver to the others when a receiver fails, tell the publisher, and go on working", () => {
    const node = new InProcessNetwork().join();
    const seen: number[] = [];
    node.subscribe(end("/a"), ({ bytes: [value] }) => {
      if (value === 1) throw new Error("no");
    });
    node.subscribe(end("/a"), ({ bytes: [value] }) => seen.push(value!));
    const publication = node.advertise(end("/a"));
    expect(() => publication.publish(bytes(1))).toThrow("no");
    publication.publish(bytes(2));
    expect(seen).toEqual([1, 2]);
  });

  it("tell both ends of a topic whose types differ, and carry nothing between them", () => {
    const network = new InProcessNetwork();
    const [one, other] = [network.join(), network.join()];
    const events: [string, TransportEvent][] = [];
    one.onEvent((event) => events.push(["one", event]));
    other.onEvent((event) => events.push(["other", event]));
    const seen: unknown[] = [];
    other.subscribe(end("/a", "std_msgs/msg/Float32"), (message) => seen.push(message));
    one.advertise(end("/a")).publish(bytes(1));
    const [uint8, float32] = ["std_msgs/msg/UInt8", "std_msgs/msg/Float32"];
    expect(events.filter(([, { kind }]) => kind === "incompatible-type")).toEqual([
      ["one", { topic: "/a", kind: "incompatible-type", ours: uint8, theirs: float32 }],
      ["other", { topic: "/a", kind: "incompatible-type", ours: float32, theirs: uint8 }],
    ]);
    expect(seen).toEqual([]);
  });
});

describe("quality of service", () => {
  it("fits where the offer is at least what is requested", () => {
    const offers = [
      [{}, {}, []],
      [{ reliability: "best-effort" }, {}, ["reliability"]],
      [{}, { reliability: "best-effort" }, []],
      [{}, { durability: "transient-local" }, ["durability"]],
      [{ durability: "transient-local" }, {}, []],
      [{}, { deadlineNs: 1e6 }, ["deadline"]],
      [{ deadlineNs: 2e6 }, { deadlineNs: 1e6 }, ["deadline"]],
      [{ deadlineNs: 1e6 }, { deadlineNs: 1e6 }, []],
      [{ leaseNs: 2e6 }, { leaseNs: 1e6, deadlineNs: 1 }, ["deadline", "lease"]],
    ] as const;
    for (const [offered, requested, policies] of offers) {
      const found = incompatiblePolicies({ ...defaultQuality, ...offered }, { ...defaultQuality, ...requested });
      expect(found).toEqual(policies);
    }
  });
});
