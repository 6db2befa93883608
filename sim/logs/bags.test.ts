// Bags as recorders leave them: SQLite files and folders, whole or not, compressed by message or by file.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import zstd from "@foxglove/wasm-zstd";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { IsochronError } from "../../kernels/index.ts";
import { Definitions } from "../../nodes/index.ts";
import { expectType, type Log, type LogMessage, type MessageQuery, messageDecoder, openLog } from "./index.ts";
import { forms, type MadeMessage, madeLog, stamped } from "./testing/made-logs.ts";

const folder = mkdtempSync(join(tmpdir(), "isochron-bags-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const bag = (name: string): string => fileURLToPath(new URL(`testing/bags/${name}`, import.meta.url));

/** Writes files into the test's folder; the path of the first. */
function write(files: Readonly<Record<string, string | Uint8Array>>): string {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return join(folder, Object.keys(files)[0]!);
}

async function collect(log: Log, query: MessageQuery = { by: "log" }): Promise<LogMessage[]> {
  const all: LogMessage[] = [];
  for await (const message of log.messages(query)) all.push(message);
  return all;
}

async function rejected(body: () => Promise<unknown>): Promise<IsochronError> {
  const error = await body().then(
    () => undefined,
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(IsochronError);
  return error as IsochronError;
}

const start = 1_735_000_000_000_000_000n;
const at = (tenths: number): bigint => start + BigInt(tenths) * 100_000_000n;
const float = (value: number): Uint8Array => {
  const bytes = Buffer.from([0, 1, 0, 0, 0, 0, 0, 0]);
  bytes.writeFloatLE(value, 4);
  return Uint8Array.from(bytes);
};
const upTo = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, n) => from + n);

/** What the bags of `testing/bags` hold: floats ten times a second, and a text each second. */
async function expectTwoSeconds(log: Log): Promise<void> {
  expect([log.messageCount, log.startNs, log.endNs]).toEqual([22, at(0), at(19)]);
  const found = await collect(log);
  const values = found.filter(({ topic }) => topic === "/value");
  expect(values.map(({ timeNs }) => timeNs)).toEqual(upTo(0, 20).map(at));
  values.forEach(({ bytes }, n) => void expect(Uint8Array.from(bytes)).toEqual(float(n)));
  expect(found.filter(({ topic }) => topic === "/text").map(({ timeNs }) => timeNs)).toEqual([at(0), at(10)]);
  expect(found.map(({ timeNs }) => timeNs)).toEqual(
    [...found.map(({ timeNs }) => timeNs)].sort((a, b) => Number(a - b)),
  );
}

describe("a SQLite bag", () => {
  it.each(["humble.db3", "jazzy.db3", "no-index.db3"])(
    "%s has its messages in the order of their times",
    async (name) => {
      const log = await openLog(bag(name));
      expect(log.recovered).toBeUndefined();
      await expectTwoSeconds(log);
    },
  );

  it("without definitions is read by the common ones, and by the application's", async () => {
    const log = await openLog(bag("humble.db3"));
    expect(log.topics.map(({ topic, type, encoding, count }) => [topic, type, encoding, count])).toEqual([
      ["/text", "std_msgs/msg/String", "cdr", 2],
      ["/value", "std_msgs/msg/Float32", "cdr", 20],
    ]);
    const decode = messageDecoder(log.topic("/value"));
    expect((await collect(log, { by: "log", topics: ["/value"] })).map(decode)).toEqual(
      upTo(0, 20).map((data) => ({ data })),
    );
    expectType(log.topic("/value"), "std_msgs/msg/Float32", Definitions.common);
    const own = Definitions.common.with([{ type: "lab_msgs/msg/Level", text: "float32 level" }]);
    expectType({ ...log.topic("/value"), type: "lab_msgs/msg/Level" }, "lab_msgs/msg/Level", own);
  });

  it("with definitions is read by those, in IDL as in ros2msg", async () => {
    const log = await openLog(bag("jazzy.db3"));
    expect(log.topics.map(({ topic, schemaEncoding, count }) => [topic, schemaEncoding, count])).toEqual([
      ["/silent", "", 0],
      ["/text", "ros2msg", 2],
      ["/value", "ros2idl", 20],
    ]);
    const decode = messageDecoder(log.topic("/value"));
    expect((await collect(log, { by: "log", topics: ["/value"] })).map(decode)).toEqual(
      upTo(0, 20).map((level) => ({ level })),
    );
    const error = await rejected(async () =>
      expectType(
        log.topic("/value"),
        "lab_msgs/msg/Level",
        Definitions.common.with([{ type: "lab_msgs/msg/Level", text: "float64 level" }]),
      ),
    );
    expect(error.details).toEqual(["log          float32 level", "application  float64 level"]);
  });

  it("is delivered by topic and by time, both ends included", async () => {
    for (const name of ["humble.db3", "no-index.db3"]) {
      const found = await collect(await openLog(bag(name)), { by: "log", topics: ["/value"], from: at(3), to: at(6) });
      expect(
        found.map(({ timeNs }) => timeNs),
        name,
      ).toEqual([3, 4, 5, 6].map(at));
    }
    expect(await collect(await openLog(bag("humble.db3")), { by: "log", topics: ["/text"], from: at(11) })).toEqual([]);
  });

  it("of a recorder that was killed has what is in the journal beside it", async () => {
    const copy = join(folder, "killed");
    mkdirSync(copy);
    for (const name of ["killed.db3", "killed.db3-wal"]) cpSync(bag(name), join(copy, name));
    await expectTwoSeconds(await openLog(join(copy, "killed.db3")));
    // Without the journal there is what was written back before.
    rmSync(join(copy, "killed.db3-wal"));
    expect((await openLog(join(copy, "killed.db3"))).messageCount).toBe(11);
  });

  it("that is a database of something else says so", async () => {
    const error = await rejected(() => openLog(bag("no-bag.db3")));
    expect([error.code, error.message]).toEqual([
      "log/foreign",
      `${bag("no-bag.db3")} is not a bag: the database has no table "topics" with a column "id"`,
    ]);
  });

  it.each([3961, 3881])("whose byte %i was changed, so that its index leads back, is damaged", async (place) => {
    const changed = Uint8Array.from(readFileSync(bag("jazzy.db3")));
    changed[place] = 242;
    const error = await rejected(async () => collect(await openLog(write({ "leads-back.db3": changed }))));
    expect([error.code, error.message]).toEqual([
      "log/damaged",
      expect.stringContaining("its messages are not in the order that its index tells"),
    ]);
  });

  it("that was cut or changed anywhere is an error, or has nothing but messages", async () => {
    const bytes = readFileSync(bag("jazzy.db3"));
    const changes = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 0, max: 255 })), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(changes, fc.integer({ min: 0, max: bytes.length * 2 }), async (places, length) => {
        const changed = Uint8Array.from(bytes.subarray(0, length));
        for (const [place, byte] of places) if (place < changed.length) changed[place] = byte;
        const path = write({ "changed.db3": changed });
        try {
          const log = await openLog(path);
          const found = await collect(log);
          const decode = messageDecoder(log.topic("/value"));
          for (const message of found) if (message.topic === "/value") decode(message);
        } catch (error) {
          expect(error).toBeInstanceOf(IsochronError);
          expect((error as IsochronError).code).toMatch(/^log\//);
        }
      }),
      { numRuns: process.env.ISOCHRON_NIGHTLY === "1" ? 20_000 : 300 },
    );
  });
});

