// Logs like those of public reports on definitions, messages and bags (../shared/cases): the values that mcap-ros2-support gives.
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Log, messageDecoder, openLog } from "../../sim/index.ts";
import { type Ended, Workplace } from "../command-line/command.ts";
import { applicationText } from "./cases.ts";

const cases = fileURLToPath(new URL("../../../shared/cases/logs", import.meta.url));
const hasCases = existsSync(cases);
const place = new Workplace();
afterAll(() => place.remove());

const file = (name: string): string => `${cases}/${name}`;
const start = 1_735_000_000_000_000_000n;

/** The messages of a topic as values, in the order of their times since the log's beginning. */
async function values(log: Log, topic: string): Promise<unknown[]> {
  const decode = messageDecoder(log.topic(topic));
  const all: unknown[] = [];
  for await (const message of log.messages({ topics: [topic], by: "log" })) all.push(decode(message));
  return all;
}

const upTo = (count: number): number[] => [...Array(count).keys()];
/** What the applications say of a float on each of so many messages. */
const floats = (count: number): string =>
  upTo(count)
    .map((n) => `${n},0,0`)
    .join(" ");

/** Every application with its log; all are run in one process. */
const runs = {
  own: ["L01/app.ts", "L01/motion.mcap"],
  header: ["L02/app.ts", "L02/radar.mcap"],
  plain: ["L02/plain.ts", "L02/radar-alone.mcap"],
  undefined: ["L06/app.ts", "L06/no-definition.mcap"],
  shortName: ["L06/app.ts", "L06/no-definition-short-name.mcap"],
  nested: ["L09/app.ts", "L09/nested.mcap"],
  empty: ["L09/empty-member.ts", "L09/empty.mcap"],
  frames: ["L10/app.ts", "L10/message-zstd.mcap"],
  framesSeen: ["L10/observer.ts", "L10/message-zstd.mcap"],
  folder: ["L11/app.ts", "L11/drive"],
  metadata: ["L11/app.ts", "L11/drive/metadata.yaml"],
  integers: ["L19/app.ts", "L11/drive/drive_0.mcap"],
  wide: ["L20/app.ts", "L20/wide.mcap"],
  wideSeen: ["L20/observer.ts", "L20/wide.mcap"],
  bad: ["L21/app.ts", "L21/one-empty.mcap"],
  badSeen: ["L21/observer.ts", "L21/one-empty.mcap"],
  comment: ["L22/app.ts", "L22/comment-differs.mcap"],
  field: ["L22/app.ts", "L22/field-differs.mcap"],
  firstWritten: ["L04/app.ts", "L04/first-and-last-written.mcap"],
  lateStart: ["L04/app.ts", "L04/stats-late-start.mcap"],
  startZero: ["L04/app.ts", "L04/stats-start-zero.mcap"],
  swapped: ["L04/app.ts", "L04/stats-swapped.mcap"],
  zero: ["L04/app.ts", "L04/stats-zero.mcap"],
} as const;
type Name = keyof typeof runs;

