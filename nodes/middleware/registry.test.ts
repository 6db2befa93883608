// Transports by their names at the command line.
import { describe, expect, it } from "vitest";
import { InProcessNetwork, type NodeOptions, openTransport } from "./index.ts";

const node = { name: "driver", namespace: "/arm" };

describe("openTransport", () => {
  it("hands the node and what stands behind the name's first colon to the transport of that name", async () => {
    const asked: NodeOptions[] = [];
    const transport = new InProcessNetwork().join();
    const open = async (options: NodeOptions) => {
      asked.push(options);
      return transport;
    };
    expect(await openTransport("wire:tcp://host:1", node, { wire: open })).toBe(transport);
    await openTransport("wire", node, { wire: open });
    expect(asked).toEqual([{ ...node, arguments: "tcp://host:1" }, node]);
  });

  it("refuses a name that it does not know, and lists those that it does", async () => {
    const known = { wire: async () => new InProcessNetwork().join() };
    await expect(openTransport("constructor", node, known)).rejects.toMatchObject({
      code: "transport/unknown",
      help: "there are wire",
    });
    await expect(openTransport("wier:x", node, known)).rejects.toMatchObject({ help: expect.stringContaining("wire") });
  });
});
