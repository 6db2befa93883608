// Logs in every form: what they hold, the order of messages, and what is wrong with bad ones.
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { IsochronError } from "../../kernels/index.ts";
import { Definitions } from "../../nodes/index.ts";
import { expectType, type LogMessage, type MessageQuery, messageDecoder, openLog } from "./index.ts";
import { chunkInflaters } from "./inflate.ts";
import { forms, type MadeMessage, madeLog, saved, stamped } from "./testing/made-logs.ts";

const folder = mkdtempSync(join(tmpdir(), "isochron-logs-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const place = (name: string): string => join(folder, name);
const data = (name: string): string => fileURLToPath(new URL(`../../../shared/data/${name}`, import.meta.url));
const hasData = existsSync(data("rosbag2"));

const types = { "/a": "sensor_msgs/msg/TimeReference", "/b": "sensor_msgs/msg/TimeReference" };

/** Messages on two topics: log times, then stamps that run the other way in pairs. */
const made = (times: readonly number[]): MadeMessage[] =>
  times.map((time, at) => ({
    topic: at % 3 === 0 ? "/b" : "/a",
    timeNs: 1_700_000_000_000_000_000n + BigInt(time),
    sequence: at,
    bytes: stamped(1_600_000_000_000_000_000n + BigInt((times.length - at) >> 1), `message ${at}`),
  }));

const collect = async (path: string, query: MessageQuery): Promise<LogMessage[]> => {
  const all: LogMessage[] = [];
  for await (const message of (await openLog(path)).messages(query)) all.push(message);
  return all;
};

const rejected = async (body: () => unknown): Promise<IsochronError> => {
  try {
    await body();
  } catch (error) {
    if (error instanceof IsochronError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
};

const inOrder = (messages: readonly MadeMessage[]): MadeMessage[] =>
  [...messages].sort((a, b) => Number(a.timeNs - b.timeNs) || a.sequence - b.sequence);

describe.each(Object.entries(forms))("a log with %s", (name, form) => {
  const path = place(`${name}.mcap`);

  it("is delivered whole, sorted by log time, equal times in the order of writing", async () => {
    const numbers = fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 0, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(numbers, async (times) => {
        const messages = made(times);
        saved(path, await madeLog(messages, form, types));
        const log = await openLog(path);
        expect(log.recovered).toBeUndefined();
        expect(log.messageCount).toBe(times.length);
        const counted = (topic: string) => messages.filter((each) => each.topic === topic).length;
        const listed = Object.fromEntries(log.topics.map(({ topic, count }) => [topic, count]));
        for (const topic of ["/a", "/b"]) expect(listed[topic] ?? 0).toBe(counted(topic));
        const found = await collect(path, { by: "log" });
        const expected = inOrder(messages);
        expect(found.map(({ sequence }) => sequence)).toEqual(expected.map(({ sequence }) => sequence));
        found.forEach((message, at) => {
          const { topic, timeNs, bytes } = expected[at]!;
          expect([message.topic, message.timeNs]).toEqual([topic, timeNs]);
          expect(Buffer.from(message.bytes).equals(bytes)).toBe(true);
        });
        if (times.length > 0) {
          expect(log.startNs).toBe(expected[0]!.timeNs);
          expect(log.endNs).toBe(expected.at(-1)!.timeNs);
        }
      }),
      { numRuns: 15 },
    );
  });

  it("is delivered by topic and by time, both ends included", async () => {
    const messages = made([5, 1, 1, 2, 3, 3, 4, 8, 6]);
    saved(path, await madeLog(messages, form, types));
    const at = (ns: number) => 1_700_000_000_000_000_000n + BigInt(ns);
    const found = await collect(path, { by: "log", topics: ["/a"], from: at(1), to: at(4) });
    expect(found.map(({ sequence }) => sequence)).toEqual([1, 2, 4, 5]);
  });

  it("is delivered by the stamps in its headers", async () => {
    const messages = made([0, 1, 2, 3, 4, 5, 6]);
    saved(path, await madeLog(messages, form, types));
    const found = await collect(path, { by: "header" });
    // Stamps fall in pairs: (7-at)>>1.
    expect(found.map(({ sequence }) => sequence)).toEqual([6, 4, 5, 2, 3, 0, 1]);
    expect(found.map(({ timeNs }) => Number(timeNs - 1_600_000_000_000_000_000n))).toEqual([0, 1, 1, 2, 2, 3, 3]);
    const limits = { from: 1_600_000_000_000_000_001n, to: 1_600_000_000_000_000_002n };
    const some = await collect(path, { by: "header", topics: ["/a"], ...limits });
    expect(some.map(({ sequence }) => sequence)).toEqual([4, 5, 2]);
  });
});

describe("a log's times", () => {
  it("are read from headers in either byte order", async () => {
    const bytes = [stamped(2_000_000_003n, "x", false), stamped(1_000_000_004n, "y")];
    const messages = bytes.map((each, at) => ({ topic: "/a", timeNs: BigInt(at), sequence: at, bytes: each }));
    const path = saved(place("orders.mcap"), await madeLog(messages, {}, { "/a": types["/a"] }));
    const found = await collect(path, { by: "header" });
    expect(found.map(({ timeNs }) => timeNs)).toEqual([1_000_000_004n, 2_000_000_003n]);
  });

  it("cannot be those of headers where messages have none", async () => {
    const message = { topic: "/s", timeNs: 0n, sequence: 0, bytes: Uint8Array.of(0, 1, 0, 0, 0, 0, 0, 0) };
    const path = saved(place("no-header.mcap"), await madeLog([message], {}, { "/s": "std_msgs/msg/String" }));
    const log = await openLog(path);
    const error = await rejected(() => log.messages({ by: "header" }));
    expect(error.code).toBe("log/no-header");
    expect(error.message).toContain("/s carries std_msgs/msg/String");
  });

  it("are an error where a message is too short for its header", async () => {
    const message = { topic: "/a", timeNs: 0n, sequence: 7, bytes: Uint8Array.of(0, 1, 0, 0, 1) };
    const path = saved(place("short.mcap"), await madeLog([message], {}, { "/a": types["/a"] }));
    const error = await rejected(() => collect(path, { by: "header" }));
    expect(error.code).toBe("log/damaged");
    expect(error.message).toContain("message 7 on /a");
  });
});

describe("a file that is no log", () => {
  it("is an error that says there is none", async () => {
    expect((await rejected(() => openLog(place("nowhere.mcap")))).code).toBe("file/read");
    expect((await rejected(() => openLog(mkdtempSync(join(folder, "no-bag-"))))).code).toBe("log/no-bag");
  });

  it.each([
    ["empty", new Uint8Array(), "log/empty", "is empty"],
    ["cut in its mark", Uint8Array.of(0x89, 0x4d, 0x43), "log/truncated", "only 3 bytes"],
    ["a cut SQLite bag", Buffer.from("SQLite format 3\0 …"), "log/damaged", "is damaged"],
    ["a ROS 1 bag", Buffer.from("#ROSBAG V2.0\n"), "log/foreign", "a ROS 1 bag"],
    ["something else", Buffer.from("hello, world"), "log/foreign", "another kind of file"],
  ])("because it is %s says so", async (name, bytes, code, words) => {
    const error = await rejected(() => openLog(saved(place(`${name}.mcap`), bytes)));
    expect(error.code).toBe(code);
    expect(error.message).toContain(words);
  });
});

describe("what a log does not hold", () => {
  const path = place("asked.mcap");

  it("is an error that lists the topics that are there", async () => {
    saved(path, await madeLog(made([1, 2, 3]), {}, types));
    const log = await openLog(path);
    const error = await rejected(() => log.messages({ by: "log", topics: ["/c"] }));
    expect(error.code).toBe("log/missing-topic");
    expect(error.details).toContain("/a  sensor_msgs/msg/TimeReference, 2 messages");
    expect((await rejected(() => log.topic("/c"))).code).toBe("log/missing-topic");
  });

  it("is an error that names both types where the type is another", async () => {
    const topic = (await openLog(path)).topic("/a");
    const error = await rejected(() => expectType(topic, "sensor_msgs/Imu", Definitions.common));
    expect(error.code).toBe("log/type");
    expect(error.message).toBe("/a carries sensor_msgs/msg/TimeReference, sensor_msgs/msg/Imu was declared");
  });

  it("is no error where definitions are the same in other words", async () => {
    const topic = (await openLog(path)).topic("/a");
    expectType(topic, "sensor_msgs/msg/TimeReference", Definitions.common);
  });

  it("is an error that names the first field where definitions differ", async () => {
    const topic = (await openLog(path)).topic("/a");
    const other = Definitions.common.with([
      { type: "std_msgs/msg/Header", text: "uint32 seq\nbuiltin_interfaces/Time stamp\nstring frame_id" },
    ]);
    const error = await rejected(() => expectType(topic, "sensor_msgs/msg/TimeReference", other));
    expect(error.code).toBe("log/definition");
    expect(error.message).toContain("first at header.stamp");
    expect(error.details).toEqual(["log          time stamp", "application  uint32 seq"]);
  });
});

describe("a chunk whose bytes were changed", () => {
  it.each(["chunks as they are", "chunks compressed by lz4", "chunks compressed by zstd", "no summary at all"])(
    "is an error or the end of what is delivered, and spoils no other log, in a log with %s",
    async (name) => {
      const messages = made([...Array(20).keys()]);
      const bytes = Buffer.from(await madeLog(messages, forms[name]!, types));
      const whole = saved(place("whole.mcap"), bytes);
      // In the middle of the data, well before any index.
      for (const at of [400, 700, 1000]) {
        const changed = Buffer.from(bytes);
        changed[at]! ^= 0xff;
        const path = saved(place("changed.mcap"), changed);
        const found: LogMessage[] = [];
        const error = await (async () => {
          for await (const message of (await openLog(path)).messages({ by: "log" })) found.push(message);
        })().catch((cause: unknown) => cause);
        if (error === undefined) expect((await openLog(path)).recovered).toBeDefined();
        else expect(error).toMatchObject({ code: "log/damaged" });
        expect(found.map(({ sequence }) => sequence)).toEqual(messages.slice(0, found.length).map((m) => m.sequence));
        found.forEach(({ bytes: each }, k) => void expect(Buffer.from(each).equals(messages[k]!.bytes)).toBe(true));
        expect(await collect(whole, { by: "log" })).toHaveLength(messages.length);
      }
    },
  );
});

describe("a compressed chunk", () => {
  const text = Buffer.from("of a robot that goes round and round ".repeat(20));
  // What `lz4 -9` and `zstd -19` make of the text.
  const compressed = {
    lz4: Buffer.from(
      "BCJNGGRApy4AAADzD29mIGEgcm9ib3QgdGhhdCBnb2VzIHJvdW5kIGFuZAoADyUA//+pUG91bmQgAAAAAA6Tp5s=",
      "base64",
    ),
    zstd: Buffer.from("KLUv/WTkATUBAOKBBgvQPVQJTgpzAQCEtnJguT0652UFU+vjaDA9AgC8kKrAZsUJu9VNCA==", "base64"),
  };

  it.each(["lz4", "zstd"] as const)("of %s is what was compressed", (name) => {
    expect(Buffer.from(chunkInflaters[name]!(compressed[name], BigInt(text.length))).equals(text)).toBe(true);
  });

  it.each(["lz4", "zstd"] as const)("of %s that is cut, or not of the size recorded, is refused", (name) => {
    const inflate = (bytes: Uint8Array, size: bigint) => () => chunkInflaters[name]!(bytes, size);
    const size = BigInt(text.length);
    for (const wrong of [0n, size - 1n, size + 1n, 2n ** 40n, 2n ** 64n - 1n]) {
      expect(inflate(compressed[name], wrong), `${wrong}`).toThrow(expect.objectContaining({ code: "log/inflate" }));
    }
    // What follows the data is 8 bytes: LZ4's end mark and checksum, of zstd only the checksum.
    for (let length = 0; length < compressed[name].length - 8; length++) {
      expect(inflate(compressed[name].subarray(0, length), size), `${length}`).toThrow(/./);
    }
    expect(inflate(compressed[name], size)).not.toThrow();
  });
});

describe.skipIf(!hasData)("logs that others recorded (needs ../shared)", () => {
  it("open: the highway drive, by either time, in the same order", async () => {
    const path = data("highway/highway.mcap");
    const log = await openLog(path);
    expect(log.topics.map(({ topic, type, count }) => [topic, type, count])).toEqual([
      ["/camera/camera_info", "sensor_msgs/msg/CameraInfo", 221],
      ["/camera/image/compressed", "sensor_msgs/msg/CompressedImage", 221],
    ]);
    expect(log.recovered).toBeUndefined();
    const topics = ["/camera/image/compressed"];
    const [byLog, byHeader] = [
      await collect(path, { by: "log", topics }),
      await collect(path, { by: "header", topics }),
    ];
    expect(byHeader.map(({ sequence }) => sequence)).toEqual(byLog.map(({ sequence }) => sequence));
    const steps = byHeader.slice(1).map(({ timeNs }, at) => timeNs - byHeader[at]!.timeNs);
    expect(new Set(steps)).toEqual(new Set([40_000_000n]));
    const topic = log.topic(topics[0]!);
    expectType(topic, "sensor_msgs/msg/CompressedImage", Definitions.common);
    expect(messageDecoder(topic)(byLog[0]!)).toMatchObject({ format: "jpeg", header: { frame_id: "camera_optical" } });
  });

  it("open: bags of ROS 2, zstd chunks among them", async () => {
    const log = await openLog(data("rosbag2/talker.mcap"));
    expect(log.compressions).toEqual(["zstd"]);
    const decode = messageDecoder(log.topic("/topic"));
    const texts = (await collect(log.path, { by: "log", topics: ["/topic"] })).map(decode);
    expect(texts).toEqual([...Array(10).keys()].map((n) => ({ data: `Hello, world! ${n}` })));
    for (const [name, count] of [
      ["cdr_test_0", 7],
      ["only_topics", 7],
      ["topics_and_services", 13],
    ] as const) {
      const path = data(`rosbag2/${name}.mcap`);
      expect(await collect(path, { by: "log" }), name).toHaveLength(count);
      expect((await openLog(path)).recovered, name).toBeUndefined();
    }
  });

  it("say what is to be done with ULog files", async () => {
    const error = await rejected(() => openLog(data("px4/flight.ulg")));
    expect(error.code).toBe("log/foreign");
    expect(error.help).toContain("yet");
  });

  it("are recovered up to a cut in a chunk that is not compressed", async () => {
    const bytes = readFileSync(data("highway/highway.mcap"));
    const path = saved(place("highway-cut.mcap"), bytes.subarray(0, 3_000_000));
    const log = await openLog(path);
    expect(log.recovered?.why).toContain("stops inside a message record");
    expect(log.recovered?.messages).toBe(222);
    const whole = await collect(data("highway/highway.mcap"), { by: "log" });
    const found = await collect(path, { by: "log" });
    expect(found).toHaveLength(222);
    found.forEach((message, at) => {
      expect(message.sequence).toBe(whole[at]!.sequence);
      expect(Buffer.from(message.bytes).equals(whole[at]!.bytes)).toBe(true);
    });
  });
});