const feedback = `import { application, field, message, tensorType, trace } from "isochron";
const pass = trace(({ x }) => ({ y: x.mul(1) }), { x: tensorType("f32", []) }, { name: "pass" });
export default application("feedback", (app) => {
  app.messages(${JSON.stringify(hasCases ? file("L29/travel_msgs") : "")});
  const input = app.input("/walk/_action/feedback", message("travel_msgs/action/Walk_FeedbackMessage", { x: field("feedback.distance") }));
  app.task("pass", pass, { inputs: input.ports, on: input, minInterval: "1ms", budget: "200us", deadline: "1ms" });
  const seen = [];
  app.on("/walk/_action/feedback").subscribe(({ feedback }) => seen.push(feedback.distance));
  app.summary(() => ({ seen: seen.join(" ") }));
});
`;
describe.skipIf(!hasCases)("a log with definitions or files like those of a public report (needs ../shared)", () => {
  const done = new Map<string, Ended>();
  const said = (name: Name | "feedback"): unknown => {
    const { code, out, error } = done.get(name)!;
    expect({ code, error }).toEqual({ code: 0, error: "" });
    const { world, cycles } = JSON.parse(out) as { readonly world: object; readonly cycles: number };
    return { ...world, cycles };
  };

  beforeAll(async () => {
    place.write({ "feedback.ts": feedback });
    const commands = Object.entries(runs).map(([name, [app, log]]) => {
      // The streams of an application last for one run: each run has a copy.
      place.write({ [`${name}.ts`]: applicationText(file(app)) });
      return ["run", place.path(`${name}.ts`), "--log", file(log), "--json"];
    });
    const results = await place.each([
      ...commands,
      ["run", place.path("feedback.ts"), "--log", file("L29/feedback.mcap"), "--json"],
      ["messages", file("L19/lab_msgs"), "-o", "flags.ts"],
      ["messages", file("L29/travel_msgs"), "-o", "walk.ts"],
      ["messages", file("L02/radar_msgs"), "-o", "radar.ts"],
    ]);
    [...Object.keys(runs), "feedback", "flags.ts", "walk.ts", "radar.ts"].forEach((name, at) => {
      done.set(name, results[at]!);
    });
  });

  it("has the Point of its own package (L01)", async () => {
    expect(said("own")).toMatchObject({ seen: "10,3,0 11,3,0 12,3,0 13,3,0 14,3,0" });
    expect((await values(await openLog(file("L01/motion.mcap")), "/motion"))[4]).toEqual({
      kind: 7,
      start_time: 1.5,
      start_point: { x: 14, y: 20 },
      goal: { x: 1, y: 2, z: 3 },
    });
  });

  it("has the Header of its own package (L02)", async () => {
    expect(said("header")).toMatchObject({ seen: "40,0,0 41,0,0 42,0,0 43,0,0 44,0,0" });
    expect(said("plain")).toMatchObject({ seen: "40,120,0 41,120,0 42,120,0 43,120,0 44,120,0" });
    expect((await values(await openLog(file("L02/silent.mcap")), "/scan"))[1]).toEqual({
      header: { cycle: 101, targets: 12, mode: "long range" },
      stamped: { stamp: { sec: 1_735_000_000, nanosec: 100_000_000 }, frame_id: "radar" },
    });
    expect(readFileSync(place.path("radar.ts"), "utf8")).toContain("  header: RadarMsgsHeader;\n  count: number;");
  });

  it.each([
    ["first-and-last-written", "firstWritten", start],
    ["stats-late-start", "lateStart", start],
    ["stats-start-zero", "startZero", start],
    ["stats-swapped", "swapped", 0n],
    ["stats-zero", "zero", start],
  ] as const)("has its messages at their times, whatever the statistics in %s say (L04)", async (name, run, first) => {
    const log = await openLog(file(`L04/${name}.mcap`));
    expect([log.startNs, log.endNs, log.messageCount]).toEqual([first, first + 900_000_000n, 10]);
    expect(log.recovered).toBeUndefined();
    const times: bigint[] = [];
    for await (const { timeNs } of log.messages({ by: "log" })) times.push(timeNs);
    expect(times).toEqual(upTo(10).map((n) => first + BigInt(n) * 100_000_000n));
    expect(said(run)).toMatchObject({ cycles: 10, seen: floats(10) });
  });

  it("is read by the application's definition where it has none (L06)", async () => {
    expect(said("undefined")).toMatchObject({ seen: floats(10) });
    expect(said("shortName")).toMatchObject({ seen: floats(10) });
    for (const name of ["no-definition", "no-definition-short-name"]) {
      const log = await openLog(file(`L06/${name}.mcap`));
      expect(await values(log, "/value"), name).toEqual(upTo(10).map((data) => ({ data })));
    }
  });

  it("has messages of types without fields (L09)", async () => {
    expect(said("nested")).toMatchObject({ cycles: 3, seen: "7 8 9" });
    expect(said("empty")).toMatchObject({ cycles: 5, seen: "[{},{},{},{},{}]" });
    expect(await values(await openLog(file("L09/empty.mcap")), "/tick")).toEqual([{}, {}, {}, {}, {}]);
    expect(await values(await openLog(file("L09/nested.mcap")), "/tick")).toEqual(
      [7, 8, 9].map((value) => ({ empty: {}, value })),
    );
  });

  it("has what was in its messages before each was compressed (L10)", async () => {
    expect(said("frames")).toMatchObject({ seen: floats(10) });
    expect(said("framesSeen")).toMatchObject({ observed: "0 1 2 3 4 5 6 7 8 9" });
    expect(await values(await openLog(file("L10/message-zstd.mcap")), "/value")).toEqual(
      upTo(10).map((data) => ({ data })),
    );
  });

  it("is a folder of files, one after the other (L11)", async () => {
    expect(said("folder")).toMatchObject({ cycles: 20, seen: floats(20) });
    expect(said("metadata")).toMatchObject({ cycles: 20, seen: floats(20) });
    const log = await openLog(file("L11/drive"));
    expect(log.topics).toHaveLength(1);
    expect([log.messageCount, log.endNs - log.startNs]).toEqual([20, 1_900_000_000n]);
    expect(await values(log, "/value")).toEqual(upTo(20).map((data) => ({ data })));
  });

  it("has integers in binary, octal and with underscores (L19)", () => {
    expect(said("integers")).toMatchObject({
      first: JSON.stringify({ flags: 5, level: 0, ready: true, note: "x = y # z" }),
    });
    const text = readFileSync(place.path("flags.ts"), "utf8");
    for (const line of [
      "MASK_BIN: 5,",
      "MASK_OCT: 15,",
      "MASK_HEX: 31,",
      "BIG_BIN: 5n,",
      "MILLION: 1000000,",
      "SMALL: 0.00009,",
      'PATTERN: "a#b",',
      'ASSIGNED: "a = b",',
    ])
      expect(text).toContain(`  ${line}\n`);
  });

  it("has wide strings for whoever reads them (L20)", async () => {
    expect(said("wide")).toMatchObject({ seen: floats(5) });
    const labels = upTo(5).map((value) => ({ name: "ab中", value }));
    expect(said("wideSeen")).toMatchObject({ seen: JSON.stringify(labels).slice(0, 200) });
    expect(await values(await openLog(file("L20/wide.mcap")), "/label")).toEqual(labels);
  });

  it("has a bad message among good ones, which nobody sees (L21)", async () => {
    expect(said("bad")).toMatchObject({ seen: "0,0,0 1,0,0 2,0,0 4,0,0 5,0,0" });
    expect(said("badSeen")).toMatchObject({ observed: "0 1 2 4 5" });
    const log = await openLog(file("L21/one-bad.mcap"));
    const decode = messageDecoder(log.topic("/chatter"));
    const seen: unknown[] = [];
    for await (const message of log.messages({ by: "log" })) {
      try {
        seen.push(decode(message));
      } catch (error) {
        seen.push((error as { details: readonly string[] }).details[0]);
      }
    }
    expect(seen).toEqual([
      { data: "hello 0" },
      { data: "hello 1" },
      "std_msgs/msg/String: the encapsulation header is [08, 00, 00, 00], not CDR",
      { data: "hello 3" },
      "std_msgs/msg/String.header: the message ends after 0 bytes",
      { data: "hello 5" },
    ]);
  });

  it("has one topic where definitions differ in words, and says where they differ in fields (L22)", async () => {
    expect(said("comment")).toMatchObject({ seen: floats(10) });
    expect((await openLog(file("L22/comment-differs.mcap"))).topics).toHaveLength(1);
    const { code, out } = done.get("field")!;
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      error: {
        code: "log/ambiguous-topic",
        details: expect.arrayContaining(["their definitions differ first at value: float32 value, float64 value"]),
      },
    });
  });

  it("has the feedback of an action, whose types an application declares (L29)", async () => {
    expect(said("feedback")).toMatchObject({ cycles: 4, seen: "0 0.5 1 1.5" });
    expect((await values(await openLog(file("L29/feedback.mcap")), "/walk/_action/feedback"))[1]).toEqual({
      goal_id: { uuid: Uint8Array.from({ length: 16 }, (_, at) => at) },
      feedback: { distance: 0.5 },
    });
    expect(done.get("walk.ts")!.code).toBe(0);
    expect(readFileSync(place.path("walk.ts"), "utf8")).toContain(
      '"travel_msgs/action/Walk_FeedbackMessage": Walk_FeedbackMessage;',
    );
  });

  it("has stamps before 1970, and times of its own after it (L29)", async () => {
    const log = await openLog(file("L29/negative-stamps.mcap"));
    const stamps: bigint[] = [];
    for await (const { timeNs } of log.messages({ by: "header" })) stamps.push(timeNs);
    expect(stamps).toEqual(
      [700, 750, 800, 850].map((ms) => -1_142_771_387n * 1_000_000_000n + BigInt(ms) * 1_000_000n),
    );
  });
});
