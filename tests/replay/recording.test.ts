// A recording is an MCAP file that any tool reads: every record valid, every schema parsed, every message decoded.
import { readFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { MessageDefinition } from "@foxglove/message-definition";
import { parse } from "@foxglove/rosmsg";
import { MessageReader } from "@foxglove/rosmsg2-serialization";
import { McapIndexedReader, McapStreamReader, type TypedMcapRecords } from "@mcap/core";
import { FileHandleReadable } from "@mcap/nodejs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Workplace } from "../command-line/command.ts";
import { LogForm, type LoggedJson, loggedKind, namesIn } from "./logged.ts";

const place = new Workplace();
const roadApplication = fileURLToPath(new URL("../../examples/road/app.ts", import.meta.url));
const recording = place.path("road.mcap");

/** All records of the data section, read as a stream with every checksum validated. */
function stream(): TypedMcapRecords[keyof TypedMcapRecords][] {
  const reader = new McapStreamReader({ validateCrcs: true });
  reader.append(readFileSync(recording));
  const records: TypedMcapRecords[keyof TypedMcapRecords][] = [];
  for (let record = reader.nextRecord(); record; record = reader.nextRecord()) records.push(record);
  expect(reader.done()).toBe(true);
  return records;
}

describe("a recording", () => {
  beforeAll(async () => {
    const ran = await place.isochron("run", roadApplication, "--duration", "2s", "--record", recording, "--json");
    expect(ran).toMatchObject({ code: 0, error: "" });
  });
  afterAll(() => place.remove());

  it("is a valid MCAP file of ROS 2's profile, by stream and by index", async () => {
    const records = stream();
    expect(records[0]).toMatchObject({ type: "Header", profile: "ros2", library: "isochron" });
    const file = await open(recording);
    try {
      const reader = await McapIndexedReader.Initialize({ readable: new FileHandleReadable(file) });
      let messages = 0n;
      let lastTime = 0n;
      for await (const message of reader.readMessages({ validateCrcs: true })) {
        messages++;
        expect(message.logTime).toBeGreaterThanOrEqual(lastTime);
        lastTime = message.logTime;
      }
      expect(messages).toBe(reader.statistics?.messageCount);
      expect(messages).toBe(BigInt(records.filter((each) => each.type === "Message").length));
      expect(reader.statistics?.attachmentCount).toBe(3);
    } finally {
      await file.close();
    }
  });

  it("holds inputs, outputs and records whose schemas decode every message", () => {
    const schemas = new Map<number, TypedMcapRecords["Schema"]>();
    const channels = new Map<number, TypedMcapRecords["Channel"]>();
    const decoded = new Map<string, number>();
    const readers = new Map<number, MessageReader>();
    const log = new LogForm(namesIn(recording));
    const kinds = new Set<string>();
    for (const record of stream()) {
      if (record.type === "Schema") schemas.set(record.id, record);
      if (record.type === "Channel") channels.set(record.id, record);
      if (record.type !== "Message") continue;
      const channel = channels.get(record.channelId)!;
      const schema = schemas.get(channel.schemaId)!;
      const text = new TextDecoder().decode(schema.data);
      expect([schema.encoding, channel.messageEncoding]).toEqual(["ros2msg", "cdr"]);
      const reader = readers.get(record.channelId) ?? new MessageReader(parse(text, { ros2: true }));
      readers.set(record.channelId, reader);
      const shown = reader.readMessage(record.data);
      expect(shown).toBeTypeOf("object");
      const event = log.read(channel.topic, record.data);
      if (event) {
        kinds.add(event.kind);
        expectShown(parse(text, { ros2: true }), shown as Readonly<Record<string, unknown>>, event);
      }
      decoded.set(channel.topic, (decoded.get(channel.topic) ?? 0) + 1);
    }
    expect([...kinds].sort()).toEqual(["admit", "keyframe", "release", "verdict"]);
    // 2 s: a frame every 40 ms, a steering step every 20 ms; what is published after the end is recorded too.
    expect(Object.fromEntries([...decoded].filter(([topic]) => loggedKind(topic) === undefined))).toEqual({
      "/camera/image": 50,
      "/isochron/outputs/lane": 50,
      "/isochron/outputs/steer": 100,
      "/cmd/steering": 100,
    });
  });

  /** A record of the log is shown as it is read; where a number stands for a name, the constants before it say which. */
  function expectShown(
    definitions: readonly MessageDefinition[],
    shown: Readonly<Record<string, unknown>>,
    event: LoggedJson,
  ): void {
    const fields = definitions[0]!.definitions;
    for (const [at, { name, isConstant }] of fields.entries()) {
      if (isConstant) continue;
      const before = fields.slice(0, at).reverse();
      const others = before.findIndex((each) => !each.isConstant);
      const constants = others < 0 ? before : before.slice(0, others);
      const constant = constants.find(({ value }) => value === shown[name]);
      if (constants.length > 0) expect(constant?.name).toBe(constantOf(String(event[name])));
      else if (typeof event[name] === "number") expect(Number(shown[name])).toBe(event[name]);
      else if (typeof event[name] === "boolean") expect(shown[name]).toBe(event[name]);
    }
  }
  const constantOf = (name: string) => name.replace(/^\//, "").replaceAll("/", "_").toUpperCase();

  it("shows what a task computed as numbers", () => {
    const records = stream();
    const channel = records.find((each) => each.type === "Channel" && each.topic === "/isochron/outputs/lane");
    if (channel?.type !== "Channel") throw new Error("there is no such channel");
    const schema = records.find((each) => each.type === "Schema" && each.id === channel.schemaId);
    const message = records.find((each) => each.type === "Message" && each.channelId === channel.id);
    if (schema?.type !== "Schema" || message?.type !== "Message") throw new Error("there is no message");
    const reader = new MessageReader(parse(new TextDecoder().decode(schema.data), { ros2: true }));
    const shown = reader.readMessage<Record<string, unknown>>(message.data);
    expect(Object.keys(shown)).toEqual(["job", "sequence", "chain", "offset", "heading", "curvature", "confidence"]);
    expect(shown.confidence).toBeGreaterThan(0.5);
  });
});
