// The in-process transport: order, ends of subscriptions, and failing subscribers.
import { describe, expect, it } from "vitest";
import { InProcessTransport } from "./index.ts";

const bytes = (value: number): Uint8Array => Uint8Array.of(value);

describe("the in-process transport", () => {
  it("delivers the published bytes to the topic's subscribers and to no others", () => {
    const transport = new InProcessTransport();
    const seen: string[] = [];
    transport.subscribe("/a", ([value]) => seen.push(`first ${value}`));
    transport.subscribe("/a", ([value]) => seen.push(`second ${value}`));
    transport.subscribe("/b", ([value]) => seen.push(`other ${value}`));
    transport.publish("/a", bytes(7));
    expect(seen).toEqual(["first 7", "second 7"]);
  });

  it("shows every subscriber one order, also of messages published while another is delivered", () => {
    const transport = new InProcessTransport();
    const seen: string[] = [];
    transport.subscribe("/a", ([value]) => {
      if (value === 1) transport.publish("/a", bytes(2));
      seen.push(`first ${value}`);
    });
    transport.subscribe("/a", ([value]) => seen.push(`second ${value}`));
    transport.publish("/a", bytes(1));
    expect(seen).toEqual(["first 1", "second 1", "first 2", "second 2"]);
  });

  it("ends the subscription that is asked to end, though another has the same function", () => {
    const transport = new InProcessTransport();
    const seen: number[] = [];
    const receive = ([value]: Uint8Array) => seen.push(value!);
    const end = transport.subscribe("/a", receive);
    transport.subscribe("/a", receive);
    end();
    end();
    transport.publish("/a", bytes(3));
    expect(seen).toEqual([3]);
  });

  it("delivers to the others when a subscriber fails, tells the publisher, and goes on working", () => {
    const transport = new InProcessTransport();
    const seen: number[] = [];
    transport.subscribe("/a", ([value]) => {
      if (value === 1) throw new Error("no");
    });
    transport.subscribe("/a", ([value]) => seen.push(value!));
    expect(() => transport.publish("/a", bytes(1))).toThrow("no");
    transport.publish("/a", bytes(2));
    expect(seen).toEqual([1, 2]);
  });
});