const types = { "/value": "std_msgs/msg/Float32" };
const floats = (from: number, to: number): MadeMessage[] =>
  upTo(from, to).map((n) => ({ topic: "/value", timeNs: at(n), sequence: n, bytes: float(n) }));
const yaml = (...names: readonly string[]): string =>
  `rosbag2_bagfile_information:\n  version: 5\n  storage_identifier: mcap\n  relative_file_paths:\n${names.map((name) => `    - ${name}\n`).join("")}  message_count: 99\n`;
const whole = forms["chunks as they are"]!;
const numbers = async (log: Log): Promise<number[]> => (await collect(log)).map(({ sequence }) => sequence);

describe("a bag's folder", () => {
  it("is one log: its files in the order of their times, whatever metadata.yaml counts", async () => {
    const path = dirname(
      write({
        "split/metadata.yaml": yaml("split_0.mcap", "split_1.mcap", "split_2.mcap"),
        "split/split_0.mcap": await madeLog(floats(0, 5), whole, types),
        "split/split_1.mcap": await madeLog(floats(5, 6), whole, types),
        "split/split_2.mcap": await madeLog(floats(6, 12), forms["no chunks"]!, types),
        "split/split_3.mcap": await madeLog(floats(50, 60), whole, types),
      }),
    );
    for (const name of [path, join(path, "metadata.yaml")]) {
      const log = await openLog(name);
      expect([log.messageCount, log.startNs, log.endNs]).toEqual([12, at(0), at(11)]);
      expect(log.topics).toEqual([expect.objectContaining({ topic: "/value", count: 12 })]);
      expect(await numbers(log)).toEqual(upTo(0, 12));
      expect((await collect(log, { by: "log", from: at(4), to: at(6) })).map(({ sequence }) => sequence)).toEqual([
        4, 5, 6,
      ]);
    }
  });

  it("merges files that overlap in time, equal times in the order of the files", async () => {
    const times = fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(fc.array(times, { minLength: 1, maxLength: 4 }), async (files) => {
        const messages = files.map((each, file) =>
          each.map((n, k) => ({ topic: "/value", timeNs: at(n), sequence: file * 100 + k, bytes: float(n) })),
        );
        const names = files.map((_, file) => `merged_${file}.mcap`);
        const contents = await Promise.all(messages.map((each) => madeLog(each, whole, types)));
        write(Object.fromEntries(contents.map((content, file) => [`merged/${names[file]}`, content])));
        write({ "merged/metadata.yaml": yaml(...names) });
        const expected = messages.flat().sort((a, b) => Number(a.timeNs - b.timeNs) || a.sequence - b.sequence);
        expect(await numbers(await openLog(join(folder, "merged")))).toEqual(expected.map(({ sequence }) => sequence));
      }),
      { numRuns: 30 },
    );
  });

  it("is in the order of the stamps in its headers where asked for", async () => {
    const stampedType = { "/time": "sensor_msgs/msg/TimeReference" };
    const message = (n: number, stamp: number): MadeMessage => ({
      topic: "/time",
      timeNs: at(n),
      sequence: n,
      bytes: stamped(BigInt(stamp), "x"),
    });
    write({
      "headers/h_0.mcap": await madeLog([message(0, 5), message(1, 1)], whole, stampedType),
      "headers/h_1.mcap": await madeLog([message(2, 3), message(3, 0)], whole, stampedType),
    });
    const found = await collect(await openLog(join(folder, "headers")), { by: "header" });
    expect(found.map(({ timeNs }) => Number(timeNs))).toEqual([0, 1, 3, 5]);
  });

  it("of SQLite files is one log too, and without metadata.yaml its files are in the order of their numbers", async () => {
    write({
      "killed-bag/bag_10.mcap": await madeLog(floats(31, 33), whole, types),
      "killed-bag/bag_9.mcap": await madeLog(floats(30, 31), whole, types),
      "killed-bag/bag_1.db3": readFileSync(bag("humble.db3")),
      "killed-bag/notes.txt": "not a log",
    });
    const log = await openLog(join(folder, "killed-bag"));
    expect(log.messageCount).toBe(25);
    expect(log.library).toBe("rosbag2 as SQLite, isochron tests");
    const values = await collect(log, { by: "log", topics: ["/value"] });
    expect(values.map(({ timeNs }) => timeNs)).toEqual([...upTo(0, 20), 30, 31, 32].map(at));
    // One file has no definition, the others have it.
    expect(log.topic("/value")).toMatchObject({ count: 23, schemaEncoding: "ros2msg" });
  });

  it("of which the last file is cut or empty says so, and delivers what there is", async () => {
    const last = await madeLog(floats(5, 20), whole, types);
    for (const [name, content, count, why] of [
      ["cut", last.subarray(0, last.length >> 1), 5, "cut_1.mcap is whole up to byte"],
      ["none", new Uint8Array(), 5, "none_1.mcap is empty"],
    ] as const) {
      write({
        [`${name}/metadata.yaml`]: yaml(`${name}_0.mcap`, `${name}_1.mcap`),
        [`${name}/${name}_0.mcap`]: await madeLog(floats(0, 5), whole, types),
        [`${name}/${name}_1.mcap`]: content,
      });
      const log = await openLog(join(folder, name));
      expect(log.recovered?.why).toContain(why);
      const found = await numbers(log);
      expect(found.slice(0, count)).toEqual(upTo(0, 5));
      expect(found).toHaveLength(log.recovered!.messages);
    }
  });

  it("of which a file is missing, or that is none, is an error that names it", async () => {
    const gone = write({ "gone/metadata.yaml": yaml("gone_0.mcap", "gone_1.mcap"), "gone/gone_0.mcap": "" });
    const error = await rejected(() => openLog(gone));
    expect([error.code, error.message]).toEqual(["log/missing-file", `${gone} names gone_1.mcap, which is not there`]);
    for (const text of ["", "a: [", "rosbag2_bagfile_information: {}", yaml(), "[1, 2]", "&a [*a, *a]"]) {
      const wrong = write({ "wrong/metadata.yaml": text });
      expect((await rejected(() => openLog(wrong))).code, text).toBe("log/metadata");
    }
    const empty = mkdtempSync(join(folder, "empty-"));
    expect((await rejected(() => openLog(empty))).code).toBe("log/no-bag");
  });
});

