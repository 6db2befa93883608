// `isochron topic` and `inspect` from the command line: logs of others, cut ones, and Isochron's own recordings.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Definitions } from "../../nodes/index.ts";
import { expectType, openLog } from "../../sim/index.ts";
import { forms, madeLog, saved, stamped } from "../../sim/logs/testing/made-logs.ts";
import { Workplace } from "../command-line/command.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const cases = (name: string): string => join(root, "../shared/cases/logs", name);
const place = new Workplace();
afterAll(() => place.remove());

const isochron = async (...args: string[]) => {
  const { code, out, error } = await place.shared(...args);
  return { status: code, out, err: error, lines: out.trimEnd().split("\n") };
};

const log = place.path("made.mcap");
beforeAll(async () => {
  const messages = [...Array(5).keys()].flatMap((at) => [
    {
      topic: "/time",
      timeNs: BigInt(at) * 100_000_000n,
      sequence: at,
      bytes: stamped(BigInt(5 - at) * 1_000_000_000n, `number ${at}`),
    },
    {
      topic: "/facts",
      timeNs: BigInt(at) * 100_000_000n,
      sequence: at,
      bytes: Buffer.from(JSON.stringify({ at, name: `fact ${at}` })),
    },
  ]);
  const types = { "/time": "sensor_msgs/msg/TimeReference", "/facts": "json" };
  saved(log, await madeLog(messages, forms["chunks compressed by zstd"]!, types));
});

describe("isochron topic list", () => {
  it("shows topics, types and numbers of messages", async () => {
    const { status, lines } = await isochron("topic", "list", log);
    expect(status).toBe(0);
    expect(lines[0]).toBe(`log ${log}: 10 messages in 400 ms, written by isochron tests`);
    expect(lines).toContain("  chunks compressed by zstd");
    expect(lines.slice(-2)).toEqual([
      "/facts  json                           json             5",
      "/time   sensor_msgs/msg/TimeReference  cdr              5",
    ]);
  });

  it("says on standard error what is missing from a log that was cut", async () => {
    const cut = saved(place.path("cut.mcap"), readFileSync(log).subarray(0, 700));
    const { status, err, out } = await isochron("topic", "list", cut, "--json");
    expect(status).toBe(0);
    expect(err).toContain(`recovered: ${cut} is whole up to byte`);
    expect(JSON.parse(out)).toMatchObject({
      recovered: { messages: 5, why: expect.stringContaining("stops inside a chunk") },
    });
  });
});

