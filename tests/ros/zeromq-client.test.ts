// The client in Python of the page on transports, run as it stands there.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { rosPython } from "../../launch/setup/ros-environment.mjs";
import { Definitions, defaultQuality, layoutOf, messageWriter, openTransport } from "../../nodes/index.ts";
import { freePlace } from "../../nodes/middleware/testing/free-place.ts";
import { skipReason } from "./place.ts";

const folder = mkdtempSync(join(tmpdir(), "isochron-zeromq-"));
afterAll(() => rmSync(folder, { recursive: true }));

const write = messageWriter(layoutOf("std_msgs/msg/String", Definitions.common));

it("the client in Python that the page on transports shows reads what a node of ZeroMQ publishes", async ({ skip }) => {
  if (skipReason !== undefined) skip(skipReason);
  const page = readFileSync(new URL("../../docs/transports.md", import.meta.url), "utf8");
  const client = join(folder, "client.py");
  writeFileSync(client, /```python\n(.*?)```/s.exec(page)![1]!);
  const where = await freePlace();
  const node = await openTransport(`zeromq:${where}`, { name: "teller", namespace: "/" });
  const publication = node.advertise({
    topic: "/told",
    type: "std_msgs/msg/String",
    quality: defaultQuality,
    definitions: Definitions.common,
  });
  const child = spawn(rosPython, [client, where, "/told", "3"], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  child.stdout.on("data", (chunk) => (said += chunk));
  let over = false;
  child.on("close", () => (over = true));
  // A client says nowhere that it listens: it is told again and again.
  for (let at = 0; !over; at++) {
    publication.publish(write({ data: `message ${at}` }));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const lines = said
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as [string, string, number, number, string]);
  expect(lines).toHaveLength(3);
  const [first] = lines.map(([, , , number]) => number);
  for (const [at, [topic, schema, sentNs, number, text]] of lines.entries()) {
    expect([topic, schema, number, text]).toEqual([
      "/told",
      "std_msgs/msg/String",
      first! + at,
      `message ${first! + at}`,
    ]);
    expect(Math.abs(sentNs / 1e6 - Date.now())).toBeLessThan(3_600_000);
  }
  await node.close();
});
