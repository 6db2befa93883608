// Messages that pipelines publish: on the transport, in the recording and in the report, and no matter of the schedule.
import { map } from "rxjs";
import { afterAll, describe, expect, it } from "vitest";
import { application, field, message, runApplication, tensorType, trace } from "../../launch/index.ts";
import { Definitions, defaultQuality, InProcessNetwork, layoutOf, messageReader } from "../../nodes/index.ts";
import { auditFile, openLog, type PublishedMessage, readRecording, replay } from "../../sim/index.ts";
import { Workplace } from "../command-line/command.ts";

const place = new Workplace();
const cacheDir = ".cache/kernels";
const text = "std_msgs/msg/String";
const twice = trace(({ x }) => ({ y: x.mul(2) }), { x: tensorType("f32", []) }, { name: "twice" });

const saying = (says = true) =>
  application("saying", (app) => {
    const x = app.input("/in", message("std_msgs/msg/Float32", { x: field("data") }));
    const limits = { minInterval: "5ms", budget: "100us", deadline: "2ms" } as const;
    const task = app.task("twice", twice, { inputs: { x }, on: x, ...limits });
    app.output("/out", "std_msgs/msg/Float32", task.outputs, { y: "data" });
    const values = app.on<{ readonly data: number }>("/out");
    if (says) app.publish("/said", "std_msgs/String", values.pipe(map(({ data }) => ({ data: `it is ${data}` }))));
    let count = 0;
    app.world(() => ({
      name: "counter",
      periodNs: 10e6,
      step: (_, io) => io.publish("/in", { data: ++count }),
      summary: () => ({}),
    }));
  });

describe("what a pipeline publishes", () => {
  afterAll(() => place.remove());
  const record = place.path("saying.mcap");

  it("is recorded at its instant under its type, reported, and changes no hash, replay or audit", async () => {
    const messages: PublishedMessage[] = [];
    const options = { duration: "25ms", cacheDir } as const;
    const result = await runApplication(saying(), { ...options, record, onMessage: (each) => messages.push(each) });
    expect(messages.map(({ topic, timeNs }) => `${topic} ${timeNs / 1e6}`)).toEqual([
      ...["/out 2", "/said 2", "/out 12", "/said 12", "/out 22", "/said 22"],
    ]);
    expect(messages[3]!.message).toEqual({ data: "it is 4" });
    expect(result.hash).toBe((await runApplication(saying(false), options)).hash);
    expect(result.report.topics.at(-1)).toMatchObject({ topic: "/said", direction: "output", messages: 3 });
    const log = await openLog(record);
    expect(log.topic("/said")).toMatchObject({ type: text, count: 3 });
    const recording = await readRecording(record);
    expect(recording.sent.map(({ timeNs }) => timeNs)).toEqual([2e6, 12e6, 22e6]);
    expect(replay(recording)).toMatchObject({ bitExact: true });
    expect(await auditFile(record)).toMatchObject({ legal: true });
  });

  it("reaches other nodes", async () => {
    const network = new InProcessNetwork();
    const seen: unknown[] = [];
    const read = messageReader(layoutOf(text, Definitions.common));
    const end = { topic: "/said", type: text, quality: defaultQuality, definitions: Definitions.common };
    network.join().subscribe(end, ({ bytes }) => seen.push(read(bytes)));
    await runApplication(saying(), { transport: network.join(), world: true, duration: "60ms", cacheDir });
    expect(seen).toContainEqual({ data: "it is 2" });
  });

  it("is refused where its type is not known or its topic is taken", () => {
    const declare = (topic: string, type: string) => () =>
      application("wrong", (app) => {
        app.input("/in", message("std_msgs/msg/Float32", { x: field("data") }));
        app.publish(topic, type, app.on("/in"));
      });
    expect(declare("/said", "std_msgs/msg/Sting")).toThrow("std_msgs/msg/Sting");
    expect(declare("/in", text)).toThrow('there are two things named "/in"');
  });
});