describe("isochron topic echo", () => {
  it("prints one JSON object a line with --json", async () => {
    const { lines } = await isochron("topic", "echo", log, "/time", "--json");
    expect(lines.map((line) => JSON.parse(line))).toEqual(
      [0, 1, 2, 3, 4].map((at) => ({
        topic: "/time",
        sequence: at,
        logTimeNs: String(at * 100_000_000),
        publishTimeNs: String(at * 100_000_000),
        message: {
          header: { stamp: { sec: 5 - at, nanosec: 0 }, frame_id: "" },
          time_ref: { sec: 5 - at, nanosec: 0 },
          source: `number ${at}`,
        },
      })),
    );
  });

  it("shows chosen fields, by their paths", async () => {
    const chosen = ["--field", "header.stamp", "-f", "source"];
    const { lines } = await isochron("topic", "echo", log, "/time", "--json", "--count", "1", ...chosen);
    expect(JSON.parse(lines[0]!).message).toEqual({ "header.stamp": { sec: 5, nanosec: 0 }, source: "number 0" });
    expect((await isochron("topic", "echo", log, "/time", "--count", "1", ...chosen)).lines.slice(1)).toEqual([
      "header.stamp:",
      "  sec: 5",
      "  nanosec: 0",
      'source: "number 0"',
    ]);
    const { status, out, err } = await isochron("topic", "echo", log, "/time", "--field", "header.stmp");
    expect([status, out]).toEqual([1, ""]);
    expect(err).toBe(
      [
        'error[command/field]: messages of /time have no field "header.stmp": header has no "stmp"',
        "  help: its fields are stamp, frame_id\n",
      ].join("\n"),
    );
  });

  it("prints CSV: a column a number or text, or those of the chosen fields", async () => {
    expect((await isochron("topic", "echo", log, "/time", "--csv", "--count", "2")).lines).toEqual([
      "logTimeNs,publishTimeNs,sequence,header.stamp.sec,header.stamp.nanosec,header.frame_id,time_ref.sec,time_ref.nanosec,source",
      "0,0,0,5,0,,5,0,number 0",
      "100000000,100000000,1,4,0,,4,0,number 1",
    ]);
    expect(
      (await isochron("topic", "echo", log, "/facts", "--csv", "--field", "name", "--from", "300ms")).lines,
    ).toEqual([
      "logTimeNs,publishTimeNs,sequence,name",
      "300000000,300000000,3,fact 3",
      "400000000,400000000,4,fact 4",
    ]);
    expect((await isochron("topic", "echo", log, "/time", "--csv", "--json")).out).toContain('"code":"command/format"');
  });

  it("names a message that is none, shows those after it, and exits with 1", async () => {
    const messages = ["first", undefined, 'third, with a "comma"'].map((text, at) => ({
      topic: "/time",
      timeNs: BigInt(at) * 100_000_000n,
      sequence: at,
      bytes: text === undefined ? Uint8Array.of(0, 1, 0, 0, 9) : stamped(0n, text),
    }));
    const types = { "/time": "sensor_msgs/msg/TimeReference" };
    const damaged = saved(place.path("bad.mcap"), await madeLog(messages, forms["no chunks"]!, types));
    const text = await isochron("topic", "echo", damaged, "/time", "--field", "source");
    expect([text.status, text.err]).toEqual([1, ""]);
    expect(text.lines).toEqual([
      expect.stringMatching(/^── log 0\.000000 s, published 0\.000000 s, sequence 0, \d+ bytes$/),
      'source: "first"',
      "── log 0.100000 s, published 0.100000 s, sequence 1, 5 bytes",
      "! message 1 on /time is not a whole sensor_msgs/msg/TimeReference",
      expect.stringMatching(/^ {2}\S/),
      expect.stringMatching(/^── log 0\.200000 s/),
      'source: "third, with a \\"comma\\""',
    ]);
    const json = await isochron("topic", "echo", damaged, "/time", "--json");
    expect(json.status).toBe(1);
    expect(json.lines.map((line) => JSON.parse(line))).toMatchObject([
      { sequence: 0, message: { source: "first" } },
      { sequence: 1, logTimeNs: "100000000", error: { code: "log/message", details: [expect.any(String)] } },
      { sequence: 2, message: { source: 'third, with a "comma"' } },
    ]);
    const csv = await isochron("topic", "echo", damaged, "/time", "--csv", "--field", "source");
    expect(csv.lines.slice(1)).toEqual(["0,0,0,first", '200000000,200000000,2,"third, with a ""comma"""']);
    expect(csv.err).toMatch(
      /^log time 100000000 ns: message 1 on \/time is not a whole sensor_msgs\/msg\/TimeReference; /,
    );
  });

  it.skipIf(!existsSync(cases("L21")))(
    "goes on after the bad messages of a public report's like (needs ../shared)",
    async () => {
      const { status, lines } = await isochron("topic", "echo", cases("L21/one-bad.mcap"), "/chatter", "--json");
      expect(status).toBe(1);
      const shown = lines.map((line) => JSON.parse(line));
      expect(shown.map(({ message }) => message?.data)).toEqual([
        "hello 0",
        "hello 1",
        undefined,
        "hello 3",
        undefined,
        "hello 5",
      ]);
      expect(shown.flatMap(({ error, sequence }) => (error ? [sequence] : []))).toEqual([2, 4]);
    },
  );

  it("prints JSON messages too, as many as asked for, from a time and to a time", async () => {
    const facts = async (...args: string[]) =>
      (await isochron("topic", "echo", log, "/facts", "--json", ...args)).lines.map(
        (line) => JSON.parse(line).message.at,
      );
    expect(await facts("--count", "2")).toEqual([0, 1]);
    expect(await facts("--from", "100ms", "--to", "300ms")).toEqual([1, 2, 3]);
  });

  it("orders by the stamps in headers where asked to", async () => {
    const { lines } = await isochron("topic", "echo", log, "/time", "--json", "--header");
    expect(lines.map((line) => JSON.parse(line).message.source)).toEqual([4, 3, 2, 1, 0].map((at) => `number ${at}`));
  });

  it("prints text that a person reads", async () => {
    const { lines } = await isochron("topic", "echo", log, "/time", "--count", "1");
    expect(lines).toEqual([
      expect.stringMatching(/^── log 0\.000000 s, published 0\.000000 s, sequence 0, \d+ bytes$/),
      "header:",
      "  stamp:",
      "    sec: 5",
      "    nanosec: 0",
      '  frame_id: ""',
      "time_ref:",
      "  sec: 5",
      "  nanosec: 0",
      'source: "number 0"',
    ]);
  });

  it("names the topics that there are where the one asked for is missing, and exits with 1", async () => {
    const { status, out, err } = await isochron("topic", "echo", log, "/tims");
    expect(status).toBe(1);
    expect(out).toBe("");
    expect(err).toContain("error[log/missing-topic]");
    expect(err).toContain("/time  sensor_msgs/msg/TimeReference, 5 messages");
  });
});

