// Summaries that do not fit what a log holds, and channels that share a topic.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { IsochronError } from "../../kernels/index.ts";
import { type Log, type LogMessage, openLog } from "./index.ts";
import { forms, type MadeMessage, madeLog, saved } from "./testing/made-logs.ts";
import { joinTopics, type LogTopic } from "./topics.ts";

const folder = mkdtempSync(join(tmpdir(), "isochron-summary-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const start = 1_735_000_000_000_000_000n;
const types = { "/a": "std_msgs/msg/Float32", "/b": "std_msgs/msg/Float32" };
const messages: MadeMessage[] = [3, 1, 2, 0, 5, 4, 9, 7, 8, 6].map((n, sequence) => ({
  topic: n % 3 === 0 ? "/b" : "/a",
  timeNs: start + BigInt(n) * 100_000_000n,
  sequence,
  bytes: Uint8Array.of(0, 1, 0, 0, 0, 0, 0, n),
}));
const sorted = [...messages].sort((a, b) => Number(a.timeNs - b.timeNs)).map(({ sequence }) => sequence);

const codes = { chunkIndex: 8, statistics: 11 } as const;

/** Where the contents of a file's summary records begin, by their kind; the summary's checksum is taken away. */
function summaryOf(bytes: Buffer): { readonly code: number; readonly at: number }[] {
  const footer = bytes.length - 8 - 20;
  bytes.writeUInt32LE(0, footer + 16);
  const records: { code: number; at: number }[] = [];
  for (let at = Number(bytes.readBigUInt64LE(footer)); at < footer - 9; ) {
    records.push({ code: bytes.readUInt8(at), at: at + 9 });
    at += 9 + Number(bytes.readBigUInt64LE(at + 1));
  }
  return records;
}

const made = async (): Promise<Buffer> => Buffer.from(await madeLog(messages, forms["chunks as they are"]!, types));

async function numbers(log: Log): Promise<number[]> {
  const all: LogMessage[] = [];
  for await (const message of log.messages({ by: "log" })) all.push(message);
  return all.map(({ sequence }) => sequence);
}

async function expectAll(bytes: Uint8Array): Promise<void> {
  const log = await openLog(saved(join(folder, "changed.mcap"), bytes));
  expect(log.recovered).toBeUndefined();
  expect([log.startNs, log.endNs, log.messageCount]).toEqual([start, start + 900_000_000n, 10]);
  expect(log.topics.map(({ topic, count }) => [topic, count])).toEqual([
    ["/a", 6],
    ["/b", 4],
  ]);
  expect(await numbers(log)).toEqual(sorted);
  // By the topics, too, which the index leads to.
  const some: number[] = [];
  for await (const { sequence } of log.messages({ by: "log", topics: ["/b"], from: start + 1n })) some.push(sequence);
  expect(some).toEqual(sorted.filter((n) => messages[n]!.topic === "/b" && messages[n]!.timeNs > start));
}

describe("statistics that do not fit the messages", () => {
  it("change neither their times nor their number", async () => {
    const whole = await made();
    const { at } = summaryOf(whole).find(({ code }) => code === codes.statistics)!;
    await expectAll(whole);
    const wrong = fc.oneof(
      fc.constant(0n),
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      fc.constant(start + 400_000_000n),
    );
    await fc.assert(
      fc.asyncProperty(wrong, wrong, async (first, last) => {
        const changed = Buffer.from(whole);
        changed.writeBigUInt64LE(first, at + 26);
        changed.writeBigUInt64LE(last, at + 34);
        await expectAll(changed);
      }),
      { numRuns: 30 },
    );
    // The number of all, of the chunks, and of the first channel: its entry begins with two bytes of its number.
    for (const [place, is64] of [
      [0, true],
      [22, false],
      [48, true],
    ] as const) {
      for (const count of [0, 1, 99]) {
        const changed = Buffer.from(whole);
        if (is64) changed.writeBigUInt64LE(BigInt(count), at + place);
        else changed.writeUInt32LE(count, at + place);
        await expectAll(changed);
      }
    }
  });

  it("are not asked where a chunk's index does not fit what it lists", async () => {
    const whole = await made();
    const indexes = summaryOf(whole).filter(({ code }) => code === codes.chunkIndex);
    expect(indexes.length).toBeGreaterThan(1);
    for (const { at } of indexes) {
      for (const place of [0, 8]) {
        for (const time of [0n, start - 1n, start + 350_000_000n, 2n ** 63n]) {
          const changed = Buffer.from(whole);
          changed.writeBigUInt64LE(time, at + place);
          await expectAll(changed);
        }
      }
    }
  });

  it("and a summary that was changed anywhere, leave an error, or every message", async () => {
    const whole = await made();
    const footer = whole.length - 8 - 20;
    const begin = Number(whole.readBigUInt64LE(footer));
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: begin, max: whole.length - 9 }),
        fc.integer({ min: 0, max: 255 }),
        async (place, byte) => {
          const changed = Buffer.from(whole);
          summaryOf(changed);
          changed[place] = byte;
          try {
            const log = await openLog(saved(join(folder, "changed.mcap"), changed));
            const found = await numbers(log);
            expect(log.endNs).toBeGreaterThanOrEqual(log.startNs);
            expect([...found].sort((a, b) => a - b)).toEqual([...sorted].sort((a, b) => a - b));
          } catch (error) {
            expect(error).toBeInstanceOf(IsochronError);
          }
        },
      ),
      { numRuns: process.env.ISOCHRON_NIGHTLY === "1" ? 5_000 : 200 },
    );
  });
});

describe("channels of one topic", () => {
  const row = (schemaText: string, more: Partial<LogTopic> = {}): LogTopic => ({
    topic: "/speed",
    type: "lab_msgs/msg/Speed",
    encoding: "cdr",
    schemaEncoding: "ros2msg",
    schemaText,
    count: 1,
    ...more,
  });

  it("are one topic where their definitions mean the same, and named with their difference where not", async () => {
    const idl = "module lab_msgs { module msg { struct Speed { float value; }; }; };";
    const same = [
      row("# speed\nfloat32 value\n"),
      row("float32 value  # m/s"),
      row("float32 value 0.5\nuint8 FAST=1"),
      row("float32 value", { type: "lab_msgs/Speed" }),
      row("", { schemaEncoding: "" }),
      row(idl, { schemaEncoding: "ros2idl" }),
    ];
    for (const order of [same, [...same].reverse()]) {
      const [joined, ...others] = joinTopics(order);
      expect(others).toEqual([]);
      expect(joined).toMatchObject({ count: 6, schemaText: expect.stringContaining("float") });
    }
    const different = [
      row("float64 value"),
      row("float32 speed"),
      row("float32[1] value"),
      row("float32 value\nbool ok"),
    ];
    expect(joinTopics([same[0]!, ...different])).toHaveLength(5);
    expect(joinTopics([row("{}", { encoding: "json", schemaEncoding: "jsonschema" }), same[0]!])).toHaveLength(2);
    expect(joinTopics([row("not a definition"), row("not a definition"), same[0]!])).toHaveLength(2);
  });
});