describe("a log that its recorder compressed by zstd", () => {
  it("message by message has the messages that were recorded", async () => {
    await zstd.isLoaded;
    const messages = floats(0, 10).map((each) => ({ ...each, bytes: Uint8Array.from(zstd.compress(each.bytes)) }));
    for (const [name, form] of Object.entries(forms)) {
      const log = await openLog(write({ "messages.mcap": await madeLog(messages, form, types) }));
      expect((await collect(log)).map(messageDecoder(log.topic("/value"))), name).toEqual(
        upTo(0, 10).map((data) => ({ data })),
      );
    }
  });

  it("message by message is sorted by the stamps that were compressed too", async () => {
    await zstd.isLoaded;
    const messages = [3, 1, 2].map((stamp, n) => ({
      topic: "/time",
      timeNs: at(n),
      sequence: n,
      bytes: Uint8Array.from(zstd.compress(stamped(BigInt(stamp), "x".repeat(300)))),
    }));
    const path = write({ "stamps.mcap": await madeLog(messages, whole, { "/time": "sensor_msgs/msg/TimeReference" }) });
    const found = await collect(await openLog(path), { by: "header" });
    expect(found.map(({ timeNs }) => Number(timeNs))).toEqual([1, 2, 3]);
  });

  it("has a message that cannot be inflated as it stands, for its reader to refuse", async () => {
    await zstd.isLoaded;
    const [message] = floats(0, 1);
    const frame = Uint8Array.from(zstd.compress(message!.bytes)).subarray(0, 8);
    const path = write({ "broken.mcap": await madeLog([{ ...message!, bytes: frame }], whole, types) });
    const log = await openLog(path);
    const [found] = await collect(log);
    expect(() => messageDecoder(log.topic("/value"))(found!)).toThrow(expect.objectContaining({ code: "log/message" }));
    expect(Uint8Array.from(found!.bytes)).toEqual(frame);
  });

  it("as a file is the log that was compressed, MCAP or SQLite, alone or in a bag's folder", async () => {
    await zstd.isLoaded;
    const mcap = zstd.compress(await madeLog(floats(0, 5), whole, types));
    const sqlite = zstd.compress(readFileSync(bag("humble.db3")));
    write({
      "files/metadata.yaml": yaml("files_0.mcap.zstd", "files_1.mcap"),
      "files/files_0.mcap.zstd": mcap,
      "files/files_1.mcap.zstd": Buffer.concat([zstd.compress(await madeLog(floats(5, 9), whole, types))]),
      "alone.db3.zstd": sqlite,
    });
    expect(await numbers(await openLog(join(folder, "files/files_0.mcap.zstd")))).toEqual(upTo(0, 5));
    expect(await numbers(await openLog(join(folder, "files")))).toEqual(upTo(0, 9));
    const log = await openLog(join(folder, "alone.db3.zstd"));
    await expectTwoSeconds(log);
    // The file that it was inflated to has no name any more, and is there nevertheless.
    await expectTwoSeconds(log);
  });

  it("as a file that was cut or changed is an error, or a log", async () => {
    await zstd.isLoaded;
    const bytes = zstd.compress(await madeLog(floats(0, 30), whole, types));
    await fc.assert(
      fc.asyncProperty(
        fc.nat(bytes.length - 1),
        fc.integer({ min: 0, max: 255 }),
        fc.nat(bytes.length),
        async (place, byte, cut) => {
          const changed = Uint8Array.from(bytes);
          changed[place] = byte;
          const path = write({ "changed.mcap.zstd": changed.subarray(0, Math.max(cut, 8)) });
          try {
            await collect(await openLog(path));
          } catch (error) {
            expect(error).toBeInstanceOf(IsochronError);
            expect((error as IsochronError).code).toMatch(/^log\//);
          }
        },
      ),
      { numRuns: 100 },
    );
  });
});

const data = (name: string): string => fileURLToPath(new URL(`../../../shared/data/rosbag2/${name}`, import.meta.url));

describe.skipIf(!existsSync(data("")))("bags that rosbag2 recorded (needs ../shared)", () => {
  it("have in SQLite what they have in MCAP", async () => {
    for (const [sqlite, mcap, topics] of [
      ["talker.db3", "talker.mcap", ["/topic"]],
      ["cdr_test_0.db3", "cdr_test_0.mcap", ["/test_topic", "/array_topic"]],
    ] as const) {
      for (const topic of topics) {
        const [one, other] = await Promise.all(
          [sqlite, mcap].map(async (name) => {
            const log = await openLog(data(name));
            const found = await collect(log, { by: "log", topics: [topic] });
            const decode = messageDecoder(log.topic(topic));
            return found.map((message) => ({ timeNs: message.timeNs, value: decode(message) }));
          }),
        );
        expect(one, topic).toEqual(other);
        expect(one!.length, topic).toBeGreaterThan(2);
      }
    }
  });

  it("have the messages that they are named for", async () => {
    const talker = await openLog(data("talker.db3"));
    expect(talker.topics.map(({ topic, count }) => [topic, count])).toEqual([
      ["/parameter_events", 0],
      ["/rosout", 10],
      ["/topic", 10],
    ]);
    const texts = (await collect(talker, { by: "log", topics: ["/topic"] })).map(
      messageDecoder(talker.topic("/topic")),
    );
    expect(texts).toEqual(upTo(0, 10).map((n) => ({ data: `Hello, world! ${n}` })));
    const arrays = await openLog(data("cdr_test_0.db3"));
    const topic = arrays.topic("/array_topic");
    const [first] = (await collect(arrays, { by: "log", topics: ["/array_topic"] })).map(messageDecoder(topic));
    expect(first).toMatchObject({
      string_values: ["Complex Hello1", "Complex Hello2", "Complex Hello3"],
      basic_types_values: [{}, {}, {}].map(() => expect.objectContaining({ float64_value: 0 })),
      int64_values_default: BigInt64Array.of(0n, 9223372036854775807n, -9223372036854775808n),
      alignment_check: 0,
    });
    const services = await openLog(data("topics_and_services.mcap"));
    const calls = await collect(services, { by: "log", topics: ["/add_two_ints/_service_event"] });
    const decode = messageDecoder(services.topic("/add_two_ints/_service_event"));
    expect(calls.map(decode)).toMatchObject(
      [1n, 2n, 3n].flatMap((first) => [
        { info: { event_type: 1, sequence_number: first }, request: [{ a: first, b: 3n }], response: [] },
        { info: { event_type: 2, sequence_number: first }, request: [], response: [{ sum: first + 3n }] },
      ]),
    );
  });
});