describe("isochron topic hz", () => {
  it("shows rate and spread of each topic", async () => {
    const { out } = await isochron("topic", "hz", log, "/time", "--json");
    const row = { topic: "/time", count: 5, hz: 10, minNs: 100_000_000, maxNs: 100_000_000, deviationNs: 0 };
    expect(JSON.parse(out)).toEqual({ topics: [row] });
    expect((await isochron("topic", "hz", log)).lines.at(-1)).toBe("/time          5  10.000  100 ms    100 ms   0 ns");
  });
});

describe("isochron inspect", () => {
  it("shows what is in a log that is no recording", async () => {
    const { status, lines } = await isochron("inspect", log);
    expect(status).toBe(0);
    expect(lines[0]).toContain("10 messages");
  });
});

describe("a recording of Isochron", () => {
  const recording = place.path("road.mcap");

  it("is a log like any other: its inputs can be fed again", async () => {
    const run = await isochron(
      "run",
      join(root, "examples/road/app.ts"),
      "--duration",
      "1s",
      "--record",
      recording,
      "--json",
    );
    // Progress of a slow machine aside.
    expect(run.err.replace(/^(compiling|[\d.]+ s of) .*\n/gm, "")).toBe("");
    const opened = await openLog(recording);
    expect(opened.recovered).toBeUndefined();
    const image = opened.topics.find(({ type }) => type === "sensor_msgs/msg/Image")!;
    expectType(image, "sensor_msgs/msg/Image", Definitions.common);
    let before = -1n;
    let count = 0;
    for await (const { timeNs, bytes } of opened.messages({ topics: [image.topic], by: "log" })) {
      expect(timeNs).toBeGreaterThan(before);
      expect(bytes.length).toBeGreaterThan(1000);
      before = timeNs;
      count++;
    }
    expect(count).toBe(image.count);
    expect(count).toBeGreaterThan(20);
  });

  it("echoes its outputs and its own events", async () => {
    const commands = await isochron("topic", "echo", recording, "/cmd/steering", "--json", "--count", "3");
    expect(commands.status).toBe(0);
    expect(commands.lines).toHaveLength(3);
    for (const line of commands.lines) expect(JSON.parse(line)).toHaveProperty("message.drive.steering_angle");
    const events = await isochron("topic", "echo", recording, "/isochron/events/release", "--json", "--count", "1");
    expect(JSON.parse(events.out)).toMatchObject({
      message: { task: 0, job: 0, pins: [{ sequence: 1, held: false }] },
    });
  });
});
